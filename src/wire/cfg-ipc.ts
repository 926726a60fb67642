// What programs and the configuration service say to each other, in the byte order of this machine (spec: services 6.1).
// In: requests with a checked header; what to answer. Out: records and bytes. Must not know: what any of it means.

import { HOST_LITTLE_ENDIAN, readU16, readU32, writeU16, writeU32 } from './cursor.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader, writeServiceHeader } from './service.js'

const LITTLE = HOST_LITTLE_ENDIAN

/** Numbers of the answers, and of the one event. Those of the requests are their places in the table. */
export const CfgResponse = {
  ringStatusGet: 0,
  ringReenable: 1,
  trackStart: 2,
  trackStop: 3,
  killNode: 8,
  tryShutdown: 9,
  /** The event that asks a program whether the node may go. */
  testShutdown: 10,
  getNodeAddresses: 11,
  localGet: 12,
  replyToShutdown: 13,
  reloadConfig: 14,
  reopenLogFiles: 15,
  nodeStatusGet: 16,
} as const

/** What TRYSHUTDOWN asks for. */
export const ShutdownFlag = { request: 0, regardless: 1, immediate: 2 } as const

/** Links of a node in every table below. */
export const CFG_LINK_COUNT_MAX = 8

/** A request of one u32 (shutdown flags, vote, node id):   0 header | 16 u32 | 20 pad | 24 */
export const CFG_WORD_REQUEST_LENGTH = 24
const REQUEST_WORD = SERVICE_HEADER_LENGTH

// KILLNODE:   0 header | 16 nodeid u32 | 20 pad | 24 reason: length u16, text[256] at 26 | 282 pad | 288
const KILL_REASON_LENGTH = 24
const KILL_REASON = 26
const KILL_REASON_MAX = 256
export const CFG_KILL_REQUEST_LENGTH = 288

// NODESTATUSGET:   0 header | 16 nodeid u32 | 20 pad | 24 version u32 | 28 pad | 32
const STATUS_VERSION = 24
export const CFG_NODE_STATUS_REQUEST_LENGTH = 32

export function readWordRequest(buf: Uint8Array, off: number): number {
  return readU32(buf, off + REQUEST_WORD, LITTLE)
}

/** The reason of a KILLNODE request, copied, without terminator. */
export function readKillReason(buf: Uint8Array, off: number): Uint8Array {
  const length = Math.min(readU16(buf, off + KILL_REASON_LENGTH, LITTLE), KILL_REASON_MAX)
  const text = new Uint8Array(buf.subarray(off + KILL_REASON, off + KILL_REASON + length))
  const end = text.indexOf(0)
  return end < 0 ? text : text.subarray(0, end)
}

export function readStatusVersion(buf: Uint8Array, off: number): number {
  return readU32(buf, off + STATUS_VERSION, LITTLE)
}

/** An answer that says no more than how it went. */
export function writePlainResponse(id: number, error: number, buf: Uint8Array, off: number): number {
  writeResponseHeader(buf, off, id, RESPONSE_HEADER_LENGTH, error, LITTLE)
  return RESPONSE_HEADER_LENGTH
}

// Answer to LOCAL_GET and the event:   0 response header | 24 u32 | 28 pad | 32
const WORD_RESPONSE_LENGTH = 32

export function writeWordResponse(id: number, error: number, word: number, buf: Uint8Array, off: number): number {
  buf.fill(0, off, off + WORD_RESPONSE_LENGTH)
  writeResponseHeader(buf, off, id, WORD_RESPONSE_LENGTH, error, LITTLE)
  writeU32(buf, off + RESPONSE_HEADER_LENGTH, word, LITTLE)
  return WORD_RESPONSE_LENGTH
}

/** The event that asks a program whether the node may go. */
export function writeTestShutdown(flags: number, error: number, buf: Uint8Array, off: number): number {
  return writeWordResponse(CfgResponse.testShutdown, error, flags, buf, off)
}

// RINGSTATUSGET:   0 response header | 24 count u32 | 28 pad | 32 name[16][128] | 2080 status[16][512] | 10272
const RING_COUNT = 24
const RING_NAMES = 32
const RING_NAME_LENGTH = 128
const RING_STATUSES = 2080
const RING_STATUS_LENGTH = 512
const RING_PLACES = 16
export const CFG_RING_STATUS_LENGTH = RING_STATUSES + RING_PLACES * RING_STATUS_LENGTH

