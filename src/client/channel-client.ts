// The user's side of a member's channel: puts requests in, settles them as the executive performs them, and shows the
// events in order. Messages larger than one piece are sent as partial messages (spec: services 2.10). Knows the channel's
// layout, not what a program makes of the events.

import {
  CHANNEL_WORDS,
  ChannelWord,
  channelLayout,
  DEFAULT_CHANNEL_RING_BYTES,
  MAX_RECORD_BYTES,
  RequestKind,
  type SharedMemory,
} from '../daemon/channel.js'
import { Fifo } from '../ipc/fifo.js'
import { RingReader, RingWriter } from '../ipc/ring-buffer.js'
import { CPG_MAX_ATOMIC_LENGTH, CpgPartial } from '../services/cpg/types.js'
import { CsError, type CsErrorCode } from '../services/errors.js'

/** Bound of what waits on this side, in requests and in bytes; a program that awaits `send` never comes near. */
export const WAITING_MAX = 65_536
const MAX_WAITING_BYTES = 256 << 20
export const WAITING_LIMIT = '65536 messages or 256 MiB'

interface Request {
  readonly kind: number
  readonly a: number
  readonly b: number
  readonly bytes: Uint8Array
  readonly done: (failure: CsErrorCode | undefined) => void
}

/** A message of several pieces. It has the channel to itself until every piece is performed, so that it can begin again. */
interface LargeMessage {
  sentBytes: number
  performedBytes: number
  failure: CsErrorCode | undefined
}

export class ChannelClient {
  readonly memory: SharedMemory
  readonly #control: Int32Array
  readonly #requests: RingWriter
  readonly #events: RingReader
  readonly #ring: () => void
  readonly #halfRing: number
  /** Not in the request ring yet; the first may be there in part. */
  readonly #waiting = new Fifo<Request>()
  #waitingBytes = 0
  /** Bytes of the request (or piece) at the front that are in the ring. */
  #progress = 0
  #large: LargeMessage | undefined
  /** In the request ring, not performed yet. */
  readonly #written = new Fifo<Request>()
  /** Requests whose result is known, modulo 2^32 as COMPLETED. */
  #settled = 0
  #wrote = false
  #refusal: CsErrorCode | undefined

  /** `ring` wakes the executive. */
  constructor(allocate: (bytes: number) => SharedMemory, ring: () => void) {
    const layout = channelLayout(DEFAULT_CHANNEL_RING_BYTES)
    this.memory = allocate(layout.totalBytes)
    this.#control = new Int32Array(this.memory, 0, CHANNEL_WORDS)
    this.#requests = new RingWriter(this.memory, layout.requestRing, layout.ringDataBytes)
    this.#events = new RingReader(this.memory, layout.eventRing, layout.ringDataBytes, MAX_RECORD_BYTES)
    this.#halfRing = layout.ringDataBytes / 2
    this.#ring = ring
  }

  join(name: Uint8Array, pid: number, flags: number): Promise<CsErrorCode> {
    return this.#request(RequestKind.JOIN, pid, flags, name)
  }

  leave(name: Uint8Array, pid: number): Promise<CsErrorCode> {
    return this.#request(RequestKind.LEAVE, pid, 0, name)
  }

  /** Resolves when the ring has accepted the whole message. The bytes must stay as they are until then. */
  mcast(bytes: Uint8Array): Promise<CsErrorCode> {
    return this.#request(RequestKind.MCAST, 0, 0, bytes)
  }

