// What tshark's corosync dissectors say to our packets: the same as to those of real 3.x nodes, and no complaint.
//
// The dissectors (corosync_totemnet on ports 5404 and 5405, corosync_totemsrp behind it) know the layout of corosync 1.x.
// To them everything else, 3.x included, is opaque data of totemnet. So this shows that nothing we send is taken for a
// 1.x message, which a short or oddly filled packet could be, and that headers and checksums around it are in order. It
// cannot show that the fields are right: the captures in test/unit/wire do that. A message of 1.x in the same file, whole
// and cut, shows that the dissectors were at work and would have complained.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { CMAP_MCAST_LENGTH_MAX, writeCmapMcast } from '../../src/wire/cmap.js'
import * as cpg from '../../src/wire/cpg.js'
import {
  createCommitToken,
  createMcastHeader,
  createOrfToken,
  PROCESSOR_COUNT_MAX,
  type Processor,
  RETRANSMIT_ENTRIES_MAX,
  type WireGeneration,
} from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import * as pg from '../../src/wire/pg.js'
import * as sync from '../../src/wire/sync.js'
import { loadCapture } from '../support/captures.js'
import { writeCapture } from '../support/pcap.js'
import { bytes } from '../support/wire-samples.js'

const PORT = 5405
const TSHARK_TIMEOUT_MS = 60_000
const RING = { rep: 1, seq: 8 }

/** A join of a 1.x node with one processor in its list. */
const JOIN_1X = bytes(`
  030022ff01000000
  01000000 0200 0a4d0001 080002000a4d000109000300 00000000 0000 ${'00'.repeat(16)}
  01000000 00000000 0000000000000000
  01000000 0200 0a4d0001 080002000a4d000109000300 00000000 0000 ${'00'.repeat(16)}`)

/** Of one packet: the chain of dissectors, and what they complained about. */
interface Verdict {
  readonly protocols: string
  readonly complaint: string
}

const missing = spawnSync('tshark', ['--version']).error !== undefined
const skip = missing ? 'tshark is not installed' : false

function verdicts(file: string): Verdict[] {
  const fields = ['frame.protocols', '_ws.malformed', '_ws.expert.severity', '_ws.expert.message']
  const options = ['-o', 'ip.check_checksum:TRUE', '-T', 'fields', '-E', 'separator=|']
  const done = spawnSync('tshark', ['-r', file, ...options, ...fields.flatMap(field => ['-e', field])], {
    encoding: 'utf8',
    timeout: TSHARK_TIMEOUT_MS,
    maxBuffer: 1 << 26,
  })
  assert.equal(done.status, 0, done.stderr)
  return done.stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [protocols = '', ...complaints] = line.split('|')
      return { protocols, complaint: complaints.filter(text => text !== '').join(' ') }
    })
}

/** Bytes that a writer produced. */
function made(room: number, write: (buf: Uint8Array) => number): Uint8Array {
  const buf = new Uint8Array(room)
  return buf.subarray(0, write(buf))
}

/** Messages of every type but multicasts, at their smallest and their largest. */
function ringMessages(wire: WireGeneration): Uint8Array[] {
  const processors = (count: number): Processor[] => Array.from({ length: count }, (_, i) => i + 1)
  const token = (requests: number) => {
    const t = createOrfToken()
    Object.assign(t, { nodeId: 1, seq: 9, ring: RING, retransmitCount: requests })
    for (let i = 0; i < requests; i++) Object.assign(t.retransmitRings[i]!, RING)
    return made(wire.maxTokenLength, buf => wire.writeToken(t, buf, 0))
  }
  const joinOf = (procs: number, failed: number, leave: boolean) =>
    made(wire.joinLength(procs, failed), buf => {
      const lists = { procList: processors(procs), failedList: processors(failed) }
      return wire.writeJoin({ nodeId: 1, targetNodeId: 0, systemFrom: 1, leave, ringSeq: 8, ...lists }, buf, 0)
    })
  const commit = (members: number) => {
    const t = createCommitToken()
    Object.assign(t, { nodeId: 1, ring: RING, memberIndex: members, members: processors(members) })
    t.entries = t.members.map(() => ({ ring: RING, aru: 9, highDelivered: 9, receivedFlag: 1 }))
    return made(wire.commitTokenLength(members), buf => wire.writeCommitToken(t, buf, 0))
  }
  const sender = { nodeId: 1, targetNodeId: 0, ring: RING }
  return [
    token(0),
    token(RETRANSMIT_ENTRIES_MAX),
    joinOf(1, 0, false),
    joinOf(PROCESSOR_COUNT_MAX, PROCESSOR_COUNT_MAX, false),
    joinOf(2, 1, true),
    commit(1),
    commit(PROCESSOR_COUNT_MAX),
    made(100, buf => wire.writeMergeDetect({ ...sender, systemFrom: 1 }, buf, 0)),
    made(100, buf => wire.writeTokenHoldCancel(sender, buf, 0)),
  ]
}

