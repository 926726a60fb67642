// The judge of a trace of packets and configurations: takes events in their order, has each looked at by the checks of
// every group of properties, then lets the model remember it. The events may come from a simulation as it runs, from a
// test that wrote them by hand, or from a recording. Violations collect in `violations`.

import type { ConfigurationChange, RingIdentity } from '../../totem/types.js'
import { checkDelivered, checkNumbered } from './basic.js'
import { checkConfigurationsAtEnd, checkEverybodyInstalled, checkRegular, checkTransitional } from './configurations.js'
import { checkDeliveriesAtEnd, checkDeparture, checkNumbering, checkOrder, checkTransitionPlace } from './delivery.js'
import {
  ascending,
  type Move,
  Process,
  type RingRecord,
  RingView,
  TraceModel,
  UNSEEN_HASH,
  type Violation,
} from './model.js'

export class Checker {
  readonly model = new TraceModel()

  get violations(): readonly Violation[] {
    return this.model.violations
  }

  /** Virtual time of the events that follow. */
  at(now: number): void {
    this.model.now = now
  }

  /** A new incarnation begins; the number by which further events name it. */
  start(nodeId: number): number {
    const process = new Process(this.model.processes.length, nodeId)
    this.model.processes.push(process)
    return process.index
  }

  /** The incarnation crashed, or left in order. */
  end(index: number): void {
    this.#process(index).alive = false
  }

  /** The disk of a node that is down was damaged: the highest ring sequence number that it still knows. */
  diskDamaged(nodeId: number, remains: number): void {
    this.model.forget(nodeId, remains)
  }

  configured(index: number, change: ConfigurationChange): void {
    const process = this.#process(index)
    const members = ascending(change.members)
    const ring = this.model.ring(change.ring, process)
    if (change.kind === 'transitional') {
      const previous = change.previous.nodeId === 0 ? null : this.model.ring(change.previous, process)
      if (!checkTransitional(this.model, process, previous, ring, members)) return
      checkTransitionPlace(this.model, process, ring)
      this.#pass(process, ring, members)
      return
    }
    if (!checkRegular(this.model, process, ring, members)) return
    if (process.view !== null) checkDeparture(this.model, process, process.view)
    this.#install(process, ring, members)
  }

  /** `hash`: of the payload, the same function on both ends. */
  numbered(index: number, ringId: RingIdentity, seq: number, hash: number): void {
    const process = this.#process(index)
    const model = this.model
    const ring = model.ring(ringId, process)
    if (!checkNumbered(model, process, ring, seq)) return
    if (!checkNumbering(model, process, ring, seq)) return
    if (ring.senders.length === 0) {
      checkEverybodyInstalled(model, process, ring)
      ring.firstSeq = seq
    }
    const view = process.view!
    this.#number(ring, process, hash, view.prefix)
    view.ownNumbered++
  }

  delivered(index: number, ringId: RingIdentity, seq: number, originNodeId: number, hash: number): void {
    const process = this.#process(index)
    const model = this.model
    const ring = model.ring(ringId, process)
    if (!checkDelivered(model, process, ring, seq, originNodeId, hash)) return
    const view = process.view!
    const place = ring.indexOf(seq)
    checkOrder(model, process, view, place, originNodeId, hash)
    this.#deliver(process, view, place, originNodeId, hash)
  }

  /** Nothing will happen any more, and everything that was sent has had the time to arrive. */
  finish(): void {
    checkConfigurationsAtEnd(this.model)
    checkDeliveriesAtEnd(this.model)
  }

  /** The cluster has not settled: whoever has stood in one configuration since `before` stands there for good. */
  unsettled(before: number): void {
    checkConfigurationsAtEnd(this.model, before)
  }

  // ---- what a recording misses -------------------------------------------------------------------------------------

  /** The process goes on behind events that were not seen, with this installation, which is taken as it is. */
  resume(index: number, ringId: RingIdentity, members: readonly number[]): void {
    const process = this.#process(index)
    const ring = this.model.ring(ringId)
    if (ring.installers.length === 0) ring.members = ascending(members)
    this.#enter(process, ring, null)
  }

  /**
   * The next packet of a ring, numbered out of sight. `index`: a process that stands for its sender's node, of which
   * nothing else is known.
   */
  numberedUnseen(index: number, ringId: RingIdentity, seq: number): void {
    const ring = this.model.ring(ringId)
    if (ring.senders.length === 0) ring.firstSeq = seq
    this.#number(ring, this.#process(index), UNSEEN_HASH, 0)
  }

  #number(ring: RingRecord, process: Process, hash: number, seen: number): void {
    ring.senders.push(process)
    ring.hashes.push(hash)
    ring.counters.push(process.numbered++)
    ring.seen.push(seen)
    ring.firstHash.push(-1)
    ring.firstOrigin.push(-1)
  }

  #process(index: number): Process {
    const process = this.model.processes[index]
    if (process === undefined) throw new RangeError(`no process ${index} in the trace`)
    return process
  }

  #pass(process: Process, ring: RingRecord, members: readonly number[]): void {
    const view = process.view
    const from = view?.ring ?? null
    let move: Move | undefined = from === null ? undefined : ring.moveFrom(from)
    if (move === undefined) {
      move = {
        from,
        to: ring,
        members,
        prefix: view?.prefix ?? 0,
        installers: [],
        deliveredCount: 0,
        deliveredHash: 0,
      }
      // First installations have no ring in common, hence nothing to compare.
      if (from !== null) ring.moves.push(move)
    }
    process.passing = move
  }

  #install(process: Process, ring: RingRecord, members: readonly number[]): void {
    const move = process.passing!
    const left = process.view
    if (left !== null) {
      left.next = ring
      if (move.installers.length === 0) {
        move.deliveredCount = left.deliveredCount
        move.deliveredHash = left.deliveredHash
      }
    }
    move.installers.push(process)
    if (ring.installers.length === 0) ring.members = members
    this.#enter(process, ring, left === null ? null : move)
  }

  #enter(process: Process, ring: RingRecord, into: Move | null): void {
    ring.installers.push(process)
    process.view = new RingView(ring, into, this.model.now)
    process.views.set(ring, process.view)
    process.passing = null
    process.installs++
    this.model.entangle(ring)
    const highest = this.model.highestRing.get(process.nodeId) ?? -1
    if (ring.seq > highest) this.model.highestRing.set(process.nodeId, ring.seq)
  }

  #deliver(process: Process, view: RingView, index: number, originNodeId: number, hash: number): void {
    const ring = view.ring
    const sender = ring.senders[index]!
    if (ring.firstHash[index] === -1) {
      ring.firstHash[index] = hash
      ring.firstOrigin[index] = originNodeId
    }
    if (index === view.prefix) view.prefix++
    else view.beyond.push(index)
    if (index > view.last) view.last = index
    view.deliveredCount++
    // A sum over the set, so that the order of delivery (which has a check of its own) does not enter.
    view.deliveredHash = (view.deliveredHash + Math.imul(index + 1, 0x9e3779b1)) | 0
    if (sender === process) {
      view.ownDelivered++
      process.ownDeliveries++
    }
    process.lastFrom[sender.index] = ring.counters[index]!
  }
}
