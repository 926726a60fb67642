// Those that the present ring was formed without, and whether they may break it up to be let in (spec: evs-properties
// L5). A processor that cannot hear another never agrees with it; as long as that lasts, letting it in only ends in the
// same ring again. So of two that are apart because one does not hear the other, the deaf one decides: it listens to
// everything the other sends, for that proves that it hears again. Whoever was told by a member of this ring leaves the
// matter to that member; and whoever is refused waits until it is asked.
// Nobody waits for somebody who waits for him: grounds are those of the moment at which a processor was first held for
// failed, so who told me had known it earlier, and who refuses me had given me up before I gave it up. Only messages
// out of their time can close such a circle, or forged ones; for their sake patience has an end.

import type { Join, Processor } from '../wire/generation.js'
import type { Grounds } from './gather-sets.js'

export class Absent {
  #grounds: ReadonlyMap<Processor, Grounds> = new Map()
  #patientUntil = 0

  /** A ring was formed: `grounds` of all that were held for failed. From `patientUntil` (ms) on everybody is heard. */
  formed(grounds: ReadonlyMap<Processor, Grounds>, patientUntil: number): void {
    this.#patientUntil = patientUntil
    this.#grounds = grounds
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

  /** An outsider says that it waits for me to ask: if I wait for it as well, one of us has to begin. */
  waitsForMe(processor: Processor): boolean {
    return this.#grounds.get(processor)?.kind === 'refuses'
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
