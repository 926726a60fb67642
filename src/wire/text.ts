// Text whose bytes may be anything: UTF-8 where they are, one lone surrogate (U+DC80 to U+DCFF) for each byte that is none.
// What was read comes back out byte for byte. Values of the configuration map and of corosync.conf are such texts.

/** A byte that is no UTF-8 stands as this plus the byte (which is 0x80 to 0xff). */
const ESCAPE = 0xdc00
const ESCAPED_MIN = 0xdc80
const ESCAPED_MAX = 0xdcff

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The text of `len` bytes. */
export function readText(buf: Uint8Array, off: number, len: number): string {
  const bytes = buf.subarray(off, off + len)
  try {
    return strict.decode(bytes)
  } catch {
    return readBroken(bytes)
  }
}

/** Bytes that `text` comes to. */
export function textLength(text: string): number {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) length++
    else if (unit < 0x800) length += 2
    else if (isPair(text, i)) {
      length += 4
      i++
    } else length += isEscape(unit) ? 1 : 3
  }
  return length
}

/** Writes the bytes of `text`; there must be room for `textLength` of them. Returns their number. */
export function writeText(text: string, buf: Uint8Array, off: number): number {
  let at = off
  let done = 0
  for (let i = 0; i < text.length; i++) {
    if (isPair(text, i)) i++
    else if (isEscape(text.charCodeAt(i))) {
      at += encoder.encodeInto(text.slice(done, i), buf.subarray(at)).written
      buf[at++] = text.charCodeAt(i) - ESCAPE
      done = i + 1
    }
  }
  at += encoder.encodeInto(text.slice(done), buf.subarray(at)).written
  return at - off
}

export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(textLength(text))
  writeText(text, bytes, 0)
  return bytes
}

function isEscape(unit: number): boolean {
  return unit >= ESCAPED_MIN && unit <= ESCAPED_MAX
}

function isPair(text: string, at: number): boolean {
  const high = text.charCodeAt(at)
  if (high < 0xd800 || high > 0xdbff) return false
  const low = text.charCodeAt(at + 1)
  return low >= 0xdc00 && low <= 0xdfff
}

function readBroken(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) text += String.fromCharCode(ESCAPE + bytes[at++]!)
    else {
      text += strict.decode(bytes.subarray(at, at + length))
      at += length
    }
  }
  return text
}

/** Length of the well-formed character at `at`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0
  for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1]!
  // Too long a form, surrogates, beyond the last character.
  if (first === 0xe0 && second < 0xa0) return 0
  if (first === 0xed && second > 0x9f) return 0
  if (first === 0xf0 && second < 0x90) return 0
  if (first === 0xf4 && second > 0x8f) return 0
  return length
}
