// The numbers that a forger writes into messages: between true and absurd, more often near the true ones, because those
// get further. In: chance, what was captured. Out: node ids, lists of them, ring ids, sequence numbers, integers.

import {
  copyRingId,
  PROCESSOR_COUNT_MAX,
  type Processor,
  RETRANSMIT_ENTRIES_MAX,
  type RingId,
  type WireGeneration,
} from '../../wire/generation.js'
import type { Prng } from '../prng.js'
import type { Captures } from './captures.js'

/** Values at which comparisons and arithmetic of 32 bits change their minds. */
const EDGES: readonly number[] = [
  0,
  1,
  2,
  RETRANSMIT_ENTRIES_MAX,
  RETRANSMIT_ENTRIES_MAX + 1,
  PROCESSOR_COUNT_MAX,
  PROCESSOR_COUNT_MAX + 1,
  0x3fff,
  0x4000,
  0x7fff,
  0xffff,
  0x10000,
  0x7ffffffe,
  0x7fffffff,
  0x80000000,
  0xfffeffff,
  0xfffffffe,
  0xffffffff,
]
/** Node ids that no member has begin here. */
export const STRANGERS = 0x70000000
/** So many of them come again and again. */
const STRANGER_COUNT = 600

export class Values {
  readonly prng: Prng
  /** Ring sequence numbers may be far ahead of all rings. */
  farRings = false
  readonly #captures: Captures
  readonly #wire: WireGeneration
  readonly #nodeIds: readonly number[]

  constructor(prng: Prng, wire: WireGeneration, captures: Captures, nodeIds: readonly number[]) {
    this.prng = prng
    this.#wire = wire
    this.#captures = captures
    this.#nodeIds = nodeIds
  }

  u32(): number {
    return this.prng.chance(0.6) ? this.prng.pick(EDGES) : this.prng.u32()
  }

  memberId(): number {
    return this.prng.pick(this.#nodeIds)
  }

  /** Never 0, which is nobody. */
  strangerId(): number {
    const kind = this.prng.float()
    if (kind < 0.5) return STRANGERS + this.prng.int(STRANGER_COUNT)
    return kind < 0.9 ? (STRANGERS + this.prng.int(0x90000000)) >>> 0 : 0xffffffff - this.prng.int(3)
  }

  nodeId(): number {
    return this.prng.chance(0.75) ? this.memberId() : this.strangerId()
  }

  processor(): Processor {
    return this.#wire.processorOfNode(this.nodeId())
  }

  /** True members, some of them, strangers, many, doubled. */
  processors(): Processor[] {
    const { prng } = this
    const members = this.#nodeIds
    const kind = prng.float()
    let ids: number[]
    if (kind < 0.3) ids = members.slice()
    else if (kind < 0.5) ids = members.filter(() => prng.chance(0.6))
    else if (kind < 0.65) ids = Array.from({ length: prng.int(8) }, () => this.nodeId())
    else if (kind < 0.75) ids = [...members, ...members]
    else if (kind < 0.85) ids = Array.from({ length: prng.int(PROCESSOR_COUNT_MAX + 1) }, () => this.nodeId())
    else if (kind < 0.95) ids = [...members, this.strangerId()]
    else ids = Array.from({ length: PROCESSOR_COUNT_MAX }, (_, i) => STRANGERS + ((i + prng.int(3)) % STRANGER_COUNT))
    if (prng.chance(0.2)) ids.reverse()
    return ids.map(id => this.#wire.processorOfNode(id))
  }

  /** A sequence number: near the present ones, far, wrapped. */
  seq(): number {
    const { prng } = this
    const { token } = this.#captures
    const kind = prng.float()
    if (kind < 0.45) return (token.seq + prng.int(60) - 30) >>> 0
    if (kind < 0.6) return (token.seq + prng.int(40000) - 20000) >>> 0
    if (kind < 0.7) return token.aru
    return this.u32()
  }

  tokenSeq(): number {
    const { prng } = this
    const kind = prng.float()
    const { tokenSeq } = this.#captures.token
    if (kind < 0.5) return (tokenSeq + prng.int(8) - 2) >>> 0
    if (kind < 0.7) return (tokenSeq + prng.int(100000)) >>> 0
    return this.u32()
  }

  /** The ring of the token seen last, another that was seen, or a relative of one of them. */
  ring(into: RingId): void {
    const { prng } = this
    const { rings } = this.#captures
    const kind = prng.float()
    const last = rings[rings.length - 1]
    if (last === undefined || kind > 0.97) {
      into.rep = this.#wire.repOf(this.processor())
      into.seq = this.ringSeq()
      return
    }
    copyRingId(kind < 0.7 ? last : prng.pick(rings), into)
    if (kind < 0.8) return
    if (prng.chance(0.5)) into.seq = Math.max(0, into.seq + prng.pick([-4, -1, 1, 4, 400, 2 ** 20]))
    else into.rep = this.#wire.repOf(this.processor())
  }

  /** A ring that nobody here is in or ever will be: that of a stranger, or one older than `before`. */
  deadRing(into: RingId, before: number): void {
    const { prng } = this
    const gone = this.#captures.rings.filter(ring => ring.seq < before)
    if (gone.length > 0 && prng.chance(0.5)) {
      copyRingId(prng.pick(gone), into)
    } else {
      into.rep = this.#wire.repOf(this.#wire.processorOfNode(this.strangerId()))
      into.seq = this.ringSeq()
    }
  }

  ringSeq(): number {
    const { prng } = this
    const { rings } = this.#captures
    const last = rings[rings.length - 1]?.seq ?? 0
    const kind = prng.float()
    if (kind < 0.5) return last + prng.int(12)
    if (kind < 0.7) return Math.max(0, last - prng.int(12))
    if (kind < 0.8 || !this.farRings) return prng.int(1000)
    return prng.pick([0, 2 ** 20, 2 ** 32, 2 ** 36, 2 ** 36 + 1, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER])
  }
}
