// Programs that have arrived and not said yet what they want (spec: ipc 4.1): collects their first words and their
// credentials. In: accepted descriptors. Out: for each a wish, or its end. It does not decide whom to let in.

import { closeFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'
import { CredentialReceiver, isRetry, SocketBuffer, stopCredentials } from '../sys/unix-socket.js'
import {
  type Connected,
  ConnectionRequest,
  ConnectionResponse,
  decodeConnectionRequest,
  encodeConnectionResponse,
} from '../wire/ipc-transport.js'
import type { ServiceState } from './service-state.js'
import type { Credentials, IpcLoop } from './types.js'

/** A program sends its first words at once. One that does not holds a descriptor of ours. */
export const HANDSHAKE_TIMEOUT_MS = 5000
/** Beyond this the oldest has to go: programs that say nothing must not keep out those that do. */
export const HANDSHAKES_MAX = 256

/** A program that has said what it wants. The descriptor is the listener's from now on. */
export type HandshakeListener = (state: ServiceState, fd: number, program: Credentials, maxMessage: number) => void

interface Pending {
  readonly state: ServiceState
  readonly deadline: number
}

export class Handshakes {
  readonly #loop: IpcLoop
  readonly #listener: HandshakeListener
  readonly #receiver = new CredentialReceiver(ConnectionRequest.bytes)
  /** By descriptor; in the order of arrival, which is that of the deadlines. */
  readonly #pending = new Map<number, Pending>()

  constructor(loop: IpcLoop, listener: HandshakeListener) {
    this.#loop = loop
    this.#listener = listener
  }

  get size(): number {
    return this.#pending.size
  }

  add(state: ServiceState, fd: number, now: number): void {
    if (this.#pending.size >= HANDSHAKES_MAX)
      for (const [oldest] of this.#pending) {
        this.#close(oldest)
        break
      }
    this.#pending.set(fd, { state, deadline: now + HANDSHAKE_TIMEOUT_MS })
    this.#loop.addFd(fd, Epoll.IN, () => this.#receive(state, fd))
  }

  /** Infinite when nobody is waited for. */
  nextDeadline(): number {
    for (const { deadline } of this.#pending.values()) return deadline
    return Number.POSITIVE_INFINITY
  }

  expire(now: number): void {
    for (const [fd, { deadline }] of this.#pending) {
      if (deadline > now) return
      this.#close(fd)
    }
  }

  /** Lets go of those who want this service; of all without one. */
  closeAll(state?: ServiceState): void {
    for (const [fd, pending] of this.#pending) if (state === undefined || pending.state === state) this.#close(fd)
  }

  #receive(state: ServiceState, fd: number): void {
    const length = this.#receiver.receive(fd)
    if (isRetry(length)) return
    const { bytes, pid, uid, gid } = this.#receiver
    // Fewer bytes than the request, or others: nothing that libqb sends, and nothing that it could be told.
    const maxMessage = decodeConnectionRequest(bytes, length)
    if (maxMessage === undefined || pid <= 0) {
      this.#close(fd)
      return
    }
    this.#loop.removeFd(fd)
    this.#pending.delete(fd)
    stopCredentials(fd)
    this.#listener(state, fd, { pid, uid, gid }, maxMessage)
  }

  #close(fd: number): void {
    this.#loop.removeFd(fd)
    this.#pending.delete(fd)
    closeFd(fd)
  }
}

let response: SocketBuffer | undefined

/**
 * The answer, in one write: programs that find only a part of it give up (spec: ipc 4.1). False when the program has gone.
 */
export function answerHandshake(fd: number, outcome: Connected | { readonly error: number }): boolean {
  response ??= new SocketBuffer(ConnectionResponse.bytes)
  encodeConnectionResponse(response.memory.bytes, outcome)
  return response.send(fd, ConnectionResponse.bytes) === ConnectionResponse.bytes
}
