// Whether the node may be shut down: a program asks, those that want to be asked vote (spec: services 6.3). In: requests,
// votes, comings and goings of programs, time. Out: questions, one answer, and the word that it is agreed. Must not know:
// how a node ends.
//
// Unlike in the C daemon a connection has one vote: a second word of it takes the place of the first.

import { ShutdownFlag } from '../../wire/cfg-ipc.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { CfgProgram } from './types.js'

interface Negotiation {
  readonly requester: CfgProgram
  readonly flags: number
  /** Who is or was asked; one that went counts as a yes. */
  readonly votes: Map<CfgProgram, Vote>
  /** Votes of programs that nobody asked. */
  readonly others: Map<CfgProgram, Vote>
  /** Undefined until the clock has been looked at for the first time. */
  deadline: number | undefined
}

type Vote = 'yes' | 'no' | 'missing'

export interface ShutdownOptions {
  /** How long votes may take, in ms. */
  readonly timeoutMs: () => number
  /** The node shall end in order. The requester has been answered. */
  readonly agreed: () => void
}

export class ShutdownNegotiation {
  readonly #options: ShutdownOptions
  /** Newest first, the order in which they are asked. */
  #trackers: CfgProgram[] = []
  #current: Negotiation | undefined

  constructor(options: ShutdownOptions) {
    this.#options = options
  }

  get inProgress(): boolean {
    return this.#current !== undefined
  }

  /** The requester is answered at once, or when the votes are in. */
  request(requester: CfgProgram, flags: number): void {
    if (flags === ShutdownFlag.immediate) {
      this.#agree(requester)
      return
    }
    if (flags !== ShutdownFlag.request && flags !== ShutdownFlag.regardless) {
      requester.shutdownDecided(CsError.INVALID_PARAM)
      return
    }
    if (this.#current !== undefined) {
      requester.shutdownDecided(CsError.EXIST)
      return
    }
    const asked = this.#trackers.filter(tracker => tracker !== requester)
    if (asked.length === 0) {
      this.#agree(requester)
      return
    }
    const votes = new Map(asked.map(tracker => [tracker, 'missing' as Vote]))
    this.#current = { requester, flags, votes, others: new Map(), deadline: undefined }
    for (const tracker of asked) tracker.testShutdown(flags)
  }

  /** ACCESS when nothing has been asked. */
  reply(program: CfgProgram, yes: boolean): CsErrorCode {
    const current = this.#current
    if (current === undefined) return CsError.ACCESS
    const votes = current.votes.has(program) ? current.votes : current.others
    votes.set(program, yes ? 'yes' : 'no')
    this.#count(current)
    return CsError.OK
  }

  track(program: CfgProgram): void {
    if (this.#trackers.includes(program)) return
    this.#trackers = [program, ...this.#trackers]
    const current = this.#current
    if (current === undefined || current.requester === program) return
    current.votes.set(program, 'missing')
    program.testShutdown(current.flags)
  }

  untrack(program: CfgProgram): void {
    if (!this.#trackers.includes(program)) return
    this.#trackers = this.#trackers.filter(tracker => tracker !== program)
    const current = this.#current
    if (current === undefined || !current.votes.has(program)) return
    current.votes.set(program, 'yes')
    this.#count(current)
  }

  disconnected(program: CfgProgram): void {
    if (this.#current?.requester === program) this.#current = undefined
    this.untrack(program)
    this.#current?.others.delete(program)
  }

  /** The node ends for another reason: whoever waits has what it wanted. */
  end(): void {
    const current = this.#current
    this.#current = undefined
    current?.requester.shutdownDecided(CsError.OK)
  }

  /** In the past while the clock has to be looked at first, Infinity when nobody is waited for. */
  nextDeadline(): number {
    if (this.#current === undefined) return Number.POSITIVE_INFINITY
    return this.#current.deadline ?? Number.NEGATIVE_INFINITY
  }

  expire(now: number): void {
    const current = this.#current
    if (current === undefined) return
    current.deadline ??= now + this.#options.timeoutMs()
    if (now < current.deadline) return
    for (const [program, vote] of current.votes) if (vote === 'missing') current.votes.set(program, 'no')
    this.#count(current)
  }

  /** As many votes as programs were asked decide, whoever gave them. */
  #count(current: Negotiation): void {
    const votes = [...current.votes.values(), ...current.others.values()]
    const given = votes.filter(vote => vote !== 'missing').length
    if (given < current.votes.size) return
    const refused = votes.includes('no')
    this.#current = undefined
    if (!refused || current.flags === ShutdownFlag.regardless) this.#agree(current.requester)
    else current.requester.shutdownDecided(CsError.BUSY)
  }

  #agree(requester: CfgProgram): void {
    requester.shutdownDecided(CsError.OK)
    this.#options.agreed()
  }
}
