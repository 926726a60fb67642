// Short runs of bytes from one buffer to another. A view of a part of a buffer costs 50 ns and garbage, which is more
// than copying some two dozen bytes one by one.

/** Measured: below this the loop wins. */
const LOOP_COPY_BYTES = 24

export function copyBytes(to: Uint8Array, toOff: number, from: Uint8Array, fromOff: number, len: number): void {
  if (len <= LOOP_COPY_BYTES) for (let i = 0; i < len; i++) to[toOff + i] = from[fromOff + i]!
  else to.set(from.subarray(fromOff, fromOff + len), toOff)
}
