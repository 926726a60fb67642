// The window of time that is on the screen: times to pixels and back, zooming, panning, ticks, and times as text.

/** Narrowest window; the ring's own steps take some microseconds. */
const NARROWEST_MS = 0.02
const TICK_PX = 110

export class Scale {
  from: number
  to: number
  /** Of the plot, in px. */
  left = 0
  width = 1
  readonly #least: number
  readonly #most: number

  constructor(endMs: number) {
    const margin = Math.max(endMs, 1) * 0.012
    this.#least = -margin
    this.#most = Math.max(endMs, 1) + margin
    this.from = this.#least
    this.to = this.#most
  }

  get whole(): number {
    return this.#most - this.#least
  }

  get right(): number {
    return this.left + this.width
  }

  x(time: number): number {
    return this.left + ((time - this.from) / (this.to - this.from)) * this.width
  }

  time(x: number): number {
    return this.from + ((x - this.left) / this.width) * (this.to - this.from)
  }

  show(from: number, to: number): void {
    const span = Math.min(Math.max(to - from, NARROWEST_MS), this.whole)
    const start = Math.min(Math.max((from + to - span) / 2, this.#least), this.#most - span)
    this.from = start
    this.to = start + span
  }

  /** `factor` below 1 shows less time; what is at `time` stays where it is. */
  zoom(factor: number, time: number): void {
    const span = Math.min(Math.max((this.to - this.from) * factor, NARROWEST_MS), this.whole)
    const share = (time - this.from) / (this.to - this.from)
    const from = time - share * span
    this.show(from, from + span)
  }

  /** By a share of what is shown. */
  pan(share: number): void {
    const by = share * (this.to - this.from)
    this.show(this.from + by, this.to + by)
  }

  all(): void {
    this.show(this.#least, this.#most)
  }

  ticks(): { time: number; text: string }[] {
    const step = niceStep(((this.to - this.from) * TICK_PX) / this.width)
    const digits = Math.max(0, Math.ceil(3 - Math.log10(step) - 1e-9))
    const ticks: { time: number; text: string }[] = []
    for (let i = Math.ceil(Math.max(0, this.from) / step); i * step <= this.to; i++) {
      ticks.push({ time: i * step, text: `${((i * step) / 1000).toFixed(digits)} s` })
    }
    return ticks
  }
}

/** 1, 2 or 5 times a power of ten, at least as much. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  for (const factor of [1, 2, 5]) if (factor * power >= least) return factor * power
  return 10 * power
}

export function momentText(ms: number): string {
  return `${(ms / 1000).toFixed(6).replace(/(\.\d{3}.*?)0+$/, '$1')} s`
}

export function durationText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  if (ms >= 10) return `${ms.toFixed(1)} ms`
  return ms >= 0.1 ? `${ms.toFixed(2)} ms` : `${(ms * 1000).toFixed(0)} µs`
}
