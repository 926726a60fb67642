// The timers of the single-ring machine: a table of deadlines. The driver asks for the earliest and calls back when it
// has passed; no clock is read here (spec: totem 4.14).

export const TIMER_NAMES = [
  'token',
  'tokenWarning',
  'tokenRetransmit',
  'hold',
  'join',
  'sendJoin',
  'consensus',
  'merge',
  'call',
  'pause',
  'heartbeat',
] as const
export type TimerName = (typeof TIMER_NAMES)[number]

export class TimerTable {
  readonly #deadlines: Record<TimerName, number>

  constructor() {
    this.#deadlines = Object.fromEntries(TIMER_NAMES.map(name => [name, Number.POSITIVE_INFINITY])) as Record<
      TimerName,
      number
    >
  }

  /** (Re)starts a timer: it is due at `deadline` (ms). */
  start(name: TimerName, deadline: number): void {
    this.#deadlines[name] = deadline
  }

  cancel(name: TimerName): void {
    this.#deadlines[name] = Number.POSITIVE_INFINITY
  }

  isRunning(name: TimerName): boolean {
    return this.#deadlines[name] !== Number.POSITIVE_INFINITY
  }

  /** Time until it is due, ms; Infinity when it does not run. */
  remaining(name: TimerName, now: number): number {
    return this.#deadlines[name] - now
  }

  cancelAll(): void {
    for (const name of TIMER_NAMES) this.cancel(name)
  }

  /** The earliest deadline, Infinity when no timer runs. */
  next(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (let i = 0; i < TIMER_NAMES.length; i++) {
      const deadline = this.#deadlines[TIMER_NAMES[i] as TimerName]
      if (deadline < earliest) earliest = deadline
    }
    return earliest
  }

  /** Takes the timer that is due first, or null when none is due at `now`. A timer taken is no longer running. */
  takeDue(now: number): TimerName | null {
    let due: TimerName | null = null
    let earliest = Number.POSITIVE_INFINITY
    for (let i = 0; i < TIMER_NAMES.length; i++) {
      const name = TIMER_NAMES[i] as TimerName
      const deadline = this.#deadlines[name]
      if (deadline <= now && deadline < earliest) {
        earliest = deadline
        due = name
      }
    }
    if (due !== null) this.#deadlines[due] = Number.POSITIVE_INFINITY
    return due
  }
}
