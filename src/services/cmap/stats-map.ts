// The second map of the configuration service: statistics, read when somebody asks (spec: services 7.6). In: keys with a
// way to read each, time. Out: what programs read, track and clear. Must not know: what the keys count.

import { type MapValue, SortedKeys, sameValue } from '../../config/map.js'
import { CsError, type CsErrorCode } from '../errors.js'
import { MapEvent, type MapEventCode, type MapListener, type MapTracker } from './live-map.js'
import type { ProgramMap } from './program-map.js'

/** How often trackers of single keys are told what has changed. */
export const STATS_TELL_INTERVAL_MS = 1500

const CLEAR_PREFIX = 'stats.clear.'
const CLEAR_ALL = 'all'
/** What can be cleared by writing `stats.clear.` and this, whatever follows and whatever the value. */
const CLEARABLE = ['knet', 'ipc', 'totem', 'schedmiss'] as const
export type StatsPart = (typeof CLEARABLE)[number]

interface StatsKey {
  readonly read: () => MapValue
  /** Coming and going is told to those who track a prefix. */
  readonly announced: boolean
}

interface ExactTracker extends MapTracker {
  /** The value that it was told last, or that was there when it came. */
  told: MapValue | undefined
}

export class StatsMap implements ProgramMap {
  readonly #keys = new Map<string, StatsKey>()
  readonly #sorted = new SortedKeys()
  readonly #clear = new Map<StatsPart, () => void>()
  /** Trackers of single keys, newest first: that is the order in which they are told. */
  #exact: readonly ExactTracker[] = []
  /** Trackers of prefixes, longest first, then oldest first. */
  #prefixes: readonly MapTracker[] = []
  #serial = 0
  /** When single keys are looked at; -Infinity: somebody tracks one, and the interval begins with the next `expire`. */
  #tellAt = Number.POSITIVE_INFINITY

  /** A key with its value. `announced`: whoever tracks a prefix of it is told that it has come, and when it goes. */
  define(key: string, read: () => MapValue, announced = false): void {
    if (!this.#keys.has(key)) this.#sorted.add(key)
    this.#keys.set(key, { read, announced })
    if (announced) this.#announce(key, MapEvent.ADD, read)
  }

  /** Nothing happens when there is no such key. */
  remove(key: string): void {
    const known = this.#keys.get(key)
    if (known === undefined) return
    this.#keys.delete(key)
    this.#sorted.remove(key)
    if (known.announced) this.#announce(key, MapEvent.DELETE, known.read)
  }

  /** `clear` is called when a program wants these statistics to begin anew. */
  onClear(part: StatsPart, clear: () => void): void {
    this.#clear.set(part, clear)
  }

  get(key: string): MapValue | undefined {
    return this.#keys.get(key)?.read()
  }

  nextKey(prefix: string, after: string | undefined): string | undefined {
    return this.#sorted.next(prefix, after)
  }

  set(key: string): CsErrorCode {
    if (!key.startsWith(CLEAR_PREFIX)) return CsError.ACCESS
    const what = key.slice(CLEAR_PREFIX.length)
    const part = CLEARABLE.find(name => what.startsWith(name))
    if (part === undefined && !what.startsWith(CLEAR_ALL)) return CsError.NOT_SUPPORTED
    for (const name of CLEARABLE) if (part === undefined || name === part) this.#clear.get(name)?.()
    return CsError.OK
  }

  delete(key: string): CsErrorCode {
    return key.startsWith(CLEAR_PREFIX) ? CsError.NOT_SUPPORTED : CsError.ACCESS
  }

  adjust(key: string): CsErrorCode {
    return this.delete(key)
  }

  mayTrack(mask: number, prefix: boolean): CsErrorCode {
    const both = MapEvent.ADD | MapEvent.DELETE
    return prefix && (mask & both) !== both ? CsError.NOT_SUPPORTED : CsError.OK
  }

  /** A tracker of a single key is told of other values whatever `mask` says. The key need not exist. */
  track(key: string, listener: MapListener, options: { readonly mask: number; readonly prefix: boolean }): MapTracker {
    const { mask, prefix } = options
    const serial = ++this.#serial
    if (prefix) {
      const tracker: MapTracker = { key, mask, prefix, listener, serial, gone: false }
      this.#prefixes = [...this.#prefixes, tracker].sort((a, b) => b.key.length - a.key.length || a.serial - b.serial)
      return tracker
    }
    const tracker: ExactTracker = { key, mask, prefix, listener, serial, gone: false, told: this.get(key) }
    this.#exact = [tracker, ...this.#exact]
    if (this.#tellAt === Number.POSITIVE_INFINITY) this.#tellAt = Number.NEGATIVE_INFINITY
    return tracker
  }

  untrack(...trackers: readonly MapTracker[]): void {
    for (const tracker of trackers) tracker.gone = true
    this.#exact = this.#exact.filter(tracker => !tracker.gone)
    this.#prefixes = this.#prefixes.filter(tracker => !tracker.gone)
    if (this.#exact.length === 0) this.#tellAt = Number.POSITIVE_INFINITY
  }

  nextDeadline(): number {
    return this.#tellAt
  }

  expire(now: number): void {
    if (now < this.#tellAt) return
    const begins = this.#tellAt === Number.NEGATIVE_INFINITY
    this.#tellAt = now + STATS_TELL_INTERVAL_MS
    if (begins) return
    for (const tracker of this.#exact) {
      const value = this.get(tracker.key)
      if (value === undefined) continue
      const same = tracker.told !== undefined && sameValue(tracker.told, value)
      tracker.told = value
      if (same || tracker.gone) continue
      tracker.listener({ key: tracker.key, event: MapEvent.MODIFY, before: value, after: value })
    }
  }

  /** Both values of such an event are the present one. */
  #announce(key: string, event: MapEventCode, read: () => MapValue): void {
    if (this.#prefixes.length === 0) return
    const value = read()
    for (const tracker of this.#prefixes) {
      if (tracker.gone || !key.startsWith(tracker.key)) continue
      tracker.listener({ key, event, before: value, after: value })
    }
  }
}
