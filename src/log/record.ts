// One thing said: what travels from the executive to the main thread, and what the targets format.

import type { LogLevel, Subsystem } from './types.js'

export interface LogRecord {
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number
  readonly level: LogLevel
  readonly subsystem: Subsystem
  readonly message: string
}
