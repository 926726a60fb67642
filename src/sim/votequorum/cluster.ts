// The services votequorum and quorum of a cluster on an idealised ring: what is sent is delivered to all members in one order,
// and every synchronisation goes through its steps. No Totem, no packets, no barriers: thousands of histories a minute. In: a
// history, step by step. Out: what every node answers. How it goes on real rings: the rest of sim/.

import type { MapValue } from '../../config/map.js'
import { LiveMap } from '../../services/cmap/live-map.js'
import { CsError, type CsErrorCode } from '../../services/errors.js'
import type { Client } from '../../services/library.js'
import { QuorumService } from '../../services/quorum/service.js'
import type { RingPort } from '../../services/types.js'
import { VotequorumService, type VotequorumServiceOptions } from '../../services/votequorum/service.js'
import { readS32, readU32 } from '../../wire/cursor.js'
import { TrackFlag } from '../../wire/quorum-ipc.js'
import { checkServiceMessage, functionOf } from '../../wire/service.js'
import { NodeFlag } from '../../wire/votequorum.js'
import { VotequorumEvent, VotequorumRequest, writeVotequorumRequest } from '../../wire/votequorum-ipc.js'
import type { ClusterConfig, NodeAnswer, Request, Step } from './history.js'

const LITTLE = true
const DEVICE_NAME = 'qdevice'
const EVENT_VALUE = 32
/** From one ring to the next, as in Totem. */
const RING_STEP = 4
const RELOAD_IN_PROGRESS = 'config.totemconfig_reload_in_progress'
const RELOAD_STATUS = 'config.reload_status'

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

class IdealNode implements RingPort, Client {
  readonly nodeId: number
  readonly littleEndian = LITTLE
  readonly serial = 1
  readonly pid = 1
  readonly uid = 0
  readonly gid = 0
  readonly map: LiveMap
  readonly quorum = new QuorumService({ log: () => {}, provider: 'votequorum' })
  readonly service: VotequorumService
  readonly #cluster: IdealCluster
  ring: Ring | undefined
  /** Before there is a ring, or until its synchronisation ends. */
  readonly early: Uint8Array[] = []
  readonly held: Uint8Array[] = []
  results: number[] = []
  told: number[] = []
  #asking = false

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
    this.service.library.connected(this)
    this.ask(VotequorumRequest.trackStart, { flags: TrackFlag.CHANGES_ONLY })
    this.results.length = 0
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

