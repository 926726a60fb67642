// `corosync -t`: checks a configuration without touching the network or a watchdog, says what is wrong and what would be
// right, and with -v what every value is and where it comes from (spec: config 12.3). Like the C daemon it opens the log
// files and changes into the state directory.

import { closeSync, openSync, readFileSync } from 'node:fs'
import {
  type HostInfo,
  loadConfiguration,
  mainFilePath,
  reportFailure,
  reportSuccess,
  reportValues,
} from '../config/index.js'
import { listFiles, resolveHost } from '../daemon/host.js'

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
  readonly now?: Date
}

/** Returns the exit status. */
export function testConfiguration(options: TestOptions): number {
  const now = options.now ?? new Date()
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
    options.stderr(reportFailure(result, now))
    return result.exitCode
  }
  if (options.verbose) options.stdout(reportValues(result.configuration))
  options.stderr(reportSuccess(result.configuration, now))
  return 0
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
