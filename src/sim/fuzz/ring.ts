// The ring under attack: honest nodes on a simulated network in virtual time, with an eavesdropper on every datagram and
// a way to hand any node any bytes. In: a plan, a referee who is told everything that nodes tell. Out: what the ring
// did. Must not know: who attacks, how, and what is right.

import { ClusterNode } from '../../node/node.js'
import { hashBytes } from '../../recorder/payload-hash.js'
import type { TotemParameters } from '../../totem/parameters.js'
import type { ConfigurationChange, RingIdentity, TotemObserver } from '../../totem/types.js'
import type { WireGeneration } from '../../wire/generation.js'
import { EventQueue } from '../event-queue.js'
import { carryOut, type Fault, type FaultTarget } from '../faults.js'
import { type HostEvents, SimHost } from '../host.js'
import { type Datagram, Network, type NetworkConditions } from '../network.js'
import { Prng } from '../prng.js'
import type { SimNodeConfig, SimNodeFactory } from '../sim-node.js'
import { EVERYBODY } from './captures.js'

/** What a ring under attack consists of, as plain data. */
export interface RingPlan {
  readonly seed: number
  readonly nodeIds: readonly number[]
  readonly bigEndian: readonly boolean[]
  readonly totem: TotemParameters
  readonly firstSeq: number
  readonly conditions: NetworkConditions
}

/** Is told what the nodes tell, in order; hosts are those that run at the moment. */
export interface Referee {
  started(host: SimHost): void
  ended(host: SimHost): void
  configured(host: SimHost, change: ConfigurationChange): void
  numbered(host: SimHost, ring: RingIdentity, seq: number, hash: number): void
  delivered(host: SimHost, ring: RingIdentity, seq: number, origin: number, hash: number): void
}

/** Sees every datagram that a member sends. */
export type Tap = (from: number, to: number, buf: Uint8Array, off: number, len: number) => void

class TappedNetwork extends Network {
  tap: Tap = () => {}

  override unicast(now: number, from: number, to: number, buf: Uint8Array, off: number, len: number): void {
    this.tap(from, to, buf, off, len)
    super.unicast(now, from, to, buf, off, len)
  }

  override multicast(...args: Parameters<Network['multicast']>): void {
    const [, from, , buf, off, len] = args
    this.tap(from, EVERYBODY, buf, off, len)
    super.multicast(...args)
  }
}

/** The configuration that a host installed last. */
interface Standing {
  ring: string
  members: readonly number[]
}

const NOWHERE: Standing = { ring: '', members: [] }

export class FuzzRing implements HostEvents, FaultTarget {
  readonly plan: RingPlan
  readonly queue = new EventQueue()
  readonly network: TappedNetwork
  readonly hosts: readonly SimHost[]
  now = 0
  /** While true, faults are carried out and taken back. */
  faulty = true
  /** Events so far: arrivals, deadlines, actions. */
  events = 0
  /** Everything that observers of nodes have been told, counted. */
  observed = 0
  lastInstallMs = 0
  /** Per host: the configuration installed last, and its ring's sequence number, which outlives the node. */
  readonly #standings: Standing[]
  readonly #ringSeqs: number[]
  readonly #referee: () => Referee
  readonly #datagram: Datagram = { buf: new Uint8Array(0), len: 0, from: 0, holders: 1 }
  readonly #broken: (text: string) => void
  readonly #nodes: (ClusterNode | undefined)[] = []

