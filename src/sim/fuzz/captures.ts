// What an eavesdropper on the ring's network has: the datagrams that honest members sent, by kind, and what can be read
// off them about the ring. In: every datagram as it is sent. Out: datagrams to send again or to change, ring ids,
// numbers near the present ones. Must not know: what will be done with them.

import {
  copyRingId,
  createCommitToken,
  createJoin,
  createMcastHeader,
  createOrfToken,
  createRingId,
  MessageType,
  type RingId,
  sameRingId,
  type WireGeneration,
} from '../../wire/generation.js'

/** Kinds of datagrams as the attack counts them: the message types, of which two have two faces. */
export const KINDS = [
  'orf_token',
  'mcast',
  'mcast (wrapper)',
  'memb_merge_detect',
  'memb_join',
  'memb_join (leave)',
  'memb_commit_token',
  'token_hold_cancel',
] as const
export type Kind = (typeof KINDS)[number]

/** Destination of a datagram that was sent to all others. */
export const EVERYBODY = -1

export interface Captured {
  readonly bytes: Uint8Array
  /** Index of the sending host. */
  readonly from: number
  /** Index of the receiving host, or EVERYBODY. */
  readonly to: number
}

/** Per kind: so many of the latest datagrams, and so many of older ones. */
const RECENT = 16
const OLD = 32
/** One in so many goes among the older ones, in the place of another. */
const OLD_INTERVAL = 20
/** So many ring ids are remembered, the latest ones. */
const RINGS = 16
const WRAPPED = 1

class Shelf {
  readonly recent: Captured[] = []
  readonly old: Captured[] = []
  latest: Captured | undefined
  #count = 0

  add(captured: Captured): void {
    if (this.#count % OLD_INTERVAL === 0) this.old[(this.#count / OLD_INTERVAL) % OLD] = captured
    this.recent[this.#count % RECENT] = captured
    this.latest = captured
    this.#count++
  }
}

export class Captures {
  readonly #wire: WireGeneration
  readonly #shelves = new Map<Kind, Shelf>(KINDS.map(kind => [kind, new Shelf()]))
  /** Ring ids seen, the latest last. */
  readonly rings: RingId[] = []
  /** Of the token seen last. */
  readonly token = createOrfToken()
  /** Numbers of the multicast seen last. */
  readonly mcast = createMcastHeader()
  readonly #join = createJoin()
  readonly #commit = createCommitToken()

  /** `wire` is used for reading only. */
  constructor(wire: WireGeneration) {
    this.#wire = wire
  }

  note(from: number, to: number, buf: Uint8Array, off: number, len: number): void {
    const kind = this.#kindOf(buf, off, len)
    if (kind !== undefined) this.#shelves.get(kind)!.add({ bytes: buf.slice(off, off + len), from, to })
  }

  latest(kind: Kind): Captured | undefined {
    return this.#shelves.get(kind)!.latest
  }

  recent(kind: Kind): readonly Captured[] {
    return this.#shelves.get(kind)!.recent
  }

  old(kind: Kind): readonly Captured[] {
    return this.#shelves.get(kind)!.old
  }

  #kindOf(buf: Uint8Array, off: number, len: number): Kind | undefined {
    const wire = this.#wire
    switch (wire.open(buf, off, len)) {
      case MessageType.orfToken:
        if (wire.readToken(buf, off, len, this.token)) this.#noteRing(this.token.ring)
        return 'orf_token'
      case MessageType.mcast:
        if (wire.readMcast(buf, off, len, this.mcast)) this.#noteRing(this.mcast.ring)
        return this.mcast.encapsulated === WRAPPED ? 'mcast (wrapper)' : 'mcast'
      case MessageType.mergeDetect:
        return 'memb_merge_detect'
      case MessageType.join:
        wire.readJoin(buf, off, len, this.#join)
        return this.#join.leave ? 'memb_join (leave)' : 'memb_join'
      case MessageType.commitToken:
        if (wire.readCommitToken(buf, off, len, this.#commit)) this.#noteRing(this.#commit.ring)
        return 'memb_commit_token'
      case MessageType.tokenHoldCancel:
        return 'token_hold_cancel'
      default:
        return undefined
    }
  }

  #noteRing(ring: RingId): void {
    const { rings } = this
    const last = rings[rings.length - 1]
    if (last !== undefined && sameRingId(last, ring)) return
    const at = rings.findIndex(known => sameRingId(known, ring))
    const kept = at >= 0 ? rings.splice(at, 1)[0]! : rings.length >= RINGS ? rings.shift()! : createRingId()
    copyRingId(ring, kept)
    rings.push(kept)
  }
}
