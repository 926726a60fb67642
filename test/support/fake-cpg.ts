// Closed process groups without a ring: nodes in one process, a total order per component that a test drives step by step.
// It keeps what extended virtual synchrony promises and no more: members that move together deliver the same messages;
// at a partition the sides may deliver different ends of the order, each its own messages always, with holes.
// In: requests of CpgConnections, and what the test lets happen. Out: calls of their listeners.

import {
  CPG_DELIVER_INITIAL_TOTEM_CONF,
  type CpgAddress,
  type CpgConnection,
  type CpgListener,
  CpgPartial,
  type CpgPartialType,
  CpgReason,
  type CpgReasonCode,
} from '../../src/services/cpg/types.js'
import { CsError, type CsErrorCode } from '../../src/services/errors.js'
import type { RingIdentity } from '../../src/totem/types.js'

interface Item {
  readonly origin: number
  readonly pid: number
  readonly group: string
  readonly act: (node: FakeNode) => void
}

interface Component {
  readonly nodes: FakeNode[]
  readonly log: Item[]
}

interface MemberRecord {
  readonly nodeId: number
  readonly pid: number
  readonly group: string
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const bytesOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(name, 'latin1'))

function compare(a: MemberRecord, b: MemberRecord): number {
  return a.nodeId - b.nodeId || a.pid - b.pid
}

export class FakeConnection implements CpgConnection {
  readonly node: FakeNode
  readonly listener: CpgListener
  state: 'unjoined' | 'joining' | 'joined' | 'leaving' | 'closed' = 'unjoined'
  group = ''
  pid = 0
  flags = 0
  transitions = 0
  partialBegan = 0

  constructor(node: FakeNode, listener: CpgListener) {
    this.node = node
    this.listener = listener
  }

  join(group: Uint8Array, pid: number, flags: number): CsErrorCode {
    const name = nameOf(group)
    if (this.node.connections.some(c => c.group === name && c.pid === pid && c.state !== 'leaving'))
      return CsError.EXIST
    if (this.node.records.some(r => r.nodeId === this.node.id && r.pid === pid && r.group === name))
      return CsError.TRY_AGAIN
    if (this.state !== 'unjoined') return CsError.EXIST
    if (!this.node.accepts()) return CsError.TRY_AGAIN
    this.group = name
    this.pid = pid
    this.flags = flags
    this.state = 'joining'
    this.node.queue.push({
      origin: this.node.id,
      pid,
      group: name,
      act: node => node.joined({ nodeId: this.node.id, pid, group: name }, CpgReason.JOIN),
    })
    return CsError.OK
  }

  leave(group: Uint8Array, pid: number): CsErrorCode {
    if (this.state === 'joining') return CsError.BUSY
    if (this.state !== 'joined' || nameOf(group) !== this.group || pid !== this.pid) return CsError.NOT_EXIST
    if (!this.node.accepts()) return CsError.TRY_AGAIN
    this.state = 'leaving'
    this.#depart(CpgReason.LEAVE)
    return CsError.OK
  }

  mcast(buf: Uint8Array, off: number, len: number): CsErrorCode {
    if (this.state !== 'joining' && this.state !== 'joined') return CsError.NOT_EXIST
    if (!this.node.accepts()) return CsError.TRY_AGAIN
    const data = buf.slice(off, off + len)
    const { group, pid } = this
    const origin = this.node.id
    this.node.queue.push({
      origin,
      pid,
      group,
      act: node => node.toGroup(group, origin, l => l.deliver(origin, pid, data, 0, data.length)),
    })
    return CsError.OK
  }

  mcastPartial(type: CpgPartialType, total: number, buf: Uint8Array, off: number, len: number): CsErrorCode {
    if (this.state !== 'joining' && this.state !== 'joined') return CsError.NOT_EXIST
    if (type === CpgPartial.FIRST) this.partialBegan = this.transitions
    else if (this.partialBegan !== this.transitions) return CsError.INTERRUPT
    if (!this.node.accepts()) return CsError.TRY_AGAIN
    const data = buf.slice(off, off + len)
    const { group, pid } = this
    const origin = this.node.id
    this.node.queue.push({
      origin,
      pid,
      group,
      act: node => node.toGroup(group, origin, l => l.deliverPartial(origin, pid, type, total, data, 0, data.length)),
    })
    return CsError.OK
  }

