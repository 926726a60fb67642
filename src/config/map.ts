// The configuration map: typed values under dotted keys, iterated in byte order of the keys (spec: services 7.2). Only the
// store: reading files, tracking changes, read-only keys and the protocol with clients stand elsewhere and use it. A `str` may
// hold bytes that are no UTF-8: how, stands in wire/text.ts.

import { textLength } from '../wire/text.js'

export type IntegerType = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32'
export type BigIntegerType = 'i64' | 'u64'

export type MapValue =
  | { readonly type: IntegerType; readonly value: number }
  | { readonly type: BigIntegerType; readonly value: bigint }
  | { readonly type: 'flt' | 'dbl'; readonly value: number }
  | { readonly type: 'str'; readonly value: string }
  | { readonly type: 'bin'; readonly value: Uint8Array }

export type MapType = MapValue['type']

export const KEY_LENGTH_MIN = 3
export const KEY_LENGTH_MAX = 255
/** Bytes of a string (its terminator not counted) or binary value. */
export const VALUE_LENGTH_MAX = 16384

export const INTEGER_RANGE: Readonly<Record<IntegerType, readonly [number, number]>> = {
  i8: [-0x80, 0x7f],
  u8: [0, 0xff],
  i16: [-0x8000, 0x7fff],
  u16: [0, 0xffff],
  i32: [-0x80000000, 0x7fffffff],
  u32: [0, 0xffffffff],
}

const BIG_RANGE: Readonly<Record<BigIntegerType, readonly [bigint, bigint]>> = {
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  u64: [0n, 2n ** 64n - 1n],
}

export type SetResult = 'created' | 'changed' | 'unchanged' | 'bad name' | 'bad value'

export function isKeyName(key: string): boolean {
  return key.length >= KEY_LENGTH_MIN && key.length <= KEY_LENGTH_MAX && /^[A-Za-z0-9._\-/:]*$/.test(key)
}

/** Keys in byte order, for iteration. Keys are ASCII, so that the order of strings is the order of bytes. */
export class SortedKeys {
  readonly #sorted: string[] = []

  /** A key that is not there yet. */
  add(key: string): void {
    this.#sorted.splice(this.#lowerBound(key), 0, key)
  }

  /** A key that is there. */
  remove(key: string): void {
    this.#sorted.splice(this.#lowerBound(key), 1)
  }

  /**
   * The first key behind `after` (or the first of all) that starts with `prefix`. An iterator that keeps only its last key
   * holds its position whatever is added or deleted meanwhile.
   */
  next(prefix = '', after?: string): string | undefined {
    let at = this.#lowerBound(after === undefined || after < prefix ? prefix : after)
    if (after !== undefined && this.#sorted[at] === after) at++
    const key = this.#sorted[at]
    return key?.startsWith(prefix) ? key : undefined
  }

  /** A copy of those that start with `prefix`, in order. */
  list(prefix = ''): string[] {
    const found: string[] = []
    for (let at = this.#lowerBound(prefix); at < this.#sorted.length; at++) {
      const key = this.#sorted[at]!
      if (!key.startsWith(prefix)) break
      found.push(key)
    }
    return found
  }

  #lowerBound(key: string): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Plain data, small numbers of keys (hundreds): a hash for access, a sorted list for iteration. */
export class ConfigMap {
  readonly #values = new Map<string, MapValue>()
  readonly #sorted = new SortedKeys()

  get size(): number {
    return this.#values.size
  }

  get(key: string): MapValue | undefined {
    return this.#values.get(key)
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** Type and value replace what was there. A binary value is copied. */
  set(key: string, value: MapValue): SetResult {
    const old = this.#values.get(key)
    if (!isMapValue(value)) return 'bad value'
    if (old === undefined && !isKeyName(key)) return 'bad name'
    if (old !== undefined && sameValue(old, value)) return 'unchanged'
    const kept: MapValue = value.type === 'bin' ? { type: 'bin', value: value.value.slice() } : value
    this.#values.set(key, kept)
    if (old !== undefined) return 'changed'
    this.#sorted.add(key)
    return 'created'
  }

  /** Returns whether the key was there. */
  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false
    this.#sorted.remove(key)
    return true
  }

  /** See SortedKeys.next. */
  nextKey(prefix = '', after?: string): string | undefined {
    return this.#sorted.next(prefix, after)
  }

  /** A copy of the keys that start with `prefix`, in order. */
  keys(prefix = ''): string[] {
    return this.#sorted.list(prefix)
  }

  /** The text of a `str`; undefined for a missing key or any other type. */
  getString(key: string): string | undefined {
    const found = this.#values.get(key)
    return found?.type === 'str' ? found.value : undefined
  }

  /** The number under `key` if it has exactly this type: a wrong type counts as missing (spec: config 13.4). */
  getNumber(key: string, type: IntegerType | 'flt' | 'dbl'): number | undefined {
    const found = this.#values.get(key)
    return found?.type === type ? (found.value as number) : undefined
  }

  getBigInt(key: string, type: BigIntegerType): bigint | undefined {
    const found = this.#values.get(key)
    return found?.type === type ? (found.value as bigint) : undefined
  }
}

/** Whether the map takes this value. */
export function isMapValue(value: MapValue): boolean {
  switch (value.type) {
    case 'i64':
    case 'u64': {
      const [min, max] = BIG_RANGE[value.type]
      return value.value >= min && value.value <= max
    }
    case 'flt':
    case 'dbl':
      return true
    case 'str':
      return !value.value.includes('\0') && textLength(value.value) <= VALUE_LENGTH_MAX
    case 'bin':
      return value.value.length <= VALUE_LENGTH_MAX
    default: {
      const [min, max] = INTEGER_RANGE[value.type]
      return Number.isInteger(value.value) && value.value >= min && value.value <= max
    }
  }
}

export function sameValue(a: MapValue, b: MapValue): boolean {
  if (a.type !== b.type) return false
  if (a.type !== 'bin' || b.type !== 'bin') return Object.is(a.value, b.value)
  return a.value.length === b.value.length && a.value.every((byte, i) => byte === b.value[i])
}
