// The timeline's data as things that can be selected: what there is, in which order, what belongs to it, and what is to
// be said about it. Must not know: where anything is on the screen.

import type { FaultSpan, Mark, Phase, TimelineData } from './data.js'
import { durationText, momentText } from './scale.js'

export interface Item {
  readonly id: string
  /** -1: the cluster as a whole. */
  readonly lane: number
  readonly from: number
  readonly to: number
  readonly phase?: Phase
  readonly fault?: FaultSpan
  readonly mark?: Mark
}

export interface Description {
  readonly title: string
  /** Ring whose colour stands beside the title; -1 for none. */
  readonly ring: number
  readonly rows: readonly (readonly [string, string])[]
  readonly text: string
  readonly notes: readonly string[]
}

/** Greater node ids stand alone: there is no room for more. */
const LONG_ID = 99_999

const PHASE_TITLES: Readonly<Record<Phase['kind'], string>> = {
  down: 'Down',
  gather: 'GATHER: agrees with others on who is there',
  commit: 'COMMIT: the proposed ring goes round',
  recovery: 'RECOVERY: old messages are exchanged',
  synchronising: 'Installed, services are being synchronised',
  operational: 'Operational',
  more: 'Further phases, not kept one by one',
}

const MARK_TITLES: Readonly<Record<Mark['kind'], string>> = {
  start: 'Start',
  crash: 'Crash',
  leave: 'Leave',
  tokenLost: 'Token lost',
  declared: 'Declared failed',
  transitional: 'Transitional configuration',
  fault: 'Fault',
  milestone: 'Milestone',
  violation: 'Violation',
}

export class Model {
  readonly data: TimelineData
  /** Per lane, in order of time; that of the cluster comes first. */
  readonly #lanes: readonly (readonly Item[])[]
  readonly #byId = new Map<string, Item>()
  /** By lane: its phases, its marks. */
  readonly phases: readonly (readonly Item[])[]
  readonly marks: readonly (readonly Item[])[]
  readonly faults: readonly Item[]
  /** Milestones, and violations of the whole. */
  readonly milestones: readonly Item[]
  readonly violations: readonly Item[]

  constructor(data: TimelineData) {
    this.data = data
    this.phases = data.phases.map((phases, lane) =>
      phases.map((phase, i) => ({ id: `p${lane}.${i}`, lane, from: phase.from, to: phase.to, phase })),
    )
    const marks: Item[] = data.marks.map((mark, i) => ({
      id: `m${i}`,
      lane: mark.lane,
      from: mark.time,
      to: mark.time,
      mark,
    }))
    this.marks = data.nodes.map((_, lane) => marks.filter(item => item.lane === lane))
    this.milestones = marks.filter(item => item.lane < 0)
    this.violations = marks.filter(item => item.mark?.kind === 'violation')
    this.faults = data.faults.map((fault, i) => ({ id: `f${i}`, lane: -1, from: fault.from, to: fault.to, fault }))
    this.#lanes = [
      byTime([...this.faults, ...this.milestones]),
      ...data.nodes.map((_, lane) => byTime([...this.marks[lane]!, ...this.phases[lane]!])),
    ]
    for (const items of this.#lanes) for (const item of items) this.#byId.set(item.id, item)
  }

  item(id: string | null): Item | undefined {
    return id === null ? undefined : this.#byId.get(id)
  }

  /** The first thing to look at. */
  get first(): Item | undefined {
    return this.violations[0] ?? this.faults[0] ?? this.phases[0]?.[0]
  }

  neighbour(item: Item, step: 1 | -1): Item | undefined {
    const items = this.items(item.lane)
    return items[items.indexOf(item) + step]
  }

  end(item: Item, last: boolean): Item | undefined {
    return this.items(item.lane).at(last ? -1 : 0)
  }

