// A map as programs see it through the service: what they may write stands here, not in the map. There are two: the
// configuration map, and the statistics (stats-map.ts).

import type { MapValue } from '../../config/map.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { LiveMap, MapListener, MapTracker } from './live-map.js'

export interface ProgramMap {
  get(key: string): MapValue | undefined
  /** The first key behind `after` (or the first of all) that starts with `prefix`, in byte order. */
  nextKey(prefix: string, after: string | undefined): string | undefined
  /** `value` is undefined when what the program sent is none; whether it may write the key goes first. */
  set(key: string, value: MapValue | undefined): CsErrorCode
  delete(key: string): CsErrorCode
  adjust(key: string, step: number): CsErrorCode
  /** What speaks against such a tracker; OK if nothing. `mask`: bits of MapEvent. */
  mayTrack(mask: number, prefix: boolean): CsErrorCode
  track(key: string, listener: MapListener, options: { readonly mask: number; readonly prefix: boolean }): MapTracker
  /** All that a program gives back at once: each call looks at every tracker that there is. */
  untrack(...trackers: readonly MapTracker[]): void
}

/**
 * Keys that the map may have before programs can add no more. A cluster of a hundred nodes has a thousand; with the longest values
 * there are, this many take 256 MiB.
 */
export const PROGRAM_KEYS_MAX = 16_384

/** The configuration map with its read-only keys. */
export class ProgramLiveMap implements ProgramMap {
  readonly #map: LiveMap

  constructor(map: LiveMap) {
    this.#map = map
  }

  get(key: string): MapValue | undefined {
    return this.#map.get(key)
  }

  nextKey(prefix: string, after: string | undefined): string | undefined {
    return this.#map.nextKey(prefix, after)
  }

  set(key: string, value: MapValue | undefined): CsErrorCode {
    if (this.#map.isReadOnly(key)) return CsError.ACCESS
    if (value === undefined) return CsError.INVALID_PARAM
    if (this.#map.size >= PROGRAM_KEYS_MAX && !this.#map.has(key)) return CsError.NO_MEMORY
    return this.#map.set(key, value)
  }

  delete(key: string): CsErrorCode {
    return this.#map.isReadOnly(key) ? CsError.ACCESS : this.#map.delete(key)
  }

  adjust(key: string, step: number): CsErrorCode {
    return this.#map.isReadOnly(key) ? CsError.ACCESS : this.#map.adjust(key, step)
  }

  mayTrack(): CsErrorCode {
    return CsError.OK
  }

  track(key: string, listener: MapListener, options: { readonly mask: number; readonly prefix: boolean }): MapTracker {
    return this.#map.track(key, listener, options)
  }

  untrack(...trackers: readonly MapTracker[]): void {
    this.#map.untrack(...trackers)
  }
}
