// When the engine was not given the processor in time: stats.schedmiss.* (spec: services 7.6, configuration 14.5). In: the
// time, now and then; what the token may take. Out: the last ten misses as keys of the map of statistics, log lines.

import type { LogSink } from '../../log/types.js'
import type { StatsMap } from './stats-map.js'

/** How many are kept. */
export const SCHEDULE_MISSES_MAX = 10
/** The engine looks at the clock this often in a token timeout, ... */
const LOOKS_PER_TOKEN = 3
/** ... and has missed its turn when it could not for this part of it. */
const MISS_SHARE = 0.8

interface Miss {
  readonly timestampMs: number
  readonly delayMs: number
}

export interface ScheduleMissesOptions {
  readonly map: StatsMap
  readonly log: LogSink
  readonly tokenTimeoutMs: () => number
  /** Time of day, ms since 1970. */
  readonly timeOfDay: () => number
}

export class ScheduleMisses {
  readonly #options: ScheduleMissesOptions
  /** Newest first. */
  readonly #misses: Miss[] = []
  #lookedAt = Number.NaN
  #lookAt = Number.NEGATIVE_INFINITY
  #threshold = 0

  constructor(options: ScheduleMissesOptions) {
    this.#options = options
    options.map.onClear('schedmiss', () => this.#clear())
  }

  nextDeadline(): number {
    return this.#lookAt
  }

  expire(now: number): void {
    if (now < this.#lookAt) return
    const delay = now - this.#lookedAt
    // The threshold is that of the interval that has passed, the token timeout may be another one now.
    if (delay > this.#threshold) this.#missed(delay, this.#threshold)
    const token = this.#options.tokenTimeoutMs()
    this.#threshold = token * MISS_SHARE
    this.#lookedAt = now
    this.#lookAt = now + token / LOOKS_PER_TOKEN
  }

  #missed(delayMs: number, threshold: number): void {
    const { map, log, timeOfDay } = this.#options
    const timestampMs = Math.round(timeOfDay())
    log(
      'warning',
      'MAIN',
      `Corosync main process was not scheduled (@${timestampMs}) for ${delayMs.toFixed(4)} ms (threshold is ${threshold.toFixed(4)} ms). Consider token timeout increase.`,
    )
    const full = this.#misses.length === SCHEDULE_MISSES_MAX
    this.#misses.unshift({ timestampMs, delayMs })
    if (full) {
      this.#misses.pop()
      return
    }
    const index = this.#misses.length - 1
    map.define(keyOf(index, 'timestamp'), () => ({ type: 'u64', value: BigInt(this.#misses[index]!.timestampMs) }))
    map.define(keyOf(index, 'delay'), () => ({ type: 'flt', value: Math.fround(this.#misses[index]!.delayMs) }))
  }

  #clear(): void {
    for (let i = 0; i < this.#misses.length; i++) {
      this.#options.map.remove(keyOf(i, 'timestamp'))
      this.#options.map.remove(keyOf(i, 'delay'))
    }
    this.#misses.length = 0
  }
}

function keyOf(index: number, name: string): string {
  return `stats.schedmiss.${index}.${name}`
}
