// The phases of one node: follows the states of its ring machine and its incarnations, and keeps what the reader will
// ask about each phase. In: events of that node, in order. Out: phases that cover the time from 0 on without gaps.

import type { Phase, PhaseKind } from './page/data.js'

/** Phases kept of one lane; a storm has more, and nobody can tell them apart. */
export const PHASES_MAX = 3000
/** Notes kept of one phase. */
export const NOTES_MAX = 12

export class Lane {
  readonly #phases: Phase[] = []
  #kind: PhaseKind = 'down'
  #from = 0
  #target = -1
  #notes: string[] = []
  #unnoted = 0
  /** The ring installed by the running incarnation; -1 when none. */
  installed = -1

  get kind(): PhaseKind {
    return this.#kind
  }

  get isFull(): boolean {
    return this.#kind === 'more'
  }

  /** Begins another phase. A phase in which no time passed leaves only its notes behind. */
  enter(time: number, kind: PhaseKind, target = -1): void {
    if (this.isFull) return
    if (time > this.#from) this.#close(time)
    this.#kind = this.#phases.length >= PHASES_MAX ? 'more' : kind
    this.#target = target
  }

  note(text: string): void {
    if (this.#notes.length < NOTES_MAX) this.#notes.push(text)
    else this.#unnoted++
  }

  finish(time: number): readonly Phase[] {
    if (time > this.#from || this.#phases.length === 0) this.#close(time)
    return this.#phases
  }

  #close(time: number): void {
    const notes = this.#unnoted > 0 ? [...this.#notes, `and ${this.#unnoted} more`] : this.#notes
    const { installed: ring } = this
    this.#phases.push({ kind: this.#kind, from: this.#from, to: time, ring, target: this.#target, notes })
    this.#from = time
    this.#notes = []
    this.#unnoted = 0
  }
}
