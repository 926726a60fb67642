// Copying short and long byte ranges. A native copy costs a view object (50 to 100 ns whatever the length), a loop
// about 2 ns per byte: below the crossover the loop is cheaper and makes no garbage.

const LOOP_MAX = 40

export function copyBytes(from: Uint8Array, fromOff: number, to: Uint8Array, toOff: number, len: number): void {
  if (len <= LOOP_MAX) {
    for (let i = 0; i < len; i++) to[toOff + i] = from[fromOff + i]!
  } else {
    to.set(from.subarray(fromOff, fromOff + len), toOff)
  }
}
