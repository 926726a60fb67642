// What programs and the vote quorum service say to each other (libqb IPC, service name `votequorum`; spec: services 4.1).
// In: requests; what to tell. Out: their fields, and answers and events as bytes, in the byte order of this machine, which is little endian.
// Must not know: how votes are counted. Names of devices are fields of 255 bytes, so that what follows them is not
// aligned; what stands behind their end is whatever was in the program's memory.

import { readS32, readU32, readU64, writeU32, writeU64 } from './cursor.js'
import { PROCESSOR_COUNT_MAX } from './generation.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader, writeServiceHeader } from './service.js'
import { QDEVICE_NAME_FIELD, readQdeviceName, writeQdeviceName } from './votequorum.js'

/** The byte order of this machine. */
const LITTLE = true

/** Numbers of the requests. */
export const VotequorumRequest = {
  getInfo: 0,
  setExpected: 1,
  setVotes: 2,
  trackStart: 3,
  trackStop: 4,
  qdeviceRegister: 5,
  qdeviceUnregister: 6,
  qdeviceUpdate: 7,
  qdevicePoll: 8,
  qdeviceMasterWins: 9,
} as const

/** Numbers of answers: one for GETINFO, one for all others. */
export const VotequorumResponse = { status: 0, getInfo: 1 } as const

/** Numbers of events. */
export const VotequorumEvent = { quorum: 3, expectedVotes: 4, nodeList: 5 } as const

/** Bits of the flags that GETINFO answers. */
export const InfoFlag = {
  TWO_NODE: 1,
  QUORATE: 2,
  WAIT_FOR_ALL: 4,
  LAST_MAN_STANDING: 8,
  AUTO_TIE_BREAKER: 16,
  ALLOW_DOWNSCALE: 32,
  QDEVICE_REGISTERED: 64,
  QDEVICE_ALIVE: 128,
  QDEVICE_CAST_VOTE: 256,
  QDEVICE_MASTER_WINS: 512,
} as const

// getInfo:            0 header | 16 nodeid i32 | 20 pad | 24
// setExpected:        0 header | 16 expected u32 | 20 pad | 24
// setVotes:           0 header | 16 votes u32 | 20 nodeid i32 | 24
// trackStart:         0 header | 16 context u64 | 24 flags u32 | 28 pad | 32
// trackStop:          0 header | 16
// qdeviceRegister,
// qdeviceUnregister:  0 header | 16 name[255] | 271 pad | 272
// qdeviceUpdate:      0 header | 16 old name[255] | 271 new name[255] | 526 pad | 528
// qdevicePoll:        0 header | 16 name[255] | 271 pad | 272 cast vote i32 | 276 pad | 280 ring nodeid u32 | 284 pad |
//                     288 ring seq u64 | 296
// qdeviceMasterWins:  0 header | 16 name[255] | 271 pad | 272 allow u32 | 276 pad | 280
const REQ_FIRST = SERVICE_HEADER_LENGTH
const SET_VOTES_NODE_ID = 20
const TRACK_FLAGS = 24
const REQ_NAME = SERVICE_HEADER_LENGTH
const UPDATE_NEW_NAME = REQ_NAME + QDEVICE_NAME_FIELD
const AFTER_NAME = 272
const POLL_RING = 280
const POLL_SEQ = 288

/** Shortest form of each request, by number. */
export const VOTEQUORUM_REQUEST_LENGTHS = [24, 24, 24, 32, 16, 272, 272, 528, 296, 280] as const

// getInfo's answer:  0 header | 24 nodeid | 28 state | 32 votes | 36 expected | 40 highest expected | 44 total | 48 quorum |
//                    52 flags | 56 device votes, all u32 | 60 device name[255] | 315 pad | 320
const INFO_FIELDS = RESPONSE_HEADER_LENGTH
const INFO_NAME = 60
export const VOTEQUORUM_INFO_LENGTH = 320

// quorum:         0 header | 24 quorate u32 | 28 pad | 32 context u64 | 40 n u32 | 44 pad | 48 n x { nodeid u32, state u32 }
const QUORUM_QUORATE = RESPONSE_HEADER_LENGTH
const QUORUM_CONTEXT = 32
const QUORUM_COUNT = 40
const QUORUM_NODES = 48
const QUORUM_NODE_LENGTH = 8

