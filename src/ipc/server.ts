// The server of programs linked to libqb (spec: ipc): listens for each service, lets programs in, gives every
// connection its turn. In: readiness of descriptors, turns with the time. Out: calls of the owner, from `work` and from
// handlers of descriptors. It never waits, and knows nothing of what requests mean.

import { chmodSync, rmSync } from 'node:fs'
import type { LogLevel } from '../log/types.js'
import { Errno } from '../sys/errno.js'
import { closeFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'
import { acceptUnix, descriptorLimit, listenUnix } from '../sys/unix-socket.js'
import { ConnectionResponse } from '../wire/ipc-transport.js'
import { type Channel, negativeErrno } from './channel.js'
import { Connection, type ConnectionHost } from './connection.js'
import { answerHandshake, Handshakes } from './handshake.js'
import { LogBudget } from './log-budget.js'
import { connectionDirectory, serviceAddress } from './names.js'
import { PrivateDirectory } from './private-directory.js'
import { ServiceState } from './service-state.js'
import { ShmChannel } from './shm-channel.js'
import { SocketChannel } from './socket-channel.js'
import { removeStaleDirectories } from './stale.js'
import { clearStatistics, processName } from './statistics.js'
import type { Credentials, IpcConnection, IpcLoop, IpcOwner, IpcRate, IpcTransport } from './types.js'

/** Largest size of messages that a program is granted; libraries ask for 1 MiB. Three rings of it are allocated at once. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20
/** Bytes of events that wait for a program which does not read, unless told otherwise. */
export const MAX_WAITING_EVENT_BYTES = 512 * 2 ** 20
/** Descriptors that the daemon keeps for itself (spec: ipc 13.2). */
const RESERVED_DESCRIPTORS = 50
/** Programs let in per wake-up; more are let in at the next. */
const ACCEPTS_PER_WAKE = 16
/** With no descriptor left, those who wait stay waiting this long. */
const ACCEPT_PAUSE_MS = 100
/** Programs can connect this way; modes say nothing, credentials do (spec: ipc 3.3). */
const SOCKET_MODE = 0o777
const DEFAULT_DIRECTORY = '/dev/shm'

export interface IpcServerOptions {
  readonly loop: IpcLoop
  readonly owner: IpcOwner
  readonly transport: IpcTransport
  /** In front of the names of services. */
  readonly prefix?: string
  /** Where the files of connections are; programs of this host have to see the same. */
  readonly directory?: string
  /** Where the sockets of services are; undefined: the abstract name space. See `hostSocketDirectory`. */
  readonly socketDirectory?: string | undefined
  readonly maxWaitingEventBytes?: number
  readonly log: (level: LogLevel, message: string) => void
}

export class IpcServer implements ConnectionHost {
  readonly loop: IpcLoop
  readonly owner: IpcOwner
  readonly maxWaitingEventBytes: number
  readonly #options: IpcServerOptions
  readonly #services = new Map<string, ServiceState>()
  readonly #handshakes: Handshakes
  readonly #descriptorLimit = descriptorLimit() - RESERVED_DESCRIPTORS
  #ready: Connection[] = []
  #owing: Connection[] = []
  /** Emptied lists, to be used again. */
  #spareReady: Connection[] = []
  #spareOwing: Connection[] = []
  /** Those with events that wait for room. */
  readonly #waiting = new Set<Connection>()
  /** Those with a request that the owner could not take. */
  readonly #held = new Set<Connection>()
  #ended: Connection[] = []
  #working = false
  #lastSerial = 0
  #closedCount = 0
  #refusing = false
  #acceptAt = Number.POSITIVE_INFINITY
  readonly #log: LogBudget
  /** Of the last call that told the time. */
  #now = 0

  constructor(options: IpcServerOptions) {
    this.#options = options
    this.loop = options.loop
    this.owner = options.owner
    this.maxWaitingEventBytes = options.maxWaitingEventBytes ?? MAX_WAITING_EVENT_BYTES
    this.#log = new LogBudget(options.log)
    this.#handshakes = new Handshakes(options.loop, (state, fd, program, wish) => this.#admit(state, fd, program, wish))
    const removed = removeStaleDirectories(this.#directory)
    if (removed > 0)
      options.log('notice', `Removed what a former daemon left in ${this.#directory}, connections=${removed}`)
  }

  get #directory(): string {
    return this.#options.directory ?? DEFAULT_DIRECTORY
  }

  /** Lets programs find a service. Throws SysError (EADDRINUSE) or an error of node:fs. */
  open(service: string, serviceId: number): void {
    if (this.#services.has(service)) throw new RangeError(`service ${service} is open`)
    const address = serviceAddress(service, this.#options.prefix ?? '', this.#options.socketDirectory)
    const path = address.abstract ? undefined : address.name
    if (path !== undefined) rmSync(path, { force: true })
    const listener = listenUnix(address)
    if (path !== undefined) chmodSync(path, SOCKET_MODE)
    const state = new ServiceState(service, serviceId, listener, path)
    this.#services.set(service, state)
    this.#listen(state)
  }

  /** Ends every connection of a service; what was written for programs can still be read by them. */
  close(service: string): void {
    const state = this.#services.get(service)
    if (state === undefined) return
    this.#services.delete(service)
    this.loop.removeFd(state.listener)
    closeFd(state.listener)
    if (state.socketPath !== undefined) rmSync(state.socketPath, { force: true })
    this.#handshakes.closeAll(state)
    for (const connection of state.connections) {
      connection.sendOutput(Number.NEGATIVE_INFINITY)
      connection.shutDown()
    }
    if (!this.#working) this.#reap()
  }

  closeAll(): void {
    for (const service of [...this.#services.keys()]) this.close(service)
  }

  setRate(service: string, rate: IpcRate): void {
    this.#services.get(service)?.setRate(rate)
  }

  /** The owner may take requests again that it could not take. */
  resume(): void {
    for (const connection of this.#held) connection.resume()
    this.#held.clear()
  }

  /** A bounded amount of what there is to do. True when it did something; more may be left (see `nextDeadline`). */
  work(now: number): boolean {
    this.#working = true
    this.#now = now
    this.#handshakes.expire(now)
    if (now >= this.#acceptAt) this.#resumeAccepting()
    const worked = this.#ready.length > 0 || this.#owing.length > 0 || this.#ended.length > 0
    this.#takeRequests()
    this.#reap()
    this.#sendOutput(now)
    this.#reap()
    this.#working = false
    return worked
  }

  /** When `work` is due even though nothing happens; -Infinity when it is due now. */
  nextDeadline(): number {
    if (this.#ready.length > 0 || this.#owing.length > 0 || this.#ended.length > 0) return Number.NEGATIVE_INFINITY
    let deadline = Math.min(this.#handshakes.nextDeadline(), this.#acceptAt)
    for (const connection of this.#waiting) if (connection.retryAt < deadline) deadline = connection.retryAt
    return deadline
  }

  *connections(): IterableIterator<IpcConnection> {
    for (const state of this.#services.values()) yield* state.connections
  }

  /** Open connections, and those ended since the start or the last `clearStatistics`. */
  get activeCount(): number {
    let count = 0
    for (const state of this.#services.values()) count += state.connections.size
    return count
  }

  get closedCount(): number {
    return this.#closedCount
  }

  clearStatistics(): void {
    this.#closedCount = 0
    for (const { statistics } of this.connections()) clearStatistics(statistics)
  }

  /** For connections. */
  ready(connection: Connection): void {
    if (connection.isReady) return
    connection.isReady = true
    this.#ready.push(connection)
  }

  /** For connections. */
  owing(connection: Connection): void {
    if (connection.isOwing) return
    connection.isOwing = true
    this.#owing.push(connection)
  }

  /** For connections. */
  ended(connection: Connection, reason: string | undefined): void {
    connection.state.connections.delete(connection)
    this.#waiting.delete(connection)
    this.#held.delete(connection)
    this.#ended.push(connection)
    if (reason === undefined) return
    const { pid, service, statistics } = connection
    this.#log.write(
      this.#now,
      'warning',
      `Connection of process ${pid} (${statistics.processName}) to ${service} ended: it ${reason}`,
    )
  }

  #takeRequests(): void {
    const turn = this.#ready
    this.#ready = this.#spareReady
    this.#spareReady = turn
    for (let i = 0; i < turn.length; i++) {
      const connection = turn[i]!
      connection.isReady = false
      if (connection.takeRequests()) this.ready(connection)
      else if (connection.held) this.#held.add(connection)
    }
    turn.length = 0
  }

  #sendOutput(now: number): void {
    for (const connection of this.#waiting) if (now >= connection.retryAt) this.owing(connection)
    const turn = this.#owing
    this.#owing = this.#spareOwing
    this.#spareOwing = turn
    for (let i = 0; i < turn.length; i++) {
      const connection = turn[i]!
      connection.sendOutput(now)
      connection.isOwing = false
      if (connection.retryAt === Number.POSITIVE_INFINITY) this.#waiting.delete(connection)
      else this.#waiting.add(connection)
    }
    turn.length = 0
  }

  #reap(): void {
    if (this.#ended.length === 0) return
    const ended = this.#ended
    this.#ended = []
    for (const connection of ended) {
      this.#closedCount++
      this.owner.disconnected(connection)
      connection.release()
    }
  }

  #listen(state: ServiceState): void {
    this.loop.addFd(state.listener, Epoll.IN, now => this.#accept(state, now))
  }

  #accept(state: ServiceState, now: number): void {
    this.#now = now
    for (let i = 0; i < ACCEPTS_PER_WAKE; i++) {
      const fd = acceptUnix(state.listener)
      if (fd < 0) {
        // Without a descriptor to give, the listener would stay readable and the loop would spin.
        if (fd === -Errno.EMFILE || fd === -Errno.ENFILE || fd === -Errno.ENOMEM) this.#pauseAccepting(now)
        return
      }
      this.#handshakes.add(state, fd, now)
    }
  }

  #pauseAccepting(now: number): void {
    if (this.#acceptAt !== Number.POSITIVE_INFINITY) return
    this.#log.write(now, 'error', 'No descriptor left for programs that want to connect')
    for (const { listener } of this.#services.values()) this.loop.removeFd(listener)
    this.#acceptAt = now + ACCEPT_PAUSE_MS
  }

  #resumeAccepting(): void {
    this.#acceptAt = Number.POSITIVE_INFINITY
    for (const state of this.#services.values()) this.#listen(state)
  }

  #admit(state: ServiceState, fd: number, program: Credentials, wish: number): void {
    let error = this.owner.admit(state.name, program)
    if (error === 0 && this.#lacksDescriptors(fd)) error = -Errno.EMFILE
    if (error === 0 && wish > MAX_MESSAGE_BYTES) error = -Errno.EINVAL
    if (error !== 0) {
      answerHandshake(fd, { error })
      closeFd(fd)
      return
    }
    const serial = ++this.#lastSerial
    const channel = this.#createChannel(state, fd, program, Math.max(wish, ConnectionResponse.bytes), serial)
    if (typeof channel === 'number') {
      answerHandshake(fd, { error: channel })
      closeFd(fd)
      return
    }
    if (!answerHandshake(fd, channel.connected)) {
      closeFd(fd)
      channel.close()
      return
    }
    const connection = new Connection(this, state, serial, program, fd, channel, processName(program.pid))
    state.connections.add(connection)
    this.owner.connected(connection)
  }

  /** Descriptors are numbered densely, so the newest one says how many are in use. */
  #lacksDescriptors(newest: number): boolean {
    const left = this.#descriptorLimit - newest
    const refusing = this.#refusing ? left <= 2 : left <= 1
    if (refusing && !this.#refusing)
      this.#log.write(this.#now, 'error', 'Few descriptors left: refusing new connections')
    this.#refusing = refusing
    return refusing
  }

  /** The error number, negated, when it cannot be had. */
  #createChannel(
    state: ServiceState,
    fd: number,
    program: Credentials,
    maxMessage: number,
    serial: number,
  ): Channel | number {
    let directory: PrivateDirectory | undefined
    try {
      directory = new PrivateDirectory(connectionDirectory(this.#directory, process.pid, program.pid, fd))
      const { name: service, level } = state
      const options = { directory, service, program, maxMessage, level, serial }
      const channel = this.#options.transport === 'shm' ? new ShmChannel(options) : new SocketChannel(options)
      directory.handOver(program)
      return channel
    } catch (error) {
      directory?.remove()
      const reason = negativeErrno(error)
      const { message } = error as Error
      this.#log.write(this.#now, 'error', `Cannot connect process ${program.pid} to ${state.name}: ${message}`)
      return reason
    }
  }
}
