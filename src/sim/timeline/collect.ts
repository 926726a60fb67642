// Makes a timeline out of a run: events in, phases, faults, marks and packets of every lane out, as plain data. Bounded:
// what exceeds the limits below is left out, and the timeline says so. Must not know: how any of it is drawn.

import type { TotemEvent } from '../../totem/events.js'
import type { ConfigurationChange } from '../../totem/types.js'
import { describeDamage } from '../disk.js'
import { describeFault, type Fault } from '../faults.js'
import type { SimEvent } from '../observe.js'
import {
  configurationText,
  declarationText,
  gatherText,
  Narrator,
  type StoryDetail,
  type StoryKind,
  tokenText,
} from '../story.js'
import { Lane } from './lane.js'
import type { FaultSpan, Mark, MarkKind, StoryLine, TimelineData, TimelineHead } from './page/data.js'
import { RingTable } from './rings.js'
import { TrafficCounter } from './traffic.js'

export const LINES_MAX = 12_000
export const MARKS_MAX = 6000
export const FAULTS_MAX = 1000
/** Violations carry stacks at times. */
const TEXT_MAX = 600
/** Rows of packets, for all lanes together, and for each at least. */
const TRAFFIC_ROWS = 24_000
const TRAFFIC_ROWS_LEAST = 500

type OpenFault = { -readonly [key in keyof FaultSpan]: FaultSpan[key] }

export class TimelineCollector {
  readonly #nodeIds: readonly number[]
  readonly #laneOf: Map<number, number>
  readonly #lanes: Lane[]
  readonly #traffic: TrafficCounter[]
  readonly #rings = new RingTable()
  readonly #faults: OpenFault[] = []
  readonly #marks: Mark[] = []
  readonly #lines: StoryLine[] = []
  readonly #narrator: Narrator
  /** Per lane: since when the node is stopped. */
  readonly #stopped = new Map<number, OpenFault>()
  /** What the crash that is being carried out does to the disk. */
  #damage = ''
  #lost = { lines: 0, marks: 0, faults: 0 }
  #lastLineMs = 0
  #endMs = 0

  constructor(nodeIds: readonly number[], detail: StoryDetail = {}) {
    this.#nodeIds = nodeIds
    this.#laneOf = new Map(nodeIds.map((nodeId, lane) => [nodeId, lane]))
    this.#lanes = nodeIds.map(() => new Lane())
    const rows = Math.max(TRAFFIC_ROWS_LEAST, Math.floor(TRAFFIC_ROWS / nodeIds.length))
    this.#traffic = nodeIds.map(() => new TrafficCounter(rows))
    this.#narrator = new Narrator((now, nodeId, text, kind) => this.#line(now, nodeId, text, kind), detail)
  }

  readonly observe = (event: SimEvent): void => {
    this.#narrator.observe(event)
    this.#endMs = Math.max(this.#endMs, event.time)
    const lane = this.#laneOf.get(event.nodeId)
    if (lane === undefined) this.#ofLaboratory(event)
    else this.#ofNode(event, lane)
  }

  finish(head: TimelineHead): TimelineData {
    const endMs = this.#endMs
    for (const fault of this.#faults) fault.to = Math.min(fault.to, endMs)
    return {
      ...head,
      endMs,
      nodes: this.#nodeIds,
      phases: this.#lanes.map(lane => lane.finish(endMs)),
      rings: this.#rings.all(),
      faults: this.#faults,
      // Violations are told at the end, with the time at which they were found.
      marks: this.#marks.sort((a, b) => a.time - b.time),
      traffic: this.#traffic.map(traffic => traffic.result()),
      lines: this.#lines.sort(([a], [b]) => a - b),
      limits: this.#limits(),
    }
  }

  #ofLaboratory(event: SimEvent): void {
    const { time } = event
    switch (event.kind) {
      case 'fault':
        this.#fault(time, event.fault)
        break
      case 'faultsEnd':
        for (const fault of this.#faults) fault.to = Math.min(fault.to, time)
        this.#mark(
          'milestone',
          time,
          -1,
          'faults end',
          'All faults end: the network is whole, what was stopped goes on.',
        )
        break
      case 'settled':
        this.#mark('milestone', time, -1, 'settled', `Settled: ${event.standing}`)
        break
      case 'violation':
        this.#violation(time, -1, event.violation)
        break
      default:
    }
  }

