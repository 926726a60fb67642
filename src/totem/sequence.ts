// Serial comparison of 32-bit sequence numbers, the one helper for it (spec: totem 5). This is not the usual
// signed-difference compare: both sides are moved away from the wrap when either is in the upper half, then compared
// plainly. Every peer decides with the same function, so it is kept to the letter.

const HALF = 0x80000000
const SHIFT = 0x10000

/** a comes before b. */
export function seqLess(a: number, b: number): boolean {
  if (a > HALF || b > HALF) return (a - SHIFT) >>> 0 < (b - SHIFT) >>> 0
  return a < b
}

/** a comes before b or is b. */
export function seqLessOrEqual(a: number, b: number): boolean {
  return a === b || seqLess(a, b)
}

export function seqNext(a: number): number {
  return (a + 1) >>> 0
}
