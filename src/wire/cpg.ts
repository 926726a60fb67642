// The cluster messages of the closed-process-group service, service 2 (spec: services 2.5).
// In: messages behind the group header and the originator's byte order; what to say. Out: records and bytes.
// Must not know: who is a member of what. Padding is written as zeros and ignored on receipt. Multicasts are read in
// place and only their headers are written, since the data is already where it should be; the others are rare.

import { readU32, writeU32, writeU64 } from './cursor.js'
import { PROCESSOR_COUNT_MAX } from './generation.js'
import {
  messageId,
  messageSize,
  RESPONSE_HEADER_LENGTH,
  SERVICE_HEADER_LENGTH,
  ServiceId,
  writeResponseHeader,
  writeServiceHeader,
} from './service.js'

/** Function numbers of the cluster messages. */
export const CpgFunction = {
  procJoin: 0,
  procLeave: 1,
  joinList: 2,
  mcast: 3,
  downListOld: 4,
  downList: 5,
  partialMcast: 6,
} as const

/** Longest group name, in bytes; names are any bytes. */
export const CPG_NAME_MAX = 128

// Group name:  0 length u32 | 4 pad | 8 bytes[128] | 136
const NAME_BYTES = 8
const NAME_LENGTH = NAME_BYTES + CPG_NAME_MAX

// procJoin, procLeave:   0 header | 16 name | 152 pid u32 | 156 pad | 160 reason u32 | 164 pad | 168
const PROC_NAME = SERVICE_HEADER_LENGTH
const PROC_PID = 152
const PROC_REASON = 160
export const CPG_PROC_LENGTH = 168

// joinList:   0 response header | 24 n x ( pid u32 | pad | name )
const ENTRY_NAME = 8
const ENTRY_LENGTH = ENTRY_NAME + NAME_LENGTH

// mcast:
//   0        16     152         160       168            176        184
//   | header | name | msglen u32| pid u32 | nodeid u32   | conn u64 | data
const MCAST_NAME = SERVICE_HEADER_LENGTH
const MCAST_DATA_LENGTH = 152
const MCAST_PID = 160
const MCAST_SOURCE = 168
export const CPG_MCAST_HEADER_LENGTH = 184

// partialMcast:
//   0        16     152          160           168       176        184          192        200
//   | header | name | msglen u32 | fraglen u32 | pid u32 | type u32 | nodeid u32 | conn u64 | data
const PARTIAL_TOTAL = 152
const PARTIAL_DATA_LENGTH = 160
const PARTIAL_PID = 168
const PARTIAL_TYPE = 176
const PARTIAL_SOURCE = 184
export const CPG_PARTIAL_HEADER_LENGTH = 200
/** Pieces are numbered FIRST 1, CONTINUED 2, LAST 3. */
const PARTIAL_TYPE_MAX = 3

// Source, in both:  0 nodeid u32 | 4 pad | 8 conn u64. Whatever the sender wrote there, nobody else can use it.
const SOURCE_CONN = 8

// downListOld:   0 header | 16 left u32 | 20 pad | 24 ids u32[384] | 1560
// downList:      0 header | 16 old members u32 | 20 pad | 24 left u32 | 28 pad | 32 ids u32[384] | 1568
const DOWN_OLD_LEFT = 16
const DOWN_OLD_IDS = 24
const DOWN_OLD_LENGTH = DOWN_OLD_IDS + PROCESSOR_COUNT_MAX * 4
const DOWN_MEMBERS = 16
const DOWN_LEFT = 24
const DOWN_IDS = 32
/** A downlist always has full length: C nodes copy all of it. */
export const CPG_DOWN_LIST_LENGTH = DOWN_IDS + PROCESSOR_COUNT_MAX * 4

/** A process in a group. `group` is a view of the message, valid as long as that. */
export interface CpgProcess {
  readonly group: Uint8Array
  readonly pid: number
}

export interface CpgProcMessage extends CpgProcess {
  readonly reason: number
}

export interface CpgDownList {
  /** How many members there were before. */
  readonly oldMembers: number
  /** Node ids that went. */
  readonly left: readonly number[]
}

/** A multicast read in place: where its parts are in the buffer. */
export interface CpgMulticast {
  groupOff: number
  groupLength: number
  pid: number
  sourceNodeId: number
  dataOff: number
  dataLength: number
  /** 0 for a whole message, else the place of this piece: 1 first, 2 continued, 3 last. */
  part: number
  /** Length of the whole message. */
  totalLength: number
}

export function createCpgMulticast(): CpgMulticast {
  return {
    groupOff: 0,
    groupLength: 0,
    pid: 0,
    sourceNodeId: 0,
    dataOff: 0,
    dataLength: 0,
    part: 0,
    totalLength: 0,
  }
}

