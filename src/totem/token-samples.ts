// What the last tokens were like: when they came, and how much waited for them (spec: totem 4.16). Nothing is allocated per
// token.

/** Tokens that are remembered. */
const SAMPLES = 100

export class TokenSamples {
  readonly #times = new Float64Array(SAMPLES)
  readonly #backlogs = new Float64Array(SAMPLES)
  #next = 0
  #count = 0

  /** `backlog`: messages of this processor that wait for the token. */
  add(now: number, backlog: number): void {
    this.#times[this.#next] = now
    this.#backlogs[this.#next] = backlog
    this.#next = (this.#next + 1) % SAMPLES
    if (this.#count < SAMPLES) this.#count++
  }

  /** Mean time between two tokens, ms; 0 while there were less than two. */
  get meanIntervalMs(): number {
    if (this.#count < 2) return 0
    const newest = this.#times[(this.#next + SAMPLES - 1) % SAMPLES]!
    const oldest = this.#times[(this.#next + SAMPLES - this.#count) % SAMPLES]!
    return (newest - oldest) / (this.#count - 1)
  }

  get meanBacklog(): number {
    if (this.#count === 0) return 0
    let sum = 0
    for (let i = 0; i < this.#count; i++) sum += this.#backlogs[i]!
    return sum / this.#count
  }
}
