// A member's channel to a daemon: one connection to its service of closed process groups (spec: services 2). In: joins,
// messages. Out: events as programs see them, put together where they come in pieces. The connection is opened by `join`.
// Events are taken as they come, because the daemon keeps what is not taken without a bound; here there is one.

import type { IpcClient } from '../ipc/client.js'
import { IpcError } from '../ipc/errors.js'
import { Fifo } from '../ipc/fifo.js'
import { CPG_MAX_ATOMIC_LENGTH, CpgPartial } from '../services/cpg/types.js'
import { CsError, type CsErrorCode } from '../services/errors.js'
import { Errno } from '../sys/errno.js'
import {
  bareRequest,
  type CpgDelivery,
  CpgEvent,
  type CpgIpcAddress,
  type CpgMembershipEvent,
  CpgRequest,
  joinRequest,
  leaveRequest,
  mcastHead,
  PARTIAL_DATA,
  partialMcastHead,
  readDelivery,
  readMembershipEvent,
  readRingEvent,
} from '../wire/cpg-ipc.js'
import { HOST_LITTLE_ENDIAN, readS32 } from '../wire/cursor.js'
import { Assembly } from './assembly.js'
import { type DaemonOptions, openConnection } from './daemon-access.js'
import { ClusterError, ConnectionLostError } from './errors.js'
import { type GroupEvent, toMember, toMemberChange } from './events.js'
import type { ChannelEnd, MemberChannel } from './member-channel.js'
import { answerCode, pause } from './service-link.js'

/** CPG_TYPE_AGREED; daemons treat all guarantees alike. */
const AGREED = 2
/** Multicasts heed the level of flow control that everything else ignores (spec: ipc 12.1). */
const MCAST_THRESHOLD = 2
const OTHER_THRESHOLD = 1
/** What an event takes up besides its data. */
const EVENT_OVERHEAD_BYTES = 64
/** Bounds of the messages that wait behind one that is sent in pieces. */
const MAX_ORDERED = 65_536
const MAX_ORDERED_BYTES = 256 << 20
/** Between attempts while the ring is busy: first, and at most. */
const RETRY_MIN_MS = 1
const RETRY_MAX_MS = 20
/** How long the last words to the daemon may take. */
const FINALIZE_MS = 1000

export interface IpcMemberOptions extends DaemonOptions {
  readonly nodeId: number
  /** Bytes of events that may wait to be taken before the membership is ended. */
  readonly maxQueuedBytes: number
}

export class IpcMemberChannel implements MemberChannel {
  readonly #options: IpcMemberOptions
  /** Something has happened: events are there, or the end. */
  readonly #rung: () => void
  readonly #events = new Fifo<GroupEvent | ChannelEnd>()
  #eventBytes = 0
  readonly #assembly = new Assembly()
  readonly #delivery: CpgDelivery = { nodeId: 0, pid: 0, dataOff: 0, dataLength: 0, type: 0, total: 0 }
  #client: IpcClient | undefined
  #refusal: CsErrorCode | undefined
  #ended = false
  #closing: Promise<void> | undefined
  #rings = false
  /** Messages and requests behind a long message follow each other here. */
  #order: Promise<unknown> | undefined
  #ordered = 0
  #orderedBytes = 0

  constructor(options: IpcMemberOptions, rung: () => void) {
    this.#options = options
    this.#rung = rung
  }

  /** Resolves when nothing is left of the connection. */
  get closed(): Promise<void> {
    return this.#closing ?? Promise.resolve()
  }

  get ended(): boolean {
    return this.#ended
  }

