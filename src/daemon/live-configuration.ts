// The main thread's part in changes of a running daemon: reads the file again, opens log files again, gives the log other
// settings. In: the configuration of the start, orders of the executive. Out: what the file says, the log's settings. Must
// not know: what becomes of it.

import { closeSync, openSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { rereadConfiguration } from '../config/reload.js'
import { tuneLogging } from '../config/tuning.js'
import type { Configuration, LoggingConfiguration, SubsystemLogging } from '../config/types.js'
import type { LogFilterState } from '../log/filter.js'
import type { Logger } from '../log/logger.js'
import { LogFileError } from '../log/targets.js'
import type { ConfigurationRead, MapEntry } from '../services/cfg/types.js'
import { listFiles, resolveHost } from './host.js'

export interface LiveConfigurationOptions {
  /** What the daemon was started with. */
  readonly start: Configuration
  /** The main file, from the root. */
  readonly path: string
  /** Where the daemon was started: names of log files are meant from here. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
}

export class LiveConfiguration {
  readonly #options: LiveConfigurationOptions

  constructor(options: LiveConfigurationOptions) {
    this.#options = options
  }

  /** Names are resolved beforehand; nobody waits for a name server but who asked. */
  async read(): Promise<ConfigurationRead> {
    const { path, start, directory, environment } = this.#options
    const reread = rereadConfiguration(
      {
        path,
        read: file => readFileSync(file),
        list: listFiles,
        host: await resolveHost(path),
        environment,
        openLogFile: file => tryLogFile(resolve(directory, file)),
      },
      start,
    )
    if (!reread.ok) return { kind: reread.readable ? 'invalid' : 'unreadable', problem: reread.problem }
    return {
      kind: 'valid',
      file: reread.file.map(([key, value]) => ({ key, value })),
      derived: reread.derived.map(([key, value]) => ({ key, value })),
      nodes: reread.configuration.members.map(({ nodeId, addresses }) => ({ nodeId, addresses })),
      // Packets of udp and udpu have no keys.
      cryptoChanged: false,
    }
  }

  /** Settings that cannot be used change nothing. What the log takes from now on. */
  changeLogging(entries: readonly MapEntry[]): LogFilterState | undefined {
    const { start, directory, logger } = this.#options
    const given = entries.map(({ key, value }) => [key, value] as const)
    const tuned = tuneLogging(given, start.defaults, file => tryLogFile(resolve(directory, file)))
    if (!tuned.ok) {
      logger.log('error', 'MAIN', `${tuned.problem} Logging goes on as before.`)
      return undefined
    }
    try {
      logger.configure(absoluteLogFiles(tuned.logging, directory))
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error
      logger.log('error', 'MAIN', `${error.message}. Logging goes on as before.`)
      return undefined
    }
    return logger.filter.state
  }

  /** Whether it worked; where it did not, lines go on to the old file. */
  reopenLogFiles(): boolean {
    const { logger } = this.#options
    try {
      logger.reopen()
      return true
    } catch (error) {
      if (!(error instanceof LogFileError)) throw error
      logger.log('error', 'MAIN', error.message)
      return false
    }
  }
}

/** Names of log files are meant from where the daemon was started. */
export function absoluteLogFiles(logging: LoggingConfiguration, directory: string): LoggingConfiguration {
  return mapRules(logging, rule =>
    rule.logFile === undefined ? rule : { ...rule, logFile: resolve(directory, rule.logFile) },
  )
}

export function mapRules(
  logging: LoggingConfiguration,
  change: (rule: SubsystemLogging) => SubsystemLogging,
): LoggingConfiguration {
  const subsystems = new Map([...logging.subsystems].map(([name, rule]) => [name, change(rule)]))
  return { ...logging, global: change(logging.global), subsystems }
}

function tryLogFile(path: string): void {
  closeSync(openSync(path, 'a'))
}