  /** The membership is over and the service has let go of it; events may remain. */
  get ended(): boolean {
    return Atomics.load(this.#control, ChannelWord.ENDED) !== 0
  }

  /** The oldest event, shown in the reader's fields, or undefined. `consumeEvent` lets go of it. */
  peekEvent(): RingReader | undefined {
    if (this.#events.peek()) return this.#events
    // What there was of a long event has been taken in: there is room for the rest.
    this.#offerSpace()
    return undefined
  }

  consumeEvent(): void {
    this.#events.consume()
    this.#offerSpace()
  }

  /** Tells the executive that there is room, if it waits for that and it is worth its while. */
  #offerSpace(): void {
    if (this.#control[ChannelWord.EVENT_SPACE_WANTED] === 0 || this.#events.used > this.#halfRing) return
    if (Atomics.exchange(this.#control, ChannelWord.EVENT_SPACE_WANTED, 0) !== 0) this.#ring()
  }

  /** The executive has rung: settles what was performed, and writes what waits. */
  service(): void {
    if (this.#refusal !== undefined) return
    this.#settle()
    this.#pump()
  }

  /** No request will be performed any more: each gets `failure`, now and later. Events can still be taken. */
  refuse(failure: CsErrorCode): void {
    if (this.#refusal !== undefined) return
    // What has been performed by now has its result: a leave whose own event is taken before the executive rings, say.
    this.#settle()
    this.#refusal = failure
    for (const queue of [this.#written, this.#waiting]) {
      for (let request = queue.shift(); request !== undefined; request = queue.shift()) request.done(failure)
    }
  }

  /** Lets go of the channel: the executive ends the membership if it lives. */
  close(failure: CsErrorCode): void {
    this.refuse(failure)
    Atomics.store(this.#control, ChannelWord.ABANDONED, 1)
    this.#ring()
  }

  #request(kind: number, a: number, b: number, bytes: Uint8Array): Promise<CsErrorCode> {
    if (this.#refusal !== undefined) return Promise.resolve(this.#refusal)
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes >= MAX_WAITING_BYTES) {
      return Promise.resolve(CsError.QUEUE_FULL)
    }
    return new Promise(resolve => {
      this.#waiting.push({ kind, a, b, bytes, done: failure => resolve(failure ?? CsError.OK) })
      this.#waitingBytes += bytes.length
      if (this.#waiting.length === 1) this.#pump()
    })
  }

  #settle(): void {
    const completed = Atomics.load(this.#control, ChannelWord.COMPLETED)
    // Read after the count: a failure that is counted is seen.
    const failure = Atomics.load(this.#control, ChannelWord.FAILED) as CsErrorCode | 0
    const failedAt = Atomics.load(this.#control, ChannelWord.FAILED_AT)
    while (this.#settled !== completed) {
      const failed = failure !== 0 && this.#settled === failedAt
      this.#settled = (this.#settled + 1) | 0
      if (failed) {
        Atomics.store(this.#control, ChannelWord.FAILED, 0)
        this.#ring()
      }
      this.#written.shift()?.done(failed ? failure : undefined)
    }
  }

  #pump(): void {
    this.#wrote = false
    for (let request = this.#waiting.peek(); request !== undefined; request = this.#waiting.peek()) {
      if (request.bytes.length > CPG_MAX_ATOMIC_LENGTH) {
        if (!this.#pumpLarge(request)) break
      } else {
        if (!this.#put(request.kind, request.a, request.b, request.bytes, 0, request.bytes.length)) break
        this.#waiting.shift()
        this.#waitingBytes -= request.bytes.length
        this.#written.push(request)
      }
    }
    if (this.#wrote) this.#ring()
  }

  /** Brings a large message on; false while something has to happen first. */
  #pumpLarge(request: Request): boolean {
    const total = request.bytes.length
    this.#large ??= { sentBytes: 0, performedBytes: 0, failure: undefined }
    const large = this.#large
    while (large.failure === undefined && large.sentBytes < total) {
      const length = Math.min(CPG_MAX_ATOMIC_LENGTH, total - large.sentBytes)
      const type =
        large.sentBytes === 0
          ? CpgPartial.FIRST
          : large.sentBytes + length === total
            ? CpgPartial.LAST
            : CpgPartial.CONTINUED
      if (!this.#put(RequestKind.PARTIAL, type, total, request.bytes, large.sentBytes, length)) return false
      large.sentBytes += length
      this.#written.push({
        ...request,
        done: failure => {
          large.performedBytes += length
          large.failure ??= failure
        },
      })
    }
    // A piece that is in the ring only in part is never performed: the next record takes its place.
    if (large.failure !== undefined) this.#progress = 0
    if (large.performedBytes < large.sentBytes) return false
    this.#large = undefined
    // The membership changed between two pieces: nobody delivers what was sent, and it begins again.
    if (large.failure === CsError.INTERRUPT) return true
    this.#waiting.shift()
    this.#waitingBytes -= total
    request.done(large.failure)
    return true
  }

  /** Writes a record from where it stopped; false when the ring is full, and then the executive rings when it is not. */
  #put(kind: number, a: number, b: number, bytes: Uint8Array, off: number, len: number): boolean {
    for (let wordLeft = false; ; wordLeft = true) {
      const progress = this.#requests.write(kind, a, b, 0, bytes, off, len, this.#progress)
      if (progress >= 0) {
        this.#wrote = true
        this.#progress = progress
      }
      if (progress === len) {
        this.#progress = 0
        return true
      }
      if (wordLeft) return false
      // The executive may have made room since: look again after leaving word, or both sides sleep.
      Atomics.store(this.#control, ChannelWord.REQUEST_SPACE_WANTED, 1)
    }
  }
}
