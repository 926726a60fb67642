// The reference that votequorum is held against: all nodes of a cluster in one place, written from the definitions (spec:
// services 4.3 to 4.5) and from them alone; it shares no code with services/votequorum. Slow and plain on purpose. In: a
// history, step by step. Out: what every node has to answer. Must not know: bytes, services, the configuration map.

import type { ClusterConfig, NodeAnswer, Request, Step } from './history.js'

const OK = 1
const TRY_AGAIN = 6
const INVALID_PARAM = 7
const ACCESS = 11
const NOT_EXIST = 12
const NAME_NOT_FOUND = 17
const MESSAGE_ERROR = 22

interface Seen {
  state: 'member' | 'dead' | 'leaving'
  votes: number
  expected: number
  quorate: boolean
  waiting: boolean
  first: boolean
  registered: boolean
  alive: boolean
  castVote: boolean
  master: boolean
}

/** A cluster message; `by` sent it. */
type Message =
  | { readonly kind: 'node'; readonly by: number; readonly about: Seen & { readonly leaving: boolean } }
  | { readonly kind: 'device'; readonly by: number; readonly votes: number }
  | { readonly kind: 'expected'; readonly by: number; readonly votes: number }
  | { readonly kind: 'votes'; readonly by: number; readonly of: number; readonly votes: number }
  | { readonly kind: 'cancel'; readonly by: number }
  | { readonly kind: 'register'; readonly by: number }
  | { readonly kind: 'unregister'; readonly by: number }

interface Settings {
  votes: number
  expected: number
  twoNode: boolean
  waitForAll: boolean
  tieBreaker: ClusterConfig['tieBreaker']
  deviceVotes: number
  canOperate: boolean
}

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

class ModelNode {
  readonly id: number
  readonly start: ClusterConfig
  config: ClusterConfig
  settings: Settings
  /** In the order in which programs see them. */
  order: number[]
  readonly seen = new Map<number, Seen>()
  quorum = 0
  quorate = false
  reported = false
  waiting = false
  barrier = 0
  tracked: number
  lastManStanding: boolean
  lowest = 0
  highest = 0
  members: readonly number[] = []
  before: readonly number[] = []
  ring: Ring
  leaving = false
  windowAt = Number.POSITIVE_INFINITY
  pollBy = Number.POSITIVE_INFINITY
  awaited = false
  deviceVotes = 0
  masterWins = false
  nameKnown = false
  pending = false
  /** Messages that wait for the end of the synchronisation. */
  held: Message[] = []
  results: number[] = []
  told: number[] = []

  constructor(id: number, config: ClusterConfig, settings: Settings, tracked: number, ring: Ring) {
    this.id = id
    this.start = config
    this.config = config
    this.settings = settings
    this.order = [id]
    this.tracked = tracked
    this.lastManStanding = config.lastManStanding === true
    this.ring = ring
  }

  get own(): Seen {
    return this.seen.get(this.id)!
  }

  get tracking(): boolean {
    return this.start.expectedVotesTracking === true || this.start.allowDownscale === true
  }

  get synchronising(): boolean {
    return !this.ring.done
  }

  /** Everybody that is a member as far as this node knows. */
  present(): Seen[] {
    return [...this.seen.values()].filter(seen => seen.state === 'member')
  }
}

/** A node that cannot start with its configuration. */
export class ModelRefusal extends Error {}

export class Model {
  readonly #nodes = new Map<number, ModelNode>()
  readonly #disks = new Map<number, number>()
  /** Sent on rings, in order, and not delivered yet. */
  readonly #queue: { readonly ring: Ring; readonly message: Message }[] = []
  #config: ClusterConfig
  #now = 0

  constructor(config: ClusterConfig) {
    this.#config = config
  }

