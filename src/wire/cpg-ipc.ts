// Messages between programs and the closed-process-group service (spec: services 2.2). Requests start with a header of 16
// bytes, answers and events with one of 24 (service.ts); the byte order is this machine's, which is little endian.
// In: bytes and values. Out: values and bytes. Must not know: what they mean.

import { readU32, writeU32 } from './cursor.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader, writeServiceHeader } from './service.js'

/** Numbers of the requests. 9 to 11 once were zero copy. */
export const CpgRequest = {
  join: 0,
  leave: 1,
  mcast: 2,
  membership: 3,
  localGet: 4,
  iterationInitialize: 5,
  iterationNext: 6,
  iterationFinalize: 7,
  finalize: 8,
  zeroCopyAlloc: 9,
  zeroCopyFree: 10,
  zeroCopyExecute: 11,
  partialMcast: 12,
} as const

/** Numbers of the answers. */
export const CpgResponse = {
  join: 0,
  leave: 1,
  membership: 3,
  localGet: 7,
  iterationInitialize: 9,
  iterationNext: 10,
  iterationFinalize: 11,
  finalize: 12,
  zeroCopy: 14,
  partialMcast: 18,
} as const

/** Numbers of the events. */
export const CpgEvent = { membership: 4, deliver: 5, ring: 13, deliverPartial: 17 } as const

// A name: 0 length u32 | 8 value[128]
const NAME_VALUE = 8
export const CPG_IPC_NAME_LENGTH = 136
const NAME_MAX = 128
// An address: 0 nodeid u32 | 8 pid u32 | 16 reason u32
const ADDRESS_LENGTH = 24

// Requests, behind the header of 16 bytes; multicasts have one of 24.
//   join        16 name | 152 pid | 160 flags
//   leave       16 name | 152 pid
//   membership  16 name
//   iteration   16 name | 152 type;  next, finalize: 16 handle u64
//   mcast       24 guarantee | 32 data length | 40 data
//   partial     24 guarantee | 32 length of the whole | 40 length of the piece | 48 type | 56 data
const REQUEST_NAME = 16
export const JOIN_PID = 152
export const JOIN_FLAGS = 160
export const LEAVE_PID = 152
export const ITERATION_TYPE = 152
export const ITERATION_HANDLE = 16
const MCAST_GUARANTEE = 24
export const MCAST_DATA_LENGTH = 32
export const MCAST_DATA = 40
export const PARTIAL_TOTAL = 32
export const PARTIAL_DATA_LENGTH = 40
export const PARTIAL_TYPE = 48
export const PARTIAL_DATA = 56
export const CpgRequestLength = {
  join: 168,
  leave: 160,
  mcast: MCAST_DATA,
  membership: 152,
  localGet: 16,
  iterationInitialize: 160,
  iterationNext: 24,
  iterationFinalize: 24,
  finalize: 16,
  partialMcast: PARTIAL_DATA,
} as const

// Answers with more than a header:
//   membership  24 count | 32 addresses[384]       local get  24 nodeid
//   iteration   24 handle u64                      next  24 name | 160 nodeid | 164 pid
const MEMBERSHIP_COUNT = 24
const MEMBERSHIP_ADDRESSES = 32
/** Room for members in an answer; more are left out. */
export const MEMBERSHIP_MAX = 384
export const MEMBERSHIP_LENGTH = MEMBERSHIP_ADDRESSES + MEMBERSHIP_MAX * ADDRESS_LENGTH
export const LOCAL_GET_NODE = 24
export const LOCAL_GET_LENGTH = 32
export const ITERATION_LENGTH = 32
export const ITERATION_ANSWER_HANDLE = 24
const NEXT_NAME = 24
const NEXT_NODE = 160
const NEXT_PID = 164
export const NEXT_LENGTH = 168

// Events:
//   membership  24 name | 160 members | 168 joined | 176 left | 184 addresses: members, left, joined
//   deliver     24 name | 160 length | 168 nodeid | 176 pid | 184 data
//   ring        24 nodeid | 32 seq u64 | 40 members | 44 nodeids; four bytes are counted behind them
//   partial     24 name | 160 length of the whole | 168 of the piece | 176 nodeid | 184 pid | 192 type | 200 data
const EVENT_NAME = 24
const CHANGE_MEMBERS = 160
const CHANGE_JOINED = 168
const CHANGE_LEFT = 176
const CHANGE_ADDRESSES = 184
const DELIVER_LENGTH = 160
const DELIVER_NODE = 168
const DELIVER_PID = 176
export const DELIVER_DATA = 184
const PARTIAL_EVENT_TOTAL = 160
const PARTIAL_EVENT_LENGTH = 168
const PARTIAL_EVENT_NODE = 176
const PARTIAL_EVENT_PID = 184
const PARTIAL_EVENT_TYPE = 192
export const PARTIAL_EVENT_DATA = 200
const RING_NODE = 24
const RING_SEQ = 32
const RING_COUNT = 40
const RING_MEMBERS = 44
/** What the length of a ring event counts before its members. */
const RING_FIXED = 48

