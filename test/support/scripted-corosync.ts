// The program `corosync` with a scripted executive. Run as: SCRIPT=obey node scripted-corosync.js ARGUMENTS OF COROSYNC

import { parseCommandLine } from '../../src/daemon/options.js'
import { start } from '../../src/daemon/start.js'
import { type Script, startScripted } from './scripted-executive.js'

const args = process.argv.slice(2)
const commandLine = parseCommandLine(args)
if (commandLine.kind !== 'start') throw new Error('nothing to start')
await start({
  options: commandLine.options,
  environment: process.env,
  foregroundArguments: [process.argv[1] ?? '', '-f', ...args],
  startExecutive: (_configuration, _filter, listener) =>
    startScripted((process.env.SCRIPT ?? 'obey') as Script, listener),
})
