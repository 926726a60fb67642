// Programs that a file of the old style has the daemon start: `service { name: pacemaker ver: 0 }` meant that pacemaker lives
// and dies with corosync; with `ver: 1` the host starts it (spec: configuration 9). In: the file's service sections, when
// the node provides its services, when it is to end. Out: child processes, log lines. Must not know: the cluster.

import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { STARTED_PROGRAMS } from '../config/refusals.js'
import type { ServiceDeclaration } from '../config/types.js'
import type { Logger } from '../log/logger.js'

/** Where administrators' programs are, also when the daemon was started without them in its path. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']
/** PATH with the directories of administrators' programs behind it. */
export function programPath(path: string | undefined): string {
  return [...(path ?? '').split(delimiter), ...SYSTEM_DIRECTORIES].filter(text => text !== '').join(delimiter)
}

/** How long a program may take to end: pacemaker moves every resource away first. As its own unit allows. */
export const PROGRAM_STOP_MS = 30 * 60_000

export interface ServiceProgramsOptions {
  readonly services: readonly ServiceDeclaration[]
  /** Directories of programs, as in PATH. */
  readonly path: string
  readonly logger: Logger
  readonly stopMs?: number
}

export class ServicePrograms {
  readonly #options: ServiceProgramsOptions
  readonly #running = new Map<string, ChildProcess>()
  #started = false
  #stopping = false
  /** Lets go of whoever waits for the last one to end. */
  #allEnded: () => void = () => {}

  constructor(options: ServiceProgramsOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#running.size > 0
  }

  /** The node provides its services. From the second time on nothing happens. */
  start(): void {
    if (this.#started || this.#stopping) return
    this.#started = true
    const { services, logger } = this.#options
    for (const { name, version } of services) {
      const program = STARTED_PROGRAMS.get(name)
      if (program === undefined || version !== 0) continue
      const file = this.#find(program)
      if (file === undefined) {
        logger.log('error', 'MAIN', `service ${name}: ${program} is not installed here, and is not started.`)
      } else this.#start(program, file)
    }
  }

  /** Asks all of them to end, and resolves when they have, or when they have had time enough. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (!this.running) return
    const { logger, stopMs = PROGRAM_STOP_MS } = this.#options
    const ended = new Promise<void>(resolve => {
      this.#allEnded = resolve
    })
    for (const [program, child] of this.#running) {
      logger.log('notice', 'MAIN', `Stopping ${program} before this node leaves. pid=${child.pid}`)
      child.kill('SIGTERM')
    }
    const timer = setTimeout(this.#allEnded, stopMs)
    await ended
    clearTimeout(timer)
    for (const [program, child] of this.#running) {
      logger.log(
        'error',
        'MAIN',
        `${program} has not ended within ${stopMs} ms; this node leaves without it. pid=${child.pid}`,
      )
    }
  }

  #start(program: string, file: string): void {
    const { logger } = this.#options
    // A session of its own: what a terminal sends to the daemon's group is not meant for it.
    const child = spawn(file, [], { detached: true, stdio: 'ignore' })
    child.on('error', error => this.#ended(program, `could not be started: ${error.message}`))
    if (child.pid === undefined) return
    this.#running.set(program, child)
    logger.log('notice', 'MAIN', `Started ${file}. pid=${child.pid}`)
    child.on('exit', (code, signal) => {
      this.#ended(program, `ended ${signal === null ? `with status ${code}` : `by signal ${signal}`}. pid=${child.pid}`)
    })
  }

  /** It is not started again: what has to go on goes on inside it, and an end of it is for people to look at. */
  #ended(program: string, how: string): void {
    this.#running.delete(program)
    this.#options.logger.log(this.#stopping ? 'notice' : 'error', 'MAIN', `${program} ${how}`)
    if (!this.running) this.#allEnded()
  }

  #find(program: string): string | undefined {
    const directories = this.#options.path.split(delimiter)
    return directories.map(directory => join(directory, program)).find(isExecutable)
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
