// Numbers that faults change for a while, one per place (a host, a pair of hosts). Faults overlap: while several are in
// force at one place, the worst counts; when the last one ends, the place is as it was. Must not know: what is counted.

export class Worst {
  /** What holds now, place by place. */
  readonly current: Float64Array
  /** Changes in force, at all places together. */
  inForce = 0
  readonly #normal: number
  readonly #worse: (a: number, b: number) => number
  readonly #values: Map<number, number[]> = new Map()

  /** `worse`: Math.min for a limit, Math.max for a burden. */
  constructor(places: number, normal: number, worse: (a: number, b: number) => number) {
    this.#normal = normal
    this.#worse = worse
    this.current = new Float64Array(places).fill(normal)
  }

  begin(place: number, value: number): void {
    const values = this.#values.get(place) ?? []
    values.push(value)
    this.#values.set(place, values)
    this.inForce++
    this.#settle(place, values)
  }

  /** Takes one `begin` of the same value back; nothing happens if there was none. */
  end(place: number, value: number): void {
    const values = this.#values.get(place)
    const index = values?.indexOf(value) ?? -1
    if (values === undefined || index < 0) return
    values.splice(index, 1)
    this.inForce--
    this.#settle(place, values)
  }

  endAll(): void {
    this.#values.clear()
    this.inForce = 0
    this.current.fill(this.#normal)
  }

  #settle(place: number, values: readonly number[]): void {
    this.current[place] = values.reduce((worst, value) => this.#worse(worst, value), this.#normal)
  }
}
