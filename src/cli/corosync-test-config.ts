// `corosync -t`: checks a configuration without touching the network or a watchdog, says what is wrong and what would be
// right, and with -v what every value is and where it comes from (spec: config 12.3). Like the C daemon it opens the log
// files and changes into the state directory.

import { closeSync, openSync, readFileSync } from 'node:fs'
import {
  effectiveTable,
  failureLines,
  type HostInfo,
  type LoggingConfiguration,
  loadConfiguration,
  mainFilePath,
  type ReportLine,
  successLines,
} from '../config/index.js'
import { listFiles, resolveHost } from '../daemon/host.js'
import { terminalLine } from '../log/format.js'
import { DEFAULT_LOGGING } from '../log/settings.js'

export interface TestOptions {
  /** The file named by -c. */
  readonly path?: string
  /** Print the effective values as well. */
  readonly verbose: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The host, with the names of the file already resolved. */
  readonly host: HostInfo
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Wall clock, milliseconds since 1970. */
  readonly now?: number
}

/** Returns the exit status. */
export function testConfiguration(options: TestOptions): number {
  const now = options.now ?? Date.now()
  const result = loadConfiguration({
    path: mainFilePath(options.path, options.environment),
    read: file => readFileSync(file),
    list: listFiles,
    host: options.host,
    environment: options.environment,
    openLogFile: path => closeSync(openSync(path, 'a')),
    enterDirectory: path => process.chdir(path),
  })
  if (!result.ok) {
    options.stderr(printed(failureLines(result), result.logging ?? DEFAULT_LOGGING, now))
    return result.exitCode
  }
  const { configuration } = result
  if (options.verbose) options.stdout(effectiveTable(configuration))
  options.stderr(printed(successLines(configuration), configuration.logging, now))
  return 0
}

function printed(lines: readonly ReportLine[], style: LoggingConfiguration, timeMs: number): string {
  const line = ({ level, text }: ReportLine) =>
    level === undefined ? text : terminalLine({ timeMs, level, subsystem: 'MAIN', message: text }, style)
  return lines.map(each => `${line(each)}\n`).join('')
}

/** The same with the real host: names are resolved first. */
export async function testConfigurationHere(
  options: Pick<TestOptions, 'path' | 'verbose' | 'environment'>,
): Promise<number> {
  const host = await resolveHost(mainFilePath(options.path, options.environment))
  return testConfiguration({
    ...options,
    host,
    stdout: text => process.stdout.write(text),
    stderr: text => process.stderr.write(text),
  })
}
