// The trace as the checkers see it: processes (incarnations), the rings they installed, the packets numbered on each
// ring, and for every process and ring what it delivered there. Only remembers; whether any of it is right is the
// business of the files beside this one. Packets are known by their index on the ring: 0 is the first one numbered.

import type { RingIdentity } from '../../totem/types.js'
import { RingIds } from './ring-ids.js'

export interface Violation {
  /** The property, as named in the specification: 'B1' ... 'D7', 'L1'. */
  readonly property: string
  readonly time: number
  readonly nodeId: number
  readonly text: string
}

/** No packet of the ring is missing before this index. */
export const NO_HOLE = -1

/** One of the moves from ring to ring that some process made: `from` is null for a first installation. */
export interface Move {
  readonly from: RingRecord | null
  readonly to: RingRecord
  /** Node ids of the transitional configuration, ascending. */
  readonly members: readonly number[]
  /** Length of the contiguous prefix at which the transitional configuration was delivered. */
  readonly prefix: number
  readonly installers: Process[]
  /** What the first installer had delivered in com(from). */
  deliveredCount: number
  deliveredHash: number
}

/** Hash of a packet whose numbering was not seen. */
export const UNSEEN_HASH = -1
/** Sender of a packet of which nothing was seen at all: no node has this id. */
export const NOBODY = 0

export class RingRecord {
  readonly nodeId: number
  readonly seq: number
  /** Unique: a ring whose id was used before has a number behind it. */
  readonly name: string
  /** Number of the process that formed it. */
  readonly creator: number
  /** Processes that had begun when it was first heard of. */
  readonly bornAt: number
  /** Node ids of the regular configuration, ascending; empty until somebody installs it. */
  members: readonly number[] = []
  readonly installers: Process[] = []
  readonly moves: Move[] = []
  /** Sequence number of the packet with index 0; -1 before. */
  firstSeq = -1
  /** Per packet: who numbered it, its hash, its place among all packets of the sender, what the sender had delivered. */
  readonly senders: Process[] = []
  readonly hashes: number[] = []
  readonly counters: number[] = []
  readonly seen: number[] = []
  /** Per packet: hash and origin at its first delivery; -1 before. */
  readonly firstHash: number[] = []
  readonly firstOrigin: number[] = []

  /** `use`: 1 for the first ring of that id. */
  constructor(ring: RingIdentity, use: number, creator: number, bornAt: number) {
    this.nodeId = ring.nodeId
    this.seq = ring.seq
    this.name = `${ring.nodeId}.${ring.seq.toString(16)}${use === 1 ? '' : ` (use ${use})`}`
    this.creator = creator
    this.bornAt = bornAt
  }

  /** Index of a sequence number; negative when nothing is numbered yet. Sequence numbers wrap. */
  indexOf(seq: number): number {
    return this.firstSeq < 0 ? -1 : (seq - this.firstSeq) >>> 0
  }

  installerOf(nodeId: number): Process | undefined {
    for (const process of this.installers) if (process.nodeId === nodeId) return process
    return undefined
  }

  moveFrom(from: RingRecord | null): Move | undefined {
    for (const move of this.moves) if (move.from === from) return move
    return undefined
  }
}

/** What one process did on one ring, the transitional configuration after it included. */
export class RingView {
  readonly ring: RingRecord
  /** Packets 0 .. prefix-1 are delivered. */
  prefix = 0
  /** Packets delivered behind the first hole, ascending. */
  readonly beyond: number[] = []
  /** Highest packet delivered; -1 when none. */
  last = -1
  deliveredCount = 0
  deliveredHash = 0
  ownNumbered = 0
  ownDelivered = 0
  /** How the process came here; null when this was its first ring. */
  readonly into: Move | null
  next: RingRecord | null = null
  /** When the process installed the ring. */
  readonly since: number

  constructor(ring: RingRecord, into: Move | null, since: number) {
    this.ring = ring
    this.into = into
    this.since = since
  }

  has(index: number): boolean {
    return index < this.prefix || this.beyond.includes(index)
  }
}

