// A whole node of the simulator whose votequorum is watched: beside it stands a model that is told all that the service is told,
// in the same order, and has to send and to answer the same at every step. A program on the node asks for things at random
// times. In: what a simulated host gives its node. Out: faults. So rings, losses and crashes are real, and the model needs to
// know nothing of them.

import { ClusterNode } from '../../node/node.js'
import type { TrackingStore, VotequorumService } from '../../services/votequorum/service.js'
import { checkServiceMessage, functionOf, ServiceId, serviceOf } from '../../wire/service.js'
import {
  createNodeInfo,
  NodeFlag,
  QDEVICE_NODE_ID,
  ReconfigureParam,
  readNodeInfo,
  readQdeviceReg,
  readReconfigure,
  VotequorumFunction,
} from '../../wire/votequorum.js'
import type { Prng } from '../prng.js'
import type { HostServices, SimNode, SimNodeConfig } from '../sim-node.js'
import { answerOf } from './answers.js'
import { configMap, reload } from './config-map.js'
import { randomReload, randomRequest } from './generate.js'
import { type ClusterConfig, type Request, showAnswer } from './history.js'
import { type Message, ModelNode } from './model-node.js'
import { Program } from './program.js'

/** Mean time between two things that the program does. */
const MEAN_PAUSE_MS = 700
/** So that programs soon notice that they are to end. */
const PAUSE_MAX_MS = 1000
/** Share of them that is another configuration. */
const RELOADS = 0.05

export interface WatchCounts {
  /** Comparisons with the model. */
  compared: number
  requests: number
  quorate: number
}

export interface WatchOptions {
  readonly cluster: ClusterConfig
  readonly prng: Prng
  /** What this host remembers from one life to the next. */
  readonly disk: { tracked: number }
  readonly counts: WatchCounts
  /** Whether programs still want something. */
  readonly asks: () => boolean
  readonly fault: (text: string) => void
  /** Breaks the service on purpose. */
  readonly breaks?: ((service: VotequorumService) => void) | undefined
}

export class WatchedNode implements SimNode {
  readonly #node: ClusterNode
  readonly #service: VotequorumService
  readonly #program: Program
  readonly #model: ModelNode
  readonly #options: WatchOptions
  #config: ClusterConfig
  #now = 0
  #askAt = Number.POSITIVE_INFINITY
  #synchronised = false
  /** Messages that one of both has sent and the other not yet. */
  readonly #sent: string[] = []
  readonly #modelSent: string[] = []
  /** The share of the synchronisation is sent as the queue has room. */
  #shareOpen = false
  #inService = false
  #broken = false

