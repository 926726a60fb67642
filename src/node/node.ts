// One whole cluster node without I/O: the single ring, process groups, synchronisation and services, put together.
// The real loop, the node:dgram driver, the embedded library and the simulator all use this class. In: datagrams, passed
// deadlines, requests of local processes. Out: NodeOutput. It knows nothing of sockets, files, threads, clocks.

import type { LogSink } from '../log/types.js'
import { CfgService } from '../services/cfg/service.js'
import { watchControlKeys } from '../services/cmap/control-keys.js'
import { LiveMap } from '../services/cmap/live-map.js'
import { defineRingStats } from '../services/cmap/ring-stats.js'
import { ScheduleMisses } from '../services/cmap/schedule-misses.js'
import { CmapService } from '../services/cmap/service.js'
import { publishServices } from '../services/cmap/service-keys.js'
import { CpgService } from '../services/cpg/service.js'
import { Executive } from '../services/executive.js'
import { MonService } from '../services/mon/service.js'
import { PloadService } from '../services/pload/service.js'
import { quorumProvider } from '../services/quorum/provider.js'
import { QuorumService } from '../services/quorum/service.js'
import type { Service } from '../services/types.js'
import { VotequorumService } from '../services/votequorum/service.js'
import { WdService } from '../services/wd/service.js'
import type { TotemParameters } from '../totem/parameters.js'
import { SingleRing } from '../totem/single-ring.js'
import type { ConfigurationChange, TotemLower, TotemUpper } from '../totem/types.js'
import type { QuorumView } from '../wire/quorum-ipc.js'
import { Loopback } from './loopback.js'
import { ringText, TotemLog } from './totem-log.js'
import type { NodeMembership, NodeOptions } from './types.js'

export class ClusterNode {
  readonly nodeId: number
  /** The single-ring machine: state, ring, counters. */
  readonly ring: SingleRing
  readonly executive: Executive
  /** The configuration map of this node. */
  readonly map: LiveMap
  readonly cfg: CfgService
  readonly cmap: CmapService
  readonly cpg: CpgService
  readonly quorum: QuorumService
  /** Only where the map has it as quorum.provider. */
  readonly votequorum: VotequorumService | undefined
  readonly #loopback = new Loopback()
  readonly #readyCallbacks: (() => void)[] = []
  readonly #membershipCallbacks: ((membership: NodeMembership) => void)[] = []
  readonly #received: (buf: Uint8Array, len: number) => void
  readonly #scheduleMisses: ScheduleMisses | undefined
  #now = 0
  /** The ring is to be formed anew as soon as the call under way has ended. */
  #gatherWanted = false
  #lastBuf: Uint8Array = new Uint8Array(2)
  #lastOff = 0

  constructor(options: NodeOptions) {
    const { config, output } = options
    const { wire } = config
    this.nodeId = config.nodeId
    this.map = options.map ?? new LiveMap()
    this.#received = (buf, len) => this.#receive(buf, 0, len, 'myself')
    const totemLog = new TotemLog(output.log)
    const guess = () => wire.guessSender(this.#lastBuf, this.#lastOff)
    const lower: TotemLower = {
      unicast: (nodeId, buf, off, len) => {
        if (nodeId === this.nodeId) this.#loopback.push(buf, off, len)
        else output.unicast(nodeId, buf, off, len)
      },
      multicast: (buf, off, len, loopback) => {
        if (loopback) this.#loopback.push(buf, off, len)
        output.multicast(buf, off, len)
      },
      discardInput: () => output.discardInput(),
      persistRingSequence: seq => output.persistRingSequence(seq),
    }
    // The ring and what stands on it know each other: the upper half is bound a moment later.
    let executive: Executive | null = null
    const upper: TotemUpper = {
      tokenReceived: () => executive?.tokenReceived(),
      tokenSent: () => executive?.tokenSent(),
      deliver: (buf, off, len, origin, foreign) => executive?.deliver(buf, off, len, origin, foreign),
      flushPacking: () => executive?.flushPacking(),
      useTransitionalContexts: () => executive?.useTransitionalContexts(),
      configurationChanged: change => this.#configurationChanged(change),
    }
    this.ring = new SingleRing({
      nodeId: config.nodeId,
      wire,
      parameters: config.totem,
      lower,
      upper,
      random: options.random,
      event: event => totemLog.write(this.#now, event, guess),
      observer: options.observer,
      ...(options.firstSeq === undefined ? {} : { firstSeq: options.firstSeq }),
    })
    executive = new Executive({
      nodeId: config.nodeId,
      queue: this.ring,
      netMtu: config.totem.netMtu,
      log: output.log,
      ready: () => {
        this.cmap.retry()
        for (const callback of this.#readyCallbacks) callback()
      },
      completed: () => this.#announceMembership(),
    })
    this.executive = executive
    const { port } = executive
    const { log } = output
    const { map } = this
    const now = () => this.#now
    const { readings } = options
    this.cmap = new CmapService({
      port,
      map,
      log,
      shutdown: reason => output.shutdownRequested(reason),
      addressesOf: options.addressesOf,
    })
    this.cfg = new CfgService({ port, map, log, host: options.host })
    this.cpg = new CpgService({ port, log })
    // In the order of the C daemon; some have something to say when they are made.
    executive.register(this.cmap)
    executive.register(this.cfg)
    executive.register(this.cpg)
    executive.register(new PloadService(log))
    executive.register(new MonService({ map, log, readings }))
    executive.register(new WdService({ map, log, readings }))
    const provider = quorumProvider(map.getString('quorum.provider') ?? '', log)
    this.quorum = new QuorumService({ log, provider })
    if (provider === 'votequorum') {
      this.votequorum = new VotequorumService({
        port,
        map,
        log,
        now,
        report: view => this.quorum.report(view),
        tracking: options.expectedVotes,
      })
      executive.register(this.votequorum)
    }
    if (provider === 'ykd') {
      const report = (view: QuorumView) => this.quorum.report(view)
      executive.useYkd({ nodeId: config.nodeId, log: output.log, report })
    }
    executive.register(this.quorum)

    publishServices(map, executive.table.counters)
    watchControlKeys({
      map,
      log,
      forceGather: () => {
        this.#gatherWanted = true
      },
      dumpFlightData: () => options.dumpFlightData?.(),
      dumpState: () => this.#logState(log),
    })
    const { stats } = this.cmap
    defineRingStats(stats, { ring: this.ring, now, sendFailures: options.sendFailures ?? (() => 0) })
    if (readings !== undefined) {
      this.#scheduleMisses = new ScheduleMisses({
        map: stats,
        log,
        tokenTimeoutMs: () => this.ring.tokenTimeoutMs,
        timeOfDay: () => readings.timeOfDayMs(),
      })
    }
  }

  /** The interface is up for the first time; `ringSequence` comes from the ring-id file, 0 when there was none. */
  start(now: number, ringSequence: number): void {
    this.#now = now
    this.executive.table.start()
    this.ring.start(now, ringSequence)
  }

  /** One datagram that passed the transport's checks. Valid for the length of the call; `from` is for log text. */
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    this.#now = now
    this.#receive(buf, off, len, from)
  }

