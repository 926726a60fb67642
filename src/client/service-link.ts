// A connection to one service of the daemon, opened when it is first used. In: requests as bytes. Out: answers that went
// well, errors with their codes, events. Must not know what any message means.

import { IpcClient, type IpcClientOptions } from '../ipc/client.js'
import { IpcError } from '../ipc/errors.js'
import { CsError } from '../services/errors.js'
import { Errno } from '../sys/errno.js'
import { HOST_LITTLE_ENDIAN } from '../wire/cursor.js'
import { RESPONSE_HEADER_LENGTH, responseError } from '../wire/service.js'
import { WAITING_LIMIT } from './channel-client.js'
import {
  ClosedError,
  type ClusterError,
  ConnectionError,
  ConnectionLostError,
  callError,
  QueueFullError,
} from './errors.js'

export interface DaemonOptions extends IpcClientOptions {
  /** How long a daemon that is starting or busy is asked again, in milliseconds. */
  readonly timeoutMs: number
}

/** Between attempts: first, and at most. */
const RETRY_MIN_MS = 2
const RETRY_MAX_MS = 50

export interface ServiceListener {
  /** An event, header first; valid for the length of the call. */
  event(buf: Uint8Array, off: number, len: number): void
  /** The connection is over, and not because this side closed it. */
  lost(error: ConnectionLostError): void
}

const DEAF: ServiceListener = { event: () => {}, lost: () => {} }

/** Connects; asks again while the daemon is not ready. Rejects with ConnectionError. */
export async function openConnection(
  service: string,
  options: DaemonOptions,
  listener: ServiceListener,
): Promise<IpcClient> {
  const until = performance.now() + options.timeoutMs
  for (let wait = RETRY_MIN_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      return await IpcClient.connect(service, options, {
        event: (buf, off, len) => listener.event(buf, off, len),
        lost: error => listener.lost(lostError(service, error)),
      })
    } catch (error) {
      if (!(error instanceof IpcError)) throw error
      if (error.errno !== Errno.EAGAIN || performance.now() >= until) {
        throw new ConnectionError(error.errno, error.message, { cause: error })
      }
    }
    await pause(wait)
  }
}

export function lostError(service: string, cause: IpcError): ConnectionLostError {
  return new ConnectionLostError(`the connection to the daemon's service '${service}' is lost: ${cause.message}`, {
    cause,
  })
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
  readonly #options: DaemonOptions
  readonly #listener: ServiceListener
  readonly #prepare: (client: IpcClient) => Promise<void>
  #opening: Promise<IpcClient> | undefined
  #client: IpcClient | undefined
  #end: ClusterError | undefined

  /** `prepare` makes the first requests of a new connection. */
  constructor(
    service: string,
    options: DaemonOptions,
    listener: ServiceListener = DEAF,
    prepare: (client: IpcClient) => Promise<void> = async () => {},
  ) {
    this.service = service
    this.#options = options
    this.#listener = listener
    this.#prepare = prepare
  }

  /**
   * Makes a call; `what` names it in errors. Resolves with the whole answer if that says OK, rejects with ClusterError if
   * it says anything else. While the ring is busy the daemon says so, and is asked again.
   */
  async call(what: string, request: Uint8Array): Promise<Uint8Array> {
    if (this.#end !== undefined) throw this.#end
    const client = this.#client ?? (await this.#open())
    return callOn(client, what, request, this.#options.timeoutMs)
  }

  /** Calls are rejected from now on, with `error` when it is not the program that ends it. */
  close(error?: ClusterError): void {
    this.#end ??= error ?? new ClosedError('the cluster')
    this.#client?.close(error === undefined ? undefined : new IpcError(Errno.ENOTCONN, error.message))
  }

  #open(): Promise<IpcClient> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  async #connect(): Promise<IpcClient> {
    try {
      const client = await openConnection(this.service, this.#options, {
        event: (buf, off, len) => this.#listener.event(buf, off, len),
        lost: error => {
          this.#end ??= error
          this.#listener.lost(error)
        },
      })
      try {
        await this.#prepare(client)
      } catch (error) {
        client.close()
        throw error
      }
      if (this.#end !== undefined) client.close()
      else this.#client = client
      return client
    } catch (error) {
      // A daemon that was not there may be there at the next call.
      this.#opening = undefined
      throw error
    }
  }
}

/** As ServiceLink.call, on a connection of one's own. */
export async function callOn(
  client: IpcClient,
  what: string,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  const until = performance.now() + timeoutMs
  for (let wait = RETRY_MIN_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    let answer: Uint8Array
    try {
      answer = await client.request(request)
    } catch (error) {
      throw error instanceof IpcError ? requestError(client.service, what, error) : error
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
