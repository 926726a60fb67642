// One run of one scenario: builds hosts and network, lets virtual time pass event by event, carries the faults out,
// feeds the checkers, and after the end of the faults demands that the cluster settles (L1), delivers (L2) and stays
// quiet. In: a scenario and a way to make nodes. Out: a result with a hash over everything that happened.

import type { LogLevel, Subsystem } from '../log/types.js'
import { hashBytes } from '../recorder/payload-hash.js'
import type { ConfigurationChange, RingIdentity, TotemObserver, TotemState } from '../totem/types.js'
import type { WireGeneration } from '../wire/generation.js'
import { Checker } from './checker/checker.js'
import { GroupChecker } from './checker/groups.js'
import { checkAtRest, checkFrames, checkHalfMessages } from './checker/memory.js'
import type { Process, Violation } from './checker/model.js'
import { ReplicaChecker } from './checker/replicas.js'
import { quietOf } from './checker/rest.js'
import { TokenChecker, tokenLimits } from './checker/token.js'
import { EventQueue } from './event-queue.js'
import { carryOut, type FaultTarget, type ScheduledFault } from './faults.js'
import { type HostEvents, SimHost } from './host.js'
import { Network } from './network.js'
import type { SimEventBody, SimObserver } from './observe.js'
import { Prng } from './prng.js'
import { configurationOf, type Scenario } from './scenario.js'
import type { SimNodeFactory } from './sim-node.js'
import { Narrator } from './story.js'
import { type StoryTeller, TraceHash } from './trace.js'
import { chooseWorkload } from './workload/choose.js'
import type { Workload } from './workload/types.js'

export interface SimulationOptions {
  readonly factory: SimNodeFactory
  /** One wire object per host: it holds what that host last read. */
  readonly wire: (scenario: Scenario, host: number) => WireGeneration
  /** Everything that happens, as it happens; see `observe.ts`. */
  readonly observe?: SimObserver
  /** The same as text for a reader. */
  readonly story?: StoryTeller
  /** Sees what the checkers see, of all nodes. */
  readonly watch?: TotemObserver
  /** Compare every datagram before and after a node had it: nodes must not write into what they receive. */
  readonly guardInput?: boolean
}

export interface RunResult {
  readonly seed: number
  readonly violations: readonly Violation[]
  /** Equal for equal runs. */
  readonly hash: string
  readonly virtualMs: number
  readonly events: number
  readonly datagrams: number
  readonly packetsDelivered: number
  readonly messagesAccepted: number
  readonly installations: number
  /** After the end of the faults: time until the last installation, and the most that one node had. */
  readonly settleMs: number
  readonly settleChanges: number
  /** False when the run had no orderly end and needed none: a node is misconfigured, or two rings shared an id. */
  readonly settled: boolean
}

/** After settling the programs go on for this long, and no configuration may change any more. */
const QUIET_MS = 1500
/** L2: what was accepted is delivered within this time once sending has stopped. */
const DRAIN_MS = 60_000
const DRAIN_POLL_MS = 50
/** A cluster counts as settled when nothing has changed for this many token timeouts. */
const STABLE_TOKENS = 2.5
/** More events than any scenario needs: a machine that loops in no time is stopped here. */
const EVENT_LIMIT = 5_000_000

const STATE_CODES: Record<TotemState, number> = { operational: 1, gather: 2, commit: 3, recovery: 4 }

export class Simulation implements FaultTarget, HostEvents {
  readonly scenario: Scenario
  readonly queue = new EventQueue()
  readonly network: Network
  readonly hosts: readonly SimHost[]
  readonly checker = new Checker()
  readonly groups: GroupChecker
  readonly replicas: ReplicaChecker
  readonly tokens: TokenChecker
  readonly hash = new TraceHash()
  readonly workload: Workload
  now = 0
  /** True until the end of the faults. */
  faulty = true
  readonly #observe: SimObserver | undefined
  readonly #watch: TotemObserver | undefined
  readonly #guardInput: boolean
  readonly #stateEntries: Record<TotemState, number> = { operational: 0, gather: 0, commit: 0, recovery: 0 }
  #waiting: ScheduledFault[] = []
  #events = 0
  #packetsDelivered = 0
  #lastInstallMs = 0
  #settledAtMs = 0
  /** Since the end of the faults two rings had one id at the same time. */
  #idShared = false
  /** Liveness was not kept, and is not demanded: what the end of a run should look like is not known. */
  #unsettled = false
  /** Per host: regular configurations since the end of the faults. */
  readonly #changes: number[]
  /** Per host: regular configurations that `rest` of the scenario counts. */
  readonly #changesUnderFault: number[]