// expectedVotes:  0 header | 24 context u64 | 32 expected u32 | 36 pad | 40
const EXPECTED_CONTEXT = RESPONSE_HEADER_LENGTH
const EXPECTED_VALUE = 32
const EXPECTED_LENGTH = 40

// nodeList:       0 header | 24 context u64 | 32 ring nodeid u32 | 36 pad | 40 ring seq u64 | 48 n u32 | 52 pad | 56 ids u32[n]
const LIST_CONTEXT = RESPONSE_HEADER_LENGTH
const LIST_RING = 32
const LIST_SEQ = 40
const LIST_COUNT = 48
const LIST_IDS = 56
const ID_LENGTH = 4

/** Nodes that the service knows, dead ones included, never exceed this; the device's own entry comes on top. */
export const VOTEQUORUM_NODES_MAX = PROCESSOR_COUNT_MAX
/** Room for any message that the service writes. */
export const VOTEQUORUM_IPC_MAX = QUORUM_NODES + (VOTEQUORUM_NODES_MAX + 1) * QUORUM_NODE_LENGTH

/** What a program gave as the context of its tracking: 64 bits that only it understands, kept as they are. */
export interface TrackContext {
  readonly low: number
  readonly high: number
}

/** GETINFO's node id, SETEXPECTED's expected votes, SETVOTES's votes. */
export function readFirstField(buf: Uint8Array, off: number): number {
  return readU32(buf, off + REQ_FIRST, LITTLE)
}

export function readSetVotesNodeId(buf: Uint8Array, off: number): number {
  return readU32(buf, off + SET_VOTES_NODE_ID, LITTLE)
}

export function readTrackContext(buf: Uint8Array, off: number): TrackContext {
  return { low: readU32(buf, off + REQ_FIRST, LITTLE), high: readU32(buf, off + REQ_FIRST + 4, LITTLE) }
}

export function readTrackFlags(buf: Uint8Array, off: number): number {
  return readU32(buf, off + TRACK_FLAGS, LITTLE)
}

/** The name in any request about the device; the old one in UPDATE. */
export function readRequestName(buf: Uint8Array, off: number): string {
  return readQdeviceName(buf, off + REQ_NAME)
}

export function readUpdateNewName(buf: Uint8Array, off: number): string {
  return readQdeviceName(buf, off + UPDATE_NEW_NAME)
}

export function readPollCastVote(buf: Uint8Array, off: number): boolean {
  return readS32(buf, off + AFTER_NAME, LITTLE) !== 0
}

/** Whether the poll names this ring. The sequence is compared as two halves: a program may send any 64 bits. */
export function isPollRing(buf: Uint8Array, off: number, nodeId: number, seq: number): boolean {
  const low = readU32(buf, off + (LITTLE ? POLL_SEQ : POLL_SEQ + 4), LITTLE)
  const high = readU32(buf, off + (LITTLE ? POLL_SEQ + 4 : POLL_SEQ), LITTLE)
  return (
    readU32(buf, off + POLL_RING, LITTLE) === nodeId && low === seq >>> 0 && high === Math.floor(seq / 0x1_0000_0000)
  )
}

export function readMasterWinsAllow(buf: Uint8Array, off: number): boolean {
  return readU32(buf, off + AFTER_NAME, LITTLE) !== 0
}

/** The answer to everything but GETINFO. */
export function writeVotequorumStatus(error: number, buf: Uint8Array): number {
  writeResponseHeader(buf, 0, VotequorumResponse.status, RESPONSE_HEADER_LENGTH, error, LITTLE)
  return RESPONSE_HEADER_LENGTH
}

export interface VotequorumInfo {
  readonly nodeId: number
  readonly state: number
  readonly votes: number
  readonly expectedVotes: number
  readonly highestExpected: number
  readonly totalVotes: number
  readonly quorum: number
  /** Bits of InfoFlag. */
  readonly flags: number
  readonly qdeviceVotes: number
  readonly qdeviceName: string
}

