// The rings of a run and their colours. A ring gets its colour when it is first installed: the one unused for longest
// among those that no node stands in at that moment, so that what is on the screen together differs, and equal runs look
// alike. Must not know: how colours look.

import { ringText } from '../../node/totem-log.js'
import type { RingIdentity } from '../../totem/types.js'
import { PALETTE_SIZE, type TimelineRing } from './page/data.js'

/** Each strong and pale. */
const HUES = PALETTE_SIZE / 2

export class RingTable {
  readonly #rings: { name: string; members: readonly number[]; colour: number }[] = []
  readonly #indexOf = new Map<string, number>()
  /** Colours, the one unused for longest first. */
  readonly #strong = Array.from({ length: HUES }, (_, hue) => hue)
  readonly #pale = Array.from({ length: HUES }, (_, hue) => HUES + hue)

  indexOf(ring: RingIdentity): number {
    const name = ringText(ring)
    let index = this.#indexOf.get(name)
    if (index === undefined) {
      index = this.#rings.length
      this.#rings.push({ name, members: [], colour: -1 })
      this.#indexOf.set(name, index)
    }
    return index
  }

  name(index: number): string {
    return this.#rings[index]?.name ?? 'none'
  }

  /** `inUse`: rings that nodes stand in at this moment. */
  install(index: number, members: readonly number[], inUse: readonly number[]): void {
    const ring = this.#rings[index]!
    if (ring.colour >= 0) return
    ring.members = members
    const taken = new Set(inUse.map(other => this.#rings[other]?.colour ?? -1))
    const hues = new Set([...taken].map(colour => colour % HUES))
    const [first, second] = members.length === 1 ? [this.#pale, this.#strong] : [this.#strong, this.#pale]
    ring.colour =
      take(first, colour => !hues.has(colour % HUES)) ??
      take(first, colour => !taken.has(colour)) ??
      take(second, colour => !taken.has(colour)) ??
      take(first, () => true)!
  }

  all(): readonly TimelineRing[] {
    return this.#rings
  }
}

/** The colour unused for longest that will do. */
function take(colours: number[], willDo: (colour: number) => boolean): number | undefined {
  const at = colours.findIndex(willDo)
  if (at < 0) return undefined
  const [colour] = colours.splice(at, 1)
  colours.push(colour!)
  return colour
}