export interface CpgIpcAddress {
  readonly nodeId: number
  readonly pid: number
  readonly reason: number
}

const OK = 1

/** A copy of the name in a request; undefined when it is longer than a name can be. */
export function readRequestName(buf: Uint8Array, off: number): Uint8Array | undefined {
  return readName(buf, off + REQUEST_NAME)
}

function readName(buf: Uint8Array, off: number): Uint8Array | undefined {
  const length = readU32(buf, off, true)
  if (length > NAME_MAX) return undefined
  return new Uint8Array(buf.subarray(off + NAME_VALUE, off + NAME_VALUE + length))
}

function writeName(name: Uint8Array, buf: Uint8Array, off: number): void {
  buf.fill(0, off, off + CPG_IPC_NAME_LENGTH)
  writeU32(buf, off, name.length, true)
  buf.set(name, off + NAME_VALUE)
}

function writeAddress(address: CpgIpcAddress, buf: Uint8Array, off: number): void {
  buf.fill(0, off, off + ADDRESS_LENGTH)
  writeU32(buf, off, address.nodeId, true)
  writeU32(buf, off + 8, address.pid, true)
  writeU32(buf, off + 16, address.reason, true)
}

function readAddress(buf: Uint8Array, off: number): CpgIpcAddress {
  return { nodeId: readU32(buf, off, true), pid: readU32(buf, off + 8, true), reason: readU32(buf, off + 16, true) }
}

function readAddresses(buf: Uint8Array, off: number, count: number): CpgIpcAddress[] {
  return Array.from({ length: count }, (_, i) => readAddress(buf, off + i * ADDRESS_LENGTH))
}

/** The answer to a question for members, always of MEMBERSHIP_LENGTH bytes. */
export function writeMembership(members: readonly CpgIpcAddress[], buf: Uint8Array): void {
  const count = Math.min(members.length, MEMBERSHIP_MAX)
  buf.fill(0, 0, MEMBERSHIP_LENGTH)
  writeResponseHeader(buf, 0, CpgResponse.membership, MEMBERSHIP_LENGTH, OK, true)
  writeU32(buf, MEMBERSHIP_COUNT, count, true)
  for (let i = 0; i < count; i++) {
    const member = members[i]
    if (member !== undefined) writeAddress(member, buf, MEMBERSHIP_ADDRESSES + i * ADDRESS_LENGTH)
  }
}

export function readMembership(buf: Uint8Array): CpgIpcAddress[] {
  const count = Math.min(readU32(buf, MEMBERSHIP_COUNT, true), MEMBERSHIP_MAX)
  return readAddresses(buf, MEMBERSHIP_ADDRESSES, count)
}

/** One step of an iteration. */
export function writeIterationEntry(
  entry: { readonly group: Uint8Array; readonly nodeId: number; readonly pid: number },
  buf: Uint8Array,
): void {
  writeResponseHeader(buf, 0, CpgResponse.iterationNext, NEXT_LENGTH, OK, true)
  writeName(entry.group, buf, NEXT_NAME)
  writeU32(buf, NEXT_NODE, entry.nodeId, true)
  writeU32(buf, NEXT_PID, entry.pid, true)
}

/** Instead of a step: there is none. As long as one, as from the C daemon. */
export function writeIterationEnd(error: number, buf: Uint8Array): void {
  buf.fill(0, 0, NEXT_LENGTH)
  writeResponseHeader(buf, 0, CpgResponse.iterationNext, NEXT_LENGTH, error, true)
}

export function readIterationEntry(
  buf: Uint8Array,
): { readonly group: Uint8Array; readonly nodeId: number; readonly pid: number } | undefined {
  const group = readName(buf, NEXT_NAME)
  if (group === undefined) return undefined
  return { group, nodeId: readU32(buf, NEXT_NODE, true), pid: readU32(buf, NEXT_PID, true) }
}

/** A whole membership event. */
export function membershipEvent(
  group: Uint8Array,
  members: readonly CpgIpcAddress[],
  left: readonly CpgIpcAddress[],
  joined: readonly CpgIpcAddress[],
): Uint8Array {
  const all = [...members, ...left, ...joined]
  const length = CHANGE_ADDRESSES + all.length * ADDRESS_LENGTH
  const buf = new Uint8Array(length)
  writeResponseHeader(buf, 0, CpgEvent.membership, length, OK, true)
  writeName(group, buf, EVENT_NAME)
  writeU32(buf, CHANGE_MEMBERS, members.length, true)
  writeU32(buf, CHANGE_JOINED, joined.length, true)
  writeU32(buf, CHANGE_LEFT, left.length, true)
  all.forEach((address, i) => {
    writeAddress(address, buf, CHANGE_ADDRESSES + i * ADDRESS_LENGTH)
  })
  return buf
}

