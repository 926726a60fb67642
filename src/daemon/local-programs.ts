// The services of a node for the program that it lives in: what the IPC server is for programs of the host, without sockets. In:
// messages of that program's connections. Out: calls of the services' library interfaces; answers and events as messages.
// What the ring cannot take now waits here, in order; a connection asks one thing at a time, so it never is much.

import { Fifo } from '../ipc/fifo.js'
import { type GatePort, LibraryGate } from '../services/gate.js'
import type { Client, LibraryInterface } from '../services/library.js'
import type { Service } from '../services/types.js'

/** From the program. Numbers of connections are its own, each used once. */
export type ToService =
  | { readonly kind: 'open'; readonly id: number; readonly service: string }
  | { readonly kind: 'request'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly id: number }

/** To the program. */
export type FromService =
  | { readonly kind: 'opened'; readonly id: number; readonly known: boolean }
  | { readonly kind: 'answer' | 'event'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'lost'; readonly id: number; readonly reason: string }

export interface LocalProgramsOptions {
  readonly services: readonly Service[]
  readonly port: GatePort
  /** Called before each request: services set timers by the time that they were last told. */
  readonly tellTime: () => void
  /** False: too much waits for the program already. */
  readonly tell: (message: FromService) => boolean
}

const NOTHING = new Uint8Array(0)

class LocalClient implements Client {
  readonly serial: number
  readonly pid = process.pid
  readonly uid = process.getuid?.() ?? 0
  readonly gid = process.getgid?.() ?? 0
  readonly library: LibraryInterface
  readonly waiting = new Fifo<Uint8Array>()
  readonly #owner: LocalPrograms

  constructor(serial: number, library: LibraryInterface, owner: LocalPrograms) {
    this.serial = serial
    this.library = library
    this.#owner = owner
  }

  respond(buf: Uint8Array, off: number, len: number): void {
    this.#owner.send(this, 'answer', buf.slice(off, off + len))
  }

  notify(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void {
    const bytes = new Uint8Array(headLen + bodyLen)
    bytes.set(head.subarray(headOff, headOff + headLen))
    bytes.set(body.subarray(bodyOff, bodyOff + bodyLen), headLen)
    this.#owner.send(this, 'event', bytes)
  }

  drop(reason: string): void {
    this.#owner.drop(this, reason)
  }
}

export class LocalPrograms {
  readonly #options: LocalProgramsOptions
  readonly #libraries = new Map<string, LibraryInterface>()
  readonly #gate: LibraryGate
  readonly #clients = new Map<number, LocalClient>()
  /** A configuration changes: only some services are served. */
  #synchronising = true

  constructor(options: LocalProgramsOptions) {
    this.#options = options
    this.#gate = new LibraryGate(options.port)
    for (const { library } of options.services) if (library !== undefined) this.#libraries.set(library.name, library)
  }

  take(message: ToService): void {
    const { id } = message
    if (message.kind === 'open') this.#open(id, message.service)
    const client = this.#clients.get(id)
    if (client === undefined || message.kind === 'open') return
    if (message.kind === 'close') this.#forget(client)
    else {
      client.waiting.push(message.bytes)
      this.#serve(client)
    }
  }

  synchronising(): void {
    this.#synchronising = true
  }

  synchronised(): void {
    this.#synchronising = false
    this.resume()
  }

  /** What the ring would not take may be taken now. */
  resume(): void {
    for (const client of this.#clients.values()) if (client.waiting.length > 0) this.#serve(client)
  }

  // For the clients.

  send(client: LocalClient, kind: 'answer' | 'event', bytes: Uint8Array): void {
    if (this.#clients.get(client.serial) !== client) return
    if (!this.#options.tell({ kind, id: client.serial, bytes })) this.drop(client, 'its events are not taken')
  }

  drop(client: LocalClient, reason: string): void {
    if (this.#clients.get(client.serial) !== client) return
    this.#options.tell({ kind: 'lost', id: client.serial, reason })
    this.#forget(client)
  }

  #open(id: number, service: string): void {
    const library = this.#libraries.get(service)
    this.#options.tell({ kind: 'opened', id, known: library !== undefined })
    if (library === undefined) return
    const client = new LocalClient(id, library, this)
    this.#clients.set(id, client)
    library.connected(client)
  }

  #forget(client: LocalClient): void {
    this.#clients.delete(client.serial)
    client.waiting.clear()
    client.library.disconnected(client)
  }

  #serve(client: LocalClient): void {
    const { library, waiting } = client
    for (let bytes = waiting.peek() ?? NOTHING; bytes.length > 0; bytes = waiting.peek() ?? NOTHING) {
      if (this.#synchronising && library.servesDuringSync !== true) return
      this.#options.tellTime()
      if (this.#gate.request(library, client, bytes, 0, bytes.length) === 'later') return
      waiting.shift()
    }
  }
}
