// What programs and the quorum service say to each other (libqb IPC, service name `quorum`; spec: services 3.1).
// In: requests; what to tell. Out: numbers, and answers and events as bytes, in the byte order of this machine, which is little endian.
// Must not know: who is quorate. Lists begin before the length of their structure, which is rounded up to 8: the bytes
// between the end of a list and the end of its message say nothing, but they are counted.

import { readS32, readU32, readU64, writeU32, writeU64 } from './cursor.js'
import { PROCESSOR_COUNT_MAX } from './generation.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader, writeServiceHeader } from './service.js'

/** The byte order of this machine. */
const LITTLE = true

/** Numbers of the requests. */
export const QuorumRequest = { getQuorate: 0, trackStart: 1, trackStop: 2, getType: 3, modelGetType: 4 } as const

/** Numbers of answers. */
export const QuorumResponse = { getQuorate: 0, trackStart: 1, trackStop: 2, getType: 4, modelGetType: 5 } as const

/** Numbers of events. */
export const QuorumEvent = { notification: 3, quorum: 6, nodeList: 7 } as const

/** Bits of the flags of a TRACKSTART, here and in votequorum. */
export const TrackFlag = { CURRENT: 1, CHANGES: 2, CHANGES_ONLY: 4 } as const

export const QUORUM_MODEL_0 = 0
export const QUORUM_MODEL_1 = 1

// trackStart:    0 header | 16 flags u32 | 20 pad | 24
// modelGetType:  0 header | 16 model u32 | 20 pad | 24
const REQ_VALUE = SERVICE_HEADER_LENGTH
export const QUORUM_REQUEST_LENGTH = SERVICE_HEADER_LENGTH
export const QUORUM_VALUE_REQUEST_LENGTH = 24

// Answers with a value:  0 header | 24 value u32 | 28 pad | 32
const RES_VALUE = RESPONSE_HEADER_LENGTH
export const QUORUM_VALUE_RESPONSE_LENGTH = 32

// notification:  0 header | 24 quorate | 28 pad | 32 ring seq u64 | 40 n u32 | 44 ids u32[n] ...       size 48 + 4n
const OLD_QUORATE = RESPONSE_HEADER_LENGTH
const OLD_SEQ = 32
const OLD_COUNT = 40
const OLD_IDS = 44
const OLD_BASE = 48

// quorum:        0 header | 24 quorate | 28 pad | 32 ring nodeid | 36 pad | 40 ring seq u64 | 48 n u32 | 52 ids ...
//                                                                                                      size 56 + 4n
const NEW_QUORATE = RESPONSE_HEADER_LENGTH
const NEW_RING = 32
const NEW_SEQ = 40
const NEW_COUNT = 48
const NEW_IDS = 52
const NEW_BASE = 56

// nodeList:      0 header | 24 ring nodeid | 28 pad | 32 ring seq u64 | 40 m u32 | 44 pad | 48 j u32 | 52 pad |
//                56 l u32 | 60 members u32[m], joined u32[j], left u32[l] ...                       size 64 + 4(m+j+l)
const LIST_RING = RESPONSE_HEADER_LENGTH
const LIST_SEQ = 32
const LIST_MEMBERS = 40
const LIST_JOINED = 48
const LIST_LEFT = 56
const LIST_IDS = 60
const LIST_BASE = 64

const ID_LENGTH = 4

/** Room for any message that the service writes: a node list in which everybody is all three. */
export const QUORUM_MESSAGE_MAX = LIST_BASE + 3 * PROCESSOR_COUNT_MAX * ID_LENGTH

/** The flags of a TRACKSTART, or the model of a MODEL_GETTYPE. */
export function readQuorumValue(buf: Uint8Array, off: number): number {
  return readU32(buf, off + REQ_VALUE, LITTLE)
}

/** An answer without anything but its result. */
export function writeQuorumResult(id: number, error: number, buf: Uint8Array): number {
  writeResponseHeader(buf, 0, id, RESPONSE_HEADER_LENGTH, error, LITTLE)
  return RESPONSE_HEADER_LENGTH
}

/** GETQUORATE, GETTYPE and MODEL_GETTYPE. */
export function writeQuorumValue(id: number, error: number, value: number, buf: Uint8Array): number {
  writeResponseHeader(buf, 0, id, QUORUM_VALUE_RESPONSE_LENGTH, error, LITTLE)
  writeU32(buf, RES_VALUE, value, LITTLE)
  writeU32(buf, RES_VALUE + 4, 0, LITTLE)
  return QUORUM_VALUE_RESPONSE_LENGTH
}

/** What a notification of either model tells. */
export interface QuorumView {
  readonly quorate: boolean
  readonly ring: { readonly nodeId: number; readonly seq: number }
  readonly members: readonly number[]
}

export function writeQuorumNotification(view: QuorumView, ok: number, buf: Uint8Array): number {
  const size = OLD_BASE + view.members.length * ID_LENGTH
  buf.fill(0, 0, size)
  writeResponseHeader(buf, 0, QuorumEvent.notification, size, ok, LITTLE)
  writeU32(buf, OLD_QUORATE, view.quorate ? 1 : 0, LITTLE)
  writeU64(buf, OLD_SEQ, view.ring.seq, LITTLE)
  writeU32(buf, OLD_COUNT, view.members.length, LITTLE)
  writeIds(view.members, buf, OLD_IDS)
  return size
}

