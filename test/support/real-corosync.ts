// The program `corosync` with its real executive, whose main thread does something rash once the ring has formed, or
// whose executive is given a setup that it trips over (ACT=break).
// Run as: ACT=exit|throw|reject|break node real-corosync.js ARGUMENTS OF COROSYNC

import { startExecutive } from '../../src/daemon/executive-handle.js'
import { type ExecutiveSetup, executiveSetup } from '../../src/daemon/executive-setup.js'
import { parseCommandLine } from '../../src/daemon/options.js'
import { start } from '../../src/daemon/start.js'

const commandLine = parseCommandLine(process.argv.slice(2))
if (commandLine.kind !== 'start') throw new Error('nothing to start')

function act(): void {
  process.stdout.write('acting\n')
  switch (process.env.ACT) {
    case 'exit':
      process.exit(5)
      break
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown by the test')
      })
      break
    case 'reject':
      void Promise.reject(new Error('rejected by the test'))
  }
}

await start({
  options: commandLine.options,
  environment: process.env,
  foregroundArguments: [],
  startExecutive: (configuration, filter, listener) => {
    const setup = executiveSetup(configuration, filter, { stateDir: configuration.stateDir })
    const broken = { ...setup, totem: undefined } as unknown as ExecutiveSetup
    return startExecutive(process.env.ACT === 'break' ? broken : setup, {
      log: record => listener.log(record),
      ended: end => listener.ended(end),
      synchronized: () => {
        listener.synchronized()
        act()
      },
    })
  },
})
