// The shapes of the marks, around (0, 0), and the fill patterns: also what the legend shows.

import type { MarkKind } from './data.js'
import { type Attributes, svg } from './elements.js'

export interface MarkSymbol {
  readonly path: string
  readonly attributes: Attributes
}

export const SYMBOLS: Readonly<Record<MarkKind, MarkSymbol>> = {
  start: { path: 'M-4.5 4L0 -4.5L4.5 4Z', attributes: { class: 'ink' } },
  crash: { path: 'M-4 -4L4 4M4 -4L-4 4', attributes: { class: 'inkline', 'stroke-width': 2.4 } },
  leave: { path: 'M-5 0H3M0 -4L4 0L0 4', attributes: { class: 'inkline', 'stroke-width': 2 } },
  tokenLost: {
    path: 'M4 0A4 4 0 1 1 -4 0A4 4 0 1 1 4 0',
    attributes: { class: 'warnline', 'stroke-width': 2, 'stroke-dasharray': '4.3 2' },
  },
  declared: {
    path: 'M4.5 0A4.5 4.5 0 1 1 -4.5 0A4.5 4.5 0 1 1 4.5 0M-3.1 3.1L3.1 -3.1',
    attributes: { class: 'warnline', 'stroke-width': 1.9 },
  },
  transitional: { path: '', attributes: {} },
  fault: { path: 'M0 -5L5 0L0 5L-5 0Z', attributes: { class: 'ink' } },
  milestone: { path: 'M-3 5V-5H4L2 -2.5L4 0H-3', attributes: { class: 'inkline', 'stroke-width': 1.4 } },
  violation: { path: 'M0 -7L7 0L0 7L-7 0Z', attributes: { class: 'bad' } },
}

/** Of marks so close together that one shape stands for all, the first of these. */
export const WEIGHT: readonly MarkKind[] = [
  'violation',
  'crash',
  'leave',
  'declared',
  'tokenLost',
  'start',
  'fault',
  'milestone',
  'transitional',
]

export function patterns(): SVGElement {
  const stripes = (id: string, size: number, angle: number, stroke: string, width: number, back: string) =>
    svg(
      'pattern',
      { id, width: size, height: size, patternUnits: 'userSpaceOnUse', patternTransform: `rotate(${angle})` },
      svg('rect', { width: size, height: size, style: `fill: ${back}` }),
      svg('line', { x1: 0, y1: 0, x2: 0, y2: size, style: `stroke: ${stroke}; stroke-width: ${width}` }),
    )
  return svg(
    'defs',
    {},
    stripes('gather', 8, 45, 'var(--block-line)', 1.4, 'var(--block)'),
    stripes('commit', 4, 90, 'var(--block-line)', 2.2, 'var(--block)'),
    stripes('recovery', 5, 0, 'var(--block-line)', 4.4, 'var(--block)'),
    stripes('dense', 3, 0, 'var(--block-dense)', 3, 'var(--block)'),
    stripes('synchronising', 6, -45, 'var(--panel)', 2.4, 'transparent'),
    stripes('pause', 6, 45, 'var(--ink)', 2, 'transparent'),
  )
}
