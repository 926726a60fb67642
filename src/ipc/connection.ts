// One program's connection to one service, whatever its transport: takes its requests to the owner, its answers and
// events to the program, keeps events while the program does not read, counts. It never waits: the server gives it
// turns. In: turns, readiness of its descriptors. Out: calls of the owner. Ended only by the server's `reap`, so that
// the memory of a request that is being handled stays where it is.

import { closeFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'
import { discardNotifications, isRetry, sendNotifications } from '../sys/unix-socket.js'
import { DISCONNECT_ID, RequestHeader } from '../wire/ipc-transport.js'
import type { Channel } from './channel.js'
import { EventQueue } from './event-queue.js'
import type { ServiceState } from './service-state.js'
import { newStatistics } from './statistics.js'
import type { Credentials, IpcConnection, IpcLoop, IpcOwner, IpcStatistics } from './types.js'

/** There is no signal when a program has read events (spec: ipc 13.4), so a full channel is looked at again and again. */
const RETRY_MIN_MS = 1
const RETRY_MAX_MS = 20

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly loop: IpcLoop
  readonly owner: IpcOwner
  /** Bytes of events that may wait for one program. */
  readonly maxWaitingEventBytes: number
  /** The connection may have requests to take. */
  ready(connection: Connection): void
  /** It has something to send. */
  owing(connection: Connection): void
  /** Its descriptors are closed; to be told to the owner and forgotten. */
  ended(connection: Connection, reason: string | undefined): void
}

export class Connection implements IpcConnection {
  readonly serial: number
  readonly service: string
  readonly serviceId: number
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly statistics: IpcStatistics
  readonly state: ServiceState
  /** In the server's list of those with requests, and of those with something to send. */
  isReady = false
  isOwing = false
  readonly #host: ConnectionHost
  readonly #fd: number
  readonly #channel: Channel
  readonly #events = new EventQueue()
  /** There may be requests; stays set while the rate forbids to look. */
  #hasRequests = false
  /** The owner could not take a request; it waits in the channel until `resume`. */
  #held = false
  /** The loop tells of requests that have a descriptor of their own. */
  #listening = true
  /** Bytes that the program has to be sent, one per event in its ring. */
  #owedBytes = 0
  /** The stream is full, the loop tells when it is not. */
  #streamFull = false
  #retryAt = Number.POSITIVE_INFINITY
  #retryMs = 0
  #open = true

