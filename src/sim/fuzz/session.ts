// One ring under attack, round after round, and its judges. A round is one temper of the attacker; between rounds the
// ring has to settle. In: a seed and a number of packets; everything else follows from them. Out: what went wrong first,
// if anything, and the counts.
//
//   round      judged while it lasts                               and afterwards
//   garbage    every datagram leaves its receiver as it was;        no configuration changed
//              all checkers
//   replay     all checkers (packets, configurations, groups)       settled within L1
//   outsider   all checkers                                         settled within L1
//   payload    checkers of packets and configurations; equal        settled, replicas equal
//              replicas of the group service
//   insider    every node by itself (LocalReferee)                  settled within L1 and FAILED TO RECEIVE; from the
//                                                                   next configuration on all checkers again
//   all        no exception, nothing written into datagrams, no endless loop, queues and stores within their bounds

import { ASSEMBLY_SIZE_MAX } from '../../pg/reassembly.js'
import { SORT_QUEUE_SIZE } from '../../totem/sort-queue.js'
import type { WireGeneration } from '../../wire/generation.js'
import { createGeneration3 } from '../../wire/generation3.js'
import type { GroupChecker } from '../checker/groups.js'
import { ReplicaChecker } from '../checker/replicas.js'
import type { SimHost } from '../host.js'
import { Prng } from '../prng.js'
import { SETTLE_ROUNDS } from '../scenario.js'
import { TraceHash } from '../trace.js'
import { ProgramWorkload } from '../workload/programs.js'
import { Attacker, hexOf, type Label, type Shot } from './attacker.js'
import { Captures, EVERYBODY } from './captures.js'
import { Epoch } from './epoch.js'
import { DeafGroups, LocalReferee } from './local.js'
import { PayloadForge } from './payload.js'
import { choosePlan } from './plan.js'
import { Replicas } from './replicas.js'
import { FuzzRing, type Referee } from './ring.js'
import { type Outcome, Summary } from './summary.js'
import { Values } from './values.js'
import { Wave } from './wave.js'

export const TEMPERS = ['garbage', 'replay', 'outsider', 'payload', 'insider'] as const
export type Temper = (typeof TEMPERS)[number]

/** The rounds of a cycle and their shares of its packets. */
const SHARES: readonly (readonly [Temper, number])[] = [
  ['garbage', 0.35],
  ['replay', 0.15],
  ['outsider', 0.15],
  ['payload', 0.1],
  ['insider', 0.25],
]
/** A cycle has at most this many packets; a session has as many cycles as it needs. */
const CYCLE_PACKETS = 50_000

export interface SessionOptions {
  readonly seed: number
  readonly packets: number
  /** Chosen by the seed when absent. */
  readonly nodes?: number
  /** Only rounds of these kinds. */
  readonly tempers?: readonly Temper[]
  /** The wire of the nodes; tests bring broken ones. */
  readonly wire?: (littleEndian: boolean) => WireGeneration
  /**
   * Called after each cycle, when the ring is quiet and the judges have just begun anew: whatever there is more of than
   * last time, the nodes hold. Returns what is wrong, if anything.
   */
  readonly afterCycle?: () => string | undefined
}

export interface FuzzFailure {
  readonly seed: number
  readonly round: number
  readonly temper: Temper | 'begin'
  readonly text: string
  /** The datagram on the way, when there was one. */
  readonly datagram?: string
}

export interface SessionResult {
  readonly failure: FuzzFailure | undefined
  readonly summary: Summary
}

/**
 * Forged joins can drive the ring numbers of nodes apart, each by a step; those behind follow by a step with each join
 * that they hear. In rounds that forge such numbers the ring has this much time more for each forged packet.
 */
