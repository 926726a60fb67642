// The links by which hosts send: where one is narrow, datagrams leave one after the other, each taking its length, and
// wait in a queue that has an end (tail drop). In: what a host sends; out: when its last byte has left, or that it never
// does. Must not know: what happens to datagrams afterwards.

import { Worst } from './worst.js'

/** `depart` of a datagram that found the queue full. */
export const DROPPED = -1

export class Links {
  readonly #bytesPerMs: Worst
  readonly #queueBytes: Worst
  /** Per host: when its link has sent everything it was given. */
  readonly #freeAt: Float64Array

  constructor(hosts: number) {
    this.#bytesPerMs = new Worst(hosts, Number.POSITIVE_INFINITY, Math.min)
    this.#queueBytes = new Worst(hosts, Number.POSITIVE_INFINITY, Math.min)
    this.#freeAt = new Float64Array(hosts)
  }

  /** Whether any link is narrow: where none is, nothing need be asked. */
  get narrow(): boolean {
    return this.#bytesPerMs.inForce > 0
  }

  begin(host: number, bytesPerMs: number, queueBytes: number): void {
    this.#bytesPerMs.begin(host, bytesPerMs)
    this.#queueBytes.begin(host, queueBytes)
  }

  end(host: number, bytesPerMs: number, queueBytes: number): void {
    this.#bytesPerMs.end(host, bytesPerMs)
    this.#queueBytes.end(host, queueBytes)
  }

  endAll(): void {
    this.#bytesPerMs.endAll()
    this.#queueBytes.endAll()
  }

  /** Time at which a datagram of `bytes` has left the host, or DROPPED. An idle link takes one of any length. */
  depart(now: number, host: number, bytes: number): number {
    const rate = this.#bytesPerMs.current[host]!
    if (rate === Number.POSITIVE_INFINITY) return now
    const begins = Math.max(now, this.#freeAt[host]!)
    if (begins > now && (begins - now) * rate + bytes > this.#queueBytes.current[host]!) return DROPPED
    const leaves = begins + bytes / rate
    this.#freeAt[host] = leaves
    return leaves
  }
}