  constructor(config: SimNodeConfig, services: HostServices, options: WatchOptions, firstSeq: number) {
    const { cluster, disk } = options
    this.#options = options
    this.#config = cluster
    const tracked = disk.tracked
    const tracking: TrackingStore = {
      barrier: tracked,
      write: barrier => {
        disk.tracked = barrier
      },
    }
    this.#node = new ClusterNode({
      config,
      output: services.output,
      random: services.random,
      observer: services.observer,
      map: configMap(config.nodeId, cluster),
      expectedVotes: tracking,
      firstSeq,
    })
    if (this.#node.votequorum === undefined) throw new Error('a node without votequorum')
    this.#service = this.#node.votequorum
    this.#model = new ModelNode(config.nodeId, cluster, tracked, {
      send: message => this.#modelSent.push(textOf(message)),
      remember: () => {},
    })
    this.#program = new Program(this.#service)
    options.breaks?.(this.#service)
    this.#watch()
    this.#watchPort()
  }

  get executive(): ClusterNode['executive'] {
    return this.#node.executive
  }

  get ring(): ClusterNode['ring'] {
    return this.#node.ring
  }

  get cpg(): ClusterNode['cpg'] {
    return this.#node.cpg
  }

  get drained(): boolean {
    return this.#node.drained
  }

  start(now: number, ringSequence: number): void {
    this.#now = now
    this.#askAt = now + this.#options.prng.exponential(MEAN_PAUSE_MS)
    this.#node.start(now, ringSequence)
  }

  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    this.#now = now
    this.#node.receive(now, buf, off, len, from)
  }

  expire(now: number): void {
    this.#now = now
    if (now >= this.#askAt) {
      const pause = this.#options.prng.exponential(MEAN_PAUSE_MS)
      this.#askAt = now + Math.min(pause, PAUSE_MAX_MS)
      // Programs are let in when the node has agreed with others for the first time.
      if (this.#synchronised) this.#act()
    }
    this.#node.expire(now)
  }

  nextDeadline(): number {
    return Math.min(this.#node.nextDeadline(), this.#askAt)
  }

  interfaceChanged(now: number): void {
    this.#now = now
    this.#node.interfaceChanged(now)
  }

  prepareToLeave(now: number): void {
    this.#now = now
    this.#node.prepareToLeave(now)
  }

  leave(now: number): void {
    this.#now = now
    this.#node.leave(now)
  }

  #act(): void {
    const { prng, counts } = this.#options
    const node = this.#node
    node.advance(this.#now)
    if (!this.#options.asks()) {
      // Who goes takes his device along: a ring that nobody wants anything of is idle.
      if (this.#service.device.registered) this.#ask({ ask: 'unregister', node: node.nodeId })
      return
    }
    if (prng.chance(RELOADS)) {
      this.#config = randomReload(prng, this.#config)
      this.#both(
        'reload',
        () => this.#model.reload(this.#config),
        () => reload(node.map, node.nodeId, this.#config),
      )
      return
    }
    counts.requests++
    this.#ask(randomRequest(prng, this.#config, node.nodeId))
  }

  #ask(request: Request): void {
    this.#both(
      `ask ${JSON.stringify(request)}`,
      () => this.#model.results.push(this.#model.ask(request, this.#now)),
      () => this.#program.ask(request, this.#node.map),
    )
  }

  /** Puts the model beside everything that the service is told. */
  #watch(): void {
    const service = this.#service
    const { sync, handlers } = service
    const model = this.#model
    wrap(service, 'start', start => () => this.#both('start', () => model.start(), start))
    wrap(service, 'exit', exit => () => this.#both('exit', () => model.stop(), exit))
    wrap(service, 'expire', expire => now => {
      this.#both(
        'expire',
        () => model.expire(now),
        () => expire(now),
      )
    })
    let shared = false
    wrap(sync, 'init', init => (transitional, members, ring) => {
      shared = false
      this.#shareOpen = true
      this.#both(
        `ring ${ring.nodeId}.${ring.seq} of ${members}`,
        () => model.begin(members, this.#now),
        () => init(transitional, members, ring),
      )
    })
    wrap(sync, 'process', process => () => {
      let done = false
      this.#both(
        'share',
        () => {
          if (!shared) model.share()
          shared = true
        },
        () => {
          done = process()
          // False is also what a full queue means: then the rest of the share comes later.
          if (done || service.device.awaited) this.#shareOpen = false
        },
      )
      if (done && model.awaited) this.#fault('goes on without the device that the model waits for')
      return done
    })
    wrap(sync, 'activate', activate => () => {
      this.#both('activate', () => model.finish(), activate)
      this.#synchronised = true
    })
    handlers.forEach((handler, fn) => {
      wrap(handler, 'receive', receive => (buf, off, len, origin, little) => {
        const message = messageOf(fn, buf, off, len, little)
        this.#both(
          `hear ${origin}: ${message === undefined ? 'nothing' : textOf(message)}`,
          () => message !== undefined && model.receive(origin, message),
          () => receive(buf, off, len, origin, little),
        )
      })
    })
  }

  /** What the service hands to the ring, when it does. What waits in the outbox goes out later, and is not new then. */
  #watchPort(): void {
    const { port } = this.#node.executive
    const little = port.littleEndian
    const note = (buf: Uint8Array, off: number, len: number) => {
      const id = checkServiceMessage(buf, off, len, little)
      if (!this.#inService || serviceOf(id) !== ServiceId.votequorum) return
      const message = messageOf(functionOf(id), buf, off, len, little)
      this.#sent.push(message === undefined ? 'nothing' : textOf(message))
    }
    wrap(port, 'sendInSync', send => (buf, off, len) => {
      const sent = send(buf, off, len)
      if (sent) note(buf, off, len)
      return sent
    })
    wrap(port, 'sendSurely', send => (buf, off, len) => {
      note(buf, off, len)
      const inService = this.#inService
      this.#inService = false
      send(buf, off, len)
      this.#inService = inService
    })
  }

  #both(what: string, model: () => unknown, service: () => void): void {
    this.#inService = true
    model()
    service()
    this.#inService = false
    this.#compare(what)
  }

  #compare(what: string): void {
    const { counts, disk } = this.#options
    counts.compared++
    if (this.#broken) return
    const both = Math.min(this.#sent.length, this.#modelSent.length)
    for (let i = 0; i < both; i++) {
      if (this.#sent[i] !== this.#modelSent[i]) {
        this.#fault(`${what}: sends ${this.#sent[i]}; the model ${this.#modelSent[i]}`)
        return
      }
    }
    this.#sent.splice(0, both)
    this.#modelSent.splice(0, both)
    if ((this.#sent.length > 0 || this.#modelSent.length > 0) && !this.#shareOpen) {
      this.#fault(`${what}: also sends ${this.#sent}; the model ${this.#modelSent}`)
      return
    }
    const { results, told } = this.#program
    const { quorum, map } = this.#node
    const answer = answerOf(this.#service, quorum, map, results, told)
    const [got, wanted] = [showAnswer(answer), showAnswer(this.#model.answer())]
    if (answer.quorate) counts.quorate++
    if (got !== wanted) this.#fault(`${what}: ${got}; the model says ${wanted}`)
    if (answer.tracked > disk.tracked) this.#fault(`${what}: ${answer.tracked} tracked, ${disk.tracked} on disk`)
    this.#program.results = []
    this.#program.told = []
    this.#model.results = []
    this.#model.told = []
  }

  #fault(text: string): void {
    if (this.#broken) return
    this.#broken = true
    this.#options.fault(`node ${this.#node.nodeId} at ${this.#now.toFixed(1)} ms: ${text}`)
  }
}

/** Replaces a method by one that is made of it. */
function wrap<T extends object, K extends keyof T>(target: T, key: K, make: (method: T[K]) => T[K]): void {
  const method = target[key]
  if (typeof method !== 'function') throw new TypeError(`${String(key)} is no method`)
  Object.defineProperty(target, key, { value: make(method.bind(target) as T[K]) })
}

/** A message of votequorum as the model has it; undefined for one that it has no word for. */
function messageOf(fn: number, buf: Uint8Array, off: number, len: number, little: boolean): Message | undefined {
  if (fn === VotequorumFunction.nodeInfo) {
    const info = createNodeInfo()
    if (!readNodeInfo(buf, off, len, little, info)) return undefined
    const { nodeId, votes, expected, flags } = info
    if (nodeId === QDEVICE_NODE_ID) return { kind: 'device', votes }
    const has = (flag: number) => (flags & flag) !== 0
    return {
      kind: 'node',
      of: nodeId,
      about: {
        state: 'member',
        votes,
        expected,
        quorate: has(NodeFlag.QUORATE),
        leaving: has(NodeFlag.LEAVING),
        waiting: has(NodeFlag.WFA_STATUS),
        first: has(NodeFlag.FIRST),
        registered: has(NodeFlag.QDEVICE_REGISTERED),
        alive: has(NodeFlag.QDEVICE_ALIVE),
        castVote: has(NodeFlag.QDEVICE_CAST_VOTE),
        master: has(NodeFlag.QDEVICE_MASTER_WINS),
      },
    }
  }
  if (fn === VotequorumFunction.reconfigure) {
    const message = readReconfigure(buf, off, len, little)
    if (message === undefined) return undefined
    const { nodeId: of, value: votes, param } = message
    if (param === ReconfigureParam.EXPECTED_VOTES) return { kind: 'expected', of, votes }
    if (param === ReconfigureParam.NODE_VOTES) return { kind: 'votes', of, votes }
    return param === ReconfigureParam.CANCEL_WAIT_FOR_ALL ? { kind: 'cancel', of } : undefined
  }
  if (fn === VotequorumFunction.qdeviceReg) {
    const message = readQdeviceReg(buf, off, len, little)
    return message && { kind: message.register ? 'register' : 'unregister' }
  }
  return undefined
}

function textOf(message: Message): string {
  switch (message.kind) {
    case 'node': {
      const { votes, expected, leaving, about } = { ...message.about, about: message.about }
      const flags = (['quorate', 'waiting', 'first', 'registered', 'alive', 'castVote', 'master'] as const).filter(
        flag => about[flag],
      )
      return `node ${message.of} ${votes}/${expected} ${flags.join(' ')}${leaving ? ' leaving' : ''}`
    }
    case 'device':
      return `device ${message.votes}`
    case 'expected':
    case 'votes':
      return `${message.kind} ${message.of} ${message.votes}`
    case 'cancel':
      return `cancel ${message.of}`
    case 'register':
    case 'unregister':
      return message.kind
  }
}
