// The configuration map of a running node: the store with everything that happens around a value: who may write, who is
// told, values that are read off a counter (spec: services 7.2, 7.3, 7.5). In: reads and writes of services and programs.
// Out: results as error codes, calls of trackers. Must not know: the protocol of programs, what any key means.

import { isReadOnly } from '../../config/keys.js'
import { ConfigMap, INTEGER_RANGE, isKeyName, type MapValue, sameValue } from '../../config/map.js'
import { CsError, type CsErrorCode } from '../errors.js'

/** Kinds of changes, as bits of a tracker's mask and in its events. */
export const MapEvent = { DELETE: 1, MODIFY: 2, ADD: 4 } as const
export type MapEventCode = (typeof MapEvent)[keyof typeof MapEvent]
export const MAP_EVENTS_ALL = MapEvent.DELETE | MapEvent.MODIFY | MapEvent.ADD

export interface MapChange {
  readonly key: string
  readonly event: MapEventCode
  /** Absent for a new key, and for a computed value that nobody looked at before. */
  readonly before: MapValue | undefined
  /** Absent for a deleted key. */
  readonly after: MapValue | undefined
}

export type MapListener = (change: MapChange) => void

/** A tracker; give it back to `untrack`. */
export interface MapTracker {
  readonly key: string
  readonly mask: number
  readonly prefix: boolean
  readonly listener: MapListener
  readonly serial: number
  /** It was given back, and is told nothing any more: not even the rest of what is being told. */
  gone: boolean
}

export interface TrackOptions {
  /** Bits of MapEvent. */
  readonly mask?: number
  /** All keys that start like this; with an empty key all there are. */
  readonly prefix?: boolean
}

interface Computed {
  readonly read: () => MapValue
  /** What trackers were last told; undefined while nobody tracks it. */
  told: MapValue | undefined
}

export class LiveMap {
  readonly #values = new ConfigMap()
  readonly #computed = new Map<string, Computed>()
  readonly #readOnly = new Set<string>()
  /** Oldest first. Replaced as a whole, never changed: listeners may track and untrack. */
  #trackers: readonly MapTracker[] = []
  #serial = 0
  /** Undefined: to be found out. */
  #computedTracked: boolean | undefined

  /** Takes over the entries of a configuration, without telling anybody. */
  constructor(entries?: ConfigMap) {
    if (entries === undefined) return
    for (const key of entries.keys()) {
      const value = entries.get(key)
      if (value !== undefined) this.#values.set(key, value)
    }
  }

