// The one door through which services send (spec: totem 6.6, 11.3). While a synchronisation runs only its own
// messages pass. Ordinary ones are refused, and those that cannot be refused (a leave for a client that is gone) wait
// here: one that got into the queue of the transitional phase behind this node's last barrier would be delivered in
// the wrong phase. In: messages of services. Out: messages to process groups, and one call when it is worth trying
// again.

import type { ProcessGroups } from '../pg/process-groups.js'
import { Group } from '../pg/types.js'
import { readS32 } from '../wire/cursor.js'
import type { ServiceTable } from './table.js'
import type { RingPort } from './types.js'

const NOTHING = new Uint8Array(0)
/**
 * Kept messages beyond which requests of programs wait: some requests send without asking for room, and a ring that does not
 * form takes nothing. What is no request (programs that end, a file that is read again) comes on top.
 */
export const CROWDED_MESSAGES = 1024

export interface OutboxOptions {
  readonly nodeId: number
  readonly littleEndian: boolean
  readonly groups: ProcessGroups
  readonly table: ServiceTable
  /** Somebody was refused, and what was refused would fit now. */
  readonly ready: () => void
}

export class Outbox implements RingPort {
  readonly nodeId: number
  readonly littleEndian: boolean
  readonly #groups: ProcessGroups
  readonly #table: ServiceTable
  readonly #ready: () => void
  /** Closed from start and from each change until synchronisation is complete. */
  #open = false
  /**
   * Messages that wait for the door to open or for room, oldest first. Their number is bounded by CROWDED_MESSAGES and the
   * number of local clients.
   */
  #held: Uint8Array[] = []
  /** Length of the longest message refused since the last call of `ready`; -1: none was. */
  #refused = -1

  constructor(options: OutboxOptions) {
    this.nodeId = options.nodeId
    this.littleEndian = options.littleEndian
    this.#groups = options.groups
    this.#table = options.table
    this.#ready = options.ready
  }

  get heldMessages(): number {
    return this.#held.length
  }

  send(
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): boolean {
    if (
      !this.#open ||
      this.#held.length > 0 ||
      !this.#groups.send(Group.services, head, headOff, headLen, body, bodyOff, bodyLen)
    ) {
      if (headLen + bodyLen > this.#refused) this.#refused = headLen + bodyLen
      return false
    }
    this.#table.countSent(readS32(head, headOff, this.littleEndian))
    return true
  }

  /** Whether `send` would take a message of this many bytes; when it would not, `ready` says when to ask again. */
  canSend(bytes: number): boolean {
    if (this.#open && this.#held.length === 0 && this.#groups.fits(bytes)) return true
    if (bytes > this.#refused) this.#refused = bytes
    return false
  }

  get crowded(): boolean {
    if (this.#held.length < CROWDED_MESSAGES) return false
    if (this.#refused < 0) this.#refused = 0
    return true
  }

  /** Messages of this many bytes or more can never be sent. */
  get sizeLimit(): number {
    return this.#groups.limits.sizeLimit
  }

  sendInSync(buf: Uint8Array, off: number, len: number): boolean {
    if (!this.#groups.send(Group.services, buf, off, len, NOTHING, 0, 0)) return false
    this.#table.countSent(readS32(buf, off, this.littleEndian))
    return true
  }

  sendSurely(buf: Uint8Array, off: number, len: number): void {
    // Not slice: that of a Buffer copies nothing.
    this.#held.push(new Uint8Array(buf.subarray(off, off + len)))
    if (this.#open) this.#sendHeld()
  }

  requestToken(): void {
    this.#groups.requestToken()
  }

  /** A configuration changes. */
  close(): void {
    this.#open = false
  }

  /** Synchronisation is complete and the ordinary queue in use again. */
  open(): void {
    this.#open = true
    this.tokenSent()
  }

  /** The queue may have got shorter. */
  tokenSent(): void {
    if (!this.#open || (this.#held.length === 0 && this.#refused < 0)) return
    this.#sendHeld()
    if (this.#refused < 0 || this.#held.length > 0 || !this.#groups.fits(this.#refused)) return
    this.#refused = -1
    this.#ready()
  }

  #sendHeld(): void {
    let sent = 0
    for (const message of this.#held) {
      if (!this.sendInSync(message, 0, message.length)) break
      sent++
    }
    if (sent > 0) this.#held = this.#held.slice(sent)
  }
}
