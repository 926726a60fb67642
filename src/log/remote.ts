// The executive's end of the log: decides on the spot whether a line is wanted, and sends it to the main thread.
// Lines wait in the message port while the main thread is busy; at most LINES_WAITING_MAX, the rest are counted and
// reported with the next line that finds room. `waiting` is one shared word: this side adds, the main thread subtracts.

import type { LogFilter } from './filter.js'
import type { LogRecord } from './record.js'
import type { LogLevel, Subsystem } from './types.js'

/** About two megabytes of the longest lines. */
export const LINES_WAITING_MAX = 4096

export class RemoteLog {
  #filter: LogFilter
  readonly #waiting: Int32Array
  readonly #now: () => number
  readonly #post: (record: LogRecord) => void
  #lost = 0

  /** `post` sends to the main thread, which takes one off `waiting` for each record that reaches it. */
  constructor(filter: LogFilter, waiting: Int32Array, now: () => number, post: (record: LogRecord) => void) {
    this.#filter = filter
    this.#waiting = waiting
    this.#now = now
    this.#post = post
  }

  /** What destinations take from now on. */
  setFilter(filter: LogFilter): void {
    this.#filter = filter
  }

  readonly log = (level: LogLevel, subsystem: Subsystem, message: string): void => {
    if (!this.#filter.enabled(level, subsystem)) return
    if (Atomics.load(this.#waiting, 0) >= LINES_WAITING_MAX) {
      this.#lost++
      return
    }
    if (this.#lost > 0) {
      const lost = this.#lost
      this.#lost = 0
      this.#send('warning', 'MAIN', `${lost} log messages were lost: the log is slower than the executive.`)
    }
    this.#send(level, subsystem, message)
  }

  #send(level: LogLevel, subsystem: Subsystem, message: string): void {
    Atomics.add(this.#waiting, 0, 1)
    this.#post({ timeMs: this.#now(), level, subsystem, message })
  }
}
