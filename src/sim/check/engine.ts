// Judges the recordings of engines. There is no common clock: the checkers get the events in an order that agrees with
// all recordings, made from what the ring itself orders.
//
//   1  every node's events in the order in which it recorded them, its lives one after the other
//   2  a packet is numbered before it is delivered, and after all lower sequence numbers of its ring
//   3  as long as 1 and 2 allow it, all installations of a ring come before its first packet and before anybody leaves it
//
// If 1 and 2 contradict each other, no order exists at all: D4. In a correct run 3 never has to be given up, because ring
// sequence numbers grow at every node. The moment at which others were where cannot be told otherwise: C7 is judged on
// each node for itself.
//
// What nodes without a recording did is known by its effects only. Their packets count as numbered where the first
// receiver has them; that nobody saw such a node install, deliver or number something proves nothing.

import { type EngineEvent, ringName } from '../../recorder/format.js'
import type { EngineLife } from '../../recorder/reader.js'
import type { RingIdentity } from '../../totem/types.js'
import { Checker } from '../checker/checker.js'
import { NOBODY, type Process } from '../checker/model.js'
import { historiesOf, type NodeHistory } from './history.js'
import { RingOrder } from './ring-order.js'
import { type TraceViolation, type Verdict, verdictOn } from './verdict.js'

const NO_RING: RingIdentity = { nodeId: 0, seq: 0 }

/** Why an event has to wait: for nothing; for what only rule 3 puts before it; for what must come before it. */
type Obstacle = 'none' | 'usual' | 'necessary'

/** Where the merge stands in the recordings of one node. */
interface Reader {
  readonly history: NodeHistory
  stretch: number
  event: number
  /** Number of the process under which the checker knows the present stretch. */
  process: number
}

/** `lives`: recordings of engines, of one or more nodes. Throws TraceError when they cannot be judged together. */
export function judgeEngines(lives: readonly EngineLife[]): Verdict {
  return new EngineJudge(lives).judge()
}

