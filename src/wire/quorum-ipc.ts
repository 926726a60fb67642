// What programs and the quorum service say to each other (libqb IPC, service name `quorum`; spec: services 3.1).
// In: requests; what to tell. Out: numbers, and answers and events as bytes, in the byte order of this machine, which is little endian.
// Must not know: who is quorate. Lists begin before the length of their structure, which is rounded up to 8: the bytes
// between the end of a list and the end of its message say nothing, but they are counted.

import { readU32, writeU32, writeU64 } from './cursor.js'
import { PROCESSOR_COUNT_MAX } from './generation.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader } from './service.js'

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
