// Puts the page together and listens: pointer, wheel and keys move the window of time and the selection.

import { Chart, firstAfter } from './chart.js'
import type { TimelineData } from './data.js'
import { html, svg } from './elements.js'
import { type Description, type Item, Model } from './model.js'
import { Overview, Tip } from './overview.js'
import { Details, Story } from './panel.js'
import { durationText, momentText, Scale } from './scale.js'
import { SYMBOLS } from './symbols.js'

/** A pointer that moves less has clicked. */
const CLICK_PX = 4
const ZOOM_STEP = 1.6

const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as TimelineData
const model = new Model(data)
const scale = new Scale(data.endMs)
const chart = new Chart(model, scale)
const overview = new Overview(model, scale)
const details = new Details(model)
const tip = new Tip()
const story = new Story(model, (lane, time) => {
  const item = model.about(lane, time)
  if (item === undefined) return
  select(item, { reveal: false, follow: false })
  chart.cursor = time
  reveal(time, time)
  redraw()
})
const scroll = html('div', {
  class: 'scroll',
  tabindex: 0,
  role: 'group',
  'aria-label': 'Timeline: arrow keys select, plus and minus zoom',
})
const shown = html('span', { class: 'span', 'aria-live': 'off' })
let focusWanted = false
let drawing = false

function redraw(): void {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    draw()
  })
}

function draw(): void {
  const hadFocus = scroll.contains(document.activeElement)
  chart.draw()
  overview.draw()
  shown.textContent = `${durationText(scale.to - scale.from)} shown`
  const element = chart.selected === undefined ? null : chart.itemElement(chart.selected)
  if (focusWanted && element !== null) element.focus({ preventScroll: false })
  else if (hadFocus && !scroll.contains(document.activeElement)) scroll.focus({ preventScroll: true })
  focusWanted = false
}

function layout(): void {
  // The drawing must not hold the box open when that could become smaller.
  chart.element.setAttribute('height', '0')
  const { clientWidth, clientHeight } = scroll
  chart.layout(clientWidth, clientHeight)
  overview.layout(clientWidth)
  redraw()
}

// ---- selection -------------------------------------------------------------------------------------------------------

function select(item: Item | undefined, how: { focus?: boolean; reveal?: boolean; follow?: boolean } = {}): void {
  chart.selected = item
  chart.cursor = item?.from
  if (item === undefined) details.clear()
  else {
    details.show(model.describe(item))
    if (how.reveal ?? true) reveal(item.from, item.to)
  }
  story.follow(item)
  focusWanted = how.focus ?? false
  redraw()
}

/** Moves the window where nothing of this is shown. */
function reveal(from: number, to: number): void {
  const span = scale.to - scale.from
  if (to < scale.from + span * 0.02) scale.show(to - span * 0.3, to + span * 0.7)
  else if (from > scale.to - span * 0.02) scale.show(from - span * 0.5, from + span * 0.5)
}

/** Fills a good part of the window with the item. */
function zoomTo(item: Item): void {
  const length = Math.max(item.to - item.from, 0)
  if (length === 0) scale.zoom(1 / 8, item.from)
  else scale.show(item.from - length * 0.4, item.to + length * 0.4)
  redraw()
}

function zoomAtCentre(factor: number): void {
  const { selected } = chart
  const inView = selected !== undefined && selected.from >= scale.from && selected.from <= scale.to
  scale.zoom(factor, inView ? selected.from : (scale.from + scale.to) / 2)
  redraw()
}

function step(step: 1 | -1): void {
  const points = [...model.faults, ...model.violations, ...model.marks.flat().filter(isEnd)].sort(
    (a, b) => a.from - b.from,
  )
  const from = chart.cursor ?? (step > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY)
  const found = step > 0 ? points.find(item => item.from > from) : points.findLast(item => item.from < from)
  if (found !== undefined) select(found, { focus: true })
}

function isEnd({ mark }: Item): boolean {
  return mark?.kind === 'crash' || mark?.kind === 'leave'
}

// ---- keys ------------------------------------------------------------------------------------------------------------

scroll.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (!press(event.key, event.shiftKey)) return
  event.preventDefault()
})

