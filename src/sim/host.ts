// One simulated machine: runs at most one incarnation of a node, keeps its disk across crashes, has a clock of its own,
// holds its input while it is paused or slow, and turns what the node sends into datagrams. In: datagrams, the passing of
// time, faults; out: the node's output, on the network. Must not know: what a node is beyond SimNode.

import type { LogLevel, LogSink, Subsystem } from '../log/types.js'
import type { NodeOutput } from '../node/types.js'
import type { TotemObserver, TotemState } from '../totem/types.js'
import { HostClock } from './clock.js'
import { SimDisk } from './disk.js'
import type { Datagram, Network } from './network.js'
import type { Prng } from './prng.js'
import type { SimNode, SimNodeConfig, SimNodeFactory } from './sim-node.js'
import { Worst } from './worst.js'

export type HostState = 'down' | 'running' | 'paused'

/** A paused host's socket buffer takes this many datagrams; what comes later is lost. */
const INPUT_LIMIT = 4096
/**
 * A node that wants to be called at once (a ring of one hands its token round inside the node) is called after this
 * time, so that virtual time moves.
 */
const AT_ONCE_MS = 0.02

/** What a host tells the simulation. */
export interface HostEvents {
  readonly observer: (host: SimHost) => TotemObserver
  log(host: SimHost, level: LogLevel, subsystem: Subsystem, message: string): void
  persisted(host: SimHost, seq: number): void
  shutdownRequested(host: SimHost, reason: string): void
  /** The node is up, no datagram has reached it yet. */
  started(host: SimHost): void
  /** The node is about to leave in order: what runs on it ends first. */
  leaving(host: SimHost): void
  paused(host: SimHost): void
  /** Scheduled again, nothing of what has gathered meanwhile has been handed in yet. */
  resumed(host: SimHost): void
  /** The incarnation has ended; nothing of it will happen any more. */
  ended(host: SimHost, how: 'crashed' | 'left'): void
}

export class SimHost {
  readonly index: number
  readonly nodeId: number
  state: HostState = 'down'
  /** Incarnations begun so far. */
  incarnation = 0
  /** When the node wants to be called, in virtual time; Infinity while the host is down or paused. */
  deadline = Number.POSITIVE_INFINITY
  /** Number under which the checker knows the running incarnation. */
  process = -1
  node: SimNode | undefined
  /** Where the node's ring machine stands. */
  totemState: TotemState = 'gather'
  /** Between the halves of an orderly end. */
  isLeaving = false
  readonly disk = new SimDisk()
  readonly clock: HostClock
  /** Virtual time, as the whole simulation sees it. */
  now = 0

  readonly #config: SimNodeConfig
  readonly #factory: SimNodeFactory
  readonly #network: Network
  /** Names of all hosts, for the node's log lines. */
  readonly #names: readonly string[]
  readonly #indexOf: Map<number, number>
  readonly #prng: Prng
  readonly #events: HostEvents
  /** Per host: whether it is in this one's member list. */
  readonly #listed: boolean[]
  /** What the socket holds. */
  readonly #input: Datagram[] = []
  #inputBytes = 0
  /** While the host is slow: time that it takes to read one datagram, and what its socket holds, in bytes. */
  readonly #readMs = new Worst(1, 0, Math.max)
  readonly #bufferBytes = new Worst(1, Number.POSITIVE_INFINITY, Math.min)
  /** When the slow host has read its next datagram; Infinity while there is none. */
  #nextReadMs = Number.POSITIVE_INFINITY
  #services: { output: NodeOutput; random: () => number; observer: TotemObserver } | undefined

  constructor(
    index: number,
    nodeIds: readonly number[],
    config: SimNodeConfig,
    factory: SimNodeFactory,
    network: Network,
    prng: Prng,
    events: HostEvents,
    clockRate = 1,
  ) {
    this.index = index
    this.nodeId = nodeIds[index]!
    this.#names = nodeIds.map(nodeId => `host${nodeId}`)
    this.#indexOf = new Map(nodeIds.map((nodeId, place) => [nodeId, place]))
    this.#config = config
    this.#factory = factory
    this.#network = network
    this.#prng = prng
    this.#events = events
    this.#listed = nodeIds.map(nodeId => config.memberNodeIds.includes(nodeId))
    // No two hosts agree on the time.
    this.clock = new HostClock(prng.int(1_000_000), clockRate)
  }