/** Without `info` the answer has only its result, at full length. */
export function writeVotequorumInfo(error: number, info: VotequorumInfo | undefined, buf: Uint8Array): number {
  buf.fill(0, 0, VOTEQUORUM_INFO_LENGTH)
  writeResponseHeader(buf, 0, VotequorumResponse.getInfo, VOTEQUORUM_INFO_LENGTH, error, LITTLE)
  if (info === undefined) return VOTEQUORUM_INFO_LENGTH
  let at = INFO_FIELDS
  const { nodeId, state, votes, expectedVotes, highestExpected, totalVotes, quorum, flags, qdeviceVotes } = info
  for (const field of [nodeId, state, votes, expectedVotes, highestExpected, totalVotes, quorum, flags, qdeviceVotes]) {
    writeU32(buf, at, field, LITTLE)
    at += 4
  }
  writeQdeviceName(info.qdeviceName, buf, INFO_NAME)
  return VOTEQUORUM_INFO_LENGTH
}

/** `nodes` in the order of the service's list, which programs see. */
export function writeVotequorumQuorum(
  quorate: boolean,
  context: TrackContext,
  nodes: readonly { readonly nodeId: number; readonly state: number }[],
  ok: number,
  buf: Uint8Array,
): number {
  const size = QUORUM_NODES + nodes.length * QUORUM_NODE_LENGTH
  buf.fill(0, 0, QUORUM_NODES)
  writeResponseHeader(buf, 0, VotequorumEvent.quorum, size, ok, LITTLE)
  writeU32(buf, QUORUM_QUORATE, quorate ? 1 : 0, LITTLE)
  writeContext(context, buf, QUORUM_CONTEXT)
  writeU32(buf, QUORUM_COUNT, nodes.length, LITTLE)
  let at = QUORUM_NODES
  for (const { nodeId, state } of nodes) {
    writeU32(buf, at, nodeId, LITTLE)
    writeU32(buf, at + 4, state, LITTLE)
    at += QUORUM_NODE_LENGTH
  }
  return size
}

export function writeVotequorumExpected(expected: number, context: TrackContext, ok: number, buf: Uint8Array): number {
  buf.fill(0, 0, EXPECTED_LENGTH)
  writeResponseHeader(buf, 0, VotequorumEvent.expectedVotes, EXPECTED_LENGTH, ok, LITTLE)
  writeContext(context, buf, EXPECTED_CONTEXT)
  writeU32(buf, EXPECTED_VALUE, expected, LITTLE)
  return EXPECTED_LENGTH
}

export function writeVotequorumNodeList(
  ring: { readonly nodeId: number; readonly seq: number },
  members: readonly number[],
  context: TrackContext,
  ok: number,
  buf: Uint8Array,
): number {
  const size = LIST_IDS + members.length * ID_LENGTH
  buf.fill(0, 0, LIST_IDS)
  writeResponseHeader(buf, 0, VotequorumEvent.nodeList, size, ok, LITTLE)
  writeContext(context, buf, LIST_CONTEXT)
  writeU32(buf, LIST_RING, ring.nodeId, LITTLE)
  writeU64(buf, LIST_SEQ, ring.seq, LITTLE)
  writeU32(buf, LIST_COUNT, members.length, LITTLE)
  for (let i = 0; i < members.length; i++) writeU32(buf, LIST_IDS + i * ID_LENGTH, members[i]!, LITTLE)
  return size
}

function writeContext(context: TrackContext, buf: Uint8Array, off: number): void {
  writeU32(buf, off, context.low, LITTLE)
  writeU32(buf, off + 4, context.high, LITTLE)
}

/** What a program fills in; each request takes its own. */
export interface VotequorumRequestFields {
  /** Expected votes, votes, the vote cast, whether the master wins. */
  readonly value?: number
  readonly nodeId?: number
  readonly name?: string
  readonly newName?: string
  readonly ring?: { readonly nodeId: number; readonly seq: number }
  readonly context?: TrackContext
  readonly flags?: number
}

