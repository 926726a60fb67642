// One whole cluster node without I/O: the single ring, process groups, synchronisation and services, put together.
// The real loop, the node:dgram driver, the embedded library and the simulator all use this class. In: datagrams, passed
// deadlines, requests of local processes. Out: NodeOutput. It knows nothing of sockets, files, threads, clocks.

import { CfgService } from '../services/cfg/service.js'
import { LiveMap } from '../services/cmap/live-map.js'
import { CmapService } from '../services/cmap/service.js'
import { CpgService } from '../services/cpg/service.js'
import { Executive } from '../services/executive.js'
import { quorumProvider } from '../services/quorum/provider.js'
import { QuorumService } from '../services/quorum/service.js'
import type { Service } from '../services/types.js'
import { VotequorumService } from '../services/votequorum/service.js'
import { SingleRing } from '../totem/single-ring.js'
import type { ConfigurationChange, TotemLower, TotemUpper } from '../totem/types.js'
import { Loopback } from './loopback.js'
import { TotemLog } from './totem-log.js'
import type { NodeMembership, NodeOptions } from './types.js'

export class ClusterNode {
  readonly nodeId: number
  /** The single-ring machine: state, ring, counters. */
  readonly ring: SingleRing
  readonly executive: Executive
  /** The configuration map of this node. */
  readonly map: LiveMap
  readonly cfg: CfgService
  readonly cpg: CpgService
  readonly quorum: QuorumService
  /** Only where the map has it as quorum.provider. */
  readonly votequorum: VotequorumService | undefined
  readonly #loopback = new Loopback()
  readonly #readyCallbacks: (() => void)[] = []
  readonly #membershipCallbacks: ((membership: NodeMembership) => void)[] = []
  readonly #received: (buf: Uint8Array, len: number) => void
  #now = 0
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
        for (const callback of this.#readyCallbacks) callback()
      },
      completed: () => this.#announceMembership(),
    })
    this.executive = executive
    this.cfg = new CfgService({ port: executive.port, map: this.map, log: output.log, host: options.host })
    this.cpg = new CpgService({ port: executive.port, log: output.log })
    executive.register(
      new CmapService({
        port: executive.port,
        configVersion: config.configVersion,
        log: output.log,
        shutdown: reason => output.shutdownRequested(reason),
      }),
    )
    executive.register(this.cfg)
    executive.register(this.cpg)
    const provider = quorumProvider(this.map.getString('quorum.provider') ?? '', output.log)
    this.quorum = new QuorumService({ log: output.log, provider })
    if (provider === 'votequorum') {
      this.votequorum = new VotequorumService({
        port: executive.port,
        map: this.map,
        log: output.log,
        now: () => this.#now,
        report: view => this.quorum.report(view),
        tracking: options.expectedVotes,
      })
      executive.register(this.votequorum)
    }
    executive.register(this.quorum)
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
    if (this.#loopback.pending) this.#loopback.drain(this.#received)
    this.ring.expire(now)
    this.executive.table.expire(now)
  }

  /** When to call `expire`, in ms; in the past while datagrams to this node itself wait; Infinity when never. */
  nextDeadline(): number {
    if (this.#loopback.pending) return Number.NEGATIVE_INFINITY
    return Math.min(this.ring.nextDeadline(), this.executive.table.nextDeadline())
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

  #announceMembership(): void {
    const { membership } = this
    for (const callback of this.#membershipCallbacks) callback(membership)
  }
}