/** A procJoin or procLeave; undefined when malformed. */
export function readCpgProc(buf: Uint8Array, off: number, len: number, little: boolean): CpgProcMessage | undefined {
  if (len < CPG_PROC_LENGTH) return undefined
  const group = readName(buf, off + PROC_NAME, little)
  if (group === undefined) return undefined
  return { group, pid: readU32(buf, off + PROC_PID, little), reason: readU32(buf, off + PROC_REASON, little) }
}

export function writeCpgProc(
  fn: typeof CpgFunction.procJoin | typeof CpgFunction.procLeave,
  message: CpgProcMessage,
  buf: Uint8Array,
  off: number,
  little: boolean,
): number {
  buf.fill(0, off, off + CPG_PROC_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cpg, fn), CPG_PROC_LENGTH, little)
  writeName(message.group, buf, off + PROC_NAME, little)
  writeU32(buf, off + PROC_PID, message.pid, little)
  writeU32(buf, off + PROC_REASON, message.reason, little)
  return CPG_PROC_LENGTH
}

/** The processes of the sender; undefined when malformed. Their number follows from the size. */
export function readCpgJoinList(buf: Uint8Array, off: number, len: number, little: boolean): CpgProcess[] | undefined {
  if (len < RESPONSE_HEADER_LENGTH) return undefined
  const size = messageSize(buf, off, little)
  if (size < RESPONSE_HEADER_LENGTH || size > len || (size - RESPONSE_HEADER_LENGTH) % ENTRY_LENGTH !== 0)
    return undefined
  const list: CpgProcess[] = []
  for (let at = off + RESPONSE_HEADER_LENGTH; at < off + size; at += ENTRY_LENGTH) {
    const group = readName(buf, at + ENTRY_NAME, little)
    if (group === undefined) return undefined
    list.push({ group, pid: readU32(buf, at, little) })
  }
  return list
}

export function cpgJoinListLength(entries: number): number {
  return RESPONSE_HEADER_LENGTH + entries * ENTRY_LENGTH
}

export function writeCpgJoinList(list: readonly CpgProcess[], buf: Uint8Array, off: number, little: boolean): number {
  const length = cpgJoinListLength(list.length)
  buf.fill(0, off, off + length)
  writeResponseHeader(buf, off, messageId(ServiceId.cpg, CpgFunction.joinList), length, 0, little)
  let at = off + RESPONSE_HEADER_LENGTH
  for (const { group, pid } of list) {
    writeU32(buf, at, pid, little)
    writeName(group, buf, at + ENTRY_NAME, little)
    at += ENTRY_LENGTH
  }
  return length
}

export function readCpgMcast(buf: Uint8Array, off: number, len: number, little: boolean, into: CpgMulticast): boolean {
  if (len < CPG_MCAST_HEADER_LENGTH) return false
  const groupLength = readU32(buf, off + MCAST_NAME, little)
  const dataLength = readU32(buf, off + MCAST_DATA_LENGTH, little)
  if (groupLength > CPG_NAME_MAX || dataLength > len - CPG_MCAST_HEADER_LENGTH) return false
  into.groupOff = off + MCAST_NAME + NAME_BYTES
  into.groupLength = groupLength
  into.pid = readU32(buf, off + MCAST_PID, little)
  into.sourceNodeId = readU32(buf, off + MCAST_SOURCE, little)
  into.dataOff = off + CPG_MCAST_HEADER_LENGTH
  into.dataLength = dataLength
  into.part = 0
  into.totalLength = dataLength
  return true
}

/** Writes what stands before `dataLength` bytes of data. `conn` is for the sender itself, at most 2^53 - 1. */
export function writeCpgMcastHeader(
  group: Uint8Array,
  pid: number,
  dataLength: number,
  nodeId: number,
  conn: number,
  buf: Uint8Array,
  off: number,
  little: boolean,
): number {
  buf.fill(0, off, off + CPG_MCAST_HEADER_LENGTH)
  setCpgMcastDataLength(buf, off, dataLength, little)
  writeName(group, buf, off + MCAST_NAME, little)
  writeU32(buf, off + MCAST_PID, pid, little)
  writeU32(buf, off + MCAST_SOURCE, nodeId, little)
  writeU64(buf, off + MCAST_SOURCE + SOURCE_CONN, conn, little)
  return CPG_MCAST_HEADER_LENGTH
}

/** Changes the length of the data in a header written before; the rest of it stays. */
export function setCpgMcastDataLength(buf: Uint8Array, off: number, dataLength: number, little: boolean): void {
  const size = CPG_MCAST_HEADER_LENGTH + dataLength
  writeServiceHeader(buf, off, messageId(ServiceId.cpg, CpgFunction.mcast), size, little)
  writeU32(buf, off + MCAST_DATA_LENGTH, dataLength, little)
}

