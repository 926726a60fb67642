// The only source of chance in the laboratory: a small generator (sfc32) whose whole future follows from a seed and a
// stream name. Every part that needs chance takes a stream of its own, so that one part drawing more numbers does not
// change what another part draws. Must not know: what the numbers are for.

/** Numbers drawn and thrown away after seeding, so that similar seeds do not begin alike. */
const WARM_UP_DRAWS = 12

export class Prng {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** `seed`: any non-negative integer up to 2^53. `stream`: the part that draws; equal names draw equal numbers. */
  constructor(seed: number, stream: string) {
    let hash = 0x811c9dc5
    for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193)
    this.#a = seed >>> 0
    this.#b = Math.floor(seed / 0x100000000) >>> 0
    this.#c = hash >>> 0
    this.#counter = 1
    for (let i = 0; i < WARM_UP_DRAWS; i++) this.u32()
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** Uniform in [0, 1). */
  readonly float = (): number => this.u32() / 0x100000000

  /** Uniform integer in [0, bound). */
  int(bound: number): number {
    return Math.floor(this.float() * bound)
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.float() * (high - low)
  }

  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.float())
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T
  }

  /** A new array with the same elements in random order. */
  shuffled<T>(from: readonly T[]): T[] {
    const result = from.slice()
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      const kept = result[i] as T
      result[i] = result[j] as T
      result[j] = kept
    }
    return result
  }
}