  /** `referee` is asked for each time; `broken` hears of what no node may do at any time. */
  constructor(
    plan: RingPlan,
    wire: (littleEndian: boolean) => WireGeneration,
    referee: () => Referee,
    broken: (text: string) => void,
  ) {
    this.plan = plan
    this.#referee = referee
    this.#broken = broken
    const size = plan.nodeIds.length
    this.network = new TappedNetwork(size, this.queue, new Prng(plan.seed, 'network'), plan.conditions)
    this.#standings = plan.nodeIds.map(() => NOWHERE)
    this.#ringSeqs = plan.nodeIds.map(() => 0)
    this.hosts = plan.nodeIds.map((nodeId, index) => {
      const config: SimNodeConfig = {
        nodeId,
        memberNodeIds: plan.nodeIds,
        totem: plan.totem,
        wire: wire(!plan.bigEndian[index]),
      }
      const prng = new Prng(plan.seed, `host ${index}`)
      return new SimHost(index, plan.nodeIds, config, this.#factory(index), this.network, prng, this)
    })
  }

  /** The node that runs on a host. */
  node(index: number): ClusterNode {
    return this.#nodes[index]!
  }

  /** Lets virtual time pass, at most `eventLimit` events of it: a machine that loops in no time is stopped there. */
  runUntil(end: number, eventLimit: number): void {
    const { queue, hosts } = this
    const last = this.events + eventLimit
    for (;;) {
      let time = queue.nextTime()
      let due = -1
      for (let i = 0; i < hosts.length; i++) {
        const { deadline } = hosts[i]!
        if (deadline < time) {
          time = deadline
          due = i
        }
      }
      if (time > end) break
      if (++this.events > last) throw new Error(`${eventLimit} events did not bring the time to ${end} ms`)
      this.now = time
      if (due >= 0) hosts[due]!.expire(time)
      else this.#dispatch(time)
    }
    this.now = Math.max(this.now, end)
  }

  /** Hands bytes to a node, as if they had arrived. The node must leave them as they are. */
  inject(index: number, buf: Uint8Array, len: number): void {
    const host = this.hosts[index]!
    const datagram = this.#datagram
    datagram.buf = buf
    datagram.len = len
    datagram.holders = 1
    this.#receive(host, datagram)
  }

  carryOut(fault: Fault): void {
    carryOut(this, this.now, fault)
  }

  /** Everybody runs, hears and is heard from now on. */
  endFaults(): void {
    this.faulty = false
    this.network.heal(this.now)
    for (const host of this.hosts) {
      if (host.state === 'paused') host.resume(this.now, true)
      if (host.isLeaving) host.leave(this.now)
      if (host.state === 'down') host.start(this.now)
    }
    this.faulty = true
  }

  /** One regular configuration with everybody in it, installed by everybody. */
  isWhole(): boolean {
    const first = this.#standings[0]!
    if (first.members.length !== this.hosts.length) return false
    return this.hosts.every(
      host =>
        host.state === 'running' &&
        host.totemState === 'operational' &&
        this.#standings[host.index]!.ring === first.ring,
    )
  }

  /** Smallest sequence number of a ring that some host installed last. */
  oldestRingSeq(): number {
    return Math.min(...this.#ringSeqs)
  }

  describe(): string {
    return this.hosts
      .map(host => {
        const { ring, members } = this.#standings[host.index]!
        return `${host.nodeId} ${host.totemState} in ${ring} {${members.join(' ')}}`
      })
      .join(', ')
  }

  #factory(index: number): SimNodeFactory {
    return (config, services) => {
      const node = new ClusterNode({
        config,
        output: services.output,
        random: services.random,
        observer: services.observer,
        firstSeq: this.plan.firstSeq,
      })
      this.#nodes[index] = node
      return node
    }
  }

  #dispatch(now: number): void {
    const event = this.queue.pop()
    const { datagram, action } = event
    if (datagram !== undefined) {
      this.#receive(this.hosts[event.to]!, datagram)
      this.network.release(datagram)
    } else {
      action?.(now)
    }
    this.queue.recycle(event)
  }

  #receive(host: SimHost, datagram: Datagram): void {
    const { buf, len } = datagram
    const before = hashBytes(buf, 0, len)
    host.receive(this.now, datagram)
    if (hashBytes(buf, 0, len) !== before) this.#broken(`node ${host.nodeId} wrote into a datagram it received`)
  }

  // ---- what hosts and faults tell ----------------------------------------------------------------------------------

  tell(): void {}

  paused(): void {}

  resumed(): void {}

  diskDamaged(): void {}

  started(host: SimHost): void {
    this.#referee().started(host)
  }

  leaving(): void {}

  ended(host: SimHost): void {
    this.#standings[host.index] = NOWHERE
    this.#referee().ended(host)
  }

  log(): void {}

  persisted(): void {}

  shutdownRequested(host: SimHost, reason: string): void {
    this.#broken(`node ${host.nodeId} wants to stop: ${reason}`)
  }

  observer(host: SimHost): TotemObserver {
    return {
      numbered: (ring, seq, buf, off, len) => {
        this.observed++
        this.#referee().numbered(host, ring, seq, hashBytes(buf, off, len))
      },
      delivered: (ring, seq, origin, buf, off, len) => {
        this.observed++
        this.#referee().delivered(host, ring, seq, origin, hashBytes(buf, off, len))
      },
      configured: change => {
        this.observed++
        if (change.kind === 'regular') {
          this.lastInstallMs = this.now
          this.#standings[host.index] = { ring: `${change.ring.nodeId}.${change.ring.seq}`, members: change.members }
          this.#ringSeqs[host.index] = change.ring.seq
        }
        this.#referee().configured(host, change)
      },
      entered: state => {
        this.observed++
        host.totemState = state
      },
    }
  }
}
