// Flow control of the single ring: how many messages this processor may send in one token visit, and its shares in the
// token's fcc and backlog (spec: totem 4.10). All arithmetic is unsigned 32-bit with wrap: each processor subtracts
// exactly what it added a rotation ago, and a mistake here starves the others.

import type { OrfToken } from '../wire/generation.js'
import { seqLess } from './sequence.js'
import { SORT_QUEUE_SIZE } from './sort-queue.js'

export class FlowControl {
  #windowSize: number
  #maxMessages: number
  /** My transmissions during the last rotation. */
  #transmitted = 0
  /** My backlog as of the previous visit. */
  #previousBacklog = 0
  #currentBacklog = 0

  constructor(windowSize: number, maxMessages: number) {
    this.#windowSize = windowSize
    this.#maxMessages = maxMessages
  }

  /** Takes effect with the next visit: what this processor has in the token is accounted for by what it sent. */
  setLimits(windowSize: number, maxMessages: number): void {
    this.#windowSize = windowSize
    this.#maxMessages = maxMessages
  }

  reset(): void {
    this.#transmitted = 0
    this.#previousBacklog = 0
    this.#currentBacklog = 0
  }

  /** Messages allowed in this visit, retransmissions included. */
  allowance(token: OrfToken, backlog: number): number {
    let allowed = this.#maxMessages
    const window = (this.#windowSize - token.fcc) >>> 0
    if (allowed > window) allowed = window
    this.#currentBacklog = backlog
    const total = (token.backlog + backlog - this.#previousBacklog) >>> 0
    if (total !== 0) {
      const share = Math.floor(((this.#windowSize * this.#previousBacklog) >>> 0) / total)
      if (share > 0 && allowed > share) allowed = share
    }
    return allowed
  }

  /** Nothing new may be sent while the slowest member could still need what the window would drop. */
  limitToWindow(allowed: number, lastReleased: number, token: OrfToken): number {
    const limit = (lastReleased + SORT_QUEUE_SIZE - allowed - this.#windowSize) >>> 0
    return seqLess(limit, token.seq) ? 0 : allowed
  }

  /** Accounts for `sent` messages (retransmitted and new) in the token. */
  account(token: OrfToken, sent: number): void {
    token.fcc = (token.fcc + sent - this.#transmitted) >>> 0
    token.backlog = (token.backlog + this.#currentBacklog - this.#previousBacklog) >>> 0
    this.#transmitted = sent
    this.#previousBacklog = this.#currentBacklog
  }
}
