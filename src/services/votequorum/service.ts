// The vote quorum service, service 5: nodes tell each other their votes in every synchronisation, and each one finds out for
// itself whether those that are here make a quorum (spec: services 4). In: messages of the ring, the steps of
// synchronisation, changes of the configuration map, requests of programs, deadlines. Out: messages, reports to the quorum
// service, events for programs, keys of the map. Times are in milliseconds and come from the caller.

import type { LogLevel, LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import type { RingIdentity } from '../../totem/types.js'
import type { QuorumView } from '../../wire/quorum-ipc.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import {
  createNodeInfo,
  NodeFlag,
  type NodeInfo,
  QDEVICE_NODE_ID,
  ReconfigureParam,
  readNodeInfo,
  readQdeviceReconfigure,
  readQdeviceReg,
  readReconfigure,
  VOTEQUORUM_MESSAGE_MAX,
  VOTEQUORUM_NODE_INFO_LENGTH,
  VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH,
  VOTEQUORUM_QDEVICE_REG_LENGTH,
  VOTEQUORUM_RECONFIGURE_LENGTH,
  writeNodeInfo,
  writeQdeviceReconfigure,
  writeQdeviceReg,
  writeReconfigure,
} from '../../wire/votequorum.js'
import { VOTEQUORUM_NODES_MAX } from '../../wire/votequorum-ipc.js'
import type { LiveMap } from '../cmap/live-map.js'
import { CsError, type CsErrorCode } from '../errors.js'
import { refused } from '../quorum/provider.js'
import type { RingHandler, RingPort, Service } from '../types.js'
import { Device } from './device.js'
import { VotequorumLibrary } from './library.js'
import { RuntimeKeys } from './runtime-keys.js'
import { type Features, readFeatures, readSettings, START_KEYS, type VoteSettings } from './settings.js'
import { NodeState, VoteState } from './state.js'

/** The configuration and its status, as the part that reloads it writes them. */
const RELOAD_KEY = 'config.totemconfig_reload_in_progress'
const RELOAD_STATUS_KEY = 'config.reload_status'
const CANCEL_KEY = 'quorum.cancel_wait_for_all'

/** Where the highest expected votes ever are kept from one start to the next. */
export interface TrackingStore {
  /** What was stored; 0 at the first start. */
  readonly barrier: number
  write(barrier: number): void
}

export interface VotequorumServiceOptions {
  readonly port: RingPort
  readonly map: LiveMap
  readonly log: LogSink
  readonly now: () => number
  /** Of the quorum service: what it tells the world. */
  readonly report: (view: QuorumView) => void
  /** Left out: nothing is remembered. */
  readonly tracking?: TrackingStore | undefined
}

const NO_RING: RingIdentity = { nodeId: 0, seq: 0 }

export class VotequorumService implements Service {
  readonly id = ServiceId.votequorum
  readonly name = SERVICE_DISPLAY_NAMES.votequorum
  readonly priority = 2
  readonly handlers: readonly RingHandler[]
  readonly sync: SyncSteps
  readonly library: VotequorumLibrary
  readonly state: VoteState
  readonly device: Device
  readonly features: Features
  readonly #options: VotequorumServiceOptions
  readonly #keys: RuntimeKeys
  readonly #log: (level: LogLevel, message: string) => void
  #lastManStanding: boolean
  #ring: RingIdentity = NO_RING
  /** When the nodes that are here become all there are; Infinity when that is not planned. */
  #windowDeadline = Number.POSITIVE_INFINITY
  /** Shares of this synchronisation that have been sent. */
  #sharesSent = 0
  /** This node's barrier stands behind everything that belongs to the synchronisation. */
  #shareComplete = true
  #readingMap = false
  #leaving = false
  readonly #info: NodeInfo = createNodeInfo()
  readonly #bytes = new Uint8Array(VOTEQUORUM_MESSAGE_MAX)

