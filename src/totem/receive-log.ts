// What this processor has of a ring's messages: the sort queue of the ring, the one of a ring being recovered, and the
// marks on them (aru, highest seen, delivered, released). Delivery in agreed order starts here (spec: totem 4.6, 4.11).
// In: stored frames, marks from the token. Out: frames to deliver, in order. States, timers and the token are elsewhere.

import {
  copyRingId,
  createMcastHeader,
  createRingId,
  type McastHeader,
  MessageType,
  type Processor,
  type RingId,
  sameRingId,
  type WireGeneration,
} from '../wire/generation.js'
import type { Frame, FramePool } from './frame.js'
import { seqLess, seqNext } from './sequence.js'
import { SortQueue } from './sort-queue.js'
import type { RingIdentity } from './types.js'

/** Encapsulation byte of multicasts: a wrapper around a message of an old ring, or an ordinary message. */
export const WRAPPER = 1
export const ORDINARY = 2

/** Called for each frame whose turn it is; `previous` names the old ring while that is being finished. */
export type DeliverFrame = (seq: number, frame: Frame, previous: RingIdentity | null) => void

export class ReceiveLog {
  /** All received up to here, on the queue in use. */
  aru = 0
  /** Highest sequence number seen, on the queue in use. */
  high = 0
  /** Delivered up to here, on the regular queue. */
  highDelivered = 0
  /** Let go up to here. */
  lastReleased = 0
  /** aru and high of the last installed ring, as they stood when the way to the next one began. */
  snapshotAru = 0
  snapshotHigh = 0

  readonly #pool: FramePool
  readonly #wire: WireGeneration
  readonly #headerLength: number
  readonly #firstSeq: number
  readonly #deliver: DeliverFrame
  readonly #inner = createMcastHeader()
  readonly #oldRing = createRingId()
  /** In RECOVERY: which messages of the old ring have come in wrappers. */
  readonly #recoveredSeqs = new Set<number>()
  #regular: SortQueue
  #recovered: SortQueue
  #recovering = false

  constructor(pool: FramePool, wire: WireGeneration, firstSeq: number, deliver: DeliverFrame) {
    this.#pool = pool
    this.#wire = wire
    this.#headerLength = wire.mcastHeaderLength
    this.#firstSeq = firstSeq
    this.#deliver = deliver
    this.#regular = new SortQueue(pool)
    this.#recovered = new SortQueue(pool)
  }

  /** The queue that `aru` and `high` count on: that of the ring being recovered in RECOVERY, else the regular one. */
  get queue(): SortQueue {
    return this.#recovering ? this.#recovered : this.#regular
  }

  /** The queue of the last installed ring. */
  get regular(): SortQueue {
    return this.#regular
  }

