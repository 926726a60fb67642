// A program's connection to one service of a daemon on this host, in the manner of libqb (spec: ipc 4, 9-12, 18.2): the
// handshake, requests one after the other, answers in the same order, events as they come. In: whole messages, header
// first. Out: the same. Must not know what any of them means.
//
// Nothing blocks. An answer has no descriptor to wait for, only a semaphore: the thread looks at it for some microseconds
// (most answers are there by then), sleeps on it for some more, and then looks again at growing intervals, in between which
// the program runs.

import { Errno } from '../sys/errno.js'
import { type Connected, ConnectionType } from '../wire/ipc-transport.js'
import { DatagramClientTransport } from './client-datagram.js'
import { ShmClientTransport } from './client-shm.js'
import { ClientStream } from './client-stream.js'
import type { ClientTransport, SendResult, ShownMessage } from './client-transport.js'
import { asIpcError, IpcError } from './errors.js'
import { Fifo } from './fifo.js'

/** Where a daemon's sockets are. */
export interface IpcAddress {
  /** Put before the names of services; for daemons that share a network namespace. */
  readonly prefix?: string
  /** Directory of sockets in the file system; undefined: the abstract name space. */
  readonly directory?: string | undefined
}

export interface IpcClientOptions extends IpcAddress {
  /** How long the server may take to answer the handshake. */
  readonly handshakeTimeoutMs?: number
}

export interface IpcClientListener {
  /** An event, header first; valid for the length of the call. */
  event(buf: Uint8Array, off: number, len: number): void
  /** The connection is over, and not because this side closed it. Nothing follows. */
  lost(error: IpcError): void
}

const HANDSHAKE_TIMEOUT_MS = 10_000
/** Requests that may wait for their turn on one connection. */
const MAX_WAITING = 65_536
/** Bytes of the requests that may wait. */
const MAX_WAITING_BYTES = 256 << 20

/** How long the thread looks at the semaphore for an answer before it sleeps, and how long it sleeps. */
const SPIN_MS = 0.03
const SLEEP_US = 300
/** Between looks at what is not there yet: first, and at most. */
const POLL_MIN_MS = 1
const POLL_MAX_MS = 10
/** Requests taken in one turn of the event loop: a program that awaits one after the other must not starve it. */
const REQUESTS_PER_TURN = 64
const REQUEST_BYTES_PER_TURN = 256 << 10
/** Events handed over in one turn. */
const EVENTS_PER_TURN = 256
const EVENT_BYTES_PER_TURN = 4 << 20
/** A server that has closed the connection may be about to end: how often and how long it is looked after. */
const GONE_LOOKS = 4
const GONE_LOOK_MS = 10

const NOTHING = new Uint8Array(0)

interface Waiting {
  readonly head: Uint8Array
  readonly body: Uint8Array
  readonly bodyOffset: number
  readonly bodyLength: number
  /** Levels of flow control up to this one hold it up. */
  readonly threshold: number
  readonly answered: boolean
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: Error) => void
}

export class IpcClient {
  readonly service: string
  readonly #stream: ClientStream
  readonly #transport: ClientTransport
  readonly #listener: IpcClientListener
  readonly #waiting = new Fifo<Waiting>()
  #waitingBytes = 0
  /** Sent, and not answered yet. */
  #outstanding: Waiting | undefined
  #end: IpcError | undefined
  #timer: NodeJS.Timeout | undefined
  #pollMs = POLL_MIN_MS
  #sent = 0
  #sentBytes = 0
  #turnPlanned = false
  #drainPlanned = false
  #draining = false
  #losing = false

  /**
   * Connects. Rejects with IpcError: ECONNREFUSED or ENOENT when no daemon is there, EAGAIN when it is starting, EACCES when
   * it does not want this user, ETIMEDOUT when it does not answer.
   */
  static async connect(service: string, options: IpcClientOptions, listener: IpcClientListener): Promise<IpcClient> {
    const stream = new ClientStream(service, options.prefix ?? '', options.directory)
    const connected = await stream.shakeHands(options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS)
    try {
      return new IpcClient(service, stream, connected, listener)
    } catch (error) {
      stream.close()
      throw asIpcError(error, `cannot open the connection to '${service}'`)
    }
  }

