// Messages between programs and the configuration map, service cmap: ten requests, their answers, one event (spec: services
// 7.1). In: requests with a checked length, in the byte order of this machine (little endian). Out: fields; answers and
// events as bytes. Must not know: what keys mean, which values are allowed.

import { readS32, readU64, writeU16, writeU32, writeU64 } from './cursor.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader, writeServiceHeader } from './service.js'

/** Places in the table of requests, and ids of their answers with one exception. */
export const CmapRequest = {
  set: 0,
  delete: 1,
  get: 2,
  adjust: 3,
  iterInit: 4,
  iterNext: 5,
  iterFinalize: 6,
  trackAdd: 7,
  trackDelete: 8,
  setCurrentMap: 9,
} as const
export type CmapRequestId = (typeof CmapRequest)[keyof typeof CmapRequest]

const NOTIFY_ID = 9
/** The answer to setCurrentMap: 9 is that of the event. */
const SET_CURRENT_MAP_ANSWER_ID = 10

/** Types of values, as numbers. */
export const CmapType = {
  none: 0,
  i8: 1,
  u8: 2,
  i16: 3,
  u16: 4,
  i32: 5,
  u32: 6,
  i64: 7,
  u64: 8,
  flt: 9,
  dbl: 10,
  str: 11,
  bin: 12,
} as const

/** Bits of a track type. */
export const CMAP_TRACK_PREFIX = 8

export const CmapMapId = { default: 0, stats: 1 } as const

const LITTLE = true

// Name:   0 length u16 | 2 pad | 8 text[256], ended by NUL
const NAME_TEXT = 8
const NAME_TEXT_LENGTH = 256
const NAME_LENGTH = NAME_TEXT + NAME_TEXT_LENGTH

// Requests behind the header of 16:
//   set              16 key | 280 value length u64 | 288 type u8 | 296 value
//   delete           16 key
//   get              16 key | 280 room u64
//   adjust           16 key | 280 step s32
//   iterInit         16 prefix
//   iterNext, iterFinalize, trackDelete   16 handle u64
//   trackAdd         16 key | 280 track type s32 | 288 instance u64
//   setCurrentMap    16 map s32
const KEY = SERVICE_HEADER_LENGTH
const HANDLE = SERVICE_HEADER_LENGTH
const BEHIND_KEY = KEY + NAME_LENGTH
const SET_TYPE = 288
const TRACK_INSTANCE = 288
export const CMAP_SET_VALUE = 296

/** Length of each request; that of set without the value. */
export const CMAP_REQUEST_LENGTH: Readonly<Record<keyof typeof CmapRequest, number>> = {
  set: CMAP_SET_VALUE,
  delete: BEHIND_KEY,
  get: BEHIND_KEY + 8,
  adjust: BEHIND_KEY + 8,
  iterInit: BEHIND_KEY,
  iterNext: HANDLE + 8,
  iterFinalize: HANDLE + 8,
  trackAdd: TRACK_INSTANCE + 8,
  trackDelete: HANDLE + 8,
  setCurrentMap: SERVICE_HEADER_LENGTH + 8,
}

/** The key of set, delete, get, adjust, trackAdd; the prefix of iterInit. Bytes as characters; none above 255. */
export function readCmapKey(buf: Uint8Array, off: number): string {
  const start = off + KEY + NAME_TEXT
  let key = ''
  for (let i = 0; i < NAME_TEXT_LENGTH; i++) {
    const byte = buf[start + i]!
    if (byte === 0) break
    key += String.fromCharCode(byte)
  }
  return key
}

/** Whether there is no key: everything is meant (iterInit, trackAdd). */
export function hasNoCmapKey(buf: Uint8Array, off: number): boolean {
  return buf[off + KEY] === 0 && buf[off + KEY + 1] === 0
}

/** Bytes of the value that set brings; -1 for more than can be. */
export function readCmapSetLength(buf: Uint8Array, off: number): number {
  return readU64(buf, off + BEHIND_KEY, LITTLE)
}

export function readCmapSetType(buf: Uint8Array, off: number): number {
  return buf[off + SET_TYPE]!
}

/** How many bytes of value get may answer with; -1 for more than can be. */
export function readCmapGetRoom(buf: Uint8Array, off: number): number {
  return readU64(buf, off + BEHIND_KEY, LITTLE)
}