export interface RingStatusText {
  readonly name: string
  readonly status: string
}

/** False when a text does not fit its place, or there are too many; nothing useful has been written then. */
export function writeRingStatus(
  links: readonly RingStatusText[],
  error: number,
  buf: Uint8Array,
  off: number,
): boolean {
  buf.fill(0, off, off + CFG_RING_STATUS_LENGTH)
  writeResponseHeader(buf, off, CfgResponse.ringStatusGet, CFG_RING_STATUS_LENGTH, error, LITTLE)
  if (links.length > RING_PLACES) return false
  writeU32(buf, off + RING_COUNT, links.length, LITTLE)
  return links.every(
    ({ name, status }, i) =>
      writeText(name, buf, off + RING_NAMES + i * RING_NAME_LENGTH, RING_NAME_LENGTH) &&
      writeText(status, buf, off + RING_STATUSES + i * RING_STATUS_LENGTH, RING_STATUS_LENGTH),
  )
}

// GET_NODE_ADDRS:   0 response header | 24 family u32 | 28 count u32 | 32 n x address[16]
const ADDRESS_FAMILY = 24
const ADDRESS_COUNT = 28
const ADDRESSES = 32
const ADDRESS_LENGTH = 16
export const CFG_ADDRESSES_LENGTH_MAX = ADDRESSES + CFG_LINK_COUNT_MAX * ADDRESS_LENGTH
/** The system's numbers of the families. */
const AF_INET = 2
const AF_INET6 = 10

/** Addresses of 4 or 16 bytes, all of one family. More than there are links are left out. */
export function writeNodeAddresses(
  addresses: readonly Uint8Array[],
  error: number,
  buf: Uint8Array,
  off: number,
): number {
  const count = Math.min(addresses.length, CFG_LINK_COUNT_MAX)
  const length = ADDRESSES + count * ADDRESS_LENGTH
  buf.fill(0, off, off + length)
  writeResponseHeader(buf, off, CfgResponse.getNodeAddresses, length, error, LITTLE)
  writeU32(buf, off + ADDRESS_FAMILY, addresses[0]?.length === ADDRESS_LENGTH ? AF_INET6 : AF_INET, LITTLE)
  writeU32(buf, off + ADDRESS_COUNT, count, LITTLE)
  for (let i = 0; i < count; i++) {
    buf.set(addresses[i]!.subarray(0, ADDRESS_LENGTH), off + ADDRESSES + i * ADDRESS_LENGTH)
  }
  return length
}

// NODESTATUSGET, version 1:
//   0 response header | 24 version u32 | 28 nodeid u32 | 32 reachable | 33 remote | 34 external | 35 onwire_min |
//   36 onwire_max | 37 onwire_ver | 38 pad | 40 links[8] | 4200; refused: as far as 32
// Link:   0 enabled | 1 connected | 2 dynconnected | 3 pad | 4 mtu u32 | 8 source[256] | 264 destination[256] | 520
const STATUS_NODE = 28
const STATUS_REACHABLE = 32
const STATUS_REMOTE = 33
const STATUS_EXTERNAL = 34
const STATUS_ONWIRE_MIN = 35
const STATUS_ONWIRE_MAX = 36
const STATUS_ONWIRE = 37
const STATUS_LINKS = 40
const LINK_CONNECTED = 1
const LINK_DYNCONNECTED = 2
const LINK_MTU = 4
const LINK_SOURCE = 8
const LINK_DESTINATION = 264
const LINK_ADDRESS_LENGTH = 256
const LINK_LENGTH = 520
export const CFG_NODE_STATUS_LENGTH = STATUS_LINKS + CFG_LINK_COUNT_MAX * LINK_LENGTH
export const CFG_NODE_STATUS_VERSION = 1

/** One link to a node. Addresses are numeric texts. */
export interface NodeLinkStatus {
  readonly enabled: boolean
  readonly connected: boolean
  /** knet: answers its pings although it is not connected yet. */
  readonly dynamicallyConnected: boolean
  readonly mtu: number
  readonly source: string
  readonly destination: string
}

