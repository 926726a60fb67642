// The daemon from the moment its executive runs until its end: signals, readiness, the heartbeat, and the ways out.
// In: signals, what the executive reports. Out: log lines, exit status. The ways out (docs/architecture.md):
//   orderly       a signal asks; the executive leaves the ring and says so; only then the process ends, with 0
//   executive     it stops by itself or dies: said, recorded, its own status
//   main thread   an exception, or process.exit from anywhere: the `exit` handler stops the executive, bounded
// Must not know: what runs inside the executive.

import type { Logger } from '../log/logger.js'
import { ExitCode } from './exit-codes.js'
import { writeFlightRecord } from './flight-record.js'
import type { LiveConfiguration } from './live-configuration.js'
import type { PidFile } from './pid-file.js'
import type { ServicePrograms } from './service-programs.js'
import { StallWatch, stallThresholdMs } from './stall-watch.js'
import type { ExecutiveEnd, ExecutiveHandle, ExecutiveListener } from './types.js'
import { packageVersion } from './version.js'

/** An executive that has not left the ring by then is given up. */
export const LEAVE_TIMEOUT_MS = 5000
/** How long the process waits, blocking, for the executive to stop when there is no time for an orderly end. */
export const STOP_TIMEOUT_MS = 500
/** The heartbeat is looked at this often within the threshold of a stall. */
const LOOKS_PER_THRESHOLD = 4

/**
 * Ends in order. HUP and USR1 kill the C daemon; here they end it in order, and never reload it. Left alone, USR1 would
 * open Node's debugger.
 */
const ENDING_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1'] as const

export interface DaemonParts {
  readonly logger: Logger
  readonly configFile: string
  /** The file and the log while the daemon runs. */
  readonly live: Pick<LiveConfiguration, 'read' | 'changeLogging' | 'reopenLogFiles'>
  /** Where the flight record goes. */
  readonly stateDirectory: string
  readonly tokenTimeoutMs: number
  /** Undefined where none could be had. */
  readonly pidFile: PidFile | undefined
  /** Programs that live with this node. */
  readonly programs: Pick<ServicePrograms, 'start' | 'stop' | 'running'>
  readonly startExecutive: (listener: ExecutiveListener) => ExecutiveHandle
  /** Tells the service manager, if there is one. */
  readonly notifyReady: () => void
}

export class Daemon {
  readonly #parts: DaemonParts
  /** Until it has ended. */
  #executive: ExecutiveHandle | undefined
  #heartbeat: Int32Array | undefined
  #leaving = false
  #watch: StallWatch | undefined
  #watchTimer: NodeJS.Timeout | undefined

  constructor(parts: DaemonParts) {
    this.#parts = parts
  }

