// The packets of one ring in the order of their sequence numbers, as far as any recording shows them, and how many of
// them the merge has passed. Sequence numbers wrap; they are counted from one that was seen.

import type { RingIdentity } from '../../totem/types.js'

/** No ring has more packets under way than its window, a few hundred; a wider hole is no hole but another number. */
const HOLE_MAX = 1 << 16

export interface Packet {
  readonly seq: number
  /** Recordings that have it numbered and that the merge has not come to yet. */
  numberings: number
  /** As its first receiver has it; undefined while only its numbering was seen, or nothing at all. */
  origin: number | undefined
}

export class RingOrder {
  readonly ring: RingIdentity
  /** Recorded installations that the merge has not come to yet. */
  installations = 0
  /** Packets passed. */
  passed = 0
  packets: readonly Packet[] = []
  readonly #seen = new Map<number, Packet>()
  #places = new Map<number, number>()

  constructor(ring: RingIdentity) {
    this.ring = ring
  }

  saw(seq: number, origin: number | undefined): void {
    let packet = this.#seen.get(seq)
    if (packet === undefined) {
      packet = { seq, numberings: 0, origin: undefined }
      this.#seen.set(seq, packet)
    }
    if (origin === undefined) packet.numberings++
    else packet.origin ??= origin
  }

  /** All recordings have been looked through. Returns the packets that stand too far away to belong to this ring. */
  close(): readonly Packet[] {
    const seen = [...this.#seen.values()]
    const reference = seen[0]?.seq ?? 0
    seen.sort((a, b) => ((a.seq - reference) | 0) - ((b.seq - reference) | 0))
    const packets: Packet[] = []
    let strange: readonly Packet[] = []
    for (const [i, packet] of seen.entries()) {
      const last = packets.at(-1)
      if (last !== undefined) {
        const hole = ((packet.seq - last.seq) >>> 0) - 1
        if (hole > HOLE_MAX) {
          strange = seen.slice(i)
          break
        }
        for (let k = 1; k <= hole; k++) packets.push({ seq: (last.seq + k) >>> 0, numberings: 0, origin: undefined })
      }
      packets.push(packet)
    }
    this.packets = packets
    this.#places = new Map(packets.map(({ seq }, place) => [seq, place]))
    this.#seen.clear()
    return strange
  }

  /** Nobody is seen to number any of the packets before that place that have not been passed. */
  canPass(place: number): boolean {
    for (let i = this.passed; i < place; i++) if (this.packets[i]!.numberings > 0) return false
    return true
  }

  /** Undefined for one that does not belong to this ring. */
  placeOf(seq: number): number | undefined {
    return this.#places.get(seq)
  }
}
