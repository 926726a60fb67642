// A bounded first-in first-out queue of frames that wait for the token.

import type { Frame } from './frame.js'

export class SendQueue {
  readonly #frames: (Frame | null)[]
  readonly capacity: number
  #first = 0
  #length = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.#frames = new Array<Frame | null>(capacity).fill(null)
  }

  get length(): number {
    return this.#length
  }

  /** The caller has made sure that there is room. */
  push(frame: Frame): void {
    if (this.#length === this.capacity) throw new Error('send queue overrun')
    let at = this.#first + this.#length
    if (at >= this.capacity) at -= this.capacity
    this.#frames[at] = frame
    this.#length++
  }

  /** The frame that `shift` would take. */
  peek(): Frame | null {
    return this.#frames[this.#first] as Frame | null
  }

  shift(): Frame | null {
    if (this.#length === 0) return null
    const frame = this.#frames[this.#first] as Frame
    this.#frames[this.#first] = null
    this.#first++
    if (this.#first === this.capacity) this.#first = 0
    this.#length--
    return frame
  }
}
