// Bytes that complain when a decoder looks beside its range: a stand-in for a Uint8Array in which (off, len) has been
// placed, surrounded by bytes that belong to others. A plain array cannot show this, because reading past its end gives
// undefined, and reading into a neighbour gives a number.

export class OutOfRange extends Error {}

/** Spare bytes before and behind the range; nothing may read them. */
export const GUARD_LENGTH = 64

export interface Guarded {
  /** Hand this to the decoder, with `off` and the length that was given. */
  readonly buf: Uint8Array
  readonly off: number
}

/** A copy of `bytes` that may only be read at its own places. */
export function guard(bytes: Uint8Array): Guarded {
  const off = GUARD_LENGTH
  const end = off + bytes.length
  const memory = new Uint8Array(end + GUARD_LENGTH).fill(0xee)
  memory.set(bytes, off)
  const check = (from: number, to: number) => {
    if (!(from >= off && from <= to && to <= end)) {
      throw new OutOfRange(`read ${from - off}..${to - off} of ${bytes.length} bytes`)
    }
  }
  const buf = new Proxy(memory, {
    get(target, key) {
      if (typeof key === 'string' && /^-?\d+$/.test(key)) {
        const index = Number(key)
        check(index, index + 1)
        return target[index]
      }
      if (key === 'subarray' || key === 'slice') {
        return (from: number, to: number) => {
          check(from, to)
          return target[key](from, to)
        }
      }
      if (key === 'length') return target.length
      throw new OutOfRange(`a decoder used ${String(key)}, which this test cannot watch`)
    },
  })
  return { buf, off }
}
