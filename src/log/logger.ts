// The log of the daemon, on its main thread: takes records from the main thread and, over the message port, from the
// executive, and gives each destination the lines that its settings let through (spec: configuration 16).
// In: settings, records. Out: terminal, files, syslog. Keeps the last records for the flight record.

import type { LoggingConfiguration } from '../config/types.js'
import { LogFilter } from './filter.js'
import { fileLine, type Speaker, syslogEnvelope, syslogLine, terminalLine } from './format.js'
import type { LogRecord } from './record.js'
import { DEFAULT_LOGGING, levelRank, ruleOf } from './settings.js'
import { LogFile, Syslog, type SyslogPort, writeTerminal } from './targets.js'
import type { LogLevel, LogSink } from './types.js'

/** How many records the flight record shows. */
export const RECENT_RECORDS_MAX = 512

export interface LoggerEnvironment {
  readonly speaker: Speaker
  /** Wall clock in milliseconds. */
  readonly now: () => number
  readonly writeTerminal?: (line: string) => void
  /** Opens the way to the system's log; undefined where there is none. Called when the first line goes there. */
  readonly openSyslog?: () => SyslogPort | undefined
}

export class Logger {
  readonly #env: LoggerEnvironment
  readonly #terminal: (line: string) => void
  #settings: LoggingConfiguration = DEFAULT_LOGGING
  #filter = LogFilter.of(DEFAULT_LOGGING)
  #files = new Map<string, LogFile>()
  #syslog: Syslog | undefined
  /** The last records, a ring; `#recentCount` counts all of them. */
  readonly #recent: LogRecord[] = []
  #recentCount = 0

  constructor(env: LoggerEnvironment) {
    this.#env = env
    this.#terminal = env.writeTerminal ?? writeTerminal
  }

  get filter(): LogFilter {
    return this.#filter
  }

  /**
   * Puts settings into force. Every file that they name is opened, even one that nothing is written to.
   * Throws LogFileError and changes nothing when one cannot be.
   */
  configure(settings: LoggingConfiguration): void {
    const paths = new Set(
      [settings.global, ...settings.subsystems.values()].map(rule => rule.logFile).filter(path => path !== undefined),
    )
    const files = new Map<string, LogFile>()
    try {
      for (const path of paths) files.set(path, this.#files.get(path) ?? new LogFile(path))
    } catch (error) {
      for (const [path, file] of files) if (!this.#files.has(path)) file.close()
      throw error
    }
    for (const [path, file] of this.#files) if (!files.has(path)) file.close()
    this.#files = files
    this.#settings = settings
    this.#filter = LogFilter.of(settings)
  }

  /** Says something now. */
  readonly log: LogSink = (level, subsystem, message) => {
    if (this.#filter.enabled(level, subsystem)) this.record({ timeMs: this.#env.now(), level, subsystem, message })
  }

  /** Writes down something that was said, here or in another thread. */
  record(record: LogRecord): void {
    this.#recent[this.#recentCount++ % RECENT_RECORDS_MAX] = record
    const settings = this.#settings
    const rank = levelRank(record.level)
    const rule = ruleOf(settings, record.subsystem)
    if (rank <= levelRank(rule.fileLevel)) {
      if (settings.toStderr) this.#terminal(terminalLine(record, settings))
      if (rule.toFile && rule.logFile !== undefined) {
        this.#files.get(rule.logFile)?.write(fileLine(record, settings, this.#env.speaker))
      }
    }
    if (settings.toSyslog && rank <= levelRank(rule.syslogLevel)) {
      this.#send(syslogLine(record, settings, settings.syslogFacility, this.#env.speaker.pid))
    }
  }

  /** Before the settings are known, and when they cannot be read: bare text on the terminal and to the system's log. */
  plain(level: LogLevel, text: string): void {
    this.#terminal(text)
    this.#send(syslogEnvelope(this.#env.now(), level, 'daemon', this.#env.speaker.pid, text))
  }

  /** Opens every file again by name, after a rotation. Throws LogFileError; the other files are reopened all the same. */
  reopen(): void {
    let failure: unknown
    for (const file of this.#files.values()) {
      try {
        file.reopen()
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }

  /** The last records, oldest first, as lines with every part switched on. */
  recentLines(): string[] {
    const begin = this.#recentCount % RECENT_RECORDS_MAX
    const ordered =
      this.#recentCount <= RECENT_RECORDS_MAX
        ? this.#recent
        : [...this.#recent.slice(begin), ...this.#recent.slice(0, begin)]
    return ordered.map(record => terminalLine(record, DEFAULT_LOGGING))
  }

  /** Gives the log daemon a moment for what waits for it. */
  close(): void {
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
    this.#syslog?.close()
    this.#syslog = undefined
  }

  #send(datagram: string): void {
    if (this.#syslog === undefined) {
      const port = this.#env.openSyslog?.()
      if (port === undefined) return
      this.#syslog = new Syslog(port)
    }
    this.#syslog.write(datagram)
  }
}
