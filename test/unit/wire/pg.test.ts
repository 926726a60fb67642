// The packet header and the group header of the process-group layer.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as pg from '../../../src/wire/pg.js'
import { bytes, MCAST, MCAST_HEADER_LENGTH } from '../../support/wire-samples.js'

describe('a process-group packet', () => {
  it('reads as captured', () => {
    const packet = MCAST.subarray(MCAST_HEADER_LENGTH)
    assert.equal(pg.checkPacket(packet, 0, packet.length, true), 1)
    assert.equal(pg.packetFragmented(packet, 0), 0)
    assert.equal(pg.packetContinuation(packet, 0), 0)
    assert.equal(pg.pieceLength(packet, 0, 0, true), 40)
    assert.equal(pg.packetDataOffset(1), 10)
  })

  it('has lengths that add up, and at least one piece', () => {
    const check = (hex: string, little = true) => pg.checkPacket(bytes(hex), 0, bytes(hex).length, little)
    assert.equal(check('00000000 00 00 0200 0100 0200 aabbcc'), 2)
    assert.equal(check('00000000 00 00 0002 0001 0002 aabbcc', false), 2)
    assert.equal(check('00000000 00 00 0200 0100 0200 aabb'), -1)
    assert.equal(check('00000000 00 00 0200 0100 0200 aabbccdd'), -1)
    assert.equal(check('00000000 00 00 0100 0000'), 1)
    assert.equal(check('00000000 00 00 0000'), -1)
    assert.equal(check('00000000 00 00 0200 0100'), -1)
    assert.equal(check('00000000 00 00 ffff 0100'), -1)
    assert.equal(check('00000000 00 00 01'), -1)
  })

  it('reads as written, in both byte orders', () => {
    const lengths = fc.array(fc.oneof(fc.nat(3000), fc.constant(pg.PG_PIECE_MAX)), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(lengths, fc.nat(255), fc.nat(255), fc.boolean(), fc.nat(9), (pieces, f, c, little, off) => {
        const data = pieces.reduce((sum, length) => sum + length, 0)
        const length = pg.packetDataOffset(pieces.length) + data
        const buf = new Uint8Array(off + length).fill(0xff)
        pg.writePacketHeader(buf, off, f, c, pieces.length, little)
        pieces.forEach((piece, i) => {
          pg.writePieceLength(buf, off, i, piece, little)
        })
        assert.equal(pg.checkPacket(buf, off, length, little), pieces.length)
        assert.equal(pg.packetFragmented(buf, off), f)
        assert.equal(pg.packetContinuation(buf, off), c)
        assert.deepEqual(
          pieces.map((_, i) => pg.pieceLength(buf, off, i, little)),
          pieces,
        )
      }),
    )
  })
})

describe('a group header', () => {
  const ANY = bytes('0300 0100 0400 0000 61 73796e63 ffff')

  it('names its groups', () => {
    assert.equal(pg.checkGroupHeader(ANY, 0, ANY.length, true), 13)
    assert.equal(pg.addressesGroup(ANY, 0, pg.GROUP_SERVICES, true), true)
    assert.equal(pg.addressesGroup(ANY, 0, pg.GROUP_SYNC, true), true)
    assert.equal(pg.addressesGroup(ANY, 0, bytes(''), true), true)
    assert.equal(pg.addressesGroup(ANY, 0, bytes('73796e'), true), false)
    assert.equal(pg.addressesGroup(ANY, 0, bytes('73796e64'), true), false)
  })

  it('ends within the message', () => {
    for (let length = 0; length < 13; length++) assert.equal(pg.checkGroupHeader(ANY, 0, length, true), -1)
    assert.equal(pg.checkGroupHeader(ANY, 0, 13, true), 13)
    assert.equal(pg.checkGroupHeader(bytes('0000'), 0, 2, true), 2)
  })

  it('names at most 32 groups', () => {
    const named = (count: number) => {
      const header = new Uint8Array(200)
      header[0] = count
      return pg.checkGroupHeader(header, 0, header.length, true)
    }
    assert.equal(named(0), 2)
    assert.equal(named(pg.PG_GROUPS_MAX), 2 + 2 * pg.PG_GROUPS_MAX)
    assert.equal(named(pg.PG_GROUPS_MAX + 1), -1)
  })

  it('reads as written, in both byte orders', () => {
    const name = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(name, name, fc.boolean(), fc.nat(9), (group, other, little, off) => {
        const length = pg.groupHeaderLength(group)
        const buf = new Uint8Array(off + length)
        assert.equal(pg.writeGroupHeader(group, buf, off, little), length)
        assert.equal(pg.checkGroupHeader(buf, off, length, little), length)
        assert.equal(pg.addressesGroup(buf, off, group, little), true)
        assert.equal(pg.addressesGroup(buf, off, other, little), Buffer.compare(group, other) === 0)
      }),
    )
  })

  it('is written as captured', () => {
    const buf = new Uint8Array(20)
    assert.equal(pg.writeGroupHeader(pg.GROUP_SYNC, buf, 0, true), 8)
    assert.deepEqual(buf.subarray(0, 8), bytes('0100 0400 73796e63'))
    assert.equal(pg.writeGroupHeader(pg.GROUP_SERVICES, buf, 0, false), 5)
    assert.deepEqual(buf.subarray(0, 5), bytes('0001 0001 61'))
  })
})
