// The bytes of the handshake as stock programs and daemons exchange them (spec: ipc, appendix A).

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ConnectionResponse,
  ConnectionType,
  decodeConnectionRequest,
  encodeConnectionResponse,
  ringDataBytes,
} from '../../../src/wire/ipc-transport.js'

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
}

describe('the first words of a program', () => {
  const words = hex('ffffffff 00000000 18000000 00000000 00001000 00000000')

  it('say how large its messages may be', () => {
    assert.equal(decodeConnectionRequest(words, 24), 1 << 20)
  })

  it('are nothing else', () => {
    assert.equal(decodeConnectionRequest(words, 23), undefined)
    assert.equal(decodeConnectionRequest(hex(`00${Buffer.from(words).toString('hex').slice(2)}`), 24), undefined)
    assert.equal(decodeConnectionRequest(words, 0), undefined)
    assert.equal(decodeConnectionRequest(words, -11), undefined)
  })
})

describe('the answer', () => {
  it('names the rings', () => {
    const out = new Uint8Array(ConnectionResponse.bytes).fill(0xee)
    const base = '/dev/shm/qb-16020-16219-18-cr6Eba/qb'
    encodeConnectionResponse(out, {
      type: ConnectionType.SHM,
      maxMessage: 1 << 20,
      handle: 7,
      request: `${base}-request-cmap`,
      response: `${base}-response-cmap`,
      event: `${base}-event-cmap`,
    })
    const start = 'ffffffff 00000000 28300000 00000000 00000000 00000000 01000000 00001000 07000000 00000000'
    assert.deepEqual(out.subarray(0, 40), hex(start))
    const text = (at: number) => Buffer.from(out.subarray(at, out.indexOf(0, at))).toString()
    assert.deepEqual(
      [text(40), text(4136), text(8232)],
      [`${base}-request-cmap`, `${base}-response-cmap`, `${base}-event-cmap`],
    )
    assert.equal(out.filter(byte => byte === 0xee).length, 0)
    assert.equal(out[12327], 0)
  })

  it('says why not', () => {
    const out = new Uint8Array(ConnectionResponse.bytes).fill(0xee)
    encodeConnectionResponse(out, { error: -13 })
    assert.deepEqual(out.subarray(0, 24), hex('ffffffff 00000000 28300000 00000000 f3ffffff 00000000'))
    assert.ok(out.subarray(24).every(byte => byte === 0))
  })
})

describe('the size of a ring', () => {
  it('is that of libqb', () => {
    assert.equal(ringDataBytes(1_048_576, 4096), 1_052_672)
    assert.equal(ringDataBytes(4096 - 13, 4096), 4096)
    assert.equal(ringDataBytes(4096 - 12, 4096), 8192)
  })
})
