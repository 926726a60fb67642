// The way from a file to a configuration: read the files, then logging, then everything else (spec: config 12.1). Files,
// directories and the host are what the caller hands in; nothing here touches the system.

import { errorText } from './errors.js'
import type { HostInfo } from './localnode.js'
import { readLogging } from './logging.js'
import type { ConfigMap } from './map.js'
import { createReadState, type ReadState, readIdFile, readMainFile, readServiceFile } from './read.js'
import { Settings } from './settings.js'
import {
  type ConfigProblem,
  ExitCode,
  InvalidConfiguration,
  type LoadResult,
  type LoggingConfiguration,
} from './types.js'
import { generationOf, validate } from './validate.js'

export interface LoadOptions {
  /** The main file. `uidgid.d` (and, for old files, `service.d`) beside it is read too. */
  readonly path: string
  /** Content of a file; throws a system error with a `code`, as `readFileSync` does. */
  readonly read: (file: string) => Uint8Array
  /** Names of the regular files in a directory; empty when there is none. */
  readonly list: (directory: string) => readonly string[]
  readonly host: HostInfo
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Opens (creates) a log file; throws a system error. Left out: log files are not tried. */
  readonly openLogFile?: (path: string) => void
  /** Changes into the state directory; throws a system error. Left out: it is not tried. */
  readonly enterDirectory?: (path: string) => void
  /** Sees what the files say before anything follows from it, and may change it. */
  readonly afterReading?: (map: ConfigMap) => void
}

export function loadConfiguration(options: LoadOptions): LoadResult {
  const state = createReadState()
  let logging: LoggingConfiguration | undefined
  try {
    readFiles(state, options)
    options.afterReading?.(state.map)
    const settings = new Settings(state, options.path, generationOf(state))
    logging = readLogging(settings, options.openLogFile)
    return { ok: true, configuration: validate(settings, state, options, logging) }
  } catch (error) {
    if (!(error instanceof InvalidConfiguration)) throw error
    return {
      ok: false,
      problems: error.problems,
      exitCode: error.exitCode,
      warnings: state.warnings,
      ...(logging === undefined ? {} : { logging }),
    }
  }
}

/** `-c`, else the environment, else the usual place (spec: config 1.2). */
export function mainFilePath(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return option ?? (environment.COROSYNC_MAIN_CONFIG_FILE || '/etc/corosync/corosync.conf')
}

function readFiles(state: ReadState, options: LoadOptions): void {
  const { path, read, host } = options
  const slash = path.lastIndexOf('/')
  const directory = slash < 0 ? '' : path.slice(0, slash + 1)
  const end = (problems: readonly ConfigProblem[]): never => {
    throw new InvalidConfiguration(problems, ExitCode.configuration)
  }
  const readOne = (file: string): Uint8Array => {
    try {
      return read(file)
    } catch (error) {
      return end([
        {
          stage: 'parser',
          file,
          line: 0,
          column: 0,
          message: `Can't read file ${file}: ${errorText(error)}`,
          help: 'a file that exists and may be read; -c names another one',
        },
      ])
    }
  }
  readMainFile(state, path, readOne(path), host)
  if (state.problems.length > 0) end(state.problems)
  for (const name of options.list(`${directory}uidgid.d`)) {
    const file = `${directory}uidgid.d/${name}`
    readIdFile(state, file, readOne(file), host)
    if (state.problems.length > 0) end(state.problems)
  }
  if (!state.legacy) return
  for (const name of options.list(`${directory}service.d`)) {
    const file = `${directory}service.d/${name}`
    readServiceFile(state, file, readOne(file))
  }
}
