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

/** Why a processor came to be held for failed: what decides who may let it in again (see Absent). */
export type Grounds =
  /** It did not agree in time. */
  | { readonly kind: 'silent' }
  /** A member of my ring said so. */
  | { readonly kind: 'told'; readonly by: Processor }
  /** It holds one of these for failed itself, or does not hear (me), so that it is the one to ask for a ring. */
  | {
      readonly kind: 'refuses'
      readonly whom: readonly Processor[]
      /** That was before a ring that was never finished: much may have changed since. */
      readonly carried?: true
    }

const SILENT: Grounds = { kind: 'silent' }

export class GatherSets {
  readonly #self: Processor
  readonly proc = new Set<Processor>()
  readonly failed = new Set<Processor>()
  /** See `grounds`. */
  #grounds = new Map<Processor, Grounds>()
  /** The grounds on which the present ring was formed without somebody. */
  #formerGrounds: ReadonlyMap<Processor, Grounds> = new Map()
  readonly #consensus = new Set<Processor>()
  /** Of those in `proc`: the newest join that came of each, by its ring sequence number. */
  readonly #heard = new Map<Processor, { readonly ringSeq: number; readonly failed: readonly Processor[] }>()
  /** In this round: who sent a join, and who sent something else when it should have answered mine. */
  readonly #answering = new Set<Processor>()
  readonly #unanswering = new Set<Processor>()
  /** Once between two ends of the consensus timer. */
  #startedAgain = false

  constructor(self: Processor) {
    this.#self = self
  }

  /** For everyone in `failed` but myself. */
  get grounds(): ReadonlyMap<Processor, Grounds> {
    return this.#grounds
  }

  /** After an installation: everybody in the ring, nobody failed. */
  installed(members: readonly Processor[], ringSeq: number): void {
    this.proc.clear()
    this.#heard.clear()
    for (const member of members) {
      this.proc.add(member)
      this.#heard.set(member, { ringSeq, failed: [] })
    }
    this.#formerGrounds = this.#grounds
    this.#nobodyFailed()
    this.#consensus.clear()
  }

