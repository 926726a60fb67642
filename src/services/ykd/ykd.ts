// Dynamic linear voting, after Yeger-Lotem, Keidar and Dolev (quorum.provider corosync_ykd; spec: services 5): a membership is
// primary when at least half of the last primary one is in it. The nodes of each new ring tell each other what they
// know; if that allows it they attempt to be primary, and are when everybody attempts. In: regular configuration changes,
// messages of its own group. Out: messages, reports to the quorum service. Must not know: synchronisation.

import type { LogSink } from '../../log/types.js'
import type { RingIdentity } from '../../totem/types.js'
import type { QuorumView } from '../../wire/quorum-ipc.js'
import {
  readYkdMessage,
  writeYkdAttempt,
  writeYkdState,
  YKD_PROCESSORS_MAX,
  YKD_STATE_LENGTH,
  type YkdSession,
  type YkdState,
} from '../../wire/ykd.js'

export interface YkdOptions {
  readonly nodeId: number
  /** The byte order in which this node writes. */
  readonly littleEndian: boolean
  readonly log: LogSink
  /** To the group; false when the queue has no room now. */
  readonly send: (buf: Uint8Array, off: number, len: number) => boolean
  readonly requestToken: () => void
  /** Of the quorum service. */
  readonly report: (view: QuorumView) => void
}

/** Every member counts as one vote, and half of them is enough: there is no tie breaker. */
const HALF = 2

export class Ykd {
  readonly #options: YkdOptions
  /** `state`: states are coming in. `attempt`: all have come. */
  #mode: 'state' | 'attempt' = 'state'
  #view: readonly number[] = []
  #ring: RingIdentity = { nodeId: 0, seq: 0 }
  readonly #marked = new Set<number>()
  /** As they came: of two equally new sessions the first counts. */
  #states: YkdState[] = []
  #lastPrimary: YkdSession
  #ambiguous: YkdSession[] = []
  #sessionId = 0
  /** Bytes to send after the next token. */
  #unsent = 0
  readonly #bytes = new Uint8Array(YKD_STATE_LENGTH)

  constructor(options: YkdOptions) {
    this.#options = options
    this.#lastPrimary = { members: [options.nodeId], id: 0 }
  }

  /** A new ring; `members` in ring order. */
  configurationChanged(members: readonly number[], ring: RingIdentity): void {
    this.#view = members
    this.#ring = ring
    this.#mode = 'state'
    this.#marked.clear()
    this.#states = []
    this.#unsent = 0
    this.#report(false)
    if (members.length > YKD_PROCESSORS_MAX) {
      this.#options.log('error', 'QUORUM', `corosync_ykd works for ${YKD_PROCESSORS_MAX} nodes at most: never primary`)
      return
    }
    const state = { lastPrimary: this.#lastPrimary, ambiguous: this.#ambiguous, sessionId: this.#sessionId }
    this.#send(writeYkdState(state, this.#bytes, 0, this.#options.littleEndian))
  }

  /** A message to the group, in total order. */
  receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readYkdMessage(buf, off, len, little)
    if (message === undefined || !this.#view.includes(origin)) return
    this.#marked.add(origin)
    if (message.kind !== this.#mode) return
    if (message.kind === 'state') this.#states.push(message.state)
    if (this.#marked.size < this.#view.length) return
    this.#marked.clear()
    if (message.kind === 'attempt') this.#becomePrimary()
    else {
      this.#mode = 'attempt'
      this.#decide()
    }
  }

  /** Attempts go out here, as C nodes send theirs; and what the queue had no room for before. */
  tokenSent(): void {
    if (this.#unsent > 0) this.#send(this.#unsent)
  }

  #decide(): void {
    let newest: YkdSession = { members: [], id: -1 }
    let lastId = 0
    for (const { lastPrimary, sessionId } of this.#states) {
      lastId = Math.max(lastId, sessionId)
      if (lastPrimary.id > newest.id) newest = lastPrimary
    }
    const open = this.#states.flatMap(state => state.ambiguous).filter(session => session.id > newest.id)
    if (![newest, ...open].every(session => this.#sharesHalf(session))) return
    this.#sessionId = lastId + 1
    // One that is as old as it is long would not fit the message.
    this.#ambiguous = [...this.#ambiguous, { members: this.#view, id: 0 }].slice(-YKD_PROCESSORS_MAX)
    this.#unsent = writeYkdAttempt(this.#bytes, 0, this.#options.littleEndian)
    this.#options.requestToken()
  }

  #sharesHalf({ members }: YkdSession): boolean {
    return HALF * members.filter(node => this.#view.includes(node)).length >= members.length
  }

  #becomePrimary(): void {
    this.#lastPrimary = { members: this.#view, id: this.#sessionId }
    this.#ambiguous = []
    this.#options.log('notice', 'YKD', 'This processor is within the primary component.')
    this.#report(true)
  }

  #report(quorate: boolean): void {
    this.#options.report({ quorate, ring: this.#ring, members: this.#view })
  }

  #send(length: number): void {
    this.#unsent = this.#options.send(this.#bytes, 0, length) ? 0 : length
  }
}