/** Every message above the ring, each in a multicast of its own, plain and in a recovery wrapper. */
function multicasts(wire: WireGeneration): Uint8Array[] {
  const little = wire.littleEndian
  const group = Uint8Array.from(Buffer.from('orders'))
  const data = 100
  const inGroup = (name: Uint8Array, room: number, write: (buf: Uint8Array) => number) =>
    inMulticast(wire, name, made(room, write))
  const service = (room: number, write: (buf: Uint8Array) => number) => inGroup(pg.GROUP_SERVICES, room, write)
  const build = { ring: RING, services: [0, 2, 3] }
  const plain = [
    inGroup(pg.GROUP_SYNC, 100, buf => sync.writeBarrier({ ring: RING }, buf, 0, little)),
    inGroup(pg.GROUP_SYNC, 1000, buf => sync.writeServiceBuild(build, buf, 0, little)),
    service(CMAP_MCAST_LENGTH_MAX, buf => writeCmapMcast({ reason: 0, configVersion: 1n }, buf, 0, little)),
    service(200, buf => cpg.writeCpgProc(cpg.CpgFunction.procJoin, { group, pid: 7, reason: 1 }, buf, 0, little)),
    service(1000, buf => cpg.writeCpgJoinList([{ group, pid: 7 }], buf, 0, little)),
    service(1600, buf => cpg.writeCpgDownList({ oldMembers: 3, left: [3] }, buf, 0, little)),
    service(400, buf => cpg.writeCpgMcastHeader(group, 7, data, 1, 1, buf, 0, little) + data),
    service(400, buf => cpg.writeCpgPartialMcastHeader(group, 7, 1, 2 * data, data, 1, 1, buf, 0, little) + data),
  ]
  return [...plain, ...plain.map(inner => multicast(wire, 1, inner))]
}

function inMulticast(wire: WireGeneration, group: Uint8Array, message: Uint8Array): Uint8Array {
  const little = wire.littleEndian
  const headerLength = pg.groupHeaderLength(group)
  const length = headerLength + message.length
  const packet = new Uint8Array(pg.packetDataOffset(1) + length)
  pg.writePacketHeader(packet, 0, 0, 0, 1, little)
  pg.writePieceLength(packet, 0, 0, length, little)
  pg.writeGroupHeader(group, packet, pg.packetDataOffset(1), little)
  packet.set(message, pg.packetDataOffset(1) + headerLength)
  return multicast(wire, 2, packet)
}

function multicast(wire: WireGeneration, encapsulated: number, payload: Uint8Array): Uint8Array {
  const header = { ...createMcastHeader(), encapsulated, nodeId: 1, systemFrom: 1, seq: 1, ring: RING }
  const out = new Uint8Array(wire.mcastHeaderLength + payload.length)
  out.set(payload, wire.writeMcast(header, out, 0))
  return out
}

describe("tshark's corosync dissectors", { skip }, () => {
  const folder = skip ? '' : mkdtempSync(join(tmpdir(), 'corosync-ts-tshark-'))
  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true })
  })
  const examine = (name: string, payloads: readonly Uint8Array[]) => {
    const file = join(folder, name)
    writeFileSync(file, writeCapture(payloads, PORT))
    return verdicts(file)
  }

  it('would complain: a 1.x join is decoded, a cut one is malformed', () => {
    const [whole, cut] = examine('control.pcap', [JOIN_1X, JOIN_1X.subarray(0, 40)])
    assert.match(whole!.protocols, /:corosync_totemnet:corosync_totemsrp$/)
    assert.equal(whole!.complaint, '')
    assert.match(cut!.complaint, /Malformed/)
  })

  it('treat our packets as those of real nodes, without complaint', () => {
    const theirs = ['udpu-join-leave', 'udpu-cpg-loss', 'udpu-recovery-encap', 'udp-partition-leave'].flatMap(name =>
      loadCapture(name).datagrams.map(datagram => datagram.payload),
    )
    const expected = new Set(examine('theirs.pcap', theirs).map(verdict => JSON.stringify(verdict)))
    assert.deepEqual(
      [...expected].map(text => JSON.parse(text)),
      [{ protocols: 'eth:ethertype:ip:udp:corosync_totemnet:data', complaint: '' }],
    )
    for (const littleEndian of [true, false]) {
      const wire = createGeneration3({ littleEndian })
      const ours = [...ringMessages(wire), ...multicasts(wire)]
      const said = examine('ours.pcap', ours)
      assert.equal(said.length, ours.length)
      assert.deepEqual(
        said.filter(verdict => !expected.has(JSON.stringify(verdict))),
        [],
      )
    }
  })
})
