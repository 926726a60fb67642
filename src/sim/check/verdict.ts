// What judging recordings comes to: for every property what was looked at, what is wrong, and what could not be judged
// for want of a trace. A property about which nothing could be said appears with nothing judged, never as passed.

export interface TraceViolation {
  readonly property: string
  /** Whose trace shows it: "node 2" or "member 1:4711". */
  readonly where: string
  /** On the clock of that recorder, ms since its start. */
  readonly t: number
  readonly text: string
}

export interface PropertyVerdict {
  readonly property: string
  readonly title: string
  /** How many of what. */
  readonly judged: number
  readonly unit: string
  readonly notJudged: readonly string[]
}

export interface Verdict {
  /** What was judged, for the head of the report. */
  readonly subject: string
  /** Gaps, traces cut off, nodes without a trace. */
  readonly remarks: readonly string[]
  readonly properties: readonly PropertyVerdict[]
  readonly violations: readonly TraceViolation[]
}

export const TITLES: Readonly<Record<string, string>> = {
  B1: 'no invention',
  B2: 'no duplicates',
  B3: 'right configuration',
  B4: 'origin',
  B5: 'integrity',
  B6: 'FIFO',
  C1: 'self-inclusion',
  C2: 'agreement on members',
  C3: 'ring sequence grows',
  C4: 'shape of changes',
  C5: 'transitional agreement',
  C6: 'no half-joined',
  C7: 'before everything',
  D1: 'self-delivery',
  D2: 'virtual synchrony',
  D3: 'causality',
  D4: 'total order',
  D5: 'no holes in regular',
  D6: 'holes in transitional',
  D7: 'agreed order',
  S2: 'member lists',
}

/** The verdict on one property; `notJudged`: how many, and what they are. Nothing is said of none. */
export function verdictOn(
  property: string,
  judged: number,
  unit: string,
  notJudged: readonly (readonly [count: number, what: string])[] = [],
): PropertyVerdict {
  return {
    property,
    title: TITLES[property] ?? property,
    judged,
    unit,
    notJudged: notJudged.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`])),
  }
}

/** Recordings that cannot be judged together. */
export class TraceError extends Error {}