  start(now: number): void {
    if (this.state !== 'down') return
    this.now = now
    this.state = 'running'
    this.incarnation++
    this.totemState = 'gather'
    this.#services = {
      output: this.#output(),
      random: this.#prng.float,
      observer: this.#events.observer(this),
    }
    this.node = this.#factory(this.#config, this.#services)
    this.#events.started(this)
    this.node.start(this.clock.local(now), this.disk.read())
    this.touched()
  }

  /** The process dies between two instructions; the disk stays. */
  crash(): void {
    if (this.state === 'down') return
    this.#end('crashed')
  }

  /** First half of an orderly end. */
  prepareToLeave(now: number): void {
    if (this.state === 'down' || this.isLeaving) return
    this.isLeaving = true
    if (this.state === 'paused') this.resume(now, true)
    this.now = now
    this.#events.leaving(this)
    this.node?.prepareToLeave?.(this.clock.local(now))
    this.touched()
  }

  get drained(): boolean {
    return this.node?.drained ?? true
  }

  leave(now: number): void {
    if (this.state === 'down') return
    if (this.state === 'paused') this.resume(now, true)
    this.now = now
    this.node?.leave(this.clock.local(now))
    this.#end('left')
  }

  pause(): void {
    if (this.state !== 'running') return
    this.state = 'paused'
    this.deadline = Number.POSITIVE_INFINITY
    this.#nextReadMs = Number.POSITIVE_INFINITY
    this.#events.paused(this)
  }

  /** The host takes so long to read a datagram, and what does not fit its socket buffer meanwhile is lost. */
  beginOverflow(readMs: number, bufferBytes: number): void {
    this.#readMs.begin(0, readMs)
    this.#bufferBytes.begin(0, bufferBytes)
  }

  endOverflow(now: number, readMs: number, bufferBytes: number): void {
    this.#readMs.end(0, readMs)
    this.#bufferBytes.end(0, bufferBytes)
    if (this.#readMs.inForce === 0) this.#catchUp(now)
  }

  /** The host is as fast as ever, its socket as large. */
  heal(now: number): void {
    this.#readMs.endAll()
    this.#bufferBytes.endAll()
    this.#catchUp(now)
  }

  /** The process is scheduled again: its timers are late, its socket is full of old input; either may be seen first. */
  resume(now: number, inputFirst: boolean): void {
    if (this.state !== 'paused') return
    this.now = now
    this.state = 'running'
    this.#events.resumed(this)
    const node = this.node!
    if (!inputFirst) this.#expireIfDue(now)
    this.#readAll(now, node)
    if (this.node === node && inputFirst) this.#expireIfDue(now)
    this.touched()
  }

  receive(now: number, datagram: Datagram): void {
    if (!this.#listed[datagram.from]) return
    if (this.state === 'running' && this.#readMs.inForce === 0) {
      this.now = now
      this.node!.receive(this.clock.local(now), datagram.buf, 0, datagram.len, this.#names[datagram.from]!)
      this.touched()
    } else if (this.state !== 'down') {
      this.#buffer(now, datagram)
    }
  }

  expire(now: number): void {
    if (this.state !== 'running') return
    this.now = now
    if (now >= this.#nextReadMs) this.#readOne(now)
    else this.node!.expire(this.clock.local(now))
    this.touched()
  }

  interfaceChanged(now: number): void {
    if (this.state !== 'running') return
    this.now = now
    this.node!.interfaceChanged(this.clock.local(now))
    this.touched()
  }

  /** To be called whenever something may have changed the node's next deadline. */
  touched(): void {
    if (this.state !== 'running') {
      this.deadline = Number.POSITIVE_INFINITY
      return
    }
    const deadline = this.clock.virtual(this.node!.nextDeadline())
    this.deadline = Math.min(deadline <= this.now ? this.now + AT_ONCE_MS : deadline, this.#nextReadMs)
  }

  #buffer(now: number, datagram: Datagram): void {
    if (this.#input.length >= INPUT_LIMIT || this.#inputBytes + datagram.len > this.#bufferBytes.current[0]!) {
      this.#network.dropped++
      return
    }
    datagram.holders++
    this.#input.push(datagram)
    this.#inputBytes += datagram.len
    if (this.state !== 'running' || this.#nextReadMs !== Number.POSITIVE_INFINITY) return
    this.#nextReadMs = now + this.#readMs.current[0]!
    this.deadline = Math.min(this.deadline, this.#nextReadMs)
  }

  #readOne(now: number): void {
    const datagram = this.#input.shift()
    if (datagram !== undefined) {
      this.#inputBytes -= datagram.len
      this.node!.receive(this.clock.local(now), datagram.buf, 0, datagram.len, this.#names[datagram.from]!)
      this.#network.release(datagram)
    }
    this.#nextReadMs = this.#input.length > 0 ? now + this.#readMs.current[0]! : Number.POSITIVE_INFINITY
  }

  /** Everything that the socket holds, at one moment, as long as the node lives. */
  #readAll(now: number, node: SimNode): void {
    while (this.#input.length > 0 && this.node === node) this.#readOne(now)
    this.#nextReadMs = Number.POSITIVE_INFINITY
  }

  #catchUp(now: number): void {
    if (this.state !== 'running' || this.#nextReadMs === Number.POSITIVE_INFINITY) return
    this.now = now
    this.#readAll(now, this.node!)
    this.touched()
  }

  #expireIfDue(now: number): void {
    const node = this.node!
    if (node.nextDeadline() <= this.clock.local(now)) node.expire(this.clock.local(now))
  }

  #end(how: 'crashed' | 'left'): void {
    this.state = 'down'
    this.isLeaving = false
    this.deadline = Number.POSITIVE_INFINITY
    this.#nextReadMs = Number.POSITIVE_INFINITY
    this.node = undefined
    this.#services = undefined
    this.#discard()
    this.#events.ended(this, how)
  }

  #discard(): number {
    const count = this.#input.length
    for (const datagram of this.#input) this.#network.release(datagram)
    this.#input.length = 0
    this.#inputBytes = 0
    return count
  }

  /** The output of one incarnation. A dead incarnation's output goes nowhere. */
  #output(): NodeOutput {
    const incarnation = this.incarnation
    const alive = () => this.incarnation === incarnation && this.state !== 'down'
    const log: LogSink = (level, subsystem, message) => this.#events.log(this, level, subsystem, message)
    return {
      unicast: (nodeId, buf, off, len) => {
        const to = this.#indexOf.get(nodeId)
        if (to === undefined || !this.#listed[to] || !alive()) return
        this.#network.unicast(this.now, this.index, to, buf, off, len)
      },
      multicast: (buf, off, len) => {
        if (alive()) this.#network.multicast(this.now, this.index, this.#listed, buf, off, len)
      },
      discardInput: () => this.#discard(),
      persistRingSequence: seq => {
        this.disk.write(seq)
        this.#events.persisted(this, seq)
      },
      shutdownRequested: reason => this.#events.shutdownRequested(this, reason),
      log,
    }
  }
}
