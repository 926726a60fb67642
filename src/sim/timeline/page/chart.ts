// Draws what the window of time shows: axis, faults, and for every node its phases, marks and packets. What is too small
// to be told apart is drawn as one. In: model, scale, selection. Out: elements with `data-item`; who acts on them is the
// business of main.ts.

import type { PhaseKind, Traffic } from './data.js'
import { Layer, svg, textWidth } from './elements.js'
import { type Item, type Model, sideName } from './model.js'
import type { Scale } from './scale.js'
import { patterns, SYMBOLS, WEIGHT } from './symbols.js'

const AXIS_HEIGHT = 24
const MILESTONE_ROW = 18
const FAULT_ROW = 21
const FAULTS_TOP = AXIS_HEIGHT + MILESTONE_ROW
const MARK_ROW = 17
const LANE_GAP = 7
const LANE_LEAST = 46
const LANE_MOST = 146
const BLOCK_MOST = 48
/** Narrower phases are drawn as one. */
const PHASE_PX = 2
/** Marks closer than this are. */
const MARK_PX = 11
/** Faults are laid out in rows for this width of the whole run, so that names fit beside each other. */
const LAYOUT_PX = 900
const NAME_LENGTH = 48
/** Bars of packets. */
const BAR_PX = 2

const FILLS: Readonly<Record<Exclude<PhaseKind, 'operational' | 'synchronising' | 'down'>, string>> = {
  gather: 'url(#gather)',
  commit: 'url(#commit)',
  recovery: 'url(#recovery)',
  more: 'var(--block-dense)',
}

interface LaneView {
  readonly group: SVGGElement
  readonly back: SVGRectElement
  readonly name: SVGTextElement
  readonly phases: Layer
  readonly packets: Layer
  readonly marks: Layer
  top: number
}

export class Chart {
  readonly element: SVGSVGElement
  readonly #model: Model
  readonly #scale: Scale
  readonly #clip = svg('rect', { y: 0 })
  readonly #axis: Layer
  readonly #washes: Layer
  readonly #over: Layer
  readonly #faults: Layer
  readonly #lanes: LaneView[]
  /** Row of every fault. */
  readonly #rows: readonly number[]
  readonly #head: number
  #laneHeight = LANE_LEAST
  #blockHeight = 20
  /** Time under the cursor line; undefined for none. */
  cursor: number | undefined
  selected: Item | undefined

  constructor(model: Model, scale: Scale) {
    this.#model = model
    this.#scale = scale
    this.#rows = packRows(model)
    this.#head = FAULTS_TOP + Math.max(1, Math.max(0, ...this.#rows.map(row => row + 1))) * FAULT_ROW + 8
    const definitions = patterns()
    definitions.append(svg('clipPath', { id: 'plot' }, this.#clip))
    const group = (attributes: Record<string, string> = {}) => svg('g', { 'clip-path': 'url(#plot)', ...attributes })
    const [axis, washes, over] = [svg('g', { 'aria-hidden': 'true' }), group(), group({ 'aria-hidden': 'true' })]
    const faults = group({ role: 'list', 'aria-label': 'cluster: faults and milestones', 'data-lane': 'cluster' })
    this.#axis = new Layer(axis)
    this.#washes = new Layer(washes)
    this.#over = new Layer(over)
    this.#faults = new Layer(faults)
    const backs = svg('g', { 'aria-hidden': 'true' })
    const caption = svg('text', { x: 12, y: FAULTS_TOP + 12, class: 'soft' })
    caption.textContent = 'faults'
    backs.append(caption)
    this.#lanes = model.data.nodes.map((nodeId, lane) => {
      const back = svg('rect', { class: 'laneback', rx: 4 })
      const name = svg('text', { x: 12, class: 'lanename' })
      name.textContent = model.who(lane)
      backs.append(back, name)
      const [phases, packets, marks] = [svg('g'), svg('g', { 'aria-hidden': 'true' }), svg('g')]
      const inner = group({ role: 'list', 'aria-label': `node ${nodeId}`, 'data-lane': String(nodeId) })
      inner.append(phases, packets, marks)
      return {
        group: inner,
        back,
        name,
        phases: new Layer(phases),
        packets: new Layer(packets),
        marks: new Layer(marks),
        top: 0,
      }
    })
    this.element = svg(
      'svg',
      {
        class: 'chart',
        role: 'group',
        'aria-roledescription': 'timeline',
        'aria-label': 'What happened on every node over time',
      },
      definitions,
      backs,
      axis,
      washes,
      faults,
      ...this.#lanes.map(lane => lane.group),
      over,
    )
  }

