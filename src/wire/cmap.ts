// The one cluster message of the configuration map, service 0: each node's totem.config_version (spec: services 7.4).
// In: messages behind the group header and the originator's byte order. Out: a record.
// Must not know: what a different version means.

import { readBigU64, readU16, readU64, writeBigU64, writeU16, writeU64 } from './cursor.js'
import { messageId, SERVICE_HEADER_LENGTH, ServiceId, writeServiceHeader } from './service.js'

export const CMAP_MCAST = 0

/** Why the message was sent: as part of each synchronisation, or because the value changed. */
export const CmapReason = { sync: 0, newConfigVersion: 1 } as const

// Message:   0 header | 16 reason u8 | 24 items u8 | 32 reserved | 40 reserved | 48 items, each padded to 8
// Item:      0 key length u16 | 8 key[256] | 264 type u8 | 272 value length u64 | 280 value
const MCAST_REASON = SERVICE_HEADER_LENGTH
const MCAST_ITEM_COUNT = 24
const MCAST_ITEMS = 48
const ITEM_KEY = 8
const ITEM_KEY_MAX = 256
const ITEM_TYPE = 264
const ITEM_VALUE_LENGTH = 272
const ITEM_VALUE = 280
const ITEM_ALIGNMENT = 8
/** A message holds at most this many items. */
export const CMAP_ITEMS_MAX = 32

const TYPE_NONE = 0
const TYPE_U64 = 8
const U64_LENGTH = 8

const KEY = Uint8Array.from('totem.config_version', char => char.charCodeAt(0))
/** Room for the message as we write it. */
export const CMAP_MCAST_LENGTH_MAX = MCAST_ITEMS + ITEM_VALUE + U64_LENGTH

export interface CmapMcast {
  readonly reason: number
  /** Undefined when the sender has none, or not as a u64; counts as 0 then. */
  readonly configVersion: bigint | undefined
}

/** Undefined when malformed. Items other than the version are skipped. */
export function readCmapMcast(buf: Uint8Array, off: number, len: number, little: boolean): CmapMcast | undefined {
  if (len < MCAST_ITEMS) return undefined
  const count = buf[off + MCAST_ITEM_COUNT]!
  if (count > CMAP_ITEMS_MAX) return undefined
  const end = off + len
  let configVersion: bigint | undefined
  let at = off + MCAST_ITEMS
  for (let i = 0; i < count; i++) {
    if (end - at < ITEM_VALUE) return undefined
    const keyLength = readU16(buf, at, little)
    const valueLength = readU64(buf, at + ITEM_VALUE_LENGTH, little)
    if (keyLength > ITEM_KEY_MAX || valueLength < 0 || valueLength > end - at - ITEM_VALUE) return undefined
    if (buf[at + ITEM_TYPE] === TYPE_U64 && valueLength === U64_LENGTH && isKey(buf, at, keyLength)) {
      configVersion = readBigU64(buf, at + ITEM_VALUE, little)
    }
    at += ITEM_VALUE + Math.ceil(valueLength / ITEM_ALIGNMENT) * ITEM_ALIGNMENT
  }
  return { reason: buf[off + MCAST_REASON]!, configVersion }
}

export function writeCmapMcast(message: CmapMcast, buf: Uint8Array, off: number, little: boolean): number {
  const { reason, configVersion } = message
  const valueLength = configVersion === undefined ? 0 : U64_LENGTH
  const length = MCAST_ITEMS + ITEM_VALUE + valueLength
  const item = off + MCAST_ITEMS
  buf.fill(0, off, off + length)
  writeServiceHeader(buf, off, messageId(ServiceId.cmap, CMAP_MCAST), length, little)
  buf[off + MCAST_REASON] = reason
  buf[off + MCAST_ITEM_COUNT] = 1
  writeU16(buf, item, KEY.length, little)
  buf.set(KEY, item + ITEM_KEY)
  buf[item + ITEM_TYPE] = configVersion === undefined ? TYPE_NONE : TYPE_U64
  writeU64(buf, item + ITEM_VALUE_LENGTH, valueLength, little)
  if (configVersion !== undefined) writeBigU64(buf, item + ITEM_VALUE, configVersion, little)
  return length
}

function isKey(buf: Uint8Array, item: number, length: number): boolean {
  if (length !== KEY.length) return false
  for (let i = 0; i < length; i++) if (buf[item + ITEM_KEY + i] !== KEY[i]) return false
  return true
}