export function readCmapStep(buf: Uint8Array, off: number): number {
  return readS32(buf, off + BEHIND_KEY, LITTLE)
}

/** A handle as it was given out; -1 for one that never was. */
export function readCmapHandle(buf: Uint8Array, off: number): number {
  return readU64(buf, off + HANDLE, LITTLE)
}

export function readCmapTrackType(buf: Uint8Array, off: number): number {
  return readS32(buf, off + BEHIND_KEY, LITTLE)
}

/** What the program calls its tracker: eight bytes that nobody else looks at. */
export function readCmapInstance(buf: Uint8Array, off: number): Uint8Array {
  return new Uint8Array(buf.subarray(off + TRACK_INSTANCE, off + TRACK_INSTANCE + INSTANCE_LENGTH))
}

export function readCmapMap(buf: Uint8Array, off: number): number {
  return readS32(buf, off + SERVICE_HEADER_LENGTH, LITTLE)
}

// Answers behind the header of 24:
//   set, delete, adjust, iterFinalize, setCurrentMap   nothing
//   get              24 value length u64 | 32 type u8 | 40 value, as much as there is room for
//   iterInit         24 handle u64
//   iterNext         24 key | 288 value length u64 | 296 type u8
//   trackAdd         24 handle u64
//   trackDelete      24 instance u64
const GET_LENGTH = 24
const GET_TYPE = 32
export const CMAP_GET_VALUE = 40
const ITER_KEY = 24
const ITER_VALUE_LENGTH = 288
const ITER_TYPE = 296
const ITER_LENGTH = 304
const INSTANCE_LENGTH = 8
const HANDLE_ANSWER_LENGTH = RESPONSE_HEADER_LENGTH + 8

/** Room for every answer but one to get with a value. */
export const CMAP_ANSWER_LENGTH_MAX = ITER_LENGTH

/** Answers without content; all of them when there was an error, at their full length. Returns the length. */
export function writeCmapAnswer(buf: Uint8Array, off: number, request: CmapRequestId, error: number): number {
  const length = answerLength(request)
  const id = request === CmapRequest.setCurrentMap ? SET_CURRENT_MAP_ANSWER_ID : request
  buf.fill(0, off, off + length)
  writeResponseHeader(buf, off, id, length, error, LITTLE)
  return length
}

function answerLength(request: CmapRequestId): number {
  switch (request) {
    case CmapRequest.get:
      return CMAP_GET_VALUE
    case CmapRequest.iterNext:
      return ITER_LENGTH
    case CmapRequest.iterInit:
    case CmapRequest.trackAdd:
    case CmapRequest.trackDelete:
      return HANDLE_ANSWER_LENGTH
    default:
      return RESPONSE_HEADER_LENGTH
  }
}

/** An answer to get: type and length of the value, and room for it, filled with zeros. Returns the length. */
export function writeCmapGetAnswer(
  buf: Uint8Array,
  off: number,
  error: number,
  type: number,
  valueLength: number,
  room: number,
): number {
  const length = CMAP_GET_VALUE + room
  buf.fill(0, off, off + length)
  writeResponseHeader(buf, off, CmapRequest.get, length, error, LITTLE)
  writeU64(buf, off + GET_LENGTH, valueLength, LITTLE)
  buf[off + GET_TYPE] = type
  return length
}

/** An answer to iterInit or trackAdd. */
export function writeCmapHandleAnswer(
  buf: Uint8Array,
  off: number,
  request: CmapRequestId,
  error: number,
  handle: number,
): number {
  const length = writeCmapAnswer(buf, off, request, error)
  writeU64(buf, off + RESPONSE_HEADER_LENGTH, handle, LITTLE)
  return length
}

export function writeCmapTrackDeleteAnswer(buf: Uint8Array, off: number, error: number, instance: Uint8Array): number {
  const length = writeCmapAnswer(buf, off, CmapRequest.trackDelete, error)
  buf.set(instance, off + RESPONSE_HEADER_LENGTH)
  return length
}

