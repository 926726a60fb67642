import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Loopback } from '../../../src/node/loopback.js'

describe('what a node sends to itself', () => {
  it('comes in the order in which it was sent, bytes copied', () => {
    const loopback = new Loopback()
    const bytes = new Uint8Array(3)
    for (let i = 0; i < 10; i++) {
      bytes.fill(i)
      loopback.push(bytes, 1, 2)
    }
    const got: string[] = []
    loopback.drain((buf, len) => got.push(`${len}:${buf[0]}`))
    assert.deepEqual(
      got,
      Array.from({ length: 10 }, (_, i) => `2:${i}`),
    )
    assert.equal(loopback.pending, false)
  })

  it('waits for the next round when it is sent during one', () => {
    const loopback = new Loopback()
    loopback.push(Uint8Array.of(1), 0, 1)
    const got: number[] = []
    const receive = (buf: Uint8Array) => {
      got.push(buf[0]!)
      if (buf[0] === 1) loopback.push(Uint8Array.of(2), 0, 1)
    }
    loopback.drain(receive)
    assert.deepEqual(got, [1])
    assert.equal(loopback.pending, true)
    loopback.drain(receive)
    assert.deepEqual(got, [1, 2])
    assert.equal(loopback.pending, false)
  })

  it('takes no more memory however long a token goes round without a pause', () => {
    const loopback = new Loopback()
    const token = new Uint8Array(57)
    const receive = () => loopback.push(token, 0, token.length)
    loopback.push(token, 0, token.length)
    loopback.drain(receive)
    const places = loopback.places
    for (let i = 0; i < 1000; i++) loopback.drain(receive)
    assert.equal(loopback.places, places)
  })

  it('is forgotten on demand, and counted', () => {
    const loopback = new Loopback()
    for (let i = 0; i < 3; i++) loopback.push(Uint8Array.of(i), 0, 1)
    assert.equal(loopback.clear(), 3)
    assert.equal(loopback.pending, false)
    assert.equal(loopback.clear(), 0)
  })
})
