// The retransmission list of a token: serving what others miss, asking for what is missing here (spec: totem 4.9).

import { copyRingId, type OrfToken, RETRANSMIT_ENTRIES_MAX, type RingId, sameRingId } from '../wire/generation.js'
import { seqLess } from './sequence.js'
import type { SortQueue } from './sort-queue.js'
import type { TotemLower } from './types.js'

/**
 * What was served at the last visit. If the same is asked for again, the way from here to the one who asks may be cut:
 * the request is left to the others for this visit, or it would never get past this processor.
 */
export class Served {
  readonly #seqs = new Uint32Array(RETRANSMIT_ENTRIES_MAX)
  #count = 0
  readonly #now = new Uint32Array(RETRANSMIT_ENTRIES_MAX)
  #nowCount = 0

  has(seq: number): boolean {
    for (let i = 0; i < this.#count; i++) if (this.#seqs[i] === seq) return true
    return false
  }

  add(seq: number): void {
    if (this.#nowCount < this.#now.length) this.#now[this.#nowCount++] = seq
  }

  visitEnds(): void {
    this.#seqs.set(this.#now)
    this.#count = this.#nowCount
    this.#nowCount = 0
  }

  clear(): void {
    this.#count = 0
    this.#nowCount = 0
  }
}

/**
 * Sends again, to the letter, what is asked for and held here; returns how many were sent (at most `allowed`). Requests
 * that nobody can serve are struck out: for another ring, for a number not given out yet, for one that all have had.
 * They would take up the list for as long as the ring lives.
 */
export function serveRequests(
  token: OrfToken,
  ring: RingId,
  queue: SortQueue,
  allowed: number,
  served: Served,
  lower: TotemLower,
): number {
  let sent = 0
  let kept = 0
  for (let i = 0; i < token.retransmitCount; i++) {
    const itemRing = token.retransmitRings[i] as RingId
    const seq = token.retransmitSeqs[i] as number
    if (!sameRingId(itemRing, ring) || !queue.inRange(seq) || seqLess(token.seq, seq)) continue
    if (sent < allowed && !served.has(seq)) {
      const frame = queue.get(seq)
      if (frame !== null) {
        lower.multicast(frame.buf, frame.off, frame.len, false)
        served.add(seq)
        sent++
        continue
      }
    }
    if (kept !== i) {
      copyRingId(itemRing, token.retransmitRings[kept] as RingId)
      token.retransmitSeqs[kept] = seq
    }
    kept++
  }
  token.retransmitCount = kept
  served.visitEnds()
  return sent
}

/** Adds to the list what has been missing here for `missCountConst` visits. */
export function requestMissing(
  token: OrfToken,
  ring: RingId,
  queue: SortQueue,
  myAru: number,
  missCountConst: number,
): void {
  if (!seqLess(myAru, token.seq)) return
  const span = (token.seq - myAru) >>> 0
  for (let i = 1; i <= span && token.retransmitCount < RETRANSMIT_ENTRIES_MAX; i++) {
    const seq = (myAru + i) >>> 0
    if (!queue.inRange(seq)) return
    if (queue.has(seq)) continue
    if (queue.countMiss(seq) < missCountConst) continue
    if (isListed(token, ring, seq)) continue
    copyRingId(ring, token.retransmitRings[token.retransmitCount] as RingId)
    token.retransmitSeqs[token.retransmitCount] = seq
    token.retransmitCount++
  }
}

function isListed(token: OrfToken, ring: RingId, seq: number): boolean {
  for (let i = 0; i < token.retransmitCount; i++) {
    if (token.retransmitSeqs[i] === seq && sameRingId(token.retransmitRings[i] as RingId, ring)) return true
  }
  return false
}
