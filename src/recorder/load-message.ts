// The messages that recorders send: a mark and a counter, by which every recorder knows them again, and a body.
//   +0 mark u32 | +4 counter u32 | body; little endian

const MARK = 0x52544331
export const LOAD_HEADER_BYTES = 8

/** `bytes`: at least LOAD_HEADER_BYTES. */
export function createLoadMessage(counter: number, bytes: number): Uint8Array {
  const buf = new Uint8Array(bytes)
  const view = new DataView(buf.buffer)
  view.setUint32(0, MARK, true)
  view.setUint32(4, counter, true)
  for (let i = LOAD_HEADER_BYTES; i < bytes; i++) buf[i] = (i - LOAD_HEADER_BYTES) * 131 + 7 + counter
  return buf
}

/** A size from the header alone up to `most`, spread over that range, the same for the same counter. */
export function loadMessageBytes(counter: number, most: number): number {
  return LOAD_HEADER_BYTES + ((Math.imul(counter, 0x9e3779b1) >>> 0) % (most - LOAD_HEADER_BYTES + 1))
}

/** The counter of a recorder's message; null when it is another program's. */
export function readLoadCounter(buf: Uint8Array): number | null {
  if (buf.length < LOAD_HEADER_BYTES) return null
  const view = new DataView(buf.buffer, buf.byteOffset, buf.length)
  return view.getUint32(0, true) === MARK ? view.getUint32(4, true) : null
}