  private constructor(service: string, stream: ClientStream, connected: Connected, listener: IpcClientListener) {
    this.service = service
    this.#stream = stream
    this.#listener = listener
    this.#transport = openTransport(connected, stream, () => this.#drain())
    stream.handOver({ bytes: () => this.#drain(), closed: error => this.#lost(error) })
  }

  /** Longest message that can be sent. */
  get maxMessage(): number {
    return this.#transport.maxMessage
  }

  /**
   * Sends a request, which may have a body that stands elsewhere, and resolves with the answer, a copy. Requests are performed
   * in the order of the calls. Neither part may change before the promise is settled. `threshold`: up to which level of flow
   * control the request has to wait (spec: ipc 12.1).
   */
  request(
    head: Uint8Array,
    body: Uint8Array = NOTHING,
    bodyOffset = 0,
    bodyLength = body.length,
    threshold = 1,
  ): Promise<Uint8Array> {
    return this.#enter(head, body, bodyOffset, bodyLength, threshold, true)
  }

  /** Sends what has no answer; resolves when the server's ring has it. While it is full, or flow control is on, it waits. */
  async post(head: Uint8Array, body: Uint8Array, threshold: number): Promise<void> {
    await this.#enter(head, body, 0, body.length, threshold, false)
  }

  /** Nothing more comes. What waits is rejected: with EBADF, or with the reason when it is the server that has gone. */
  close(reason?: IpcError): void {
    if (this.#end !== undefined) return
    this.#finish(reason ?? new IpcError(Errno.EBADF, 'the connection is closed'), reason !== undefined)
  }

  #enter(
    head: Uint8Array,
    body: Uint8Array,
    bodyOffset: number,
    bodyLength: number,
    threshold: number,
    answered: boolean,
  ): Promise<Uint8Array> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    if (head.length + bodyLength > this.#transport.maxMessage) {
      return Promise.reject(new IpcError(Errno.EMSGSIZE, `a message of ${head.length + bodyLength} bytes`))
    }
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes >= MAX_WAITING_BYTES) {
      return Promise.reject(new IpcError(Errno.ENOBUFS, 'too many requests wait'))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ head, body, bodyOffset, bodyLength, threshold, answered, resolve, reject })
      this.#waitingBytes += bodyLength
      if (this.#waiting.length === 1) this.#pump()
    })
  }

  /** Brings on what waits, as far as it goes. */
  #pump(): void {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (this.#outstanding !== undefined || this.#timer !== undefined || this.#turnPlanned) return
      if (this.#sent >= REQUESTS_PER_TURN || this.#sentBytes >= REQUEST_BYTES_PER_TURN) {
        this.#nextTurn()
        return
      }
      switch (this.#trySend(next)) {
        case 'lost':
          this.#lost(new IpcError(Errno.ENOTCONN, 'the daemon has closed the connection'))
          return
        case 'busy':
          this.#later(() => this.#pump())
          return
        case 'sent':
          this.#pollMs = POLL_MIN_MS
          this.#waiting.shift()
          this.#waitingBytes -= next.bodyLength
          this.#count(next.bodyLength)
          if (!next.answered) next.resolve(NOTHING)
          else {
            this.#outstanding = next
            this.#awaitAnswer()
          }
      }
    }
  }

  #trySend({ head, body, bodyOffset, bodyLength, threshold }: Waiting): SendResult {
    const transport = this.#transport
    try {
      const result = transport.send(head, head.length, body, bodyOffset, bodyLength, threshold)
      if (result !== 'busy' || !transport.awaitRoom(SLEEP_US)) return result
      return transport.send(head, head.length, body, bodyOffset, bodyLength, threshold)
    } catch (error) {
      this.#lost(asIpcError(error, 'sending'))
      return 'lost'
    }
  }

  #count(bytes: number): void {
    if (this.#sent++ === 0) {
      setImmediate(() => {
        this.#sent = 0
        this.#sentBytes = 0
      })
    }
    this.#sentBytes += bytes
  }

  #nextTurn(): void {
    this.#turnPlanned = true
    setImmediate(() => {
      this.#turnPlanned = false
      this.#sent = 0
      this.#sentBytes = 0
      this.#pump()
    })
  }

  #later(act: () => void): void {
    if (this.#end !== undefined) return
    const ms = this.#pollMs
    this.#pollMs = Math.min(POLL_MAX_MS, ms * 1.2)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      act()
    }, ms)
  }

  #awaitAnswer(): void {
    const until = performance.now() + SPIN_MS
    let answer = this.#takeAnswer(0)
    while (answer === undefined && performance.now() < until) answer = this.#takeAnswer(0)
    answer ??= this.#takeAnswer(SLEEP_US)
    if (answer !== undefined) this.#answered(answer)
    else this.#later(() => this.#lookForAnswer())
  }

  #lookForAnswer(): void {
    const answer = this.#takeAnswer(0)
    if (answer === undefined) this.#later(() => this.#lookForAnswer())
    else {
      this.#answered(answer)
      this.#pump()
    }
  }

  #takeAnswer(waitUs: number): ShownMessage | undefined {
    if (this.#end !== undefined) return undefined
    try {
      return this.#transport.takeAnswer(waitUs)
    } catch (error) {
      this.#lost(asIpcError(error, 'reading an answer'))
      return undefined
    }
  }

  #answered({ buf, off, len }: ShownMessage): void {
    const bytes = buf.slice(off, off + len)
    this.#transport.releaseAnswer()
    const request = this.#outstanding
    this.#outstanding = undefined
    this.#pollMs = POLL_MIN_MS
    // Events that the server sent before the answer come before it.
    this.#drain()
    request?.resolve(bytes)
  }

  /** Hands over the events that are there. */
  #drain(): void {
    // An event may make the listener ask something, and the answer leads back here while the event is still shown.
    if (this.#drainPlanned || this.#draining) return
    this.#draining = true
    const all = this.#drainSome()
    this.#draining = false
    if (all) return
    this.#drainPlanned = true
    setImmediate(() => {
      this.#drainPlanned = false
      this.#drain()
    })
  }

  /** As much as is good for one turn; whether that was all. */
  #drainSome(): boolean {
    let bytes = 0
    for (let n = 0; n < EVENTS_PER_TURN && bytes < EVENT_BYTES_PER_TURN; n++) {
      const event = this.#takeEvent()
      if (event === undefined) return true
      bytes += event.len
      this.#handOver(event)
    }
    return false
  }

  #takeEvent(): ShownMessage | undefined {
    if (this.#end !== undefined) return undefined
    try {
      return this.#transport.takeEvent()
    } catch (error) {
      this.#lost(asIpcError(error, 'reading an event'))
      return undefined
    }
  }

  #handOver(event: ShownMessage): void {
    this.#listener.event(event.buf, event.off, event.len)
    // The listener may have closed the connection.
    if (this.#end === undefined) this.#transport.releaseEvent()
  }

  /** What the server has said before it went still counts; what cannot be read does not. */
  #lost(error: IpcError): void {
    if (this.#end !== undefined || this.#losing) return
    this.#losing = true
    const answer = this.#outstanding === undefined ? undefined : this.#takeAnswer(0)
    if (answer !== undefined) this.#answered(answer)
    if (!this.#draining) {
      for (let event = this.#takeEvent(); event !== undefined; event = this.#takeEvent()) this.#handOver(event)
    }
    if (this.#end !== undefined) return
    this.#finish(error, true)
    this.#listener.lost(error)
  }

  #finish(error: IpcError, byServer: boolean): void {
    this.#end = error
    clearTimeout(this.#timer)
    this.#stream.close()
    this.#outstanding?.reject(error)
    this.#outstanding = undefined
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(error)
    if (byServer) this.#closeWhenKnown(GONE_LOOKS)
    else this.#transport.close(false)
  }

  /** Whether the server lives decides who removes the files (spec: ipc 10.5). */
  #closeWhenKnown(looks: number): void {
    const gone = !processExists(this.#stream.serverPid)
    if (gone || looks === 0) this.#transport.close(gone)
    else setTimeout(() => this.#closeWhenKnown(looks - 1), GONE_LOOK_MS)
  }
}

function openTransport(connected: Connected, stream: ClientStream, eventsThere: () => void): ClientTransport {
  switch (connected.type) {
    case ConnectionType.SHM:
      return new ShmClientTransport(connected, () => (stream.knock() ? 'sent' : 'lost'))
    case ConnectionType.SOCKET:
      return new DatagramClientTransport(connected, eventsThere)
    default:
      throw new IpcError(Errno.EOPNOTSUPP, `the daemon asks for connections of type ${connected.type}`)
  }
}

function processExists(pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
