// The network between simulated hosts: loss, duplication, reordering, delay, the links by which hosts send, and for
// every directed pair of hosts whether the path is open, cut, frozen or clogged, what it lets through and how slow it is.
// In: datagrams of hosts (copied here, once per send however many receive them); out: arrivals on the event queue. Must
// not know: what is inside a datagram.

import type { EventQueue } from './event-queue.js'
import { DROPPED, Links } from './links.js'
import type { Prng } from './prng.js'
import { Worst } from './worst.js'

/** How the network treats datagrams; the same for all pairs, apart from the pair's own delay factor. */
export interface NetworkConditions {
  /** Every datagram takes at least this long. */
  delayMs: number
  /** Mean of the exponential part of the delay. */
  jitterMs: number
  /** Probability that one receiver does not get a datagram. */
  loss: number
  /** Probability that one receiver gets it twice. */
  duplicate: number
  /** Probability that a datagram may be overtaken by later ones of its pair. */
  reorder: number
  /** Mean of the additional delay of those. */
  reorderMs: number
}

export const QUIET_NETWORK: NetworkConditions = {
  delayMs: 0.15,
  jitterMs: 0.1,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 0,
}

/** A datagram under way; shared by its receivers, given back when the last one has had it. */
export interface Datagram {
  buf: Uint8Array
  len: number
  /** Index of the sending host. */
  from: number
  /** Arrivals that still hold it. */
  holders: number
}

/** Datagrams up to this size use reused buffers; nearly all traffic is below it. */
const POOLED_SIZE = 2048
/** A frozen or clogged path keeps this many datagrams, as the queues of a real one would; the newest are dropped. */
const HELD_LIMIT = 2000
/** A host reaches itself without the network. */
const SELF_DELAY_MS = 0.01

export class Network {
  readonly conditions: NetworkConditions
  /** Datagrams put on the wire, per receiver; and those that a receiver did not get. */
  sent = 0
  dropped = 0
  readonly links: Links
  /** Per directed pair: the longest datagram that passes, in bytes. */
  readonly mtu: Worst
  /** Per directed pair: delay above the ordinary one. */
  readonly extraDelayMs: Worst
  readonly #size: number
  readonly #queue: EventQueue
  readonly #prng: Prng
  /** Reasons for which a directed pair is cut; open at 0. */
  readonly #cuts: Uint16Array
  readonly #freezes: Uint16Array
  readonly #clogs: Uint16Array
  readonly #frozen: Map<number, Datagram[]> = new Map()
  readonly #clogged: Map<number, Datagram[]> = new Map()
  readonly #delayFactor: Float64Array
  /** Earliest arrival that keeps the pair in order. */
  readonly #lastArrival: Float64Array
  readonly #spare: Datagram[] = []

  constructor(size: number, queue: EventQueue, prng: Prng, conditions: NetworkConditions) {
    this.#size = size
    this.#queue = queue
    this.#prng = prng
    this.conditions = { ...conditions }
    this.#cuts = new Uint16Array(size * size)
    this.#freezes = new Uint16Array(size * size)
    this.#clogs = new Uint16Array(size * size)
    this.links = new Links(size)
    this.mtu = new Worst(size * size, Number.POSITIVE_INFINITY, Math.min)
    this.extraDelayMs = new Worst(size * size, 0, Math.max)
    this.#delayFactor = new Float64Array(size * size)
    for (let i = 0; i < size * size; i++) this.#delayFactor[i] = prng.between(0.7, 1.3)
    this.#lastArrival = new Float64Array(size * size)
  }

  unicast(now: number, from: number, to: number, buf: Uint8Array, off: number, len: number): void {
    const datagram = this.#copy(from, buf, off, len)
    if (from === to) this.#schedule(now + SELF_DELAY_MS, to, datagram)
    else this.#send(now, to, datagram)
    this.release(datagram)
  }

