// Those that the present ring was formed without, and whether they may break it up to be let in (spec: evs-properties
// L5). A processor that cannot hear another never agrees with it; as long as that lasts, letting it in only ends in the
// same ring again. So of two that are apart because one does not hear the other, the deaf one decides: it listens to
// everything the other sends, for that proves that it hears again. Whoever was told by a member of this ring leaves the
// matter to that member; and whoever is refused waits until it is asked.
// Nobody waits for somebody who waits for him: grounds are those of the moment at which a processor was first held for
// failed, so who told me had known it earlier, and who refuses me had given me up before I gave it up. What is left from
// a ring that was never finished (`carried`) can close a circle all the same: I wait for one who waits for another of this
// ring, who has left the matter to me. So whoever has such grounds takes a call for another of its ring for its own after
// a while, ever more rarely when that comes to nothing; and patience has an end.

import type { Join, Processor } from '../wire/generation.js'
import type { Grounds } from './gather-sets.js'

/** Rounds after which whoever is absent is let in whatever the grounds were: with three nodes' defaults eight minutes. */
export const PATIENCE_ROUNDS = 64
/** Rounds after which a call for another one of this ring is taken for one for me; doubled with every attempt. */
export const CIRCLE_ROUNDS = 3

export class Absent {
  #grounds: ReadonlyMap<Processor, Grounds> = new Map()
  #patientUntil = 0
  #formedAt = 0
  #roundMs = 0
  /** How often a call for another has been answered for those who are absent still. */
  readonly #attempts = new Map<Processor, number>()

  /**
   * A ring was formed at `now`: `grounds` of all that were held for failed. A round of `roundMs` is the time that a loss
   * of the token and the agreement after it take.
   */
  formed(grounds: ReadonlyMap<Processor, Grounds>, now: number, roundMs: number): void {
    this.#patientUntil = now + PATIENCE_ROUNDS * roundMs
    this.#formedAt = now
    this.#roundMs = roundMs
    this.#grounds = grounds
    for (const processor of this.#attempts.keys()) if (!grounds.has(processor)) this.#attempts.delete(processor)
  }

  get size(): number {
    return this.#grounds.size
  }

  /** Something of an outsider came, which is no join: whether a ring with it may be tried. */
  admits(processor: Processor, members: readonly Processor[], now: number): boolean {
    const why = this.#grounds.get(processor)
    if (why === undefined || why.kind === 'silent' || now >= this.#patientUntil) return true
    if (why.kind === 'told') return !members.includes(why.by)
    return !why.whom.some(other => members.includes(other))
  }

  /** Those who have to ask me first. */
  *refusing(): Generator<Processor> {
    for (const [processor, { kind }] of this.#grounds) if (kind === 'refuses') yield processor
  }

  /** An outsider says that it waits for `whom` to ask. If I wait for it as well, one of us has to begin. */
  isAsked(processor: Processor, whom: Processor, self: Processor, members: readonly Processor[], now: number): boolean {
    const why = this.#grounds.get(processor)
    if (why?.kind !== 'refuses') return false
    if (whom === self) return true
    if (why.carried !== true || !members.includes(whom)) return false
    const attempts = this.#attempts.get(processor) ?? 0
    if (now < this.#formedAt + CIRCLE_ROUNDS * 2 ** attempts * this.#roundMs) return false
    this.#attempts.set(processor, attempts + 1)
    return true
  }

  /** A join of an outsider came: whether a ring with it may be tried. */
  admitsJoin(join: Join, members: readonly Processor[], now: number): boolean {
    const why = this.#grounds.get(join.systemFrom)
    if (why === undefined) return true
    // It cannot be in one ring with us before it has forgotten that, which it does in a ring of its own. Answering
    // would only break up this ring, once for every join.
    if (join.failedList.some(other => members.includes(other))) return false
    return why.kind !== 'told' || !members.includes(why.by) || now >= this.#patientUntil
  }
}
