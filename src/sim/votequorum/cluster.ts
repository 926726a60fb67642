// The services votequorum and quorum of a cluster on an idealised ring: what is sent is delivered to all members in one order,
// and every synchronisation goes through its steps. No Totem, no packets, no barriers: thousands of histories a minute. In: a
// history, step by step. Out: what every node answers. How it goes on real rings: the rest of sim/.

import type { LiveMap } from '../../services/cmap/live-map.js'
import { QuorumService } from '../../services/quorum/service.js'
import type { RingPort } from '../../services/types.js'
import { VotequorumService, type VotequorumServiceOptions } from '../../services/votequorum/service.js'
import { checkServiceMessage, functionOf } from '../../wire/service.js'
import { answerOf } from './answers.js'
import { configMap, reload } from './config-map.js'
import type { ClusterConfig, NodeAnswer, Step } from './history.js'
import { Program } from './program.js'

const LITTLE = true
/** From one ring to the next, as in Totem. */
const RING_STEP = 4

interface Ring {
  readonly seq: number
  readonly members: readonly number[]
  /** In which the nodes send their shares. */
  readonly order: readonly number[]
  readonly ended: Set<number>
  readonly shared: Set<number>
  readonly sharing: number
  done: boolean
}

/** Makes the service; mutations replace it by a broken one. */
export type ServiceFactory = (options: VotequorumServiceOptions) => VotequorumService

class IdealNode implements RingPort {
  readonly nodeId: number
  readonly littleEndian = LITTLE
  readonly map: LiveMap
  readonly quorum = new QuorumService({ log: () => {}, provider: 'votequorum' })
  readonly service: VotequorumService
  readonly program: Program
  readonly #cluster: IdealCluster
  ring: Ring | undefined
  /** Before there is a ring, or until its synchronisation ends. */
  readonly early: Uint8Array[] = []
  readonly held: Uint8Array[] = []

  constructor(cluster: IdealCluster, nodeId: number, config: ClusterConfig, make: ServiceFactory) {
    this.#cluster = cluster
    this.nodeId = nodeId
    this.map = configMap(nodeId, config)
    this.service = make({
      port: this,
      map: this.map,
      log: () => {},
      now: () => cluster.now,
      report: view => this.quorum.report(view),
      tracking: {
        barrier: cluster.disks.get(nodeId) ?? 0,
        write: barrier => cluster.disks.set(nodeId, barrier),
      },
    })
    this.program = new Program(this.service)
  }

  send(): boolean {
    throw new Error('votequorum sends nothing that may be refused')
  }

  sendInSync(buf: Uint8Array, off: number, len: number): boolean {
    const message = buf.slice(off, off + len)
    if (this.ring === undefined) this.early.push(message)
    else this.#cluster.queue.push({ ring: this.ring, origin: this.nodeId, message })
    return true
  }

  sendSurely(buf: Uint8Array, off: number, len: number): void {
    if (this.ring?.done) this.sendInSync(buf, off, len)
    else this.held.push(buf.slice(off, off + len))
  }

  requestToken(): void {}

  answer(): NodeAnswer {
    return answerOf(this.service, this.quorum, this.map, this.program.results, this.program.told)
  }
}

export class IdealCluster {
  readonly queue: { readonly ring: Ring; readonly origin: number; readonly message: Uint8Array }[] = []
  /** Per node, what it keeps from one life to the next. */
  readonly disks = new Map<number, number>()
  now = 0
  readonly #make: ServiceFactory
  readonly #nodes = new Map<number, IdealNode>()
  #config: ClusterConfig
  #seq = 1

  constructor(config: ClusterConfig, make: ServiceFactory = options => new VotequorumService(options)) {
    this.#config = config
    this.#make = make
  }

