// What our services and the barrier put on the ring, against what C nodes were recorded to put there in the same
// situation.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CpgListener } from '../../../src/services/cpg/types.js'
import { CsError } from '../../../src/services/errors.js'
import {
  checkPacket,
  packetContinuation,
  packetDataOffset,
  packetFragmented,
  pieceLength,
} from '../../../src/wire/pg.js'
import { ServiceId } from '../../../src/wire/service.js'
import { loadCapture, totemOverKnet, totemOverUdp } from '../../support/captures.js'
import { FakeCluster, type Packet, type Ring } from '../../support/fake-ring.js'
import { packetsByRing, serviceMessages } from '../../support/ring-messages.js'
import { startNode } from '../../support/service-node.js'

const SILENT: CpgListener = {
  deliver() {},
  deliverPartial() {},
  membershipChanged() {},
  ringChanged() {},
}

/** Origin, fragment numbers and lengths of pieces: all that the packet header says. */
function shapes(packets: readonly Packet[]): string[] {
  return packets.map(({ origin, bytes }) => {
    const count = checkPacket(bytes, 0, bytes.length, true)
    const lengths = Array.from({ length: count }, (_, i) => pieceLength(bytes, 0, i, true))
    return `${origin}: ${packetContinuation(bytes, 0)}>${packetFragmented(bytes, 0)} ${lengths}`
  })
}

/** Whether a packet holds a message of votequorum, which we do not have; its barrier travels with it. */
function isVotequorum({ bytes }: Packet): boolean {
  const group = packetDataOffset(checkPacket(bytes, 0, bytes.length, true))
  return bytes[group + 4] === 0x61 && bytes.length > group + 7 && bytes[group + 7] === ServiceId.votequorum
}

function compare(ring: Ring, captured: readonly Packet[]): void {
  const ours = serviceMessages(ring.packets)
  const theirs = serviceMessages(captured.filter(packet => !isVotequorum(packet)))
  assert.ok(ours.length > 3)
  assert.deepEqual(ours, theirs, `ring ${ring.identity.nodeId}.${ring.identity.seq}`)
}

describe('three nodes that start, join and leave (udpu-join-leave)', () => {
  const captured = packetsByRing(totemOverUdp(loadCapture('udpu-join-leave')))
  const cluster = new FakeCluster()
  for (const id of [1, 2, 3]) startNode(cluster, id)
  for (const members of [[1, 2], [1, 2, 3], [1, 2], [1]]) cluster.run(cluster.form(members))

  for (const ring of cluster.rings) {
    const name = `${ring.identity.nodeId}.${ring.identity.seq}`
    it(`the same messages in the same packets and order on ring ${name}`, () => {
      const packets = captured.get(name)
      assert.ok(packets !== undefined)
      compare(ring, packets)
      assert.deepEqual(shapes(ring.packets), shapes(packets.filter(packet => !isVotequorum(packet))))
    })
  }
})

describe('groups and a configuration version (exec-messages-3n)', () => {
  const captured = packetsByRing(totemOverKnet(loadCapture('exec-messages-3n')))

  it('the same messages in the same order, from start to the loss of both others', () => {
    const cluster = new FakeCluster()
    const [one, two] = [1, 2, 3].map(id => startNode(cluster, id, { configVersion: 7 }))
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
    // Two changes of totem.config_version follow in the capture; they are the map's own doing.
    const theirs = serviceMessages(captured.get('1.9')!)
    const upToLeave = theirs.slice(0, theirs.findIndex(message => message.kind === '2.1') + 1)
    assert.deepEqual(serviceMessages(ring.packets), withoutLastBarriers(upToLeave))

    for (const members of [[1, 2], [1]]) {
      const next = cluster.form(members)
      cluster.run(next)
      const name = `${next.identity.nodeId}.${next.identity.seq}`
      const expected = withoutLastBarriers(serviceMessages(captured.get(name)!))
      assert.deepEqual(serviceMessages(next.packets), expected)
    }
  })

  /** Without the barriers of votequorum, the last service in their list. */
  function withoutLastBarriers<T extends { kind: string; origin: number }>(messages: readonly T[]): T[] {
    const nodes = new Set(messages.map(message => message.origin)).size
    const barriers = messages.flatMap((message, index) => (message.kind === 'sync' ? [index] : []))
    const last = new Set(barriers.slice(-nodes))
    return messages.filter((_, index) => !last.has(index))
  }
})
