// Random histories: a cluster with some of the features, and what happens to its nodes. In: a seed. Out: a history that makes
// sense (who is dead is not asked; everybody alive is in a ring). All of it follows from the seed.

import { Prng } from '../prng.js'
import type { ClusterConfig, DeviceConfig, History, Request, Step } from './history.js'

const NODES_MAX = 6
const STEPS_MIN = 6
const STEPS_MAX = 24
/** Most clusters are small, as in life. */
const SIZES = [1, 2, 2, 3, 3, 3, 4, 4, 5, NODES_MAX] as const
/** Share of histories in which nothing but votes decides. */
const PLAIN = 0.15
const VOTES = [1, 1, 1, 1, 0, 2, 3] as const

export function generateHistory(seed: number): History {
  const prng = new Prng(seed, 'votequorum')
  const ids = prng.shuffled([1, 2, 3, 4, 5, 6, 7, 8]).slice(0, prng.pick(SIZES))
  const config = randomCluster(prng, ids)
  return { seed, config, steps: new Story(prng, config, ids).write() }
}

/** For these nodes; some configurations are such that no node starts with them. */
export function randomCluster(prng: Prng, ids: readonly number[]): ClusterConfig {
  return prng.chance(PLAIN) ? plainConfig(prng, ids) : randomConfig(prng, ids)
}

function plainConfig(prng: Prng, ids: readonly number[]): ClusterConfig {
  const votes: Record<number, number> = {}
  for (const id of ids) votes[id] = prng.pick(VOTES)
  return { votes, waitForAll: prng.chance(0.2) ? true : undefined }
}

function randomConfig(prng: Prng, ids: readonly number[]): ClusterConfig {
  const unequal = prng.chance(0.25)
  const votes: Record<number, number> = {}
  for (const id of ids) votes[id] = unequal ? prng.pick(VOTES) : 1
  const device = prng.chance(0.35)
  const expectedGiven = prng.chance(0.15)
  // With a device most features are refused. That is worth a few histories, not most.
  const bold = !device || prng.chance(0.05)
  return {
    votes,
    expectedVotes: expectedGiven ? 1 + prng.int(ids.length * 2) : undefined,
    twoNode: bold && prng.chance(ids.length === 2 ? 0.5 : 0.1),
    waitForAll: prng.chance(0.35) ? prng.chance(0.8) : undefined,
    lastManStanding: bold && prng.chance(0.3),
    lastManStandingWindowMs: prng.pick([1000, 3000]),
    tieBreaker: bold && prng.chance(0.35) ? randomTieBreaker(prng, ids) : undefined,
    allowDownscale: bold && prng.chance(0.25),
    expectedVotesTracking: prng.chance(0.15),
    device: device ? randomDevice(prng, ids.length, unequal || expectedGiven) : undefined,
  }
}

function randomTieBreaker(prng: Prng, ids: readonly number[]): ClusterConfig['tieBreaker'] {
  const kind = prng.int(3)
  if (kind === 0) return 'lowest'
  if (kind === 1) return 'highest'
  return prng.shuffled(ids).slice(0, 1 + prng.int(ids.length))
}

/** Votes left out go with equal nodes only. */
function randomDevice(prng: Prng, nodes: number, given: boolean): DeviceConfig {
  return {
    votes: prng.chance(given ? 0.05 : 0.5) ? undefined : prng.int(nodes + 1),
    timeoutMs: prng.pick([1000, 2000]),
    syncTimeoutMs: prng.pick([1500, 4000]),
  }
}

/** Who is alive, and on which ring, while the steps are written. */
class Story {
  readonly #prng: Prng
  readonly #ids: readonly number[]
  #config: ClusterConfig
  readonly #plain: boolean
  #alive: number[] = []
  #steps: Step[] = []
  #rings: number[][] = []

  constructor(prng: Prng, config: ClusterConfig, ids: readonly number[]) {
    this.#prng = prng
    this.#config = config
    this.#ids = ids
    this.#plain = !('device' in config)
  }

  write(): Step[] {
    const prng = this.#prng
    for (const id of this.#ids) if (prng.chance(0.8)) this.#start(id)
    if (this.#alive.length === 0) this.#start(this.#ids[0]!)
    if (prng.chance(0.9)) this.#regroup([this.#alive])
    if (this.#config.device !== undefined && prng.chance(0.7)) {
      for (const ask of ['register', 'poll'] as const) this.#askAll(ask)
    }
    const length = STEPS_MIN + prng.int(STEPS_MAX - STEPS_MIN)
    while (this.#steps.length < length) this.#next()
    return this.#steps
  }

  #next(): void {
    const prng = this.#prng
    const dead = this.#ids.filter(id => !this.#alive.includes(id))
    const roll = prng.float()
    if (this.#alive.length === 0 || (roll < 0.12 && dead.length > 0)) {
      this.#start(prng.pick(dead))
      if (prng.chance(0.8)) this.#regroup([this.#alive])
    } else if (roll < 0.3) this.#regroup(this.#partition())
    else if (roll < 0.4) this.#regroup([this.#alive])
    else if (roll < 0.5) this.#kill(prng.shuffled(this.#alive).slice(0, 1 + prng.int(2)))
    else if (roll < 0.58) this.#stop(prng.pick(this.#alive))
    else if (this.#plain) this.#regroup(this.#partition())
    else if (roll < 0.68) this.#steps.push({ do: 'wait', ms: prng.pick([1, 500, 1000, 1500, 3000, 5000]) })
    else if (roll < 0.74) this.#reload()
    else this.#ask()
  }

  #start(id: number): void {
    this.#alive.push(id)
    this.#rings.push([id])
    this.#steps.push({ do: 'start', node: id })
  }

  #kill(nodes: readonly number[]): void {
    this.#steps.push({ do: 'kill', nodes })
    this.#bury(nodes)
  }

  #stop(node: number): void {
    this.#steps.push({ do: 'stop', node })
    this.#bury([node])
  }

