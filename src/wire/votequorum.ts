// The cluster messages of the vote quorum service, service 5 (spec: services 4.2).
// In: messages behind the group header and the originator's byte order; what to say. Out: records and bytes.
// Must not know: what makes a cluster quorate. Padding and what stands behind the end of a name are written as zeros and
// ignored on receipt.

import { readU32, writeU32 } from './cursor.js'
import { messageId, SERVICE_HEADER_LENGTH, ServiceId, writeServiceHeader } from './service.js'

/** Function numbers of the cluster messages. */
export const VotequorumFunction = {
  nodeInfo: 0,
  reconfigure: 1,
  qdeviceReg: 2,
  qdeviceReconfigure: 3,
} as const

/** Bits of a node's state, as told to the others. */
export const NodeFlag = {
  QUORATE: 1,
  LEAVING: 2,
  WFA_STATUS: 4,
  FIRST: 8,
  QDEVICE_REGISTERED: 16,
  QDEVICE_ALIVE: 32,
  QDEVICE_CAST_VOTE: 64,
  QDEVICE_MASTER_WINS: 128,
} as const

/** What a RECONFIGURE changes. */
export const ReconfigureParam = { EXPECTED_VOTES: 1, NODE_VOTES: 2, CANCEL_WAIT_FOR_ALL: 3 } as const

/** Node id of the quorum device's own record. */
export const QDEVICE_NODE_ID = 0
/** Bytes of a device name's field, the zero at its end included. */
export const QDEVICE_NAME_FIELD = 255

// nodeInfo:            0 header | 16 nodeid u32 | 20 votes u32 | 24 expected u32 | 28 flags u32 | 32
const INFO_NODE_ID = SERVICE_HEADER_LENGTH
const INFO_VOTES = 20
const INFO_EXPECTED = 24
const INFO_FLAGS = 28
export const VOTEQUORUM_NODE_INFO_LENGTH = 32

// reconfigure:         0 header | 16 nodeid u32 | 20 value u32 | 24 param u8 | 25 pad | 32
const CONF_NODE_ID = SERVICE_HEADER_LENGTH
const CONF_VALUE = 20
const CONF_PARAM = 24
export const VOTEQUORUM_RECONFIGURE_LENGTH = 32

// qdeviceReg:          0 header | 16 operation u32 | 20 name[255] | 275 pad | 280
const REG_OPERATION = SERVICE_HEADER_LENGTH
const REG_NAME = 20
export const VOTEQUORUM_QDEVICE_REG_LENGTH = 280

// qdeviceReconfigure:  0 header | 16 old name[255] | 271 new name[255] | 526 pad | 528
const RENAME_OLD = SERVICE_HEADER_LENGTH
const RENAME_NEW = RENAME_OLD + QDEVICE_NAME_FIELD
export const VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH = 528

/** Longest of them. */
export const VOTEQUORUM_MESSAGE_MAX = VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH

export interface NodeInfo {
  nodeId: number
  votes: number
  expected: number
  flags: number
}

export interface Reconfigure {
  readonly nodeId: number
  readonly value: number
  readonly param: number
}

export interface QdeviceReg {
  readonly register: boolean
  readonly name: string
}

export interface QdeviceReconfigure {
  readonly oldName: string
  readonly newName: string
}

export function createNodeInfo(): NodeInfo {
  return { nodeId: 0, votes: 0, expected: 0, flags: 0 }
}

export function readNodeInfo(buf: Uint8Array, off: number, len: number, little: boolean, into: NodeInfo): boolean {
  if (len < VOTEQUORUM_NODE_INFO_LENGTH) return false
  into.nodeId = readU32(buf, off + INFO_NODE_ID, little)
  into.votes = readU32(buf, off + INFO_VOTES, little)
  into.expected = readU32(buf, off + INFO_EXPECTED, little)
  into.flags = readU32(buf, off + INFO_FLAGS, little)
  return true
}

