// A totally ordered ring in memory, without Totem: what a node's queue holds when its turn comes is delivered to all
// members of its ring in one order. Membership changes are made by the test; they follow the order of an installation
// (spec: totem 4.6). Stands below process groups, synchronisation and services where the ring itself is not the
// subject.

import type { FrameQueue } from '../../src/pg/types.js'
import { type Frame, FramePool } from '../../src/totem/frame.js'
import type { ConfigurationChange, RingIdentity, TotemUpper } from '../../src/totem/types.js'

export const HEADER_LENGTH = 45
export const NET_MTU = 1500
export const PACKET_SIZE = NET_MTU - 2 * HEADER_LENGTH
export const QUEUE_SIZE = Math.floor((4 * 1048576) / PACKET_SIZE)
const RUN_VISITS_MAX = 100_000

export interface Packet {
  readonly origin: number
  /** Behind the multicast header. */
  readonly bytes: Uint8Array
  /** The byte order in which its origin writes. */
  readonly little: boolean
}

export interface Ring {
  readonly identity: RingIdentity
  readonly members: readonly number[]
  /** In total order. */
  readonly packets: Packet[]
}

/** A frame queue whose frames go nowhere by themselves. */
export class FakeQueue implements FrameQueue {
  readonly pool = new FramePool(HEADER_LENGTH + PACKET_SIZE)
  readonly headerLength = HEADER_LENGTH
  /** May be set before anything stands on the queue. */
  littleEndian = true
  readonly queueSize: number
  readonly normal: Frame[] = []
  readonly transitional: Frame[] = []
  /** As a node that has not been on any ring yet. */
  waitingTransAck = true
  tokenRequested = false

  constructor(queueSize = QUEUE_SIZE) {
    this.queueSize = queueSize
  }

  get active(): Frame[] {
    return this.waitingTransAck ? this.transitional : this.normal
  }

  available(): number {
    return this.queueSize - this.active.length - 2
  }

  queue(frame: Frame): void {
    if (this.active.length >= this.queueSize) throw new Error('the queue overflows')
    this.active.push(frame)
  }

  requestToken(): void {
    this.tokenRequested = true
  }

  transitionalAck(): void {
    this.waitingTransAck = false
  }

  /** Takes the oldest frame and gives its payload. */
  take(): Uint8Array | undefined {
    const frame = this.active.shift()
    if (frame === undefined) return undefined
    const bytes = new Uint8Array(frame.buf.subarray(frame.off + HEADER_LENGTH, frame.off + frame.len))
    frame.buf.fill(0xee, frame.off, frame.off + frame.capacity)
    this.pool.give(frame)
    return bytes
  }
}

export class FakeNode {
  readonly id: number
  readonly queue = new FakeQueue()
  /** Set by whoever makes the node, before the first change. */
  upper!: TotemUpper
  ring: Ring | null = null
  /** How many packets of the ring have been delivered here. */
  delivered = 0
  /** Receives nothing until set back. */
  deaf = false

  constructor(id: number) {
    this.id = id
  }

  /** A packet is about to be delivered. */
  packetBegins(): void {}

  /** Delivers what of the ring is still to come. */
  catchUp(): void {
    const { ring } = this
    if (ring === null || this.deaf) return
    while (this.ring === ring && this.delivered < ring.packets.length) {
      const { origin, bytes, little } = ring.packets[this.delivered++]!
      // Each node has its own copy, with something in front of it, as behind a header.
      const copy = new Uint8Array(bytes.length + 3)
      copy.set(bytes, 3)
      this.packetBegins()
      this.upper.deliver(copy, 3, bytes.length, origin, little !== this.queue.littleEndian)
      if (!equalBytes(copy.subarray(3), bytes)) throw new Error('a delivered frame was changed')
    }
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

export class FakeCluster {
  /** Frames that a node may send with the token. */
  messagesPerVisit = 17
  readonly nodes = new Map<number, FakeNode>()
  /** All rings there have been, oldest first. */
  readonly rings: Ring[] = []

  add(node: FakeNode): FakeNode {
    this.nodes.set(node.id, node)
    return node
  }

  node(id: number): FakeNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  /** A new ring of these nodes, with the next sequence number unless one is given; the others stay where they are. */
  form(members: readonly number[], seq = this.#nextSeq(members)): Ring {
    const sorted = [...members].sort((a, b) => a - b)
    const ring: Ring = { identity: { nodeId: sorted[0]!, seq }, members: sorted, packets: [] }
    const olds = new Map(sorted.map(id => [id, this.nodes.get(id)?.ring ?? null]))
    for (const id of sorted) {
      const node = this.nodes.get(id)
      if (node !== undefined) this.#install(node, ring, olds)
    }
    this.rings.push(ring)
    return ring
  }

  /**
   * Gives the token to the members in ring order, from `first` on, until nobody has anything more to send. The second
   * member is the first who can send on a new ring: the representative installs it with a visit that sends nothing.
   */
  run(ring: Ring, first = ring.members[1] ?? ring.members[0]!): void {
    const order = [...ring.members]
    while (order[0] !== first) order.push(order.shift()!)
    for (let visits = 0, idle = 0; idle < 2 * order.length; visits++) {
      if (visits > RUN_VISITS_MAX) throw new Error('the ring never comes to rest')
      idle = this.visit(order[visits % order.length]!) ? 0 : idle + 1
    }
  }

  /** One token visit; whether the node had anything to do. */
  visit(id: number): boolean {
    const node = this.nodes.get(id)
    const ring = node?.ring
    if (node === undefined || !ring) return false
    node.upper.tokenReceived()
    let sent = 0
    for (; sent < this.messagesPerVisit; sent++) {
      const bytes = node.queue.take()
      if (bytes === undefined) break
      ring.packets.push({ origin: id, bytes, little: node.queue.littleEndian })
    }
    node.catchUp()
    const requested = node.queue.tokenRequested
    node.queue.tokenRequested = false
    node.upper.tokenSent()
    for (const other of ring.members) {
      const member = this.nodes.get(other)
      if (member?.ring === ring) member.catchUp()
    }
    return sent > 0 || requested || node.queue.tokenRequested
  }

  /** A packet of a node that is only played, in total order after what has been sent. */
  inject(ring: Ring, packet: Packet): void {
    ring.packets.push(packet)
    for (const node of this.nodes.values()) if (node.ring === ring) node.catchUp()
  }

  #nextSeq(members: readonly number[]): number {
    return Math.max(1, ...members.map(id => this.nodes.get(id)?.ring?.identity.seq ?? 1)) + 4
  }

  #install(node: FakeNode, ring: Ring, olds: ReadonlyMap<number, Ring | null>): void {
    const old = node.ring
    const transitional = ring.members.filter(id => old !== null && olds.get(id) === old)
    const change = {
      ring: ring.identity,
      previous: old?.identity ?? { nodeId: 0, seq: 0 },
    }
    node.deaf = false
    node.catchUp()
    const left = (old?.members ?? []).filter(id => !transitional.includes(id))
    this.#announce(node, { ...change, kind: 'transitional', members: transitional, left, joined: [] })
    node.upper.flushPacking()
    node.queue.waitingTransAck = true
    node.upper.useTransitionalContexts()
    node.ring = ring
    node.delivered = 0
    const joined = ring.members.filter(id => !transitional.includes(id))
    this.#announce(node, { ...change, kind: 'regular', members: ring.members, left: [], joined })
  }

  #announce(node: FakeNode, change: ConfigurationChange): void {
    node.upper.configurationChanged(change)
  }
}