  respond(buf: Uint8Array, off: number): void {
    const error = readS32(buf, off + 16, LITTLE)
    if (this.#asking) this.results[this.results.length - 1] = error
    else if (error !== CsError.OK) throw new Error(`a registration failed with ${error}`)
  }

  notify(head: Uint8Array, headOff: number): void {
    if (readS32(head, headOff, LITTLE) === VotequorumEvent.expectedVotes) {
      this.told.push(readU32(head, headOff + EVENT_VALUE, LITTLE))
    }
  }

  drop(): void {}

  /** As a program does, through the bytes of the request. A registration is answered later; it counts as granted. */
  ask(request: number, fields: Parameters<typeof writeVotequorumRequest>[1]): void {
    const bytes = writeVotequorumRequest(request, fields)
    this.results.push(CsError.OK)
    this.#asking = true
    this.service.library.requests[request]!.handle(this, bytes, 0, bytes.length)
    this.#asking = false
  }

  answer(): NodeAnswer {
    const { state, lastManStanding, device } = this.service
    const number = (key: string) => this.map.getNumber(`runtime.votequorum.${key}`, 'u32') ?? 0
    const has = (flag: number, letter: string) => (state.has(flag) ? letter : '')
    return {
      quorate: state.quorate,
      expected: state.us.expected,
      highest: state.highestExpected,
      total: state.totalVotes(state.has(NodeFlag.QDEVICE_CAST_VOTE)),
      quorum: state.quorum,
      twoNode: this.map.getNumber('runtime.votequorum.two_node', 'u8') === 1,
      waitForAll: state.waitForAll,
      waiting: state.waiting,
      lastManStanding,
      reported: this.quorum.quorate,
      nodes: state.nodes.map(node => `${node.nodeId}:${node.state}:${node.votes}`),
      device:
        (device.registered ? 'R' : '') +
        has(NodeFlag.QDEVICE_ALIVE, 'A') +
        has(NodeFlag.QDEVICE_CAST_VOTE, 'V') +
        has(NodeFlag.QDEVICE_MASTER_WINS, 'M') +
        state.deviceVotes,
      barrier: number('ev_barrier'),
      tracked: state.tracking ? state.trackingBarrier : 0,
      lowest: number('lowest_node_id'),
      highestId: number('highest_node_id'),
      results: this.results,
      told: this.told,
    }
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
      node.results = []
      node.told = []
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
        for (const request of step.requests) this.#ask(this.#node(request.node), request)
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

  #ask(node: IdealNode, request: Request): void {
    const name = DEVICE_NAME
    switch (request.ask) {
      case 'expected':
        node.ask(VotequorumRequest.setExpected, { value: request.votes })
        break
      case 'votes':
        node.ask(VotequorumRequest.setVotes, { value: request.votes, nodeId: request.of })
        break
      case 'cancel':
        node.results.push(CsError.OK satisfies CsErrorCode)
        node.map.set('quorum.cancel_wait_for_all', { type: 'u8', value: 1 })
        break
      case 'register':
        node.ask(VotequorumRequest.qdeviceRegister, { name })
        break
      case 'unregister':
        node.ask(VotequorumRequest.qdeviceUnregister, { name })
        break
      case 'poll': {
        const { nodeId, seq } = node.service.ring
        const ring = { nodeId, seq: request.stale ? seq + 1 : seq }
        node.ask(VotequorumRequest.qdevicePoll, { name, value: request.castVote ? 1 : 0, ring })
        break
      }
      case 'master':
        node.ask(VotequorumRequest.qdeviceMasterWins, { name, value: request.allow ? 1 : 0 })
        break
    }
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

function configMap(nodeId: number, config: ClusterConfig): LiveMap {
  const map = new LiveMap()
  for (const [key, value] of entries(nodeId, config)) map.set(key, value)
  return map
}

function reload(map: LiveMap, nodeId: number, config: ClusterConfig): void {
  map.set(RELOAD_IN_PROGRESS, { type: 'u8', value: 1 })
  const wanted = new Map(entries(nodeId, config))
  for (const prefix of ['quorum.', 'nodelist.']) {
    for (const key of map.keys(prefix)) {
      if (!wanted.has(key) && !key.endsWith('cancel_wait_for_all')) map.delete(key)
    }
  }
  for (const [key, value] of wanted) map.set(key, value)
  map.set(RELOAD_STATUS, { type: 'i32', value: CsError.OK })
  map.set(RELOAD_IN_PROGRESS, { type: 'u8', value: 0 })
}

function entries(nodeId: number, config: ClusterConfig): [string, MapValue][] {
  const found: [string, MapValue][] = []
  const u32 = (key: string, value: number | undefined) => {
    if (value !== undefined) found.push([key, { type: 'u32', value }])
  }
  const u8 = (key: string, value: boolean | undefined) => {
    if (value !== undefined) found.push([key, { type: 'u8', value: value ? 1 : 0 }])
  }
  const str = (key: string, value: string | undefined) => {
    if (value !== undefined) found.push([key, { type: 'str', value }])
  }
  str('quorum.provider', 'corosync_votequorum')
  u32('quorum.expected_votes', config.expectedVotes)
  u8('quorum.two_node', config.twoNode)
  u8('quorum.wait_for_all', config.waitForAll)
  u8('quorum.last_man_standing', config.lastManStanding)
  u32('quorum.last_man_standing_window', config.lastManStandingWindowMs)
  u8('quorum.auto_tie_breaker', config.tieBreaker === undefined ? undefined : true)
  const { tieBreaker } = config
  str('quorum.auto_tie_breaker_node', typeof tieBreaker === 'object' ? tieBreaker.join(' ') : tieBreaker)
  u8('quorum.allow_downscale', config.allowDownscale)
  u8('quorum.expected_votes_tracking', config.expectedVotesTracking)
  if (config.device !== undefined) {
    str('quorum.device.model', 'net')
    u32('quorum.device.votes', config.device.votes)
    u32('quorum.device.timeout', config.device.timeoutMs)
    u32('quorum.device.sync_timeout', config.device.syncTimeoutMs)
  }
  Object.entries(config.votes).forEach(([id, votes], position) => {
    u32(`nodelist.node.${position}.nodeid`, Number(id))
    if (votes !== 1) u32(`nodelist.node.${position}.quorum_votes`, votes)
    if (Number(id) === nodeId) u32('nodelist.local_node_pos', position)
  })
  return found
}
