// Counts the packets of one lane in buckets of time. Begins with narrow ones and doubles their width whenever there are
// too many, so that a short run shows every packet and a long one stays small. In: packets in the order of time.

import type { Traffic, TrafficRow } from './page/data.js'

/** About the time between two packets of a busy ring. */
export const NARROWEST_MS = 0.25
/** A bucket in which the ring changes is not split. */
const SEVERAL_RINGS = -1

export class TrafficCounter {
  readonly #limit: number
  #bucketMs = NARROWEST_MS
  #rows: TrafficRow[] = []

  /** `limit`: greatest number of rows that are kept. */
  constructor(limit: number) {
    this.#limit = limit
  }

  delivered(time: number, ring: number, seq: number): void {
    const row = this.#row(time, ring)
    if (row[2] === 0) row[3] = seq
    row[2]++
    row[4] = seq
  }

  numbered(time: number, ring: number): void {
    this.#row(time, ring)[5]++
  }

  result(): Traffic {
    return { bucketMs: this.#bucketMs, rows: this.#rows }
  }

  #row(time: number, ring: number): TrafficRow {
    const bucket = Math.floor(time / this.#bucketMs)
    const last = this.#rows[this.#rows.length - 1]
    if (last !== undefined && last[0] === bucket) {
      if (last[1] !== ring) last[1] = SEVERAL_RINGS
      return last
    }
    if (this.#rows.length >= this.#limit) {
      this.#widen()
      return this.#row(time, ring)
    }
    const row: TrafficRow = [bucket, ring, 0, 0, 0, 0]
    this.#rows.push(row)
    return row
  }

  /** Rows that fall together are added up. Where they are sparse it may take several rounds until some do. */
  #widen(): void {
    this.#bucketMs *= 2
    const merged: TrafficRow[] = []
    for (const row of this.#rows) {
      row[0] = Math.floor(row[0] / 2)
      const last = merged[merged.length - 1]
      if (last !== undefined && last[0] === row[0]) add(last, row)
      else merged.push(row)
    }
    this.#rows = merged
  }
}

function add(sum: TrafficRow, row: TrafficRow): void {
  if (sum[1] !== row[1]) sum[1] = SEVERAL_RINGS
  if (row[2] > 0) {
    if (sum[2] === 0) sum[3] = row[3]
    sum[4] = row[4]
  }
  sum[2] += row[2]
  sum[5] += row[5]
}
