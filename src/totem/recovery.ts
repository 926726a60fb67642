// RECOVERY: bringing the members that come from one old ring to the same messages before the new ring is installed
// (spec: totem 4.5). Decides who the transitional members are, which old messages to send again, and when everybody
// has everything. The machine in single-ring.ts owns queues and states and asks here.

import {
  type CommitEntry,
  type CommitToken,
  createCommitEntry,
  type McastHeader,
  type OrfToken,
  type Processor,
  type RingId,
  sameRingId,
} from '../wire/generation.js'
import type { FramePool } from './frame.js'
import type { SendQueue } from './send-queue.js'
import { seqLess, seqLessOrEqual } from './sequence.js'
import { SORT_QUEUE_SIZE, type SortQueue } from './sort-queue.js'

/** Encapsulated old messages that one processor may have to send; the old window bounds it. */
export const RETRANS_QUEUE_SIZE = SORT_QUEUE_SIZE

/** Visits in a row with everything received everywhere before a processor installs. */
const ROTATIONS_TO_INSTALL = 2

export class Recovery {
  /** Members that come with me from my old ring, in the order of the old ring. */
  transitionalMembers: Processor[] = []
  /** Originators whose messages may be delivered behind a gap. */
  deliverMembers: Processor[] = []
  /** I have received every message of the old ring that can still be had. */
  received = true
  #installSeq = 0
  #rotations = 0
  #quietVisits = 0
  #flagSetByMe = false

  /** Resets the counting at the start of a new RECOVERY. */
  begin(): void {
    this.#installSeq = 0
    this.#rotations = 0
    this.#quietVisits = 0
    this.#flagSetByMe = false
  }

  /** Chooses the transitional members: those of the old ring whose commit entry names the same old ring as mine. */
  chooseMembers(token: CommitToken, oldMembers: readonly Processor[], oldRing: RingId): void {
    this.transitionalMembers = []
    let complete = true
    for (const member of oldMembers) {
      const entry = entryOf(token, member)
      if (entry === null || !sameRingId(entry.ring, oldRing)) continue
      this.transitionalMembers.push(member)
      if (entry.receivedFlag === 0) complete = false
    }
    this.deliverMembers = complete ? [] : [...this.transitionalMembers]
  }

  /**
   * Wraps each old message above the lowest aru of the transitional members that is held here, and queues it for the
   * new ring. Every holder does so; what others have sent by the time that it is its turn is left out (ReceiveLog.isRecovered).
   */
  queueOldMessages(
    token: CommitToken,
    oldRing: RingId,
    oldHigh: number,
    held: SortQueue,
    into: SendQueue,
    pool: FramePool,
    headerLength: number,
  ): void {
    if (this.deliverMembers.length === 0) return
    let low = oldHigh
    for (const member of this.transitionalMembers) {
      const entry = entryOf(token, member)
      if (entry !== null && sameRingId(entry.ring, oldRing) && seqLess(entry.aru, low)) low = entry.aru
    }
    const span = (oldHigh - low) >>> 0
    if (span > SORT_QUEUE_SIZE) return
    for (let i = 1; i <= span; i++) {
      const inner = held.get((low + i) >>> 0)
      if (inner === null) continue
      const wrapper = pool.take(headerLength + inner.len)
      wrapper.buf.set(inner.buf.subarray(inner.off, inner.off + inner.len), wrapper.off + headerLength)
      wrapper.len = headerLength + inner.len
      wrapper.wrapper = true
      into.push(wrapper)
    }
  }

  noteInitialFlag(set: boolean): void {
    this.#flagSetByMe = set
  }

  /**
   * The part of a token visit that only RECOVERY has. `myAru` counts on the recovery queue; `queued` old messages
   * still wait here. Returns true when this processor installs the ring in this visit.
   */
  visit(token: OrfToken, queued: number, myAru: number): boolean {
    if (queued > 0) {
      if (token.retransFlag === 0) {
        token.retransFlag = 1
        this.#flagSetByMe = true
      }
    } else if (token.retransFlag === 1 && this.#flagSetByMe) {
      token.retransFlag = 0
      this.#flagSetByMe = false
    }
    this.#quietVisits = token.retransFlag === 0 ? this.#quietVisits + 1 : 0
    if (this.#quietVisits === 2) this.#installSeq = token.seq
    if (this.#quietVisits >= 2 && !this.received && seqLessOrEqual(this.#installSeq, myAru)) {
      this.received = true
      this.deliverMembers = [...this.transitionalMembers]
    }
    this.#rotations = this.#quietVisits >= 3 && seqLessOrEqual(this.#installSeq, token.aru) ? this.#rotations + 1 : 0
    if (this.#rotations < ROTATIONS_TO_INSTALL) return false
    this.#rotations = 0
    this.#quietVisits = 0
    return true
  }
}

/** The commit entry of a member, or null when it is no member. */
function entryOf(token: CommitToken, member: Processor): CommitEntry | null {
  const index = token.members.indexOf(member)
  return index < 0 ? null : (token.entries[index] ?? null)
}

/**
 * Fills this processor's entry and withdraws the "received all" flag from every entry of the same old ring that lags
 * behind the highest aru (spec: totem 4.4, entering COMMIT step 2). Returns my flag as it stands now.
 */
export function fillCommitEntry(
  token: CommitToken,
  oldRing: RingId,
  oldAru: number,
  oldHigh: number,
  highDelivered: number,
): boolean {
  const mine = token.memberIndex
  const own = token.entries[mine] ?? createCommitEntry()
  token.entries[mine] = own
  own.ring.rep = oldRing.rep
  own.ring.seq = oldRing.seq
  own.aru = oldAru
  own.highDelivered = highDelivered
  own.receivedFlag = oldAru === oldHigh ? 1 : 0
  let highest = oldAru
  for (let i = 0; i <= mine; i++) {
    const entry = token.entries[i]
    if (entry && sameRingId(entry.ring, oldRing) && seqLess(highest, entry.aru)) highest = entry.aru
  }
  for (let i = 0; i <= mine; i++) {
    const entry = token.entries[i]
    if (entry && sameRingId(entry.ring, oldRing) && seqLess(entry.aru, highest)) entry.receivedFlag = 0
  }
  return own.receivedFlag === 1
}

/** Fills the header that a wrapper or an own message carries on `ring`; the caller writes it. */
export function prepareMcastHeader(
  header: McastHeader,
  encapsulated: number,
  seq: number,
  thisSeqno: number,
  ring: RingId,
): void {
  header.encapsulated = encapsulated
  header.seq = seq
  header.thisSeqno = thisSeqno
  header.ring.rep = ring.rep
  header.ring.seq = ring.seq
}
