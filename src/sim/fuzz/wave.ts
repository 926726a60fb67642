// The pace of an attack: a number of packets in volleys, and now and then an answer to what the attacker hears, before
// that arrives or just after. In: how to shoot, what is heard, how time passes. Out: shots. Must not know: what is shot.

import type { Prng } from '../prng.js'
import type { FuzzRing } from './ring.js'

/** So many packets at once, with such pauses (on average, in virtual time). */
const VOLLEYS = [1, 3, 10, 100]
const GAPS_MS = [0.2, 1, 4]
/** A wave ends here even if there was nothing to shoot with, or nobody to hit. */
const VOLLEYS_MAX = 1000
/** How often the attacker answers what it hears, how soon, and with how many packets at most. */
const REACTIONS = 0.1
const REACTION_MS = 0.5
const REACTION_PACKETS = 3
const POLL_MS = 20

export class Wave {
  readonly #ring: FuzzRing
  readonly #prng: Prng
  readonly #run: (until: number, packets: number) => void
  #left = 0
  #shoot: () => number = () => 0

  /** `run` lets time pass until then, during a wave of that many packets. */
  constructor(ring: FuzzRing, prng: Prng, run: (until: number, packets: number) => void) {
    this.#ring = ring
    this.#prng = prng
    this.#run = run
  }

  /** `shoot` returns how many packets that was; 0 when there was nothing to shoot with. */
  roll(packets: number, shoot: () => number): void {
    const volley = this.#prng.pick(VOLLEYS)
    const gapMs = this.#prng.pick(GAPS_MS)
    this.#left = packets
    this.#shoot = shoot
    let volleys = 0
    const next = () => {
      if (++volleys > VOLLEYS_MAX) this.#left = 0
      this.#fire(volley)
      if (this.#left > 0) this.#ring.queue.pushAction(this.#ring.now + this.#prng.exponential(gapMs), next)
    }
    next()
    while (this.#left > 0) this.#run(this.#ring.now + POLL_MS, packets)
    this.#left = 0
  }

  /** A member has sent something. */
  heard(): void {
    if (this.#left <= 0 || !this.#prng.chance(REACTIONS)) return
    this.#ring.queue.pushAction(this.#ring.now + this.#prng.float() * REACTION_MS, () => {
      this.#fire(this.#prng.int(REACTION_PACKETS + 1))
    })
  }

  #fire(shots: number): void {
    for (let i = 0; i < shots && this.#left > 0; i++) this.#left -= this.#shoot()
  }
}
