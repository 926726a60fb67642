// One node of the reference that votequorum is held against: what it makes of what it hears, written from the definitions
// (spec: services 4.3 to 4.5) and from them alone; it shares no code with services/votequorum. Slow and plain on purpose. In:
// rings, messages, requests, time. Out: what the node has to answer and to say. Must not know: bytes, services, the
// configuration map.

import type { ClusterConfig, NodeAnswer, Request } from './history.js'

const OK = 1
const TRY_AGAIN = 6
const INVALID_PARAM = 7
const ACCESS = 11
const NOT_EXIST = 12
const NAME_NOT_FOUND = 17
const MESSAGE_ERROR = 22

const DEVICE_TIMEOUT_MS = 10_000
const DEVICE_SYNC_TIMEOUT_MS = 30_000
const WINDOW_MS = 10_000

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

/** What a node says of itself. */
export interface About extends Readonly<Seen> {
  readonly leaving: boolean
}

/** A cluster message. */
export type Message =
  | { readonly kind: 'node'; readonly of: number; readonly about: About }
  | { readonly kind: 'device'; readonly votes: number }
  | { readonly kind: 'expected'; readonly of: number; readonly votes: number }
  | { readonly kind: 'votes'; readonly of: number; readonly votes: number }
  | { readonly kind: 'cancel'; readonly of: number }
  | { readonly kind: 'register' }
  | { readonly kind: 'unregister' }

interface Settings {
  votes: number
  expected: number
  twoNode: boolean
  waitForAll: boolean
  tieBreaker: ClusterConfig['tieBreaker']
  deviceVotes: number
  canOperate: boolean
}

/** A node that cannot start with its configuration. */
export class ModelRefusal extends Error {}

/** Where messages go, and what is to be remembered. */
export interface ModelOutput {
  send(message: Message): void
  remember(tracked: number): void
}

export class ModelNode {
  readonly id: number
  readonly #output: ModelOutput
  readonly #start: ClusterConfig
  #config: ClusterConfig
  #settings: Settings
  /** In the order in which programs see them. */
  readonly #order: number[]
  readonly #seen = new Map<number, Seen>()
  readonly #own: Seen
  #quorum = 0
  #quorate = false
  #reported = false
  #synchronising = false
  #barrier: number
  #tracked: number
  #lastManStanding: boolean
  #lowest = 0
  #highest = 0
  #members: readonly number[] = []
  #before: readonly number[] = []
  #leaving = false
  #windowAt = Number.POSITIVE_INFINITY
  #pollBy = Number.POSITIVE_INFINITY
  #awaited = false
  #deviceVotes: number
  #masterWins = false
  #nameKnown = false
  #pending = false
  /** Of this step: results of requests, expected votes that trackers were told of. */
  results: number[] = []
  told: number[] = []

