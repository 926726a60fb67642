// The judge where forgeries of the ring's own messages are about: holds every node to what it owes whatever it is fed,
// looking at one node at a time, and counts, without judging, how often nodes did not agree.
//
// Held: C1 (a node is in its own configurations), C3 (ring numbers grow), C4 (a transitional configuration before every
// regular one, named after it, of members of both), B2, D5 and D7 (packets in the order of their numbers, none twice, and
// in a regular configuration none left out). Counted: two packets delivered under one number of one ring (D4), and
// members of one transitional configuration that delivered different numbers of packets (D2).

import type { ConfigurationChange, RingIdentity } from '../../totem/types.js'
import { GroupChecker } from '../checker/groups.js'
import type { SimHost } from '../host.js'
import type { Referee } from './ring.js'

/** So many rings are remembered, to count disagreements. */
const RINGS_MAX = 8
/** So many packets of each. */
const PACKETS_MAX = 4096

interface Seen {
  /** Regular configuration installed last; empty before the first. */
  members: readonly number[]
  ring: RingIdentity
  /** The transitional configuration that is being passed through. */
  passing: ConfigurationChange | undefined
  /** Number of the packet delivered last on the present ring; -1 before. */
  last: number
  delivered: number
}

interface RingMemory {
  readonly hashes: Map<number, number>
  /** Packets delivered, by the ring that was left and the members that came along. */
  readonly moves: Map<string, number>
}

export interface Disagreements {
  /** Deliveries of another packet than some member had delivered under that number. */
  packets: number
  /** Moves with another number of deliveries than a companion had made. */
  moves: number
}

export class LocalReferee implements Referee {
  readonly violations: string[] = []
  readonly disagreements: Disagreements = { packets: 0, moves: 0 }
  readonly #seen = new Map<SimHost, Seen>()
  readonly #rings = new Map<string, RingMemory>()

  started(host: SimHost): void {
    this.#seen.delete(host)
  }

  ended(host: SimHost): void {
    this.#seen.delete(host)
  }

  configured(host: SimHost, change: ConfigurationChange): void {
    const { nodeId } = host
    const seen = this.#seen.get(host)
    if (!change.members.includes(nodeId)) this.#fail('C1', host, `${change.kind} configuration without itself`)
    if (change.kind === 'transitional') {
      if (seen?.passing !== undefined) this.#fail('C4', host, 'two transitional configurations in a row')
      if (seen !== undefined) {
        const strange = change.members.filter(member => !seen.members.includes(member))
        if (strange.length > 0) this.#fail('C4', host, `came along with ${strange.join(' ')} of another ring`)
        seen.passing = change
      } else {
        this.#seen.set(host, this.#blank(change))
      }
      return
    }
    const before = seen ?? this.#blank(undefined)
    if (seen !== undefined) {
      const { passing } = seen
      if (passing === undefined || name(passing.ring) !== name(change.ring)) {
        this.#fail('C4', host, `${name(change.ring)} installed without its transitional configuration`)
      } else if (passing.members.some(member => !change.members.includes(member))) {
        this.#fail('C4', host, `one that came along to ${name(change.ring)} is not in it`)
      }
      if (seen.ring.nodeId !== 0 && change.ring.seq <= seen.ring.seq) {
        this.#fail('C3', host, `${name(change.ring)} installed after ${name(seen.ring)}`)
      }
      if (seen.ring.nodeId !== 0 && passing !== undefined) this.#noteMove(seen, passing)
    }
    before.members = change.members
    before.ring = change.ring
    before.passing = undefined
    before.last = -1
    before.delivered = 0
    this.#seen.set(host, before)
  }

  numbered(): void {}

  delivered(host: SimHost, ring: RingIdentity, seq: number, _origin: number, hash: number): void {
    const seen = this.#seen.get(host)
    // It stood in a ring when this began.
    if (seen === undefined || seen.ring.nodeId === 0) return
    if (name(ring) !== name(seen.ring)) {
      this.#fail('B3', host, `delivered ${name(ring)}/${seq} in ${name(seen.ring)}`)
      return
    }
    const step = (seq - seen.last) >>> 0
    if (seen.last >= 0 && (step === 0 || step >= 0x80000000)) {
      this.#fail('D7', host, `delivered ${seq} of ${name(ring)} after ${seen.last}`)
    } else if (seen.last >= 0 && step > 1 && seen.passing === undefined) {
      this.#fail('D5', host, `delivered ${seq} of ${name(ring)} after ${seen.last}, in a regular configuration`)
    }
    seen.last = seq
    seen.delivered++
    const { hashes } = this.#memory(ring)
    const known = hashes.get(seq)
    if (known === undefined) {
      if (hashes.size < PACKETS_MAX) hashes.set(seq, hash)
    } else if (known !== hash) {
      this.disagreements.packets++
    }
  }

  #noteMove(seen: Seen, passing: ConfigurationChange): void {
    const { moves } = this.#memory(seen.ring)
    const key = `${name(passing.ring)} ${passing.members.join(' ')}`
    const known = moves.get(key)
    if (known === undefined) moves.set(key, seen.delivered)
    else if (known !== seen.delivered) this.disagreements.moves++
  }

  #memory(ring: RingIdentity): RingMemory {
    const key = name(ring)
    let memory = this.#rings.get(key)
    if (memory === undefined) {
      memory = { hashes: new Map(), moves: new Map() }
      this.#rings.set(key, memory)
      if (this.#rings.size > RINGS_MAX) this.#rings.delete(this.#rings.keys().next().value!)
    }
    return memory
  }

  #blank(passing: ConfigurationChange | undefined): Seen {
    return { members: [], ring: { nodeId: 0, seq: 0 }, passing, last: -1, delivered: 0 }
  }

  #fail(property: string, host: SimHost, text: string): void {
    this.violations.push(`${property} node ${host.nodeId}: ${text}`)
  }
}

function name(ring: RingIdentity): string {
  return `${ring.nodeId}.${ring.seq.toString(16)}`
}

/** Group checks are off, programs go on: nobody looks at what they are told. */
export class DeafGroups extends GroupChecker {
  override delivered(): void {}
  override ringChanged(): void {}
  override beginReplica(): void {}
  override membershipChanged(...[receiver, change]: Parameters<GroupChecker['membershipChanged']>): void {
    if (change.joined.some(joined => joined.pid === receiver.pid)) receiver.joined = true
    if (change.left.some(left => left.pid === receiver.pid)) receiver.over = true
  }
}
