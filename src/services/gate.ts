// The way of a program's request to the service that it is for (spec: ipc 13.3, services 1.4). What can never be handled is
// answered at once; what the ring cannot take now waits where it is. In: requests with a checked header. Out: calls of
// handlers, refusals. Must not know: what any request means, how programs are connected.

import { readS32 } from '../wire/cursor.js'
import { RESPONSE_HEADER_LENGTH, writeResponseHeader } from '../wire/service.js'
import { CsError } from './errors.js'
import type { Client, LibraryInterface } from './library.js'

/** What a cluster message may be longer than the request that it comes from: their headers and names differ. */
const MESSAGE_GROWTH = 256

export interface GatePort {
  /** Whether an ordinary message of this many bytes would be taken now; if not, somebody is told when that may change. */
  canSend(bytes: number): boolean
  /**
   * So much waits for the ring that no request may add to it, not even one that does not ask for room; somebody is told
   * when that is over.
   */
  readonly crowded: boolean
  /** Requests of this many bytes or more can never be sent. */
  readonly sizeLimit: number
}

/** `later`: not now, offer it again. `invalid`: answered with an error (or dropped, where no answer is expected). */
export type GateResult = 'handled' | 'later' | 'invalid'

export class LibraryGate {
  readonly #port: GatePort
  readonly #refusal = new Uint8Array(RESPONSE_HEADER_LENGTH)

  constructor(port: GatePort) {
    this.#port = port
  }

  /** A request of at least a header, whose size is `len`. */
  request(library: LibraryInterface, client: Client, buf: Uint8Array, off: number, len: number): GateResult {
    const request = library.requests[readS32(buf, off, true)]
    if (request === undefined || len < request.minLength || len >= this.#port.sizeLimit) {
      if (request?.silent === true) return 'invalid'
      // Refusals have the number 0, whatever was asked (spec: services 10, trap 2).
      writeResponseHeader(this.#refusal, 0, 0, RESPONSE_HEADER_LENGTH, CsError.INVALID_PARAM, true)
      client.respond(this.#refusal, 0, RESPONSE_HEADER_LENGTH)
      return 'invalid'
    }
    if (this.#port.crowded || (request.flowControl && !this.#port.canSend(len + MESSAGE_GROWTH))) return 'later'
    request.handle(client, buf, off, len)
    return 'handled'
  }
}