export interface CpgMembershipEvent {
  readonly group: Uint8Array
  readonly members: readonly CpgIpcAddress[]
  readonly left: readonly CpgIpcAddress[]
  readonly joined: readonly CpgIpcAddress[]
}

/** Undefined when malformed. */
export function readMembershipEvent(buf: Uint8Array, off: number, len: number): CpgMembershipEvent | undefined {
  if (len < CHANGE_ADDRESSES) return undefined
  const group = readName(buf, off + EVENT_NAME)
  const members = readU32(buf, off + CHANGE_MEMBERS, true)
  const joined = readU32(buf, off + CHANGE_JOINED, true)
  const left = readU32(buf, off + CHANGE_LEFT, true)
  if (group === undefined || CHANGE_ADDRESSES + (members + joined + left) * ADDRESS_LENGTH > len) return undefined
  const at = off + CHANGE_ADDRESSES
  return {
    group,
    members: readAddresses(buf, at, members),
    left: readAddresses(buf, at + members * ADDRESS_LENGTH, left),
    joined: readAddresses(buf, at + (members + left) * ADDRESS_LENGTH, joined),
  }
}

/** A whole event about the ring under the groups. */
export function ringEvent(nodeId: number, seq: number, members: readonly number[]): Uint8Array {
  const length = RING_FIXED + members.length * 4
  const buf = new Uint8Array(length)
  writeResponseHeader(buf, 0, CpgEvent.ring, length, OK, true)
  writeU32(buf, RING_NODE, nodeId, true)
  writeU32(buf, RING_SEQ, seq >>> 0, true)
  writeU32(buf, RING_SEQ + 4, Math.floor(seq / 0x1_0000_0000), true)
  writeU32(buf, RING_COUNT, members.length, true)
  members.forEach((member, i) => {
    writeU32(buf, RING_MEMBERS + i * 4, member, true)
  })
  return buf
}

export interface CpgRingEvent {
  readonly ring: { readonly nodeId: number; readonly seq: number }
  readonly members: readonly number[]
}

/** Undefined when malformed. */
export function readRingEvent(buf: Uint8Array, off: number, len: number): CpgRingEvent | undefined {
  if (len < RING_MEMBERS) return undefined
  const count = readU32(buf, off + RING_COUNT, true)
  if (RING_MEMBERS + count * 4 > len) return undefined
  const seq = readU32(buf, off + RING_SEQ, true) + readU32(buf, off + RING_SEQ + 4, true) * 0x1_0000_0000
  const members = Array.from({ length: count }, (_, i) => readU32(buf, off + RING_MEMBERS + i * 4, true))
  return { ring: { nodeId: readU32(buf, off + RING_NODE, true), seq }, members }
}

/** What is the same in all deliveries of a group; the rest is set per message. */
export function writeDeliverHead(group: Uint8Array, buf: Uint8Array): void {
  buf.fill(0, 0, DELIVER_DATA)
  writeResponseHeader(buf, 0, CpgEvent.deliver, DELIVER_DATA, OK, true)
  writeName(group, buf, EVENT_NAME)
}

export function setDeliver(buf: Uint8Array, nodeId: number, pid: number, length: number): void {
  writeU32(buf, 8, DELIVER_DATA + length, true)
  writeU32(buf, DELIVER_LENGTH, length, true)
  writeU32(buf, DELIVER_NODE, nodeId, true)
  writeU32(buf, DELIVER_PID, pid, true)
}

export interface CpgDelivery {
  nodeId: number
  pid: number
  /** Where the data stands, counted from the start of the event. */
  dataOff: number
  dataLength: number
  /** 0 for a whole message, else the place of the piece. */
  type: number
  /** Length of the whole message. */
  total: number
}

/** Reads a delivery of either kind into `into`; false when it is malformed. The name is not looked at. */
export function readDelivery(buf: Uint8Array, off: number, len: number, partial: boolean, into: CpgDelivery): boolean {
  const data = partial ? PARTIAL_EVENT_DATA : DELIVER_DATA
  if (len < data) return false
  into.total = readU32(buf, off + DELIVER_LENGTH, true)
  into.dataLength = partial ? readU32(buf, off + PARTIAL_EVENT_LENGTH, true) : into.total
  into.nodeId = readU32(buf, off + (partial ? PARTIAL_EVENT_NODE : DELIVER_NODE), true)
  into.pid = readU32(buf, off + (partial ? PARTIAL_EVENT_PID : DELIVER_PID), true)
  into.type = partial ? readU32(buf, off + PARTIAL_EVENT_TYPE, true) : 0
  into.dataOff = data
  return into.dataLength <= len - data
}

