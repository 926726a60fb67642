// Keeps one kind of line from flooding the log: one line per interval, with the number of those left out. Pure.

import type { LogLevel, LogSink, Subsystem } from './types.js'

/** How often one kind of line is written at most. */
export const RATE_LIMIT_MS = 1000

export class RateLimitedLog {
  readonly #log: LogSink
  readonly #level: LogLevel
  readonly #subsystem: Subsystem
  #next = Number.NEGATIVE_INFINITY
  #suppressed = 0

  constructor(log: LogSink, level: LogLevel, subsystem: Subsystem) {
    this.#log = log
    this.#level = level
    this.#subsystem = subsystem
  }

  /** Whether a line may be written now; the caller makes its text only then. Counts those that may not. */
  ready(now: number): boolean {
    if (now >= this.#next) return true
    this.#suppressed++
    return false
  }

  write(now: number, message: string): void {
    this.#next = now + RATE_LIMIT_MS
    this.#log(
      this.#level,
      this.#subsystem,
      this.#suppressed === 0 ? message : `${message} suppressed=${this.#suppressed}`,
    )
    this.#suppressed = 0
  }
}