  /** Throws ModelRefusal when a node does not start. */
  step(step: Step): void {
    for (const node of this.#nodes.values()) {
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
        for (const id of step.nodes) this.#nodes.delete(id)
        break
      case 'stop': {
        const node = this.#node(step.node)
        if (node.start.allowDownscale) {
          node.leaving = true
          this.#send(node, this.#about(node))
          this.#settle()
        }
        this.#nodes.delete(step.node)
        break
      }
      case 'ask':
        for (const request of step.requests) {
          const node = this.#node(request.node)
          node.results.push(this.#ask(node, request))
        }
        break
      case 'reload':
        for (const id of step.nodes) this.#reload(this.#node(id), step.config)
        this.#config = step.config
        break
      case 'wait':
        this.#wait(step.ms)
        break
    }
    this.#settle()
  }

  answers(): Map<number, NodeAnswer> {
    return new Map([...this.#nodes.values()].map(node => [node.id, this.#answer(node)]))
  }

  #node(id: number): ModelNode {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new Error(`no node ${id} in the model`)
    return node
  }

  #answer(node: ModelNode): NodeAnswer {
    const { own, settings } = node
    const present = node.present()
    const STATES = { member: 1, dead: 2, leaving: 3 } as const
    return {
      quorate: node.quorate,
      expected: own.expected,
      highest: Math.max(0, ...present.map(seen => seen.expected)),
      total: sum(present) + (own.castVote ? node.deviceVotes : 0),
      quorum: node.quorum,
      twoNode: settings.twoNode,
      waitForAll: settings.waitForAll,
      waiting: node.waiting,
      lastManStanding: node.lastManStanding,
      reported: node.reported,
      nodes: node.order.map(id => `${id}:${STATES[node.seen.get(id)!.state]}:${node.seen.get(id)!.votes}`),
      device: `${own.registered ? 'R' : ''}${own.alive ? 'A' : ''}${own.castVote ? 'V' : ''}${own.master ? 'M' : ''}${node.deviceVotes}`,
      barrier: node.barrier,
      tracked: node.tracking ? node.tracked : 0,
      lowest: node.lowest,
      highestId: node.highest,
      results: node.results,
      told: node.told,
    }
  }

  // A node's life.

  #start(id: number): void {
    const disk = this.#disks.get(id) ?? 0
    const settings = read(id, this.#config, this.#config, disk, 'start', false)
    const order = [id]
    const ring: Ring = { members: [], order, shared: new Set(), ended: new Set(), sharing: 1, done: true }
    const node = new ModelNode(id, this.#config, settings, disk, ring)
    node.seen.set(id, {
      ...nobody(),
      votes: settings.votes,
      expected: settings.expected,
      first: true,
      waiting: settings.waitForAll,
    })
    node.waiting = settings.waitForAll
    node.deviceVotes = settings.deviceVotes
    node.barrier = settings.expected
    this.#nodes.set(id, node)
    this.#count(node, false, false)
    const hello = this.#about(node)
    this.#form(order, 1, hello)
  }

  #reload(node: ModelNode, config: ClusterConfig): void {
    const { own } = node
    const [votes, expected] = [own.votes, own.expected]
    const wasWaiting = node.settings.waitForAll
    const settings = read(node.id, node.start, config, node.tracking ? node.tracked : 0, 'run', own.registered)
    node.config = config
    node.settings = settings
    own.votes = settings.votes
    own.expected = settings.expected
    node.deviceVotes = settings.deviceVotes
    node.barrier = settings.expected
    if (wasWaiting && !settings.waitForAll) this.#setWaiting(node, false)
    this.#send(node, this.#about(node))
    this.#send(node, { kind: 'device', by: node.id, votes: node.deviceVotes })
    if (settings.votes !== votes) this.#send(node, { kind: 'votes', by: node.id, of: node.id, votes: settings.votes })
    if (settings.expected !== expected) this.#send(node, { kind: 'expected', by: node.id, votes: settings.expected })
  }

  // Rings.

  /** `hello`: what was said before there was a ring. */
  #form(order: readonly number[], sharing: number, hello?: Message): void {
    const members = [...order].sort((a, b) => a - b)
    const ring: Ring = { members, order, shared: new Set(), ended: new Set(), sharing, done: false }
    if (hello !== undefined) this.#queue.push({ ring, message: hello })
    for (const id of members) this.#begin(this.#node(id), ring)
    this.#settle()
  }

