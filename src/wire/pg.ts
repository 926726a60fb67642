// The payload of a multicast: the packet header of the process-group layer (spec: totem 6.1) and the group header that
// stands before every message (6.2). Read in place, without allocation: check once, then ask for the numbers.
// In: bytes behind the multicast header, and the byte order of whoever originated them. Out: counts, lengths, offsets.
// Must not know: how messages are packed, fragmented and put together again.

import { readU16, writeU16 } from './cursor.js'

// Packet header:
//   0         2      4            5              6           8               8 + 2n
//   | version | type | fragmented | continuation | msg_count | n x len u16   | pieces back to back
//   | 0       | 0    | u8         | u8           | u16       |               |
const PACKET_FRAGMENTED = 4
const PACKET_CONTINUATION = 5
const PACKET_COUNT = 6
export const PG_HEADER_LENGTH = 8
/** Each piece costs this much in the header. */
export const PG_PIECE_LENGTH = 2
/** Longest piece: its length is a u16. */
export const PG_PIECE_MAX = 0xffff

/**
 * Checks a packet whole and returns its number of pieces; -1 when it is short, has no piece, or when the lengths do not
 * add up to exactly `len`.
 */
export function checkPacket(buf: Uint8Array, off: number, len: number, little: boolean): number {
  if (len < PG_HEADER_LENGTH) return -1
  const count = readU16(buf, off + PACKET_COUNT, little)
  let total = PG_HEADER_LENGTH + count * PG_PIECE_LENGTH
  if (count === 0 || len < total) return -1
  const end = off + total
  for (let at = off + PG_HEADER_LENGTH; at < end; at += PG_PIECE_LENGTH) total += readU16(buf, at, little)
  return total === len ? count : -1
}

/** 0: the last piece ends its message; else the number of the fragment that it is. Of a checked packet, as the next two. */
export function packetFragmented(buf: Uint8Array, off: number): number {
  return buf[off + PACKET_FRAGMENTED]!
}

/** 0: a message starts here; else the number of the fragment that the first piece continues. */
export function packetContinuation(buf: Uint8Array, off: number): number {
  return buf[off + PACKET_CONTINUATION]!
}

export function pieceLength(buf: Uint8Array, off: number, piece: number, little: boolean): number {
  return readU16(buf, off + PG_HEADER_LENGTH + piece * PG_PIECE_LENGTH, little)
}

/** Distance from the packet's start to the first piece. */
export function packetDataOffset(count: number): number {
  return PG_HEADER_LENGTH + count * PG_PIECE_LENGTH
}

/** Writes the header of a packet of `count` pieces; the lengths follow with writePieceLength. */
export function writePacketHeader(
  buf: Uint8Array,
  off: number,
  fragmented: number,
  continuation: number,
  count: number,
  little: boolean,
): void {
  buf[off] = 0
  buf[off + 1] = 0
  buf[off + 2] = 0
  buf[off + 3] = 0
  buf[off + PACKET_FRAGMENTED] = fragmented
  buf[off + PACKET_CONTINUATION] = continuation
  writeU16(buf, off + PACKET_COUNT, count, little)
}

export function writePieceLength(buf: Uint8Array, off: number, piece: number, length: number, little: boolean): void {
  writeU16(buf, off + PG_HEADER_LENGTH + piece * PG_PIECE_LENGTH, length, little)
}

// Group header:   0 count u16 | 2 n x length u16 | 2 + 2n names back to back | payload
const GROUP_LENGTHS = 2
/** A message names at most this many groups. */
export const PG_GROUPS_MAX = 32

/** All services. */
export const GROUP_SERVICES: Uint8Array = Uint8Array.of(0x61)
/** The synchronisation barrier: "sync". */
export const GROUP_SYNC: Uint8Array = Uint8Array.of(0x73, 0x79, 0x6e, 0x63)

/** Dynamic linear voting: "ykd". */
export const GROUP_YKD: Uint8Array = Uint8Array.of(0x79, 0x6b, 0x64)

/** Checks the group header of a message and returns its length, which is where the payload starts; -1 if malformed. */
export function checkGroupHeader(buf: Uint8Array, off: number, len: number, little: boolean): number {
  if (len < GROUP_LENGTHS) return -1
  const count = readU16(buf, off, little)
  let total = GROUP_LENGTHS + count * 2
  if (count > PG_GROUPS_MAX || len < total) return -1
  for (let i = 0; i < count; i++) total += readU16(buf, off + GROUP_LENGTHS + i * 2, little)
  return total <= len ? total : -1
}

/** Whether a checked group header names this group. */
export function addressesGroup(buf: Uint8Array, off: number, group: Uint8Array, little: boolean): boolean {
  const count = readU16(buf, off, little)
  let name = off + GROUP_LENGTHS + count * 2
  for (let i = 0; i < count; i++) {
    const length = readU16(buf, off + GROUP_LENGTHS + i * 2, little)
    if (length === group.length && bytesEqual(buf, name, group)) return true
    name += length
  }
  return false
}

function bytesEqual(buf: Uint8Array, off: number, other: Uint8Array): boolean {
  for (let i = 0; i < other.length; i++) if (buf[off + i] !== other[i]) return false
  return true
}

/** Length of the header that names one group. */
export function groupHeaderLength(group: Uint8Array): number {
  return GROUP_LENGTHS + 2 + group.length
}

/** Writes the header of a message to one group; returns its length. */
export function writeGroupHeader(group: Uint8Array, buf: Uint8Array, off: number, little: boolean): number {
  writeU16(buf, off, 1, little)
  writeU16(buf, off + GROUP_LENGTHS, group.length, little)
  buf.set(group, off + GROUP_LENGTHS + 2)
  return groupHeaderLength(group)
}
