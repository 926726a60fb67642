// The messages that simulated programs send, made so that a receiver can tell which message it has and whether every
// byte is right: a header of 16 bytes (pid, counter, place in the pattern, length), then bytes of one long pattern.
// Messages shorter than the header are pattern only; their counter follows from the order.

import { Prng } from '../prng.js'

export const MESSAGE_HEADER_LENGTH = 16
/** Longest message of the workload, and so of the pattern behind any place in it. */
export const LONGEST_MESSAGE = 1024 * 1024
/** Places in the pattern at which a message may begin. */
const PATTERN_PLACES = 64 * 1024

let pattern: Buffer | undefined

/** The same bytes in every run: messages differ by where they begin. A Buffer, because that compares ranges natively. */
function thePattern(): Buffer {
  if (pattern === undefined) {
    pattern = Buffer.alloc(LONGEST_MESSAGE + PATTERN_PLACES)
    const prng = new Prng(1, 'pattern')
    for (let i = 0; i < pattern.length; i++) pattern[i] = prng.u32() & 0xff
  }
  return pattern
}

export function randomPlace(prng: Prng): number {
  return prng.int(PATTERN_PLACES)
}

export function writeMessage(into: Uint8Array, pid: number, counter: number, place: number, length: number): void {
  into.set(thePattern().subarray(place, place + length))
  if (length < MESSAGE_HEADER_LENGTH) return
  writeU32(into, 0, pid)
  writeU32(into, 4, counter)
  writeU32(into, 8, place)
  writeU32(into, 12, length)
}

/** Counter of a message that carries one. */
export function readCounter(buf: Uint8Array, off: number): number {
  return readU32(buf, off + 4)
}

/** Its place in the pattern. */
export function readPlace(buf: Uint8Array, off: number): number {
  return readU32(buf, off + 8)
}

/** Are these bytes the message that was written with these arguments? */
export function isMessage(
  buf: Uint8Array,
  off: number,
  len: number,
  pid: number,
  counter: number,
  place: number,
  length: number,
): boolean {
  if (len !== length) return false
  let from = 0
  if (len >= MESSAGE_HEADER_LENGTH) {
    if (readU32(buf, off) !== pid || readU32(buf, off + 4) !== counter) return false
    if (readU32(buf, off + 8) !== place || readU32(buf, off + 12) !== length) return false
    from = MESSAGE_HEADER_LENGTH
  }
  return thePattern().compare(buf, off + from, off + len, place + from, place + len) === 0
}

function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value & 0xff
  into[at + 1] = (value >>> 8) & 0xff
  into[at + 2] = (value >>> 16) & 0xff
  into[at + 3] = value >>> 24
}

function readU32(buf: Uint8Array, at: number): number {
  return (buf[at]! | (buf[at + 1]! << 8) | (buf[at + 2]! << 16) | (buf[at + 3]! << 24)) >>> 0
}
