// The 3.x messages: samples from captured traffic, both byte orders, bounds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createJoin, createOrfToken, MessageType } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s+/g, ''), 'hex'))

const TOKEN = `70c0 03 00 00 03000000 00000002
  a6000000 8c180000 a3000000 03000000 01000000 3c00000000000000
  00000000 00000000 00000000 02000000
  01000000 3c00000000000000 a4000000 01000000 3c00000000000000 a6000000`

const LEAVE = `70c0030300 00000000 00000000 03000000 02000000 01000000 0d00000000000000 01000000 02000000 03000000`

describe('the 3.x wire', () => {
  const wire = createGeneration3({ littleEndian: true })

  it('reads and writes a token with requests', () => {
    const sample = bytes(TOKEN)
    const token = createOrfToken()
    assert.equal(wire.open(sample, 0, sample.length), MessageType.orfToken)
    assert.equal(wire.header.foreign, false)
    assert.equal(wire.readToken(sample, 0, sample.length, token), true)
    assert.deepEqual(
      [token.nodeId, token.targetNodeId, token.seq, token.tokenSeq, token.aru, token.aruAddr],
      [3, 0x02000000, 0xa6, 0x188c, 0xa3, 3],
    )
    assert.deepEqual(token.ring, { rep: 1, seq: 0x3c })
    assert.equal(token.retransmitCount, 2)
    assert.deepEqual([...token.retransmitSeqs.subarray(0, 2)], [0xa4, 0xa6])
    const out = new Uint8Array(200)
    assert.equal(wire.writeToken(token, out, 0), sample.length)
    assert.deepEqual(out.subarray(0, sample.length), sample)
  })

  it('reads and writes a leave, in the other order too', () => {
    const sample = bytes(LEAVE)
    const join = createJoin()
    assert.equal(wire.open(sample, 0, sample.length), MessageType.join)
    assert.equal(wire.readJoin(sample, 0, sample.length, join), true)
    assert.deepEqual(join, {
      nodeId: 0,
      targetNodeId: 0,
      systemFrom: 3,
      leave: true,
      procList: [1, 2],
      failedList: [3],
      ringSeq: 13,
    })
    const big = createGeneration3({ littleEndian: false })
    const out = new Uint8Array(100)
    const len = big.writeJoin(join, out, 1)
    assert.equal(wire.open(out, 1, len), MessageType.join)
    assert.equal(wire.header.foreign, true)
    const again = createJoin()
    assert.equal(wire.readJoin(out, 1, len, again), true)
    assert.deepEqual(again, join)
  })
})
