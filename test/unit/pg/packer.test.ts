import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Packer } from '../../../src/pg/packer.js'
import { createProcessGroupStats } from '../../../src/pg/types.js'
import {
  checkPacket,
  packetContinuation,
  packetDataOffset,
  packetFragmented,
  pieceLength,
} from '../../../src/wire/pg.js'
import { FakeQueue, PACKET_SIZE } from '../../support/fake-ring.js'

const GROUP = Uint8Array.of(1, 0, 1, 0, 0x61)
const HEAD = new Uint8Array(184).fill(0xaa)
const LITTLE = true

/** What a packet says of itself: fragment number, continuation, lengths of its pieces. */
interface Shape {
  readonly fragmented: number
  readonly continuation: number
  readonly pieces: readonly number[]
  readonly length: number
}

function pack(bodies: readonly number[], flushAfter: readonly number[] = []): Shape[] {
  const queue = new FakeQueue()
  const packer = new Packer(queue, PACKET_SIZE, createProcessGroupStats())
  bodies.forEach((length, index) => {
    packer.append(GROUP, HEAD, 0, HEAD.length, new Uint8Array(length), 0, length)
    if (flushAfter.includes(index)) packer.flush()
  })
  packer.flush()
  return shapes(queue)
}

function shapes(queue: FakeQueue): Shape[] {
  const list: Shape[] = []
  for (let packet = queue.take(); packet !== undefined; packet = queue.take()) {
    const count = checkPacket(packet, 0, packet.length, LITTLE)
    assert.ok(count > 0, 'a packet that does not add up')
    const pieces = Array.from({ length: count }, (_, i) => pieceLength(packet!, 0, i, LITTLE))
    assert.equal(packet.length, packetDataOffset(count) + pieces.reduce((sum, n) => sum + n, 0))
    list.push({
      fragmented: packetFragmented(packet, 0),
      continuation: packetContinuation(packet, 0),
      pieces,
      length: packet.length,
    })
  }
  return list
}

describe('packing small messages', () => {
  it('puts as many whole ones into a packet as fit', () => {
    const packets = pack(new Array(12).fill(64))
    assert.deepEqual(
      packets.map(packet => packet.pieces.length),
      [5, 5, 2],
    )
    assert.ok(packets.every(packet => packet.fragmented === 0 && packet.continuation === 0))
  })

  it('fills a packet to the last byte', () => {
    const rest = PACKET_SIZE - 8 - 2 * 2 - (5 + 184 + 100)
    const packets = pack([100, rest - 5 - 184])
    assert.deepEqual(packets, [{ fragmented: 0, continuation: 0, pieces: [289, rest], length: PACKET_SIZE }])
  })

  it('does not cut a message that fits the next packet whole', () => {
    const packets = pack([1000, 1000])
    assert.deepEqual(
      packets.map(packet => packet.pieces),
      [[1189], [1189]],
    )
  })

  it('makes room for more lengths than the first message let expect', () => {
    const packets = pack([600, ...new Array(8).fill(0)])
    assert.deepEqual(
      packets.map(packet => packet.pieces.length),
      [4, 5],
    )
  })

  it('gives back the room for lengths that were not needed', () => {
    assert.deepEqual(pack([0, 0], [1]), [{ fragmented: 0, continuation: 0, pieces: [189, 189], length: 390 }])
  })

  it('takes a bigger message into the room that was kept for lengths', () => {
    // 14 places are reserved for lengths after the first message; this one needs all of the packet.
    const small = 5 + 184
    const big = PACKET_SIZE - 8 - 2 * 2 - small
    assert.deepEqual(
      pack([0, big - small]).map(packet => packet.pieces),
      [[small, big]],
    )
  })
})

describe('cutting long messages', () => {
  it('fills all packets of a message but the last exactly', () => {
    const packets = pack([64 * 1024])
    assert.ok(packets.slice(0, -1).every(packet => packet.length === PACKET_SIZE))
    assert.equal(packets.length, Math.ceil((65536 + 189) / 1400))
  })

  it('numbers fragments as the ones of a real ring', () => {
    // 4000 bytes of a user: 1400, 1400 and 1389, as in a capture of the C engine.
    const packets = pack([4000])
    assert.deepEqual(
      packets.map(({ fragmented, continuation, pieces }) => [fragmented, continuation, pieces]),
      [
        [1, 0, [1400]],
        [2, 1, [1400]],
        [0, 2, [1389]],
      ],
    )
  })

  it('begins a long message in the room that an open packet has', () => {
    const packets = pack([64, 4000])
    assert.deepEqual(packets[0]!.pieces, [253, PACKET_SIZE - 8 - 4 - 253])
    assert.equal(packets[0]!.fragmented, 1)
    assert.equal(packets[0]!.length, PACKET_SIZE)
  })

  it('never packs anything behind the last fragment', () => {
    const packets = pack([4000, 10, 1500, 10])
    for (const packet of packets) if (packet.continuation > 0) assert.equal(packet.pieces.length, 1)
    assert.deepEqual(packets.at(-1)!.pieces, [199])
  })

  it('goes from fragment 255 to 1, never to 0', () => {
    const packets = pack([600 * 1400])
    const numbers = packets.map(packet => packet.fragmented)
    assert.deepEqual(numbers.slice(253, 257), [254, 255, 1, 2])
    assert.ok(numbers.slice(0, -1).every(number => number > 0))
    assert.deepEqual(
      packets.map(packet => packet.continuation),
      [0, ...numbers.slice(0, -1)],
    )
  })

  it('needs no empty packet when the end of a message fills one', () => {
    const packets = pack([2 * 1400 - 189, 5])
    assert.deepEqual(
      packets.map(packet => packet.pieces),
      [[1400], [1400], [194]],
    )
  })
})

describe('the longest message that fits a packet', () => {
  it('travels whole', () => {
    assert.equal(pack([1400 - 189]).length, 1)
    assert.equal(pack([1400 - 189 + 1]).length, 2)
  })
})