  constructor(
    host: ConnectionHost,
    state: ServiceState,
    serial: number,
    program: Credentials,
    fd: number,
    channel: Channel,
    processName: string,
  ) {
    this.#host = host
    this.state = state
    this.serial = serial
    this.service = state.name
    this.serviceId = state.id
    this.pid = program.pid
    this.uid = program.uid
    this.gid = program.gid
    this.#fd = fd
    this.#channel = channel
    this.statistics = newStatistics(processName)
    this.statistics.flowControl = state.level
    host.loop.addFd(fd, Epoll.IN, (_now, events) => this.#streamReady(events))
    if (channel.requestFd >= 0) host.loop.addFd(channel.requestFd, Epoll.IN, () => this.#requestReady())
  }

  get open(): boolean {
    return this.#open
  }

  /** When a turn is due even though nothing happens; infinite while no event waits. */
  get retryAt(): number {
    return this.#retryAt
  }

  respond(buf: Uint8Array, off: number, len: number): void {
    if (!this.#open) return
    const result = this.#channel.respond(buf, off, len)
    if (result === 'sent') this.statistics.responses++
    else if (result === 'failed') this.#end(this.#channel.fault)
    else {
      // A lost answer would shift every later one. A program that waits for each answer never gets here.
      this.statistics.sendRetries++
      this.#end('does not read its answers')
    }
  }

  notify(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void {
    if (!this.#open) return
    if (this.#events.length === 0) {
      const result = this.#channel.notify(head, headOff, headLen, body, bodyOff, bodyLen)
      if (result === 'sent') {
        this.#eventSent()
        return
      }
      if (result === 'failed') {
        this.#end(this.#channel.fault)
        return
      }
      this.statistics.sendRetries++
      this.statistics.queueing = 1
      this.#retryMs = 0
      // Due at once; from then on by the clock.
      this.#retryAt = 0
      this.#host.owing(this)
    }
    if (this.#events.bytes + headLen + bodyLen > this.#host.maxWaitingEventBytes) {
      this.#end(`has left ${this.#events.length} events unread`)
      return
    }
    this.#events.push(head, headOff, headLen, body, bodyOff, bodyLen)
    this.statistics.queued = this.#events.length
  }

  drop(reason: string): void {
    this.#end(reason)
  }

  /** Hands as many requests to the owner as the rate allows. True when there may be more that it allows. */
  takeRequests(): boolean {
    if (!this.#hasRequests || this.#held) return false
    const channel = this.#channel
    const { owner } = this.#host
    // The quota is asked for again each time: a request may lead to a lower rate.
    for (let i = 0; i < this.state.quota; i++) {
      if (!this.#open) return false
      if (!channel.next()) {
        this.#hasRequests = false
        if (channel.fault !== undefined) this.#end(channel.fault)
        return false
      }
      if (isDisconnect(channel)) {
        this.#end(undefined)
        return false
      }
      const taken = owner.request(this, channel.bytes, channel.off, channel.len)
      if (!this.#open) return false
      if (!taken) {
        channel.unread()
        this.#held = true
        this.#listen(false)
        this.statistics.receiveRetries++
        return false
      }
      this.statistics.requests++
      channel.reclaim()
      if (channel.fault !== undefined) this.#end(channel.fault)
    }
    return this.#open && this.state.quota > 0
  }

  /** Sends waiting events, as far as the program has made room, and the bytes that announce events. */
  sendOutput(now: number): void {
    if (this.#open && now >= this.#retryAt) this.#sendWaiting(now)
    if (this.#open && this.#owedBytes > 0 && !this.#streamFull) this.#sendOwedBytes()
  }

  get held(): boolean {
    return this.#held
  }

  /** The owner may be able to take the request that it could not. */
  resume(): void {
    this.#held = false
    if (!this.#open || this.state.quota === 0) return
    this.#listen(true)
    this.#host.ready(this)
  }

  /** The rate of the service has changed. */
  rateChanged(): void {
    if (!this.#open) return
    const { level } = this.state
    if (this.statistics.flowControl !== level) {
      this.statistics.flowControl = level
      this.statistics.flowControlCount++
      this.#channel.setLevel(level)
      if (this.#channel.fault !== undefined) this.#end(this.#channel.fault)
    }
    if (!this.#open || this.state.quota === 0) return
    if (!this.#held) this.#listen(true)
    if (this.#hasRequests) this.#host.ready(this)
  }

  /** Ends without a word in the log: the service is closed. */
  shutDown(): void {
    this.#end(undefined)
  }

  /** Gives back everything; nothing of a request may be in use any more. */
  release(): void {
    this.#events.clear()
    this.statistics.queueing = 0
    this.statistics.queued = 0
    this.#channel.close()
  }

  #sendWaiting(now: number): void {
    const events = this.#events
    let progress = false
    while (events.peek()) {
      const result = this.#channel.notify(events.buf, events.off, events.len, events.buf, 0, 0)
      if (result === 'failed') {
        this.#end(this.#channel.fault)
        return
      }
      if (result === 'full') {
        this.statistics.sendRetries++
        this.statistics.queued = events.length
        this.#retryMs = progress ? RETRY_MIN_MS : Math.min(Math.max(this.#retryMs * 2, RETRY_MIN_MS), RETRY_MAX_MS)
        this.#retryAt = now + this.#retryMs
        return
      }
      events.shift()
      this.#eventSent()
      progress = true
    }
    this.statistics.queueing = 0
    this.statistics.queued = 0
    this.#retryAt = Number.POSITIVE_INFINITY
  }

  #eventSent(): void {
    this.statistics.sent++
    this.statistics.dispatched++
    if (!this.#channel.notifiesByStream) return
    // The byte follows the event, and those of one turn go together.
    this.#owedBytes++
    if (!this.isOwing) this.#host.owing(this)
  }

  #sendOwedBytes(): void {
    const sent = sendNotifications(this.#fd, this.#owedBytes)
    if (sent < 0 && !isRetry(sent)) {
      this.#end(undefined)
      return
    }
    if (sent > 0) this.#owedBytes -= sent
    const full = this.#owedBytes > 0
    if (full === this.#streamFull) return
    this.#streamFull = full
    this.#host.loop.modifyFd(this.#fd, full ? Epoll.IN | Epoll.OUT : Epoll.IN)
  }

  #streamReady(events: number): void {
    if ((events & Epoll.OUT) !== 0) {
      this.#sendOwedBytes()
      if (!this.#open) return
    }
    if ((events & (Epoll.IN | Epoll.HUP | Epoll.ERR)) === 0) return
    // Read away at once, whatever the rate: a program whose bytes are not read spins (spec: ipc 9).
    const received = discardNotifications(this.#fd)
    if (received <= 0) {
      // The end of the stream, or ECONNRESET when the program left events unread.
      if (!isRetry(received) || (events & Epoll.HUP) !== 0) this.#farewell()
      return
    }
    this.#requestReady()
  }

  /** The program has gone. What it had sent before is still taken, as much as one turn takes. */
  #farewell(): void {
    this.#hasRequests = true
    this.takeRequests()
    this.#end(undefined)
  }

  #requestReady(): void {
    this.#hasRequests = true
    if (this.state.quota > 0) this.#host.ready(this)
    else this.#listen(false)
  }

  /** What is not going to be read must not keep the loop awake. */
  #listen(wanted: boolean): void {
    const { requestFd } = this.#channel
    if (requestFd < 0 || wanted === this.#listening) return
    this.#listening = wanted
    this.#host.loop.modifyFd(requestFd, wanted ? Epoll.IN : 0)
  }

  #end(reason: string | undefined): void {
    if (!this.#open) return
    this.#open = false
    this.#retryAt = Number.POSITIVE_INFINITY
    this.#host.loop.removeFd(this.#fd)
    if (this.#channel.requestFd >= 0) this.#host.loop.removeFd(this.#channel.requestFd)
    closeFd(this.#fd)
    this.#host.ended(this, reason)
  }
}

function isDisconnect(channel: Channel): boolean {
  const at = channel.off + RequestHeader.id
  const { bytes } = channel
  const id = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  return id === DISCONNECT_ID
}