/** False for keys that mean nothing here. */
function press(key: string, shift: boolean): boolean {
  const { selected } = chart
  if (shift && (key === 'ArrowLeft' || key === 'ArrowRight')) {
    scale.pan(key === 'ArrowLeft' ? -0.2 : 0.2)
    redraw()
    return true
  }
  const move = (next: Item | undefined) => {
    if (next !== undefined) select(next, { focus: true })
  }
  switch (key) {
    case 'ArrowLeft':
      move(selected === undefined ? model.first : model.neighbour(selected, -1))
      return true
    case 'ArrowRight':
      move(selected === undefined ? model.first : model.neighbour(selected, 1))
      return true
    case 'ArrowUp':
      move(selected === undefined ? model.first : model.across(selected, -1))
      return true
    case 'ArrowDown':
      move(selected === undefined ? model.first : model.across(selected, 1))
      return true
    case 'Home':
    case 'End':
      if (selected !== undefined) move(model.end(selected, key === 'End'))
      return true
    case '+':
    case '=':
      zoomAtCentre(1 / ZOOM_STEP)
      return true
    case '-':
    case '_':
      zoomAtCentre(ZOOM_STEP)
      return true
    case '0':
      scale.all()
      redraw()
      return true
    case 'n':
      step(1)
      return true
    case 'p':
      step(-1)
      return true
    case 'Enter':
    case ' ':
      if (selected !== undefined) zoomTo(selected)
      return true
    case 'Escape':
      select(undefined)
      scroll.focus({ preventScroll: true })
      return true
    default:
      return false
  }
}

// ---- pointer ---------------------------------------------------------------------------------------------------------

function position(event: MouseEvent): { x: number; y: number } {
  const box = chart.element.getBoundingClientRect()
  return { x: event.clientX - box.left, y: event.clientY - box.top }
}

function itemUnder(event: Event): Item | undefined {
  const element = event.target instanceof Element ? event.target.closest('[data-item]') : null
  return model.item(element?.getAttribute('data-item') ?? null)
}

chart.element.addEventListener(
  'wheel',
  event => {
    const { x } = position(event)
    // Beside the plot the wheel scrolls, as everywhere.
    if (x < scale.left && !event.ctrlKey) return
    event.preventDefault()
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY)
    if (sideways || event.shiftKey) scale.pan((sideways ? event.deltaX : event.deltaY) / scale.width)
    else scale.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004), scale.time(x))
    redraw()
  },
  { passive: false },
)

let drag:
  | { readonly x: number; readonly y: number; readonly from: number; readonly to: number; moved: boolean }
  | undefined

chart.element.addEventListener('pointerdown', event => {
  if (event.button !== 0) return
  drag = { ...position(event), from: scale.from, to: scale.to, moved: false }
})
addEventListener('pointermove', event => {
  if (drag === undefined) return
  const by = position(event).x - drag.x
  if (!drag.moved && Math.abs(by) < CLICK_PX) return
  if (!drag.moved) chart.element.classList.add('dragging')
  drag.moved = true
  tip.hide()
  const time = (by / scale.width) * (drag.to - drag.from)
  scale.show(drag.from - time, drag.to - time)
  redraw()
})
addEventListener('pointerup', event => {
  const ended = drag
  drag = undefined
  chart.element.classList.remove('dragging')
  if (ended === undefined || ended.moved) return
  const item = itemUnder(event)
  if (item !== undefined) select(item, { focus: true, reveal: false })
  else showMoment(ended.x, ended.y)
})
addEventListener('pointercancel', () => {
  drag = undefined
})
chart.element.addEventListener('dblclick', event => {
  const item = itemUnder(event)
  if (item !== undefined) zoomTo(item)
})
chart.element.addEventListener('pointermove', event => {
  if (drag?.moved) return
  const item = itemUnder(event)
  if (item !== undefined) {
    const { title, text, rows } = model.describe(item)
    const last = item.phase === undefined ? undefined : item.phase.notes.at(-1)
    const time = rows.filter(([name]) => name === 'time' || name === 'members').map(([, value]) => value)
    tip.show(
      event.clientX,
      event.clientY,
      `${model.who(item.lane)}: ${title}`,
      [text, last, ...time].filter(Boolean).join(' · '),
    )
    return
  }
  const { x, y } = position(event)
  const packets = packetsAt(x, y)
  if (packets === undefined) tip.hide()
  else
    tip.show(
      event.clientX,
      event.clientY,
      packets.title,
      packets.rows.map(([name, value]) => `${name} ${value}`).join(' · '),
    )
})
chart.element.addEventListener('pointerleave', () => tip.hide())