  membership(): readonly CpgAddress[] {
    return this.node.members(this.group)
  }

  close(): void {
    if (this.state === 'joining' || this.state === 'joined') this.#depart(CpgReason.PROCDOWN)
    this.state = 'closed'
    this.node.connections = this.node.connections.filter(c => c !== this)
  }

  #depart(reason: CpgReasonCode): void {
    const { pid, group } = this
    const origin = this.node.id
    this.node.queue.push({ origin, pid, group, act: node => node.departed({ nodeId: origin, pid, group }, reason) })
  }
}

export class FakeNode {
  readonly id: number
  /** Accepted, without a place in the order yet. */
  readonly queue: Item[] = []
  connections: FakeConnection[] = []
  records: MemberRecord[] = []
  component: Component = { nodes: [], log: [] }
  /** How much of the component's order has been delivered here. */
  cursor = 0
  alive = true
  /** Requests are refused with TRY_AGAIN from this many in the queue. */
  queueLimit = 1000
  ring: RingIdentity = { nodeId: 0, seq: 0 }
  ringMembers: readonly number[] = []

  constructor(id: number) {
    this.id = id
  }

  /** The service as LocalMembers wants it. */
  connect(listener: CpgListener): FakeConnection {
    const connection = new FakeConnection(this, listener)
    this.connections.push(connection)
    return connection
  }

  accepts(): boolean {
    return this.queue.length < this.queueLimit
  }

  members(group: string): CpgAddress[] {
    return this.records.filter(r => r.group === group).map(r => ({ nodeId: r.nodeId, pid: r.pid, reason: 0 }))
  }

  joined(record: MemberRecord, reason: CpgReasonCode): void {
    if (this.records.some(r => compare(r, record) === 0 && r.group === record.group)) return
    this.#insert(record)
    this.#change(record.group, [], [{ nodeId: record.nodeId, pid: record.pid, reason }])
  }

  departed(record: MemberRecord, reason: CpgReasonCode): void {
    this.records = this.records.filter(r => compare(r, record) !== 0 || r.group !== record.group)
    this.#change(record.group, [{ nodeId: record.nodeId, pid: record.pid, reason }], [])
  }

  toGroup(group: string, origin: number, tell: (listener: CpgListener) => void): void {
    if (!this.records.some(r => r.nodeId === origin && r.group === group)) return
    for (const c of [...this.connections]) if (c.group === group && this.#listens(c)) tell(c.listener)
  }

  /** The changes that a new ring brings to the groups: nodes that were lost, members that other nodes bring. */
  synchronise(
    lost: ReadonlySet<number>,
    arrived: readonly MemberRecord[],
    ring: RingIdentity,
    members: number[],
  ): void {
    const gone = this.records.filter(r => lost.has(r.nodeId))
    this.records = this.records.filter(r => !lost.has(r.nodeId))
    for (const group of [...new Set(gone.map(r => r.group))].sort()) {
      const left = gone.filter(r => r.group === group)
      this.#change(
        group,
        left.map(r => ({ nodeId: r.nodeId, pid: r.pid, reason: CpgReason.NODEDOWN })),
        [],
      )
    }
    for (const record of arrived) this.#insert(record)
    for (const group of [...new Set(arrived.map(r => r.group))].sort()) {
      const joined = arrived.filter(r => r.group === group)
      this.#change(
        group,
        [],
        joined.map(r => ({ nodeId: r.nodeId, pid: r.pid, reason: CpgReason.NODEUP })),
      )
    }
    this.ring = ring
    this.ringMembers = members
    for (const c of [...this.connections]) c.listener.ringChanged(ring, members)
  }

  #insert(record: MemberRecord): void {
    this.records.push(record)
    this.records.sort(compare)
  }

  #listens(connection: FakeConnection): boolean {
    return connection.state === 'joined' || connection.state === 'leaving'
  }

  #change(group: string, left: CpgAddress[], joined: CpgAddress[]): void {
    for (const c of this.connections) {
      if (c.state === 'joining' && c.group === group && joined.some(j => j.nodeId === this.id && j.pid === c.pid)) {
        c.state = 'joined'
      }
    }
    const change = { group: bytesOf(group), members: this.members(group), left, joined }
    for (const c of [...this.connections]) {
      if (c.group !== group || !this.#listens(c)) continue
      c.transitions++
      c.listener.membershipChanged(change)
    }
    for (const c of [...this.connections]) {
      if ((c.flags & CPG_DELIVER_INITIAL_TOTEM_CONF) === 0) continue
      c.flags &= ~CPG_DELIVER_INITIAL_TOTEM_CONF
      c.listener.ringChanged(this.ring, this.ringMembers)
    }
  }
}

