// The reference for whole histories: the nodes of model-node.ts on an idealised ring of their own. In: a history, step by step.
// Out: what every node has to answer. Shares no code with cluster.ts, which lives through the same with the services.

import type { ClusterConfig, NodeAnswer, Step } from './history.js'
import { type Message, ModelNode } from './model-node.js'

interface Ring {
  readonly members: readonly number[]
  readonly order: readonly number[]
  /** Members that have sent their share, and those of them that have nothing to wait for any more. */
  readonly shared: Set<number>
  readonly ended: Set<number>
  /** How many will; fewer than all when the ring is given up before. */
  readonly sharing: number
  done: boolean
}

interface Place {
  readonly node: ModelNode
  ring: Ring | undefined
  /** Said before there was a ring. */
  readonly early: Message[]
  /** Said while a synchronisation ran in which this node had said everything. */
  readonly held: Message[]
}

export class Model {
  readonly #places = new Map<number, Place>()
  readonly #disks = new Map<number, number>()
  /** Sent on rings, in order, and not delivered yet. */
  readonly #queue: { readonly ring: Ring; readonly by: number; readonly message: Message }[] = []
  #config: ClusterConfig
  #now = 0

  constructor(config: ClusterConfig) {
    this.#config = config
  }

  /** Throws ModelRefusal when a node does not start. */
  step(step: Step): void {
    for (const { node } of this.#places.values()) {
      node.results = []
      node.told = []
    }
    switch (step.do) {
      case 'start':
        this.#start(step.node)
        break
      case 'rings':
        for (const order of step.rings) this.#form(order, step.shares ?? order.length)
        break
      case 'kill':
        for (const id of step.nodes) this.#places.delete(id)
        break
      case 'stop':
        this.#place(step.node).node.stop()
        this.#settle()
        this.#places.delete(step.node)
        break
      case 'ask':
        for (const request of step.requests) {
          const { node } = this.#place(request.node)
          node.results.push(node.ask(request, this.#now))
        }
        break
      case 'reload':
        for (const id of step.nodes) this.#place(id).node.reload(step.config)
        this.#config = step.config
        break
      case 'wait':
        this.#wait(step.ms)
        break
    }
    this.#settle()
  }

  answers(): Map<number, NodeAnswer> {
    return new Map([...this.#places].map(([id, { node }]) => [id, node.answer()]))
  }

  #place(id: number): Place {
    const place = this.#places.get(id)
    if (place === undefined) throw new Error(`no node ${id} in the model`)
    return place
  }

  #start(id: number): void {
    const node = new ModelNode(id, this.#config, this.#disks.get(id) ?? 0, {
      send: message => this.#send(this.#place(id), message),
      remember: tracked => this.#disks.set(id, tracked),
    })
    this.#places.set(id, { node, ring: undefined, early: [], held: [] })
    node.start()
    this.#form([id], 1)
  }

  #form(order: readonly number[], sharing: number): void {
    const members = [...order].sort((a, b) => a - b)
    const ring: Ring = { members, order, shared: new Set(), ended: new Set(), sharing, done: false }
    for (const id of members) {
      const place = this.#place(id)
      place.ring = ring
      for (const message of place.early.splice(0)) this.#queue.push({ ring, by: id, message })
      place.node.begin(members, this.#now)
    }
    this.#settle()
  }

  #send(place: Place, message: Message): void {
    const { ring, node } = place
    if (ring === undefined) place.early.push(message)
    else if (!ring.done && ring.ended.has(node.id)) place.held.push(message)
    else this.#queue.push({ ring, by: node.id, message })
  }

  /** Delivers what was sent, and lets synchronisations go on, until nothing moves. */
  #settle(): void {
    for (;;) {
      const next = this.#queue.shift()
      if (next === undefined) {
        if (this.#synchronise()) continue
        return
      }
      for (const id of next.ring.members) {
        const place = this.#places.get(id)
        if (place?.ring === next.ring) place.node.receive(next.by, next.message)
      }
    }
  }

  /** One step of one ring; false when there is none to be made. */
  #synchronise(): boolean {
    for (const ring of new Set([...this.#places.values()].map(place => place.ring))) {
      // A ring with a dead member waits for the next one.
      if (ring === undefined || ring.done || !ring.order.every(id => this.#places.get(id)?.ring === ring)) continue
      const turn = ring.order
        .slice(0, ring.sharing)
        .find(id => !ring.shared.has(id) || (!ring.ended.has(id) && !this.#place(id).node.awaited))
      if (turn !== undefined) {
        const { node } = this.#place(turn)
        if (!ring.shared.has(turn)) node.share()
        ring.shared.add(turn)
        if (!node.awaited) ring.ended.add(turn)
        return true
      }
      if (ring.ended.size === ring.order.length) {
        for (const id of ring.order) this.#place(id).node.finish()
        ring.done = true
        for (const id of ring.order) {
          for (const message of this.#place(id).held.splice(0)) this.#queue.push({ ring, by: id, message })
        }
        return true
      }
    }
    return false
  }

  /** Timers go off one after the other, by time and then by node; what follows from one is done before the next. */
  #wait(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#places.values()]
        .map(({ node }) => node)
        .filter(({ deadline }) => deadline <= end)
        .sort((a, b) => a.deadline - b.deadline || a.id - b.id)[0]
      if (due === undefined) break
      this.#now = Math.max(this.#now, due.deadline)
      due.expire(this.#now)
      this.#settle()
    }
    this.#now = end
  }
}
