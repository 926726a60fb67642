// The sets on which a membership is agreed: who may be a member (proc), who has failed (failed), who has said the same
// (consensus). Pure bookkeeping for GATHER (spec: totem 4.3); insertion order is kept because it is visible in joins.

import { type Join, PROCESSOR_COUNT_MAX, type Processor } from '../wire/generation.js'

/** What a join message did to the sets. */
export type JoinEffect =
  /** It said what I say: its sender's consent is noted. */
  | 'same'
  /** Nothing new in it, or from one whom I hold for failed. */
  | 'nothing'
  /** My sets grew: they have to be announced again. */
  | 'merged'

export class GatherSets {
  readonly #self: Processor
  readonly proc = new Set<Processor>()
  readonly failed = new Set<Processor>()
  readonly #consensus = new Set<Processor>()

  constructor(self: Processor) {
    this.#self = self
  }

  /** After an installation: everybody in the ring, nobody failed. */
  installed(members: readonly Processor[]): void {
    this.proc.clear()
    for (const member of members) this.proc.add(member)
    this.failed.clear()
    this.#consensus.clear()
  }

  onlySelf(): void {
    this.proc.clear()
    this.proc.add(this.#self)
    this.failed.clear()
  }

  resetConsensus(): void {
    this.#consensus.clear()
    this.#consensus.add(this.#self)
  }

  clearConsensus(): void {
    this.#consensus.clear()
  }

  /** Everyone in proc minus failed has said the same. */
  agreed(): boolean {
    for (const processor of this.proc) {
      if (!this.failed.has(processor) && !this.#consensus.has(processor)) return false
    }
    return true
  }

  /** proc minus failed. */
  candidates(): Processor[] {
    const candidates: Processor[] = []
    for (const processor of this.proc) if (!this.failed.has(processor)) candidates.push(processor)
    return candidates
  }

  /** Whoever has not agreed in time is held for failed; returns them. */
  failSilent(): Processor[] {
    const silent: Processor[] = []
    for (const processor of this.proc) {
      if (!this.#consensus.has(processor) && !this.failed.has(processor)) silent.push(processor)
    }
    for (const processor of silent) this.failed.add(processor)
    return silent
  }

  /** A processor that was heard of: false when that is one more than messages can list. */
  admit(processor: Processor): boolean {
    if (this.proc.has(processor)) return true
    if (!this.failed.has(processor) && !this.#hasRoom(this.proc.size + this.failed.size + 1, [processor])) return false
    this.proc.add(processor)
    return true
  }

  /** Whether all that is named here and in this join stays within what messages can list. */
  hasRoomFor(join: Join): boolean {
    const { procList, failedList, systemFrom } = join
    const atMost = this.proc.size + this.failed.size + procList.length + failedList.length + 1
    return this.#hasRoom(atMost, procList, failedList, [systemFrom])
  }

  /** `atMost`: an easy bound of how many there are together, which nearly always answers. */
  #hasRoom(atMost: number, ...more: (readonly Processor[])[]): boolean {
    if (atMost <= PROCESSOR_COUNT_MAX) return true
    return new Set([...this.proc, ...this.failed, ...more.flat()]).size <= PROCESSOR_COUNT_MAX
  }

  /** Takes in a join (spec: totem 4.3.3 steps 3 to 6). `oldMembers`: the ring I was in. */
  absorb(join: Join, oldMembers: readonly Processor[]): JoinEffect {
    const sender = join.systemFrom
    const procWithin = within(join.procList, this.proc)
    const failedWithin = within(join.failedList, this.failed)
    if (
      procWithin &&
      failedWithin &&
      new Set(join.procList).size === this.proc.size &&
      new Set(join.failedList).size === this.failed.size
    ) {
      if (!join.leave && this.proc.has(sender)) this.#consensus.add(sender)
      return 'same'
    }
    if (procWithin && failedWithin) return 'nothing'
    if (this.failed.has(sender)) return 'nothing'
    const before = this.proc.size + this.failed.size
    for (const processor of join.procList) this.proc.add(processor)
    if (join.failedList.includes(this.#self)) {
      // It holds me for failed: we cannot be in one ring now. Only I may say so of myself, and not by a datagram.
      if (sender !== this.#self) this.failed.add(sender)
    } else if (oldMembers.includes(sender)) {
      for (const processor of join.failedList) this.failed.add(processor)
    }
    // A failed list that is not mine to believe changes nothing; an answer to it would be answered in turn, without end.
    return this.proc.size + this.failed.size > before ? 'merged' : 'nothing'
  }
}

function within(list: readonly Processor[], set: ReadonlySet<Processor>): boolean {
  for (let i = 0; i < list.length; i++) if (!set.has(list[i] as Processor)) return false
  return true
}