  /** Returns at once; from here on the process ends by one of the ways out. */
  run(): void {
    for (const signal of ENDING_SIGNALS) process.on(signal, () => this.#signalled())
    // The state dump of C daemons: no service has one.
    process.on('SIGUSR2', () => {})
    process.on('uncaughtException', error => this.#failed(error))
    process.on('exit', () => this.#executive?.stopNow(STOP_TIMEOUT_MS))
    const { live } = this.#parts
    const executive = this.#parts.startExecutive({
      tasks: {
        leaveWanted: () => this.#leave(),
        readConfiguration: () => live.read(),
        reopenLogFiles: () => live.reopenLogFiles(),
        loggingChanged: entries => live.changeLogging(entries),
      },
      log: record => this.#parts.logger.record(record),
      flightRecordWanted: () => this.#recordFlight('an administrator asked for it'),
      synchronized: () => {
        this.#parts.notifyReady()
        this.#parts.programs.start()
      },
      ended: end => this.#ended(end),
    })
    this.#executive = executive
    this.#heartbeat = executive.heartbeat
    const thresholdMs = stallThresholdMs(this.#parts.tokenTimeoutMs)
    this.#watch = new StallWatch(thresholdMs, performance.now(), Atomics.load(executive.heartbeat, 0))
    this.#watchTimer = setInterval(() => this.#look(), thresholdMs / LOOKS_PER_THRESHOLD)
  }

  #signalled(): void {
    if (!this.#leaving) this.#parts.logger.log('notice', 'MAIN', 'Node was shut down by a signal')
    this.#leave()
  }

  /** The first wish makes the executive leave the ring, those that follow change nothing. Programs end before it does. */
  #leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    const { programs } = this.#parts
    if (programs.running) programs.stop().then(() => this.#leaveRing())
    else this.#leaveRing()
  }

  #leaveRing(): void {
    const { logger } = this.#parts
    logger.log('notice', 'SERV', 'Unloading all Corosync service engines.')
    this.#executive?.leave()
    setTimeout(() => {
      logger.log('error', 'MAIN', `The executive did not leave the ring within ${LEAVE_TIMEOUT_MS} ms.`)
      this.#recordFlight('the executive did not leave the ring', undefined, ExitCode.FATAL)
      exitWithStatus(ExitCode.FATAL, logger)
    }, LEAVE_TIMEOUT_MS)
  }

  #ended(end: ExecutiveEnd): void {
    const { logger, pidFile } = this.#parts
    this.#executive = undefined
    clearInterval(this.#watchTimer)
    switch (end.kind) {
      case 'left':
        pidFile?.remove()
        logger.log('notice', 'MAIN', 'Corosync Cluster Engine exiting normally')
        process.exit(ExitCode.NORMAL)
        break
      case 'killed':
        // No leave, no clean-up: as the C daemon, which leaves its pid file behind.
        exitWithStatus(ExitCode.KILLED_BY_NODE, logger)
        break
      case 'fatal':
        logger.log('error', 'MAIN', end.message)
        if (end.code === ExitCode.FATAL) this.#recordFlight(end.message, undefined, end.code)
        exitWithStatus(end.code, logger)
        break
      case 'died': {
        const reason = `The executive died: ${end.error?.message ?? `thread exit code ${end.exitCode}`}`
        logger.log('crit', 'MAIN', reason)
        this.#recordFlight(reason, end.error, ExitCode.FATAL)
        exitWithStatus(ExitCode.FATAL, logger)
      }
    }
  }

  /** An exception that nobody caught on the main thread. The `exit` handler stops the executive. */
  #failed(error: Error): void {
    const { logger } = this.#parts
    logger.log('crit', 'MAIN', `The main thread failed: ${error.message}`)
    this.#recordFlight(`The main thread failed: ${error.message}`, error, ExitCode.FATAL)
    exitWithStatus(ExitCode.FATAL, logger)
  }

  #look(): void {
    const watch = this.#watch
    const executive = this.#executive
    if (watch === undefined || executive === undefined) return
    const report = watch.observe(performance.now(), Atomics.load(executive.heartbeat, 0))
    if (report === undefined) return
    const { logger } = this.#parts
    if (report.kind === 'stalled') {
      logger.log(
        'warning',
        'MAIN',
        `Corosync main process was not scheduled (@${Date.now()}) for ${report.forMs.toFixed(4)} ms ` +
          `(threshold is ${watch.thresholdMs.toFixed(4)} ms). Consider token timeout increase. stalls=${watch.count}`,
      )
    } else {
      logger.log('notice', 'MAIN', `The executive runs again. stalled_ms=${report.afterMs.toFixed(0)}`)
    }
  }

  #recordFlight(reason: string, error?: Error, exitCode?: number): void {
    const { logger, stateDirectory, configFile } = this.#parts
    const written = writeFlightRecord(stateDirectory, Date.now(), process.pid, {
      reason,
      error,
      exitCode,
      version: packageVersion(),
      configFile,
      heartbeat: this.#heartbeat === undefined ? undefined : Atomics.load(this.#heartbeat, 0),
      stalls: this.#watch?.stalls ?? [],
      lines: logger.recentLines(),
    })
    if (typeof written === 'string')
      logger.log(exitCode === undefined ? 'notice' : 'error', 'MAIN', `Flight record written to ${written}`)
    else logger.log('error', 'MAIN', `Flight record could not be written: ${written.message}`)
  }
}

/** Says so in the engine's words, with the place in this program, and ends the process. */
export function exitWithStatus(code: number, logger: Logger): never {
  // As the C daemon counts: the status of a node that was killed is -1.
  const status = (code << 24) >> 24
  logger.log('error', 'MAIN', `Corosync Cluster Engine exiting with status ${status} at ${callerOfCaller()}.`)
  process.exit(code)
}

/** `daemon.js:123`: who called the function that calls this. */
function callerOfCaller(): string {
  const frame = new Error().stack?.split('\n')[3] ?? ''
  return /([^/]+:\d+):\d+\)?$/.exec(frame)?.[1] ?? 'daemon'
}