  /** To be called when there is more or less room. */
  layout(width: number, height: number): void {
    const scale = this.#scale
    const widest = Math.max(0, ...this.#model.data.nodes.map((_, lane) => textWidth(this.#model.who(lane), 12)))
    scale.left = Math.ceil(Math.max(64, widest + 26))
    scale.width = Math.max(50, width - scale.left - 12)
    const count = this.#lanes.length
    const room = (height - this.#head - 8) / count - LANE_GAP
    this.#laneHeight = Math.floor(Math.min(LANE_MOST, Math.max(LANE_LEAST, room)))
    this.#blockHeight = Math.min(BLOCK_MOST, Math.round((this.#laneHeight - MARK_ROW) * 0.55))
    const total = this.#head + count * (this.#laneHeight + LANE_GAP) + 4
    this.element.setAttribute('height', String(total))
    this.element.setAttribute('viewBox', `0 0 ${width} ${total}`)
    this.#clip.setAttribute('x', String(scale.left))
    this.#clip.setAttribute('width', String(scale.width))
    this.#clip.setAttribute('height', String(total))
    this.#lanes.forEach((lane, index) => {
      lane.top = this.#head + index * (this.#laneHeight + LANE_GAP)
      for (const [name, value] of Object.entries({
        x: scale.left,
        y: lane.top,
        width: scale.width,
        height: this.#laneHeight,
      })) {
        lane.back.setAttribute(name, String(value))
      }
      lane.name.setAttribute('y', String(lane.top + MARK_ROW + this.#blockHeight / 2 + 4))
    })
  }

  draw(): void {
    this.#drawAxis()
    this.#drawFaults()
    this.#lanes.forEach((lane, index) => {
      this.#drawPhases(lane, index)
      this.#drawPackets(lane, index)
      this.#drawMarks(lane, index)
    })
  }

