// A connection to one service of the node, opened when it is first used, whether the node is a daemon or inside this program.
// In: requests as bytes. Out: answers that went well, errors with their codes, events. Must not know what any message means.

import { IpcError } from '../ipc/errors.js'
import { CsError } from '../services/errors.js'
import { Errno } from '../sys/errno.js'
import { HOST_LITTLE_ENDIAN } from '../wire/cursor.js'
import { RESPONSE_HEADER_LENGTH, responseError } from '../wire/service.js'
import { WAITING_LIMIT } from './channel-client.js'
import { ClosedError, type ClusterError, ConnectionLostError, callError, QueueFullError } from './errors.js'

/** Between attempts: first, and at most. */
export const RETRY_MIN_MS = 2
export const RETRY_MAX_MS = 50

export interface ServiceListener {
  /** An event, header first; valid for the length of the call. */
  event(buf: Uint8Array, off: number, len: number): void
  /** The connection is over, and not because this side closed it. */
  lost(error: ConnectionLostError): void
}

export interface ServiceConnection {
  readonly service: string
  /** Resolves with the answer, a copy. Rejects with IpcError: EBADF after `close`, ENOTCONN when the other side has gone. */
  request(message: Uint8Array): Promise<Uint8Array>
  /** What waits is rejected: with EBADF, or with the reason when it is the other side that has gone. */
  close(reason?: IpcError): void
}

/** The way to a node's services. */
export interface ServiceAccess {
  /** How long a busy service is asked again, in milliseconds. */
  readonly timeoutMs: number
  /** Rejects with ConnectionError. */
  connect(service: string, listener: ServiceListener): Promise<ServiceConnection>
}

const DEAF: ServiceListener = { event: () => {}, lost: () => {} }

export function lostError(service: string, cause: IpcError): ConnectionLostError {
  return new ConnectionLostError(`the connection to the service '${service}' is lost: ${cause.message}`, { cause })
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** The result of an answer; MESSAGE_ERROR for what is none. */
export function answerCode(answer: Uint8Array): number {
  return answer.length < RESPONSE_HEADER_LENGTH ? CsError.MESSAGE_ERROR : responseError(answer, 0, HOST_LITTLE_ENDIAN)
}

export class ServiceLink {
  readonly service: string
  readonly #access: ServiceAccess
  readonly #listener: ServiceListener
  readonly #prepare: (connection: ServiceConnection) => Promise<void>
  #opening: Promise<ServiceConnection> | undefined
  #connection: ServiceConnection | undefined
  #end: ClusterError | undefined

  /** `prepare` makes the first requests of a new connection. */
  constructor(
    service: string,
    access: ServiceAccess,
    listener: ServiceListener = DEAF,
    prepare: (connection: ServiceConnection) => Promise<void> = async () => {},
  ) {
    this.service = service
    this.#access = access
    this.#listener = listener
    this.#prepare = prepare
  }

  /**
   * Makes a call; `what` names it in errors. Resolves with the whole answer if that says OK, rejects with ClusterError if
   * it says anything else. While the ring is busy the service says so, and is asked again.
   */
  async call(what: string, request: Uint8Array): Promise<Uint8Array> {
    if (this.#end !== undefined) throw this.#end
    const connection = this.#connection ?? (await this.#open())
    return callOn(connection, what, request, this.#access.timeoutMs)
  }

  /** Calls are rejected from now on, with `error` when it is not the program that ends it. */
  close(error?: ClusterError): void {
    this.#end ??= error ?? new ClosedError('the cluster')
    this.#connection?.close(error === undefined ? undefined : new IpcError(Errno.ENOTCONN, error.message))
  }

  #open(): Promise<ServiceConnection> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  async #connect(): Promise<ServiceConnection> {
    try {
      const connection = await this.#access.connect(this.service, {
        event: (buf, off, len) => this.#listener.event(buf, off, len),
        lost: error => {
          this.#end ??= error
          this.#listener.lost(error)
        },
      })
      try {
        await this.#prepare(connection)
      } catch (error) {
        connection.close()
        throw error
      }
      if (this.#end !== undefined) connection.close()
      else this.#connection = connection
      return connection
    } catch (error) {
      // A daemon that was not there may be there at the next call.
      this.#opening = undefined
      throw error
    }
  }
}

/** As ServiceLink.call, on a connection of one's own. */
export async function callOn(
  connection: ServiceConnection,
  what: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const until = performance.now() + timeoutMs
  for (let wait = RETRY_MIN_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    let answer: Uint8Array
    try {
      answer = await connection.request(request)
    } catch (error) {
      throw error instanceof IpcError ? requestError(connection.service, what, error) : error
    }
    const code = answerCode(answer)
    if (code === CsError.OK) return answer
    if (code !== CsError.TRY_AGAIN || performance.now() >= until) throw callError(code, what)
    await pause(wait)
  }
}

function requestError(service: string, what: string, error: IpcError): Error {
  switch (error.errno) {
    case Errno.EBADF:
      return new ClosedError('the cluster')
    case Errno.EMSGSIZE:
      return callError(CsError.TOO_BIG, what)
    case Errno.ENOBUFS:
      return new QueueFullError(WAITING_LIMIT)
    default:
      return lostError(service, error)
  }
}
