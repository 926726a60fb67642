// What the recordings of one node tell, life after life, and where they tell nothing. In: the lives of its engine. Out:
// stretches of events without a gap, and the ring sequence numbers at which the node may have done something unseen:
// before its first recorded configuration, between two lives, around a gap, and from the last configuration before a
// recording was cut off.

import { type EndKind, type EngineEvent, ringName } from '../../recorder/format.js'
import { type EngineLife, isCutOff } from '../../recorder/reader.js'
import { TraceError } from './verdict.js'

export interface Stretch {
  readonly place: string
  /** Begins behind a gap, with an installation. */
  readonly resumed: boolean
  readonly events: readonly EngineEvent[]
  /** Undefined when it just stops: a gap follows, or the recording was cut off. */
  readonly end: EndKind | undefined
}

/** Ring sequence numbers, both ends included. */
interface BlindSpot {
  readonly from: number
  readonly to: number
}

export class NodeHistory {
  readonly nodeId: number
  readonly lives: readonly EngineLife[]
  readonly stretches: readonly Stretch[]
  readonly #blind: BlindSpot[] = []

  constructor(nodeId: number, lives: readonly EngineLife[]) {
    this.nodeId = nodeId
    this.lives = [...lives].sort((a, b) => a.header.started - b.header.started)
    const stretches: Stretch[] = []
    for (const [i, life] of this.lives.entries()) {
      const before = this.lives[i - 1]
      if (before?.header.started === life.header.started && before.header.pid === life.header.pid) {
        throw new TraceError(`${before.place} and ${life.place} are recordings of the same life of node ${nodeId}`)
      }
      stretches.push(...stretchesOf(life))
    }
    this.stretches = stretches
    this.#findBlindSpots()
  }

  /** The node may have done something on such a ring that is not in its recordings. */
  isBlind(ringSeq: number): boolean {
    return this.#blind.some(({ from, to }) => ringSeq >= from && ringSeq <= to)
  }

  #findBlindSpots(): void {
    let from = Number.NEGATIVE_INFINITY
    for (const { events, end } of this.stretches) {
      const rings = events
        .filter(({ event }) => event === 'regular')
        .map(event => (event as { ring: { seq: number } }).ring.seq)
      const first = rings[0]
      if (first !== undefined) {
        this.#blind.push({ from, to: first - 1 })
        const last = rings.at(-1)!
        // Who has ended in order did nothing more on its last ring.
        from = end === undefined ? last : last + 1
      }
      if (end === 'settled') from = Number.POSITIVE_INFINITY
    }
    this.#blind.push({ from, to: Number.POSITIVE_INFINITY })
  }
}

function stretchesOf(life: EngineLife): Stretch[] {
  const stretches: Stretch[] = []
  let events: EngineEvent[] = []
  let resumed = false
  const close = (end: EndKind | undefined): void => {
    // Behind a gap nothing can be told before the next configuration.
    const start = resumed ? events.findIndex(({ event }) => event === 'regular') : 0
    stretches.push({ place: life.place, resumed, events: start < 0 ? [] : events.slice(start), end })
  }
  for (const event of life.events) {
    if (event.event === 'gap') {
      close(undefined)
      events = []
      resumed = true
    } else if (event.event === 'end') close(event.how)
    else events.push(event)
  }
  if (isCutOff(life)) close(undefined)
  return stretches
}

/** Of each node that has one; remarks on what is missing from them go to `remark`. */
export function historiesOf(lives: readonly EngineLife[], remark: (text: string) => void): Map<number, NodeHistory> {
  const byNode = new Map<number, EngineLife[]>()
  for (const life of lives) {
    const known = byNode.get(life.header.node)
    if (known === undefined) byNode.set(life.header.node, [life])
    else known.push(life)
  }
  for (const life of lives) {
    const lost = life.events.reduce((sum, event) => sum + (event.event === 'gap' ? event.lost : 0), 0)
    const gaps = life.events.filter(({ event }) => event === 'gap').length
    if (gaps > 0)
      remark(
        `${life.place}: ${gaps} gap${gaps > 1 ? 's' : ''}, ${lost} events were lost; judged again from the next configuration on`,
      )
    if (isCutOff(life)) {
      const half = life.halfLine ? ' in the middle of a line' : ''
      remark(`${life.place}: cut off${half} after ${life.events.length} events${lastRing(life)}`)
    }
  }
  return new Map([...byNode].map(([nodeId, own]) => [nodeId, new NodeHistory(nodeId, own)]))
}

function lastRing(life: EngineLife): string {
  const last = life.events.findLast(({ event }) => event === 'regular')
  return last?.event === 'regular' ? `, in ring ${ringName(last.ring)}` : ''
}
