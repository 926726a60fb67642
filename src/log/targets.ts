// Where lines end up: a log file that can be reopened for rotation, the terminal, and the system's log socket.
// Each takes finished lines. A destination that fails loses lines and counts them: the engine goes on without its log
// rather than stand still for it.

import { closeSync, openSync, writeSync } from 'node:fs'
import { errorNumber, errorText } from '../config/errors.js'

/** Mode before the umask, as in the engine. */
const LOG_FILE_MODE = 0o666
const STDERR = 2

export class LogFileError extends Error {
  readonly code = 'LOGFILE'

  constructor(path: string, cause: unknown) {
    super(`Can't open logfile '${path}' for reason: ${errorText(cause)} (${errorNumber(cause)})`, { cause })
  }
}

/** A file that lines are appended to. Written at once: the process may end without another turn of its loop. */
export class LogFile {
  readonly path: string
  #fd: number
  lostLines = 0

  /** Throws LogFileError. */
  constructor(path: string) {
    this.path = path
    this.#fd = open(path)
  }

  write(line: string): void {
    try {
      writeSync(this.#fd, `${line}\n`)
    } catch {
      this.lostLines++
    }
  }

  /** Opens the file again by its name; the old one stays in use when that fails. Throws LogFileError. */
  reopen(): void {
    const fresh = open(this.path)
    closeSync(this.#fd)
    this.#fd = fresh
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a', LOG_FILE_MODE)
  } catch (error) {
    throw new LogFileError(path, error)
  }
}

/** A line for the terminal; dropped when nobody reads there any more. */
export function writeTerminal(line: string): void {
  try {
    writeSync(STDERR, `${line}\n`)
  } catch {
    // Closed, or full and set non-blocking by another program: nothing sensible can be said, and no place to say it.
  }
}

/** A way to the system's log: whole datagrams, false when one was not taken. */
export interface SyslogPort {
  send(datagram: string): boolean
  close(): void
}
