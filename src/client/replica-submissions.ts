// The commands of one replica's own program, from submission to answer. In: commands with their callbacks, what became of
// them in the stream. Out: which one to send next. Commands are sent in the order of their numbers, those that have to be
// sent again before those that were never sent.

import { Fifo } from '../ipc/fifo.js'

export interface Submission<Result> {
  readonly seq: number
  readonly data: Uint8Array
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  /** It was sent and not applied here, but may have been where more was known. */
  doubtful: boolean
}

export class Submissions<Result> {
  #seq = 0
  /** Sent, and to be sent again; by number. */
  #again: Submission<Result>[] = []
  /** Never sent. */
  readonly #fresh = new Fifo<Submission<Result>>()
  /** Sent, not delivered. */
  readonly #inFlight = new Map<number, Submission<Result>>()

  get unsent(): number {
    return this.#again.length + this.#fresh.length
  }

  get pending(): number {
    return this.unsent + this.#inFlight.size
  }

  add(data: Uint8Array, resolve: (result: Result) => void, reject: (error: unknown) => void): void {
    this.#fresh.push({ seq: ++this.#seq, data, resolve, reject, doubtful: false })
  }

  /** The next one to be sent, if there is one; from now on it is in flight. */
  send(): Submission<Result> | undefined {
    const next = this.#again.shift() ?? this.#fresh.shift()
    if (next !== undefined) this.#inFlight.set(next.seq, next)
    return next
  }

  /** It has come back from the ring. Undefined when nobody here waits for that number. */
  delivered(seq: number): Submission<Result> | undefined {
    const submission = this.#inFlight.get(seq)
    this.#inFlight.delete(seq)
    return submission
  }

  /** It has come back and was not applied. */
  sendAgain(submission: Submission<Result>): void {
    const at = this.#again.findIndex(other => other.seq > submission.seq)
    this.#again.splice(at < 0 ? this.#again.length : at, 0, submission)
  }

  /** Takes out everything that is not in flight. */
  takeUnsent(): Submission<Result>[] {
    const unsent = this.#again
    this.#again = []
    for (let next = this.#fresh.shift(); next !== undefined; next = this.#fresh.shift()) unsent.push(next)
    return unsent
  }

  /** Takes out everything, in order. */
  takeAll(): Submission<Result>[] {
    const all = [...this.#inFlight.values()]
    this.#inFlight.clear()
    all.push(...this.takeUnsent())
    return all
  }
}
