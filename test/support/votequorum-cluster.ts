// A cluster of nodes with votequorum on the fake ring, for tests that tell what happens to hosts: start, stop, kill, split,
// and a clock that the test moves.

import type { VotequorumService } from '../../src/services/votequorum/service.js'
import { NodeFlag } from '../../src/wire/votequorum.js'
import { FakeCluster, type Ring } from './fake-ring.js'
import { LibraryClient } from './library-client.js'
import { ServiceNode } from './service-node.js'
import { type VotequorumConfig, votequorumMap } from './votequorum-map.js'

export class VoteCluster {
  readonly cluster = new FakeCluster()
  readonly config: VotequorumConfig
  #now = 1000

  constructor(config: VotequorumConfig) {
    this.config = config
  }

  get now(): number {
    return this.#now
  }

  /** Starts these nodes, each alone at first, as hosts do that come up one after the other. */
  start(...ids: readonly number[]): void {
    for (const id of ids) {
      const node = new ServiceNode(id, { map: votequorumMap(id, this.config) })
      node.now = this.#now
      this.cluster.add(node)
      node.executive.table.start()
      this.cluster.run(this.cluster.form([id]))
    }
  }

  /** Each list becomes a ring; who is in none stays as it is. */
  rings(...lists: readonly (readonly number[])[]): void {
    const rings = lists.map(members => this.cluster.form(members))
    for (const ring of rings) this.cluster.run(ring)
  }

  /** All of the configuration start and find each other. */
  startAll(): void {
    this.start(...this.config.nodes)
    this.rings(this.config.nodes)
  }

  /** Dies; the others are told with the next ring. */
  kill(...ids: readonly number[]): void {
    for (const id of ids) this.cluster.nodes.delete(id)
  }

  /** Leaves in order: its services say their last words on the ring. */
  stop(id: number): void {
    const node = this.node(id)
    node.executive.exit()
    this.rest()
    if (!node.executive.drained) throw new Error(`node ${id} does not come to its end`)
    this.kill(id)
  }

  /** Lets all rings work off what is waiting. */
  rest(): void {
    for (const ring of this.#rings()) this.cluster.run(ring)
  }

  /** Time passes; timers go off where they stand, and rings do what follows. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const deadlines = this.#nodes().map(node => node.executive.table.nextDeadline())
      const next = Math.min(...deadlines)
      if (next > end) break
      this.#setTime(Math.max(next, this.#now))
      for (const node of this.#nodes()) node.executive.table.expire(this.#now)
      this.rest()
    }
    this.#setTime(end)
  }

  node(id: number): ServiceNode {
    return this.cluster.node(id) as ServiceNode
  }

  service(id: number): VotequorumService {
    const { votequorum } = this.node(id)
    if (votequorum === undefined) throw new Error(`node ${id} has no votequorum`)
    return votequorum
  }

  program(id: number, service: 'votequorum' | 'quorum' = 'votequorum'): LibraryClient {
    return new LibraryClient(service === 'quorum' ? this.node(id).quorum.library : this.service(id).library)
  }

  /** What corosync-quorumtool shows: "expected/total/quorum", and Q where it is quorate. */
  status(id: number): string {
    const { state } = this.service(id)
    const total = state.totalVotes(state.has(NodeFlag.QDEVICE_CAST_VOTE))
    return `${state.us.expected}/${total}/${state.quorum}${state.quorate ? ' Q' : ''}`
  }

  /** Of several nodes that must agree. */
  statusOf(...ids: readonly number[]): string {
    const all = new Set(ids.map(id => this.status(id)))
    return [...all].join(' and ')
  }

  #nodes(): ServiceNode[] {
    return [...this.cluster.nodes.values()] as ServiceNode[]
  }

  #setTime(now: number): void {
    this.#now = now
    for (const node of this.#nodes()) node.now = now
  }

  #rings(): Ring[] {
    const rings = new Set<Ring>()
    for (const { ring } of this.cluster.nodes.values()) if (ring !== null) rings.add(ring)
    return [...rings]
  }
}
