// The hash by which a payload is recognised again, in simulated runs and in recordings of real ones. Not against malice.

/** 32 bits over a byte range, its length included. */
export function hashBytes(buf: Uint8Array, off: number, len: number): number {
  let hash = 0x811c9dc5 ^ len
  const end = off + len
  let i = off
  for (; i + 4 <= end; i += 4) {
    const word = buf[i]! | (buf[i + 1]! << 8) | (buf[i + 2]! << 16) | (buf[i + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (; i < end; i++) hash = Math.imul(hash ^ buf[i]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
