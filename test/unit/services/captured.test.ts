// What our services and the barrier put on the ring, against what C nodes were recorded to put there in the same
// situation.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LiveMap } from '../../../src/services/cmap/live-map.js'
import type { CpgListener } from '../../../src/services/cpg/types.js'
import { CsError } from '../../../src/services/errors.js'
import { checkPacket, packetContinuation, packetFragmented, pieceLength } from '../../../src/wire/pg.js'
import {
  VotequorumRequest,
  type VotequorumRequestFields,
  writeVotequorumRequest,
} from '../../../src/wire/votequorum-ipc.js'
import { loadCapture, totemOverKnet, totemOverUdp } from '../../support/captures.js'
import { FakeCluster, type Packet, type Ring } from '../../support/fake-ring.js'
import { errorOf, LibraryClient } from '../../support/library-client.js'
import { packetsByRing, serviceMessages } from '../../support/ring-messages.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'
import { type VotequorumConfig, votequorumMap } from '../../support/votequorum-map.js'

const SILENT: CpgListener = {
  deliver() {},
  deliverPartial() {},
  membershipChanged() {},
  ringChanged() {},
}

const DEVICE: VotequorumConfig = { nodes: [1, 2, 3], quorum: { 'device.model': 'net', 'device.votes': 1 } }

/** What the programs of node 2 do in the capture. */
function useDevice(node: ServiceNode, rest: () => void): void {
  const { votequorum } = node
  assert.ok(votequorum !== undefined)
  const program = new LibraryClient(votequorum.library)
  const { ring } = votequorum
  const ask = (request: number, fields: VotequorumRequestFields) => {
    program.send(writeVotequorumRequest(request, fields))
    rest()
    assert.equal(errorOf(new DataView(program.answers.pop()!.buffer)), CsError.OK)
  }
  const name = 'QD'
  ask(VotequorumRequest.qdeviceRegister, { name })
  ask(VotequorumRequest.qdevicePoll, { name, value: 1, ring })
  ask(VotequorumRequest.qdeviceMasterWins, { name, value: 1 })
  ask(VotequorumRequest.qdeviceMasterWins, { name, value: 0 })
  ask(VotequorumRequest.qdeviceUpdate, { name, newName: 'QE' })
  ask(VotequorumRequest.qdeviceUpdate, { name: 'QE', newName: name })
  ask(VotequorumRequest.qdeviceUnregister, { name })
  ask(VotequorumRequest.setExpected, { value: 5 })
  ask(VotequorumRequest.setVotes, { value: 2, nodeId: 3 })
}

/** The file as it was, read again. */
function reload({ map }: ServiceNode): void {
  map.set('config.totemconfig_reload_in_progress', { type: 'u8', value: 1 })
  map.set('config.reload_status', { type: 'i32', value: CsError.OK })
  map.set('config.totemconfig_reload_in_progress', { type: 'u8', value: 0 })
}

/** Origin, fragment numbers and lengths of pieces: all that the packet header says. */
function shapes(packets: readonly Packet[]): string[] {
  return packets.map(({ origin, bytes }) => {
    const count = checkPacket(bytes, 0, bytes.length, true)
    const lengths = Array.from({ length: count }, (_, i) => pieceLength(bytes, 0, i, true))
    return `${origin}: ${packetContinuation(bytes, 0)}>${packetFragmented(bytes, 0)} ${lengths}`
  })
}

function compare(ring: Ring, captured: readonly Packet[]): void {
  const ours = serviceMessages(ring.packets)
  const theirs = serviceMessages(captured)
  assert.ok(ours.length > 3)
  assert.deepEqual(ours, theirs, `ring ${ring.identity.nodeId}.${ring.identity.seq}`)
}

describe('three nodes that start, join and leave (udpu-join-leave)', () => {
  const captured = packetsByRing(totemOverUdp(loadCapture('udpu-join-leave')))
  const cluster = new FakeCluster()
  for (const id of [1, 2, 3]) startNode(cluster, id, { map: votequorumMap(id, { nodes: [1, 2, 3] }) })
  for (const members of [[1, 2], [1, 2, 3], [1, 2], [1]]) cluster.run(cluster.form(members))

  for (const ring of cluster.rings) {
    const name = `${ring.identity.nodeId}.${ring.identity.seq}`
    it(`the same messages in the same packets and order on ring ${name}`, () => {
      const packets = captured.get(name)
      assert.ok(packets !== undefined)
      compare(ring, packets)
      assert.deepEqual(shapes(ring.packets), shapes(packets))
    })
  }
})