  /** Time has passed: before requests of programs are handed to services, which set timers by it. */
  advance(now: number): void {
    this.#now = now
  }

  /** A deadline has passed. */
  expire(now: number): void {
    this.#now = now
    this.#scheduleMisses?.expire(now)
    if (this.#loopback.pending) this.#loopback.drain(this.#received)
    if (this.#gatherWanted) {
      this.#gatherWanted = false
      this.ring.forceGather(now)
    }
    this.ring.expire(now)
    this.executive.table.expire(now)
  }

  /** When to call `expire`, in ms; in the past while datagrams to this node itself wait; Infinity when never. */
  nextDeadline(): number {
    if (this.#loopback.pending || this.#gatherWanted) return Number.NEGATIVE_INFINITY
    const deadline = Math.min(this.ring.nextDeadline(), this.executive.table.nextDeadline())
    return this.#scheduleMisses === undefined ? deadline : Math.min(deadline, this.#scheduleMisses.nextDeadline())
  }

  /** Other timers and limits of the ring from now on. */
  setTotemParameters(now: number, parameters: TotemParameters): void {
    this.#now = now
    this.ring.setParameters(now, parameters)
  }

  interfaceChanged(now: number): void {
    this.#now = now
    this.ring.interfaceChanged(now)
  }

  /**
   * Orderly end, first half: services say their last words. Call `leave` when `drained`, or when waiting has been long
   * enough: a ring that does not turn would never drain.
   */
  prepareToLeave(now: number): void {
    this.#now = now
    this.executive.exit()
  }

  /** Everything that was to be said has been delivered. */
  get drained(): boolean {
    return this.executive.drained
  }

  /** Orderly end, second half: the leave message. Nothing is sent or delivered afterwards. */
  leave(now: number): void {
    this.#now = now
    this.#loopback.clear()
    this.ring.leave(now)
  }

  /** What was refused with TRY_AGAIN is worth another try. */
  onReady(callback: () => void): void {
    this.#readyCallbacks.push(callback)
  }

  /** After each regular configuration change, and again when its synchronisation is complete. */
  onMembership(callback: (membership: NodeMembership) => void): void {
    this.#membershipCallbacks.push(callback)
  }

  /** Ascending by id. */
  get services(): readonly Service[] {
    return this.executive.table.counters.map(entry => entry.service)
  }

  get membership(): NodeMembership {
    return { ring: this.ring.ring, members: this.ring.members, synchronised: !this.executive.sync.running }
  }

  #receive(buf: Uint8Array, off: number, len: number, from: string): void {
    this.#lastBuf = buf
    this.#lastOff = off
    this.ring.receive(this.#now, buf, off, len, from)
  }

  #configurationChanged(change: ConfigurationChange): void {
    this.executive.configurationChanged(change)
    if (change.kind === 'regular') this.#announceMembership()
  }

  /** What runtime.blackbox.dump_state asks for. */
  #logState(log: LogSink): void {
    const { ring, executive } = this
    const members = ring.members.join(' ')
    log(
      'notice',
      'MAIN',
      `State of the engine. ring=${ringText(ring.ring)} state=${ring.state} members=${members} synchronising=${executive.sync.running} free=${ring.available()}`,
    )
  }

  #announceMembership(): void {
    const { membership } = this
    for (const callback of this.#membershipCallbacks) callback(membership)
  }
}