  get(key: string): MapValue | undefined {
    const stored = this.#values.get(key)
    if (stored === undefined || this.#computed.size === 0) return stored
    return this.#computed.get(key)?.read() ?? stored
  }

  /** Keys that there are. */
  get size(): number {
    return this.#values.size
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** The text of a `str`; undefined for a missing key or any other type. */
  getString(key: string): string | undefined {
    const found = this.get(key)
    return found?.type === 'str' ? found.value : undefined
  }

  /** The number under `key` if it has exactly this type: a wrong type counts as missing. */
  getNumber(key: string, type: Exclude<MapValue['type'], 'str' | 'bin' | 'i64' | 'u64'>): number | undefined {
    const found = this.get(key)
    return found?.type === type ? (found.value as number) : undefined
  }

  getBigInt(key: string, type: 'i64' | 'u64'): bigint | undefined {
    const found = this.get(key)
    return found?.type === type ? (found.value as bigint) : undefined
  }

  /** The first key behind `after` (or the first of all) that starts with `prefix`, in byte order. */
  nextKey(prefix = '', after?: string): string | undefined {
    return this.#values.nextKey(prefix, after)
  }

  /** A copy of the keys that start with `prefix`, in order. */
  keys(prefix = ''): string[] {
    return this.#values.keys(prefix)
  }

  /** May a program not write this key? Services write all keys; who asks on behalf of a program looks here first. */
  isReadOnly(key: string): boolean {
    return this.#readOnly.has(key) || isReadOnly(key)
  }

  /** From now on programs cannot write this key. */
  setReadOnly(key: string): void {
    this.#readOnly.add(key)
  }

  /** OK also when nothing changes, and then nobody is told. NAME_TOO_LONG: no name for a key; INVALID_PARAM: no such value. */
  set(key: string, value: MapValue): CsErrorCode {
    const before = this.get(key)
    if (before !== undefined && sameValue(before, value)) return CsError.OK
    switch (this.#values.set(key, value)) {
      case 'bad name':
        return CsError.NAME_TOO_LONG
      case 'bad value':
        return CsError.INVALID_PARAM
      case 'unchanged':
      case 'changed':
      case 'created':
    }
    this.#computed.delete(key)
    const event = before === undefined ? MapEvent.ADD : MapEvent.MODIFY
    this.#tell({ key, event, before, after: value })
    return CsError.OK
  }

  /** NOT_EXIST when there is no such key. */
  delete(key: string): CsErrorCode {
    const before = this.get(key)
    if (before === undefined) return CsError.NOT_EXIST
    this.#values.delete(key)
    this.#computed.delete(key)
    this.#tell({ key, event: MapEvent.DELETE, before, after: undefined })
    return CsError.OK
  }

  /** Adds `step` to an integer; it wraps at the width of its type. */
  adjust(key: string, step: number): CsErrorCode {
    const before = this.get(key)
    if (before === undefined) return CsError.NOT_EXIST
    switch (before.type) {
      case 'str':
      case 'bin':
      case 'flt':
      case 'dbl':
        return CsError.INVALID_PARAM
      case 'u64':
        return this.set(key, { type: 'u64', value: BigInt.asUintN(64, before.value + BigInt(step)) })
      case 'i64':
        return this.set(key, { type: 'i64', value: BigInt.asIntN(64, before.value + BigInt(step)) })
      default: {
        const [min, max] = INTEGER_RANGE[before.type]
        const width = max - min + 1
        const value = ((((before.value + step - min) % width) + width) % width) + min
        return this.set(key, { type: before.type, value })
      }
    }
  }

  /**
   * A key whose value is read when somebody asks, for counters that change too often to be written. Trackers are told by
   * `tellComputed`. Writing or deleting the key ends this.
   */
  compute(key: string, read: () => MapValue): CsErrorCode {
    if (!isKeyName(key)) return CsError.NAME_TOO_LONG
    const result = this.set(key, read())
    if (result === CsError.OK) {
      this.#computed.set(key, { read, told: undefined })
      this.#computedTracked = undefined
    }
    return result
  }

  /** Whether anybody tracks a computed value, so that `tellComputed` is worth calling. */
  get computedTracked(): boolean {
    this.#computedTracked ??= [...this.#computed.keys()].some(key => this.#isTracked(key))
    return this.#computedTracked
  }

  /** Tells trackers about computed values that have changed since the last time; the first time only looks. */
  tellComputed(): void {
    for (const [key, computed] of this.#computed) {
      if (!this.#isTracked(key)) {
        computed.told = undefined
        continue
      }
      const after = computed.read()
      const before = computed.told
      computed.told = after
      if (before !== undefined && !sameValue(before, after))
        this.#tell({ key, event: MapEvent.MODIFY, before: undefined, after })
    }
  }

  /** `listener` is told of every change from now on. The key need not exist. */
  track(key: string, listener: MapListener, options: TrackOptions = {}): MapTracker {
    const { mask = MAP_EVENTS_ALL, prefix = false } = options
    const tracker: MapTracker = { key, mask, prefix, listener, serial: ++this.#serial, gone: false }
    this.#trackers = [...this.#trackers, tracker]
    this.#computedTracked = undefined
    return tracker
  }

  untrack(...trackers: readonly MapTracker[]): void {
    for (const tracker of trackers) tracker.gone = true
    this.#trackers = this.#trackers.filter(tracker => !tracker.gone)
    this.#computedTracked = undefined
  }

  #isTracked(key: string): boolean {
    return this.#trackers.some(tracker => (tracker.mask & MapEvent.MODIFY) !== 0 && covers(tracker, key))
  }

  /**
   * From the full key towards shorter prefixes, whoever tracks everything last. Of one name exact ones first, newest
   * first, then prefixes in order of creation; those of everything newest first (spec: services 7.3). A listener may
   * write keys: their changes are told before the rest of this one.
   */
  #tell(change: MapChange): void {
    if (this.#trackers.length === 0) return
    const told = this.#trackers.filter(tracker => (tracker.mask & change.event) !== 0 && covers(tracker, change.key))
    if (told.length > 1) told.sort(orderOfTelling)
    for (const tracker of told) if (!tracker.gone) tracker.listener(change)
  }
}

function covers(tracker: MapTracker, key: string): boolean {
  return tracker.prefix ? key.startsWith(tracker.key) : tracker.key === key
}

function orderOfTelling(a: MapTracker, b: MapTracker): number {
  if (a.key.length !== b.key.length) return b.key.length - a.key.length
  if (a.prefix !== b.prefix) return a.prefix ? 1 : -1
  return a.prefix && a.key !== '' ? a.serial - b.serial : b.serial - a.serial
}