  /** Throws what a service throws that cannot start. */
  step(step: Step): void {
    for (const node of this.#nodes.values()) {
      node.program.results = []
      node.program.told = []
    }
    switch (step.do) {
      case 'start': {
        const node = new IdealNode(this, step.node, this.#config, this.#make)
        this.#nodes.set(step.node, node)
        node.service.start()
        this.#form([step.node], 1)
        break
      }
      case 'rings':
        for (const order of step.rings) this.#form(order, step.shares ?? order.length)
        break
      case 'kill':
        for (const id of step.nodes) this.#nodes.delete(id)
        break
      case 'stop':
        this.#node(step.node).service.exit()
        this.#settle()
        this.#nodes.delete(step.node)
        break
      case 'ask':
        for (const request of step.requests) {
          const { program, map } = this.#node(request.node)
          program.ask(request, map)
        }
        break
      case 'reload':
        for (const id of step.nodes) reload(this.#node(id).map, id, step.config)
        this.#config = step.config
        break
      case 'wait':
        this.#wait(step.ms)
        break
    }
    this.#settle()
  }

  /** Members of the rings that are synchronised. */
  rings(): (readonly number[])[] {
    return [...this.#rings()].filter(ring => ring.done && this.#isWhole(ring)).map(ring => ring.members)
  }

  /** A synchronisation waits for the word of a device. */
  get deviceAwaited(): boolean {
    return [...this.#nodes.values()].some(node => node.service.device.awaited)
  }

  answers(): Map<number, NodeAnswer> {
    return new Map([...this.#nodes].map(([id, node]) => [id, node.answer()]))
  }

  #node(id: number): IdealNode {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  #form(order: readonly number[], sharing: number): void {
    const members = [...order].sort((a, b) => a - b)
    this.#seq += RING_STEP
    const seq = this.#seq
    const ring: Ring = { seq, members, order, ended: new Set(), shared: new Set(), sharing, done: false }
    for (const id of members) {
      const node = this.#node(id)
      node.ring = ring
      for (const message of node.early.splice(0)) this.queue.push({ ring, origin: id, message })
      const identity = { nodeId: members[0]!, seq }
      node.quorum.sync.init([id], members, identity)
      node.service.sync.init([id], members, identity)
    }
    this.#settle()
  }

  /** Delivers what was sent, and lets synchronisations go on, until nothing moves. */
  #settle(): void {
    do this.#deliver()
    while (this.#goOn())
  }

  #deliver(): void {
    for (let at = 0; at < this.queue.length; at++) {
      const { ring, origin, message } = this.queue[at]!
      const fn = functionOf(checkServiceMessage(message, 0, message.length, LITTLE))
      for (const id of ring.members) {
        const node = this.#nodes.get(id)
        if (node?.ring === ring) {
          node.service.handlers[fn]!.receive(message, 0, message.length, origin, LITTLE)
        }
      }
    }
    this.queue.length = 0
  }

  /** One move of one synchronisation; false when none can. */
  #goOn(): boolean {
    for (const ring of this.#rings()) {
      if (ring.done || !this.#isWhole(ring)) continue
      for (let i = 0; i < ring.sharing; i++) {
        const id = ring.order[i]!
        if (ring.ended.has(id)) continue
        const first = !ring.shared.has(id)
        ring.shared.add(id)
        const ended = this.#node(id).service.sync.process()
        if (ended) ring.ended.add(id)
        if (first || ended) return true
      }
      if (ring.ended.size < ring.order.length) continue
      this.#finish(ring)
      return true
    }
    return false
  }

  #finish(ring: Ring): void {
    for (const id of ring.order) {
      const node = this.#node(id)
      node.quorum.sync.activate()
      node.service.sync.activate()
    }
    ring.done = true
    for (const id of ring.order) {
      for (const message of this.#node(id).held.splice(0)) this.queue.push({ ring, origin: id, message })
    }
  }

  /** Timers go off one after the other, by time and then by node; what follows from one is done before the next. */
  #wait(ms: number): void {
    const end = this.now + ms
    for (;;) {
      let due: IdealNode | undefined
      let at = end
      for (const node of this.#nodes.values()) {
        const deadline = node.service.nextDeadline()
        if (deadline > at || (deadline === at && due !== undefined && due.nodeId < node.nodeId)) continue
        at = deadline
        due = node
      }
      if (due === undefined) break
      this.now = Math.max(this.now, at)
      due.service.expire(this.now)
      this.#settle()
    }
    this.now = end
  }

  /** A ring with a dead member waits for the next one. */
  #isWhole(ring: Ring): boolean {
    return ring.order.every(id => this.#nodes.get(id)?.ring === ring)
  }

  #rings(): Set<Ring> {
    const rings = new Set<Ring>()
    for (const { ring } of this.#nodes.values()) if (ring !== undefined) rings.add(ring)
    return rings
  }
}