export class Process {
  readonly index: number
  readonly nodeId: number
  /** Ended: crashed or left. */
  alive = true
  /** Stood in one of two rings of the same id while both were lived in, or in a ring with somebody who had. */
  entangled = false
  /** The regular configuration last installed, or the one that the present transitional configuration leads away from. */
  view: RingView | null = null
  readonly views: Map<RingRecord, RingView> = new Map()
  /** The transitional configuration being passed through; null in a regular one. */
  passing: Move | null = null
  /** Regular configurations installed. */
  installs = 0
  numbered = 0
  /** Own packets delivered, on all rings. */
  ownDeliveries = 0
  /** Per sender (by process index): its highest packet counter delivered here. */
  readonly lastFrom: number[] = []

  constructor(index: number, nodeId: number) {
    this.index = index
    this.nodeId = nodeId
  }
}

export class TraceModel {
  readonly processes: Process[] = []
  readonly violations: Violation[] = []
  /**
   * What a node did on a ring may be missing from the trace: recordings of real rings are incomplete, simulations are
   * not. Nothing follows from the absence of such events.
   */
  unseen: (nodeId: number, ring: RingRecord) => boolean = () => false
  /** What entangled processes did wrong: nothing can be demanded of them. */
  readonly excused: Violation[] = []
  /** Highest ring sequence number that each node has installed and not forgotten, in any incarnation. */
  readonly highestRing: Map<number, number> = new Map()
  now = 0
  readonly #rings: RingIds = new RingIds(this.processes)
  #lastRing: RingRecord | null = null

  /**
   * The ring that `process` means by this id: one that it is in, enters or was in, else one that it may enter. Without a
   * process: the ring that had the id last.
   */
  ring(id: RingIdentity, process?: Process): RingRecord {
    const current = process?.view?.ring
    if (current !== undefined && current.seq === id.seq && current.nodeId === id.nodeId) return current
    const next = process?.passing?.to
    if (next !== undefined && next.seq === id.seq && next.nodeId === id.nodeId) return next
    const last = this.#lastRing
    if (last !== null && !this.#rings.anyReusable && last.seq === id.seq && last.nodeId === id.nodeId) return last
    let ring = this.#rings.find(id, process)
    if (ring === undefined) {
      const creator = this.#rings.creatorOf(id, process)
      ring = new RingRecord(id, this.#rings.nextUse(id), creator, this.processes.length)
      this.#rings.add(ring)
    }
    this.#lastRing = ring
    return ring
  }

  /**
   * The disk of a node was damaged while it was down: what it says now is `remains`. From here on rings of higher numbers
   * are unknown to it: it may install lower ones than before (C3), and form rings whose ids have been used (C2).
   */
  forget(nodeId: number, remains: number): void {
    const highest = this.highestRing.get(nodeId)
    if (highest !== undefined && highest > remains) this.highestRing.set(nodeId, remains)
    this.#rings.forget(nodeId, remains)
  }

  /** Whether two rings of one id are lived in: neither can notice the other. */
  get sharesId(): boolean {
    return this.#rings.shared
  }

  /**
   * Somebody has installed `ring`. Where another ring of its id is lived in, packets and tokens of the one are taken for
   * those of the other: those who stand in either are entangled, and so is whoever is in a ring with such a one later.
   */
  entangle(ring: RingRecord): void {
    if (!this.#rings.anyReusable) return
    const rings = this.#rings.livedIn(ring)
    if (rings.length > 1) for (const { installers } of rings) for (const one of installers) one.entangled = true
    if (ring.installers.some(({ entangled }) => entangled)) for (const one of ring.installers) one.entangled = true
  }

  fail(property: string, process: Process, text: string): void {
    this.#fail(property, process, text, false)
  }

  /**
   * Something is wrong on a ring that `process` may not have installed yet. Where the ring's representative has lost its
   * disk, another ring may have the same id, and the tokens of the one are taken for those of the other.
   */
  failOnRing(property: string, process: Process, ring: RingIdentity, text: string): void {
    const excused = this.#rings.hasForgotten(ring.nodeId)
    this.#fail(property, process, `on ${ring.nodeId}.${ring.seq.toString(16)}: ${text}`, excused)
  }

  #fail(property: string, process: Process, text: string, excused: boolean): void {
    const violation = { property, time: this.now, nodeId: process.nodeId, text }
    if (excused || process.entangled) this.excused.push(violation)
    else this.violations.push(violation)
  }
}

export function ascending(nodeIds: readonly number[]): number[] {
  return nodeIds.slice().sort((a, b) => a - b)
}

export function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
