// Making elements, and drawing the same thing again with the elements that are there already: an element keeps its
// identity, and with it the focus, from one frame to the next. Text goes in as text only.

export type Attributes = Readonly<Record<string, string | number>>

const SVG = 'http://www.w3.org/2000/svg'

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name)
  set(element, attributes)
  element.append(...children)
  return element
}

export function html<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name)
  set(element, attributes)
  element.append(...children)
  return element
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value)
    if (element.getAttribute(name) !== text) element.setAttribute(name, text)
  }
}

/** The children of one group, by key. */
export class Layer {
  readonly #parent: SVGElement
  readonly #children = new Map<string, SVGElement>()
  readonly #drawn = new Set<string>()

  constructor(parent: SVGElement) {
    this.#parent = parent
  }

  begin(): void {
    this.#drawn.clear()
  }

  draw<K extends keyof SVGElementTagNameMap>(key: string, name: K, attributes: Attributes): SVGElementTagNameMap[K] {
    let element = this.#children.get(key) as SVGElementTagNameMap[K] | undefined
    if (element === undefined) {
      element = svg(name)
      this.#children.set(key, element)
      this.#parent.append(element)
    }
    this.#drawn.add(key)
    set(element, attributes)
    return element
  }

  text(key: string, text: string, attributes: Attributes): void {
    const element = this.draw(key, 'text', attributes)
    if (element.textContent !== text) element.textContent = text
  }

  /** Whatever was not drawn since `begin` goes. */
  end(): void {
    for (const [key, element] of this.#children) {
      if (this.#drawn.has(key)) continue
      element.remove()
      this.#children.delete(key)
    }
  }
}

const widths = new Map<string, number>()
const pen = document.createElement('canvas').getContext('2d')

/** Width of a text in the page's font, in px. */
export function textWidth(text: string, size = 11): number {
  const key = `${size} ${text}`
  let width = widths.get(key)
  if (width === undefined) {
    if (pen !== null) pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`
    width = pen?.measureText(text).width ?? text.length * size
    widths.set(key, width)
  }
  return width
}
