// What all service messages have in common: who the services are, the header of cluster messages and requests, and the
// longer one of responses (spec: services 1.1, 1.2, 1.5; totem 10.1).
// In: bytes and their byte order. Out: ids and sizes.
// Must not know: what any service says. Padding is written as zeros and never looked at: C nodes leave garbage there.

import { readS32, writeU32 } from './cursor.js'

/** Service ids, part of every message id. */
export const ServiceId = {
  cmap: 0,
  cfg: 1,
  cpg: 2,
  quorum: 3,
  pload: 4,
  votequorum: 5,
  mon: 6,
  wd: 7,
} as const
export type ServiceName = keyof typeof ServiceId

const SHORT_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ServiceId).map(([name, id]) => [id, name]))

/** Name in keys and in some log lines; the number itself where there is none. */
export function serviceShortName(id: number): string {
  return SHORT_NAMES.get(id) ?? String(id)
}

/** Names for logs and tools, by id. */
export const SERVICE_DISPLAY_NAMES: Readonly<Record<ServiceName, string>> = {
  cmap: 'corosync configuration map access',
  cfg: 'corosync configuration service',
  cpg: 'corosync cluster closed process group service v1.01',
  quorum: 'corosync cluster quorum service v0.1',
  pload: 'corosync profile loading service',
  votequorum: 'corosync vote quorum service v1.0',
  mon: 'corosync resource monitoring service',
  wd: 'corosync watchdog service',
}

/** Services are numbered below this; C nodes index a table of this size unchecked, so larger ids are never sent. */
export const SERVICE_COUNT_MAX = 64

// Message header:                        Response header goes on with:
//   0        4     8         12    16      16          20    24
//   | id s32 | pad | size s32 | pad |      | error s32 | pad |
const HDR_ID = 0
const HDR_SIZE = 8
const HDR_ERROR = 16
export const SERVICE_HEADER_LENGTH = 16
export const RESPONSE_HEADER_LENGTH = 24

export function messageId(service: number, fn: number): number {
  return (service << 16) | fn
}

export function serviceOf(id: number): number {
  return id >>> 16
}

export function functionOf(id: number): number {
  return id & 0xffff
}

/**
 * Checks the header of a message of group `a` or `sync` and returns its id (of a service, see serviceOf; plain in
 * `sync`); -1 when the message is shorter than its header or than the size written there, or names no possible service.
 */
export function checkServiceMessage(buf: Uint8Array, off: number, len: number, little: boolean): number {
  if (len < SERVICE_HEADER_LENGTH) return -1
  const size = readS32(buf, off + HDR_SIZE, little)
  if (size < SERVICE_HEADER_LENGTH || size > len) return -1
  const id = readS32(buf, off + HDR_ID, little)
  return id >= 0 && serviceOf(id) < SERVICE_COUNT_MAX ? id : -1
}

/** The size written in a checked header, at most the length of the message. */
export function messageSize(buf: Uint8Array, off: number, little: boolean): number {
  return readS32(buf, off + HDR_SIZE, little)
}

export function writeServiceHeader(buf: Uint8Array, off: number, id: number, size: number, little: boolean): void {
  writeU32(buf, off + HDR_ID, id, little)
  writeU32(buf, off + HDR_ID + 4, 0, little)
  writeU32(buf, off + HDR_SIZE, size, little)
  writeU32(buf, off + HDR_SIZE + 4, 0, little)
}

export function responseError(buf: Uint8Array, off: number, little: boolean): number {
  return readS32(buf, off + HDR_ERROR, little)
}

export function writeResponseHeader(
  buf: Uint8Array,
  off: number,
  id: number,
  size: number,
  error: number,
  little: boolean,
): void {
  writeServiceHeader(buf, off, id, size, little)
  writeU32(buf, off + HDR_ERROR, error, little)
  writeU32(buf, off + HDR_ERROR + 4, 0, little)
}
