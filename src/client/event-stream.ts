// Events for one consumer, in order: what tracking gives. In: events as they come. Out: an async iterator. What is not taken
// waits, up to a bound; then the stream ends with an error.

import { Fifo } from '../ipc/fifo.js'
import { CsError } from '../services/errors.js'
import { ClusterError } from './errors.js'

/** Events that may wait to be taken. */
export const STREAM_EVENTS_MAX = 65_536

/** An ordered sequence of events that goes on until it is stopped. */
export interface Tracking<Event> extends AsyncIterable<Event> {
  /** Ends it; what has come before can still be taken. */
  stop(): Promise<void>
}

export class EventStream<Event> implements Tracking<Event> {
  readonly #what: string
  readonly #onStop: () => Promise<void>
  readonly #events = new Fifo<Event>()
  #over: { readonly error: Error | undefined } | undefined
  #iterating = false
  #wake: (() => void) | undefined
  #stopping: Promise<void> | undefined

  /** `onStop` tells the daemon; it is called once, also when a consumer is too slow. */
  constructor(what: string, onStop: () => Promise<void>) {
    this.#what = what
    this.#onStop = onStop
  }

  push(event: Event): void {
    if (this.#over !== undefined) return
    this.#events.push(event)
    if (this.#events.length > STREAM_EVENTS_MAX) {
      this.end(new ClusterError(CsError.NO_RESOURCES, `${this.#what} has ended: too many events were not taken`))
      this.stop().catch(() => {})
    }
    this.#wake?.()
  }

  /** Nothing more comes; with an error when it was not asked for. */
  end(error: Error | undefined): void {
    this.#over ??= { error }
    this.#wake?.()
  }

  stop(): Promise<void> {
    // What the daemon tells before it knows still comes.
    this.#stopping ??= this.#onStop().finally(() => this.end(undefined))
    return this.#stopping
  }

  /** Events in order. One iterator at a time; leaving the loop does not stop the tracking. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    if (this.#iterating) throw new ClusterError(CsError.BUSY, `the events of ${this.#what} are being taken already`)
    this.#iterating = true
    try {
      for (;;) {
        const event = this.#events.shift()
        if (event !== undefined) yield event
        else if (this.#over === undefined) {
          await new Promise<void>(resolve => {
            this.#wake = resolve
          })
          this.#wake = undefined
        } else if (this.#over.error !== undefined) throw this.#over.error
        else return
      }
    } finally {
      this.#iterating = false
    }
  }
}