  #begin(node: ModelNode, ring: Ring): void {
    node.ring = ring
    if (ring.members.length > 1) node.own.first = false
    const gone = node.members.filter(id => !ring.members.includes(id))
    for (const id of gone) if (node.seen.has(id)) node.seen.get(id)!.state = 'dead'
    if (node.lastManStanding) {
      const many = ring.members.length >= node.quorum && gone.length > 0
      const few =
        ring.members.length <= node.quorum &&
        node.settings.tieBreaker !== undefined &&
        node.seen.get(node.lowest)?.state === 'member'
      if (many || few) node.windowAt = this.#now + (node.start.lastManStandingWindowMs ?? 10_000)
    }
    node.before = node.members
    node.members = ring.members
    node.awaited = node.own.registered && node.own.alive
    if (node.awaited) node.pollBy = this.#now + (node.config.device?.syncTimeoutMs ?? 30_000)
  }

  /** Delivers what was sent, and lets synchronisations go on, until nothing moves. */
  #settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (;;) {
        const next = this.#queue.shift()
        if (next === undefined) break
        moved = true
        for (const id of next.ring.members) {
          const node = this.#nodes.get(id)
          if (node?.ring === next.ring) this.#receive(node, next.message)
        }
      }
      for (const ring of new Set([...this.#nodes.values()].map(node => node.ring))) {
        if (ring.done || !ring.order.every(id => this.#nodes.get(id)?.ring === ring)) continue
        const next = ring.order.find((id, i) => i < ring.sharing && !ring.ended.has(id) && this.#canAct(ring, id))
        if (next !== undefined) {
          if (!ring.shared.has(next)) this.#share(this.#node(next))
          if (!this.#node(next).awaited) ring.ended.add(next)
          moved = true
          break
        }
        if (ring.order.every(id => ring.ended.has(id))) {
          for (const id of ring.order) this.#finish(this.#node(id))
          ring.done = true
          for (const id of ring.order) {
            const node = this.#node(id)
            for (const message of node.held.splice(0)) this.#queue.push({ ring, message })
          }
          moved = true
          break
        }
      }
    }
  }

  #canAct(ring: Ring, id: number): boolean {
    return !ring.shared.has(id) || !this.#node(id).awaited
  }

  #share(node: ModelNode): void {
    const { ring } = node
    ring.shared.add(node.id)
    const messages: Message[] = [this.#about(node), { kind: 'device', by: node.id, votes: node.deviceVotes }]
    if (node.nameKnown) messages.push({ kind: 'register', by: node.id })
    for (const message of messages) this.#queue.push({ ring, message })
  }

  #finish(node: ModelNode): void {
    this.#count(node, false, false)
    node.reported = node.quorate
  }

  /** At once while the own share goes on or no synchronisation runs, else after it. */
  #send(node: ModelNode, message: Message): void {
    const { ring } = node
    if (!ring.done && ring.ended.has(node.id)) node.held.push(message)
    else this.#queue.push({ ring, message })
  }

  #about(node: ModelNode): Message {
    return { kind: 'node', by: node.id, about: { ...node.own, leaving: node.leaving } }
  }

  // Messages.

  #receive(node: ModelNode, message: Message): void {
    switch (message.kind) {
      case 'node':
        this.#hear(node, message.by, message.about)
        break
      case 'device': {
        const sender = node.seen.get(message.by)
        if (sender === undefined) break
        const theirs = !node.quorate && sender.quorate
        const votes = theirs ? message.votes : Math.max(message.votes, node.deviceVotes)
        if (votes !== node.deviceVotes) {
          node.deviceVotes = votes
          this.#count(node, false, false)
        }
        break
      }
      case 'expected':
        for (const seen of node.present()) seen.expected = message.votes
        node.told.push(message.votes)
        node.barrier = message.votes
        if (node.tracking) node.own.expected = Math.max(node.own.expected, node.tracked)
        this.#count(node, true, false)
        break
      case 'votes':
        if (message.of === 0) node.deviceVotes = message.votes
        else if (node.seen.has(message.of)) node.seen.get(message.of)!.votes = message.votes
        else break
        this.#count(node, true, false)
        break
      case 'cancel':
        this.#setWaiting(node, false)
        this.#count(node, false, false)
        break
      case 'register':
        if (message.by !== node.id) node.nameKnown = true
        else if (node.pending && !node.own.registered) {
          node.pending = false
          node.nameKnown = true
          node.own.registered = true
          this.#send(node, { kind: 'device', by: node.id, votes: node.deviceVotes })
          this.#send(node, this.#about(node))
        }
        break
      case 'unregister':
        if (!node.present().some(seen => seen.registered)) node.nameKnown = false
        break
    }
  }

  #hear(node: ModelNode, by: number, about: Seen & { readonly leaving: boolean }): void {
    const known = node.seen.get(by)
    const { own } = node
    const isNew = known === undefined
    const seen = known ?? nobody()
    if (isNew) {
      node.seen.set(by, seen)
      const place = node.order.findIndex(other => other > by)
      if (place >= 0) node.order.splice(place, 0, by)
      else node.order.splice(node.order.length - 1, 0, by)
    }
    const old = { ...seen }
    const joinsQuorate = !node.quorate && about.quorate
    seen.votes = about.votes
    seen.state = about.leaving ? 'leaving' : 'member'
    if (by !== node.id) {
      for (const key of ['quorate', 'waiting', 'first', 'registered', 'alive', 'castVote', 'master'] as const) {
        seen[key] = about[key]
      }
    }
    if (joinsQuorate) own.expected = about.expected
    seen.expected = about.quorate || node.tracking ? about.expected : own.expected
    if (about.votes > 1) {
      node.lastManStanding = false
      node.windowAt = Number.POSITIVE_INFINITY
    }
    const changed = (Object.keys(seen) as (keyof Seen)[]).some(key => seen[key] !== old[key])
    if (isNew || by === node.id || about.first || changed) {
      this.#count(node, about.leaving || joinsQuorate, about.leaving)
    }
    if (node.settings.waitForAll && about.quorate && !about.waiting) this.#setWaiting(node, false)
  }

  #setWaiting(node: ModelNode, waiting: boolean): void {
    node.waiting = waiting
    node.own.waiting = waiting
  }

  // Counting.

  #wanted(node: ModelNode, decrease: boolean, limit: number, downscale: boolean): [quorum: number, total: number] {
    const { own } = node
    const present = node.present()
    let total = sum(present)
    let heads = present.length
    if (own.castVote) {
      total += node.deviceVotes
      heads += 1
    }
    let expected = Math.max(0, ...present.map(seen => seen.expected))
    if (limit > 0) expected = downscale && decrease ? Math.max(limit, node.barrier) : limit
    const half = (votes: number) => Math.floor(votes / 2) + 1
    let quorum = Math.max(half(expected), half(total))
    if (!decrease && node.quorum > quorum) quorum = node.quorum
    if (node.settings.twoNode && heads <= 2) quorum = 1
    return [quorum, total]
  }

  #count(node: ModelNode, decrease: boolean, byNodes: boolean): void {
    const { own } = node
    const all = sum(node.present()) + node.deviceVotes
    if (all > own.expected) {
      own.expected = all
      node.told.push(all)
    }
    if (node.tracking && own.expected > node.tracked) {
      node.tracked = own.expected
      this.#disks.set(node.id, own.expected)
    }
    const heads = byNodes ? node.present().length + (node.deviceVotes > 0 ? 1 : 0) : 0
    const [quorum, total] = this.#wanted(node, decrease, heads, node.start.allowDownscale === true)
    node.quorum = quorum
    if (byNodes) for (const seen of node.present()) seen.expected = heads
    this.#decide(node, total)
  }

  #decide(node: ModelNode, total: number): void {
    const { own, settings } = node
    if (settings.waitForAll && node.waiting) {
      if (total !== own.expected) return
      this.#setWaiting(node, false)
    }
    let quorate = total >= node.quorum
    if (quorate) {
      const ids = [...node.seen].filter(([, seen]) => seen.state === 'member').map(([id]) => id)
      if (ids.length > 0) {
        node.lowest = Math.min(...ids)
        node.highest = Math.max(...ids)
      }
    }
    const half = total === Math.floor(own.expected / 2)
    const lost = node.before.length - node.members.length
    if (settings.tieBreaker !== undefined && half && lost < node.quorum && breaksTie(node)) quorate = true
    if (node.masterWins && node.present().some(seen => seen.master && seen.castVote)) quorate = true
    const changed = quorate !== node.quorate
    node.quorate = quorate
    own.quorate = quorate
    if (settings.waitForAll) this.#setWaiting(node, !quorate)
    if (changed && !node.synchronising) node.reported = quorate
  }

  // Requests.

  #ask(node: ModelNode, request: Request): number {
    const { own } = node
    const shown = (change: () => void) => {
      const before = JSON.stringify(own)
      change()
      if (JSON.stringify(own) !== before) this.#send(node, this.#about(node))
    }
    switch (request.ask) {
      case 'expected': {
        const [quorum, total] = this.#wanted(node, true, request.votes, false)
        if (request.votes < total || (node.quorate && quorum > total)) return INVALID_PARAM
        for (const seen of node.present()) seen.expected = request.votes
        this.#send(node, { kind: 'expected', by: node.id, votes: request.votes })
        return OK
      }
      case 'votes': {
        const device = request.of === 0
        const seen = node.seen.get(request.of)
        if (!device && seen === undefined) return NAME_NOT_FOUND
        const before = seen?.votes ?? node.deviceVotes
        const set = (votes: number) => {
          if (seen !== undefined) seen.votes = votes
          else node.deviceVotes = votes
        }
        set(request.votes)
        const [quorum, total] = this.#wanted(node, true, 0, false)
        if (quorum > total || quorum < Math.floor(total / 2)) {
          set(before)
          return INVALID_PARAM
        }
        this.#send(node, { kind: 'votes', by: node.id, of: request.of, votes: request.votes })
        return OK
      }
      case 'cancel':
        this.#send(node, { kind: 'cancel', by: node.id })
        return OK
      case 'register':
        if (!node.settings.canOperate) return ACCESS
        if (own.registered) return OK
        if (node.pending) return TRY_AGAIN
        node.pending = true
        this.#send(node, { kind: 'register', by: node.id })
        return OK
      case 'unregister':
        if (!own.registered) return NOT_EXIST
        node.pollBy = Number.POSITIVE_INFINITY
        Object.assign(own, { registered: false, alive: false, castVote: false, master: false })
        this.#send(node, this.#about(node))
        this.#send(node, { kind: 'unregister', by: node.id })
        node.awaited = false
        return OK
      case 'poll':
        if (!node.settings.canOperate) return ACCESS
        if (!own.registered) return NOT_EXIST
        if (request.stale) return MESSAGE_ERROR
        shown(() => {
          own.alive = true
          own.castVote = request.castVote
        })
        node.pollBy = this.#now + (node.config.device?.timeoutMs ?? 10_000)
        node.awaited = false
        return OK
      case 'master':
        if (!node.settings.canOperate) return ACCESS
        if (!own.registered) return NOT_EXIST
        shown(() => {
          own.master = request.allow
        })
        node.masterWins = request.allow
        return OK
    }
  }

  // Time.

  /** Timers go off one after the other, by time and then by node; what follows from one is done before the next. */
  #wait(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#nodes.values()]
        .map(node => ({ node, at: Math.min(node.windowAt, node.pollBy) }))
        .filter(({ at }) => at <= end)
        .sort((a, b) => a.at - b.at || a.node.id - b.node.id)[0]
      if (due === undefined) break
      this.#now = Math.max(this.#now, due.at)
      const { node } = due
      if (node.windowAt <= this.#now) {
        node.windowAt = Number.POSITIVE_INFINITY
        if (node.quorate) this.#count(node, true, true)
      }
      if (node.pollBy <= this.#now) {
        node.pollBy = Number.POSITIVE_INFINITY
        if (node.own.alive) {
          node.own.alive = false
          node.own.castVote = false
          this.#send(node, this.#about(node))
        }
        node.awaited = false
      }
      this.#settle()
    }
    this.#now = end
  }
}

