// The whole run in a strip above the chart, with the window that is shown: dragging in it moves the window, and where it
// is clicked the window goes.

import { html, svg } from './elements.js'
import type { Model } from './model.js'
import type { Scale } from './scale.js'

const HEIGHT = 44
const FAULT_HEIGHT = 6
/** Phases that would be narrower are not drawn here. */
const LEAST_PX = 0.4

export class Overview {
  readonly element = svg('svg', { class: 'overview', height: HEIGHT, 'aria-hidden': 'true' })
  readonly #model: Model
  readonly #scale: Scale
  readonly #content = svg('g')
  readonly #window = svg('path', { style: 'fill: var(--page); fill-opacity: 0.62; fill-rule: evenodd' })
  readonly #frame = svg('rect', {
    y: 1,
    height: HEIGHT - 2,
    rx: 3,
    style: 'fill: none; stroke: var(--accent); stroke-width: 1.5',
  })
  #width = 1

  constructor(model: Model, scale: Scale) {
    this.#model = model
    this.#scale = scale
    this.element.append(this.#content, this.#window, this.#frame)
  }

  layout(width: number): void {
    this.#width = width
    this.element.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    const { data } = this.#model
    const children: Node[] = []
    const row = (HEIGHT - FAULT_HEIGHT - 8) / data.nodes.length
    const rect = (from: number, to: number, y: number, height: number, fill: string) =>
      children.push(
        svg('rect', {
          x: this.#x(from),
          width: Math.max(this.#x(to) - this.#x(from), 1),
          y,
          height,
          style: `fill: ${fill}`,
        }),
      )
    data.phases.forEach((phases, lane) => {
      for (const { kind, from, to, ring } of phases) {
        if (kind === 'down' || this.#x(to) - this.#x(from) < LEAST_PX) continue
        const colour = kind === 'operational' || kind === 'synchronising' ? this.#model.colour(ring) : -1
        const y = FAULT_HEIGHT + 4 + lane * row
        rect(from, to, y, Math.max(row - 0.7, 1), colour < 0 ? 'var(--block-line)' : `var(--ring-${colour})`)
      }
    })
    for (const { from, to } of data.faults) rect(from, to, 3, FAULT_HEIGHT - 2, 'var(--ink)')
    for (const { from } of this.#model.violations) rect(from, from, 0, HEIGHT, 'var(--bad)')
    this.#content.replaceChildren(...children)
  }

  draw(): void {
    const x0 = Math.max(this.#x(this.#scale.from), 0)
    const x1 = Math.min(this.#x(this.#scale.to), this.#width)
    this.#frame.setAttribute('x', String(x0 + 1))
    this.#frame.setAttribute('width', String(Math.max(x1 - x0 - 2, 2)))
    this.#window.setAttribute('d', `M0 0H${this.#width}V${HEIGHT}H0ZM${x0} 0V${HEIGHT}H${x1}V0Z`)
  }

  timeAt(x: number): number {
    return ((x - 4) / (this.#width - 8)) * this.#model.data.endMs
  }

  #x(time: number): number {
    return 4 + (time / this.#model.data.endMs) * (this.#width - 8)
  }
}

/** What follows the pointer. */
export class Tip {
  readonly element = html('div', { class: 'tip', hidden: '', 'aria-hidden': 'true' })

  show(x: number, y: number, title: string, text: string): void {
    this.element.replaceChildren(html('b', {}, title), text)
    this.element.hidden = false
    const { width, height } = this.element.getBoundingClientRect()
    this.element.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 8))}px`
    this.element.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`
  }

  hide(): void {
    this.element.hidden = true
  }
}
