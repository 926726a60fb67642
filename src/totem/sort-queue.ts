// The sort queue: received and own messages of one ring by sequence number, a window of fixed size whose lower end moves
// up as the ring lets go of messages (spec: totem 5). It owns the frames put into it and gives them back to the pool.

import type { Frame, FramePool } from './frame.js'

/** Window of accepted sequence numbers; the value is part of the protocol's flow control. */
export const SORT_QUEUE_SIZE = 16384
const MASK = SORT_QUEUE_SIZE - 1

export class SortQueue {
  readonly #pool: FramePool
  readonly #frames: (Frame | null)[] = new Array<Frame | null>(SORT_QUEUE_SIZE).fill(null)
  readonly #misses = new Uint16Array(SORT_QUEUE_SIZE)
  #head = 0
  #count = 0

  constructor(pool: FramePool) {
    this.#pool = pool
  }

  get head(): number {
    return this.#head
  }

  get count(): number {
    return this.#count
  }

  /** Empties the queue; the window starts at `head` again. */
  reset(head: number): void {
    if (this.#count > 0) {
      for (let i = 0; i < SORT_QUEUE_SIZE; i++) {
        const frame = this.#frames[i]
        if (frame) {
          this.#frames[i] = null
          this.#pool.give(frame)
        }
      }
    }
    this.#misses.fill(0)
    this.#count = 0
    this.#head = head
  }

  inRange(seq: number): boolean {
    return (seq - this.#head) >>> 0 < SORT_QUEUE_SIZE
  }

  get(seq: number): Frame | null {
    return (seq - this.#head) >>> 0 < SORT_QUEUE_SIZE ? (this.#frames[seq & MASK] as Frame | null) : null
  }

  has(seq: number): boolean {
    return this.get(seq) !== null
  }

  /** Takes over the frame. The caller has checked that `seq` is in range and absent. */
  insert(seq: number, frame: Frame): void {
    this.#frames[seq & MASK] = frame
    this.#misses[seq & MASK] = 0
    this.#count++
  }

  /** Counts one more token visit during which `seq` was missing; returns how many there have been. */
  countMiss(seq: number): number {
    const misses = this.#misses[seq & MASK] as number
    if (misses < 0xffff) this.#misses[seq & MASK] = misses + 1
    return misses + 1
  }

  /** Lets go of everything up to and including `seq`; nothing when `seq` lies below the window. */
  release(seq: number): void {
    const places = (seq - this.#head + 1) >>> 0
    if (places > SORT_QUEUE_SIZE) return
    let at = this.#head
    for (let i = 0; i < places; i++) {
      const frame = this.#frames[at & MASK]
      if (frame) {
        this.#frames[at & MASK] = null
        this.#count--
        this.#pool.give(frame)
      }
      this.#misses[at & MASK] = 0
      at = (at + 1) >>> 0
    }
    this.#head = at
  }
}
