// Values of the configuration map as programs write and read them: numbers in the byte order of this machine (little
// endian), texts with a NUL behind them (spec: services 7.1, 7.2).

import type { MapType, MapValue } from '../../config/map.js'
import { CmapType } from '../../wire/cmap-ipc.js'
import { readText, textLength, writeText } from '../../wire/text.js'

const LITTLE = true
const NOTHING = new Uint8Array(0)

/** Bytes of the types that have a length of their own. */
const LENGTHS: Readonly<Record<Exclude<MapType, 'str' | 'bin'>, number>> = {
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  flt: 4,
  dbl: 8,
}

const TYPE_NAMES: ReadonlyMap<number, MapType> = new Map(
  Object.entries(CmapType).flatMap(([name, number]) => (name === 'none' ? [] : [[number, name as MapType]])),
)

export function typeNumber(value: MapValue): number {
  return CmapType[value.type]
}

/** A text counts with its NUL. */
export function valueLength(value: MapValue): number {
  switch (value.type) {
    case 'str':
      return textLength(value.value) + 1
    case 'bin':
      return value.value.length
    default:
      return LENGTHS[value.type]
  }
}

/** `buf` has room for `valueLength` bytes. */
export function writeValue(value: MapValue, buf: Uint8Array, off: number): void {
  if (value.type === 'bin') {
    buf.set(value.value, off)
    return
  }
  if (value.type === 'str') {
    buf[off + writeText(value.value, buf, off)] = 0
    return
  }
  const view = new DataView(buf.buffer, buf.byteOffset + off, LENGTHS[value.type])
  switch (value.type) {
    case 'i8':
      view.setInt8(0, value.value)
      break
    case 'u8':
      view.setUint8(0, value.value)
      break
    case 'i16':
      view.setInt16(0, value.value, LITTLE)
      break
    case 'u16':
      view.setUint16(0, value.value, LITTLE)
      break
    case 'i32':
      view.setInt32(0, value.value, LITTLE)
      break
    case 'u32':
      view.setUint32(0, value.value, LITTLE)
      break
    case 'i64':
      view.setBigInt64(0, value.value, LITTLE)
      break
    case 'u64':
      view.setBigUint64(0, value.value, LITTLE)
      break
    case 'flt':
      view.setFloat32(0, value.value, LITTLE)
      break
    case 'dbl':
      view.setFloat64(0, value.value, LITTLE)
      break
  }
}

/**
 * Undefined for an unknown type, a length that is not the type's, and a text with a NUL before its end (one at the end is
 * the program's own and not counted). The bytes are copied before they are looked at: the program may change them meanwhile.
 */
export function readValue(type: number, buf: Uint8Array, off: number, len: number): MapValue | undefined {
  const name = TYPE_NAMES.get(type)
  if (name === undefined) return undefined
  const bytes = len === 0 ? NOTHING : new Uint8Array(buf.subarray(off, off + len))
  if (name === 'bin') return { type: name, value: bytes }
  if (name === 'str') return readString(bytes)
  if (len !== LENGTHS[name]) return undefined
  const view = new DataView(bytes.buffer)
  switch (name) {
    case 'i8':
      return { type: name, value: view.getInt8(0) }
    case 'u8':
      return { type: name, value: view.getUint8(0) }
    case 'i16':
      return { type: name, value: view.getInt16(0, LITTLE) }
    case 'u16':
      return { type: name, value: view.getUint16(0, LITTLE) }
    case 'i32':
      return { type: name, value: view.getInt32(0, LITTLE) }
    case 'u32':
      return { type: name, value: view.getUint32(0, LITTLE) }
    case 'i64':
      return { type: name, value: view.getBigInt64(0, LITTLE) }
    case 'u64':
      return { type: name, value: view.getBigUint64(0, LITTLE) }
    case 'flt':
      return { type: name, value: view.getFloat32(0, LITTLE) }
    case 'dbl':
      return { type: name, value: view.getFloat64(0, LITTLE) }
  }
}

function readString(bytes: Uint8Array): MapValue | undefined {
  const nul = bytes.indexOf(0)
  if (nul >= 0 && nul < bytes.length - 1) return undefined
  return { type: 'str', value: readText(bytes, 0, nul < 0 ? bytes.length : nul) }
}
