// Where programs meet services: takes what the IPC server hears to the services' library interfaces, and back (spec: ipc 5.3,
// 12.3, 13). In: connections and requests of programs. Out: admission, calls of the gate, rates. Must not know: how
// bytes travel, what they mean.

import { LogBudget } from '../ipc/log-budget.js'
import { hostSocketDirectory } from '../ipc/names.js'
import { IpcServer } from '../ipc/server.js'
import type { Credentials, IpcConnection, IpcOwner, IpcRate } from '../ipc/types.js'
import type { LogSink } from '../log/types.js'
import type { ClusterNode } from '../node/node.js'
import type { LiveMap } from '../services/cmap/live-map.js'
import { ProgramStats } from '../services/cmap/program-stats.js'
import type { StatsMap } from '../services/cmap/stats-map.js'
import { type GatePort, LibraryGate } from '../services/gate.js'
import type { LibraryInterface } from '../services/library.js'
import type { Service } from '../services/types.js'
import { Errno } from '../sys/errno.js'
import { serviceShortName } from '../wire/service.js'
import type { IpcSetup } from './executive-setup.js'
import { ExitCode } from './exit-codes.js'
import type { RingLoop } from './loop.js'

/** The names by which programs find the services cannot be had. */
export class IpcError extends Error {
  readonly exitCode = ExitCode.SERVICE

  constructor(cause: Error) {
    super(
      `Can't initialize IPC: ${cause.message}. Where another daemon serves programs in this network namespace, ` +
        'system.ipc_prefix (or COROSYNC_IPC_PREFIX) tells the two apart.',
      { cause },
    )
    this.name = 'IpcError'
  }
}

/** Programs of this host are let in to the services of the node. Throws IpcError when the sockets cannot be had. */
export function servePrograms(setup: IpcSetup, node: ClusterNode, loop: RingLoop, log: LogSink): LibraryServer {
  return new LibraryServer({
    services: node.services,
    port: node.executive.port,
    map: node.map,
    stats: node.cmap.stats,
    log,
    clock: () => loop.now(),
    tellTime: () => node.advance(loop.now()),
    createServer: owner => {
      const server = new IpcServer({
        loop,
        owner,
        transport: setup.transport,
        prefix: setup.prefix,
        socketDirectory: hostSocketDirectory(),
        log: (level, message) => log(level, 'QB', message),
      })
      loop.addWorker(server)
      return server
    },
  })
}

/** What this needs of the IPC server. */
export interface ProgramServer {
  open(service: string, serviceId: number): void
  setRate(service: string, rate: IpcRate): void
  /** Requests that could not be taken are to be offered again. */
  resume(): void
  readonly activeCount: number
  readonly closedCount: number
  clearStatistics(): void
  /** Ends all connections; what was written for programs can still be read by them. */
  closeAll(): void
}

export interface LibraryServerOptions {
  readonly services: readonly Service[]
  readonly port: GatePort
  readonly map: LiveMap
  /** Where programs are counted. */
  readonly stats: StatsMap
  readonly log: LogSink
  /** Called before each request: services set timers by the time that they were last told. */
  readonly tellTime: () => void
  /** Time in ms. */
  readonly clock: () => number
  /** Made by the caller: the server and its owner need each other. */
  readonly createServer: (owner: IpcOwner) => ProgramServer
}

export class LibraryServer implements IpcOwner {
  readonly #options: LibraryServerOptions
  readonly #libraries = new Map<string, LibraryInterface>()
  readonly #gate: LibraryGate
  readonly #denials: LogBudget
  readonly #server: ProgramServer
  readonly #counted: ProgramStats
  /** From the end of the first synchronisation on programs are let in. */
  #ready = false
  #leaving = false

  constructor(options: LibraryServerOptions) {
    this.#options = options
    this.#denials = new LogBudget((level, message) => options.log(level, 'MAIN', message))
    this.#gate = new LibraryGate(options.port)
    this.#server = options.createServer(this)
    this.#counted = new ProgramStats(options.stats, this.#server)
    for (const { id, library } of options.services) {
      const label = `${serviceShortName(id)} [${id}]`
      if (library === undefined) {
        options.log('debug', 'MAIN', `NOT Initializing IPC on ${label}`)
        continue
      }
      options.log('debug', 'MAIN', `Initializing IPC on ${label}`)
      this.#libraries.set(library.name, library)
      try {
        this.#server.open(library.name, id)
      } catch (error) {
        throw new IpcError(error as Error)
      }
      options.log('info', 'QB', `server name: ${library.name}`)
    }
    this.synchronising()
  }

  /** A configuration changes: requests wait in the programs' rings until the services agree again. */
  synchronising(): void {
    for (const [name, { servesDuringSync }] of this.#libraries)
      if (!servesDuringSync) this.#server.setRate(name, 'off2')
  }

  synchronised(): void {
    if (!this.#leaving) this.#ready = true
    for (const name of this.#libraries.keys()) this.#server.setRate(name, 'fast')
    this.#server.resume()
  }

  /** What the ring would not take may be taken now. */
  resume(): void {
    this.#server.resume()
  }

  /** The node is about to leave: nobody is let in any more, so that those who are here can be seen out. */
  refuse(): void {
    this.#leaving = true
    this.#ready = false
  }

  /** The node has left: programs find nobody behind their connections. */
  close(): void {
    this.#server.closeAll()
  }

  admit(service: string, program: Credentials): number {
    if (!this.#ready) return -Errno.EAGAIN
    if (!this.#libraries.has(service)) return -Errno.ENOSYS
    const { uid, gid } = program
    if (uid === 0 || gid === 0) return 0
    const { map } = this.#options
    const keys = [`uidgid.uid.${uid}`, `uidgid.config.uid.${uid}`, `uidgid.gid.${gid}`, `uidgid.config.gid.${gid}`]
    if (keys.some(key => map.getNumber(key, 'u8') === 1)) return 0
    this.#denials.write(this.#options.clock(), 'error', `Denied connection attempt from ${uid}:${gid}`)
    return -Errno.EACCES
  }

  connected(connection: IpcConnection): void {
    this.#counted.connected(connection)
    this.#libraries.get(connection.service)?.connected(connection)
  }

  request(connection: IpcConnection, buf: Uint8Array, off: number, len: number): boolean {
    const library = this.#libraries.get(connection.service)
    if (library === undefined) return true
    this.#options.tellTime()
    const result = this.#gate.request(library, connection, buf, off, len)
    if (result === 'invalid') connection.statistics.invalidRequest++
    return result !== 'later'
  }

  disconnected(connection: IpcConnection): void {
    this.#libraries.get(connection.service)?.disconnected(connection)
    this.#counted.disconnected(connection)
  }
}