export interface NodeStatus {
  readonly reachable: boolean
  /** knet: reached through another node. */
  readonly remote: boolean
  readonly external: boolean
  readonly onwireMin: number
  readonly onwireMax: number
  readonly onwire: number
  /** At the index of their numbers; undefined where there is none. */
  readonly links: readonly (NodeLinkStatus | undefined)[]
}

export function writeNodeStatus(
  nodeId: number,
  status: NodeStatus,
  error: number,
  buf: Uint8Array,
  off: number,
): number {
  buf.fill(0, off, off + CFG_NODE_STATUS_LENGTH)
  writeResponseHeader(buf, off, CfgResponse.nodeStatusGet, CFG_NODE_STATUS_LENGTH, error, LITTLE)
  writeU32(buf, off + STATUS_VERSION, CFG_NODE_STATUS_VERSION, LITTLE)
  writeU32(buf, off + STATUS_NODE, nodeId, LITTLE)
  buf[off + STATUS_REACHABLE] = flag(status.reachable)
  buf[off + STATUS_REMOTE] = flag(status.remote)
  buf[off + STATUS_EXTERNAL] = flag(status.external)
  buf[off + STATUS_ONWIRE_MIN] = status.onwireMin
  buf[off + STATUS_ONWIRE_MAX] = status.onwireMax
  buf[off + STATUS_ONWIRE] = status.onwire
  const links = Math.min(status.links.length, CFG_LINK_COUNT_MAX)
  for (let i = 0; i < links; i++) {
    const link = status.links[i]
    if (link !== undefined) writeLink(link, buf, off + STATUS_LINKS + i * LINK_LENGTH)
  }
  return CFG_NODE_STATUS_LENGTH
}

export function writeNodeStatusRefused(error: number, buf: Uint8Array, off: number): number {
  return writeWordResponse(CfgResponse.nodeStatusGet, error, 0, buf, off)
}

function writeLink(link: NodeLinkStatus, buf: Uint8Array, at: number): void {
  buf[at] = flag(link.enabled)
  buf[at + LINK_CONNECTED] = flag(link.connected)
  buf[at + LINK_DYNCONNECTED] = flag(link.dynamicallyConnected)
  writeU32(buf, at + LINK_MTU, link.mtu, LITTLE)
  writeText(link.source, buf, at + LINK_SOURCE, LINK_ADDRESS_LENGTH)
  writeText(link.destination, buf, at + LINK_DESTINATION, LINK_ADDRESS_LENGTH)
}

function flag(value: boolean): number {
  return value ? 1 : 0
}

/** ASCII into a place that was cleared, terminator included. False when it does not fit, and then nothing is written. */
function writeText(text: string, buf: Uint8Array, at: number, room: number): boolean {
  if (text.length >= room) return false
  for (let i = 0; i < text.length; i++) buf[at + i] = text.charCodeAt(i)
  return true
}

// ---- The program's side: requests as it writes them, answers and the event as it reads them (undefined when malformed).

/** Numbers of the requests. */
export const CfgRequest = {
  ringStatusGet: 0,
  ringReenable: 1,
  killNode: 2,
  tryShutdown: 3,
  replyToShutdown: 4,
  getNodeAddresses: 5,
  localGet: 6,
  reloadConfig: 7,
  reopenLogFiles: 8,
  nodeStatusGet: 9,
  trackStart: 10,
  trackStop: 11,
} as const

/** A request that is nothing but its header. */
export function cfgRequest(id: number): Uint8Array {
  const buf = new Uint8Array(SERVICE_HEADER_LENGTH)
  writeServiceHeader(buf, 0, id, buf.length, LITTLE)
  return buf
}

/** TRYSHUTDOWN with its flags, REPLYTOSHUTDOWN with the vote, GET_NODE_ADDRS with the node id, TRACKSTART. */
export function cfgWordRequest(id: number, word: number): Uint8Array {
  const buf = new Uint8Array(CFG_WORD_REQUEST_LENGTH)
  writeServiceHeader(buf, 0, id, buf.length, LITTLE)
  writeU32(buf, REQUEST_WORD, word, LITTLE)
  return buf
}

export const CFG_REASON_LENGTH_MAX = KILL_REASON_MAX - 1