class EngineJudge {
  readonly #checker = new Checker()
  readonly #histories: Map<number, NodeHistory>
  readonly #readers: Reader[]
  readonly #rings = new Map<string, RingOrder>()
  /** Stand for nodes of which a packet was numbered out of sight. */
  readonly #unseenSenders = new Map<number, number>()
  readonly #remarks: string[] = []
  readonly #more: TraceViolation[] = []
  readonly #counts = {
    configurations: 0,
    numberings: 0,
    deliveries: 0,
    unseenDeliveries: 0,
    transitionalDeliveries: 0,
    companions: 0,
    unseenCompanions: 0,
    ownJudged: 0,
    ownUnjudged: 0,
  }

  constructor(lives: readonly EngineLife[]) {
    this.#histories = historiesOf(lives, text => this.#remarks.push(text))
    this.#readers = [...this.#histories.values()].map(history => ({ history, stretch: 0, event: 0, process: -1 }))
    this.#checker.model.unseen = (nodeId, ring) => this.#isBlind(nodeId, ring.seq)
  }

  judge(): Verdict {
    this.#lookThrough()
    for (;;) {
      let moved = false
      for (const reader of this.#readers) while (this.#step(reader, 'none')) moved = true
      if (moved) continue
      if (this.#readers.every(reader => this.#isDone(reader))) break
      if (!this.#force('usual')) this.#force('necessary')
    }
    this.#checker.finish()
    return this.#verdict()
  }

  // ---- the merge -------------------------------------------------------------------------------------------------

  #lookThrough(): void {
    for (const { history } of this.#readers) {
      for (const { events } of history.stretches) {
        for (const event of events) {
          if (event.event === 'regular') this.#order(event.ring).installations++
          else if (event.event === 'numbered') this.#order(event.ring).saw(event.seq, undefined)
          else if (event.event === 'delivered') this.#order(event.ring).saw(event.seq, event.origin)
        }
      }
    }
    for (const order of this.#rings.values()) {
      const strange = order.close()
      if (strange.length === 0) continue
      const text = `ring ${ringName(order.ring)} has packet ${strange[0]!.seq}, far behind ${order.packets.at(-1)?.seq}`
      this.#more.push({ property: 'D4', where: 'all', t: 0, text })
    }
  }

  #order(ring: RingIdentity): RingOrder {
    const name = ringName(ring)
    let order = this.#rings.get(name)
    if (order === undefined) {
      order = new RingOrder(ring)
      this.#rings.set(name, order)
    }
    return order
  }

  #isDone(reader: Reader): boolean {
    return reader.stretch >= reader.history.stretches.length
  }

  /** Takes the next event of a node if nothing worse than `tolerated` is in its way; false when it is, or there is none. */
  #step(reader: Reader, tolerated: Obstacle): boolean {
    const stretch = reader.history.stretches[reader.stretch]
    if (stretch === undefined) return false
    if (reader.process < 0) reader.process = this.#checker.start(reader.history.nodeId)
    const event = stretch.events[reader.event]
    if (event === undefined) {
      this.#countOwn(reader.process, stretch.end === 'settled')
      if (stretch.end !== 'settled') this.#checker.end(reader.process)
      reader.process = -1
      reader.stretch++
      reader.event = 0
      return true
    }
    const obstacle = this.#obstacle(event, tolerated !== 'none')
    if (obstacle !== 'none' && obstacle !== tolerated) return false
    this.#checker.at(event.t)
    if (stretch.resumed && reader.event === 0 && event.event === 'regular') {
      this.#order(event.ring).installations--
      this.#checker.resume(reader.process, event.ring, event.members)
    } else this.#feed(reader, event)
    reader.event++
    return true
  }

  /** Of the nodes that wait for nothing worse than that, the one on the oldest ring goes on. */
  #force(tolerated: 'usual' | 'necessary'): boolean {
    let chosen: Reader | undefined
    let oldest = Number.POSITIVE_INFINITY
    for (const reader of this.#readers) {
      const event = reader.history.stretches[reader.stretch]?.events[reader.event]
      if (event === undefined || !('ring' in event)) continue
      if (this.#obstacle(event, true) !== (tolerated === 'usual' ? 'none' : 'necessary')) continue
      if (event.ring.seq >= oldest) continue
      oldest = event.ring.seq
      chosen = reader
    }
    if (chosen === undefined) return false
    if (tolerated === 'necessary') {
      const event = chosen.history.stretches[chosen.stretch]!.events[chosen.event]!
      const text = `no order agrees with all recordings: ${describe(event)} cannot come here`
      this.#more.push({ property: 'D4', where: `node ${chosen.history.nodeId}`, t: event.t, text })
    }
    return this.#step(chosen, tolerated)
  }

  #obstacle(event: EngineEvent, onlyNecessary: boolean): Obstacle {
    const unusual = (order: RingOrder) => !onlyNecessary && order.installations > 0
    switch (event.event) {
      case 'transitional':
        return event.previous !== null && unusual(this.#order(event.previous)) ? 'usual' : 'none'
      case 'numbered':
      case 'delivered': {
        const order = this.#order(event.ring)
        const place = order.placeOf(event.seq)
        if (place === undefined) return 'none'
        if (order.passed > place) return 'none'
        if (unusual(order)) return 'usual'
        return order.canPass(event.event === 'numbered' ? place : place + 1) ? 'none' : 'necessary'
      }
      default:
        return 'none'
    }
  }

  /** Packets that nobody is seen to number are passed when something behind them wants to happen. */
  #passUnseen(order: RingOrder, wanted: number): void {
    while (order.passed < wanted) {
      const packet = order.packets[order.passed]!
      if (packet.numberings > 0) return
      order.passed++
      this.#checker.numberedUnseen(this.#unseenSender(order, packet.origin), order.ring, packet.seq)
    }
  }

  #unseenSender(order: RingOrder, origin: number | undefined): number {
    const { ring } = order
    if (origin === undefined) {
      const { members } = this.#checker.model.ring(ring)
      if (!members.some(member => this.#isBlind(member, ring.seq))) {
        const text = `ring ${ringName(ring)} has no packet ${order.packets[order.passed - 1]!.seq}, but later ones`
        this.#more.push({ property: 'D4', where: 'all', t: 0, text })
      }
    }
    const nodeId = origin !== undefined && this.#isBlind(origin, ring.seq) ? origin : NOBODY
    let process = this.#unseenSenders.get(nodeId)
    if (process === undefined) {
      process = this.#checker.start(nodeId)
      this.#unseenSenders.set(nodeId, process)
    }
    return process
  }

  #isBlind(nodeId: number, ringSeq: number): boolean {
    return this.#histories.get(nodeId)?.isBlind(ringSeq) ?? true
  }

  // ---- the checkers ----------------------------------------------------------------------------------------------

  #feed(reader: Reader, event: EngineEvent): void {
    const { process } = reader
    const counts = this.#counts
    switch (event.event) {
      case 'transitional':
      case 'regular': {
        counts.configurations++
        if (event.event === 'regular') {
          this.#order(event.ring).installations--
          this.#countOwn(process, true)
        } else this.#countCompanions(reader.history.nodeId, event.ring, event.members)
        this.#checker.configured(process, {
          kind: event.event,
          ring: event.ring,
          previous: event.previous ?? NO_RING,
          members: event.members,
          left: [],
          joined: [],
        })
        break
      }
      case 'numbered': {
        counts.numberings++
        const order = this.#order(event.ring)
        const place = order.placeOf(event.seq)
        if (place === undefined) return
        this.#passUnseen(order, place)
        order.packets[place]!.numberings--
        if (order.passed === place) order.passed++
        this.#checker.numbered(process, event.ring, event.seq, event.hash)
        break
      }
      case 'delivered': {
        const order = this.#order(event.ring)
        counts.deliveries++
        if (this.#process(process).passing !== null) counts.transitionalDeliveries++
        const place = order.placeOf(event.seq)
        if (place === undefined) return
        this.#passUnseen(order, place + 1)
        if (this.#wasUnseen(event.ring, event.seq)) counts.unseenDeliveries++
        this.#checker.delivered(process, event.ring, event.seq, event.origin, event.hash)
        break
      }
    }
  }

  #process(index: number): Process {
    return this.#checker.model.processes[index]!
  }

  #wasUnseen(ring: RingIdentity, seq: number): boolean {
    const record = this.#checker.model.ring(ring)
    const sender = record.senders[record.indexOf(seq)]
    return sender !== undefined && sender.nodeId !== NOBODY && this.#unseenSenders.get(sender.nodeId) === sender.index
  }

  #countCompanions(nodeId: number, ring: RingIdentity, members: readonly number[]): void {
    for (const member of members) {
      if (member === nodeId) continue
      if (this.#isBlind(member, ring.seq)) this.#counts.unseenCompanions++
      else this.#counts.companions++
    }
  }

  /** The process is done with its configuration; `complete`: all of its packets must have come back. */
  #countOwn(index: number, complete: boolean): void {
    const own = this.#process(index).view?.ownNumbered ?? 0
    if (complete) this.#counts.ownJudged += own
    else this.#counts.ownUnjudged += own
  }

  // ---- the verdict -----------------------------------------------------------------------------------------------

  #verdict(): Verdict {
    const { model } = this.#checker
    const violations = model.violations.map(({ property, time, nodeId, text }) => ({
      property,
      where: `node ${nodeId}`,
      t: time,
      text,
    }))
    const nodes = [...this.#histories.values()].sort((a, b) => a.nodeId - b.nodeId)
    const all = new Set(nodes.flatMap(({ stretches }) => stretches.flatMap(({ events }) => events.flatMap(membersOf))))
    const without = [...all].filter(nodeId => !this.#histories.has(nodeId)).sort((a, b) => a - b)
    if (without.length > 0) this.#remarks.push(`without a recording of the engine: node ${without.join(', ')}`)
    return {
      subject: `engines of ${nodes.map(({ nodeId, lives }) => `node ${nodeId}${lives.length > 1 ? ` (${lives.length} lives)` : ''}`).join(', ')}`,
      remarks: this.#remarks,
      properties: this.#properties(),
      violations: [...violations, ...this.#more],
    }
  }

  #properties() {
    const counts = this.#counts
    const settled = this.#checker.model.processes.filter(({ alive, view }) => alive && view !== null).length
    const unsettled = this.#readers.length - settled
    const unseenPackets = [[counts.unseenDeliveries, 'deliveries: the packet was numbered out of sight']] as const
    const unseenCompanions = [[counts.unseenCompanions, 'companions without a recording of that time']] as const
    const packetEvents = counts.deliveries + counts.numberings
    const seenDeliveries = counts.deliveries - counts.unseenDeliveries
    return [
      verdictOn('B1', seenDeliveries, 'deliveries', unseenPackets),
      verdictOn('B2', counts.deliveries, 'deliveries'),
      verdictOn('B3', packetEvents, 'packets numbered or delivered'),
      verdictOn('B4', packetEvents, 'packets numbered or delivered'),
      verdictOn('B5', seenDeliveries, 'deliveries', [
        [counts.unseenDeliveries, 'deliveries: only compared with each other, as D4'],
      ]),
      verdictOn('B6', counts.deliveries, 'deliveries'),
      ...['C1', 'C2', 'C3', 'C4'].map(property => verdictOn(property, counts.configurations, 'configurations')),
      verdictOn('C5', counts.companions, 'companions', unseenCompanions),
      verdictOn('C6', settled, 'nodes at the end', [[unsettled, 'nodes, whose recording does not end settled']]),
      verdictOn('C7', packetEvents, 'packets, each on its node'),
      verdictOn('D1', counts.ownJudged, 'own packets', [[counts.ownUnjudged, 'own packets of last configurations']]),
      verdictOn('D2', counts.companions, 'companions', unseenCompanions),
      verdictOn('D3', counts.transitionalDeliveries, 'deliveries in transitional configurations'),
      verdictOn('D4', counts.deliveries + counts.configurations, 'deliveries and configurations'),
      verdictOn('D5', counts.deliveries - counts.transitionalDeliveries, 'deliveries in regular configurations'),
      verdictOn('D6', counts.transitionalDeliveries, 'deliveries in transitional configurations'),
      verdictOn('D7', counts.deliveries, 'deliveries'),
    ]
  }
}

function membersOf(event: EngineEvent): readonly number[] {
  return event.event === 'regular' ? event.members : []
}

function describe(event: EngineEvent): string {
  switch (event.event) {
    case 'numbered':
    case 'delivered':
      return `${ringName(event.ring)}/${event.seq} ${event.event}`
    case 'transitional':
    case 'regular':
      return `${event.event} configuration ${ringName(event.ring)}`
    default:
      return event.event
  }
}
