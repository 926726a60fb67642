// A daemon with a scripted executive, as a process of its own: what is under test is the main thread's part in each way
// out. Run as: node scripted-daemon.js SCRIPT STATE_DIR [PID_FILE]; SERVICES=name:ver... in the environment are the
// file's service sections.

import { Daemon } from '../../src/daemon/daemon.js'
import { PidFile } from '../../src/daemon/pid-file.js'
import { ServicePrograms } from '../../src/daemon/service-programs.js'
import { Logger } from '../../src/log/logger.js'
import { DEFAULT_LOGGING } from '../../src/log/settings.js'
import { type Script, startScripted } from './scripted-executive.js'

function main(script: Script, stateDirectory: string, pidPath: string | undefined): void {
  const logger = new Logger({ speaker: { pid: process.pid, host: 'test' }, now: Date.now })
  logger.configure({ ...DEFAULT_LOGGING, timestamp: 'off', toSyslog: false })
  const pid = pidPath === undefined ? undefined : PidFile.acquire(pidPath, process.pid, () => true)
  const daemon = new Daemon({
    logger,
    configFile: '/test.conf',
    live: {
      read: () => Promise.reject(new Error('there is no file')),
      changeLogging: () => undefined,
      reopenLogFiles: () => false,
    },
    stateDirectory,
    tokenTimeoutMs: 400,
    pidFile: pid?.kind === 'held' ? pid.file : undefined,
    programs: new ServicePrograms({
      services: (process.env.SERVICES ?? '').split(' ').flatMap(text => {
        const [name = '', version] = text.split(':')
        return name === '' ? [] : [{ name, version: Number(version), place: { file: 'test', line: 1, column: 1 } }]
      }),
      path: process.env.PATH ?? '',
      logger,
    }),
    startExecutive: listener => startScripted(script, listener),
    notifyReady: () => {
      process.stdout.write('READY=1\n')
      if (script.startsWith('main throws')) {
        setImmediate(() => {
          throw new Error('scripted failure on main')
        })
      } else if (script === 'main rejects') void Promise.reject(new Error('scripted rejection on main'))
      else if (script === 'main exits') process.exit(5)
    },
  })
  daemon.run()
}

main(process.argv[2] as Script, process.argv[3] ?? '.', process.argv[4])
