// A program connected to a service, without IPC: requests as bytes go through the gate, answers and events are kept.

import { type GatePort, type GateResult, LibraryGate } from '../../src/services/gate.js'
import type { Client, LibraryInterface } from '../../src/services/library.js'

let lastSerial = 0

export const OPEN_PORT: GatePort = { canSend: () => true, crowded: false, sizeLimit: 4 << 20 }

export class LibraryClient implements Client {
  readonly serial = ++lastSerial
  readonly pid: number
  readonly uid = 0
  readonly gid = 0
  readonly answers: Uint8Array[] = []
  readonly events: Uint8Array[] = []
  dropped: string | undefined
  readonly #library: LibraryInterface
  readonly #gate: LibraryGate

  constructor(library: LibraryInterface, options: { readonly pid?: number; readonly port?: GatePort } = {}) {
    this.pid = options.pid ?? 1000 + this.serial
    this.#library = library
    this.#gate = new LibraryGate(options.port ?? OPEN_PORT)
    library.connected(this)
  }

  respond(buf: Uint8Array, off: number, len: number): void {
    this.answers.push(new Uint8Array(buf.subarray(off, off + len)))
  }

  notify(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): void {
    const event = new Uint8Array(headLen + bodyLen)
    event.set(head.subarray(headOff, headOff + headLen))
    event.set(body.subarray(bodyOff, bodyOff + bodyLen), headLen)
    this.events.push(event)
  }

  drop(reason: string): void {
    this.dropped = reason
  }

  /** Hands in a request as it is. */
  send(bytes: Uint8Array): GateResult {
    return this.#gate.request(this.#library, this, bytes, 0, bytes.length)
  }

  /** Hands in a request with this id; `fill` writes behind the header. The answer, if it came at once. */
  request(
    id: number,
    length: number,
    fill: (view: DataView, bytes: Uint8Array) => void = () => {},
  ): DataView | undefined {
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, id, true)
    view.setInt32(8, length, true)
    fill(view, bytes)
    const before = this.answers.length
    this.send(bytes)
    const answer = this.answers[before]
    return answer === undefined ? undefined : new DataView(answer.buffer)
  }

  /** Events since the last look. */
  look(): Uint8Array[] {
    return this.events.splice(0)
  }

  disconnect(): void {
    this.#library.disconnected(this)
  }
}

/** Error of an answer or event. */
export function errorOf(answer: DataView | undefined): number {
  if (answer === undefined) throw new Error('no answer')
  return answer.getInt32(16, true)
}

/** Bytes written as `01 02 ..`; `..` stands for anything that means nothing, and gives 0. */
export function hex(text: string): Uint8Array {
  const words = text.trim().split(/\s+/)
  return Uint8Array.from(words, word => (word === '..' ? 0 : Number.parseInt(word, 16)))
}