  /** What the next lane up or down has at about the same time. */
  across(item: Item, step: 1 | -1): Item | undefined {
    for (let lane = item.lane + step; lane >= -1 && lane < this.data.nodes.length; lane += step) {
      const found = this.at(lane, lane < 0 || item.lane < 0 ? item.from : Math.max(item.from, item.to - 1e-6))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The phase of a lane at a time; of the cluster, whatever is nearest. */
  at(lane: number, time: number): Item | undefined {
    if (lane >= 0) {
      const phases = this.phases[lane]!
      return phases.find(({ from, to }) => from <= time && time < to) ?? phases.at(-1)
    }
    const distance = (item: Item) => Math.max(item.from - time, time - item.to, 0)
    return this.items(-1).reduce<Item | undefined>(
      (best, item) => (best === undefined || distance(item) < distance(best) ? item : best),
      undefined,
    )
  }

  /** What a line of the story is about. */
  about(lane: number, time: number): Item | undefined {
    const exact = this.items(lane).find(item => item.from === time && item.phase === undefined)
    return exact ?? this.at(lane, time)
  }

  items(lane: number): readonly Item[] {
    return this.#lanes[lane + 1]!
  }

  who(lane: number): string {
    const nodeId = this.data.nodes[lane]
    if (nodeId === undefined) return 'cluster'
    return nodeId > LONG_ID ? String(nodeId) : `node ${nodeId}`
  }

  ringText(ring: number): string {
    const { name, members } = this.data.rings[ring] ?? { name: 'none', members: [] }
    return members.length === 0 ? name : `${name} {${members.join(' ')}}`
  }

  /** Index of the ring's colour, -1 for none. */
  colour(ring: number): number {
    return this.data.rings[ring]?.colour ?? -1
  }

  /** One line, for those who cannot see the chart. */
  label(item: Item): string {
    const { title, text } = this.describe(item)
    const when =
      item.to > item.from ? `${momentText(item.from)}, for ${durationText(item.to - item.from)}` : momentText(item.from)
    const more = item.mark !== undefined && text !== '' ? `: ${text}` : ''
    return `${this.who(item.lane)}, ${title}${more}, ${when}`
  }

  describe({ phase, fault, mark, lane, from, to }: Item): Description {
    const rows: [string, string][] = [['time', momentText(from)]]
    if (to > from) rows.push(['until', `${momentText(to)} (${durationText(to - from)})`])
    if (lane >= 0) rows.unshift(['node', String(this.data.nodes[lane])])
    if (phase !== undefined) return this.#describePhase(phase, rows)
    if (fault !== undefined) {
      rows.push(['concerns', fault.lanes.map(each => this.data.nodes[each]).join(' ')])
      const sides = fault.sides.map((side, i) => `${sideName(i)}: ${side.map(each => this.data.nodes[each]).join(' ')}`)
      return { title: capital(fault.label), ring: -1, rows, text: '', notes: sides }
    }
    const { kind, label, detail } = mark!
    const title = kind === 'violation' ? `Violation of ${label}` : MARK_TITLES[kind]
    return { title, ring: -1, rows, text: detail, notes: [] }
  }

  #describePhase(phase: Phase, rows: [string, string][]): Description {
    const { kind, ring, target, notes } = phase
    const stands = kind === 'operational' || kind === 'synchronising'
    const title =
      stands && kind === 'operational' ? `Operational in ${this.data.rings[ring]?.name}` : PHASE_TITLES[kind]
    if (stands) {
      rows.push(['ring id', this.data.rings[ring]?.name ?? 'none'])
      rows.push(['members', this.data.rings[ring]?.members.join(' ') ?? ''])
    } else if (kind !== 'down') {
      if (target >= 0) rows.push(['to form', this.ringText(target)])
      rows.push(['installed', ring < 0 ? 'no ring yet' : this.ringText(ring)])
    }
    return { title, ring: kind === 'down' ? -1 : ring, rows, text: '', notes }
  }
}

export function sideName(side: number): string {
  return String.fromCharCode(65 + side)
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function byTime(items: Item[]): Item[] {
  return items.sort((a, b) => a.from - b.from || a.to - b.to)
}