  /** Those who shared a ring with the dead form new ones; the others may stay as they are. */
  #bury(nodes: readonly number[]): void {
    this.#alive = this.#alive.filter(id => !nodes.includes(id))
    const left = (ring: readonly number[]) => ring.filter(id => !nodes.includes(id))
    const hurt = this.#rings.filter(ring => ring.some(id => nodes.includes(id)))
    this.#rings = this.#rings.filter(ring => !hurt.includes(ring))
    if (this.#prng.chance(0.2)) this.#regroup(this.#alive.length > 0 ? this.#partition() : [])
    else this.#regroup(hurt.map(left).filter(ring => ring.length > 0))
  }

  /** Rings of these; sometimes given up on the way, for the same or others. */
  #regroup(groups: readonly (readonly number[])[]): void {
    if (groups.length === 0) return
    const prng = this.#prng
    if (prng.chance(0.1)) {
      const first = prng.chance(0.5) || groups.length > 1 ? groups : [this.#alive]
      const covered = new Set(groups.flat())
      if (first.flat().every(id => covered.has(id))) {
        this.#steps.push({
          do: 'rings',
          rings: first.map(ring => prng.shuffled(ring)),
          shares: prng.int(Math.min(...first.map(ring => ring.length))),
        })
      }
    }
    const rings = groups.map(ring => prng.shuffled(ring))
    const moved = new Set(rings.flat())
    this.#rings = [...this.#rings.filter(ring => !ring.some(id => moved.has(id))), ...rings]
    this.#steps.push({ do: 'rings', rings })
  }

  /** Everybody alive, in one to three parts. */
  #partition(): number[][] {
    const parts: number[][] = [[], [], []]
    const count = 1 + this.#prng.int(3)
    for (const id of this.#alive) parts[this.#prng.int(count)]!.push(id)
    return parts.filter(part => part.length > 0)
  }

  #reload(): void {
    const prng = this.#prng
    this.#config = randomReload(prng, this.#config)
    const nodes = prng.shuffled(this.#alive).slice(0, prng.chance(0.8) ? this.#alive.length : 1)
    this.#steps.push({ do: 'reload', nodes, config: this.#config })
  }

  #askAll(ask: 'register' | 'poll'): void {
    const requests = this.#alive.map(
      (node): Request => (ask === 'register' ? { ask, node } : { ask, node, castVote: true }),
    )
    this.#steps.push({ do: 'ask', requests })
  }

  #ask(): void {
    const prng = this.#prng
    const requests: Request[] = []
    const nodes = prng.shuffled(this.#alive)
    const together = prng.chance(0.3) ? 1 + prng.int(3) : 1
    for (let i = 0; i < together; i++) requests.push(...this.#request(nodes[i % nodes.length]!))
    this.#steps.push({ do: 'ask', requests })
  }

  /** One, or the same of everybody. */
  #request(node: number): Request[] {
    const prng = this.#prng
    const request = randomRequest(prng, this.#config, node)
    const together = request.ask === 'register' || request.ask === 'poll' || request.ask === 'master'
    return together && prng.chance(0.5) ? this.#alive.map(id => ({ ...request, node: id })) : [request]
  }
}

/** Another configuration that a running cluster may be given. */
export function randomReload(prng: Prng, config: ClusterConfig): ClusterConfig {
  const ids = Object.keys(config.votes).map(Number)
  switch (prng.int(4)) {
    case 0:
      return { ...config, votes: { ...config.votes, [prng.pick(ids)]: prng.pick(VOTES) } }
    case 1:
      return { ...config, expectedVotes: prng.chance(0.5) ? undefined : 1 + prng.int(8) }
    case 2:
      return { ...config, twoNode: !config.twoNode }
    default:
      return { ...config, device: prng.chance(0.4) ? undefined : randomDevice(prng, ids.length, prng.chance(0.5)) }
  }
}

/** What a program may ask of `node`. */
export function randomRequest(prng: Prng, config: ClusterConfig, node: number): Request {
  const ids = Object.keys(config.votes).map(Number)
  const roll = prng.float()
  if (config.device !== undefined && roll < 0.75) {
    const what = prng.float()
    if (what < 0.25) return { ask: 'register', node }
    if (what < 0.8) return { ask: 'poll', node, castVote: prng.chance(0.8), stale: prng.chance(0.05) }
    if (what < 0.88) return { ask: 'unregister', node }
    return { ask: 'master', node, allow: prng.chance(0.7) }
  }
  if (roll < 0.45) return { ask: 'expected', node, votes: prng.int(10) }
  if (roll < 0.85) {
    const of = prng.chance(0.05) ? prng.int(10) : prng.pick(ids)
    return { ask: 'votes', node, of, votes: prng.pick(VOTES) }
  }
  return { ask: 'cancel', node }
}
