// Keeps what programs do from flooding the log: so many lines a second, and how many were left out. In: lines, the time.
// Out: lines.

import type { LogLevel } from '../log/types.js'

/** Enough for a cluster's worth of trouble, not for a program that tries again as fast as it can. */
export const LINES_PER_SECOND = 50
const WINDOW_MS = 1000

export class LogBudget {
  readonly #log: (level: LogLevel, message: string) => void
  #windowEnd = Number.NEGATIVE_INFINITY
  #written = 0
  #suppressed = 0

  constructor(log: (level: LogLevel, message: string) => void) {
    this.#log = log
  }

  write(now: number, level: LogLevel, message: string): void {
    if (now >= this.#windowEnd) {
      const suppressed = this.#suppressed
      this.#windowEnd = now + WINDOW_MS
      this.#written = 0
      this.#suppressed = 0
      if (suppressed > 0) this.#log('warning', `Lines about programs were left out, suppressed=${suppressed}`)
    }
    if (this.#written === LINES_PER_SECOND) {
      this.#suppressed++
      return
    }
    this.#written++
    this.#log(level, message)
  }
}