const FAR_RING_MS = 100
const FAR_RINGS = 0.1
/** Forged joins can make members wait for each other for so many rounds (the patience of the single ring). */
const PATIENCE_ROUNDS = 64
/** Time that those visits take at most in the rings here. */
const FAIL_RECV_MS = 1000
const STABLE_TOKENS = 2.5
/** L2: what was accepted has come back everywhere within this time. */
const DRAIN_MS = 20_000
/** Before that, programs go on for so long without any of them ending. */
const QUIET_MS = 400
const POLL_MS = 20
/** Events per second of virtual time that a ring under attack has at most, and per datagram of the attack. */
const EVENTS_PER_MS = 2000
const EVENTS_PER_PACKET = 400
const EVENTS_ANYWAY = 200_000
/** A wave has so many packets on average. */
const WAVE_PACKETS = 500
/** Half of the waves are a few packets only: what those do is not undone by the next. */
const SHORT_WAVE_PACKETS = 10
/** How often the ring has to settle before the next wave. */
const SETTLED_WAVES = 0.15
/** How often a wave begins with an honest node's asking for a new ring. */
const REFORMATIONS = 0.4

class Failed extends Error {}

export class FuzzSession {
  readonly ring: FuzzRing
  readonly summary = new Summary()
  readonly #options: SessionOptions
  readonly #prng: Prng
  readonly #captures: Captures
  readonly #values: Values
  readonly #attacker: Attacker
  readonly #payloads: PayloadForge
  readonly #wave: Wave
  readonly #groupNames: Uint8Array[] = [new TextEncoder().encode('group-0')]
  #epoch = new Epoch()
  #local: LocalReferee | undefined
  #workload: ProgramWorkload | undefined
  #round = 0
  /** Of this round. */
  #packets = 0
  #temper: Temper | 'begin' = 'begin'
  #epochs = 0
  #broken: string | undefined
  #shot: Shot | undefined
  /** The time that a loss of the token and the agreement after it take. */
  readonly #roundMs: number
  /** The bound of L1. */
  readonly #settleMs: number