  onlySelf(): void {
    this.proc.clear()
    this.proc.add(this.#self)
    this.#nobodyFailed()
  }

  /** A ring that was agreed on is not to be: what was said for it still counts, but it is old. */
  carryGrounds(): void {
    for (const [processor, grounds] of this.#grounds)
      if (grounds.kind === 'refuses') this.#grounds.set(processor, { ...grounds, carried: true })
  }

  resetConsensus(): void {
    this.#answering.clear()
    this.#unanswering.clear()
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

  /** Something other than a join came from a processor that has had the time to answer mine. */
  didNotAnswer(processor: Processor): void {
    this.#unanswering.add(processor)
  }

  /** Whoever has not agreed in time is held for failed; returns them. */
  failSilent(): Processor[] {
    this.#startedAgain = false
    const silent: Processor[] = []
    for (const processor of this.proc) {
      if (!this.#consensus.has(processor) && !this.failed.has(processor)) silent.push(processor)
    }
    const groundsOf = new Map(silent.map(processor => [processor, this.#groundsOfSilence(processor)]))
    for (const [processor, grounds] of groundsOf) this.#fail(processor, grounds)
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

  /**
   * Two whose sets do not fit into one message cannot agree, and most of what they name is nobody: who names more begins
   * again from its own ring. False when the sender of the join is the one to do so, or when even that gives no room.
   */
  startAgainFor(join: Join, oldMembers: readonly Processor[]): boolean {
    if (this.#startedAgain) return false
    const mine = this.#named([])
    const theirs = new Set([...join.procList, ...join.failedList])
    if (mine.size < theirs.size || (mine.size === theirs.size && this.#self < join.systemFrom)) return false
    if (new Set([...theirs, ...oldMembers, this.#self, join.systemFrom]).size > PROCESSOR_COUNT_MAX) return false
    this.#startedAgain = true
    this.onlySelf()
    for (const member of oldMembers) this.proc.add(member)
    return true
  }

  #named(more: readonly Processor[]): Set<Processor> {
    return new Set([...this.proc, ...this.failed, ...more])
  }

  /** `atMost`: an easy bound of how many there are together, which nearly always answers. */
  #hasRoom(atMost: number, ...more: (readonly Processor[])[]): boolean {
    if (atMost <= PROCESSOR_COUNT_MAX) return true
    return this.#named(more.flat()).size <= PROCESSOR_COUNT_MAX
  }

  /**
   * Takes in a join (spec: totem 4.3.3 steps 3 to 6). `oldMembers`: the ring I was in. `wary`: an outsider who holds me
   * for failed is not believed; it may have thought better of it, and will say so.
   */
  absorb(join: Join, oldMembers: readonly Processor[], wary: boolean): JoinEffect {
    const sender = join.systemFrom
    const current = this.#note(join)
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
    this.#note(join)
    if (join.failedList.includes(this.#self)) {
      // It holds me for failed: we cannot be in one ring now. Only I may say so of myself, and not by a datagram.
      if (sender !== this.#self && (!wary || oldMembers.includes(sender))) {
        this.#fail(sender, current ? { kind: 'refuses', whom: [...join.failedList] } : SILENT)
      }
    } else if (oldMembers.includes(sender)) {
      for (const processor of join.failedList) {
        if (this.#takesTheOtherSide(join, processor)) continue
        this.#fail(processor, current && processor !== sender ? this.#groundsOfRumour(processor, sender) : SILENT)
      }
    }
    // A failed list that is not mine to believe changes nothing; an answer to it would be answered in turn, without end.
    return this.proc.size + this.failed.size > before ? 'merged' : 'nothing'
  }

  /** False for one that was sent before the sender's newest: who knew what first cannot be told from it. */
  #note(join: Join): boolean {
    const { systemFrom, ringSeq } = join
    const newest = this.#heard.get(systemFrom)?.ringSeq ?? 0
    if (ringSeq < newest) return false
    if (this.proc.has(systemFrom)) {
      this.#answering.add(systemFrom)
      this.#heard.set(systemFrom, { ringSeq, failed: [...join.failedList] })
    }
    return true
  }

  /** One that I hear has not been silent at all: it will not have one of those I am with, or does not hear me. */
  #groundsOfSilence(processor: Processor): Grounds {
    const refused = this.#heard.get(processor)?.failed
    if (refused?.some(other => this.proc.has(other) && !this.failed.has(other))) {
      return { kind: 'refuses', whom: refused }
    }
    const deaf = this.#unanswering.has(processor) && !this.#answering.has(processor)
    return deaf ? { kind: 'refuses', whom: [this.#self] } : SILENT
  }

  /**
   * The sender of a join takes the side of one whom I have given up against `processor`, of two that hold each other for
   * failed. Believing both sides would leave me with neither.
   */
  #takesTheOtherSide(join: Join, processor: Processor): boolean {
    for (const givenUp of this.failed) {
      if (join.failedList.includes(givenUp)) continue
      if (this.#holdsForFailed(givenUp, processor) || this.#holdsForFailed(processor, givenUp)) return true
    }
    return false
  }

  #holdsForFailed(processor: Processor, other: Processor): boolean {
    return this.#heard.get(processor)?.failed.includes(other) ?? false
  }

  /** A member that has not installed the present ring still spreads what I may have told it before. */
  #groundsOfRumour(processor: Processor, by: Processor): Grounds {
    const former = this.#formerGrounds.get(processor)
    return former === undefined || former.kind === 'told' ? { kind: 'told', by } : former
  }

  /** The grounds are those of the first time: whoever tells me later may have it from me. */
  #fail(processor: Processor, grounds: Grounds): void {
    if (this.failed.has(processor)) return
    this.failed.add(processor)
    this.#grounds.set(processor, grounds)
  }

  #nobodyFailed(): void {
    this.failed.clear()
    // Not emptied: whoever has been given it keeps what it said of the ring before.
    this.#grounds = new Map()
  }
}

function within(list: readonly Processor[], set: ReadonlySet<Processor>): boolean {
  for (let i = 0; i < list.length; i++) if (!set.has(list[i] as Processor)) return false
  return true
}