  /** Throws QuorumConfigurationError when the map's settings contradict each other. */
  constructor(options: VotequorumServiceOptions) {
    const { port, map, log, tracking } = options
    this.#options = options
    this.#log = (level, message) => log(level, 'VOTEQ', message)
    this.#keys = new RuntimeKeys(map)
    this.state = new VoteState(port.nodeId, {
      log: this.#log,
      expectedVotesChanged: expected => this.library.expectedVotesChanged(expected),
      quorateChanged: () => this.#report(),
      trackingBarrierChanged: barrier => this.#storeBarrier(barrier),
      waitForAllStatusChanged: waiting => this.#keys.waitForAllStatus(waiting),
      extremesChanged: (lowest, highest) => this.#keys.extremes(lowest, highest),
    })
    this.device = new Device(this, this.#log)
    this.library = new VotequorumLibrary(this)
    this.handlers = [
      handler('nodeinfo', VOTEQUORUM_NODE_INFO_LENGTH, (buf, off, len, origin, little) =>
        this.#receiveNodeInfo(buf, off, len, origin, little),
      ),
      handler('reconfigure', VOTEQUORUM_RECONFIGURE_LENGTH, (buf, off, len, origin, little) =>
        this.#receiveReconfigure(buf, off, len, origin, little),
      ),
      handler('qdevice_reg', VOTEQUORUM_QDEVICE_REG_LENGTH, (buf, off, len, origin, little) => {
        const message = readQdeviceReg(buf, off, len, little)
        if (message !== undefined) this.device.registrationReceived(origin, message)
      }),
      handler('qdevice_reconfigure', VOTEQUORUM_QDEVICE_RECONFIGURE_LENGTH, (buf, off, len) => {
        const message = readQdeviceReconfigure(buf, off, len)
        if (message !== undefined) this.device.renamed(message)
      }),
    ]
    this.sync = {
      init: (_, members, ring) => this.#syncBegins(members, ring),
      process: () => this.#share(),
      activate: () => this.#syncEnds(),
      abort() {},
    }
    this.#log('debug', 'Reading configuration (runtime: 0)')
    this.features = readFeatures(map, this.#log)
    this.#lastManStanding = this.features.lastManStanding
    this.state.allowDownscale = this.features.allowDownscale
    this.state.tracking = this.features.tracking
    this.state.trackingBarrier = this.features.tracking ? (tracking?.barrier ?? 0) : 0
    this.#readAtStart()
  }

  get ring(): RingIdentity {
    return this.#ring
  }

  get lastManStanding(): boolean {
    return this.#lastManStanding
  }

  get now(): number {
    return this.#options.now()
  }

  /** The node is about to look for others: its votes are the first thing that its first ring hears. */
  start(): void {
    this.state.recalculate(false, false)
    this.#options.port.sendInSync(this.#bytes, 0, this.#writeNodeInfo())
  }

  /** When `expire` is wanted, in ms. */
  nextDeadline(): number {
    return Math.min(this.#windowDeadline, this.device.deadline)
  }

  expire(now: number): void {
    if (now >= this.#windowDeadline) {
      this.#windowDeadline = Number.POSITIVE_INFINITY
      if (this.state.quorate) this.state.recalculate(true, true)
    }
    if (now >= this.device.deadline) this.device.pollOverdue()
  }

  exit(): void {
    if (!this.features.allowDownscale) return
    this.#leaving = true
    this.state.setFlag(NodeFlag.LEAVING, true)
    this.sendNodeInfo()
  }

  exited(): boolean {
    return !this.#leaving || this.state.us.state === NodeState.LEAVING
  }

  // What programs ask for, beyond looking (library.ts).

  setExpected(expected: number): CsErrorCode {
    const { state } = this
    const { quorum, total } = state.calculate(true, expected, false)
    if (expected < total || (state.quorate && quorum > total)) return CsError.INVALID_PARAM
    // Who asks and looks at once sees the answer; the others, and the quorum, follow with the message.
    state.setExpectedOfMembers(expected)
    this.#sendReconfigure(state.us.nodeId, expected, ReconfigureParam.EXPECTED_VOTES)
    return CsError.OK
  }

  /** Node id 0 is the quorum device. */
  setVotes(nodeId: number, votes: number): CsErrorCode {
    const { state } = this
    const before = state.votesOf(nodeId)
    if (before === undefined) return CsError.NAME_NOT_FOUND
    state.setVotesOf(nodeId, votes)
    const { quorum, total } = state.calculate(true, 0)
    if (quorum < Math.floor(total / 2) || quorum > total) {
      state.setVotesOf(nodeId, before)
      return CsError.INVALID_PARAM
    }
    this.#sendReconfigure(nodeId, votes, ReconfigureParam.NODE_VOTES)
    return CsError.OK
  }

  // What is sent.

  sendNodeInfo(): void {
    this.#send(this.#writeNodeInfo())
  }

  sendDeviceInfo(): void {
    this.#send(this.#writeDeviceInfo())
  }

  deviceHeard(): void {
    this.#options.port.requestToken()
  }

  sendRegistration(register: boolean, name: string): void {
    this.#send(writeQdeviceReg({ register, name }, this.#bytes, 0, this.#options.port.littleEndian))
  }

  sendRename(oldName: string, newName: string): void {
    this.#send(writeQdeviceReconfigure({ oldName, newName }, this.#bytes, 0, this.#options.port.littleEndian))
  }

  #sendReconfigure(nodeId: number, value: number, param: number): void {
    this.#send(writeReconfigure({ nodeId, value, param }, this.#bytes, 0, this.#options.port.littleEndian))
  }

  #writeNodeInfo(): number {
    const { nodeId, votes, expected, flags } = this.state.us
    const info = { nodeId, votes, expected, flags }
    return writeNodeInfo(info, this.#bytes, 0, this.#options.port.littleEndian)
  }

  #writeDeviceInfo(): number {
    const info = { nodeId: QDEVICE_NODE_ID, votes: this.state.deviceVotes, expected: 0, flags: 0 }
    return writeNodeInfo(info, this.#bytes, 0, this.#options.port.littleEndian)
  }

  /** As part of the synchronisation while this node's share of it goes on; what comes later waits for its end. */
  #send(length: number): void {
    const { port } = this.#options
    if (this.state.synchronising && !this.#shareComplete && port.sendInSync(this.#bytes, 0, length)) return
    port.sendSurely(this.#bytes, 0, length)
  }

  // Synchronisation.

  #syncBegins(members: readonly number[], ring: RingIdentity): void {
    const { state } = this
    state.synchronising = true
    this.#sharesSent = 0
    this.#shareComplete = false
    if (members.length > 1) state.setFlag(NodeFlag.FIRST, false)
    let someoneLeft = false
    for (const nodeId of state.members) {
      if (members.includes(nodeId)) continue
      someoneLeft = true
      const node = state.find(nodeId)
      if (node !== undefined) node.state = NodeState.DEAD
    }
    if (this.#lastManStanding && this.#windowOpens(members.length, someoneLeft)) {
      this.#windowDeadline = this.now + this.features.lastManStandingWindowMs
    }
    state.previousMembers = state.members
    state.members = members
    this.#ring = ring
    this.device.syncBegins()
  }

  #windowOpens(members: number, someoneLeft: boolean): boolean {
    const { quorum, tieBreaker, lowestPresent } = this.state
    if (members >= quorum && someoneLeft) return true
    return members <= quorum && tieBreaker.kind !== 'none' && lowestPresent
  }

  /** False while something does not fit the queue, or the device has not voted yet. */
  #share(): boolean {
    if (this.#shareComplete) return true
    const { port } = this.#options
    const { name } = this.device
    while (this.#sharesSent < (name === undefined ? 2 : 3)) {
      const length =
        this.#sharesSent === 0
          ? this.#writeNodeInfo()
          : this.#sharesSent === 1
            ? this.#writeDeviceInfo()
            : writeQdeviceReg({ register: true, name: name ?? '' }, this.#bytes, 0, port.littleEndian)
      if (!port.sendInSync(this.#bytes, 0, length)) return false
      this.#sharesSent++
      if (this.#sharesSent === 1) this.library.membershipChanged()
    }
    if (this.device.awaited) return false
    this.#shareComplete = true
    return true
  }

  #syncEnds(): void {
    this.state.recalculate(false, false)
    this.#report()
    this.state.synchronising = false
  }

  #report(): void {
    const { state } = this
    this.#options.report({ quorate: state.quorate, ring: this.#ring, members: state.members })
    this.library.quorumChanged()
  }

  // Messages.

  #receiveNodeInfo(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const info = this.#info
    if (!readNodeInfo(buf, off, len, little, info)) return
    this.#log('debug', `got nodeinfo message from cluster node ${origin}`)
    this.#log(
      'debug',
      `nodeinfo message[${info.nodeId}]: votes: ${info.votes}, expected: ${info.expected} flags: ${info.flags}`,
    )
    if (info.nodeId === QDEVICE_NODE_ID) this.#deviceInfo(info, origin)
    else this.#nodeInfo(info)
  }

  #deviceInfo(info: NodeInfo, origin: number): void {
    const { state } = this
    const sender = state.find(origin)
    if (sender === undefined) return
    const senderKnows = !state.quorate && (sender.flags & NodeFlag.QUORATE) !== 0
    const votes = senderKnows ? info.votes : Math.max(state.deviceVotes, info.votes)
    if (votes === state.deviceVotes) return
    state.deviceVotes = votes
    state.recalculate(false, false)
  }