export function writeCmapIterNextAnswer(
  buf: Uint8Array,
  off: number,
  error: number,
  key: string,
  type: number,
  valueLength: number,
): number {
  const length = writeCmapAnswer(buf, off, CmapRequest.iterNext, error)
  writeName(buf, off + ITER_KEY, key)
  writeU64(buf, off + ITER_VALUE_LENGTH, valueLength, LITTLE)
  buf[off + ITER_TYPE] = type
  return length
}

// Event:  24 instance u64 | 32 key | 296 event s32 | 304 new type u8 | 312 old type u8 | 320 new length u64 | 328 old length u64 |
//         336 new value, old value
const NOTIFY_INSTANCE = 24
const NOTIFY_KEY = 32
const NOTIFY_EVENT = 296
const NOTIFY_NEW_TYPE = 304
const NOTIFY_OLD_TYPE = 312
const NOTIFY_NEW_LENGTH = 320
const NOTIFY_OLD_LENGTH = 328
/** Length of an event without its values. */
export const CMAP_NOTIFY_LENGTH = 336

/** Everything of an event but its values, which follow it without a gap. Lengths in bytes. */
export function writeCmapNotify(
  buf: Uint8Array,
  off: number,
  instance: Uint8Array,
  key: string,
  event: number,
  newType: number,
  newLength: number,
  oldType: number,
  oldLength: number,
): void {
  buf.fill(0, off, off + CMAP_NOTIFY_LENGTH)
  writeResponseHeader(buf, off, NOTIFY_ID, CMAP_NOTIFY_LENGTH + newLength + oldLength, 1, LITTLE)
  buf.set(instance, off + NOTIFY_INSTANCE)
  writeName(buf, off + NOTIFY_KEY, key)
  writeU32(buf, off + NOTIFY_EVENT, event, LITTLE)
  buf[off + NOTIFY_NEW_TYPE] = newType
  buf[off + NOTIFY_OLD_TYPE] = oldType
  writeU64(buf, off + NOTIFY_NEW_LENGTH, newLength, LITTLE)
  writeU64(buf, off + NOTIFY_OLD_LENGTH, oldLength, LITTLE)
}

/** Keys of a map are ASCII and shorter than the room for them. */
function writeName(buf: Uint8Array, at: number, key: string): void {
  writeU16(buf, at, key.length, LITTLE)
  for (let i = 0; i < key.length; i++) buf[at + NAME_TEXT + i] = key.charCodeAt(i)
}

// ---- The program's side: requests as it writes them, answers and the event as it reads them. Keys are ASCII, at most
// CMAP_KEY_LENGTH_MAX characters. What reads answers gives undefined when they are malformed.

/** Longest key, without its NUL. */
export const CMAP_KEY_LENGTH_MAX = NAME_TEXT_LENGTH - 1

function cmapRequest(request: CmapRequestId, length: number, key?: string): Uint8Array {
  const buf = new Uint8Array(length)
  writeServiceHeader(buf, 0, request, length, LITTLE)
  if (key !== undefined) writeName(buf, KEY, key)
  return buf
}

export function cmapSetRequest(key: string, type: number, value: Uint8Array): Uint8Array {
  const buf = cmapRequest(CmapRequest.set, CMAP_SET_VALUE + value.length, key)
  writeU64(buf, BEHIND_KEY, value.length, LITTLE)
  buf[SET_TYPE] = type
  buf.set(value, CMAP_SET_VALUE)
  return buf
}

export function cmapDeleteRequest(key: string): Uint8Array {
  return cmapRequest(CmapRequest.delete, CMAP_REQUEST_LENGTH.delete, key)
}

/** With `room` 0 the answer has type and length only. */
export function cmapGetRequest(key: string, room: number): Uint8Array {
  const buf = cmapRequest(CmapRequest.get, CMAP_REQUEST_LENGTH.get, key)
  writeU64(buf, BEHIND_KEY, room, LITTLE)
  return buf
}

export function cmapAdjustRequest(key: string, step: number): Uint8Array {
  const buf = cmapRequest(CmapRequest.adjust, CMAP_REQUEST_LENGTH.adjust, key)
  writeU32(buf, BEHIND_KEY, step, LITTLE)
  return buf
}

/** An empty prefix: everything. */
export function cmapIterationRequest(prefix: string): Uint8Array {
  return cmapRequest(CmapRequest.iterInit, CMAP_REQUEST_LENGTH.iterInit, prefix)
}