  /** `tracked`: from an earlier life. Throws ModelRefusal. */
  constructor(id: number, config: ClusterConfig, tracked: number, output: ModelOutput) {
    const settings = read(id, config, config, tracked, 'start', false)
    this.id = id
    this.#output = output
    this.#start = config
    this.#config = config
    this.#settings = settings
    this.#tracked = tracked
    this.#order = [id]
    this.#own = {
      ...nobody(),
      votes: settings.votes,
      expected: settings.expected,
      first: true,
      waiting: settings.waitForAll,
    }
    this.#seen.set(id, this.#own)
    this.#deviceVotes = settings.deviceVotes
    this.#barrier = settings.expected
    this.#lastManStanding = config.lastManStanding === true
  }

  answer(): NodeAnswer {
    const own = this.#own
    const present = this.#present()
    const STATES = { member: 1, dead: 2, leaving: 3 } as const
    const letters = [own.registered && 'R', own.alive && 'A', own.castVote && 'V', own.master && 'M']
    return {
      quorate: this.#quorate,
      expected: own.expected,
      highest: Math.max(0, ...present.map(seen => seen.expected)),
      total: sum(present) + (own.castVote ? this.#deviceVotes : 0),
      quorum: this.#quorum,
      twoNode: this.#settings.twoNode,
      waitForAll: this.#settings.waitForAll,
      waiting: own.waiting,
      lastManStanding: this.#lastManStanding,
      reported: this.#reported,
      nodes: this.#order.map(id => `${id}:${STATES[this.#seen.get(id)!.state]}:${this.#seen.get(id)!.votes}`),
      device: letters.filter(letter => letter !== false).join('') + this.#deviceVotes,
      barrier: this.#barrier,
      tracked: this.#tracking ? this.#tracked : 0,
      lowest: this.#lowest,
      highestId: this.#highest,
      results: this.results,
      told: this.told,
    }
  }

  // A node's life.

  /** Says the first thing that its first ring hears. */
  start(): void {
    this.#count(false, false)
    this.#tellAboutMe()
  }

  stop(): void {
    if (!this.#start.allowDownscale) return
    this.#leaving = true
    this.#tellAboutMe()
  }

  reload(config: ClusterConfig): void {
    const own = this.#own
    const [votes, expected] = [own.votes, own.expected]
    const tracked = this.#tracking ? this.#tracked : 0
    const settings = read(this.id, this.#start, config, tracked, 'run', own.registered)
    if (this.#settings.waitForAll && !settings.waitForAll) own.waiting = false
    this.#config = config
    this.#settings = settings
    own.votes = settings.votes
    own.expected = settings.expected
    this.#deviceVotes = settings.deviceVotes
    this.#barrier = settings.expected
    this.#tellAboutMe()
    this.#tellAboutDevice()
    if (settings.votes !== votes) this.#output.send({ kind: 'votes', of: this.id, votes: settings.votes })
    if (settings.expected !== expected) this.#output.send({ kind: 'expected', of: this.id, votes: settings.expected })
  }

  // Rings.

  begin(members: readonly number[], now: number): void {
    const own = this.#own
    this.#synchronising = true
    if (members.length > 1) own.first = false
    const gone = this.#members.filter(id => !members.includes(id))
    for (const id of gone) if (this.#seen.has(id)) this.#seen.get(id)!.state = 'dead'
    if (this.#lastManStanding) {
      const many = members.length >= this.#quorum && gone.length > 0
      const few =
        members.length <= this.#quorum &&
        this.#settings.tieBreaker !== undefined &&
        this.#seen.get(this.#lowest)?.state === 'member'
      if (many || few) this.#windowAt = now + (this.#start.lastManStandingWindowMs ?? WINDOW_MS)
    }
    this.#before = this.#members
    this.#members = members
    this.#awaited = own.registered && own.alive
    if (this.#awaited) this.#pollBy = now + (this.#config.device?.syncTimeoutMs ?? DEVICE_SYNC_TIMEOUT_MS)
  }

  /** This node's part of a synchronisation; it goes on while the device is awaited. */
  share(): void {
    this.#tellAboutMe()
    this.#tellAboutDevice()
    if (this.#nameKnown) this.#output.send({ kind: 'register' })
  }

  get awaited(): boolean {
    return this.#awaited
  }

  finish(): void {
    this.#count(false, false)
    this.#reported = this.#quorate
    this.#synchronising = false
  }

  // Messages.

  receive(by: number, message: Message): void {
    const own = this.#own
    switch (message.kind) {
      case 'node':
        this.#hear(message.of, message.about)
        break
      case 'device': {
        const sender = this.#seen.get(by)
        if (sender === undefined) break
        const theirs = !this.#quorate && sender.quorate
        const votes = theirs ? message.votes : Math.max(message.votes, this.#deviceVotes)
        if (votes !== this.#deviceVotes) {
          this.#deviceVotes = votes
          this.#count(false, false)
        }
        break
      }
      case 'expected':
        for (const seen of this.#present()) seen.expected = message.votes
        this.told.push(message.votes)
        this.#barrier = message.votes
        if (this.#tracking) own.expected = Math.max(own.expected, this.#tracked)
        this.#count(true, false)
        break
      case 'votes':
        if (message.of === 0) this.#deviceVotes = message.votes
        else if (this.#seen.has(message.of)) this.#seen.get(message.of)!.votes = message.votes
        else break
        this.#count(true, false)
        break
      case 'cancel':
        own.waiting = false
        this.#count(false, false)
        break
      case 'register':
        if (by !== this.id) this.#nameKnown = true
        else if (this.#pending && !own.registered) {
          this.#pending = false
          this.#nameKnown = true
          own.registered = true
          this.#tellAboutDevice()
          this.#tellAboutMe()
        }
        break
      case 'unregister':
        if (!this.#present().some(seen => seen.registered)) this.#nameKnown = false
        break
    }
  }

  #hear(of: number, about: About): void {
    const own = this.#own
    const known = this.#seen.get(of)
    const seen = known ?? nobody()
    if (known === undefined) {
      this.#seen.set(of, seen)
      const place = this.#order.findIndex(other => other > of)
      if (place >= 0) this.#order.splice(place, 0, of)
      else this.#order.splice(this.#order.length - 1, 0, of)
    }
    const old = { ...seen }
    const joinsQuorate = !this.#quorate && about.quorate
    seen.votes = about.votes
    seen.state = about.leaving ? 'leaving' : 'member'
    if (of !== this.id) {
      for (const key of ['quorate', 'waiting', 'first', 'registered', 'alive', 'castVote', 'master'] as const) {
        seen[key] = about[key]
      }
    }
    if (joinsQuorate) own.expected = about.expected
    seen.expected = about.quorate || this.#tracking ? about.expected : own.expected
    if (about.votes > 1) {
      this.#lastManStanding = false
      this.#windowAt = Number.POSITIVE_INFINITY
    }
    const changed = (Object.keys(seen) as (keyof Seen)[]).some(key => seen[key] !== old[key])
    if (known === undefined || of === this.id || about.first || changed) {
      this.#count(about.leaving || joinsQuorate, about.leaving)
    }
    if (this.#settings.waitForAll && about.quorate && !about.waiting) own.waiting = false
  }

  #tellAboutMe(): void {
    this.#output.send({ kind: 'node', of: this.id, about: { ...this.#own, leaving: this.#leaving } })
  }

  #tellAboutDevice(): void {
    this.#output.send({ kind: 'device', votes: this.#deviceVotes })
  }

  // Counting.

  get #tracking(): boolean {
    return this.#start.expectedVotesTracking === true || this.#start.allowDownscale === true
  }

  /** Everybody that is a member as far as this node knows. */
  #present(): Seen[] {
    return [...this.#seen.values()].filter(seen => seen.state === 'member')
  }

  #wanted(decrease: boolean, limit: number, downscale: boolean): [quorum: number, total: number] {
    const own = this.#own
    const present = this.#present()
    let total = sum(present)
    let heads = present.length
    if (own.castVote) {
      total += this.#deviceVotes
      heads += 1
    }
    let expected = Math.max(0, ...present.map(seen => seen.expected))
    if (limit > 0) expected = downscale && decrease ? Math.max(limit, this.#barrier) : limit
    const half = (votes: number) => Math.floor(votes / 2) + 1
    let quorum = Math.max(half(expected), half(total))
    if (!decrease && this.#quorum > quorum) quorum = this.#quorum
    if (this.#settings.twoNode && heads <= 2) quorum = 1
    return [quorum, total]
  }

  #count(decrease: boolean, byNodes: boolean): void {
    const own = this.#own
    const all = sum(this.#present()) + this.#deviceVotes
    if (all > own.expected) {
      own.expected = all
      this.told.push(all)
    }
    if (this.#tracking && own.expected > this.#tracked) {
      this.#tracked = own.expected
      this.#output.remember(own.expected)
    }
    const heads = byNodes ? this.#present().length + (this.#deviceVotes > 0 ? 1 : 0) : 0
    const [quorum, total] = this.#wanted(decrease, heads, this.#start.allowDownscale === true)
    this.#quorum = quorum
    if (byNodes) for (const seen of this.#present()) seen.expected = heads
    this.#decide(total)
  }

  #decide(total: number): void {
    const own = this.#own
    const { waitForAll, tieBreaker } = this.#settings
    if (waitForAll && own.waiting) {
      if (total !== own.expected) return
      own.waiting = false
    }
    let quorate = total >= this.#quorum
    if (quorate) {
      const ids = [...this.#seen].filter(([, seen]) => seen.state === 'member').map(([id]) => id)
      if (ids.length > 0) {
        this.#lowest = Math.min(...ids)
        this.#highest = Math.max(...ids)
      }
    }
    const half = total === Math.floor(own.expected / 2)
    const lost = this.#before.length - this.#members.length
    if (tieBreaker !== undefined && half && lost < this.#quorum && this.#breaksTie()) quorate = true
    if (this.#masterWins && this.#present().some(seen => seen.master && seen.castVote)) quorate = true
    const changed = quorate !== this.#quorate
    this.#quorate = quorate
    own.quorate = quorate
    if (waitForAll) own.waiting = !quorate
    if (changed && !this.#synchronising) this.#reported = quorate
  }

  #breaksTie(): boolean {
    const { tieBreaker } = this.#settings
    if (tieBreaker === 'lowest') return this.#seen.get(this.#lowest)?.state === 'member'
    if (tieBreaker === 'highest') return this.#seen.get(this.#highest)?.state === 'member'
    if (tieBreaker === undefined) return false
    const first = tieBreaker.findIndex(id => this.#members.includes(id))
    return first >= 0 && !tieBreaker.slice(0, first).some(id => this.#before.includes(id))
  }

  // Requests.

  /** The result; that of a registration, which is answered when it has come round, is what it will be. */
  ask(request: Request, now: number): number {
    const own = this.#own
    switch (request.ask) {
      case 'expected': {
        const [quorum, total] = this.#wanted(true, request.votes, false)
        if (request.votes < total || (this.#quorate && quorum > total)) return INVALID_PARAM
        for (const seen of this.#present()) seen.expected = request.votes
        this.#output.send({ kind: 'expected', of: this.id, votes: request.votes })
        return OK
      }
      case 'votes': {
        const seen = this.#seen.get(request.of)
        if (request.of !== 0 && seen === undefined) return NAME_NOT_FOUND
        const before = seen?.votes ?? this.#deviceVotes
        const set = (votes: number) => {
          if (seen !== undefined) seen.votes = votes
          else this.#deviceVotes = votes
        }
        set(request.votes)
        const [quorum, total] = this.#wanted(true, 0, false)
        if (quorum > total || quorum < Math.floor(total / 2)) {
          set(before)
          return INVALID_PARAM
        }
        this.#output.send({ kind: 'votes', of: request.of, votes: request.votes })
        return OK
      }
      case 'cancel':
        this.#output.send({ kind: 'cancel', of: this.id })
        return OK
      case 'register':
        if (!this.#settings.canOperate) return ACCESS
        if (own.registered) return OK
        if (this.#pending) return TRY_AGAIN
        this.#pending = true
        this.#output.send({ kind: 'register' })
        return OK
      case 'unregister':
        if (!own.registered) return NOT_EXIST
        this.#pollBy = Number.POSITIVE_INFINITY
        this.#awaited = false
        Object.assign(own, { registered: false, alive: false, castVote: false, master: false })
        this.#tellAboutMe()
        this.#output.send({ kind: 'unregister' })
        return OK
      case 'poll': {
        if (!this.#settings.canOperate) return ACCESS
        if (!own.registered) return NOT_EXIST
        if (request.stale) return MESSAGE_ERROR
        const news = !own.alive || own.castVote !== request.castVote
        own.alive = true
        own.castVote = request.castVote
        if (news) this.#tellAboutMe()
        this.#pollBy = now + (this.#config.device?.timeoutMs ?? DEVICE_TIMEOUT_MS)
        this.#awaited = false
        return OK
      }
      case 'master': {
        if (!this.#settings.canOperate) return ACCESS
        if (!own.registered) return NOT_EXIST
        const news = own.master !== request.allow
        own.master = request.allow
        if (news) this.#tellAboutMe()
        this.#masterWins = request.allow
        return OK
      }
    }
  }

  // Time.

  get deadline(): number {
    return Math.min(this.#windowAt, this.#pollBy)
  }

  expire(now: number): void {
    const own = this.#own
    if (this.#windowAt <= now) {
      this.#windowAt = Number.POSITIVE_INFINITY
      if (this.#quorate) this.#count(true, true)
    }
    if (this.#pollBy <= now) {
      this.#pollBy = Number.POSITIVE_INFINITY
      this.#awaited = false
      if (!own.alive) return
      own.alive = false
      own.castVote = false
      this.#tellAboutMe()
    }
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
