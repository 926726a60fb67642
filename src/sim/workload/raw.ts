// A workload for the single-ring machine alone: packets of random bytes and sizes, singly and in bursts.

import type { SimHost } from '../host.js'
import type { Workload, WorkloadContext } from './types.js'

/** Longest raw packet; with its headers twice it still fits a frame. */
const LONGEST_PACKET = 1400
const BUFFER_LENGTH = 64 * 1024

export class RawWorkload implements Workload {
  accepted = 0
  readonly #context: WorkloadContext
  readonly #bytes = new Uint8Array(BUFFER_LENGTH)
  /** Per host: packets accepted by the running incarnation. */
  readonly #acceptedOf: number[]
  #stopped = false

  constructor(context: WorkloadContext) {
    this.#context = context
    this.#acceptedOf = context.hosts.map(() => 0)
    for (let i = 0; i < BUFFER_LENGTH; i++) this.#bytes[i] = context.prng.u32() & 0xff
  }

  hostStarted(now: number, host: SimHost): void {
    this.#acceptedOf[host.index] = 0
    this.#again(now, host)
  }

  hostLeaving(): void {}

  hostEnded(): void {}

  settled(): void {}

  stop(): void {
    this.#stopped = true
  }

  isDrained(): boolean {
    return this.#context.hosts.every(
      host => host.state === 'down' || this.#context.processOf(host).ownDeliveries === this.#acceptedOf[host.index],
    )
  }

  finish(): void {}

  #again(now: number, host: SimHost): void {
    const incarnation = host.incarnation
    this.#context.queue.pushAction(now + this.#context.prng.exponential(this.#context.plan.gapMs), at => {
      if (this.#stopped || host.state === 'down' || host.incarnation !== incarnation) return
      if (host.state === 'running') this.#send(at, host)
      this.#again(at, host)
    })
  }

  #send(now: number, host: SimHost): void {
    const { plan, prng } = this.#context
    const count = prng.chance(plan.burst) ? 1 + prng.int(plan.burstLength) : 1
    host.now = now
    for (let i = 0; i < count; i++) {
      const length = prng.chance(0.1) ? 0 : prng.int(LONGEST_PACKET)
      const place = prng.int(BUFFER_LENGTH - LONGEST_PACKET)
      if (!host.node!.sendRaw!(this.#bytes, place, length)) break
      this.accepted++
      this.#acceptedOf[host.index]!++
    }
    host.touched()
  }
}