  /** The lane at a height within the drawing; -1 above all lanes. */
  laneAt(y: number): number {
    if (y < this.#head) return -1
    return Math.min(Math.floor((y - this.#head) / (this.#laneHeight + LANE_GAP)), this.#lanes.length - 1)
  }

  isPackets(lane: number, y: number): boolean {
    const { top } = this.#lanes[lane]!
    return y > top + MARK_ROW + this.#blockHeight && y < top + this.#laneHeight
  }

  itemElement(item: Item): SVGElement | null {
    return this.element.querySelector<SVGElement>(`[data-item="${item.id}"]`)
  }

  // ---- axis, lines over everything ---------------------------------------------------------------------------------

  #drawAxis(): void {
    const scale = this.#scale
    const bottom = this.#head + this.#lanes.length * (this.#laneHeight + LANE_GAP) - LANE_GAP
    this.#axis.begin()
    for (const { time, text } of scale.ticks()) {
      const x = scale.x(time)
      this.#axis.draw(`l${time}`, 'line', { class: 'tick', x1: x, x2: x, y1: AXIS_HEIGHT - 5, y2: bottom })
      if (x + textWidth(text) / 2 < scale.right + 8) {
        this.#axis.text(`t${time}`, text, { class: 'soft', x, y: AXIS_HEIGHT - 9, 'text-anchor': 'middle' })
      }
    }
    for (const item of this.#model.milestones) {
      if (item.mark?.kind !== 'milestone' || !this.#isVisible(item)) continue
      const x = scale.x(item.from)
      // Not through the names of faults.
      const d = `M${x} ${AXIS_HEIGHT - 2}V${FAULTS_TOP}M${x} ${this.#head - 6}V${bottom}`
      this.#axis.draw(item.id, 'path', { class: 'milestone', d })
    }
    this.#axis.end()
    const over = this.#over
    over.begin()
    for (const item of this.#model.faults) this.#drawArrow(item)
    for (const item of this.#model.violations) {
      const x = scale.x(item.from)
      over.draw(item.id, 'line', { class: 'badline', 'stroke-width': 2, x1: x, x2: x, y1: AXIS_HEIGHT, y2: bottom })
    }
    if (this.cursor !== undefined) {
      const x = scale.x(this.cursor)
      over.draw('cursor', 'line', { class: 'cursor', x1: x, x2: x, y1: AXIS_HEIGHT - 4, y2: bottom })
    }
    over.end()
  }

  // ---- faults --------------------------------------------------------------------------------------------------------

  #drawFaults(): void {
    const scale = this.#scale
    const layer = this.#faults
    layer.begin()
    this.#washes.begin()
    const { faults, milestones } = this.#model
    faults.forEach((item, i) => {
      if (!this.#isVisible(item)) return
      const [x0, x1] = this.#extent(item, 3)
      const y = FAULTS_TOP + this.#rows[i]! * FAULT_ROW
      const fault = item.fault!
      const group = this.#item(layer, item)
      group.draw('bar', 'rect', { class: 'faultbar', x: x0, y, width: x1 - x0, height: 16, rx: 3 })
      group.draw('frame', 'rect', { class: 'frame', x: x0 - 2, y: y - 2, width: x1 - x0 + 4, height: 20, rx: 5 })
      const text = shortName(fault.label)
      const width = textWidth(text)
      const inside = x1 - x0 > width + 10
      const next = faults.find((other, j) => j > i && this.#rows[j] === this.#rows[i] && other.from >= item.to)
      const room = next === undefined ? Number.POSITIVE_INFINITY : scale.x(next.from)
      if (inside) group.text('text', text, { class: 'faulttext inside', x: x0 + 6, y: y + 12 })
      else if (x1 + width + 8 < room && x1 + width < scale.right) {
        group.text('text', text, { class: 'faulttext', x: x1 + 5, y: y + 12 })
      } else if (x0 - width - 8 > scale.left && this.#isFree(i, x0 - width - 8)) {
        group.text('text', text, { class: 'faulttext', x: x0 - 5, y: y + 12, 'text-anchor': 'end' })
      }
      group.end()
      this.#wash(item, x0, x1)
    })
    this.#drawMarkRow(layer, milestones, AXIS_HEIGHT + 7)
    layer.end()
    this.#washes.end()
  }

  /** No fault of the same row, nor its name, ends to the right of `x`. */
  #isFree(index: number, x: number): boolean {
    const { faults } = this.#model
    for (let i = 0; i < index; i++) {
      if (
        this.#rows[i] === this.#rows[index] &&
        this.#scale.x(faults[i]!.to) + textWidth(shortName(faults[i]!.fault!.label)) > x
      )
        return false
    }
    return true
  }

  /** The fault in the lanes that it concerns. */
  #wash(item: Item, x0: number, x1: number): void {
    const washes = this.#washes
    const { lanes, sides, kind } = item.fault!
    const { id } = item
    for (const lane of lanes) {
      const y = this.#lanes[lane]!.top
      if (kind === 'pause') {
        const block = { x: x0, width: x1 - x0, y: y + MARK_ROW - 3, height: this.#blockHeight + 6 }
        washes.draw(`${id}w${lane}`, 'rect', { class: 'wash', ...block })
        continue
      }
      washes.draw(`${id}w${lane}`, 'rect', { class: 'wash', x: x0, width: x1 - x0, y, height: this.#laneHeight })
      for (const [edge, x] of [
        ['a', x0],
        ['b', x1],
      ] as const) {
        washes.draw(`${id}${edge}${lane}`, 'line', { class: 'washedge', x1: x, x2: x, y1: y, y2: y + this.#laneHeight })
      }
      const side = sides.findIndex(each => each.includes(lane))
      if (side < 0 || x1 - x0 < 20) continue
      const badge = { x: Math.max(x0, this.#scale.left) + 3, y: y + this.#laneHeight - 16 }
      washes.draw(`${id}s${lane}`, 'rect', { class: 'side', ...badge, width: 13, height: 13, rx: 3 })
      washes.text(`${id}t${lane}`, sideName(side), {
        class: 'sidetext',
        x: badge.x + 6.5,
        y: badge.y + 10,
        'text-anchor': 'middle',
      })
    }
  }

  /** One-way faults: who no longer reaches whom, crossed out where nothing arrives, barred where it waits, a ring where it is late. */
  #drawArrow(item: Item): void {
    const { path, kind } = item.fault!
    if (path === null || !this.#isVisible(item)) return
    const [from, to] = path.map(lane => this.#lanes[lane]!.top + MARK_ROW + this.#blockHeight + 8) as [number, number]
    const x = this.#extent(item, 3)[0] + 8
    const down = to > from ? 1 : -1
    const stop = to - 13 * down
    const sign =
      {
        freeze: `M${x - 5} ${stop - 2}h10m0 4h-10`,
        clog: `M${x - 5} ${stop - 2}h10m0 4h-10`,
        latency: `M${x - 4} ${stop}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`,
      }[kind] ?? `M${x - 4} ${stop - 4}l8 8m0 -8l-8 8`
    const d = `M${x} ${from}V${to}m-4 ${-6 * down}L${x} ${to}l4 ${-6 * down}${sign}`
    this.#over.draw(`${item.id}back`, 'path', { class: 'arrowback', d })
    this.#over.draw(item.id, 'path', { class: 'inkline', 'stroke-width': 1.6, d })
  }

  // ---- lanes ---------------------------------------------------------------------------------------------------------

  #drawPhases(view: LaneView, lane: number): void {
    const { phases } = view
    phases.begin()
    let run: Item[] = []
    const flush = () => {
      if (run.length > 0) this.#drawRun(view, run)
      run = []
    }
    for (const item of this.#model.phases[lane]!) {
      if (!this.#isVisible(item)) {
        flush()
        continue
      }
      if (this.#scale.x(item.to) - this.#scale.x(item.from) < PHASE_PX) run.push(item)
      else {
        flush()
        this.#drawPhase(view, item)
      }
    }
    flush()
    phases.end()
  }

  #drawPhase(view: LaneView, item: Item): void {
    const { kind, ring, target } = item.phase!
    const [x0, x1] = this.#extent(item, 1)
    const y = view.top + MARK_ROW
    const height = this.#blockHeight
    const width = x1 - x0
    const colour = this.#model.colour(ring)
    const fill = colour < 0 ? 'transparent' : `var(--ring-${colour})`
    const name = this.#model.data.rings[ring]?.name ?? ''
    const stands = kind === 'operational' || kind === 'synchronising'
    const group = this.#item(view.phases, item, {
      'data-kind': kind,
      ...(stands ? { 'data-ring': name, 'data-colour': colour } : {}),
    })
    if (kind === 'down') {
      group.draw('hit', 'rect', { class: 'hit', x: x0, y, width, height })
      group.draw('line', 'line', { class: 'down-line', x1: x0, x2: x1, y1: y + height / 2, y2: y + height / 2 })
      if (width > 46) this.#blockText(group, 'down', 'downtext', x0, width, y)
    } else if (stands) {
      group.draw('block', 'rect', {
        class: 'block',
        x: x0,
        y,
        width,
        height,
        rx: Math.min(3, width / 2),
        style: `fill: ${fill}`,
      })
      if (kind === 'synchronising') {
        group.draw('stripes', 'rect', { class: 'block', x: x0, y, width, height, style: 'fill: url(#synchronising)' })
      }
      this.#ringText(group, ring, x0, width, y)
    } else {
      group.draw('block', 'rect', { class: 'block', x: x0, y, width, height, style: `fill: ${FILLS[kind]}` })
      group.draw('under', 'rect', {
        class: 'block',
        x: x0,
        y: y + height - 4,
        width,
        height: 4,
        style: `fill: ${fill}`,
      })
      const words =
        kind === 'commit' || kind === 'recovery' ? [`${kind} ${this.#model.data.rings[target]?.name}`, kind] : [kind]
      const text = words.map(word => word.toUpperCase()).find(word => textWidth(word, 10) + 6 < width)
      if (text !== undefined) this.#blockText(group, text, 'statetext', x0, width, y - 1)
    }
    group.draw('frame', 'rect', { class: 'frame', x: x0, y: y - 1, width, height: height + 2, rx: 3 })
    group.end()
  }

  /** Ring id and members, on two lines where one is too short and the block is high enough. */
  #ringText(group: Drawing, ring: number, x: number, width: number, y: number): void {
    const full = this.#model.ringText(ring)
    const [name = '', members = ''] = full.split(/ (.*)/)
    const fits = (text: string) => textWidth(text) + 9 < width
    if (fits(full)) this.#blockText(group, full, 'blocktext', x, width, y)
    else if (this.#blockHeight >= 30 && fits(name) && fits(members)) {
      this.#blockText(group, name, 'blocktext', x, width, y - 7)
      group.text('members', members, {
        class: 'blocktext',
        x: Math.max(x, this.#scale.left) + 5,
        y: y + this.#blockHeight / 2 + 11,
      })
    } else if (fits(name)) this.#blockText(group, name, 'blocktext', x, width, y)
  }

  #blockText(group: Drawing, text: string, kind: string, x: number, width: number, y: number): void {
    const centred = kind !== 'blocktext'
    group.text('text', text, {
      class: kind,
      x: centred ? x + width / 2 : Math.max(x, this.#scale.left) + 5,
      y: y + this.#blockHeight / 2 + 4,
      'text-anchor': centred ? 'middle' : 'start',
    })
  }

  /** Phases side by side that are too short to be told apart. */
  #drawRun(view: LaneView, run: readonly Item[]): void {
    const [first, last] = [run[0]!, run[run.length - 1]!]
    const item = run.find(each => each === this.selected) ?? first
    const x0 = this.#scale.x(first.from)
    const width = Math.max(this.#scale.x(last.to) - x0, PHASE_PX)
    const y = view.top + MARK_ROW
    const group = this.#item(view.phases, item, {
      'data-kind': run.length === 1 ? first.phase!.kind : 'several',
      ...(run.length > 1
        ? {
            'data-last': last.id,
            'aria-label': `${this.#model.who(item.lane)}, ${run.length} short phases; ${this.#model.label(item)}`,
          }
        : {}),
    })
    const only = run.length === 1 ? first.phase! : undefined
    const colour = this.#model.colour(only?.ring ?? -1)
    const stands = only?.kind === 'operational' || only?.kind === 'synchronising'
    const fill =
      stands && colour >= 0 ? `var(--ring-${colour})` : only?.kind === 'down' ? 'transparent' : 'var(--block-dense)'
    group.draw('block', 'rect', { class: 'block', x: x0, y, width, height: this.#blockHeight, style: `fill: ${fill}` })
    group.draw('frame', 'rect', {
      class: 'frame',
      x: x0 - 2,
      y: y - 2,
      width: width + 4,
      height: this.#blockHeight + 4,
    })
    group.end()
  }

  #drawMarks(view: LaneView, lane: number): void {
    const { marks } = view
    marks.begin()
    const y = view.top + MARK_ROW
    for (const item of this.#model.faults) {
      if (item.fault!.kind !== 'pause' || item.fault!.lanes[0] !== lane || !this.#isVisible(item)) continue
      const [x0, x1] = this.#extent(item, 2)
      const box = { x: x0, width: x1 - x0, y, height: this.#blockHeight }
      marks.draw(`${item.id}h`, 'rect', { class: 'wash', ...box, style: 'fill: url(#pause); opacity: 0.55' })
    }
    let drawnAt = Number.NEGATIVE_INFINITY
    for (const item of this.#model.marks[lane]!) {
      if (item.mark!.kind !== 'transitional' || !this.#isVisible(item)) continue
      const x = this.#scale.x(item.from)
      if (x - drawnAt < PHASE_PX && item !== this.selected) continue
      drawnAt = x
      const group = this.#item(marks, item, { 'data-kind': 'transitional' })
      group.draw('hit', 'rect', { class: 'hit', x: x - 3, y: y - 2, width: 6, height: this.#blockHeight + 4 })
      group.draw('bar', 'path', {
        class: 'ink',
        d: `M${x - 3.5} ${y - 3}h7l-2.7 4v${this.#blockHeight - 2}l2.7 4h-7l2.7 -4v${2 - this.#blockHeight}Z`,
      })
      group.draw('frame', 'rect', {
        class: 'frame',
        x: x - 5,
        y: y - 4,
        width: 10,
        height: this.#blockHeight + 8,
        rx: 2,
      })
      group.end()
    }
    this.#drawMarkRow(
      marks,
      this.#model.marks[lane]!.filter(item => item.mark!.kind !== 'transitional'),
      view.top + 8.5,
    )
    marks.end()
  }

  /** Marks with their names, where these fit; those that would cover each other as one. */
  #drawMarkRow(layer: Layer, items: readonly Item[], y: number): void {
    const clusters: Item[][] = []
    let lastX = Number.NEGATIVE_INFINITY
    for (const item of items) {
      if (!this.#isVisible(item)) continue
      const x = this.#scale.x(item.from)
      if (x - lastX < MARK_PX) clusters[clusters.length - 1]!.push(item)
      else {
        clusters.push([item])
        lastX = x
      }
    }
    /** From here on the row is free. */
    let free = this.#scale.left
    clusters.forEach((cluster, i) => {
      const shown = cluster.reduce((best, item) => (weight(item) < weight(best) ? item : best))
      const item = cluster.find(each => each === this.selected) ?? shown
      const { kind } = shown.mark!
      const x = this.#scale.x(cluster[0]!.from)
      const { path, attributes } = SYMBOLS[kind]
      const group = this.#item(layer, item, {
        'data-kind': kind,
        ...(cluster.length > 1 ? { 'data-count': cluster.length, 'data-last': cluster.at(-1)!.id } : {}),
      })
      group.draw('hit', 'rect', { class: 'hit', x: x - 7, y: y - 8, width: 14, height: 16 })
      group.draw('shape', 'path', { ...attributes, d: path, transform: `translate(${x} ${y})` })
      group.draw('frame', 'rect', { class: 'frame', x: x - 8, y: y - 8, width: 16, height: 16, rx: 4 })
      const next = clusters[i + 1]
      const end = next === undefined ? this.#scale.right : this.#scale.x(next[0]!.from) - 9
      const { label } = shown.mark!
      const texts = cluster.length > 1 ? [`${label} +${cluster.length - 1}`, `+${cluster.length - 1}`] : [label]
      const right = texts.find(text => x + 9 + textWidth(text, 10.5) < end)
      const left = texts.find(text => x - 12 - textWidth(text, 10.5) > free)
      if (right !== undefined)
        group.text('text', right, { class: 'marktext', x: x + 9, y: y + 3.5, 'text-anchor': 'start' })
      else if (left !== undefined)
        group.text('text', left, { class: 'marktext', x: x - 9, y: y + 3.5, 'text-anchor': 'end' })
      free = x + 9 + (right === undefined ? 0 : textWidth(right, 10.5))
      group.end()
    })
  }

  #drawPackets(view: LaneView, lane: number): void {
    const { packets } = view
    packets.begin()
    const top = view.top + MARK_ROW + this.#blockHeight + 3
    const bottom = view.top + this.#laneHeight - 5
    const { bars, ticks } = this.#packetPaths(this.#model.data.traffic[lane]!, bottom, bottom - top)
    for (const [ring, d] of bars) {
      const colour = this.#model.colour(ring)
      const fill = colour < 0 ? 'var(--block-dense)' : `color-mix(in srgb, var(--ring-${colour}) 62%, var(--ink))`
      packets.draw(`r${ring}`, 'path', { class: 'packets', d, style: `fill: ${fill}` })
    }
    if (ticks !== '') packets.draw('numbered', 'path', { class: 'numbered', d: ticks })
    packets.end()
  }

  /** Columns of pixels: per ring what was delivered, and below the line what the node itself sent. */
  #packetPaths(traffic: Traffic, bottom: number, height: number) {
    const scale = this.#scale
    const { bucketMs, rows } = traffic
    const bars = new Map<number, string>()
    let ticks = ''
    const most = this.#most()
    let i = firstAfter(rows, Math.floor(scale.from / bucketMs))
    while (i < rows.length) {
      const x = columnOf(scale, (rows[i]![0] + 0.5) * bucketMs)
      if (x > scale.right) break
      const ring = rows[i]![1]
      let delivered = 0
      let numbered = 0
      for (; i < rows.length && columnOf(scale, (rows[i]![0] + 0.5) * bucketMs) === x; i++) {
        delivered += rows[i]![2]
        numbered += rows[i]![5]
      }
      if (delivered > 0) {
        const bar = Math.max(1.5, Math.sqrt(delivered / most) * height)
        bars.set(ring, `${bars.get(ring) ?? ''}M${x} ${bottom}h${BAR_PX - 0.5}v${(-bar).toFixed(1)}h${0.5 - BAR_PX}Z`)
      }
      if (numbered > 0) ticks += `M${x} ${bottom + 1}h${BAR_PX - 0.5}v2.5h${0.5 - BAR_PX}Z`
    }
    return { bars, ticks }
  }

  /** Most packets of one column, so that all lanes are drawn to one measure. */
  #most(): number {
    const scale = this.#scale
    const columnMs = ((scale.to - scale.from) * BAR_PX) / scale.width
    let most = 1
    for (const { bucketMs, rows } of this.#model.data.traffic) {
      const perColumn = Math.max(1, columnMs / bucketMs)
      let sum = 0
      let column = -1
      for (let i = firstAfter(rows, Math.floor(scale.from / bucketMs)); i < rows.length; i++) {
        const row = rows[i]!
        if (row[0] * bucketMs > scale.to) break
        const at = Math.floor(row[0] / perColumn)
        sum = at === column ? sum + row[2] : row[2]
        column = at
        if (sum > most) most = sum
      }
    }
    return most
  }

  // ---- small things --------------------------------------------------------------------------------------------------

  #item(layer: Layer, item: Item, attributes: Record<string, string | number> = {}): Drawing {
    const group = layer.draw(item.id, 'g', {
      role: 'listitem',
      'data-item': item.id,
      'aria-label': this.#model.label(item),
      tabindex: item === this.selected ? 0 : -1,
      class: item === this.selected ? 'selected' : '',
      ...attributes,
    })
    return new Drawing(group)
  }

  #isVisible({ from, to }: Item): boolean {
    return to >= this.#scale.from && from <= this.#scale.to
  }

  /** Left and right end within the plot, at least so far apart. */
  #extent(item: Item, least: number): [number, number] {
    const { left, right } = this.#scale
    const x0 = Math.max(this.#scale.x(item.from), left - 4)
    return [x0, Math.max(Math.min(this.#scale.x(item.to), right + 4), x0 + least)]
  }
}

/** The elements of one item. Their layer lives as long as its group. */
class Drawing {
  static readonly #layers = new WeakMap<SVGElement, Layer>()
  readonly #layer: Layer

  constructor(group: SVGElement) {
    let layer = Drawing.#layers.get(group)
    if (layer === undefined) {
      layer = new Layer(group)
      Drawing.#layers.set(group, layer)
    }
    this.#layer = layer
    layer.begin()
  }

  draw: Layer['draw'] = (key, name, attributes) => this.#layer.draw(key, name, attributes)

  text(key: string, text: string, attributes: Record<string, string | number>): void {
    this.#layer.text(key, text, attributes)
  }

  end(): void {
    this.#layer.end()
  }
}

function weight(item: Item): number {
  return WEIGHT.indexOf(item.mark!.kind)
}

function columnOf(scale: Scale, time: number): number {
  return scale.left + Math.floor((scale.x(time) - scale.left) / BAR_PX) * BAR_PX
}

/** Index of the first row at or after a bucket. */
export function firstAfter(rows: Traffic['rows'], bucket: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]![0] < bucket) low = middle + 1
    else high = middle
  }
  return low
}

/** Of a fault: how long it lasts is to be seen, and whoever wants all of it selects it. */
function shortName(label: string): string {
  const name = label.replace(/,? for [\d.]+ ms$/, '')
  return name.length > NAME_LENGTH ? `${name.slice(0, name.lastIndexOf(' ', NAME_LENGTH))} ...` : name
}

/** Faults in rows without overlap, each with room for its name. */
function packRows({ data, faults }: Model): number[] {
  const msPerPx = data.endMs / LAYOUT_PX
  const ends: number[] = []
  return faults.map(({ from, to, fault }) => {
    const until = Math.max(to, from + (textWidth(shortName(fault!.label)) + 14) * msPerPx)
    const free = ends.findIndex(end => end <= from)
    const row = free < 0 ? ends.length : free
    ends[row] = until
    return row
  })
}
