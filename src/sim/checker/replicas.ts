// Replicated state machines: R1, all copies are equal, and R2, what submitters are told is true. In: which copy applied
// which command and what its state is then, at which place of the order; what submitters were told. Out: violations in
// the model that the other checks use too. Must not know: what the states mean, how they get from copy to copy.
//
// R1 is checked in two ways that do not rest on each other. By place: copies that hold the state are equal after the same
// message of the same ring, whatever they say of their histories. By history: equal fingerprints mean equal states, also
// on sides of a partition that do not hear each other, and between a copy and one that got its state much later.

import type { Process, TraceModel } from './model.js'

/** One replica, from its join to its end. */
export class Copy {
  readonly name: string
  readonly process: Process
  /** The packet with which its last message came, and how many messages of the group came with it before. */
  place = ''
  ordinal = 0

  constructor(name: string, process: Process) {
    this.name = name
    this.process = process
  }
}

export interface AppliedHere {
  /** Names the command; no two have the same. */
  readonly command: string
  /** The state had a later command of the same submitter in it, or this very one. */
  readonly repeated: boolean
  /** So many more nodes would have to be in the group for commands to be applied. */
  readonly missingNodes: number
  /** Fingerprint of the history up to this command. */
  readonly history: string
  /** Of the state after it, and what the command returned. */
  readonly digest: number
}

/** How a copy stands when everything has come to rest. */
export interface FinalCopy {
  readonly copy: Copy
  /** It holds the state. */
  readonly current: boolean
  readonly digest: number
  /** Replicas that it sees in the group, itself included. */
  readonly members: number
}

interface Known {
  readonly digest: number
  readonly by: string
}

export class ReplicaChecker {
  /** Counts, so that a test can tell that something was going on. */
  applied = 0
  restored = 0
  discarded = 0
  refused = 0
  readonly #model: TraceModel
  readonly #byPlace: Map<string, Known> = new Map()
  readonly #byHistory: Map<string, Known> = new Map()
  readonly #appliedCommands: Set<string> = new Set()
  readonly #refusedCommands: Set<string> = new Set()

  constructor(model: TraceModel) {
    this.#model = model
  }

  commandApplied(copy: Copy, { command, repeated, missingNodes, history, digest }: AppliedHere): void {
    this.applied++
    this.#appliedCommands.add(command)
    if (repeated) this.#fail('R2', copy, `applied ${command} again, or after a later one`)
    if (missingNodes > 0) this.#fail('R2', copy, `applied ${command} although ${missingNodes} nodes are missing`)
    if (this.#refusedCommands.has(command)) this.#fail('R2', copy, `applied ${command}, which was refused`)
    this.#compare(copy, this.#byHistory, history, digest, `after history ${history}`)
  }

  /** The submitter was told that nobody has applied the command, or ever will. */
  commandRefused(copy: Copy, command: string): void {
    this.refused++
    this.#refusedCommands.add(command)
    if (this.#appliedCommands.has(command)) this.#fail('R2', copy, `${command} was refused and has been applied`)
  }

  /** A message of the replicas' group has been delivered to the copy; `digest` undefined: it does not hold the state. */
  messageDelivered(copy: Copy, digest: number | undefined): void {
    const place = placeOf(copy.process)
    copy.ordinal = place === copy.place ? copy.ordinal + 1 : 0
    copy.place = place
    if (digest === undefined) return
    this.#compare(copy, this.#byPlace, `${place}, message ${copy.ordinal}`, digest, `at packet ${place}`)
  }

  finish(copies: readonly FinalCopy[]): void {
    const first = copies.find(({ current }) => current)
    for (const { copy, current, digest, members } of copies) {
      if (members !== copies.length) this.#fail('R1', copy, `sees ${members} replicas, there are ${copies.length}`)
      if (!current || first === undefined || digest === first.digest) continue
      this.#fail('R1', copy, `has another state in the end than ${first.copy.name}`)
    }
  }

  #compare(copy: Copy, known: Map<string, Known>, key: string, digest: number, where: string): void {
    const other = known.get(key)
    if (other === undefined) known.set(key, { digest, by: copy.name })
    else if (other.digest !== digest) this.#fail('R1', copy, `has another state than ${other.by} had ${where}`)
  }

  #fail(property: string, copy: Copy, text: string): void {
    this.#model.fail(property, copy.process, `replica ${copy.name} ${text}`)
  }
}

/**
 * The packet being delivered. Where a ring is left the sides may go different ways, so that packets behind the
 * transitional configuration are told apart by where it leads.
 */
function placeOf(process: Process): string {
  const view = process.view
  if (view === null) return 'no ring'
  const way = process.passing === null ? '' : ` on the way to ${process.passing.to.name}`
  return `${view.ring.name}/${view.last}${way}`
}
