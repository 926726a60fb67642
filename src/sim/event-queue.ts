// What is going to happen, in order of virtual time: a binary heap of reused entries. Equal times keep the order in
// which they were pushed, so that a run has exactly one order. In: arrivals of datagrams and actions of the laboratory
// (faults, workload); out: the next one. Node timers are not in here, the simulation looks at them directly.

import type { Datagram } from './network.js'

/** An entry: either a datagram that arrives at a host, or an action. */
export interface SimEvent {
  time: number
  order: number
  /** Index of the receiving host; unused for actions. */
  to: number
  datagram: Datagram | undefined
  action: ((now: number) => void) | undefined
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

export class EventQueue {
  readonly #heap: SimEvent[] = []
  readonly #spare: SimEvent[] = []
  #size = 0
  #order = 0

  get size(): number {
    return this.#size
  }

  /** Time of the next entry; Infinity when there is none. */
  nextTime(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.time
  }

  pushArrival(time: number, to: number, datagram: Datagram): void {
    const event = this.#entry(time)
    event.to = to
    event.datagram = datagram
    this.#siftUp(event)
  }

  pushAction(time: number, action: (now: number) => void): void {
    const event = this.#entry(time)
    event.action = action
    this.#siftUp(event)
  }

  /** Takes the next entry out. It belongs to the caller until given back with `recycle`. */
  pop(): SimEvent {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap[--this.#size]!
    heap[this.#size] = first
    if (this.#size > 0) this.#siftDown(last)
    heap.length = this.#size
    return first
  }

  recycle(event: SimEvent): void {
    event.datagram = undefined
    event.action = undefined
    this.#spare.push(event)
  }

  #entry(time: number): SimEvent {
    const event = this.#spare.pop() ?? { time: 0, order: 0, to: -1, datagram: undefined, action: undefined }
    event.time = time
    event.order = this.#order++
    return event
  }

  #siftUp(event: SimEvent): void {
    const heap = this.#heap
    let place = this.#size++
    while (place > 0) {
      const parent = (place - 1) >> 1
      const other = heap[parent]!
      if (!before(event, other)) break
      heap[place] = other
      place = parent
    }
    heap[place] = event
  }

  #siftDown(event: SimEvent): void {
    const heap = this.#heap
    const size = this.#size
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= size) break
      if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, event)) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = event
  }
}