/** All nodes, and what can happen to them. Every choice is made by the caller's `random` (below n). */
export class FakeCpg {
  readonly nodes = new Map<number, FakeNode>()
  #seq = 0

  /** A node that has just started, alone. */
  start(id: number): FakeNode {
    const node = new FakeNode(id)
    this.nodes.set(id, node)
    this.#install([node])
    return node
  }

  get alive(): FakeNode[] {
    return [...this.nodes.values()].filter(node => node.alive)
  }

  /** Gives the oldest accepted item of a node its place in the order. */
  number(node: FakeNode): boolean {
    const item = node.queue.shift()
    if (item === undefined) return false
    node.component.log.push(item)
    return true
  }

  /** Delivers the next item at a node. */
  deliver(node: FakeNode): boolean {
    const item = node.component.log[node.cursor]
    if (item === undefined) return false
    node.cursor++
    item.act(node)
    return true
  }

  /** Numbers and delivers until nothing is left to do. False when `limit` steps did not suffice. */
  settle(limit = 1_000_000): boolean {
    for (let steps = 0; steps < limit; steps++) {
      let worked = false
      for (const node of this.alive) if (this.number(node)) worked = true
      for (const node of this.alive) if (this.deliver(node)) worked = true
      if (!worked) return true
    }
    return false
  }

  /** The node stops at once. Its ring finds out at the next `reconfigure`. */
  crash(node: FakeNode): void {
    node.alive = false
  }

  /**
   * Forms new rings. Each list holds the ids of one ring; live nodes that no list names form rings of their own. `below`
   * decides how much of the old order each side still delivers together.
   */
  reconfigure(rings: readonly (readonly number[])[], below: (n: number) => number = n => n - 1): void {
    const placed = new Set(rings.flat())
    const sets = rings.map(ids => ids.map(id => this.nodes.get(id)!).filter(node => node.alive))
    for (const node of this.alive) if (!placed.has(node.id)) sets.push([node])
    for (const set of sets) {
      for (const component of new Set(set.map(node => node.component))) {
        this.#finishOldRing(
          set.filter(node => node.component === component),
          component,
          below,
        )
      }
    }
    for (const set of sets) if (set.length > 0) this.#install(set)
  }

  /** What those who move together still deliver of the old ring. */
  #finishOldRing(together: FakeNode[], component: Component, below: (n: number) => number): void {
    const reached = Math.max(...together.map(node => node.cursor))
    const apart = component.nodes.length > together.length
    const cut = apart ? reached + below(component.log.length - reached + 1) : component.log.length
    const rest = component.log.slice(cut).filter(item => together.some(node => node.id === item.origin))
    for (const node of together) {
      while (node.cursor < cut) this.deliver(node)
      for (const item of rest) item.act(node)
    }
  }

  #install(set: FakeNode[]): void {
    const members = set.map(node => node.id).sort((a, b) => a - b)
    this.#seq += 4
    const ring = { nodeId: members[0]!, seq: this.#seq }
    const previous = new Map(set.map(node => [node, node.component]))
    const own = new Map(set.map(node => [node, node.records.filter(r => r.nodeId === node.id)]))
    const component: Component = { nodes: [...set], log: [] }
    for (const node of set) {
      node.component = component
      node.cursor = 0
    }
    for (const node of set) {
      const old = previous.get(node)!
      const stayed = new Set(set.filter(other => previous.get(other) === old).map(other => other.id))
      const lost = new Set(node.ringMembers.filter(id => !stayed.has(id) && id !== node.id))
      const arrived = set.flatMap(other => (other === node || stayed.has(other.id) ? [] : own.get(other)!))
      node.synchronise(lost, arrived, ring, members)
    }
  }
}