/** A click beside all items: the packets there, if it was on them, and the story at that time. */
function showMoment(x: number, y: number): void {
  select(undefined)
  const time = scale.time(x)
  const lane = chart.laneAt(y)
  if (x < scale.left || lane < 0) return
  chart.cursor = time
  const packets = packetsAt(x, y)
  if (packets !== undefined) details.show(packets)
  story.follow({ id: '', lane, from: time, to: time })
  redraw()
}

function packetsAt(x: number, y: number): Description | undefined {
  const lane = chart.laneAt(y)
  if (lane < 0 || x < scale.left || !chart.isPackets(lane, y)) return undefined
  const { bucketMs, rows } = data.traffic[lane]!
  const [from, to] = [scale.time(x - 1.5), scale.time(x + 1.5)]
  let [delivered, numbered, first, last, ring] = [0, 0, 0, 0, -2]
  for (let i = firstAfter(rows, Math.floor(from / bucketMs)); i < rows.length; i++) {
    const row = rows[i]!
    if (row[0] * bucketMs > to) break
    if (row[2] > 0) {
      if (delivered === 0) first = row[3]
      last = row[4]
      ring = ring === -2 || ring === row[1] ? row[1] : -1
    }
    delivered += row[2]
    numbered += row[5]
  }
  if (delivered + numbered === 0) return undefined
  const described: [string, string][] = [
    ['at', `${momentText(Math.max(0, from))}, within ${durationText(to - from)}`],
    ['delivered', String(delivered)],
    ['sent', String(numbered)],
  ]
  if (ring >= 0)
    described.push(['ring', data.rings[ring]!.name], ['seq', `${first.toString(16)}..${last.toString(16)}`])
  return { title: `${model.who(lane)}: packets`, ring, rows: described, text: '', notes: [] }
}

function overviewTo(event: PointerEvent): void {
  const time = overview.timeAt(event.clientX - overview.element.getBoundingClientRect().left)
  const span = scale.to - scale.from
  scale.show(time - span / 2, time + span / 2)
  redraw()
}
overview.element.addEventListener('pointerdown', event => {
  overview.element.setPointerCapture(event.pointerId)
  overviewTo(event)
})
overview.element.addEventListener('pointermove', event => {
  if (event.buttons === 1) overviewTo(event)
})

// ---- the page --------------------------------------------------------------------------------------------------------

function button(text: string, label: string, action: () => void): HTMLButtonElement {
  const element = html('button', { type: 'button', 'aria-label': label, title: label }, text)
  element.addEventListener('click', action)
  return element
}

function header(): HTMLElement {
  const [first = '', ...rest] = data.facts
  const result = rest.at(-1)?.replace(/; trace .*/, '') ?? ''
  return html(
    'header',
    {},
    html('h1', {}, data.title),
    html('span', { class: `verdict ${data.passed ? 'passed' : 'failed'}` }, data.passed ? 'passed' : 'failed'),
    html('span', { class: 'fact' }, `${first.replace(/^seed \d+: /, '')} · ${result}`),
    html('details', {}, html('summary', {}, 'Scenario'), html('ul', {}, ...rest.map(fact => html('li', {}, fact)))),
  )
}

function alarms(): HTMLElement[] {
  return model.violations.map(item => {
    const link = button(`${item.mark!.label} at ${momentText(item.from)}`, 'Show this violation', () =>
      select(item, { focus: true }),
    )
    return html('div', { class: 'alarm', role: 'alert' }, link, ` ${model.who(item.lane)}: ${item.mark!.detail}`)
  })
}

