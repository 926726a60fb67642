// Watches the executive's heartbeat, a counter that moves at every turn of its loop. One that stands still for longer
// than the threshold is a stall: the ring will lose its token if it lasts.
// Pure: in the time and the counter, out what to report. Each stall is counted once, when it is noticed.

/** The executive may sleep for 250 ms in good order (design: never wait without a timeout); twice that is a stall. */
export const STALL_THRESHOLD_MIN_MS = 500
/** How many stalls are remembered, newest first. */
export const STALLS_KEPT = 10

export type StallReport =
  | { readonly kind: 'stalled'; readonly forMs: number }
  | { readonly kind: 'resumed'; readonly afterMs: number }

export interface Stall {
  /** When it was noticed, in the caller's clock. */
  readonly at: number
  /** How long it had lasted by then, or in all once it is over. */
  forMs: number
}

/** Half a token timeout: by then something has to be wrong, and the ring still holds. */
export function stallThresholdMs(tokenTimeoutMs: number): number {
  return Math.max(tokenTimeoutMs / 2, STALL_THRESHOLD_MIN_MS)
}

export class StallWatch {
  readonly thresholdMs: number
  readonly stalls: Stall[] = []
  count = 0
  #lastBeat: number
  #lastMove: number
  #stalled = false

  constructor(thresholdMs: number, now: number, beat: number) {
    this.thresholdMs = thresholdMs
    this.#lastMove = now
    this.#lastBeat = beat
  }

  /** To be called a few times per threshold. */
  observe(now: number, beat: number): StallReport | undefined {
    const stillMs = now - this.#lastMove
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat
      this.#lastMove = now
      if (!this.#stalled) return undefined
      this.#stalled = false
      const stall = this.stalls[0]
      if (stall !== undefined) stall.forMs = stillMs
      return { kind: 'resumed', afterMs: stillMs }
    }
    if (this.#stalled || stillMs <= this.thresholdMs) return undefined
    this.#stalled = true
    this.count++
    this.stalls.unshift({ at: now, forMs: stillMs })
    if (this.stalls.length > STALLS_KEPT) this.stalls.pop()
    return { kind: 'stalled', forMs: stillMs }
  }
}