  #ofNode(event: SimEvent, lane: number): void {
    const { time } = event
    const node = this.#lanes[lane]!
    switch (event.kind) {
      case 'started':
        node.installed = -1
        node.enter(time, 'gather')
        this.#mark('start', time, lane, 'starts', `Incarnation ${event.incarnation} starts.`)
        break
      case 'ended': {
        this.#goesOn(time, lane)
        node.enter(time, 'down')
        node.installed = -1
        const crashed = event.how === 'crashed'
        const damage = this.#damage === '' ? '' : `; ${this.#damage}`
        const detail = crashed ? `The process dies between two instructions${damage}.` : 'The node leaves in order.'
        this.#mark(crashed ? 'crash' : 'leave', time, lane, crashed ? 'crashes' : 'leaves', detail)
        break
      }
      case 'paused':
        this.#stop(time, lane)
        break
      case 'resumed':
        this.#goesOn(time, lane)
        break
      case 'configured':
        this.#configured(time, lane, node, event.change)
        break
      case 'numbered':
        this.#traffic[lane]!.numbered(time, this.#rings.indexOf(event.ring))
        break
      case 'delivered':
        this.#traffic[lane]!.delivered(time, this.#rings.indexOf(event.ring), event.seq)
        break
      case 'totem':
        this.#totem(time, lane, node, event.event)
        break
      case 'violation':
        this.#violation(time, lane, event.violation)
        break
      default:
    }
  }

  #configured(time: number, lane: number, node: Lane, change: ConfigurationChange): void {
    if (change.kind === 'transitional') {
      this.#mark('transitional', time, lane, `{${change.members.join(' ')}}`, capitalised(configurationText(change)))
      return
    }
    const ring = this.#rings.indexOf(change.ring)
    this.#rings.install(
      ring,
      change.members,
      this.#lanes.map(other => other.installed),
    )
    // The phase that ends here was spent in the ring before.
    node.enter(time, 'synchronising')
    node.installed = ring
    node.note(noteText(time, configurationText(change)))
  }

  #totem(time: number, lane: number, node: Lane, event: TotemEvent): void {
    switch (event.kind) {
      case 'gatherEntered':
        if (node.kind !== 'gather') node.enter(time, 'gather')
        node.note(noteText(time, gatherText(event.reason)))
        return
      case 'commitEntered':
        node.enter(time, 'commit', this.#rings.indexOf(event.ring))
        return
      case 'recoveryEntered':
        node.enter(time, 'recovery', this.#rings.indexOf(event.ring))
        return
      case 'synchronised':
        if (node.kind === 'synchronising') node.enter(time, 'operational')
        return
      default: {
        const declared = declarationText(event)
        const token = tokenText(event)
        const text = declared ?? token
        if (text === undefined) return
        node.note(noteText(time, text))
        if (declared !== undefined) this.#mark('declared', time, lane, declarationLabel(event), capitalised(text))
        else if (event.kind === 'tokenLost') this.#mark('tokenLost', time, lane, 'token lost', capitalised(text))
      }
    }
  }

  // ---- faults ----------------------------------------------------------------------------------------------------

  /** Whatever fields a fault has say whom it concerns and how long; its kind matters to the page alone. */
  #fault(time: number, fault: Fault): void {
    // What happens to a process shows in the node's own events.
    if (fault.kind === 'crash') this.#damage = fault.disk === undefined ? '' : describeDamage(fault.disk)
    if (fault.kind === 'crash' || fault.kind === 'leave' || fault.kind === 'pause') return
    const label = describeFault(
      this.#nodeIds.map(nodeId => ({ nodeId })),
      fault,
    )
    const sides = 'sides' in fault ? fault.sides.map(ascending) : []
    const path = 'from' in fault ? ([fault.from, fault.to] as const) : null
    const hosts = path ?? ('host' in fault ? [fault.host] : 'hosts' in fault ? fault.hosts : sides.flat())
    const lanes = ascending(hosts)
    const forMs = durationOf(fault)
    if (forMs > 0) {
      this.#span({ kind: fault.kind, from: time, to: time + forMs, label, lanes, sides, path })
    } else {
      this.#mark('fault', time, lanes.length === 1 ? lanes[0]! : -1, label, capitalised(`${label}.`))
    }
  }

  #stop(time: number, lane: number): void {
    const label = `node ${this.#nodeIds[lane]} is stopped`
    const to = Number.POSITIVE_INFINITY
    this.#stopped.set(lane, this.#span({ kind: 'pause', from: time, to, label, lanes: [lane], sides: [], path: null }))
  }

  #goesOn(time: number, lane: number): void {
    const span = this.#stopped.get(lane)
    if (span === undefined) return
    span.to = time
    this.#stopped.delete(lane)
  }

  #span(span: OpenFault): OpenFault {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(span)
    else this.#lost.faults++
    return span
  }

  // ---- marks, lines, limits ----------------------------------------------------------------------------------------

  #violation(time: number, lane: number, { property, text }: { property: string; text: string }): void {
    this.#marks.push({ kind: 'violation', time, lane, label: property, detail: cut(text) })
  }

  #mark(kind: MarkKind, time: number, lane: number, label: string, detail: string): void {
    if (this.#marks.length < MARKS_MAX) this.#marks.push({ kind, time, lane, label, detail: cut(detail) })
    else this.#lost.marks++
  }

  #line(time: number, nodeId: number, text: string, kind: StoryKind): void {
    if (this.#lines.length < LINES_MAX || kind === 'violation') {
      this.#lines.push([time, this.#laneOf.get(nodeId) ?? -1, kind, cut(text)])
      this.#lastLineMs = time
    } else this.#lost.lines++
  }

  #limits(): string[] {
    const limits: string[] = []
    const { lines, marks, faults } = this.#lost
    if (lines > 0) {
      limits.push(
        `The story has ${lines} more lines, after ${(this.#lastLineMs / 1000).toFixed(3)} s; replay prints them all.`,
      )
    }
    if (marks > 0) limits.push(`${marks} further marks are not drawn.`)
    if (faults > 0) limits.push(`${faults} further faults are not drawn.`)
    const full = this.#nodeIds.filter((_, lane) => this.#lanes[lane]!.isFull)
    if (full.length > 0) limits.push(`The last phases of ${full.join(', ')} are drawn as one.`)
    return limits
  }
}

/** 0 for what happens at one moment. A swizzle begins and ends host by host. */
function durationOf(fault: Fault): number {
  if (!('forMs' in fault)) return 0
  return fault.kind === 'swizzle' ? fault.forMs + 2 * (fault.hosts.length - 1) * fault.everyMs : fault.forMs
}

function ascending(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b)
}

function declarationLabel(event: TotemEvent): string {
  if (event.kind === 'silentProcessors') return `${event.nodeIds.join(' ')} failed`
  if (event.kind !== 'heldForFailed') return 'fails to receive'
  return `${event.nodeIds.join(' ')} ${event.because === 'leaves' ? 'leaving' : 'failed'}`
}

function noteText(time: number, text: string): string {
  return cut(`${(time / 1000).toFixed(6)} ${text}`)
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)} ...`
}