function legend(): HTMLElement {
  const swatch = (...fills: string[]) =>
    svg(
      'svg',
      { width: 22, height: 14 },
      ...fills.map(fill => svg('rect', { width: 22, height: 14, rx: 2, style: `fill: ${fill}` })),
    )
  const symbol = (kind: keyof typeof SYMBOLS) =>
    svg(
      'svg',
      { width: 16, height: 16 },
      svg('path', { ...SYMBOLS[kind].attributes, d: SYMBOLS[kind].path, transform: 'translate(8 8)' }),
    )
  const entry = (picture: Node, text: string) => html('li', {}, picture, text)
  const ring = (index: number) => `var(--ring-${index})`
  const transitional = svg(
    'svg',
    { width: 12, height: 16 },
    svg('path', { class: 'ink', d: 'M2 0h8l-3 4v8l3 4h-8l3 -4v-8Z' }),
  )
  const packets = svg(
    'svg',
    { width: 20, height: 14 },
    svg('path', { style: 'fill: var(--block-dense)', d: 'M1 10V6h2V10ZM5 10V1h2V10ZM9 10V3h2V10ZM13 10V5h2V10Z' }),
    svg('path', { class: 'numbered', d: 'M1 11h2v3h-2ZM9 11h2v3h-2Z' }),
  )
  const bar = svg(
    'svg',
    { width: 22, height: 14 },
    svg('rect', { class: 'faultbar', y: 1, width: 22, height: 12, rx: 3 }),
  )
  return html(
    'ul',
    { class: 'legend', 'aria-label': 'Legend' },
    entry(
      html('span', { class: 'swatches' }, swatch(ring(0)), ' ', swatch(ring(14))),
      'configuration: one colour per ring, pale where a node is alone',
    ),
    entry(swatch(ring(0), 'url(#synchronising)'), 'installed, services synchronise'),
    entry(transitional, 'transitional configuration'),
    entry(swatch('url(#gather)'), 'GATHER'),
    entry(swatch('url(#commit)'), 'COMMIT'),
    entry(swatch('url(#recovery)'), 'RECOVERY (below: the ring it comes from)'),
    entry(packets, 'packets delivered, below: sent'),
    entry(bar, 'fault; A, B: sides of a partition'),
    entry(swatch('url(#pause)'), 'stopped'),
    entry(symbol('start'), 'start'),
    entry(symbol('crash'), 'crash'),
    entry(symbol('leave'), 'leave'),
    entry(symbol('tokenLost'), 'token lost'),
    entry(symbol('declared'), 'declares others failed'),
    entry(symbol('violation'), 'violated property'),
  )
}

function keys(): HTMLElement {
  const key = (name: string) => html('kbd', {}, name)
  return html(
    'p',
    {},
    'Wheel zooms, drag or ',
    key('Shift'),
    '+wheel pans. Keys: ',
    key('←'),
    ' ',
    key('→'),
    ' within a lane, ',
    key('↑'),
    ' ',
    key('↓'),
    ' between lanes, ',
    key('+'),
    ' ',
    key('−'),
    ' zoom, ',
    key('0'),
    ' whole run, ',
    key('Shift'),
    '+',
    key('←'),
    ' ',
    key('→'),
    ' pan, ',
    key('n'),
    ' ',
    key('p'),
    ' next, previous fault, ',
    key('Enter'),
    ' zoom to it, ',
    key('Esc'),
    ' clear.',
  )
}

scroll.append(chart.element)
document.body.append(
  header(),
  ...alarms(),
  html(
    'main',
    {},
    html(
      'section',
      { class: 'panel left', 'aria-label': 'Timeline' },
      html(
        'div',
        { class: 'tools' },
        button('−', 'Zoom out', () => zoomAtCentre(ZOOM_STEP)),
        button('+', 'Zoom in', () => zoomAtCentre(1 / ZOOM_STEP)),
        button('Whole run', 'Show the whole run', () => press('0', false)),
        button('‹ fault', 'Previous fault', () => step(-1)),
        button('fault ›', 'Next fault', () => step(1)),
        shown,
      ),
      overview.element,
      scroll,
    ),
    html('aside', {}, details.element, story.element),
  ),
  html('footer', {}, legend(), keys(), ...data.limits.map(limit => html('p', { class: 'limits' }, limit))),
  tip.element,
)
new ResizeObserver(layout).observe(scroll)
layout()
if (model.violations[0] !== undefined) select(model.violations[0], { reveal: false })
draw()