/** The same for pieces of long messages. */
export function writePartialHead(group: Uint8Array, buf: Uint8Array): void {
  buf.fill(0, 0, PARTIAL_EVENT_DATA)
  writeResponseHeader(buf, 0, CpgEvent.deliverPartial, PARTIAL_EVENT_DATA, OK, true)
  writeName(group, buf, EVENT_NAME)
}

export function setPartial(
  buf: Uint8Array,
  nodeId: number,
  pid: number,
  type: number,
  total: number,
  length: number,
): void {
  writeU32(buf, 8, PARTIAL_EVENT_DATA + length, true)
  writeU32(buf, PARTIAL_EVENT_TOTAL, total, true)
  writeU32(buf, PARTIAL_EVENT_LENGTH, length, true)
  writeU32(buf, PARTIAL_EVENT_NODE, nodeId, true)
  writeU32(buf, PARTIAL_EVENT_PID, pid, true)
  writeU32(buf, PARTIAL_EVENT_TYPE, type, true)
}

/** An answer that is nothing but its header. */
export function plainResponse(id: number, error: number, buf: Uint8Array): void {
  writeResponseHeader(buf, 0, id, RESPONSE_HEADER_LENGTH, error, true)
}

// ---- requests, as a program writes them

function request(id: number, length: number): Uint8Array {
  const buf = new Uint8Array(length)
  writeServiceHeader(buf, 0, id, length, true)
  return buf
}

function nameRequest(id: number, length: number, name: Uint8Array): Uint8Array {
  const buf = request(id, length)
  writeName(name, buf, REQUEST_NAME)
  return buf
}

export function joinRequest(name: Uint8Array, pid: number, flags: number): Uint8Array {
  const buf = nameRequest(CpgRequest.join, CpgRequestLength.join, name)
  writeU32(buf, JOIN_PID, pid, true)
  writeU32(buf, JOIN_FLAGS, flags, true)
  return buf
}

export function leaveRequest(name: Uint8Array, pid: number): Uint8Array {
  const buf = nameRequest(CpgRequest.leave, CpgRequestLength.leave, name)
  writeU32(buf, LEAVE_PID, pid, true)
  return buf
}

export function membershipRequest(name: Uint8Array): Uint8Array {
  return nameRequest(CpgRequest.membership, CpgRequestLength.membership, name)
}

/** LOCAL_GET and FINALIZE. */
export function bareRequest(id: number): Uint8Array {
  return request(id, SERVICE_HEADER_LENGTH)
}

/** `name` is empty unless `type` asks for one group. */
export function iterationRequest(name: Uint8Array, type: number): Uint8Array {
  const buf = nameRequest(CpgRequest.iterationInitialize, CpgRequestLength.iterationInitialize, name)
  writeU32(buf, ITERATION_TYPE, type, true)
  return buf
}

/** The next step of an iteration, or its end. The handle is given back as it came. */
export function iterationHandleRequest(id: number, handle: Uint8Array): Uint8Array {
  const buf = request(id, CpgRequestLength.iterationNext)
  buf.set(handle, ITERATION_HANDLE)
  return buf
}

export function readIterationHandle(buf: Uint8Array): Uint8Array {
  return buf.slice(ITERATION_ANSWER_HANDLE, ITERATION_ANSWER_HANDLE + 8)
}

/** Everything of a multicast but its data. */
export function mcastHead(guarantee: number, dataLength: number): Uint8Array {
  const buf = request(CpgRequest.mcast, MCAST_DATA)
  writeU32(buf, 8, MCAST_DATA + dataLength, true)
  writeU32(buf, MCAST_GUARANTEE, guarantee, true)
  writeU32(buf, MCAST_DATA_LENGTH, dataLength, true)
  return buf
}

/** Everything of a piece of a long message but its data. */
export function partialMcastHead(guarantee: number, type: number, total: number, dataLength: number): Uint8Array {
  const buf = request(CpgRequest.partialMcast, PARTIAL_DATA)
  writeU32(buf, 8, PARTIAL_DATA + dataLength, true)
  writeU32(buf, MCAST_GUARANTEE, guarantee, true)
  writeU32(buf, PARTIAL_TOTAL, total, true)
  writeU32(buf, PARTIAL_DATA_LENGTH, dataLength, true)
  writeU32(buf, PARTIAL_TYPE, type, true)
  return buf
}
