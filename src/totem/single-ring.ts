// The single-ring machine of Totem: ordered multicast and membership in one class of four states (spec: totem 4).
// In: datagrams, passed deadlines, frames to send. Out: datagrams (TotemLower), deliveries and configuration changes in
// total order (TotemUpper), events. It knows nothing of sockets, clocks, process groups, or the bytes of a generation.

import {
  type CommitToken,
  copyRingId,
  createCommitEntry,
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createRingId,
  createTokenHoldCancel,
  FRAME_SIZE_MAX,
  type Join,
  type McastHeader,
  MessageType,
  PROCESSOR_COUNT_MAX,
  type Processor,
  type RingId,
  sameRingId,
  type WireGeneration,
} from '../wire/generation.js'
import { Absent } from './absent.js'
import { CONTINUOUS_GATHER_MAX, createTotemStats, type GatherReason, type TotemEvent } from './events.js'
import { FlowControl } from './flow-control.js'
import { type Frame, FramePool } from './frame.js'
import { GatherSets, type JoinEffect } from './gather-sets.js'
import type { TotemParameters } from './parameters.js'
import { ORDINARY, ReceiveLog, WRAPPER } from './receive-log.js'
import { fillCommitEntry, prepareMcastHeader, RETRANS_QUEUE_SIZE, Recovery } from './recovery.js'
import { requestMissing, Served, serveRequests } from './retransmission.js'
import { SendQueue } from './send-queue.js'
import { seqLess, seqLessOrEqual, seqNext } from './sequence.js'
import { SORT_QUEUE_SIZE } from './sort-queue.js'
import { TimerTable } from './timers.js'
import { TokenSamples } from './token-samples.js'
import type { ConfigurationChange, RingIdentity, TotemLower, TotemObserver, TotemState, TotemUpper } from './types.js'

/** Bytes that the send queue may hold; with the frame size it gives the number of places (spec: totem 6.5). */
const SEND_QUEUE_BYTES = 4 * 1048576
/** Places that are never offered to the layer above. */
const SEND_QUEUE_RESERVE = 2
/** The aru of a ring's first token: "minus one", so that nobody is taken to lag behind it. */
const ARU_BEFORE_FIRST = 0xffffffff
/**
 * How far one join or commit token can raise the ring sequence number known here. Rings count in fours, so a true one
 * is never further away; whoever forges one raises a node by this much, and the others follow with its next join.
 */
const RING_SEQ_STEP_MAX = 2 ** 36
/** Joins raise it to this at most: from here on it only counts, as far as integers go. */
const RING_SEQ_MAX = 2 ** 52
/** No rotation raises a ring's sequence number by as much: a token that says so is none of this ring's. */
const TOKEN_SEQ_STEP_MAX = 2 * SORT_QUEUE_SIZE
/**
 * Visits in RECOVERY during which everybody has everything, nobody sends, and yet the token says that old messages are
 * to come. Only a forged token does that, and it would go round for ever.
 */
const STALLED_RECOVERY_VISITS = 100
/** Calls for those who are absent, in the time that a loss of the token and the agreement after it take (a round). */
const CALLS_PER_ROUND = 4
/**
 * Joins that are sent in the time in which an outsider's refusal is not believed again. The answer to a refusal comes with
 * the next join, so it has to be a few.
 */
const WARY_JOINS = 4
/** Events without content that come with every idle rotation. */
const TOKEN_HELD: TotemEvent = { kind: 'tokenHeld' }
const TOKEN_RESENT: TotemEvent = { kind: 'tokenResent' }
const SYNCHRONISED: TotemEvent = { kind: 'synchronised' }

export interface SingleRingOptions {
  readonly nodeId: number
  readonly wire: WireGeneration
  readonly parameters: TotemParameters
  readonly lower: TotemLower
  readonly upper: TotemUpper
  readonly random: () => number
  readonly event: (event: TotemEvent) => void
  readonly observer?: TotemObserver | undefined
  /** Tests only: sequence number from which a new ring counts, so that the wrap is near (spec: totem 5). */
  readonly firstSeq?: number
}

export class SingleRing {
  readonly stats = createTotemStats()
  /** Frames for whoever packs messages; the payload stands `headerLength` behind `frame.off`. */
  readonly pool: FramePool
  readonly headerLength: number
  /** The byte order in which this node writes. */
  readonly littleEndian: boolean
  /** Places of one send queue. */
  readonly queueSize: number

  readonly #wire: WireGeneration
  #parameters: TotemParameters
  readonly #lower: TotemLower
  readonly #upper: TotemUpper
  readonly #random: () => number
  readonly #event: (event: TotemEvent) => void
  readonly #observer: TotemObserver | undefined
  readonly #self: Processor
  readonly #nodeId: number
  readonly #firstSeq: number
  readonly #timers = new TimerTable()

  #now = 0
  #running = false
  #state: TotemState = 'gather'

  // Rings. `#ring` is the current one or the one being formed; `#oldRing` the last one in which messages were kept.
  readonly #ring = createRingId()
  readonly #oldRing = createRingId()
  #highestRingSeq = 0
  #snapshotTaken = false
  /** How long the present round of GATHER waits for consensus. */
  #consensusMs = 0

  // Members, in ring order.
  #members: Processor[] = []
  /**
   * A token has come since the installation: it has been everywhere, all members have installed the ring. Until then
   * nobody from outside is listened to (they repeat themselves): a gathering now would find members that have not yet
   * forgotten whom they held for failed, and two rings could interrupt each other like that for ever.
   */
  #whole = false
  #newMembers: Processor[] = []
  readonly #absent = new Absent()
  /**
   * Until when an outsider is not believed that it holds me for failed. Two rings of one that are just coming together
   * form new rings in an instant when each believes the last but one join of the other, and could go on like that for
   * long: after one such belief there is a pause.
   */
  readonly #waryUntil = new Map<Processor, number>()
  readonly #announcedLeave = new Set<Processor>()
  readonly #sets: GatherSets
  readonly #recovery = new Recovery()

  // Receipt and delivery.
  readonly #log: ReceiveLog