/** `instance`: eight bytes that come back with every event. */
export function cmapTrackRequest(key: string, trackType: number, instance: Uint8Array): Uint8Array {
  const buf = cmapRequest(CmapRequest.trackAdd, CMAP_REQUEST_LENGTH.trackAdd, key)
  writeU32(buf, BEHIND_KEY, trackType, LITTLE)
  buf.set(instance, TRACK_INSTANCE)
  return buf
}

/** iterNext, iterFinalize, trackDelete, with the handle as it came. */
export function cmapHandleRequest(request: CmapRequestId, handle: Uint8Array): Uint8Array {
  const buf = cmapRequest(request, CMAP_REQUEST_LENGTH.iterNext)
  buf.set(handle, HANDLE)
  return buf
}

export function cmapMapRequest(map: number): Uint8Array {
  const buf = cmapRequest(CmapRequest.setCurrentMap, CMAP_REQUEST_LENGTH.setCurrentMap)
  writeU32(buf, SERVICE_HEADER_LENGTH, map, LITTLE)
  return buf
}

/** A value without its meaning. */
export interface CmapRawValue {
  readonly type: number
  readonly bytes: Uint8Array
}

export interface CmapGetAnswer extends CmapRawValue {
  /** Full length of the value: more than `bytes` when there was no room. */
  readonly length: number
}

export function readCmapGetAnswer(buf: Uint8Array): CmapGetAnswer | undefined {
  if (buf.length < CMAP_GET_VALUE) return undefined
  const length = readU64(buf, GET_LENGTH, LITTLE)
  if (length < 0) return undefined
  const end = Math.min(buf.length, CMAP_GET_VALUE + length)
  return { type: buf[GET_TYPE]!, length, bytes: buf.subarray(CMAP_GET_VALUE, end) }
}

/** The handle that iterInit or trackAdd answers with. */
export function readCmapHandleAnswer(buf: Uint8Array): Uint8Array | undefined {
  return buf.length < HANDLE_ANSWER_LENGTH ? undefined : buf.slice(RESPONSE_HEADER_LENGTH, HANDLE_ANSWER_LENGTH)
}

export interface CmapEntry {
  readonly key: string
  readonly type: number
  /** Bytes of the value. */
  readonly length: number
}

export function readCmapIterNextAnswer(buf: Uint8Array): CmapEntry | undefined {
  if (buf.length < ITER_LENGTH) return undefined
  const length = readU64(buf, ITER_VALUE_LENGTH, LITTLE)
  return length < 0 ? undefined : { key: readCmapKey(buf, ITER_KEY - KEY), type: buf[ITER_TYPE]!, length }
}

export interface CmapNotification {
  readonly instance: Uint8Array
  readonly key: string
  /** One of the bits of a track type. */
  readonly event: number
  readonly after: CmapRawValue
  readonly before: CmapRawValue
}

/** Undefined for anything else than a well-formed event. Bytes are copies. */
export function readCmapNotify(buf: Uint8Array, off: number, len: number): CmapNotification | undefined {
  if (len < CMAP_NOTIFY_LENGTH || readS32(buf, off, LITTLE) !== NOTIFY_ID) return undefined
  const newLength = readU64(buf, off + NOTIFY_NEW_LENGTH, LITTLE)
  const oldLength = readU64(buf, off + NOTIFY_OLD_LENGTH, LITTLE)
  if (newLength < 0 || oldLength < 0 || newLength + oldLength > len - CMAP_NOTIFY_LENGTH) return undefined
  const values = off + CMAP_NOTIFY_LENGTH
  return {
    instance: buf.slice(off + NOTIFY_INSTANCE, off + NOTIFY_INSTANCE + INSTANCE_LENGTH),
    key: readCmapKey(buf, off + NOTIFY_KEY - KEY),
    event: readS32(buf, off + NOTIFY_EVENT, LITTLE),
    after: { type: buf[off + NOTIFY_NEW_TYPE]!, bytes: buf.slice(values, values + newLength) },
    before: { type: buf[off + NOTIFY_OLD_TYPE]!, bytes: buf.slice(values + newLength, values + newLength + oldLength) },
  }
}