  constructor(options: SessionOptions) {
    this.#options = options
    const prng = new Prng(options.seed, 'fuzz')
    this.#prng = prng
    const plan = choosePlan(options.seed, options.nodes, prng)
    this.#roundMs = plan.totem.tokenTimeoutMs + plan.totem.consensusMs
    this.#settleMs = SETTLE_ROUNDS * this.#roundMs
    const wire = (littleEndian: boolean) => createGeneration3({ littleEndian })
    this.ring = new FuzzRing(
      plan,
      options.wire ?? wire,
      () => this.#referee,
      text => {
        this.#broken ??= text
      },
    )
    const wires = [wire(true), wire(false)] as const
    this.#captures = new Captures(wire(true))
    this.ring.network.tap = (from, to, buf, off, len) => {
      this.#captures.note(from, to, buf, off, len)
      this.#wave.heard()
    }
    this.#wave = new Wave(this.ring, prng, (until, packets) => this.#run(until, EVENTS_PER_PACKET * packets))
    const values = new Values(prng, wires[0], this.#captures, plan.nodeIds)
    this.#values = values
    const pids = () => 1000 + prng.int(40)
    this.#payloads = new PayloadForge(values, this.#groupNames, pids)
    this.#attacker = new Attacker({
      prng,
      wires,
      captures: this.#captures,
      values,
      payloads: this.#payloads,
      hosts: plan.nodeIds.length,
      frameSize: plan.totem.netMtu,
    })
  }

  run(): SessionResult {
    let failure: FuzzFailure | undefined
    try {
      this.#begin()
      let left = this.#options.packets
      while (left > 0) {
        const cycle = Math.min(left, CYCLE_PACKETS)
        this.#cycle(cycle)
        left -= cycle
        if (this.#workload !== undefined) this.#endPrograms()
        this.#beginEpoch()
        const objection = this.#options.afterCycle?.()
        if (objection !== undefined) this.#fail(objection)
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      const shot = this.#shot
      failure = {
        seed: this.#options.seed,
        round: this.#round,
        temper: this.#temper,
        text: error instanceof Failed ? error.message : (error.stack ?? error.message),
        ...(shot === undefined ? {} : { datagram: hexOf(shot) }),
      }
    }
    this.summary.sessions = 1
    this.summary.virtualMs = this.ring.now
    this.summary.events = this.ring.events
    this.#noteServices()
    return { failure, summary: this.summary }
  }

  get #referee(): Referee {
    return this.#local ?? this.#epoch
  }

  // ---- the course ------------------------------------------------------------------------------------------------

  #begin(): void {
    const { ring } = this
    for (const host of ring.hosts) ring.queue.pushAction(this.#prng.between(0, 300), now => host.start(now))
    this.#settle(this.#settleMs + 300)
    this.#beginPrograms()
  }

  #cycle(packets: number): void {
    const wanted = this.#options.tempers ?? SHARES.map(([temper]) => temper)
    const shares = SHARES.filter(([temper]) => wanted.includes(temper))
    const whole = shares.reduce((sum, [, share]) => sum + share, 0)
    const rounds = shares.map(([temper, share]) => ({ temper, packets: Math.ceil((packets * share) / whole) }))
    // Those that the full checkers look at come first, in any order.
    const judged = this.#prng.shuffled(rounds.filter(({ temper }) => temper !== 'insider' && temper !== 'payload'))
    for (const round of judged) this.#judged(round.temper, round.packets)
    for (const round of rounds) {
      if (round.temper === 'payload') this.#payloadRound(round.packets)
      if (round.temper === 'insider') this.#insiderRound(round.packets)
    }
  }

  #enterRound(temper: Temper, packets: number): void {
    this.#round++
    this.#temper = temper
    this.summary.rounds++
    this.#packets = packets
    this.#values.farRings = (temper === 'outsider' || temper === 'insider') && this.#prng.chance(FAR_RINGS)
  }

  /** A round that all checkers look at, with programs. */
  #judged(temper: Temper, packets: number): void {
    if (this.#workload === undefined) this.#beginPrograms()
    this.#enterRound(temper, packets)
    const { ring } = this
    if (temper === 'garbage') {
      const installed = ring.lastInstallMs
      this.#attack(temper, Math.ceil(packets / 2), true)
      if (ring.lastInstallMs !== installed) this.#fail(`L1 garbage changed a configuration: ${ring.describe()}`)
      this.#disturb()
      this.#attack(temper, Math.floor(packets / 2))
    } else {
      if (this.#prng.chance(0.5)) this.#disturb()
      this.#attack(temper, packets)
    }
    this.#recover()
    this.#bounds()
  }

  /** One member puts forged payloads into the total order. */
  #payloadRound(packets: number): void {
    this.#endPrograms()
    this.#enterRound('payload', packets)
    const { ring } = this
    this.#epoch.packetsOnly = true
    const hostile = this.#prng.int(ring.hosts.length)
    const honest = ring.hosts.map(host => host.index).filter(index => index !== hostile)
    const replicas = new Replicas(ring, this.#prng, `replicas-${this.#round}`, 100, honest)
    this.#nameGroup(replicas.group)
    this.#waitFor('S2 a listener never joined', DRAIN_MS, () => replicas.joined)
    replicas.begin()
    this.#attackBy(packets, () => this.#orderPayload(ring.hosts[hostile]!))
    this.#settle(this.#settleMs)
    replicas.end()
    this.#waitFor('D1 the last message of a listener was lost', DRAIN_MS, () => replicas.ended)
    this.#waitFor('D2 packets are missing', DRAIN_MS, () => this.#epoch.isEven(ring.hosts))
    const difference = replicas.difference()
    if (difference !== undefined) this.#fail(`S3 ${difference}`)
    this.#checkEpoch()
    replicas.close()
    this.#bounds()
    this.#beginEpoch()
  }

  /** Everything is forged; then the members find together again, and keep all properties from the next ring on. */
  #insiderRound(packets: number): void {
    this.#endPrograms()
    this.#enterRound('insider', packets)
    const { ring, summary } = this
    const local = new LocalReferee()
    this.#local = local
    const workload = this.#programs(new DeafGroups(new Epoch().checker.model))
    for (const host of ring.hosts) workload.hostStarted(ring.now, host)
    if (this.#prng.chance(0.5)) this.#disturb()
    this.#attack('insider', packets)
    this.#recover()
    workload.close(ring.now)
    this.#bounds()
    summary.disagreeingPackets += local.disagreements.packets
    summary.disagreeingMoves += local.disagreements.moves
    this.#local = undefined
    this.#beginEpoch()
  }

  /** All checkers begin anew, at the next configuration, which one node asks for. */
  #beginEpoch(): void {
    const { ring } = this
    this.#noteInstallations()
    this.#epoch = new Epoch()
    this.#reform()
    this.#settle(this.#settleMs)
    for (const host of ring.hosts) {
      if (!this.#epoch.has(host)) this.#fail(`C5 node ${host.nodeId} has not installed a new configuration`)
    }
  }

  #beginPrograms(): void {
    if (this.#epoch.packetsOnly) this.#beginEpoch()
    const workload = this.#programs(this.#epoch.groups)
    this.#workload = workload
    for (const host of this.ring.hosts) workload.hostStarted(this.ring.now, host)
  }

  /** The programs stop, everything arrives, and nobody has anything to object. */
  #endPrograms(): void {
    const workload = this.#workload
    if (workload === undefined) return
    const { ring } = this
    workload.settled(ring.now)
    this.#run(ring.now + QUIET_MS)
    workload.stop()
    this.#waitFor(
      'L2 messages are still under way',
      DRAIN_MS,
      () => workload.isDrained() && this.#epoch.isEven(ring.hosts),
    )
    this.#epoch.finish()
    this.#checkEpoch()
    this.#workload = undefined
    workload.close(ring.now)
    // What the programs' nodes say at their end is no longer looked at.
    this.#epoch.packetsOnly = true
  }

  #programs(groups: GroupChecker): ProgramWorkload {
    const groupPrefix = `group-${this.#epochs++}-`
    this.#nameGroup(new TextEncoder().encode(`${groupPrefix}0`))
    const epoch = this.#epoch
    const judged = groups === epoch.groups
    return new ProgramWorkload({
      plan: {
        groups: 1 + this.#prng.int(2),
        programsPerNode: 1,
        gapMs: this.#prng.pick([10, 30, 100]),
        burst: 0.02,
        burstLength: 20,
        churn: this.#prng.pick([0, 0.02]),
        bigMessages: 0,
      },
      groupPrefix,
      hosts: this.ring.hosts,
      queue: this.ring.queue,
      prng: new Prng(this.#options.seed, `workload ${this.#epochs}`),
      groups,
      replicas: new ReplicaChecker(epoch.checker.model),
      hash: new TraceHash(),
      processOf: host => (judged ? epoch.processOf(host) : STRANGER),
      fail: (property, host, text) => {
        if (judged) epoch.fail(property, host, text)
      },
      tell: () => {},
    })
  }

  #nameGroup(name: Uint8Array): void {
    this.#groupNames.push(name)
    if (this.#groupNames.length > 6) this.#groupNames.shift()
  }

  // ---- the attack ------------------------------------------------------------------------------------------------

  /** `settled`: nothing but the attack happens to the ring. */
  #attack(temper: Temper, packets: number, settled = false): void {
    this.#attackBy(packets, () => {
      const shot = this.#make(temper, settled)
      if (shot === undefined) return 0
      return this.#fire(shot, temper === 'garbage')
    })
  }

  /** In waves, each with a pace and a taste of its own, between which the ring may find together or not. */
  #attackBy(packets: number, shoot: () => number): void {
    const prng = this.#prng
    let left = packets
    while (left > 0) {
      this.#attacker.choose()
      const wave = Math.min(left, 1 + prng.int(prng.chance(0.5) ? SHORT_WAVE_PACKETS : 2 * WAVE_PACKETS))
      if (this.#temper === 'insider' && prng.chance(REFORMATIONS)) this.#reform()
      this.#wave.roll(wave, shoot)
      left -= wave
      if (this.#temper !== 'garbage' && this.#temper !== 'payload' && prng.chance(SETTLED_WAVES)) this.#recover()
      else this.#run(this.ring.now + prng.pick([0, 5, 100, 600]) * prng.float())
    }
  }

  #reform(): void {
    const { ring } = this
    ring.hosts[this.#prng.int(ring.hosts.length)]!.interfaceChanged(ring.now)
  }

  #make(temper: Temper, settled: boolean): Shot | undefined {
    switch (temper) {
      case 'garbage':
        return this.#attacker.garbage(settled)
      case 'replay':
        return this.#attacker.replay()
      case 'outsider':
        return this.#attacker.outsider(this.ring.oldestRingSeq())
      default:
        return this.#attacker.insider()
    }
  }

  #fire(shot: Shot, garbage: boolean): number {
    this.#shot = shot
    let fired = 0
    if (shot.to === EVERYBODY) {
      for (const host of this.ring.hosts) fired += this.#hit(host, shot, garbage)
    } else {
      fired = this.#hit(this.ring.hosts[shot.to]!, shot, garbage)
    }
    this.#shot = undefined
    return fired
  }

  #hit(host: SimHost, shot: Shot, garbage: boolean): number {
    if (host.state !== 'running') return 0
    const { ring } = this
    const node = ring.node(host.index)
    const stats = node.ring.stats
    const observed = ring.observed
    const sent = ring.network.sent
    const dropped = stats.rx_msg_dropped
    const deadline = node.nextDeadline()
    ring.inject(host.index, shot.buf, shot.len)
    const acted = ring.observed !== observed || ring.network.sent !== sent || node.nextDeadline() !== deadline
    const refused = stats.rx_msg_dropped !== dropped
    if (garbage && (acted || !refused)) {
      this.#fail(`T8 node ${host.nodeId} ${acted ? 'acted on' : 'did not refuse'} garbage made of ${shot.label}`)
    }
    const outcome: Outcome = acted ? 'acted' : refused ? (garbage ? 'refused' : this.#whyDropped(shot)) : 'unmoved'
    this.summary.count(shot.label, outcome)
    return 1
  }

  #whyDropped(shot: Shot): Outcome {
    return this.#attacker.isLegible(shot) ? 'dropped' : 'refused'
  }

  #orderPayload(host: SimHost): number {
    const { ring: totem } = this.ring.node(host.index)
    if (host.state !== 'running' || totem.available() < 10) return 0
    const frame = totem.pool.take()
    const at = frame.off + totem.headerLength
    const room = totem.pool.frameSize - 2 * totem.headerLength
    frame.len = totem.headerLength + this.#payloads.write(frame.buf, at, room, totem.littleEndian)
    this.summary.countOrdered(this.#payloads.about as Label)
    host.now = this.ring.now
    totem.requestToken()
    totem.queue(frame)
    host.touched()
    return 1
  }

  /** Something honest happens to the ring, so that the attack meets more than its quiet course. */
  #disturb(): void {
    const { ring } = this
    const prng = this.#prng
    const host = prng.int(ring.hosts.length)
    const forMs = prng.between(50, 1500)
    switch (prng.int(4)) {
      case 0:
        ring.carryOut({ kind: 'interface', host })
        break
      case 1:
        ring.carryOut({ kind: 'pause', host, forMs, inputFirst: prng.chance(0.5) })
        break
      case 2: {
        const rest = ring.hosts.map(other => other.index).filter(index => index !== host)
        ring.carryOut({ kind: 'partition', sides: [[host], rest], forMs })
        break
      }
      default:
        ring.network.conditions.loss = 0.02
    }
  }

  /** All disturbances end; the members find together. */
  #recover(): void {
    const { ring } = this
    ring.endFaults()
    const before = ring.now
    let withinMs = this.#settleMs
    if (this.#temper !== 'garbage') withinMs += PATIENCE_ROUNDS * this.#roundMs
    if (this.#temper === 'insider') withinMs += FAIL_RECV_MS
    if (this.#values.farRings) withinMs += FAR_RING_MS * this.#packets
    this.#settle(withinMs)
    this.summary.settles++
    if (ring.lastInstallMs - before > this.#settleMs) this.summary.lateSettles++
  }

  // ---- judging ---------------------------------------------------------------------------------------------------

  #fail(text: string): never {
    throw new Failed(text)
  }

  #run(until: number, more = 0): void {
    const limit = EVENTS_ANYWAY + EVENTS_PER_MS * (until - this.ring.now) + more
    this.ring.runUntil(until, limit)
    this.#checkEpoch()
  }

  #checkEpoch(): void {
    if (this.#broken !== undefined) this.#fail(this.#broken)
    if (this.#local !== undefined) {
      const [first] = this.#local.violations
      if (first !== undefined) this.#fail(first)
      return
    }
    const [first] = this.#epoch.violations
    if (first !== undefined) {
      this.#fail(`${first.property} at ${(first.time / 1000).toFixed(6)} s node ${first.nodeId}: ${first.text}`)
    }
  }

  /** L1: within the time, one ring of all; and then nothing changes any more. */
  #settle(withinMs: number): void {
    const { ring } = this
    const stableMs = STABLE_TOKENS * ring.plan.totem.tokenTimeoutMs
    const end = ring.now + withinMs
    for (;;) {
      const whole = ring.isWhole()
      if (whole && ring.now >= ring.lastInstallMs + stableMs) return
      if (ring.now >= end && (!whole || ring.lastInstallMs > end)) {
        this.#fail(`L1 not settled ${withinMs} ms after the attack: ${ring.describe()}`)
      }
      this.#run(ring.now + POLL_MS)
    }
  }

  #waitFor(text: string, withinMs: number, done: () => boolean): void {
    const end = this.ring.now + withinMs
    while (!done()) {
      if (this.ring.now >= end) this.#fail(`${text} after ${withinMs} ms: ${this.ring.describe()}`)
      this.#run(this.ring.now + POLL_MS)
    }
  }

  /** L4: what nodes hold on to, in a quiet ring. */
  #bounds(): void {
    const { hosts } = this.ring
    for (const { index, nodeId } of hosts) {
      const { executive, ring } = this.ring.node(index)
      // A half message of each member, in each of the two phases.
      const held = executive.groups.heldBytes
      if (held > 2 * hosts.length * ASSEMBLY_SIZE_MAX)
        this.#fail(`L4 node ${nodeId} holds ${held} bytes of half messages`)
      // Two sort queues, the wrappers to be sent, two send queues.
      const frames = ring.pool.freeCount
      if (frames > 3 * SORT_QUEUE_SIZE + 2 * ring.queueSize) this.#fail(`L4 node ${nodeId} has made ${frames} frames`)
    }
  }

  #noteInstallations(): void {
    for (const process of this.#epoch.checker.model.processes) this.summary.installations += process.installs
  }

  #noteServices(): void {
    this.#noteInstallations()
    const { services } = this.summary
    for (const host of this.ring.hosts) {
      if (host.state === 'down') continue
      const { executive, cpg } = this.ring.node(host.index)
      const pg = executive.groups.stats
      services.packets += pg.malformedPackets + pg.thrownAwayPackets + pg.oversizedMessages
      services.messages += pg.malformedMessages
      services.groups += pg.unknownGroups
      services.sync += executive.sync.stats.rejectedMessages + executive.sync.stats.oldRingMessages
      const table = executive.table.stats
      services.table += table.malformed + table.short + table.unknownFunction + table.unknownService
      services.cpg += cpg.stats.malformed + cpg.stats.unknownNode
    }
  }
}

/** The process that programs belong to while nobody looks. */
const STRANGER = (() => {
  const epoch = new Epoch()
  return epoch.checker.model.processes[epoch.checker.start(0)]!
})()
