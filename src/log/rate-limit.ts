// Keeps lines that a peer can provoke from filling the disk: so many per interval, the rest counted.
// Pure: time is passed in.

export class RateLimit {
  readonly burst: number
  readonly intervalMs: number
  #begun = Number.NEGATIVE_INFINITY
  #passed = 0
  #suppressed = 0

  constructor(burst: number, intervalMs: number) {
    this.burst = burst
    this.intervalMs = intervalMs
  }

  /** Whether a line may be written now; one that may not is counted. */
  allow(now: number): boolean {
    if (now - this.#begun >= this.intervalMs) {
      this.#begun = now
      this.#passed = 0
    }
    if (this.#passed < this.burst) {
      this.#passed++
      return true
    }
    this.#suppressed++
    return false
  }

  /** How many were held back since the last call. */
  takeSuppressed(): number {
    const count = this.#suppressed
    this.#suppressed = 0
    return count
  }
}
