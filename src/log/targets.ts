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

/** A way to the system's log: takes whole datagrams, or says whether another attempt makes sense. */
export interface SyslogPort {
  send(datagram: string): 'sent' | 'full' | 'failed'
  close(): void
}

/** Lines that may wait for a log daemon that has fallen behind; kernels queue ten by themselves, so bursts need a place. */
export const SYSLOG_LINES_WAITING_MAX = 4096
const SYSLOG_RETRY_MS = 20
/** How long the end of the process waits for the log daemon, blocking. */
const SYSLOG_LAST_WORDS_MS = 200

/** The system's log: in order, never waiting. */
export class Syslog {
  readonly #port: SyslogPort
  readonly #waiting: string[] = []
  #timer: NodeJS.Timeout | undefined
  lostLines = 0

  constructor(port: SyslogPort) {
    this.#port = port
  }

  write(datagram: string): void {
    this.#waiting.push(datagram)
    if (this.#waiting.length > SYSLOG_LINES_WAITING_MAX) {
      this.#waiting.shift()
      this.lostLines++
    }
    // While a line waits, those behind it do, too.
    if (this.#timer === undefined) this.#send()
  }

  close(): void {
    clearTimeout(this.#timer)
    const pause = new Int32Array(new SharedArrayBuffer(4))
    for (let waited = 0; !this.#flush() && waited < SYSLOG_LAST_WORDS_MS; waited += SYSLOG_RETRY_MS) {
      Atomics.wait(pause, 0, 0, SYSLOG_RETRY_MS)
    }
    this.#port.close()
  }

  #send(): void {
    this.#timer = this.#flush() ? undefined : setTimeout(() => this.#send(), SYSLOG_RETRY_MS).unref()
  }

  /** True when nothing waits any more. */
  #flush(): boolean {
    let done = 0
    for (; done < this.#waiting.length; done++) {
      const result = this.#port.send(this.#waiting[done] ?? '')
      if (result === 'full') break
      if (result === 'failed') this.lostLines++
    }
    this.#waiting.splice(0, done)
    return this.#waiting.length === 0
  }
}
