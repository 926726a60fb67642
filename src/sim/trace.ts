// What happened in a run, in two forms: a hash over everything (two runs are the same run exactly when their hashes are
// equal) and, on request, a story for a reader. In: events of the hosts, in order. Must not know: what is right.

import type { Violation } from './checker/model.js'

export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Two independent lanes of 32 bits, fed with numbers. */
export class TraceHash {
  #a = 0x243f6a88
  #b = 0x85a308d3
  count = 0

  add(value: number): void {
    this.count++
    this.#a = Math.imul(this.#a ^ value, 0x9e3779b1)
    this.#a ^= this.#a >>> 15
    this.#b = Math.imul(((this.#b << 5) | (this.#b >>> 27)) ^ value, 0x85ebca6b)
  }

  /** Virtual times are fractions of milliseconds; a nanosecond tells any two apart. */
  addTime(now: number): void {
    this.add(Math.floor(now * 1e6) | 0)
    this.add(Math.floor(now / 1000) | 0)
  }

  addText(text: string): void {
    this.add(hashText(text))
  }

  digest(): string {
    return `${(this.#a >>> 0).toString(16).padStart(8, '0')}${(this.#b >>> 0).toString(16).padStart(8, '0')}`
  }
}

/** Takes the readable story, line by line. `nodeId` 0: the laboratory itself. */
export type StoryTeller = (now: number, nodeId: number, text: string) => void

export function formatStoryLine(now: number, nodeId: number, text: string): string {
  const who = nodeId === 0 ? 'lab' : `node ${nodeId}`
  return `${(now / 1000).toFixed(6).padStart(11)}  ${who.padEnd(15)} ${text}`
}

/** One line about a run that failed; its seed is all that is needed to see it again. */
export function formatFailure(result: {
  readonly seed: number
  readonly violations: readonly Violation[]
  /** False for a run that had no orderly end and needed none. */
  readonly settled?: boolean
}): string {
  const first = result.violations[0]
  if (first === undefined) {
    return `seed ${result.seed} passed${result.settled === false ? ', without the orderly end that was not demanded' : ''}`
  }
  const where = `${(first.time / 1000).toFixed(6)} s${first.nodeId === 0 ? '' : ` node ${first.nodeId}`}`
  return `seed ${result.seed} ${first.property} at ${where}: ${first.text}`
}
