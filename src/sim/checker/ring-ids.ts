// Which ring an id means. Ids are unique as long as every node remembers the highest number it has used; a node whose disk
// was damaged may form a ring under an id that it used before. Then the id stands for two rings with different members,
// and each process means one of them. Knows of memberships and damaged disks only what the trace tells.

import type { RingIdentity } from '../../totem/types.js'
import type { Process, RingRecord } from './model.js'

/** A disk damaged after so many processes had begun; it still knew numbers up to `remains`. */
interface Damage {
  readonly nodeId: number
  readonly remains: number
  readonly processes: number
}

export class RingIds {
  readonly #processes: readonly Process[]
  /** Per id: the rings that had it, in the order of their use. */
  readonly #rings: Map<string, RingRecord[]> = new Map()
  readonly #reused: RingRecord[][] = []
  readonly #damages: Damage[] = []

  constructor(processes: readonly Process[]) {
    this.#processes = processes
  }

  get anyReusable(): boolean {
    return this.#damages.length > 0
  }

  /** Whether the disk of this node was damaged. */
  hasForgotten(nodeId: number): boolean {
    return this.#damages.some(damage => damage.nodeId === nodeId)
  }

  forget(nodeId: number, remains: number): void {
    this.#damages.push({ nodeId, remains, processes: this.#processes.length })
  }

  /** The ring that `process` means; undefined when it is about to enter one that nobody has been in. */
  find(id: RingIdentity, process: Process | undefined): RingRecord | undefined {
    const rings = this.#rings.get(keyOf(id))
    if (rings === undefined || process === undefined) return rings?.at(-1)
    for (const ring of rings) if (process.views.has(ring)) return ring
    for (const ring of rings) if (!this.#isForgotten(ring) || mayEnter(process, ring)) return ring
    return undefined
  }

  /** Which use of the id the next ring of it is, from 1. */
  nextUse(id: RingIdentity): number {
    return (this.#rings.get(keyOf(id))?.length ?? 0) + 1
  }

  add(ring: RingRecord): void {
    const rings = this.#rings.get(keyOf(ring))
    if (rings === undefined) {
      this.#rings.set(keyOf(ring), [ring])
      return
    }
    rings.push(ring)
    if (rings.length === 2) this.#reused.push(rings)
  }

  /** The rings under an id of this ring, itself included, in which somebody alive stands. */
  livedIn(id: RingIdentity): RingRecord[] {
    return (this.#rings.get(keyOf(id)) ?? []).filter(isLivedIn)
  }

  /** Whether two rings of one id are lived in. */
  get shared(): boolean {
    return this.#reused.some(rings => rings.filter(isLivedIn).length > 1)
  }

  /**
   * The incarnation of the representative that formed a ring first heard of now. One that has installed nothing yet has
   * formed nothing: every node begins alone. Then it was the one before, and its ring outlived it.
   */
  creatorOf(id: RingIdentity, process: Process | undefined): number {
    if (process?.nodeId === id.nodeId) return process.index
    for (let index = this.#processes.length - 1; index >= 0; index--) {
      const candidate = this.#processes[index]!
      if (candidate.nodeId === id.nodeId && candidate.installs > 0) return index
    }
    return -1
  }

  /** Its creator's node has lost the memory of it since: the id may come a second time. */
  #isForgotten(ring: RingRecord): boolean {
    return this.#damages.some(
      ({ nodeId, remains, processes }) => nodeId === ring.nodeId && ring.seq > remains && ring.creator < processes,
    )
  }
}

/**
 * Whether a process can be entering a ring that its creator's node has forgotten: a member that ran before it was formed.
 * (All members have committed to a ring by the time that one of them installs it, and whoever has done so refuses a later
 * ring of the same number.)
 */
function mayEnter(process: Process, ring: RingRecord): boolean {
  if (process.nodeId === ring.nodeId) return process.index === ring.creator
  return process.index < ring.bornAt && ring.members.includes(process.nodeId)
}

function isLivedIn(ring: RingRecord): boolean {
  return ring.installers.some(({ alive, view }) => alive && view?.ring === ring)
}

function keyOf(id: RingIdentity): string {
  return `${id.nodeId}.${id.seq}`
}