  /** Takes in a multicast unless it is there already or out of the window; raises the marks. */
  add(header: McastHeader, foreign: boolean, buf: Uint8Array, off: number, len: number): void {
    const queue = this.queue
    if (queue.inRange(header.seq) && !queue.has(header.seq)) {
      this.#store(queue, header, foreign, buf, off, len)
      if (seqLess(this.high, header.seq)) this.high = header.seq
      if (this.#recovering && this.#openWrapped(buf, off, len)) this.#recoveredSeqs.add(this.#inner.seq)
    }
    this.advanceAru()
  }

  /** In RECOVERY: the old message in this wrapper of mine has already come in somebody else's. */
  isRecovered(wrapper: Frame): boolean {
    return this.#openWrapped(wrapper.buf, wrapper.off, wrapper.len) && this.#recoveredSeqs.has(this.#inner.seq)
  }

  advanceAru(): void {
    const queue = this.queue
    let next = seqNext(this.aru)
    while (queue.has(next)) {
      this.aru = next
      next = seqNext(next)
    }
  }

  /**
   * Lets go of what everybody has had for two visits (the arus of this token and the last) and is delivered here; false
   * when that is no more than before.
   */
  release(tokenAru: number, lastAru: number): boolean {
    let upTo = tokenAru
    if (seqLess(lastAru, upTo)) upTo = lastAru
    if (seqLess(this.highDelivered, upTo)) upTo = this.highDelivered
    if (!seqLess(this.lastReleased, upTo)) return false
    this.#regular.release(upTo)
    this.lastReleased = upTo
    return true
  }

  takeSnapshot(): void {
    this.snapshotAru = this.aru
    this.snapshotHigh = this.high
  }

  /** The marks count on the queue of the ring being formed from now on; it starts empty. */
  beginRecovery(oldRing: RingId): void {
    this.#recovering = true
    copyRingId(oldRing, this.#oldRing)
    this.#recoveredSeqs.clear()
    this.#recovered.reset(seqNext(this.#firstSeq))
    this.aru = this.#firstSeq
    this.high = this.#firstSeq
    this.lastReleased = this.#firstSeq
  }

  /** The attempt failed: the marks count on the old ring's queue again, as if there had been none. */
  abandonRecovery(): void {
    if (!this.#recovering) return
    this.#recovering = false
    this.aru = this.snapshotAru
    this.high = this.snapshotHigh
  }

  /** Reads the header of the message in a wrapper into `#inner`; false when it is none of the old ring. */
  #openWrapped(buf: Uint8Array, off: number, len: number): boolean {
    const at = off + this.#headerLength
    const length = len - this.#headerLength
    if (this.#wire.open(buf, at, length) !== MessageType.mcast) return false
    return this.#wire.readMcast(buf, at, length, this.#inner) && sameRingId(this.#inner.ring, this.#oldRing)
  }

  /**
   * Moves recovered messages of the old ring into its queue, those that `isOrigin` takes for members' own; returns the
   * highest sequence number there may be.
   */
  unwrap(isOrigin: (header: McastHeader) => boolean): number {
    let oldHigh = this.snapshotHigh
    const span = (this.aru - this.#firstSeq) >>> 0
    for (let i = 1; i <= span; i++) {
      const wrapper = this.#recovered.get((this.#firstSeq + i) >>> 0)
      if (wrapper === null || !wrapper.wrapper) continue
      if (!this.#openWrapped(wrapper.buf, wrapper.off, wrapper.len)) continue
      const { seq } = this.#inner
      if (!this.#regular.inRange(seq) || this.#regular.has(seq) || !isOrigin(this.#inner)) continue
      const off = wrapper.off + this.#headerLength
      const len = wrapper.len - this.#headerLength
      this.#store(this.#regular, this.#inner, this.#wire.header.foreign, wrapper.buf, off, len)
      if (seqLess(oldHigh, seq)) oldHigh = seq
    }
    return oldHigh
  }

  /**
   * The recovered ring becomes the regular one. The wrappers count as delivered: ordinary messages continue behind them.
   */
  install(): void {
    const finished = this.#regular
    this.#regular = this.#recovered
    this.#recovered = finished
    this.#recovered.reset(0)
    this.#recoveredSeqs.clear()
    this.#recovering = false
    this.highDelivered = this.aru
    this.#regular.release(this.highDelivered)
    this.lastReleased = this.highDelivered
  }

  /** Agreed delivery: in order, up to the first gap. `previous`: set while the old ring is being finished. */
  deliverContiguous(upTo: number, previous: RingIdentity | null): void {
    while (seqLess(this.highDelivered, upTo)) {
      const seq = seqNext(this.highDelivered)
      const frame = this.#regular.get(seq)
      if (frame === null) return
      this.highDelivered = seq
      this.#deliver(seq, frame, previous)
    }
  }

  /** In the transitional configuration: gaps are passed over, and only messages of `members` count. */
  deliverSkippingGaps(upTo: number, members: readonly Processor[], previous: RingIdentity): void {
    while (seqLess(this.highDelivered, upTo)) {
      const seq = seqNext(this.highDelivered)
      const frame = this.#regular.get(seq)
      this.highDelivered = seq
      if (frame !== null && members.includes(frame.origin)) this.#deliver(seq, frame, previous)
    }
  }

  #store(queue: SortQueue, header: McastHeader, foreign: boolean, buf: Uint8Array, off: number, len: number): void {
    const frame = this.#pool.take(len)
    frame.buf.set(buf.subarray(off, off + len), frame.off)
    frame.len = len
    frame.origin = header.systemFrom
    frame.originNodeId = header.nodeId
    frame.foreign = foreign
    frame.wrapper = header.encapsulated === WRAPPER
    queue.insert(header.seq, frame)
  }
}