  #nodeInfo(info: NodeInfo): void {
    const { state } = this
    const { us } = state
    let node = state.find(info.nodeId)
    const isNew = node === undefined
    if (node === undefined) {
      if (state.nodes.length >= VOTEQUORUM_NODES_MAX) return
      node = state.add(info.nodeId)
    }
    const before = { ...node }
    const leaving = (info.flags & NodeFlag.LEAVING) !== 0
    const memberQuorate = (info.flags & NodeFlag.QUORATE) !== 0
    let allowDecrease = leaving
    node.votes = info.votes
    // What this node says of itself comes back late; its own flags have never been anything else than true.
    if (node !== us) node.flags = info.flags
    node.state = leaving ? NodeState.LEAVING : NodeState.MEMBER
    if (!state.quorate && memberQuorate) {
      allowDecrease = true
      us.expected = info.expected
    }
    node.expected = memberQuorate || state.tracking ? info.expected : us.expected
    if (this.#lastManStanding && node.votes > 1) {
      this.#log(
        'warning',
        'Last Man Standing feature is supported only when all cluster nodes votes are set to 1. Disabling LMS.',
      )
      this.#lastManStanding = false
      this.#windowDeadline = Number.POSITIVE_INFINITY
    }
    const changed =
      node.votes !== before.votes ||
      node.expected !== before.expected ||
      node.flags !== before.flags ||
      node.state !== before.state
    if (isNew || node === us || (info.flags & NodeFlag.FIRST) !== 0 || changed) {
      state.recalculate(allowDecrease, leaving)
    }
    if (state.waitForAll && memberQuorate && (info.flags & NodeFlag.WFA_STATUS) === 0) state.setWaiting(false)
  }

  #receiveReconfigure(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readReconfigure(buf, off, len, little)
    if (message === undefined) return
    const { state } = this
    this.#log('debug', `got reconfigure message from cluster node ${origin} for ${message.nodeId}`)
    switch (message.param) {
      case ReconfigureParam.EXPECTED_VOTES:
        state.setExpectedOfMembers(message.value)
        this.library.expectedVotesChanged(message.value)
        this.#setBarrier(message.value)
        if (state.tracking) state.us.expected = Math.max(state.us.expected, state.trackingBarrier)
        state.recalculate(true, false)
        break
      case ReconfigureParam.NODE_VOTES:
        if (state.votesOf(message.nodeId) === undefined) break
        state.setVotesOf(message.nodeId, message.value)
        state.recalculate(true, false)
        break
      case ReconfigureParam.CANCEL_WAIT_FOR_ALL:
        this.#log('info', `wait_for_all_status reset by user on node ${message.nodeId}.`)
        state.setWaiting(false)
        state.recalculate(false, false)
        break
    }
  }

  // Configuration.

  #readAtStart(): void {
    const { map, log } = this.#options
    const { state, features } = this
    const result = readSettings(map, {
      features,
      running: false,
      trackingBarrier: state.trackingBarrier,
      deviceRegistered: false,
      log: this.#log,
    })
    if (!result.ok) throw refused('corosync_votequorum', result.error, log)
    for (const key of START_KEYS) map.setReadOnly(key)
    this.#keys.thisNodeId(state.us.nodeId)
    if (map.getNumber('quorum.auto_tie_breaker', 'u8')) this.#keys.tieBreaker(result.settings.tieBreaker.kind)
    this.#apply(result.settings)
    if (result.settings.waitForAll) state.setWaiting(true)
    const listener = (change: { readonly key: string }) => this.#mapChanged(change.key)
    map.track('quorum.', listener, { prefix: true })
    map.track('nodelist.', listener, { prefix: true })
    map.track(RELOAD_KEY, listener)
  }

  #mapChanged(key: string): void {
    const { map } = this.#options
    // Our own writes under quorum. come back here.
    if (this.#readingMap || map.getNumber(RELOAD_KEY, 'u8') === 1) return
    if (key === RELOAD_KEY && map.get(RELOAD_STATUS_KEY)?.value !== CsError.OK) return
    this.#readingMap = true
    if ((map.getNumber(CANCEL_KEY, 'u8') ?? 0) >= 1) {
      map.set(CANCEL_KEY, { type: 'u8', value: 0 })
      this.#sendReconfigure(this.state.us.nodeId, 0, ReconfigureParam.CANCEL_WAIT_FOR_ALL)
    } else {
      this.#readWhileRunning()
    }
    this.#readingMap = false
  }

  #readWhileRunning(): void {
    const { state, features, device } = this
    const { votes, expected, nodeId } = state.us
    this.#log('debug', 'Reading configuration (runtime: 1)')
    const result = readSettings(this.#options.map, {
      features,
      running: true,
      trackingBarrier: state.trackingBarrier,
      deviceRegistered: device.registered,
      log: this.#log,
    })
    if (!result.ok) {
      this.#log('crit', result.error)
      return
    }
    const { settings } = result
    this.#keys.tieBreaker(settings.tieBreaker.kind)
    this.#apply(settings)
    if (!settings.waitForAll && state.waiting) state.setWaiting(false)
    this.sendNodeInfo()
    this.sendDeviceInfo()
    if (settings.votes !== votes) this.#sendReconfigure(nodeId, settings.votes, ReconfigureParam.NODE_VOTES)
    if (settings.expected !== expected)
      this.#sendReconfigure(nodeId, settings.expected, ReconfigureParam.EXPECTED_VOTES)
  }

  #apply(settings: VoteSettings): void {
    const { state } = this
    state.us.votes = settings.votes
    state.us.expected = settings.expected
    state.twoNode = settings.twoNode
    state.waitForAll = settings.waitForAll
    state.tieBreaker = settings.tieBreaker
    state.deviceVotes = settings.device?.votes ?? 0
    this.device.settings = settings.device
    this.#keys.twoNode(settings.twoNode)
    if (settings.device !== undefined) this.#keys.deviceCanOperate(settings.device.canOperate)
    this.#setBarrier(settings.expected)
  }

  #setBarrier(votes: number): void {
    this.state.barrier = votes
    this.#keys.barrier(votes)
  }

  #storeBarrier(barrier: number): void {
    this.#keys.trackingBarrier(barrier)
    this.#options.tracking?.write(barrier)
  }

  setMasterWins(allow: boolean): void {
    this.state.masterWins = allow
    this.#keys.masterWins(allow)
  }
}

function handler(name: string, minLength: number, receive: RingHandler['receive']): RingHandler {
  return { name, minLength, receive }
}
