// Broken bytes: every truncation and every change of one byte of a sample of each message, and random bytes. No decoder
// throws or looks beside its range, and each goes on to accept what it accepted before.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DECODERS, type Decoder } from '../../support/decoders.js'
import { GUARD_LENGTH, guard, OutOfRange } from '../../support/guarded.js'

/** Decodes behind guards; what went wrong is told with the bytes. */
function decodeGuarded({ name, decode }: Decoder, bytes: Uint8Array, length = bytes.length): boolean {
  const { buf, off } = guard(bytes.subarray(0, length))
  try {
    const accepted = decode(buf, off, length)
    assert.equal(typeof accepted, 'boolean')
    return accepted
  } catch (cause) {
    throw new Error(`${name}: ${Buffer.from(bytes.subarray(0, length)).toString('hex')}`, { cause })
  }
}

describe('the guards of these tests', () => {
  const peek = (place: number): Decoder => ({
    name: 'peek',
    sample: new Uint8Array(4),
    decode: (buf, off) => buf[off + place] === 0,
  })

  it('notice a read beside the range', () => {
    assert.equal(decodeGuarded(peek(3), new Uint8Array(4)), true)
    for (const place of [4, -1, 4 + GUARD_LENGTH]) {
      assert.throws(
        () => decodeGuarded(peek(place), new Uint8Array(4)),
        (error: Error) => error.cause instanceof OutOfRange,
      )
    }
    const view: Decoder = { ...peek(0), decode: (buf, off) => buf.subarray(off, off + 5).length === 5 }
    assert.throws(() => decodeGuarded(view, new Uint8Array(4)))
  })
})

describe('broken bytes', () => {
  for (const decoder of DECODERS) {
    const { name, sample } = decoder
    it(`${name}: every truncation is refused`, () => {
      assert.equal(decodeGuarded(decoder, sample), true)
      for (let length = 0; length < sample.length; length++) {
        // A multicast's payload may have any length.
        const expected = name === 'mcast' && length >= 45
        assert.equal(decodeGuarded(decoder, sample, length), expected, `at ${length}`)
      }
    })

    it(`${name}: every change of one byte is survived`, () => {
      const bytes = Uint8Array.from(sample)
      let refused = 0
      for (let at = 0; at < bytes.length; at++) {
        const original = bytes[at]!
        for (const value of replacements(original, bytes.length)) {
          bytes[at] = value
          if (!decodeGuarded(decoder, bytes)) refused++
        }
        bytes[at] = original
      }
      assert.ok(refused > 0)
      assert.equal(decodeGuarded(decoder, bytes), true)
    })
  }
})

/** All other values of a byte; in long messages, whose bytes are mostly alike, those that differ in one bit, and some. */
function replacements(original: number, length: number): number[] {
  const all = Array.from({ length: 256 }, (_, value) => value)
  const few = [0, 1, 0x7f, 0x80, 0xff, ...Array.from({ length: 8 }, (_, bit) => original ^ (1 << bit))]
  return (length <= 256 ? all : few).filter(value => value !== original)
}

describe('random bytes', () => {
  it('are survived by every decoder', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 32)
    const random = mulberry32(seed)
    const below = (n: number) => Math.floor(random() * n)
    let accepted = 0
    let refused = 0
    try {
      for (let round = 0; round < ROUNDS; round++) {
        for (const decoder of DECODERS) {
          const bytes = round % 4 === 0 ? noise(below) : damaged(decoder.sample, below)
          if (decodeGuarded(decoder, bytes)) accepted++
          else refused++
        }
      }
    } catch (cause) {
      throw new Error(`FUZZ_SEED=${seed}`, { cause })
    }
    assert.ok(accepted > 0 && refused > 0)
  })
})

/** Some two seconds' worth. */
const ROUNDS = 3000
const NOISE_LENGTH_MAX = 2000

function noise(below: (n: number) => number): Uint8Array {
  return Uint8Array.from({ length: below(NOISE_LENGTH_MAX) }, () => below(256))
}

/** A sample with up to eight fields overwritten by edge values or anything, cut or made longer. */
function damaged(sample: Uint8Array, below: (n: number) => number): Uint8Array {
  const length = below(3) === 0 ? below(sample.length + 100) : sample.length
  const bytes = Uint8Array.from({ length }, (_, i) => sample[i] ?? below(256))
  const edges = [0, 1, 0xff, 0x7f, 0x80, 0xfe]
  for (let n = below(9); n > 0 && length > 0; n--) {
    const at = below(length)
    const width = 1 << below(3)
    for (let i = at; i < Math.min(at + width, length); i++) bytes[i] = below(2) ? edges[below(6)]! : below(256)
  }
  return bytes
}

/** A small generator of numbers in [0, 1), the same for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