  // The token.
  #tokenTarget: Processor = 0
  #discardTokens = true
  #originatedToken = false
  #lastTokenSeq = ARU_BEFORE_FIRST
  #lastAru = 0
  #lastSeq = 0
  /** The ring's sequence number when the token last left here. */
  #leftWithSeq = 0
  /** Visits in a row in which RECOVERY did not move; hold cancels of those who wait to send do not count as movement. */
  #stalledVisits = 0
  #seqUnchanged = 0
  #held = false
  #aruUnchanged = 0
  #failedToReceive = false
  readonly #flow: FlowControl
  readonly #samples = new TokenSamples()
  readonly #served = new Served()
  /** The last token sent (of either kind), byte for byte, for retransmission. */
  readonly #copy: Uint8Array
  #copyLength = 0

  // What waits for the token.
  readonly #newQueue: SendQueue
  readonly #transitionalQueue: SendQueue
  readonly #retransQueue = new SendQueue(RETRANS_QUEUE_SIZE)
  #transitional = true
  #thisSeqno = 0

  // Pause detection.
  #pauseStamp = 0
  #pauseGap = 0

  // Records, filled again for every datagram.
  readonly #token = createOrfToken()
  readonly #mcast = createMcastHeader()
  readonly #outgoing = createMcastHeader()
  readonly #mergeDetect = createMergeDetect()
  readonly #join = createJoin()
  readonly #commit = createCommitToken()
  readonly #holdCancel = createTokenHoldCancel()
  readonly #scratch: Uint8Array