/** `reason` has at most CFG_REASON_LENGTH_MAX bytes; its terminator is counted. */
export function cfgKillRequest(nodeId: number, reason: Uint8Array): Uint8Array {
  const buf = new Uint8Array(CFG_KILL_REQUEST_LENGTH)
  writeServiceHeader(buf, 0, CfgRequest.killNode, buf.length, LITTLE)
  writeU32(buf, REQUEST_WORD, nodeId, LITTLE)
  writeU16(buf, KILL_REASON_LENGTH, reason.length + 1, LITTLE)
  buf.set(reason, KILL_REASON)
  return buf
}

export function cfgNodeStatusRequest(nodeId: number): Uint8Array {
  const buf = new Uint8Array(CFG_NODE_STATUS_REQUEST_LENGTH)
  writeServiceHeader(buf, 0, CfgRequest.nodeStatusGet, buf.length, LITTLE)
  writeU32(buf, REQUEST_WORD, nodeId, LITTLE)
  writeU32(buf, STATUS_VERSION, CFG_NODE_STATUS_VERSION, LITTLE)
  return buf
}

/** The word of a LOCAL_GET answer, or the flags of the event. */
export function readCfgWord(buf: Uint8Array, off: number, len: number): number | undefined {
  return len < WORD_RESPONSE_LENGTH ? undefined : readU32(buf, off + RESPONSE_HEADER_LENGTH, LITTLE)
}

export function readRingStatus(buf: Uint8Array): RingStatusText[] | undefined {
  if (buf.length < CFG_RING_STATUS_LENGTH) return undefined
  const count = Math.min(readU32(buf, RING_COUNT, LITTLE), RING_PLACES)
  return Array.from({ length: count }, (_, i) => ({
    name: readText(buf, RING_NAMES + i * RING_NAME_LENGTH, RING_NAME_LENGTH),
    status: readText(buf, RING_STATUSES + i * RING_STATUS_LENGTH, RING_STATUS_LENGTH),
  }))
}

/** Addresses of 4 or 16 bytes. */
export function readNodeAddresses(buf: Uint8Array): Uint8Array[] | undefined {
  if (buf.length < ADDRESSES) return undefined
  const bytes = readU32(buf, ADDRESS_FAMILY, LITTLE) === AF_INET6 ? ADDRESS_LENGTH : 4
  const count = Math.min(readU32(buf, ADDRESS_COUNT, LITTLE), Math.floor((buf.length - ADDRESSES) / ADDRESS_LENGTH))
  return Array.from({ length: count }, (_, i) => {
    const at = ADDRESSES + i * ADDRESS_LENGTH
    return buf.slice(at, at + bytes)
  })
}

export function readNodeStatus(buf: Uint8Array): NodeStatus | undefined {
  if (buf.length < CFG_NODE_STATUS_LENGTH) return undefined
  return {
    reachable: buf[STATUS_REACHABLE] !== 0,
    remote: buf[STATUS_REMOTE] !== 0,
    external: buf[STATUS_EXTERNAL] !== 0,
    onwireMin: buf[STATUS_ONWIRE_MIN]!,
    onwireMax: buf[STATUS_ONWIRE_MAX]!,
    onwire: buf[STATUS_ONWIRE]!,
    links: Array.from({ length: CFG_LINK_COUNT_MAX }, (_, i) => readLink(buf, STATUS_LINKS + i * LINK_LENGTH)),
  }
}

/** A link that is not enabled, has no addresses and no size is none. */
function readLink(buf: Uint8Array, at: number): NodeLinkStatus | undefined {
  const link = {
    enabled: buf[at] !== 0,
    connected: buf[at + LINK_CONNECTED] !== 0,
    dynamicallyConnected: buf[at + LINK_DYNCONNECTED] !== 0,
    mtu: readU32(buf, at + LINK_MTU, LITTLE),
    source: readText(buf, at + LINK_SOURCE, LINK_ADDRESS_LENGTH),
    destination: readText(buf, at + LINK_DESTINATION, LINK_ADDRESS_LENGTH),
  }
  return link.enabled || link.connected || link.mtu !== 0 || link.source !== '' ? link : undefined
}

/** ASCII up to its terminator. */
function readText(buf: Uint8Array, at: number, room: number): string {
  let text = ''
  for (let i = 0; i < room && buf[at + i] !== 0; i++) text += String.fromCharCode(buf[at + i]!)
  return text
}