export function readCpgPartialMcast(
  buf: Uint8Array,
  off: number,
  len: number,
  little: boolean,
  into: CpgMulticast,
): boolean {
  if (len < CPG_PARTIAL_HEADER_LENGTH) return false
  const groupLength = readU32(buf, off + MCAST_NAME, little)
  const dataLength = readU32(buf, off + PARTIAL_DATA_LENGTH, little)
  const totalLength = readU32(buf, off + PARTIAL_TOTAL, little)
  const part = readU32(buf, off + PARTIAL_TYPE, little)
  if (groupLength > CPG_NAME_MAX || dataLength > len - CPG_PARTIAL_HEADER_LENGTH) return false
  if (dataLength > totalLength || part === 0 || part > PARTIAL_TYPE_MAX) return false
  into.groupOff = off + MCAST_NAME + NAME_BYTES
  into.groupLength = groupLength
  into.pid = readU32(buf, off + PARTIAL_PID, little)
  into.sourceNodeId = readU32(buf, off + PARTIAL_SOURCE, little)
  into.dataOff = off + CPG_PARTIAL_HEADER_LENGTH
  into.dataLength = dataLength
  into.part = part
  into.totalLength = totalLength
  return true
}

/** Writes what stands before `dataLength` bytes, a piece of a message of `totalLength`. */
export function writeCpgPartialMcastHeader(
  group: Uint8Array,
  pid: number,
  part: number,
  totalLength: number,
  dataLength: number,
  nodeId: number,
  conn: number,
  buf: Uint8Array,
  off: number,
  little: boolean,
): number {
  buf.fill(0, off, off + CPG_PARTIAL_HEADER_LENGTH)
  const size = CPG_PARTIAL_HEADER_LENGTH + dataLength
  writeServiceHeader(buf, off, messageId(ServiceId.cpg, CpgFunction.partialMcast), size, little)
  writeName(group, buf, off + MCAST_NAME, little)
  writeU32(buf, off + PARTIAL_TOTAL, totalLength, little)
  writeU32(buf, off + PARTIAL_DATA_LENGTH, dataLength, little)
  writeU32(buf, off + PARTIAL_PID, pid, little)
  writeU32(buf, off + PARTIAL_TYPE, part, little)
  writeU32(buf, off + PARTIAL_SOURCE, nodeId, little)
  writeU64(buf, off + PARTIAL_SOURCE + SOURCE_CONN, conn, little)
  return CPG_PARTIAL_HEADER_LENGTH
}

export function readCpgDownList(buf: Uint8Array, off: number, len: number, little: boolean): CpgDownList | undefined {
  if (len < CPG_DOWN_LIST_LENGTH) return undefined
  const left = readNodeIds(buf, off + DOWN_IDS, readU32(buf, off + DOWN_LEFT, little), little)
  return left && { oldMembers: readU32(buf, off + DOWN_MEMBERS, little), left }
}

/** At most PROCESSOR_COUNT_MAX nodes can have left. */
export function writeCpgDownList(list: CpgDownList, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + CPG_DOWN_LIST_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cpg, CpgFunction.downList), CPG_DOWN_LIST_LENGTH, little)
  writeU32(buf, off + DOWN_MEMBERS, list.oldMembers, little)
  writeU32(buf, off + DOWN_LEFT, list.left.length, little)
  for (let i = 0; i < list.left.length; i++) writeU32(buf, off + DOWN_IDS + i * 4, list.left[i]!, little)
  return CPG_DOWN_LIST_LENGTH
}

/** The form that no 3.x node sends any more and that everyone ignores; read for those who look at captures. */
export function readCpgDownListOld(
  buf: Uint8Array,
  off: number,
  len: number,
  little: boolean,
): readonly number[] | undefined {
  if (len < DOWN_OLD_LENGTH) return undefined
  return readNodeIds(buf, off + DOWN_OLD_IDS, readU32(buf, off + DOWN_OLD_LEFT, little), little)
}

export function writeCpgDownListOld(left: readonly number[], buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + DOWN_OLD_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cpg, CpgFunction.downListOld), DOWN_OLD_LENGTH, little)
  writeU32(buf, off + DOWN_OLD_LEFT, left.length, little)
  for (let i = 0; i < left.length; i++) writeU32(buf, off + DOWN_OLD_IDS + i * 4, left[i]!, little)
  return DOWN_OLD_LENGTH
}

function readName(buf: Uint8Array, off: number, little: boolean): Uint8Array | undefined {
  const length = readU32(buf, off, little)
  return length <= CPG_NAME_MAX ? buf.subarray(off + NAME_BYTES, off + NAME_BYTES + length) : undefined
}

/** Writes into a field that is all zeros. */
function writeName(name: Uint8Array, buf: Uint8Array, off: number, little: boolean): void {
  writeU32(buf, off, name.length, little)
  buf.set(name, off + NAME_BYTES)
}

function readNodeIds(buf: Uint8Array, off: number, count: number, little: boolean): number[] | undefined {
  if (count > PROCESSOR_COUNT_MAX) return undefined
  const ids: number[] = []
  for (let i = 0; i < count; i++) ids.push(readU32(buf, off + i * 4, little))
  return ids
}
