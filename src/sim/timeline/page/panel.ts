// The two boxes beside the chart: what is known about the selection, and the story, which follows it. In: the model, what
// is selected. Out: calls of `choose` when a line of the story is chosen. Everything goes in as text.

import type { StoryLine } from './data.js'
import { html } from './elements.js'
import type { Description, Item, Model } from './model.js'

/** Lines per part of the list; the browser lays out only the parts it shows. */
const CHUNK = 100
/** Lines of a selection that are marked. */
const MARKED_MAX = 400

export class Details {
  readonly element = html('section', { class: 'panel details', 'aria-live': 'polite', 'aria-label': 'Details' })
  readonly #model: Model

  constructor(model: Model) {
    this.#model = model
    this.clear()
  }

  clear(): void {
    this.element.replaceChildren(
      html('h2', {}, 'Details'),
      html('p', {}, 'Select anything in the timeline, or a line of the story.'),
    )
  }

  show({ title, ring, rows, text, notes }: Description): void {
    const head = html('h2')
    const colour = this.#model.colour(ring)
    if (colour >= 0) head.append(html('span', { class: 'swatch', style: `background: var(--ring-${colour})` }))
    head.append(title)
    const list = html('dl')
    for (const [name, value] of rows) list.append(html('dt', {}, name), html('dd', {}, value))
    this.element.replaceChildren(head, list)
    if (text !== '') this.element.append(html('p', {}, text))
    if (notes.length > 0) this.element.append(html('ul', {}, ...notes.map(note => html('li', {}, note))))
    this.element.scrollTop = 0
  }
}

export class Story {
  readonly element: HTMLElement
  readonly #model: Model
  readonly #list = html('div', { class: 'lines', role: 'listbox', tabindex: 0, 'aria-label': 'Story of the run' })
  readonly #lines: readonly StoryLine[]
  readonly #elements: readonly HTMLElement[]
  readonly #choose: (lane: number, time: number) => void
  #marked: HTMLElement[] = []
  #current = -1

  constructor(model: Model, choose: (lane: number, time: number) => void) {
    this.#model = model
    this.#lines = model.data.lines
    this.#choose = choose
    this.#elements = this.#lines.map(([time, lane, kind, text], index) =>
      html(
        'div',
        { class: `line ${kind}`, role: 'option', id: `line${index}`, 'aria-selected': 'false' },
        html('time', {}, (time / 1000).toFixed(4)),
        html('span', { class: 'who' }, model.who(lane)),
        html('span', { class: 'what' }, text),
      ),
    )
    for (let i = 0; i < this.#elements.length; i += CHUNK) {
      this.#list.append(html('div', { class: 'chunk', role: 'presentation' }, ...this.#elements.slice(i, i + CHUNK)))
    }
    const who = Math.max(...[-1, ...model.data.nodes.keys()].map(lane => model.who(lane).length))
    this.#list.style.setProperty('--who', `${who}ch`)
    const filter = html('input', {
      type: 'search',
      placeholder: 'filter: node 3, declares, token ...',
      'aria-label': 'Filter the story',
    })
    filter.addEventListener('input', () => this.#filter(filter.value))
    this.element = html(
      'section',
      { class: 'panel story', 'aria-label': 'Story' },
      html('div', { class: 'bar' }, html('h2', {}, 'Story'), filter),
      this.#list,
    )
    this.#list.addEventListener('click', event => {
      const line = event.target instanceof Element ? event.target.closest('.line') : null
      if (line !== null) this.#go(Number(line.id.slice(4)))
    })
    this.#list.addEventListener('keydown', event => this.#key(event))
  }

  /** Marks what belongs to the item, and shows where that begins. */
  follow(item: Item | undefined): void {
    for (const element of this.#marked) element.classList.remove('within')
    this.#marked = []
    if (item === undefined) return
    const from = this.#firstAt(item.from)
    // A phase ends with what follows it; a mark is one moment.
    for (let i = from; i < this.#lines.length && this.#marked.length < MARKED_MAX; i++) {
      const [time, lane] = this.#lines[i]!
      if (time > item.to || (time === item.to && item.to > item.from)) break
      if (lane !== item.lane) continue
      this.#elements[i]!.classList.add('within')
      this.#marked.push(this.#elements[i]!)
    }
    const first = this.#marked[0] ?? this.#elements[Math.min(from, this.#elements.length - 1)]
    if (first !== undefined && (this.#current < 0 || !this.#marked.includes(this.#elements[this.#current]!))) {
      this.#setCurrent(this.#elements.indexOf(first))
    }
  }

  #firstAt(time: number): number {
    let low = 0
    let high = this.#lines.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#lines[middle]![0] < time) low = middle + 1
      else high = middle
    }
    return low
  }

  #go(index: number): void {
    this.#setCurrent(index)
    const [time, lane] = this.#lines[index]!
    this.#choose(lane, time)
  }

  #setCurrent(index: number): void {
    const before = this.#elements[this.#current]
    before?.classList.remove('current')
    before?.setAttribute('aria-selected', 'false')
    this.#current = index
    const element = this.#elements[index]
    if (element === undefined) return
    element.classList.add('current')
    element.setAttribute('aria-selected', 'true')
    this.#list.setAttribute('aria-activedescendant', element.id)
    const box = element.getBoundingClientRect()
    const list = this.#list.getBoundingClientRect()
    if (box.top < list.top + 20 || box.bottom > list.bottom - 20) {
      this.#list.scrollTop += box.top - list.top - list.height / 3
    }
  }

  #key(event: KeyboardEvent): void {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    event.preventDefault()
    let index = this.#current + step
    while (this.#elements[index]?.hidden) index += step
    if (this.#elements[index] !== undefined) this.#go(index)
  }

  #filter(text: string): void {
    const wanted = text.trim().toLowerCase()
    this.#lines.forEach(([, lane, , line], index) => {
      this.#elements[index]!.hidden =
        wanted !== '' && !`${this.#model.who(lane)} ${line}`.toLowerCase().includes(wanted)
    })
  }
}
