// The program `corosync`: looks at the command line and hands over to the test of a configuration or to the start.

import { startExecutive } from '../daemon/executive-handle.js'
import { executiveSetup } from '../daemon/executive-setup.js'
import { ExitCode } from '../daemon/exit-codes.js'
import { parseCommandLine } from '../daemon/options.js'
import { start } from '../daemon/start.js'
import { versionText } from '../daemon/version.js'
import { testConfigurationHere } from './corosync-test-config.js'

export async function main(args: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(args)
  if (commandLine.kind === 'version') {
    process.stdout.write(`${versionText()}\n`)
    return
  }
  if (commandLine.kind === 'wrong') {
    process.stderr.write(`${commandLine.message}\n`)
    process.exitCode = ExitCode.USAGE
    return
  }
  const { options } = commandLine
  if (options.test) {
    const path = options.configFile === undefined ? {} : { path: options.configFile }
    process.exitCode = await testConfigurationHere({ ...path, verbose: options.verbose, environment: process.env })
    return
  }
  await start({
    options,
    environment: process.env,
    foregroundArguments: [process.argv[1] ?? '', '-f', ...args],
    startExecutive: (configuration, filter, listener, recording) => {
      const { stateDir, scheduling } = configuration
      const ipc = {
        transport: configuration.ipcType === 'socket' ? 'socket' : 'shm',
        prefix: configuration.ipcPrefix,
      } as const
      const setup = executiveSetup(configuration, filter, { stateDir, scheduling, ipc })
      return startExecutive(setup, listener, recording)
    },
  })
}