export function writeQuorumV1Quorum(view: QuorumView, ok: number, buf: Uint8Array): number {
  const size = NEW_BASE + view.members.length * ID_LENGTH
  buf.fill(0, 0, size)
  writeResponseHeader(buf, 0, QuorumEvent.quorum, size, ok, LITTLE)
  writeU32(buf, NEW_QUORATE, view.quorate ? 1 : 0, LITTLE)
  writeU32(buf, NEW_RING, view.ring.nodeId, LITTLE)
  writeU64(buf, NEW_SEQ, view.ring.seq, LITTLE)
  writeU32(buf, NEW_COUNT, view.members.length, LITTLE)
  writeIds(view.members, buf, NEW_IDS)
  return size
}

/** A membership and how it came about. */
export interface QuorumNodeList {
  readonly ring: { readonly nodeId: number; readonly seq: number }
  readonly members: readonly number[]
  readonly joined: readonly number[]
  readonly left: readonly number[]
}

export function writeQuorumV1NodeList(list: QuorumNodeList, ok: number, buf: Uint8Array): number {
  const { ring, members, joined, left } = list
  const size = LIST_BASE + (members.length + joined.length + left.length) * ID_LENGTH
  buf.fill(0, 0, size)
  writeResponseHeader(buf, 0, QuorumEvent.nodeList, size, ok, LITTLE)
  writeU32(buf, LIST_RING, ring.nodeId, LITTLE)
  writeU64(buf, LIST_SEQ, ring.seq, LITTLE)
  writeU32(buf, LIST_MEMBERS, members.length, LITTLE)
  writeU32(buf, LIST_JOINED, joined.length, LITTLE)
  writeU32(buf, LIST_LEFT, left.length, LITTLE)
  writeIds(left, buf, writeIds(joined, buf, writeIds(members, buf, LIST_IDS)))
  return size
}

/** Returns where the list ends. */
function writeIds(ids: readonly number[], buf: Uint8Array, off: number): number {
  for (let i = 0; i < ids.length; i++) writeU32(buf, off + i * ID_LENGTH, ids[i]!, LITTLE)
  return off + ids.length * ID_LENGTH
}

// ---- The program's side: requests as it writes them, answers and events as it reads them (undefined when malformed).

/** GETQUORATE, TRACKSTOP, GETTYPE. */
export function quorumRequest(id: number): Uint8Array {
  const buf = new Uint8Array(QUORUM_REQUEST_LENGTH)
  writeServiceHeader(buf, 0, id, QUORUM_REQUEST_LENGTH, LITTLE)
  return buf
}

/** TRACKSTART with its flags, MODEL_GETTYPE with the model. */
export function quorumValueRequest(id: number, value: number): Uint8Array {
  const buf = new Uint8Array(QUORUM_VALUE_REQUEST_LENGTH)
  writeServiceHeader(buf, 0, id, QUORUM_VALUE_REQUEST_LENGTH, LITTLE)
  writeU32(buf, REQ_VALUE, value, LITTLE)
  return buf
}

/** Of GETQUORATE, GETTYPE and MODEL_GETTYPE. */
export function readQuorumAnswer(buf: Uint8Array): number | undefined {
  return buf.length < QUORUM_VALUE_RESPONSE_LENGTH ? undefined : readU32(buf, RES_VALUE, LITTLE)
}

/** Model 0 names only the sequence number of the ring: its node is 0 here. */
export function readQuorumNotification(buf: Uint8Array, off: number, len: number): QuorumView | undefined {
  const members = readIds(buf, off, len, OLD_COUNT, OLD_IDS)
  if (members === undefined) return undefined
  const quorate = readS32(buf, off + OLD_QUORATE, LITTLE) !== 0
  return { quorate, ring: { nodeId: 0, seq: readU64(buf, off + OLD_SEQ, LITTLE) }, members }
}

export function readQuorumV1Quorum(buf: Uint8Array, off: number, len: number): QuorumView | undefined {
  const members = readIds(buf, off, len, NEW_COUNT, NEW_IDS)
  if (members === undefined) return undefined
  const ring = { nodeId: readU32(buf, off + NEW_RING, LITTLE), seq: readU64(buf, off + NEW_SEQ, LITTLE) }
  return { quorate: readS32(buf, off + NEW_QUORATE, LITTLE) !== 0, ring, members }
}

export function readQuorumV1NodeList(buf: Uint8Array, off: number, len: number): QuorumNodeList | undefined {
  const members = readIds(buf, off, len, LIST_MEMBERS, LIST_IDS)
  if (members === undefined) return undefined
  const joined = readIds(buf, off, len, LIST_JOINED, LIST_IDS + members.length * ID_LENGTH)
  if (joined === undefined) return undefined
  const left = readIds(buf, off, len, LIST_LEFT, LIST_IDS + (members.length + joined.length) * ID_LENGTH)
  if (left === undefined) return undefined
  const ring = { nodeId: readU32(buf, off + LIST_RING, LITTLE), seq: readU64(buf, off + LIST_SEQ, LITTLE) }
  return { ring, members, joined, left }
}

/** `countAt` and `idsAt` count from the start of the message, which has `len` bytes. */
function readIds(buf: Uint8Array, off: number, len: number, countAt: number, idsAt: number): number[] | undefined {
  if (len < idsAt) return undefined
  const count = readU32(buf, off + countAt, LITTLE)
  if (count * ID_LENGTH > len - idsAt) return undefined
  return Array.from({ length: count }, (_, i) => readU32(buf, off + idsAt + i * ID_LENGTH, LITTLE))
}