  async join(name: Uint8Array, pid: number, flags: number): Promise<CsErrorCode> {
    if (this.#refusal !== undefined) return this.#refusal
    try {
      this.#client = await openConnection('cpg', this.#options, {
        event: (buf, off, len) => this.#event(buf, off, len),
        lost: error => this.#lost(error),
      })
    } catch (error) {
      // Told as the reason of the end: a code would not say enough.
      this.#end(error as Error)
      return error instanceof ClusterError ? error.number : CsError.LIBRARY
    }
    if (this.#refusal !== undefined) {
      this.#client.close()
      return this.#refusal
    }
    return this.#insist(joinRequest(name, pid, flags))
  }

  async leave(name: Uint8Array, pid: number): Promise<CsErrorCode> {
    await this.#order
    return this.#insist(leaveRequest(name, pid))
  }

  mcast(bytes: Uint8Array): Promise<CsErrorCode> {
    if (this.#order === undefined && bytes.length <= this.#wholeBytes) return this.#send(bytes)
    if (this.#ordered >= MAX_ORDERED || this.#orderedBytes >= MAX_ORDERED_BYTES) {
      return Promise.resolve(CsError.QUEUE_FULL)
    }
    this.#ordered++
    this.#orderedBytes += bytes.length
    const result = (this.#order ?? Promise.resolve()).then(() =>
      bytes.length <= this.#wholeBytes ? this.#send(bytes) : this.#sendPieces(bytes),
    )
    const done = result.then(() => {
      this.#ordered--
      this.#orderedBytes -= bytes.length
      if (this.#order === done) this.#order = undefined
    })
    this.#order = done
    return result
  }

  /** What is performed is known without looking. */
  service(): void {}

  next(): GroupEvent | ChannelEnd | undefined {
    const event = this.#events.shift()
    if (event !== undefined) this.#eventBytes -= sizeOf(event)
    return event
  }

  refuse(failure: CsErrorCode): void {
    this.#refusal ??= failure
    this.#finalize()
  }

  close(failure: CsErrorCode): void {
    this.#events.clear()
    this.refuse(failure)
  }

  /** What can be sent at once. An ordinary user's datagrams are shorter than shared memory is. */
  get #wholeBytes(): number {
    if (this.#client === undefined) return CPG_MAX_ATOMIC_LENGTH
    return Math.min(CPG_MAX_ATOMIC_LENGTH, this.#client.maxMessage - PARTIAL_DATA)
  }

  #send(bytes: Uint8Array): Promise<CsErrorCode> {
    if (this.#refusal !== undefined || this.#client === undefined) {
      return Promise.resolve(this.#refusal ?? CsError.BAD_HANDLE)
    }
    return this.#client.post(mcastHead(AGREED, bytes.length), bytes, MCAST_THRESHOLD).then(
      () => CsError.OK,
      error => this.#codeOf(error),
    )
  }

  /** Pieces are answered. One that comes too late, after a change of membership, makes the message begin again. */
  async #sendPieces(bytes: Uint8Array): Promise<CsErrorCode> {
    const total = bytes.length
    let off = 0
    while (off < total) {
      const length = Math.min(this.#wholeBytes, total - off)
      const type = off === 0 ? CpgPartial.FIRST : off + length === total ? CpgPartial.LAST : CpgPartial.CONTINUED
      const code = await this.#insist(partialMcastHead(AGREED, type, total, length), bytes, off, length)
      if (code === CsError.OK) off += length
      else if (code === CsError.INTERRUPT) off = 0
      else return code
    }
    return CsError.OK
  }

  /** Makes a request, again and again while the ring is busy. */
  async #insist(
    head: Uint8Array,
    body: Uint8Array = new Uint8Array(0),
    bodyOffset = 0,
    bodyLength = body.length,
  ): Promise<CsErrorCode> {
    const threshold = bodyLength > 0 ? MCAST_THRESHOLD : OTHER_THRESHOLD
    for (let wait = RETRY_MIN_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
      if (this.#refusal !== undefined || this.#client === undefined) return this.#refusal ?? CsError.BAD_HANDLE
      let code: number
      try {
        code = answerCode(await this.#client.request(head, body, bodyOffset, bodyLength, threshold))
      } catch (error) {
        return this.#codeOf(error)
      }
      // BUSY: an earlier join or leave of this very connection is under way.
      if (code !== CsError.TRY_AGAIN && code !== CsError.BUSY) return code as CsErrorCode
      await pause(wait)
    }
  }

  #codeOf(error: unknown): CsErrorCode {
    if (this.#refusal !== undefined) return this.#refusal
    return error instanceof IpcError && error.errno === Errno.ENOBUFS ? CsError.QUEUE_FULL : CsError.LIBRARY
  }

  #event(buf: Uint8Array, off: number, len: number): void {
    if (this.#refusal !== undefined || this.#ended) return
    if (!this.#take(buf, off, len)) {
      this.#end(new ConnectionLostError('the daemon has sent an event that cannot be read'))
    }
  }

  /** False when it is malformed. Unknown ones are let go. */
  #take(buf: Uint8Array, off: number, len: number): boolean {
    switch (readS32(buf, off, HOST_LITTLE_ENDIAN)) {
      case CpgEvent.deliver:
        return this.#deliver(buf, off, len, false)
      case CpgEvent.deliverPartial:
        return this.#deliver(buf, off, len, true)
      case CpgEvent.membership:
        return this.#membership(readMembershipEvent(buf, off, len))
      case CpgEvent.ring: {
        const event = readRingEvent(buf, off, len)
        if (event !== undefined) this.#push({ type: 'ring', ring: event.ring, members: event.members })
        return event !== undefined
      }
      default:
        return true
    }
  }

  #membership(change: CpgMembershipEvent | undefined): boolean {
    if (change === undefined) return false
    for (const { nodeId, pid } of change.left) this.#assembly.drop(nodeId, pid)
    this.#push({
      type: 'membership',
      members: change.members.map(toMember),
      left: change.left.map(toMemberChange),
      joined: change.joined.map(toMemberChange),
    })
    if (change.left.some(address => this.#isSelf(address))) this.#finalize()
    return true
  }

  #deliver(buf: Uint8Array, off: number, len: number, partial: boolean): boolean {
    const delivery = this.#delivery
    if (!readDelivery(buf, off, len, partial, delivery)) return false
    const { nodeId, pid, type, total } = delivery
    const start = off + delivery.dataOff
    const data = buf.slice(start, start + delivery.dataLength)
    if (!partial) this.#push({ type: 'message', nodeId, pid, data })
    else if (type === CpgPartial.FIRST) this.#assembly.first(nodeId, pid, total, data)
    else {
      const whole = this.#assembly.next(nodeId, pid, data, type === CpgPartial.LAST)
      if (whole !== undefined) this.#push({ type: 'message', nodeId, pid, data: whole })
    }
    return true
  }

  #push(event: GroupEvent): void {
    this.#events.push(event)
    this.#eventBytes += sizeOf(event)
    if (this.#eventBytes > this.#options.maxQueuedBytes) this.#end('slow')
    else this.#ring()
  }

  #isSelf({ nodeId, pid }: CpgIpcAddress): boolean {
    return nodeId === this.#options.nodeId && pid === process.pid
  }

  #lost(error: ConnectionLostError): void {
    if (!this.#ended) this.#end(error)
  }

  /** The membership is over, and not because the program wished it: the last event says why. */
  #end(reason: 'slow' | Error): void {
    this.#refusal ??= reason === 'slow' ? CsError.NO_RESOURCES : CsError.LIBRARY
    this.#events.push({ type: 'end', reason })
    this.#finalize()
    this.#ring()
  }

  /** Takes leave of the daemon, which then knows at once that this process may join again. */
  #finalize(): void {
    this.#closing ??= this.#sayGoodBye()
  }

  async #sayGoodBye(): Promise<void> {
    this.#refusal ??= CsError.BAD_HANDLE
    const client = this.#client
    if (client !== undefined) {
      const late = setTimeout(() => client.close(), FINALIZE_MS)
      // A connection that is lost has nobody to say it to.
      await client.request(bareRequest(CpgRequest.finalize)).catch(() => {})
      clearTimeout(late)
      client.close()
    }
    this.#ended = true
    this.#ring()
  }

  /** Once for all events of a turn. */
  #ring(): void {
    if (this.#rings) return
    this.#rings = true
    queueMicrotask(() => {
      this.#rings = false
      this.#rung()
    })
  }
}

function sizeOf(event: GroupEvent | ChannelEnd): number {
  return event.type === 'message' ? EVENT_OVERHEAD_BYTES + event.data.length : EVENT_OVERHEAD_BYTES
}