  /** To every other host of the sender's list (by index), reachable or not, up or not. */
  multicast(now: number, from: number, listed: readonly boolean[], buf: Uint8Array, off: number, len: number): void {
    const datagram = this.#copy(from, buf, off, len)
    for (let to = 0; to < this.#size; to++) if (to !== from && listed[to]) this.#send(now, to, datagram)
    this.release(datagram)
  }

  /** The receiver (or whoever dropped the datagram) no longer needs it. */
  release(datagram: Datagram): void {
    if (--datagram.holders === 0 && datagram.buf.length === POOLED_SIZE) this.#spare.push(datagram)
  }

  /** The place of a directed pair in `mtu` and `extraDelayMs`. */
  pair(from: number, to: number): number {
    return from * this.#size + to
  }

  /** One more reason for which nothing sent by `from` reaches `to`. */
  cut(from: number, to: number): void {
    this.#cuts[this.pair(from, to)]!++
  }

  /** Takes one reason back. */
  uncut(from: number, to: number): void {
    const pair = this.pair(from, to)
    if (this.#cuts[pair]! > 0) this.#cuts[pair]!--
  }

  /** Datagrams of the pair are held until the thaw, then arrive at once and in order. */
  freeze(from: number, to: number): void {
    this.#freezes[this.pair(from, to)]!++
  }

  thaw(now: number, from: number, to: number): void {
    const pair = this.pair(from, to)
    if (this.#freezes[pair] === 0 || --this.#freezes[pair]! > 0) return
    this.#pour(now, pair, this.#frozen)
  }

  /** Nothing arrives by the pair until it is unclogged, what is under way already included. */
  clog(from: number, to: number): void {
    this.#clogs[this.pair(from, to)]!++
  }

  /** What was held comes out of the path with a new delay each. */
  unclog(now: number, from: number, to: number): void {
    const pair = this.pair(from, to)
    if (this.#clogs[pair] === 0 || --this.#clogs[pair]! > 0) return
    this.#pour(now, pair, this.#clogged)
  }

  /** Takes a datagram that is about to arrive, and returns true, if its path is clogged. */
  holdsUp(to: number, datagram: Datagram): boolean {
    const pair = datagram.from * this.#size + to
    if (this.#clogs[pair] === 0) return false
    this.#hold(pair, datagram, this.#clogged)
    return true
  }

  /** Ends every fault: all pairs open and as wide as ever, nothing lost, doubled or reordered from now on. */
  heal(now: number): void {
    this.#cuts.fill(0)
    this.#freezes.fill(0)
    this.#clogs.fill(0)
    this.links.endAll()
    this.mtu.endAll()
    this.extraDelayMs.endAll()
    for (const held of [this.#frozen, this.#clogged]) {
      for (const pair of [...held.keys()].sort((a, b) => a - b)) this.#pour(now, pair, held)
    }
    this.conditions.loss = 0
    this.conditions.duplicate = 0
    this.conditions.reorder = 0
  }

  #send(now: number, to: number, datagram: Datagram): void {
    const pair = datagram.from * this.#size + to
    const conditions = this.conditions
    this.sent++
    const leaves = this.links.narrow ? this.links.depart(now, datagram.from, datagram.len) : now
    if (leaves === DROPPED || datagram.len > this.mtu.current[pair]!) {
      this.dropped++
      return
    }
    if (this.#cuts[pair] !== 0 || this.#prng.chance(conditions.loss)) {
      this.dropped++
      return
    }
    if (this.#freezes[pair] !== 0) {
      this.#hold(pair, datagram, this.#frozen)
      return
    }
    this.#deliver(leaves, pair, to, datagram)
    if (this.#prng.chance(conditions.duplicate)) this.#deliver(leaves, pair, to, datagram)
  }

  #deliver(now: number, pair: number, to: number, datagram: Datagram): void {
    const conditions = this.conditions
    const delay =
      conditions.delayMs * this.#delayFactor[pair]! +
      this.#prng.exponential(conditions.jitterMs) +
      this.extraDelayMs.current[pair]!
    if (this.#prng.chance(conditions.reorder)) {
      this.#schedule(now + delay + this.#prng.exponential(conditions.reorderMs), to, datagram)
      return
    }
    const arrival = Math.max(now + delay, this.#lastArrival[pair]!)
    this.#lastArrival[pair] = arrival
    this.#schedule(arrival, to, datagram)
  }

  #schedule(time: number, to: number, datagram: Datagram): void {
    datagram.holders++
    this.#queue.pushArrival(time, to, datagram)
  }

  #hold(pair: number, datagram: Datagram, where: Map<number, Datagram[]>): void {
    let held = where.get(pair)
    if (held === undefined) {
      held = []
      where.set(pair, held)
    }
    if (held.length >= HELD_LIMIT) {
      this.dropped++
      return
    }
    datagram.holders++
    held.push(datagram)
  }

  #pour(now: number, pair: number, from: Map<number, Datagram[]>): void {
    const held = from.get(pair)
    if (held === undefined) return
    from.delete(pair)
    for (const datagram of held) {
      this.#deliver(now, pair, pair % this.#size, datagram)
      this.release(datagram)
    }
  }

  #copy(from: number, buf: Uint8Array, off: number, len: number): Datagram {
    let datagram: Datagram | undefined
    if (len <= POOLED_SIZE) datagram = this.#spare.pop()
    if (datagram === undefined) {
      const room = Math.max(len, POOLED_SIZE)
      datagram = { buf: new Uint8Array(room), len: 0, from: 0, holders: 0 }
    }
    const target = datagram.buf
    if (len < 100) for (let i = 0; i < len; i++) target[i] = buf[off + i]!
    else target.set(buf.subarray(off, off + len))
    datagram.len = len
    datagram.from = from
    datagram.holders = 1
    return datagram
  }
}
