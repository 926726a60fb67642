// T1 - T7: the token's rules, visit by visit. In: the token as a processor accepts it and as it leaves, the processor's
// marks, what it numbers and what it lets go of. Out: violations in the model that the other checks use too. Rules that
// span the ring are kept per ring, the others per processor and ring. Nothing is allocated in a visit.

import type { TotemParameters } from '../../totem/parameters.js'
import { seqLess, seqLessOrEqual, seqNext } from '../../totem/sequence.js'
import { type OrfToken, RETRANSMIT_ENTRIES_MAX, sameRingId } from '../../wire/generation.js'
import type { Process, TraceModel } from './model.js'

/** The parameters that the rules depend on. */
export type TokenLimits = Pick<TotemParameters, 'maxMessages' | 'windowSize' | 'missCountConst'>

/** What the rules allow to nodes that are configured like this; a window that is not the same for all bounds nobody. */
export function tokenLimits(configured: readonly TokenLimits[]): TokenLimits {
  const windows = configured.map(({ windowSize }) => windowSize)
  return {
    maxMessages: Math.max(...configured.map(({ maxMessages }) => maxMessages)),
    windowSize: Math.min(...windows) === Math.max(...windows) ? windows[0]! : Number.POSITIVE_INFINITY,
    missCountConst: Math.min(...configured.map(({ missCountConst }) => missCountConst)),
  }
}

/** What is true of a ring's token, whoever has it. */
class TokenTrace {
  readonly nodeId: number
  readonly seq: number
  /** Those that have accepted the token. */
  readonly processes: Process[] = []
  /** Of the token accepted last. */
  tokenSeq = 0
  /** Highest message number that the token has carried. */
  messageSeq = 0

  constructor(nodeId: number, seq: number) {
    this.nodeId = nodeId
    this.seq = seq
  }
}

/** What one processor did with the token of the ring it is in, or forms. */
class Visits {
  trace: TokenTrace | null = null
  /** Accepted here on this ring. */
  count = 0
  tokenAru = 0
  previousTokenAru = 0
  /** The processor's own aru when the token last left it. */
  aru = 0
  hasAru = false
  /** Messages numbered in this visit, and the first and last of them. */
  numbered = 0
  firstNumbered = 0
  lastNumbered = 0
  /** Message numbers that the token carried at the last visits, the present one at `count - 1`; modulo its length. */
  readonly carried: Uint32Array
  /** The requests with which the token came. */
  readonly requests = new Uint32Array(RETRANSMIT_ENTRIES_MAX)
  requestCount = 0

  constructor(missCountConst: number) {
    this.carried = new Uint32Array(missCountConst)
  }

  enter(trace: TokenTrace): void {
    this.trace = trace
    this.count = 0
    this.hasAru = false
  }

  /** The token came with a request for this message. */
  came(seq: number): boolean {
    for (let i = 0; i < this.requestCount; i++) if (this.requests[i] === seq) return true
    return false
  }
}

function keyOf(nodeId: number, seq: number): string {
  return `${nodeId}.${seq}`
}

export class TokenChecker {
  readonly #model: TraceModel
  readonly #limits: TokenLimits
  readonly #traces: Map<string, TokenTrace> = new Map()
  #lastTrace: TokenTrace | null = null
  /** By process index. */
  readonly #visits: Visits[] = []

  constructor(model: TraceModel, limits: TokenLimits) {
    this.#model = model
    this.#limits = limits
  }