describe('dynamic linear voting through splits and restarts (ykd-3n)', () => {
  const captured = packetsByRing(totemOverKnet(loadCapture('ykd-3n')))
  const cluster = new FakeCluster()
  const start = (id: number) => {
    const map = new LiveMap()
    map.set('quorum.provider', { type: 'str', value: 'corosync_ykd' })
    return startNode(cluster, id, { map })
  }
  const primary = () =>
    [...cluster.nodes.values()].filter(node => (node as ServiceNode).quorum.quorate).map(({ id }) => id)
  for (const id of [1, 2, 3]) start(id)
  const found: number[][] = []
  const form = (seq: number, ...lists: readonly (readonly number[])[]) => {
    for (const members of lists) cluster.run(cluster.form(members, seq))
    found.push(primary())
  }
  form(9, [1, 2, 3])
  form(13, [1, 2], [3])
  form(17, [1], [2])
  form(21, [2, 3])
  form(25, [1, 2, 3])
  cluster.nodes.delete(1)
  form(29, [2, 3])
  cluster.nodes.delete(2)
  form(33, [3])
  start(1)
  form(37, [1, 3])

  it('half of the last primary membership is primary, less is not', () => {
    assert.deepEqual(found, [[1, 2, 3], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3], [2, 3], [3], [3, 1]])
  })

  for (const name of ['1.9', '1.13', '1.25', '1.37']) {
    it(`the same messages in the same order on ring ${name}`, () => {
      const packets = captured.get(name)
      const ring = cluster.rings.find(({ identity }) => `${identity.nodeId}.${identity.seq}` === name)
      assert.ok(packets !== undefined && ring !== undefined)
      assert.ok(serviceMessages(packets).filter(({ kind }) => kind === 'ykd').length >= 4)
      compare(ring, packets)
    })
  }
})

describe('groups and a configuration version (exec-messages-3n)', () => {
  const captured = packetsByRing(totemOverKnet(loadCapture('exec-messages-3n')))

  it('the same messages in the same order, from start to the loss of both others', () => {
    const cluster = new FakeCluster()
    const [one, two] = [1, 2, 3].map(id =>
      startNode(cluster, id, { configVersion: 7n, map: votequorumMap(id, DEVICE) }),
    )
    const ring = cluster.form([1, 2, 3])
    cluster.run(ring)
    const group = Buffer.from('grp')
    const a = one!.cpg.connect(SILENT)
    const b = two!.cpg.connect(SILENT)
    const pids = serviceMessages(captured.get('1.9')!)
      .filter(message => message.kind === '2.0')
      .map(message => Buffer.from(message.bytes, 'hex').readUInt32LE(152))
    assert.equal(pids.length, 2)
    assert.equal(a.join(group, pids[0]!, 0), CsError.OK)
    cluster.run(ring)
    assert.equal(b.join(group, pids[1]!, 0), CsError.OK)
    cluster.run(ring)
    const sent = serviceMessages(captured.get('1.9')!).filter(message => message.kind === '2.3')
    for (const message of sent) {
      const data = Buffer.from(message.bytes, 'hex').subarray(184)
      assert.equal(a.mcast(data, 0, data.length), CsError.OK)
      cluster.run(ring)
    }
    assert.equal(b.leave(group, pids[1]!), CsError.OK)
    cluster.run(ring)
    useDevice(two!, () => cluster.run(ring))
    // One after the other, in the order of the capture.
    for (const node of [3, 1, 2].map(id => cluster.node(id) as ServiceNode)) {
      reload(node)
      cluster.run(ring)
    }
    // The capture also has two changes of totem.config_version, which are the map's own doing.
    const theirs = serviceMessages(captured.get('1.9')!)
    const leave = theirs.findIndex(message => message.kind === '2.1')
    assert.deepEqual(
      serviceMessages(ring.packets),
      theirs.filter(({ kind }, index) => index <= leave || kind !== '0.0'),
    )

    for (const members of [[1, 2], [1]]) {
      const next = cluster.form(members)
      cluster.run(next)
      const name = `${next.identity.nodeId}.${next.identity.seq}`
      const expected = serviceMessages(captured.get(name)!)
      assert.deepEqual(serviceMessages(next.packets), expected)
    }
  })
})
