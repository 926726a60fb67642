// The cluster messages of the configuration service, service 1 (spec: services 6.2).
// In: messages behind the group header and the originator's byte order. Out: records and bytes.
// Must not know: what a node does about them. C nodes cannot turn around the bytes of most of these; reading them in the
// sender's order costs nothing here.

import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './cursor.js'
import { messageId, SERVICE_HEADER_LENGTH, ServiceId, writeServiceHeader } from './service.js'

/** Function numbers of the cluster messages. */
export const CfgFunction = {
  ringReenable: 0,
  killNode: 1,
  shutdown: 2,
  reloadConfig: 3,
  cryptoReconfig: 4,
} as const

/** Phases of a change of keys: send with the new key; forget the old one. */
export const CryptoPhase = { activate: 1, cleanUp: 2 } as const

// ringReenable, reloadConfig:   0 header | 16 source: nodeid u32, pad, conn u64 | 32
const SOURCE_NODE = SERVICE_HEADER_LENGTH
const SOURCE_CONN = 24
export const CFG_SOURCE_LENGTH = 32

// killNode:   0 header | 16 nodeid u32 | 20 pad | 24 reason: length u16, pad, 32 text[256] | 288
const KILL_NODE = SERVICE_HEADER_LENGTH
const KILL_REASON_LENGTH = 24
const KILL_REASON = 32
/** Bytes of a reason, its terminator included. */
export const CFG_REASON_MAX = 256
export const CFG_KILL_LENGTH = KILL_REASON + CFG_REASON_MAX

/** shutdown: only the header. */
export const CFG_SHUTDOWN_LENGTH = SERVICE_HEADER_LENGTH

// cryptoReconfig:   0 header | 16 phase u32 | 20 pad | 24
const CRYPTO_PHASE = SERVICE_HEADER_LENGTH
export const CFG_CRYPTO_LENGTH = 24

/** Who asked: means something only to the node that wrote it. */
export interface CfgSource {
  readonly nodeId: number
  /** -1 where it is a number that does not fit; those are other nodes' pointers. */
  readonly connection: number
}

/** Undefined when the message is too short. */
export function readCfgSource(buf: Uint8Array, off: number, len: number, little: boolean): CfgSource | undefined {
  if (len < CFG_SOURCE_LENGTH) return undefined
  return {
    nodeId: readU32(buf, off + SOURCE_NODE, little),
    connection: readU64(buf, off + SOURCE_CONN, little),
  }
}

/** ringReenable and reloadConfig. Returns the length. */
export function writeCfgSource(fn: number, source: CfgSource, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + CFG_SOURCE_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cfg, fn), CFG_SOURCE_LENGTH, little)
  writeU32(buf, off + SOURCE_NODE, source.nodeId, little)
  writeU64(buf, off + SOURCE_CONN, source.connection, little)
  return CFG_SOURCE_LENGTH
}

export interface CfgKill {
  readonly nodeId: number
  /** Without terminator. A view of the message, valid as long as that. */
  readonly reason: Uint8Array
}

/** Undefined when the message is too short. A reason that claims to be longer than its room ends with the room. */
export function readCfgKill(buf: Uint8Array, off: number, len: number, little: boolean): CfgKill | undefined {
  if (len < CFG_KILL_LENGTH) return undefined
  const length = Math.min(readU16(buf, off + KILL_REASON_LENGTH, little), CFG_REASON_MAX)
  return {
    nodeId: readU32(buf, off + KILL_NODE, little),
    reason: textIn(buf, off + KILL_REASON, length),
  }
}

/** A reason that is too long loses its end. */
export function writeCfgKill(message: CfgKill, buf: Uint8Array, off: number, little: boolean): number {
  const reason = message.reason.subarray(0, CFG_REASON_MAX - 1)
  buf.fill(0, off, off + CFG_KILL_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cfg, CfgFunction.killNode), CFG_KILL_LENGTH, little)
  writeU32(buf, off + KILL_NODE, message.nodeId, little)
  writeU16(buf, off + KILL_REASON_LENGTH, reason.length + 1, little)
  buf.set(reason, off + KILL_REASON)
  return CFG_KILL_LENGTH
}

export function writeCfgShutdown(buf: Uint8Array, off: number, little: boolean): number {
  writeServiceHeader(buf, off, messageId(ServiceId.cfg, CfgFunction.shutdown), CFG_SHUTDOWN_LENGTH, little)
  return CFG_SHUTDOWN_LENGTH
}

/** The phase; undefined when the message is too short. */
export function readCfgCrypto(buf: Uint8Array, off: number, len: number, little: boolean): number | undefined {
  return len < CFG_CRYPTO_LENGTH ? undefined : readU32(buf, off + CRYPTO_PHASE, little)
}

export function writeCfgCrypto(phase: number, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + CFG_CRYPTO_LENGTH)
  writeServiceHeader(buf, off, messageId(ServiceId.cfg, CfgFunction.cryptoReconfig), CFG_CRYPTO_LENGTH, little)
  writeU32(buf, off + CRYPTO_PHASE, phase, little)
  return CFG_CRYPTO_LENGTH
}

/** The text in `length` bytes: up to its terminator, if it has one. */
function textIn(buf: Uint8Array, off: number, length: number): Uint8Array {
  let end = 0
  while (end < length && buf[off + end] !== 0) end++
  return buf.subarray(off, off + end)
}
