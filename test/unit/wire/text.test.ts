import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readText, textBytes, textLength } from '../../../src/wire/text.js'

const read = (...bytes: number[]) => readText(Uint8Array.from(bytes), 0, bytes.length)

describe('text of any bytes', () => {
  it('comes back out byte for byte', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: 'binary' }).map(text => Buffer.from(text)),
    )
    fc.assert(
      fc.property(fc.array(piece), pieces => {
        const bytes = new Uint8Array(Buffer.concat(pieces))
        const text = readText(bytes, 0, bytes.length)
        assert.equal(textLength(text), bytes.length)
        assert.deepEqual(textBytes(text), bytes)
      }),
    )
  })

  it('is what UTF-8 says where that is what it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        assert.equal(readText(textBytes(text), 0, textLength(text)), text)
        assert.deepEqual(textBytes(text), new TextEncoder().encode(text))
      }),
    )
  })

  it('shows each byte that is none as one sign', () => {
    assert.equal(read(0x61, 0xff, 0x62), 'a\udcffb')
    assert.equal(read(0xc3, 0xa9, 0xc3), 'é\udcc3')
    // A form that is too long, a surrogate, one beyond the last character.
    assert.equal(read(0xc0, 0x80), '\udcc0\udc80')
    assert.equal(read(0xed, 0xa0, 0x80), '\udced\udca0\udc80')
    assert.equal(read(0xf4, 0x90, 0x80, 0x80), '\udcf4\udc90\udc80\udc80')
  })

  it('keeps a byte order mark', () => {
    assert.equal(read(0xef, 0xbb, 0xbf, 0x61), '\ufeffa')
  })
})
