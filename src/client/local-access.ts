// Connections to the services of a node that lives in this program. In: a way to send messages to where the node runs, and what
// comes back. Out: connections as to a daemon. One request at a time per connection, because answers carry no number.

import type { FromService, ToService } from '../daemon/local-programs.js'
import { IpcError } from '../ipc/errors.js'
import { Fifo } from '../ipc/fifo.js'
import { Errno } from '../sys/errno.js'
import { WAITING_MAX } from './channel-client.js'
import { ConnectionError } from './errors.js'
import { lostError, type ServiceAccess, type ServiceConnection, type ServiceListener } from './service-link.js'

/** How long a busy service is asked again. */
const TIMEOUT_MS = 10_000

interface Waiting {
  readonly message: Uint8Array
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: Error) => void
}

class LocalConnection implements ServiceConnection {
  readonly id: number
  readonly service: string
  readonly listener: ServiceListener
  readonly #send: (message: ToService) => void
  readonly #closed: () => void
  readonly #waiting = new Fifo<Waiting>()
  #end: IpcError | undefined

  constructor(
    id: number,
    service: string,
    listener: ServiceListener,
    send: (message: ToService) => void,
    closed: () => void,
  ) {
    this.id = id
    this.service = service
    this.listener = listener
    this.#send = send
    this.#closed = closed
  }

  request(message: Uint8Array): Promise<Uint8Array> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    if (this.#waiting.length >= WAITING_MAX) {
      return Promise.reject(new IpcError(Errno.ENOBUFS, 'too many requests wait'))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject })
      if (this.#waiting.length === 1) this.#send({ kind: 'request', id: this.id, bytes: message })
    })
  }

  answered(bytes: Uint8Array): void {
    this.#waiting.shift()?.resolve(bytes)
    const next = this.#waiting.peek()
    if (next !== undefined) this.#send({ kind: 'request', id: this.id, bytes: next.message })
  }

  close(reason?: IpcError): void {
    if (this.#end !== undefined) return
    this.#send({ kind: 'close', id: this.id })
    this.#finish(reason ?? new IpcError(Errno.EBADF, 'the connection is closed'))
  }

  lost(reason: string): void {
    if (this.#end !== undefined) return
    const error = new IpcError(Errno.ENOTCONN, reason)
    this.#finish(error)
    this.listener.lost(lostError(this.service, error))
  }

  #finish(error: IpcError): void {
    this.#end = error
    this.#closed()
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(error)
  }
}

export class LocalAccess implements ServiceAccess {
  readonly timeoutMs = TIMEOUT_MS
  readonly #send: (message: ToService) => void
  readonly #connections = new Map<number, LocalConnection>()
  readonly #opening = new Map<number, (known: boolean) => void>()
  #lastId = 0
  #ended = false

  constructor(send: (message: ToService) => void) {
    this.#send = send
  }

  async connect(service: string, listener: ServiceListener): Promise<ServiceConnection> {
    if (this.#ended) throw new ConnectionError(Errno.ENOTCONN, 'the node has ended')
    const id = ++this.#lastId
    const connection = new LocalConnection(id, service, listener, this.#send, () => this.#connections.delete(id))
    this.#connections.set(id, connection)
    const known = await new Promise<boolean>(resolve => {
      this.#opening.set(id, resolve)
      this.#send({ kind: 'open', id, service })
    })
    if (known) return connection
    this.#connections.delete(id)
    throw new ConnectionError(Errno.ECONNREFUSED, `the node has no service '${service}'`)
  }

  /** What comes from the node. */
  take(message: FromService): void {
    const { id } = message
    const connection = this.#connections.get(id)
    switch (message.kind) {
      case 'opened':
        this.#opening.get(id)?.(message.known)
        this.#opening.delete(id)
        break
      case 'answer':
        connection?.answered(message.bytes)
        break
      case 'event':
        connection?.listener.event(message.bytes, 0, message.bytes.length)
        break
      case 'lost':
        connection?.lost(message.reason)
    }
  }

  /** The node has ended. */
  end(): void {
    this.#ended = true
    for (const connection of this.#connections.values()) connection.lost('the node has ended')
    for (const settle of this.#opening.values()) settle(false)
    this.#opening.clear()
  }
}