function nobody(): Seen {
  return {
    state: 'member',
    votes: 0,
    expected: 0,
    quorate: false,
    waiting: false,
    first: false,
    registered: false,
    alive: false,
    castVote: false,
    master: false,
  }
}

function sum(seen: readonly Seen[]): number {
  return seen.reduce((total, { votes }) => total + votes, 0)
}

function breaksTie(node: ModelNode): boolean {
  const { tieBreaker } = node.settings
  if (tieBreaker === 'lowest') return node.seen.get(node.lowest)?.state === 'member'
  if (tieBreaker === 'highest') return node.seen.get(node.highest)?.state === 'member'
  if (tieBreaker === undefined) return false
  const first = tieBreaker.findIndex(id => node.members.includes(id))
  return first >= 0 && !tieBreaker.slice(0, first).some(id => node.before.includes(id))
}

/** The settings of a node; `start` are those that it was started with, some of which hold for its whole life. */
function read(
  id: number,
  start: ClusterConfig,
  config: ClusterConfig,
  tracked: number,
  when: 'start' | 'run',
  registered: boolean,
): Settings {
  const refuse = (why: string) => {
    if (when === 'start') throw new ModelRefusal(why)
  }
  const { device } = config
  const nodeVotes = Object.values(config.votes)
  let canOperate = true
  let twoNode = config.twoNode === true
  if (twoNode && device !== undefined) {
    refuse('two_node and device')
    if (registered) twoNode = false
    else canOperate = false
  }
  const waitForAll = start.waitForAll ?? twoNode
  let { tieBreaker } = start
  if (tieBreaker !== undefined) twoNode = false
  const listVotes = nodeVotes.reduce((a, b) => a + b, 0)
  if (tieBreaker !== undefined && listVotes % 2 === 1 && !waitForAll) {
    if (start.lastManStanding) refuse('tie breaker and last man standing, odd')
    tieBreaker = undefined
  }
  let expected = config.expectedVotes ?? listVotes
  let deviceVotes = device?.votes ?? 0
  if (device !== undefined) {
    const unequal = nodeVotes.some(votes => votes !== 1)
    const wrong =
      start.lastManStanding === true ||
      tieBreaker !== undefined ||
      start.allowDownscale === true ||
      (device.votes === undefined && (config.expectedVotes !== undefined || unequal)) ||
      (device.votes !== undefined &&
        device.votes > 0 &&
        config.expectedVotes !== undefined &&
        config.expectedVotes - device.votes < 2)
    if (wrong) {
      refuse('device')
      canOperate = false
    }
    if (device.votes === undefined && config.expectedVotes === undefined && !unequal) {
      deviceVotes = nodeVotes.length - 1
      expected = nodeVotes.length + deviceVotes
    }
  }
  if (start.expectedVotesTracking || start.allowDownscale) expected = Math.max(expected, tracked)
  return { votes: config.votes[id] ?? 1, expected, twoNode, waitForAll, tieBreaker, deviceVotes, canOperate }
}
