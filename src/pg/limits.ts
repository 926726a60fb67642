// How much a send queue takes (spec: totem 6.5, services 1.4): places that a message needs, reservations made for
// requests before they are handled, and the level that throttles clients. In: sizes and fill. Out: yes, no, and a
// level. Must not know: who asks. The numbers are those of corosync, so that clients meet the same limits.

import type { FrameQueue } from './types.js'

export type QueueLevel = 'low' | 'good' | 'high' | 'critical'

/** What a packet is reckoned to lose to headers, so that the count of places errs to the safe side. */
const PACKET_OVERHEAD = 24

export class QueueLimits {
  readonly #queue: FrameQueue
  readonly #perPacket: number
  /** Requests of this size or more can never be sent. */
  readonly sizeLimit: number
  // One place is always held back.
  #reserved = 1
  #level: QueueLevel = 'good'

  constructor(queue: FrameQueue, packetSize: number) {
    this.#queue = queue
    this.#perPacket = packetSize - PACKET_OVERHEAD
    this.sizeLimit = (queue.available() - 1) * this.#perPacket
  }

  /** Places in the queue that a message of this many bytes needs. */
  places(bytes: number): number {
    return Math.floor(bytes / this.#perPacket) + 1
  }

  /**
   * Reserves places for a request of this many bytes: their number, to be released when the request has been handled;
   * 0 when there are too few at the moment; -1 when there will never be enough.
   */
  reserve(bytes: number): number {
    if (bytes >= this.sizeLimit) return -1
    const places = this.places(bytes)
    if (this.#queue.available() < this.#reserved + places) return 0
    this.#reserved += places
    return places
  }

  release(places: number): void {
    this.#reserved -= places
  }

  /** Fill of the queue in bands; between two bands it keeps the level it had. */
  level(): QueueLevel {
    const used = 100 - Math.trunc(((this.#queue.available() - this.#reserved) * 100) / this.#queue.queueSize)
    if (used >= 75) this.#level = 'critical'
    else if (used > 60 && used < 70) this.#level = 'high'
    else if (used > 40 && used < 50) this.#level = 'good'
    else if (used < 30) this.#level = 'low'
    return this.#level
  }
}