export function writeNodeInfo(info: NodeInfo, buf: Uint8Array, off: number, little: boolean): number {
  const id = messageId(ServiceId.votequorum, VotequorumFunction.nodeInfo)
  writeServiceHeader(buf, off, id, VOTEQUORUM_NODE_INFO_LENGTH, little)
  writeU32(buf, off + INFO_NODE_ID, info.nodeId, little)
  writeU32(buf, off + INFO_VOTES, info.votes, little)
  writeU32(buf, off + INFO_EXPECTED, info.expected, little)
  writeU32(buf, off + INFO_FLAGS, info.flags, little)
  return VOTEQUORUM_NODE_INFO_LENGTH
}

export function readReconfigure(buf: Uint8Array, off: number, len: number, little: boolean): Reconfigure | undefined {
  if (len < VOTEQUORUM_RECONFIGURE_LENGTH) return undefined
  return {
    nodeId: readU32(buf, off + CONF_NODE_ID, little),
    value: readU32(buf, off + CONF_VALUE, little),
    param: buf[off + CONF_PARAM]!,
  }
}

export function writeReconfigure(message: Reconfigure, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + VOTEQUORUM_RECONFIGURE_LENGTH)
  const id = messageId(ServiceId.votequorum, VotequorumFunction.reconfigure)
  writeServiceHeader(buf, off, id, VOTEQUORUM_RECONFIGURE_LENGTH, little)
  writeU32(buf, off + CONF_NODE_ID, message.nodeId, little)
  writeU32(buf, off + CONF_VALUE, message.value, little)
  buf[off + CONF_PARAM] = message.param
  return VOTEQUORUM_RECONFIGURE_LENGTH
}

/** Undefined when malformed: there are two operations only. */
export function readQdeviceReg(buf: Uint8Array, off: number, len: number, little: boolean): QdeviceReg | undefined {
  if (len < VOTEQUORUM_QDEVICE_REG_LENGTH) return undefined
  const operation = readU32(buf, off + REG_OPERATION, little)
  if (operation > 1) return undefined
  return { register: operation === 1, name: readQdeviceName(buf, off + REG_NAME) }
}

export function writeQdeviceReg(message: QdeviceReg, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + VOTEQUORUM_QDEVICE_REG_LENGTH)
  const id = messageId(ServiceId.votequorum, VotequorumFunction.qdeviceReg)
  writeServiceHeader(buf, off, id, VOTEQUORUM_QDEVICE_REG_LENGTH, little)
  writeU32(buf, off + REG_OPERATION, message.register ? 1 : 0, little)
  writeQdeviceName(message.name, buf, off + REG_NAME)
  return VOTEQUORUM_QDEVICE_REG_LENGTH
}

export function readQdeviceReconfigure(buf: Uint8Array, off: number, len: number): QdeviceReconfigure | undefined {
  if (len < VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH) return undefined
  return { oldName: readQdeviceName(buf, off + RENAME_OLD), newName: readQdeviceName(buf, off + RENAME_NEW) }
}

export function writeQdeviceReconfigure(
  message: QdeviceReconfigure,
  buf: Uint8Array,
  off: number,
  little: boolean,
): number {
  buf.fill(0, off, off + VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH)
  const id = messageId(ServiceId.votequorum, VotequorumFunction.qdeviceReconfigure)
  writeServiceHeader(buf, off, id, VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH, little)
  writeQdeviceName(message.oldName, buf, off + RENAME_OLD)
  writeQdeviceName(message.newName, buf, off + RENAME_NEW)
  return VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH
}

/**
 * The name in a field, one character per byte up to the first zero: names are compared byte by byte, and what stands
 * behind the zero is whatever was in memory there.
 */
export function readQdeviceName(buf: Uint8Array, off: number): string {
  let name = ''
  for (let i = 0; i < QDEVICE_NAME_FIELD && buf[off + i] !== 0; i++) name += String.fromCharCode(buf[off + i]!)
  return name
}

/** Writes into a field that is all zeros; a name that fills it leaves no room for a zero behind it. */
export function writeQdeviceName(name: string, buf: Uint8Array, off: number): void {
  for (let i = 0; i < name.length && i < QDEVICE_NAME_FIELD; i++) buf[off + i] = name.charCodeAt(i)
}