  /** The token as it came, before anything is done with it. */
  accepted(process: Process, ringNodeId: number, token: OrfToken): void {
    const visits = this.#visitsOf(process)
    let trace = this.#trace(ringNodeId, token.ring.seq)
    if (visits.trace !== trace) {
      if (this.#isOver(trace)) trace = this.#begin(ringNodeId, token.ring.seq)
      visits.enter(trace)
      trace.processes.push(process)
    }
    if (trace.processes.length > 1 || visits.count > 0) {
      if (seqLessOrEqual(token.tokenSeq, trace.tokenSeq)) {
        this.#fail('T1', process, trace, `accepted token ${token.tokenSeq}, token ${trace.tokenSeq} has been accepted`)
      }
      if (seqLess(token.seq, trace.messageSeq)) {
        this.#fail('T2', process, trace, `got a token that goes back from ${trace.messageSeq} to ${token.seq}`)
      }
    }
    trace.tokenSeq = token.tokenSeq
    trace.messageSeq = token.seq
    visits.previousTokenAru = visits.tokenAru
    visits.tokenAru = token.aru
    visits.carried[visits.count % visits.carried.length] = token.seq
    visits.count++
    visits.numbered = 0
    visits.requestCount = Math.min(token.retransmitCount, RETRANSMIT_ENTRIES_MAX)
    for (let i = 0; i < visits.requestCount; i++) visits.requests[i] = token.retransmitSeqs[i]!
  }

  /** A message of the processor's own got this number. */
  numbered(process: Process, seq: number): void {
    const visits = this.#visitsOf(process)
    if (visits.numbered++ === 0) visits.firstNumbered = seq
    visits.lastNumbered = seq
  }

  /**
   * The token as it is about to leave. `aru`, `high`: the processor has received everything up to, and something at
   * most at. `multicasts`: sent in this visit, retransmissions included.
   */
  sent(process: Process, token: OrfToken, aru: number, high: number, multicasts: number): void {
    const visits = this.#visitsOf(process)
    const { trace } = visits
    if (trace === null) return
    if (seqLessOrEqual(token.tokenSeq, trace.tokenSeq)) {
      this.#fail('T1', process, trace, `sent token ${token.tokenSeq} after token ${trace.tokenSeq}`)
    }
    if (seqLess(token.seq, trace.messageSeq)) {
      this.#fail('T2', process, trace, `sent a token that goes back from ${trace.messageSeq} to ${token.seq}`)
    }
    this.#checkMarks(process, trace, visits, aru, high)
    const { maxMessages, windowSize } = this.#limits
    if (multicasts > maxMessages || visits.numbered > multicasts) {
      this.#fail('T5', process, trace, `sent ${multicasts} messages in a visit, ${visits.numbered} of them new`)
    }
    if (token.fcc > windowSize)
      this.#fail('T5', process, trace, `sent a token with ${token.fcc} messages in a rotation`)
    this.#checkRequests(process, trace, visits, token)
    trace.messageSeq = token.seq
    visits.aru = aru
    visits.hasAru = true
  }

  /** The processor has let go of its messages up to `seq`, in the ring that it has installed. */
  released(process: Process, seq: number): void {
    const visits = this.#visitsOf(process)
    const { trace } = visits
    const { view } = process
    if (trace === null || view === null) return
    if (seqLess(visits.tokenAru, seq) || (visits.count > 1 && seqLess(visits.previousTokenAru, seq))) {
      const arus = `${visits.previousTokenAru} and ${visits.tokenAru}`
      this.#fail('T4', process, trace, `let go of messages up to ${seq}; the last arus were ${arus}`)
    }
    if (view.ring.indexOf(seq) >= view.prefix) {
      this.#fail('T4', process, trace, `let go of message ${seq} before it was delivered`)
    }
    for (const other of view.ring.installers) {
      const theirs = this.#visits[other.index]
      if (!other.alive || theirs === undefined || theirs.trace !== trace || !theirs.hasAru) continue
      if (seqLess(theirs.aru, seq)) {
        this.#fail(
          'T4',
          process,
          trace,
          `let go of messages up to ${seq}, ${other.nodeId} has them up to ${theirs.aru}`,
        )
      }
    }
  }

  #checkMarks(process: Process, trace: TokenTrace, visits: Visits, aru: number, high: number): void {
    if (seqLess(high, aru)) this.#fail('T3', process, trace, `has everything up to ${aru}, and nothing above ${high}`)
    if (visits.numbered === 0) return
    const { firstNumbered, lastNumbered } = visits
    const missing = seqNext(aru)
    if (
      seqLess(high, lastNumbered) ||
      (seqLessOrEqual(firstNumbered, missing) && seqLessOrEqual(missing, lastNumbered))
    ) {
      const own = `${firstNumbered} to ${lastNumbered}`
      this.#fail('T3', process, trace, `does not count its own messages ${own} as received: aru ${aru}, high ${high}`)
    }
  }

  #checkRequests(process: Process, trace: TokenTrace, visits: Visits, token: OrfToken): void {
    const { missCountConst } = this.#limits
    if (token.retransmitCount > RETRANSMIT_ENTRIES_MAX) {
      this.#fail('T6', process, trace, `sent a token with ${token.retransmitCount} requests`)
      return
    }
    for (let i = 0; i < token.retransmitCount; i++) {
      const seq = token.retransmitSeqs[i]!
      if (seqLess(token.seq, seq)) this.#fail('T6', process, trace, `asks for ${seq}, the last message is ${token.seq}`)
      if (!sameRingId(token.retransmitRings[i]!, token.ring)) {
        this.#fail('T6', process, trace, `asks for ${seq} of a ring of sequence ${token.retransmitRings[i]!.seq}`)
      }
      if (visits.came(seq)) continue
      // Missing at so many visits, the present one included: the token carried it at the first of them.
      const first = visits.count - missCountConst
      if (first < 0 || seqLess(visits.carried[first % missCountConst]!, seq)) {
        this.#fail('T7', process, trace, `asks for ${seq}, which it has missed for fewer than ${missCountConst} visits`)
      }
    }
  }

  #visitsOf(process: Process): Visits {
    let visits = this.#visits[process.index]
    if (visits === undefined) {
      visits = new Visits(this.#limits.missCountConst)
      this.#visits[process.index] = visits
    }
    return visits
  }

  #trace(nodeId: number, seq: number): TokenTrace {
    const last = this.#lastTrace
    if (last !== null && last.seq === seq && last.nodeId === nodeId) return last
    const trace = this.#traces.get(keyOf(nodeId, seq)) ?? this.#begin(nodeId, seq)
    this.#lastTrace = trace
    return trace
  }

  #begin(nodeId: number, seq: number): TokenTrace {
    const trace = new TokenTrace(nodeId, seq)
    this.#traces.set(keyOf(nodeId, seq), trace)
    this.#lastTrace = trace
    return trace
  }

  /** Nobody is left in the ring: one of the same id is another ring (C3 says whether it may be). */
  #isOver(trace: TokenTrace): boolean {
    for (const process of trace.processes) {
      if (process.alive && this.#visits[process.index]!.trace === trace) return false
    }
    return trace.processes.length > 0
  }

  #fail(property: string, process: Process, trace: TokenTrace, text: string): void {
    this.#model.failOnRing(property, process, trace, text)
  }
}
