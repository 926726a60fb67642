// A host's own clock: how far ahead of virtual time it is, and how fast it runs. The two conversions fit together: a
// deadline turned into virtual time is never early, so that a node called then finds its timer due (called a rounding
// error too early it would ask for the same moment again, and virtual time would stand still).

export class HostClock {
  /** Own milliseconds per virtual millisecond. */
  readonly rate: number
  readonly #offset: number

  constructor(offsetMs: number, rate: number) {
    if (!(rate > 0)) throw new RangeError(`a clock does not run at a rate of ${rate}`)
    this.#offset = offsetMs
    this.rate = rate
  }

  /** What this clock shows at a virtual time. Never goes backwards. */
  local(virtual: number): number {
    return this.#offset + virtual * this.rate
  }

  /** The virtual time at which this clock shows `local` or, by less than anything measurable, more. */
  virtual(local: number): number {
    let virtual = (local - this.#offset) / this.rate
    if (this.local(virtual) >= local) return virtual
    const step = Math.max(Math.abs(local), this.#offset) * Number.EPSILON
    do virtual += step
    while (this.local(virtual) < local)
    return virtual
  }
}

/** Parts per million, with a sign: '+250 ppm'. */
export function describeRate(rate: number): string {
  const ppm = Math.round((rate - 1) * 1e6)
  return `${ppm < 0 ? '' : '+'}${ppm} ppm`
}
