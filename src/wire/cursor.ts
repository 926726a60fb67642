// Reading and writing integers at an offset of a byte array, in either byte order. Every codec stands on these.
// In: bytes and an offset that the caller has checked; out: numbers. Plain functions of a few operations, which the
// compiler inlines: on the hot path this costs neither a DataView nor a cursor object per packet.
// Must not know: any layout.

/** Whether this machine stores the low byte first. All messages are written in the sender's own order. */
export const HOST_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Numbers above this in the upper half of a u64 do not fit a JavaScript integer (2^53). */
export const U64_HIGH_MAX = 0x1f_ffff
const TWO_32 = 0x1_0000_0000

export function readU16(b: Uint8Array, o: number, little: boolean): number {
  return little ? b[o]! | (b[o + 1]! << 8) : (b[o]! << 8) | b[o + 1]!
}

export function readU32(b: Uint8Array, o: number, little: boolean): number {
  return little
    ? (b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24)) >>> 0
    : ((b[o]! << 24) | (b[o + 1]! << 16) | (b[o + 2]! << 8) | b[o + 3]!) >>> 0
}

export function readS32(b: Uint8Array, o: number, little: boolean): number {
  return little
    ? b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24)
    : (b[o]! << 24) | (b[o + 1]! << 16) | (b[o + 2]! << 8) | b[o + 3]!
}

/** A u64 that must be below 2^53; -1 when it is not. */
export function readU64(b: Uint8Array, o: number, little: boolean): number {
  const high = readU32(b, little ? o + 4 : o, little)
  if (high > U64_HIGH_MAX) return -1
  return high * TWO_32 + readU32(b, little ? o : o + 4, little)
}

export function writeU16(b: Uint8Array, o: number, value: number, little: boolean): void {
  if (little) {
    b[o] = value
    b[o + 1] = value >>> 8
  } else {
    b[o] = value >>> 8
    b[o + 1] = value
  }
}

/** Writes the low 32 bits, so signed numbers are written by this too. */
export function writeU32(b: Uint8Array, o: number, value: number, little: boolean): void {
  if (little) {
    b[o] = value
    b[o + 1] = value >>> 8
    b[o + 2] = value >>> 16
    b[o + 3] = value >>> 24
  } else {
    b[o] = value >>> 24
    b[o + 1] = value >>> 16
    b[o + 2] = value >>> 8
    b[o + 3] = value
  }
}

/** Any u64; for what is rare. */
export function readBigU64(b: Uint8Array, o: number, little: boolean): bigint {
  const high = BigInt(readU32(b, little ? o + 4 : o, little))
  return (high << 32n) | BigInt(readU32(b, little ? o : o + 4, little))
}

/** Writes an integer of at most 2^53 - 1. */
export function writeU64(b: Uint8Array, o: number, value: number, little: boolean): void {
  writeU32(b, little ? o : o + 4, value, little)
  writeU32(b, little ? o + 4 : o, Math.floor(value / TWO_32), little)
}

/** Writes the low 64 bits. */
export function writeBigU64(b: Uint8Array, o: number, value: bigint, little: boolean): void {
  writeU32(b, little ? o : o + 4, Number(value & 0xffff_ffffn), little)
  writeU32(b, little ? o + 4 : o, Number((value >> 32n) & 0xffff_ffffn), little)
}
