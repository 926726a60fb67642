// What an attack came to, counted by message type and by what the receiving node made of it.

import type { Label } from './attacker.js'
import { KINDS } from './captures.js'
import { PAYLOADS } from './payload.js'

/** What a node made of a datagram. */
export const OUTCOMES = ['refused', 'dropped', 'unmoved', 'acted'] as const
/**
 * `refused`: by a decoder. `dropped`: well formed, of no use to the state it met. `unmoved`: taken in without anything
 * to be seen (a duplicate, a stale token, a multicast that waits for its turn). `acted`: something was sent, delivered or
 * entered, or a timer was set.
 */
export type Outcome = (typeof OUTCOMES)[number]

export const LABELS: readonly Label[] = [...KINDS, ...PAYLOADS]

export type Tally = Record<Outcome, number>

export class Summary {
  readonly tallies = new Map<Label, Tally>(
    LABELS.map(label => [label, { refused: 0, dropped: 0, unmoved: 0, acted: 0 }]),
  )
  /** Payloads put into the total order by a member; what became of them shows in `services`. */
  readonly ordered = new Map<Label, number>(PAYLOADS.map(label => [label, 0]))
  /** Refusals of the layers above the ring, summed over nodes. */
  readonly services = { packets: 0, messages: 0, groups: 0, sync: 0, table: 0, cpg: 0 }
  disagreeingPackets = 0
  disagreeingMoves = 0
  packets = 0
  /** Times that the ring had to settle, and how often it took longer than L1 allows after faults. */
  settles = 0
  lateSettles = 0
  rounds = 0
  sessions = 0
  virtualMs = 0
  events = 0
  installations = 0

  count(label: Label, outcome: Outcome): void {
    this.tallies.get(label)![outcome]++
    this.packets++
  }

  countOrdered(label: Label): void {
    this.ordered.set(label, (this.ordered.get(label) ?? 0) + 1)
    this.packets++
  }

  add(other: Summary): void {
    for (const [label, tally] of other.tallies) {
      const mine = this.tallies.get(label)!
      for (const outcome of OUTCOMES) mine[outcome] += tally[outcome]
    }
    for (const [label, count] of other.ordered) this.ordered.set(label, this.ordered.get(label)! + count)
    for (const key of Object.keys(this.services) as (keyof Summary['services'])[]) {
      this.services[key] += other.services[key]
    }
    this.disagreeingPackets += other.disagreeingPackets
    this.disagreeingMoves += other.disagreeingMoves
    this.packets += other.packets
    this.settles += other.settles
    this.lateSettles += other.lateSettles
    this.rounds += other.rounds
    this.sessions += other.sessions
    this.virtualMs += other.virtualMs
    this.events += other.events
    this.installations += other.installations
  }
}