  constructor(scenario: Scenario, options: SimulationOptions) {
    this.scenario = scenario
    this.#observe = observerOf(options)
    this.#watch = options.watch
    this.#guardInput = options.guardInput ?? false
    const size = scenario.nodeIds.length
    this.network = new Network(size, this.queue, new Prng(scenario.seed, 'network'), scenario.conditions)
    this.groups = new GroupChecker(this.checker.model)
    this.replicas = new ReplicaChecker(this.checker.model)
    this.tokens = new TokenChecker(
      this.checker.model,
      tokenLimits(scenario.nodeIds.map((_, index) => configurationOf(scenario, index).totem)),
    )
    this.#changes = scenario.nodeIds.map(() => 0)
    this.#changesUnderFault = scenario.nodeIds.map(() => 0)
    this.hosts = scenario.nodeIds.map(
      (_, index) =>
        new SimHost(
          index,
          scenario.nodeIds,
          {
            ...configurationOf(scenario, index),
            wire: options.wire(scenario, index),
          },
          options.factory,
          this.network,
          new Prng(scenario.seed, `host ${index}`),
          this,
          scenario.clockRates?.[index],
        ),
    )
    const context = {
      plan: scenario.workload,
      hosts: this.hosts,
      queue: this.queue,
      prng: new Prng(scenario.seed, 'workload'),
      groups: this.groups,
      replicas: this.replicas,
      hash: this.hash,
      processOf: (host: SimHost) => this.#process(host),
      fail: (property: string, host: SimHost, text: string) => this.#fail(property, host.nodeId, text),
      tell: (now: number, host: SimHost, text: () => string) => {
        if (this.#observe !== undefined) this.#emit(now, host.nodeId, { kind: 'text', text: text() })
      },
    }
    this.workload = chooseWorkload(scenario, context)
  }

  run(): RunResult {
    try {
      this.#schedule()
      this.#runUntil(this.scenario.faultEndMs)
      this.#endFaults()
      this.#settle()
      this.#stayQuiet()
      this.#drain()
      this.#rest()
      if (!this.#over) {
        this.checker.finish()
        this.groups.finish()
        this.workload.finish()
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error
      this.#fail('exception', 0, error.stack ?? error.message)
    }
    for (const { property, text } of this.checker.model.excused) {
      this.tell(this.now, `${property} is not demanded after two rings shared an id: ${text}`)
    }
    for (const violation of this.checker.violations) {
      this.#emit(violation.time, violation.nodeId, { kind: 'violation', violation })
    }
    this.#emit(this.now, 0, { kind: 'end' })
    return {
      seed: this.scenario.seed,
      violations: this.checker.violations,
      hash: this.hash.digest(),
      virtualMs: this.now,
      events: this.#events,
      datagrams: this.network.sent,
      packetsDelivered: this.#packetsDelivered,
      messagesAccepted: this.workload.accepted,
      installations: this.checker.model.processes.reduce((sum, process) => sum + process.installs, 0),
      settleMs: Math.max(0, this.#lastInstallMs - this.scenario.faultEndMs),
      settleChanges: Math.max(0, ...this.#changes),
      settled: !this.#unsettled && this.checker.model.excused.length === 0,
    }
  }

  // ---- the phases ------------------------------------------------------------------------------------------------

  #schedule(): void {
    this.hosts.forEach((host, index) => {
      this.queue.pushAction(this.scenario.startMs[index]!, now => host.start(now))
    })
    for (const scheduled of this.scenario.faults) {
      if (scheduled.after !== undefined) this.#waiting.push(scheduled)
      else this.queue.pushAction(scheduled.atMs, now => this.#carryOut(now, scheduled))
    }
  }

  #endFaults(): void {
    if (this.#over) return
    const { stayDown } = this.scenario
    this.faulty = false
    this.#idShared = this.checker.model.sharesId
    this.#waiting = []
    this.#emit(this.now, 0, { kind: 'faultsEnd' })
    this.network.heal(this.now)
    for (const host of this.hosts) {
      host.heal(this.now)
      if (host.state === 'paused') host.resume(this.now, true)
      if (host.isLeaving) host.leave(this.now)
    }
    for (const host of this.hosts) {
      if (host.state === 'down' && !stayDown.includes(host.index)) host.start(this.now)
    }
    if (this.hosts.every(host => host.state === 'down')) this.hosts[0]!.start(this.now)
  }

  #settle(): void {
    const { faultEndMs, settleMs, totem } = this.scenario
    const slowest = Math.min(1, ...(this.scenario.clockRates ?? []))
    const stableMs = (STABLE_TOKENS * totem.tokenTimeoutMs) / slowest
    this.#lastInstallMs = Math.max(this.#lastInstallMs, faultEndMs)
    while (!this.#over) {
      const stableAt = this.#lastInstallMs + stableMs
      if (this.#lastInstallMs - faultEndMs > settleMs || (this.now >= faultEndMs + settleMs && !this.#isWhole())) {
        this.#missed('L1', `not settled ${settleMs} ms after the end of the faults: ${this.#standing()}`)
        if (this.#failed) this.checker.unsettled(this.now - settleMs / 2)
        return
      }
      if (this.now >= stableAt && this.#isWhole()) break
      this.#runUntil(this.#isWhole() ? stableAt : this.now + totem.tokenTimeoutMs / 8)
    }
    if (this.#over) return
    const most = Math.max(...this.#changes)
    if (most > this.scenario.settleChanges) {
      this.#missed('L1', `${most} configurations on one node after the end of the faults`)
    }
    this.#settledAtMs = this.now
    this.#emit(this.now, 0, { kind: 'settled', standing: this.#standing() })
  }

  #stayQuiet(): void {
    if (this.#over) return
    this.workload.settled(this.now)
    this.#runUntil(this.now + QUIET_MS)
    this.#expectUnchanged()
  }

  #drain(): void {
    if (this.#over) return
    this.workload.stop()
    const end = this.now + DRAIN_MS
    do {
      this.#runUntil(this.now + DRAIN_POLL_MS)
    } while (!this.#over && this.now < end && !(this.workload.isDrained() && this.#isEven()))
    if (this.#over) return
    // What the last one delivered, the others deliver within a rotation.
    this.#expectUnchanged()
    if (!this.workload.isDrained()) this.#missed('L2', `messages are still under way ${DRAIN_MS} ms after the last one`)
  }

  /** Nobody has anything to send: the ring has to be quiet, and nobody to hold anything. */
  #rest(): void {
    if (this.#over) return
    const { totem, conditions, clockRates } = this.scenario
    const running = this.hosts.filter(host => host.state === 'running')
    const fastest = Math.max(1, ...(clockRates ?? []))
    const quiet = quietOf(totem, conditions, { hosts: this.hosts.length, members: running.length, fastest })
    this.#runUntil(this.now + quiet.calmMs)
    const before = this.network.sent
    this.#runUntil(this.now + quiet.watchMs)
    this.#expectUnchanged()
    if (this.#over) return
    for (const host of running) checkAtRest(this.checker.model, this.#process(host), host.node!)
    const datagrams = this.network.sent - before
    if (datagrams <= quiet.datagramsMax) return
    this.#missed('L3', `${datagrams} datagrams in ${quiet.watchMs} ms of an idle ring, ${quiet.datagramsMax} at most`)
  }

  #expectUnchanged(): void {
    if (!this.#over && this.#lastInstallMs > this.#settledAtMs) {
      this.#missed('L1', `a configuration changed after the cluster had settled: ${this.#standing()}`)
    }
  }

  /** A bound of liveness was not kept: a violation, unless a fault of this run suspends liveness. */
  #missed(property: string, text: string): void {
    if (this.scenario.misconfigured === undefined && !this.#idShared) {
      this.#fail(property, 0, text)
      return
    }
    this.#unsettled = true
    this.tell(this.now, `${property} is not demanded here: ${text}`)
  }

  // ---- time ------------------------------------------------------------------------------------------------------

  get #failed(): boolean {
    return this.checker.violations.length > 0
  }

  /** Nothing more can be learned from this run. */
  get #over(): boolean {
    return this.#failed || this.#unsettled || this.checker.model.excused.length > 0
  }

  #runUntil(end: number): void {
    const { queue, hosts } = this
    const { violations, excused } = this.checker.model
    while (violations.length === 0 && excused.length === 0) {
      let time = queue.nextTime()
      let due = -1
      for (let i = 0; i < hosts.length; i++) {
        const deadline = hosts[i]!.deadline
        if (deadline < time) {
          time = deadline
          due = i
        }
      }
      if (time > end) break
      if (++this.#events > EVENT_LIMIT) throw new Error('the scenario does not end')
      this.now = time
      this.checker.at(time)
      if (due >= 0) hosts[due]!.expire(time)
      else this.#dispatch(time)
    }
    if (!this.#over) this.now = Math.max(this.now, end)
  }

  #dispatch(now: number): void {
    const event = this.queue.pop()
    const { datagram, action } = event
    if (datagram !== undefined) {
      if (this.network.holdsUp(event.to, datagram)) {
        this.network.release(datagram)
        this.queue.recycle(event)
        return
      }
      const host = this.hosts[event.to]!
      this.hash.addTime(now)
      this.hash.add((event.to << 16) ^ (datagram.from << 24) ^ datagram.len)
      if (this.#guardInput)
        this.#receiveGuarded(now, host, datagram.buf, datagram.len, () => host.receive(now, datagram))
      else host.receive(now, datagram)
      this.network.release(datagram)
    } else {
      action?.(now)
    }
    this.queue.recycle(event)
  }

  #receiveGuarded(now: number, host: SimHost, buf: Uint8Array, len: number, receive: () => void): void {
    const before = hashBytes(buf, 0, len)
    receive()
    if (hashBytes(buf, 0, len) !== before) {
      this.#fail('API', host.nodeId, `the node wrote into a datagram it received at ${now}`)
    }
  }

  // ---- faults ----------------------------------------------------------------------------------------------------

  tell(now: number, text: string): void {
    this.#emit(now, 0, { kind: 'text', text })
  }

  #emit(time: number, nodeId: number, body: SimEventBody): void {
    this.#observe?.({ time, nodeId, ...body })
  }

  #carryOut(now: number, scheduled: ScheduledFault): void {
    if (!this.faulty) return
    this.hash.addTime(now)
    this.hash.addText(scheduled.fault.kind)
    this.#emit(now, 0, { kind: 'fault', fault: scheduled.fault })
    carryOut(this, now, scheduled.fault)
  }

  diskDamaged(host: SimHost): void {
    this.checker.diskDamaged(host.nodeId, host.disk.read())
  }

  #triggerFaults(state: TotemState): void {
    const count = ++this.#stateEntries[state]
    if (this.#waiting.length === 0) return
    const due = this.#waiting.filter(({ after }) => after!.state === state && after!.nth === count)
    if (due.length === 0) return
    this.#waiting = this.#waiting.filter(scheduled => !due.includes(scheduled))
    for (const scheduled of due) {
      this.queue.pushAction(this.now + scheduled.atMs, now => this.#carryOut(now, scheduled))
    }
  }

  // ---- what hosts tell ---------------------------------------------------------------------------------------------

  started(host: SimHost): void {
    host.process = this.checker.start(host.nodeId)
    this.hash.add(host.index)
    const { incarnation, disk } = host
    this.#emit(host.now, host.nodeId, { kind: 'started', incarnation, ringSequence: disk.read() })
    this.workload.hostStarted(host.now, host)
  }

  leaving(host: SimHost): void {
    this.workload.hostLeaving(host)
  }

  ended(host: SimHost, how: 'crashed' | 'left'): void {
    this.checker.end(host.process)
    this.hash.add(host.index)
    this.hash.addText(how)
    this.#emit(this.now, host.nodeId, { kind: 'ended', how })
    this.workload.hostEnded(host)
  }

  log(host: SimHost, level: LogLevel, subsystem: Subsystem, message: string): void {
    this.hash.add(host.index)
    this.hash.add(message.length)
    this.#emit(host.now, host.nodeId, { kind: 'log', level, subsystem, message })
  }

  paused(host: SimHost): void {
    this.#emit(this.now, host.nodeId, { kind: 'paused' })
  }

  resumed(host: SimHost): void {
    this.#emit(host.now, host.nodeId, { kind: 'resumed' })
  }

  persisted(host: SimHost, seq: number): void {
    this.hash.add(host.index)
    this.hash.add(seq)
  }

  shutdownRequested(host: SimHost, reason: string): void {
    this.#fail('API', host.nodeId, `the node wants to stop: ${reason}`)
  }

  observer(host: SimHost): TotemObserver {
    const incarnation = host.incarnation
    // Whatever a dead incarnation still says is judged as said after its end.
    const process = () => (host.incarnation === incarnation ? host.process : -1)
    return {
      numbered: (ring, seq, buf, off, len) => {
        this.#watch?.numbered?.(ring, seq, buf, off, len)
        if (this.#observe !== undefined) this.#emit(host.now, host.nodeId, { kind: 'numbered', ring, seq })
        this.#numbered(host, process(), ring, seq, hashBytes(buf, off, len))
      },
      delivered: (ring, seq, origin, buf, off, len) => {
        this.#watch?.delivered?.(ring, seq, origin, buf, off, len)
        if (this.#observe !== undefined) this.#emit(host.now, host.nodeId, { kind: 'delivered', ring, seq, origin })
        this.#delivered(host, process(), ring, seq, origin, hashBytes(buf, off, len))
      },
      tokenAccepted: (ringNodeId, token) => {
        this.#watch?.tokenAccepted?.(ringNodeId, token)
        if (host.incarnation !== incarnation) return
        this.tokens.accepted(this.#process(host), ringNodeId, token)
        checkFrames(this.checker.model, this.#process(host), host.node!)
      },
      tokenSent: (token, aru, high, multicasts) => {
        this.#watch?.tokenSent?.(token, aru, high, multicasts)
        if (host.incarnation === incarnation) this.tokens.sent(this.#process(host), token, aru, high, multicasts)
      },
      released: seq => {
        this.#watch?.released?.(seq)
        if (host.incarnation === incarnation) this.tokens.released(this.#process(host), seq)
      },
      configured: change => {
        this.#watch?.configured?.(change)
        this.#configured(host, process(), change)
      },
      entered: (state, cause) => {
        this.#watch?.entered?.(state, cause)
        host.totemState = state
        this.hash.add((host.index << 8) ^ STATE_CODES[state])
        this.#triggerFaults(state)
      },
      event: event => {
        this.#watch?.event?.(event)
        this.#emit(host.now, host.nodeId, { kind: 'totem', event })
      },
    }
  }

  #numbered(host: SimHost, process: number, ring: RingIdentity, seq: number, hash: number): void {
    this.hash.add(seq ^ (host.index << 24))
    this.hash.add(hash)
    this.checker.numbered(process, ring, seq, hash)
    this.tokens.numbered(this.#process(host), seq)
  }

  #delivered(host: SimHost, process: number, ring: RingIdentity, seq: number, origin: number, hash: number): void {
    this.#packetsDelivered++
    this.hash.add(seq ^ (host.index << 24))
    this.checker.delivered(process, ring, seq, origin, hash)
  }

  #configured(host: SimHost, process: number, change: ConfigurationChange): void {
    this.hash.addTime(host.now)
    this.hash.add(host.index)
    this.hash.addText(`${change.kind} ${change.ring.nodeId}.${change.ring.seq} ${change.members.join(' ')}`)
    this.#emit(host.now, host.nodeId, { kind: 'configured', change })
    this.checker.configured(process, change)
    if (change.kind === 'transitional') return
    this.#lastInstallMs = this.now
    if (this.faulty) this.#checkRest(host)
    checkHalfMessages(this.checker.model, this.#process(host), host.node!, change.members.length)
    if (!this.faulty) {
      this.#changes[host.index]!++
      this.#idShared ||= this.checker.model.sharesId
    }
    if (!this.#over) this.groups.installed(this.#process(host))
  }

  /** L5: under a fault that lasts, the cluster comes to rest. */
  #checkRest(host: SimHost): void {
    const { rest } = this.scenario
    if (rest === undefined || this.now < rest.sinceMs) return
    const changes = ++this.#changesUnderFault[host.index]!
    if (changes > rest.changes) this.#fail('L5', host.nodeId, `${changes} configurations while the fault lasts`)
    const late = this.now - rest.sinceMs
    if (late > rest.withinMs)
      this.#fail('L5', host.nodeId, `another configuration ${late.toFixed(0)} ms after the fault`)
  }

  // ---- looking at the whole ----------------------------------------------------------------------------------------

  #process(host: SimHost): Process {
    return this.checker.model.processes[host.process]!
  }

  /** One regular configuration, installed by exactly the hosts that run, and nobody about to leave it. */
  #isWhole(): boolean {
    const running = this.hosts.filter(host => host.state === 'running')
    const first = running[0] === undefined ? undefined : this.#process(running[0]).view?.ring
    if (first === undefined || first.members.length !== running.length) return false
    return running.every(host => host.totemState === 'operational' && this.#process(host).view?.ring === first)
  }

  /** Everybody has delivered the same number of packets. */
  #isEven(): boolean {
    for (const host of this.hosts) {
      if (host.state === 'down') continue
      const view = this.#process(host).view
      if (view === null || view.prefix !== view.ring.senders.length) return false
    }
    return true
  }

  #standing(): string {
    return this.hosts
      .map(host => {
        if (host.state === 'down') return `${host.nodeId} down`
        const view = this.#process(host).view
        return `${host.nodeId} in ${view === null ? 'none' : `${view.ring.name} {${view.ring.members.join(' ')}}`}`
      })
      .join(', ')
  }

  #fail(property: string, nodeId: number, text: string): void {
    this.checker.model.violations.push({ property, time: this.now, nodeId, text })
  }
}

function observerOf({ observe, story }: SimulationOptions): SimObserver | undefined {
  if (story === undefined) return observe
  const narrator = new Narrator((now, nodeId, text) => story(now, nodeId, text))
  return event => {
    narrator.observe(event)
    observe?.(event)
  }
}