  constructor(options: SingleRingOptions) {
    const { wire, parameters } = options
    this.#wire = wire
    this.#parameters = parameters
    this.#lower = options.lower
    this.#upper = options.upper
    this.#random = options.random
    this.#event = withObserver(options.event, options.observer)
    this.#observer = options.observer
    this.#nodeId = options.nodeId
    this.#firstSeq = options.firstSeq ?? 0
    this.#self = wire.processorOfNode(options.nodeId)
    this.#sets = new GatherSets(this.#self)
    this.headerLength = wire.mcastHeaderLength
    this.littleEndian = wire.littleEndian
    // Room for a full frame inside a recovery wrapper is the net MTU itself.
    this.pool = new FramePool(parameters.netMtu)
    this.queueSize = Math.floor(SEND_QUEUE_BYTES / (parameters.netMtu - 2 * wire.mcastHeaderLength))
    this.#newQueue = new SendQueue(this.queueSize)
    this.#transitionalQueue = new SendQueue(this.queueSize)
    this.#log = new ReceiveLog(this.pool, wire, this.#firstSeq, (seq, frame, previous) =>
      this.#deliver(seq, frame, previous),
    )
    this.#flow = new FlowControl(parameters.windowSize, parameters.maxMessages)
    const longest = Math.max(
      wire.maxTokenLength,
      wire.commitTokenLength(PROCESSOR_COUNT_MAX),
      wire.joinLength(PROCESSOR_COUNT_MAX, PROCESSOR_COUNT_MAX),
    )
    this.#scratch = new Uint8Array(longest)
    this.#copy = new Uint8Array(longest)
  }

  // ---- what the driver calls -------------------------------------------------------------------------------------

  /** The interface is up for the first time. `ringSequence`: as read from the ring-id file, 0 when there was none. */
  start(now: number, ringSequence: number): void {
    this.#now = now
    this.#running = true
    this.#ring.rep = this.#wire.repOf(this.#self)
    this.#ring.seq = ringSequence + 1
    this.#highestRingSeq = this.#ring.seq
    this.#pauseStamp = now
    this.#timers.start('pause', now + this.#parameters.tokenTimeoutMs / 5)
    this.#enterGather('interfaceChange')
  }

  interfaceChanged(now: number): void {
    if (!this.#running) return
    this.#now = now
    this.#log.abandonRecovery()
    this.#enterGather('interfaceChange')
  }

  /** As if the token had been lost: whoever is there is asked again. */
  forceGather(now: number): void {
    if (!this.#running) return
    this.#now = now
    this.#tokenTimeout()
  }

  /**
   * Other timers and limits from now on, in whatever state the ring is. Timers that run go on to the end that they have:
   * each of them is started anew with the next token, join or round. Frame size and heartbeats are those of the start.
   */
  setParameters(now: number, parameters: TotemParameters): void {
    this.#now = now
    const { netMtu, heartbeatMs } = this.#parameters
    this.#parameters = { ...parameters, netMtu, heartbeatMs }
    this.#flow.setLimits(parameters.windowSize, parameters.maxMessages)
    if (!this.#running) return
    // Pauses are measured against the token timeout, at a pace that follows from it. Until the next beat of a slower
    // pace the new timeout would see a pause where there is none.
    this.#pauseStamp = now
    this.#pauseGap = 0
    this.#timers.start('pause', now + parameters.tokenTimeoutMs / 5)
  }

  get tokenTimeoutMs(): number {
    return this.#parameters.tokenTimeoutMs
  }

  /** Bytes of a frame that are left for what it carries, also where it has to be sent again inside another. */
  get frameRoom(): number {
    return this.#parameters.netMtu - 2 * this.headerLength
  }

  /** Says goodbye and stops: nothing is sent or delivered afterwards. */
  leave(now: number): void {
    if (!this.#running) return
    this.#now = now
    this.#sendJoin(true)
    this.#running = false
    this.#timers.cancelAll()
  }

  nextDeadline(): number {
    return this.#timers.next()
  }

  expire(now: number): void {
    this.#now = now
    for (let timer = this.#timers.takeDue(now); timer !== null; timer = this.#timers.takeDue(now)) {
      switch (timer) {
        case 'token':
        case 'heartbeat':
          this.#tokenTimeout()
          break
        case 'tokenWarning':
          this.#event({ kind: 'tokenLate', lateMs: now - this.stats.token_last_received })
          this.#startTokenWarning()
          break
        case 'tokenRetransmit':
          if (this.#state !== 'gather') {
            this.#event(TOKEN_RESENT)
            this.#sendCopy()
            this.#startTokenRetransmit()
          }
          break
        case 'hold':
          if (this.#state === 'operational' || this.#state === 'recovery') this.#sendCopy()
          break
        case 'join':
          if (this.#state === 'gather') {
            this.#announceJoin()
            this.#timers.start('join', now + this.#parameters.joinMs)
          }
          break
        case 'sendJoin':
          if (this.#state === 'gather') this.#sendJoin(false)
          break
        case 'consensus':
          if (this.#state === 'gather') this.#consensusTimeout()
          break
        case 'merge':
          if (this.#state === 'operational' && this.#isRepresentative()) this.#sendMergeDetect(0)
          break
        case 'call':
          // Who listens for me only must hear me, also where another speaks for this ring.
          if (this.#state === 'operational') {
            this.#callAbsent()
            this.#timers.start('call', now + this.#callMs())
          }
          break
        case 'pause':
          this.#pauseGap = now - this.#pauseStamp
          this.#pauseStamp = now
          this.#timers.start('pause', now + this.#parameters.tokenTimeoutMs / 5)
          break
      }
    }
  }

  /** One datagram. `from` is for log text only. */
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    if (!this.#running) return
    this.#now = now
    const type = this.#wire.open(buf, off, len)
    switch (type) {
      case MessageType.orfToken:
        if (this.#wire.readToken(buf, off, len, this.#token)) this.#receiveToken()
        else this.#reject('orf_token', from)
        break
      case MessageType.mcast:
        if (len <= FRAME_SIZE_MAX && this.#wire.readMcast(buf, off, len, this.#mcast)) this.#receiveMcast(buf, off, len)
        else this.#reject('mcast', from)
        break
      case MessageType.mergeDetect:
        if (this.#wire.readMergeDetect(buf, off, len, this.#mergeDetect)) this.#receiveMergeDetect()
        else this.#reject('memb_merge_detect', from)
        break
      case MessageType.join:
        if (this.#wire.readJoin(buf, off, len, this.#join)) this.#receiveJoin(this.#join)
        else this.#reject('memb_join', from)
        break
      case MessageType.commitToken:
        if (this.#wire.readCommitToken(buf, off, len, this.#commit)) this.#receiveCommitToken(this.#commit)
        else this.#reject('memb_commit_token', from)
        break
      case MessageType.tokenHoldCancel:
        if (this.#wire.readTokenHoldCancel(buf, off, len, this.#holdCancel)) this.#receiveHoldCancel()
        else this.#reject('token_hold_cancel', from)
        break
      default:
        this.stats.rx_msg_dropped++
        this.#event({ kind: 'headerRejected', reject: type, from, length: len })
    }
  }

  // ---- what the layer above calls --------------------------------------------------------------------------------

  /** Free places in the queue that is being filled. */
  available(): number {
    return this.queueSize - this.#activeQueue().length - SEND_QUEUE_RESERVE
  }

  /** Queues a filled frame; the frame passes to the ring. */
  queue(frame: Frame): void {
    this.#activeQueue().push(frame)
  }

  /** Something wants to be sent: a held token is called for (spec: totem 4.8). */
  requestToken(): void {
    if (!this.#held || !this.#running) return
    this.#held = false
    const cancel = this.#holdCancel
    cancel.nodeId = this.#nodeId
    cancel.targetNodeId = 0
    copyRingId(this.#ring, cancel.ring)
    const length = this.#wire.writeTokenHoldCancel(cancel, this.#scratch, 0)
    this.#lower.multicast(this.#scratch, 0, length, true)
    this.stats.token_hold_cancel_tx++
  }

  /** Synchronisation is complete: sending goes on from the ordinary queue (spec: totem 10.4). */
  transitionalAck(): void {
    this.#upper.flushPacking()
    if (this.#transitional && this.#state === 'operational') this.#event(SYNCHRONISED)
    this.#transitional = false
    if (this.#newQueue.length > 0) this.requestToken()
  }

  get state(): TotemState {
    return this.#state
  }

  /** Of the last tokens: mean time between two, ms; 0 while there were none. */
  get meanTokenIntervalMs(): number {
    return this.#samples.meanIntervalMs
  }

  /** Of the last tokens: messages that waited here when they left, on average. */
  get meanBacklog(): number {
    return this.#samples.meanBacklog
  }

  /** The ring installed last, or being formed. */
  get ring(): RingIdentity {
    return this.#identity(this.#ring)
  }

  get members(): number[] {
    return this.#nodeIds(this.#members)
  }

  // ---- GATHER ----------------------------------------------------------------------------------------------------

  #enterGather(reason: GatherReason, announced = true): void {
    this.#discardTokens = true
    this.#originatedToken = false
    this.#held = false
    if (this.#state === 'commit' || this.#state === 'recovery') this.#sets.carryGrounds()
    this.#sets.proc.add(this.#self)
    if (announced) this.#announceJoin()
    this.#timers.start('join', this.#now + this.#parameters.joinMs)
    this.#consensusMs = this.#parameters.consensusMs
    this.#timers.start('consensus', this.#now + this.#consensusMs)
    this.#timers.cancel('token')
    this.#timers.cancel('tokenWarning')
    this.#timers.cancel('tokenRetransmit')
    this.#timers.cancel('merge')
    this.#timers.cancel('call')
    this.#timers.cancel('hold')
    this.#timers.cancel('heartbeat')
    this.#sets.resetConsensus()
    this.#state = 'gather'
    this.stats.gather_entered++
    this.#event({ kind: 'gatherEntered', reason })
    this.#observer?.entered?.('gather', reason)
    if (reason === 'consensusTimeoutExpired') {
      this.stats.continuous_gather++
      if (this.stats.continuous_gather > CONTINUOUS_GATHER_MAX) this.#event({ kind: 'unableToForm' })
    }
  }

  #announceJoin(): void {
    const spread = this.#parameters.sendJoinMs
    if (spread === 0) this.#sendJoin(false)
    // One that is on its way says what is true when it leaves; repetitions must not push it off.
    else if (!this.#timers.isRunning('sendJoin')) {
      this.#timers.start('sendJoin', this.#now + this.#random() * spread)
    }
  }

  #sendJoin(leave: boolean): void {
    const join = createJoin()
    join.nodeId = this.#nodeId
    join.systemFrom = this.#self
    join.leave = leave
    join.ringSeq = this.#ring.seq
    for (const processor of this.#sets.proc) if (!leave || processor !== this.#self) join.procList.push(processor)
    for (const processor of this.#sets.failed) if (!leave || processor !== this.#self) join.failedList.push(processor)
    if (leave) join.failedList.push(this.#self)
    const length = this.#wire.writeJoin(join, this.#scratch, 0)
    this.#lower.multicast(this.#scratch, 0, length, !leave)
    this.stats.memb_join_tx++
  }

  #receiveJoin(join: Join): void {
    this.stats.memb_join_rx++
    if (this.#discardAfterPause()) return
    if (join.systemFrom === 0 || join.procList.length + join.failedList.length === 0) return
    this.#noteRingSeq(join.ringSeq)
    switch (this.#state) {
      case 'operational':
        if (join.failedList.includes(this.#self)) return
        if (this.#members.includes(join.systemFrom)) {
          if (join.ringSeq < this.#ring.seq) return
        } else if (!this.#whole || !this.#absent.admitsJoin(join, this.#members, this.#now)) {
          return
        }
        this.#processJoin(join)
        break
      case 'gather':
        this.#processJoin(join)
        break
      case 'commit':
      case 'recovery': {
        if (!this.#newMembers.includes(join.systemFrom) || join.ringSeq < this.#ring.seq) return
        const inRecovery = this.#state === 'recovery'
        this.#noteLeave(join)
        if (this.#sets.hasRoomFor(join)) this.#absorb(join)
        this.#log.abandonRecovery()
        this.#enterGather(inRecovery ? 'joinInRecovery' : 'joinInCommit')
        break
      }
    }
  }

  #processJoin(join: Join): void {
    this.#noteLeave(join)
    if (!this.#sets.hasRoomFor(join) && !this.#sets.startAgainFor(join, this.#members)) return
    const effect = this.#absorb(join)
    if (effect === 'merged') {
      // Who is held for failed says what that means for others at its next join only: they believe the first of two that
      // hold each other for failed, so an answer that overtakes this join would divide them. Such halves may have no
      // majority, and wait for each other.
      this.#enterGather('mergeDuringJoin', !join.failedList.includes(this.#self))
      return
    }
    if (effect === 'same' && this.#sets.agreed()) {
      if (this.#failedToReceive) {
        this.#failedToReceive = false
        this.#sets.onlySelf()
        this.#createCommitToken()
        return
      }
      if (this.#isLowestCandidate()) {
        this.#createCommitToken()
        return
      }
    }
    if (this.#state === 'operational') this.#enterGather('joinInOperational')
  }

  #absorb(join: Join): JoinEffect {
    const { failed } = this.#sets
    const known = failed.size
    const sender = join.systemFrom
    const wasFailed = failed.has(sender)
    const wary = this.#now < (this.#waryUntil.get(sender) ?? Number.NEGATIVE_INFINITY)
    const effect = this.#sets.absorb(join, this.#members, wary)
    if (!wasFailed && failed.has(sender)) this.#waryUntil.set(sender, this.#now + WARY_JOINS * this.#parameters.joinMs)
    if (failed.size > known) {
      const because = join.leave ? 'leaves' : join.failedList.includes(this.#self) ? 'holdsMe' : 'names'
      const nodeIds = this.#nodeIds([...failed].slice(known))
      this.#event({ kind: 'heldForFailed', nodeIds, by: this.#wire.nodeIdOf(sender), because })
    }
    return effect
  }

  #noteLeave(join: Join): void {
    const leaver = join.failedList[join.failedList.length - 1]
    if (join.leave && leaver !== undefined && this.#members.includes(leaver)) this.#announcedLeave.add(leaver)
  }

  #noteRingSeq(ringSeq: number): void {
    const believed = Math.min(ringSeq, this.#highestRingSeq + RING_SEQ_STEP_MAX, RING_SEQ_MAX)
    if (believed > this.#highestRingSeq) this.#highestRingSeq = believed
  }

  #isLowestCandidate(): boolean {
    if (this.#sets.failed.has(this.#self)) return false
    for (const processor of this.#sets.proc) {
      if (!this.#sets.failed.has(processor) && this.#wire.compare(processor, this.#self) < 0) return false
    }
    return true
  }

  #consensusTimeout(): void {
    this.stats.consensus_timeouts++
    if (this.#sets.agreed()) {
      // The representative's commit token is what is missing: wait for it as for a token.
      this.#sets.resetConsensus()
      this.#startToken()
      return
    }
    const silent = this.#sets.failSilent()
    this.#event({ kind: 'silentProcessors', nodeIds: this.#nodeIds(silent) })
    this.#enterGather('consensusTimeout')
  }

  #tokenTimeout(): void {
    switch (this.#state) {
      case 'operational':
        this.stats.operational_token_lost++
        this.#event({
          kind: 'tokenLost',
          tokenTimeoutMs: this.#parameters.tokenTimeoutMs,
          consensusMs: this.#parameters.consensusMs,
        })
        this.#enterGather('tokenLostInOperational')
        break
      case 'gather':
        this.stats.gather_token_lost++
        this.#consensusTimeout()
        this.#enterGather('consensusTimeoutExpired')
        break
      case 'commit':
        this.stats.commit_token_lost++
        this.#enterGather('tokenLostInCommit')
        break
      case 'recovery':
        this.stats.recovery_token_lost++
        this.#log.abandonRecovery()
        this.#enterGather('tokenLostInRecovery')
        break
    }
  }

  #discardAfterPause(): boolean {
    const gap = Math.max(this.#pauseGap, this.#now - this.#pauseStamp)
    if (gap <= this.#parameters.tokenTimeoutMs / 2) return false
    this.#pauseGap = 0
    this.#pauseStamp = this.#now
    const discarded = this.#lower.discardInput()
    this.#event({ kind: 'pauseDetected', gapMs: gap, discarded })
    return discarded > 0
  }

  // ---- COMMIT ----------------------------------------------------------------------------------------------------

  #createCommitToken(): void {
    const token = this.#commit
    token.members = this.#sets.candidates().sort((a, b) => this.#wire.compare(a, b))
    token.entries = token.members.map(createCommitEntry)
    token.ring.rep = this.#wire.repOf(this.#self)
    token.ring.seq = this.#highestRingSeq + 4
    token.tokenSeq = 0
    token.retransFlag = 0
    token.memberIndex = 0
    token.targetNodeId = 0
    this.#enterCommit(token)
  }

  #receiveCommitToken(token: CommitToken): void {
    this.stats.memb_commit_token_rx++
    switch (this.#state) {
      case 'operational':
        return
      case 'gather':
        if (
          token.ring.seq > this.#ring.seq &&
          token.ring.seq <= this.#highestRingSeq + RING_SEQ_STEP_MAX &&
          this.#isProposal(token)
        ) {
          this.#enterCommit(token)
        }
        return
      case 'commit':
        if (sameRingId(token.ring, this.#ring) && this.#isComplete(token)) this.#enterRecovery(token)
        return
      case 'recovery':
        if (sameRingId(token.ring, this.#ring) && this.#isRepresentative() && !this.#originatedToken) {
          this.#originatedToken = true
          this.#sendInitialToken()
        }
        return
    }
  }

  /** The token proposes exactly what was agreed, and it is my turn to fill it. */
  #isProposal(token: CommitToken): boolean {
    if (token.members[token.memberIndex] !== this.#self) return false
    if (this.#wire.processorOf(token.ring.rep) !== token.members[0]) return false
    const candidates = this.#sets.candidates()
    if (candidates.length !== token.members.length || new Set(token.members).size !== candidates.length) return false
    for (const candidate of candidates) if (!token.members.includes(candidate)) return false
    return true
  }

  /**
   * The token has been filled by all, and by me as I am now: a former incarnation of mine may have filled it, if this
   * one does not remember the ring's number because its disk was damaged.
   */
  #isComplete(token: CommitToken): boolean {
    if (token.memberIndex !== token.members.length || token.members.length !== this.#newMembers.length) return false
    for (let i = 0; i < token.members.length; i++) if (token.members[i] !== this.#newMembers[i]) return false
    const mine = token.entries[token.members.indexOf(this.#self)]
    return mine !== undefined && sameRingId(mine.ring, this.#oldRing)
  }

  #enterCommit(token: CommitToken): void {
    if (!this.#snapshotTaken) {
      this.#snapshotTaken = true
      copyRingId(this.#ring, this.#oldRing)
      this.#log.takeSnapshot()
    }
    this.#newMembers = [...token.members]
    this.#recovery.received = fillCommitEntry(
      token,
      this.#oldRing,
      this.#log.snapshotAru,
      this.#log.snapshotHigh,
      this.#log.highDelivered,
    )
    token.memberIndex++
    token.nodeId = this.#nodeId
    copyRingId(token.ring, this.#ring)
    if (this.#ring.seq > this.#highestRingSeq) this.#highestRingSeq = this.#ring.seq
    this.#lower.persistRingSequence(this.#ring.seq)
    this.#timers.cancel('join')
    this.#timers.cancel('sendJoin')
    this.#timers.cancel('consensus')
    this.#state = 'commit'
    this.stats.commit_entered++
    this.stats.continuous_gather = 0
    this.#flow.reset()
    this.#event({ kind: 'commitEntered', ring: this.#identity(this.#ring) })
    this.#observer?.entered?.('commit', '')
    this.#tokenTarget = token.members[token.memberIndex % token.members.length] as Processor
    this.#forwardCommitToken(token)
    this.#startToken()
  }

  #forwardCommitToken(token: CommitToken): void {
    token.tokenSeq = seqNext(token.tokenSeq)
    token.nodeId = this.#nodeId
    this.#copyLength = this.#wire.writeCommitToken(token, this.#copy, 0)
    this.#sendCopy()
    this.stats.memb_commit_token_tx++
    this.#startTokenRetransmit()
  }

  // ---- RECOVERY --------------------------------------------------------------------------------------------------

  #enterRecovery(token: CommitToken): void {
    this.#discardTokens = false
    for (let frame = this.#retransQueue.shift(); frame !== null; frame = this.#retransQueue.shift()) {
      this.pool.give(frame)
    }
    this.#forwardCommitToken(token)
    this.#lastTokenSeq = ARU_BEFORE_FIRST
    this.#recovery.begin()
    this.#served.clear()
    this.#recovery.chooseMembers(token, this.#members, this.#oldRing)
    this.#recovery.queueOldMessages(
      token,
      this.#oldRing,
      this.#log.snapshotHigh,
      this.#log.regular,
      this.#retransQueue,
      this.pool,
      this.headerLength,
    )
    this.#log.beginRecovery(this.#oldRing)
    this.#lastAru = this.#firstSeq
    this.#lastSeq = this.#firstSeq
    this.#leftWithSeq = this.#firstSeq
    this.#stalledVisits = 0
    this.#aruUnchanged = 0
    this.#seqUnchanged = 0
    this.#startToken()
    this.#state = 'recovery'
    this.stats.recovery_entered++
    this.stats.continuous_gather = 0
    this.#event({ kind: 'recoveryEntered', ring: this.#identity(this.#ring) })
    this.#observer?.entered?.('recovery', '')
  }

  #sendInitialToken(): void {
    const token = this.#token
    const pending = this.#retransQueue.length > 0
    token.nodeId = this.#nodeId
    token.targetNodeId = 0
    token.seq = this.#firstSeq
    token.tokenSeq = 0
    token.aru = (this.#firstSeq + ARU_BEFORE_FIRST) >>> 0
    token.aruAddr = this.#nodeId
    copyRingId(this.#ring, token.ring)
    token.backlog = 0
    token.fcc = 0
    token.retransFlag = pending ? 1 : 0
    token.retransmitCount = 0
    this.#recovery.noteInitialFlag(pending)
    this.#copyLength = this.#wire.writeToken(token, this.#copy, 0)
    this.#sendCopy()
    this.stats.orf_token_tx++
    this.#startToken()
    this.#startTokenRetransmit()
  }

  /** Entering OPERATIONAL: the order of these steps is what makes the changes virtually synchronous (spec: totem 4.6). */
  #install(): void {
    const change = this.#identity(this.#ring)
    const previous = this.#members.length > 0 ? this.#identity(this.#oldRing) : { nodeId: 0, seq: 0 }
    this.#originatedToken = false
    this.#sets.clearConsensus()
    this.#snapshotTaken = false

    const oldHigh = this.#log.unwrap(inner => this.#isOrigin(inner, this.#members))
    this.#log.deliverContiguous(oldHigh, previous)

    const transitional = this.#recovery.transitionalMembers
    const left = this.#members.filter(member => !transitional.includes(member))
    const joined = this.#newMembers.filter(member => !transitional.includes(member))
    this.#members = [...this.#newMembers]
    this.#configured({
      kind: 'transitional',
      members: this.#nodeIds(transitional),
      left: this.#nodeIds(left),
      joined: [],
      ring: change,
      previous,
    })
    this.#upper.flushPacking()
    this.#transitional = true
    this.#log.deliverSkippingGaps(oldHigh, this.#recovery.deliverMembers, previous)
    this.#upper.useTransitionalContexts()
    this.#configured({
      kind: 'regular',
      members: this.#nodeIds(this.#members),
      left: [],
      joined: this.#nodeIds(joined),
      ring: change,
      previous,
    })

    this.#log.install()
    this.#lastAru = this.#firstSeq
    this.#absent.formed(this.#sets.grounds, this.#now, this.#roundMs())
    for (const [processor, until] of this.#waryUntil) if (until <= this.#now) this.#waryUntil.delete(processor)
    if (this.#absent.size > 0) this.#timers.start('call', this.#now + this.#callMs())
    this.#sets.installed(this.#members, this.#ring.seq)

    this.#whole = false
    const unannounced = left.filter(member => !this.#announcedLeave.has(member))
    this.#announcedLeave.clear()
    this.#state = 'operational'
    this.#recovery.received = true
    this.stats.operational_entered++
    this.stats.continuous_gather = 0
    this.#pauseStamp = this.#now
    this.#pauseGap = 0
    copyRingId(this.#ring, this.#oldRing)
    this.#event({ kind: 'operationalEntered', ring: change })
    this.#event({
      kind: 'membershipFormed',
      ring: change,
      joined: this.#nodeIds(joined),
      left: this.#nodeIds(left),
      unannounced: this.#nodeIds(unannounced),
    })
    this.#observer?.entered?.('operational', '')
  }

  #configured(change: ConfigurationChange): void {
    this.#observer?.configured?.(change)
    this.#upper.configurationChanged(change)
  }

  // ---- the token -------------------------------------------------------------------------------------------------

  #receiveToken(): void {
    const token = this.#token
    this.stats.orf_token_rx++
    if (this.#discardTokens) return
    if (this.#state === 'commit' || this.#state === 'gather') return
    if (!sameRingId(token.ring, this.#ring)) return
    // Nodes that have lost their ring-id files can form a ring under the id of one that still turns elsewhere.
    if (!this.#isMember(token.nodeId)) {
      this.#drop()
      return
    }
    if (token.seq === this.#lastSeq) {
      if (!this.#timers.isRunning('merge')) this.#timers.start('merge', this.#now + this.#parameters.mergeMs)
      this.#seqUnchanged++
    } else {
      this.#timers.cancel('merge')
      this.#timers.cancel('hold')
      this.#seqUnchanged = 0
    }
    this.#lastSeq = token.seq
    if (seqLessOrEqual(token.tokenSeq, this.#lastTokenSeq)) return
    if ((token.seq - this.#leftWithSeq) >>> 0 >= TOKEN_SEQ_STEP_MAX) {
      this.#drop()
      return
    }

    this.#observer?.tokenAccepted?.(this.#wire.nodeIdOf(this.#wire.processorOf(token.ring.rep)), token)
    const representative = this.#isRepresentative()
    const quietVisits = this.#parameters.seqnoUnchangedConst
    this.#held = representative ? this.#seqUnchanged > quietVisits : this.#seqUnchanged >= quietVisits
    let forward = !(representative && this.#held)
    if (this.#state === 'operational') {
      this.#whole = true
      if (this.#log.release(token.aru, this.#lastAru)) this.#observer?.released?.(this.#log.lastReleased)
    }
    this.#upper.tokenReceived()

    const lastAru = this.#lastAru
    this.#lastAru = token.aru
    const queue = this.#log.queue
    if (this.#state === 'recovery') this.#forgetRecovered()
    let allowed = this.#flow.allowance(token, this.#waiting())
    if (token.retransmitCount > 0) this.#event({ kind: 'retransmitList', seqs: requestedSeqs(token) })
    const retransmitted = serveRequests(token, this.#ring, queue, allowed, this.#served, this.#lower)
    this.stats.mcast_retx += retransmitted
    allowed -= retransmitted
    requestMissing(token, this.#ring, queue, this.#log.aru, this.#parameters.missCountConst)
    if (
      this.#parameters.cancelTokenHoldOnRetransmit &&
      this.#held &&
      (token.retransmitCount > 0 || retransmitted > 0)
    ) {
      this.#held = false
      forward = true
    }
    allowed = this.#flow.limitToWindow(allowed, this.#log.lastReleased, token)
    const sent = this.#sendQueued(allowed)
    if (sent > 0 && this.#held) {
      // Something to send came up in the very visit in which the ring looked idle.
      this.#held = false
      forward = true
    }
    this.#flow.account(token, retransmitted + sent)
    this.#log.advanceAru()
    // Whoever has lowered the aru raises it again; if that was nobody of this ring, a forged token stays for ever.
    if (seqLess(this.#log.aru, token.aru) || token.aruAddr === this.#nodeId || !this.#isMember(token.aruAddr)) {
      token.aru = this.#log.aru
      token.aruAddr = token.aru === token.seq ? 0 : this.#nodeId
    }
    this.#aruUnchanged = token.aru === lastAru && token.aruAddr !== 0 ? this.#aruUnchanged + 1 : 0
    if (this.#aruUnchanged > this.#parameters.failRecvConst && token.aruAddr === this.#nodeId) {
      this.#event({ kind: 'failedToReceive' })
      this.#failedToReceive = true
      this.#sets.failed.add(this.#self)
      this.#log.abandonRecovery()
      this.#enterGather('failedToReceive')
      return
    }

    const stalled =
      this.#state === 'recovery' &&
      token.retransFlag !== 0 &&
      token.aruAddr === 0 &&
      this.#retransQueue.length === 0 &&
      token.seq === this.#leftWithSeq
    this.#stalledVisits = stalled ? this.#stalledVisits + 1 : 0
    if (this.#stalledVisits > STALLED_RECOVERY_VISITS) {
      this.#log.abandonRecovery()
      this.#enterGather('tokenLostInRecovery')
      return
    }

    this.#leftWithSeq = token.seq
    this.#lastTokenSeq = token.tokenSeq
    token.tokenSeq = seqNext(token.tokenSeq)
    token.nodeId = this.#nodeId
    if (this.#state === 'recovery' && this.#recovery.visit(token, this.#retransQueue.length, this.#log.aru)) {
      this.#install()
    }
    this.#observer?.tokenSent?.(token, this.#log.aru, this.#log.high, retransmitted + sent)
    this.#copyLength = this.#wire.writeToken(token, this.#copy, 0)
    this.stats.token_last_received = this.#now
    this.#samples.add(this.#now, this.#waiting())
    if (forward) {
      this.#sendCopy()
      this.stats.orf_token_tx++
    }
    this.#startToken()
    this.#startTokenRetransmit()
    if (representative && this.#held) {
      this.#event(TOKEN_HELD)
      this.#timers.start('hold', this.#now + this.#parameters.holdMs)
    }
    if (forward && this.#parameters.heartbeatMs > 0) {
      this.#timers.start('heartbeat', this.#now + this.#parameters.heartbeatMs)
    } else {
      this.#timers.cancel('heartbeat')
    }
    // Behind the token: a slow receiver here must not slow the ring.
    if (this.#state === 'operational') this.#log.deliverContiguous(this.#log.high, null)
    this.#upper.tokenSent()
  }

  /** Of the ring whose token goes round. */
  #isMember(nodeId: number): boolean {
    const members = this.#state === 'recovery' ? this.#newMembers : this.#members
    for (const member of members) if (this.#wire.nodeIdOf(member) === nodeId) return true
    return false
  }

  /** Messages of mine that wait for the token in this state. */
  #waiting(): number {
    if (this.#state === 'operational') return this.#activeQueue().length
    if (this.#state === 'recovery') return this.#retransQueue.length
    return 0
  }

  #sendQueued(allowed: number): number {
    const queue = this.#log.queue
    const source = this.#state === 'recovery' ? this.#retransQueue : this.#activeQueue()
    const token = this.#token
    let sent = 0
    // Numbers under which something is here that the token does not know of (forged) are passed over.
    if (seqLess(token.seq, this.#log.aru)) token.seq = this.#log.aru
    while (sent < allowed) {
      let seq = seqNext(token.seq)
      while (queue.has(seq)) seq = seqNext(seq)
      if (!queue.inRange(seq)) break
      if (this.#state === 'recovery') this.#forgetRecovered()
      const frame = source.shift()
      if (frame === null) break
      token.seq = seq
      const header = this.#outgoing
      header.nodeId = this.#nodeId
      header.systemFrom = this.#self
      prepareMcastHeader(header, frame.wrapper ? WRAPPER : ORDINARY, token.seq, this.#thisSeqno, this.#ring)
      this.#thisSeqno = (this.#thisSeqno + 1) | 0
      this.#wire.writeMcast(header, frame.buf, frame.off)
      frame.origin = this.#self
      frame.originNodeId = this.#nodeId
      frame.foreign = false
      queue.insert(token.seq, frame)
      if (!frame.wrapper && this.#observer?.numbered) {
        this.#observer.numbered(
          this.#identity(this.#ring),
          token.seq,
          frame.buf,
          frame.off + this.headerLength,
          frame.len - this.headerLength,
        )
      }
      this.#lower.multicast(frame.buf, frame.off, frame.len, false)
      sent++
    }
    if (sent > 0) {
      this.#log.high = token.seq
      this.stats.mcast_tx += sent
    }
    return sent
  }

  /**
   * Old messages at the head of the queue that another member has sent meanwhile need not be sent again: who installs
   * the new ring has them. Without this, the members of a ring that lagged far behind would fill the new ring's window
   * with the same messages several times over, and RECOVERY could not end.
   */
  #forgetRecovered(): void {
    const queue = this.#retransQueue
    for (let frame = queue.peek(); frame !== null && this.#log.isRecovered(frame); frame = queue.peek()) {
      queue.shift()
      this.pool.give(frame)
    }
  }

  #sendCopy(): void {
    this.#timers.cancel('hold')
    this.#lower.unicast(this.#wire.nodeIdOf(this.#tokenTarget), this.#copy, 0, this.#copyLength)
  }

  #receiveHoldCancel(): void {
    this.stats.token_hold_cancel_rx++
    if (!sameRingId(this.#holdCancel.ring, this.#ring)) return
    this.#seqUnchanged = 0
    if (this.#isRepresentative() && this.#state !== 'gather' && this.#copyLength > 0) {
      this.#held = false
      this.#sendCopy()
      this.#startTokenRetransmit()
    }
  }

  // ---- multicasts ------------------------------------------------------------------------------------------------

  #receiveMcast(buf: Uint8Array, off: number, len: number): void {
    const mcast = this.#mcast
    this.stats.mcast_rx++
    if (!sameRingId(mcast.ring, this.#ring)) {
      this.#foreignMcast(mcast)
      return
    }
    const wrapper = mcast.encapsulated === WRAPPER
    if (this.#state === 'recovery') {
      // Ordinary messages of a ring come only after everybody has installed it.
      if (!wrapper) {
        this.#drop()
        return
      }
    } else if (wrapper || this.#state === 'commit' || !sameRingId(this.#ring, this.#oldRing)) {
      // Outside RECOVERY nobody needs wrappers; and after a failed attempt the queue still belongs to the old ring.
      this.#drop()
      return
    }
    if (!this.#isOrigin(mcast, wrapper ? this.#newMembers : this.#members)) {
      this.#drop()
      return
    }
    this.#log.add(mcast, this.#wire.header.foreign, buf, off, len)
    if (this.#state === 'operational') this.#log.deliverContiguous(this.#log.high, null)
  }

  /** Messages of a ring are its members', each in its own name: what says otherwise is forged (B4). */
  #isOrigin(mcast: McastHeader, members: readonly Processor[]): boolean {
    return members.includes(mcast.systemFrom) && this.#wire.nodeIdOf(mcast.systemFrom) === mcast.nodeId
  }

  #foreignMcast(mcast: McastHeader): void {
    const sender = mcast.systemFrom
    if (this.#state === 'operational') {
      if (!this.#whole) {
        this.#drop()
        return
      }
      // A member of this ring has left the rings before it for good: a late packet of one says nothing new.
      if (mcast.ring.seq < this.#ring.seq && this.#members.includes(sender)) {
        this.#drop()
        return
      }
      if (!this.#absent.admits(sender, this.#members, this.#now)) {
        this.#drop()
        return
      }
      if (!this.#addToProc(sender)) return
      this.#enterGather('foreignMessageInOperational')
    } else if (this.#state === 'gather') {
      if (this.#isKnownInGather(sender) || !this.#addToProc(sender)) return
      this.#enterGather('foreignMessageInGather')
    } else {
      this.#drop()
    }
  }

  /** Something other than a join came in GATHER. */
  #isKnownInGather(processor: Processor): boolean {
    if (!this.#sets.proc.has(processor)) return false
    if (this.#timers.remaining('consensus', this.#now) < this.#consensusMs / 2) {
      this.#sets.didNotAnswer(processor)
    }
    return true
  }

  #addToProc(processor: Processor): boolean {
    return processor !== 0 && this.#sets.admit(processor)
  }

  #drop(): void {
    this.stats.rx_msg_dropped++
  }

  #deliver(seq: number, frame: Frame, previous: RingIdentity | null): void {
    const off = frame.off + this.headerLength
    const len = frame.len - this.headerLength
    if (this.#observer?.delivered) {
      this.#observer.delivered(previous ?? this.#identity(this.#ring), seq, frame.originNodeId, frame.buf, off, len)
    }
    this.#upper.deliver(frame.buf, off, len, frame.originNodeId, frame.foreign)
  }

  // ---- merge detection -------------------------------------------------------------------------------------------

  /** `targetNodeId`: whom I wait for, 0 for nobody. Stock members neither set nor read it (spec: totem 2.1). */
  #sendMergeDetect(targetNodeId: number): void {
    const message = this.#mergeDetect
    message.nodeId = this.#nodeId
    message.targetNodeId = targetNodeId
    message.systemFrom = this.#self
    copyRingId(this.#ring, message.ring)
    const length = this.#wire.writeMergeDetect(message, this.#scratch, 0)
    this.#lower.multicast(this.#scratch, 0, length, false)
    this.stats.memb_merge_detect_tx++
  }

  #callAbsent(): void {
    let called = false
    for (const processor of this.#absent.refusing()) {
      this.#sendMergeDetect(this.#wire.nodeIdOf(processor))
      called = true
    }
    if (!called) this.#sendMergeDetect(0)
  }

  #receiveMergeDetect(): void {
    this.stats.memb_merge_detect_rx++
    const message = this.#mergeDetect
    if (sameRingId(message.ring, this.#ring)) return
    if (this.#state === 'operational') {
      if (!this.#whole) return
      const { systemFrom, targetNodeId } = message
      const whom = targetNodeId === 0 ? undefined : this.#wire.processorOfNode(targetNodeId)
      const asked = whom !== undefined && this.#absent.isAsked(systemFrom, whom, this.#self, this.#members, this.#now)
      if (!asked && !this.#absent.admits(systemFrom, this.#members, this.#now)) return
      if (this.#addToProc(message.systemFrom)) this.#enterGather('mergeInOperational')
    } else if (this.#state === 'gather') {
      if (this.#isKnownInGather(message.systemFrom)) return
      if (this.#addToProc(message.systemFrom)) this.#enterGather('mergeInGather')
    }
  }

  // ---- small things ----------------------------------------------------------------------------------------------

  #activeQueue(): SendQueue {
    return this.#transitional ? this.#transitionalQueue : this.#newQueue
  }

  #isRepresentative(): boolean {
    return this.#wire.processorOf(this.#ring.rep) === this.#self
  }

  #startToken(): void {
    this.#timers.start('token', this.#now + this.#parameters.tokenTimeoutMs)
    this.#startTokenWarning()
  }

  #startTokenWarning(): void {
    const after = this.#parameters.tokenWarningMs
    if (after > 0) this.#timers.start('tokenWarning', this.#now + after)
    else this.#timers.cancel('tokenWarning')
  }

  #callMs(): number {
    return this.#roundMs() / CALLS_PER_ROUND
  }

  /** The time that a loss of the token and the agreement after it take. */
  #roundMs(): number {
    return this.#parameters.tokenTimeoutMs + this.#parameters.consensusMs
  }

  #startTokenRetransmit(): void {
    this.#timers.start('tokenRetransmit', this.#now + this.#parameters.tokenRetransmitMs)
  }

  #reject(message: string, from: string): void {
    this.stats.rx_msg_dropped++
    this.#event({ kind: 'messageRejected', message, from })
  }

  #identity(ring: RingId): RingIdentity {
    return { nodeId: this.#wire.nodeIdOf(this.#wire.processorOf(ring.rep)), seq: ring.seq }
  }

  #nodeIds(processors: readonly Processor[]): number[] {
    return processors.map(processor => this.#wire.nodeIdOf(processor))
  }
}

function requestedSeqs(token: { retransmitCount: number; retransmitSeqs: Uint32Array }): number[] {
  return Array.from(token.retransmitSeqs.subarray(0, token.retransmitCount))
}

function withObserver(event: (event: TotemEvent) => void, observer: TotemObserver | undefined) {
  if (observer?.event === undefined) return event
  return (happened: TotemEvent): void => {
    observer.event?.(happened)
    event(happened)
  }
}
