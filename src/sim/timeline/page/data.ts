// A run as plain data to be drawn: what collect.ts makes and the page reads, hence the one file that both sides compile.
// Times are virtual, in ms; lanes are indices into `nodes`, rings indices into `rings`, -1 is none. Bounded, however long
// the run was.

export interface TimelineData extends TimelineHead {
  readonly endMs: number
  /** Node ids, one lane each. */
  readonly nodes: readonly number[]
  readonly rings: readonly TimelineRing[]
  /** Per lane, from 0 to the end, without gaps and overlaps. */
  readonly phases: readonly (readonly Phase[])[]
  readonly faults: readonly FaultSpan[]
  readonly marks: readonly Mark[]
  /** Per lane. */
  readonly traffic: readonly Traffic[]
  readonly lines: readonly StoryLine[]
  /** What was left out so that the file stays small, in words. */
  readonly limits: readonly string[]
}

export interface TimelineHead {
  readonly title: string
  readonly verdict: string
  readonly passed: boolean
  readonly facts: readonly string[]
}

export interface TimelineRing {
  readonly name: string
  /** Of the regular configuration; empty when nobody installed it. */
  readonly members: readonly number[]
  /** Index into the palette; -1 when nobody installed it. No two rings in use at once share one while there are enough. */
  readonly colour: number
}

/** Colours of the palette: the first half is for rings of several, the second, paler, for rings of one. */
export const PALETTE_SIZE = 24

export type PhaseKind =
  | 'down'
  | 'gather'
  | 'commit'
  | 'recovery'
  /** The ring is installed, the services are being synchronised. */
  | 'synchronising'
  | 'operational'
  /** Further phases that are not kept one by one. */
  | 'more'

export interface Phase {
  readonly kind: PhaseKind
  readonly from: number
  readonly to: number
  /** The ring whose regular configuration the node has installed; that of before while a new one is formed. */
  readonly ring: number
  /** The ring being formed (commit, recovery). */
  readonly target: number
  /** What happened meanwhile: reasons, declarations. */
  readonly notes: readonly string[]
}

export interface FaultSpan {
  /** As in faults.ts. */
  readonly kind: string
  readonly from: number
  readonly to: number
  readonly label: string
  /** Those concerned, ascending. */
  readonly lanes: readonly number[]
  /** Partitions: the lanes of each side. */
  readonly sides: readonly (readonly number[])[]
  /** One-way faults: the sending and the receiving lane. */
  readonly path: readonly [number, number] | null
}

export type MarkKind =
  | 'start'
  | 'crash'
  | 'leave'
  | 'tokenLost'
  | 'declared'
  | 'transitional'
  | 'fault'
  /** End of the faults, settled. */
  | 'milestone'
  | 'violation'

export interface Mark {
  readonly kind: MarkKind
  readonly time: number
  /** -1: the laboratory itself. */
  readonly lane: number
  readonly label: string
  readonly detail: string
}

/** Packets of one lane, counted in buckets of equal width. */
export interface Traffic {
  readonly bucketMs: number
  /** In order of time. */
  readonly rows: readonly TrafficRow[]
}

/** Bucket, ring (-1: more than one), delivered, first and last sequence number delivered, numbered. */
export type TrafficRow = [
  bucket: number,
  ring: number,
  delivered: number,
  first: number,
  last: number,
  numbered: number,
]

/** Kinds as in story.ts. */
export type StoryLine = readonly [time: number, lane: number, kind: string, text: string]