/** A request as a program writes it. */
export function writeVotequorumRequest(request: number, fields: VotequorumRequestFields): Uint8Array {
  const length = VOTEQUORUM_REQUEST_LENGTHS[request]
  if (length === undefined) throw new RangeError(`votequorum has no request ${request}`)
  const buf = new Uint8Array(length)
  writeServiceHeader(buf, 0, request, length, LITTLE)
  if (fields.name !== undefined) {
    writeQdeviceName(fields.name, buf, REQ_NAME)
    if (fields.newName !== undefined) writeQdeviceName(fields.newName, buf, UPDATE_NEW_NAME)
    else if (fields.value !== undefined) writeU32(buf, AFTER_NAME, fields.value, LITTLE)
    if (fields.ring !== undefined) {
      writeU32(buf, POLL_RING, fields.ring.nodeId, LITTLE)
      writeU64(buf, POLL_SEQ, fields.ring.seq, LITTLE)
    }
    return buf
  }
  switch (request) {
    case VotequorumRequest.getInfo:
      writeU32(buf, REQ_FIRST, fields.nodeId ?? 0, LITTLE)
      break
    case VotequorumRequest.setExpected:
      writeU32(buf, REQ_FIRST, fields.value ?? 0, LITTLE)
      break
    case VotequorumRequest.setVotes:
      writeU32(buf, REQ_FIRST, fields.value ?? 0, LITTLE)
      writeU32(buf, SET_VOTES_NODE_ID, fields.nodeId ?? 0, LITTLE)
      break
    case VotequorumRequest.trackStart:
      if (fields.context !== undefined) writeContext(fields.context, buf, REQ_FIRST)
      writeU32(buf, TRACK_FLAGS, fields.flags ?? 0, LITTLE)
      break
  }
  return buf
}

/** What GETINFO answers; undefined when malformed. */
export function readVotequorumInfo(buf: Uint8Array): VotequorumInfo | undefined {
  if (buf.length < VOTEQUORUM_INFO_LENGTH) return undefined
  const field = (index: number): number => readU32(buf, INFO_FIELDS + index * 4, LITTLE)
  return {
    nodeId: field(0),
    state: field(1),
    votes: field(2),
    expectedVotes: field(3),
    highestExpected: field(4),
    totalVotes: field(5),
    quorum: field(6),
    flags: field(7),
    qdeviceVotes: field(8),
    qdeviceName: readQdeviceName(buf, INFO_NAME),
  }
}

export interface VotequorumQuorumEvent {
  readonly quorate: boolean
  readonly nodes: readonly { readonly nodeId: number; readonly state: number }[]
}

/** Events as a program reads them; undefined when malformed. The context is left out. */
export function readVotequorumQuorum(buf: Uint8Array, off: number, len: number): VotequorumQuorumEvent | undefined {
  if (len < QUORUM_NODES) return undefined
  const count = readU32(buf, off + QUORUM_COUNT, LITTLE)
  if (count * QUORUM_NODE_LENGTH > len - QUORUM_NODES) return undefined
  const nodes = Array.from({ length: count }, (_, i) => {
    const at = off + QUORUM_NODES + i * QUORUM_NODE_LENGTH
    return { nodeId: readU32(buf, at, LITTLE), state: readU32(buf, at + 4, LITTLE) }
  })
  return { quorate: readU32(buf, off + QUORUM_QUORATE, LITTLE) !== 0, nodes }
}

export function readVotequorumExpected(buf: Uint8Array, off: number, len: number): number | undefined {
  return len < EXPECTED_LENGTH ? undefined : readU32(buf, off + EXPECTED_VALUE, LITTLE)
}

export interface VotequorumNodeListEvent {
  readonly ring: { readonly nodeId: number; readonly seq: number }
  readonly members: readonly number[]
}

export function readVotequorumNodeList(buf: Uint8Array, off: number, len: number): VotequorumNodeListEvent | undefined {
  if (len < LIST_IDS) return undefined
  const count = readU32(buf, off + LIST_COUNT, LITTLE)
  if (count * ID_LENGTH > len - LIST_IDS) return undefined
  const members = Array.from({ length: count }, (_, i) => readU32(buf, off + LIST_IDS + i * ID_LENGTH, LITTLE))
  const ring = { nodeId: readU32(buf, off + LIST_RING, LITTLE), seq: readU64(buf, off + LIST_SEQ, LITTLE) }
  return { ring, members }
}
