// A replicated state machine, as a pure machine: from the ordered stream of a group's messages and membership changes it
// decides which state holds, who gives it to whom, and which commands are applied. In: that stream, commands of the
// program. Out: messages to send (taken one by one), calls of the program's machine, results of commands. Every decision
// follows from the stream alone, so all members make it alike. The rule for partitions that merge: docs/library.md.
//
//   electing  from a membership change that brings members until the state that holds is known. Nothing is applied.
//             The lowest member of each side asks (COLLECT), all answer (STATUS), the last answer decides for everyone.
//   settled   those who hold the state (`established`) apply commands. The lowest of them, the donor, gives its state to
//             the others: as of its MARKER in the order, in CHUNKs; they queue what follows, restore, and say READY.
//
// A command that comes while nobody applies is applied by nobody, which its submitter sees: it is sent again.

import { NoQuorumError, ResultUnknownError } from './errors.js'
import type { Member, MemberChange } from './events.js'
import { type AppliedCommand, History } from './replica-history.js'
import {
  type ChunkMessage,
  type CollectMessage,
  type CommandMessage,
  decodeReplicaMessage,
  encodeReplicaMessage,
  type MarkerMessage,
  ReplicaMessage,
  type RoundId,
  type StatusMessage,
} from './replica-messages.js'
import { type Submission, Submissions } from './replica-submissions.js'

export interface CommandMeta extends Member {
  /** The command's number in the history of the state, from 1; the same on every replica. */
  readonly index: number
  /** Submitted by this replica. */
  readonly own: boolean
}

/** The program's part. All three run synchronously; `apply` must depend on nothing but the state and its arguments. */
export interface StateMachine<Result> {
  apply(command: Uint8Array, meta: CommandMeta): Result
  /** The whole state. */
  snapshot(): Uint8Array
  /** Replaces the whole state. */
  restore(snapshot: Uint8Array): void
}

/** What this replica gave up when a partition was merged and the other side's state prevailed. */
export interface Discarded {
  /** How many commands; an upper bound where the histories parted too long ago to be compared. */
  readonly count: number
  /** The last of them that are still known (up to 1024, 1 MiB). */
  readonly commands: readonly AppliedCommand[]
}

/**
 * `joining`: nothing is known yet. `electing`: members came, the state that holds is being found. `waiting`: this replica
 * is to get the state of others, or too few nodes are there to begin with one. `active`: it applies commands. `readonly`:
 * it holds the state, but without the quorum nobody applies commands.
 */
export type ReplicaState = 'joining' | 'electing' | 'waiting' | 'active' | 'readonly' | 'closed'

export interface ReplicaOutput {
  /** There may be something to `take`. */
  wake(): void
  /** `state`, members or quorum may have changed. */
  changed(): void
  /** The program's state is about to be replaced, and this is lost. Called before `restore`. */
  discarded(lost: Discarded): void
  /** The program's snapshot or restore has thrown: this replica cannot go on. */
  failed(error: unknown): void
}

export interface ReplicaCoreOptions<Result> {
  readonly self: Member
  /** Differs between any two replicas that ever have the same node id and pid: a random u32. */
  readonly incarnation: number
  readonly machine: StateMachine<Result>
  /** Nodes that must hold the state for commands to be applied; 0 for no such rule. */
  readonly quorum: number
  readonly output: ReplicaOutput
  readonly chunkBytes?: number
}

/** Bytes of state per message: small enough that commands slip in between. */
export const DEFAULT_CHUNK_BYTES = 128 * 1024
/** Commands that may queue, in bytes, while the state is being restored; beyond, the transfer begins again. */
export const MAX_BACKLOG_BYTES = 64 << 20
/** Largest state that is transferred. */
export const MAX_SNAPSHOT_BYTES = 1 << 30

interface Round {
  readonly id: RoundId
  readonly statuses: Map<string, StatusMessage>
}

/** A state that at least one member holds. */
interface Candidate {
  readonly status: StatusMessage
  holders: number
  /** Highest of its holders. */
  term: number
}

interface Backlog {
  readonly from: Member
  readonly message: CommandMessage
}

interface Incoming {
  readonly marker: MarkerMessage
  readonly chunks: Uint8Array[]
  receivedBytes: number
  readonly backlog: Backlog[]
  backlogBytes: number
}

interface Outgoing {
  readonly counter: number
  readonly bytes: Uint8Array
  sentBytes: number
}

function keyOf(member: Member): string {
  return `${member.nodeId}:${member.pid}`
}

function sameMember(a: Member, b: Member): boolean {
  return a.nodeId === b.nodeId && a.pid === b.pid
}

function nodeCount(members: Iterable<Member>): number {
  const nodes = new Set<number>()
  for (const member of members) nodes.add(member.nodeId)
  return nodes.size
}

export class ReplicaCore<Result> {
  readonly #options: ReplicaCoreOptions<Result>
  readonly #self: Member
  #phase: 'joining' | 'electing' | 'settled' | 'closed' = 'joining'

  // What the stream says of the group; equal at all members of it.
  #members: readonly Member[] = []
  /** Electing: the members that were together before. Its lowest asks for the states. */
  #side: readonly Member[] = []
  #round: Round | undefined
  /** Settled: who holds the state that counts. */
  readonly #established = new Map<string, Member>()
  #donor: Member | undefined
  /** Enough nodes hold the state. */
  #quorate = false
  /** Rises with every change of `established` while the quorum is there: later quorums have higher terms. */
  #term = 0

  // This replica's own.
  #held = false
  #ownTerm = 0
  readonly #history = new History()
  /** The state follows the order: commands are applied as they come. */
  #current = false
  #incoming: Incoming | undefined
  #outgoing: Outgoing | undefined
  #counter = 0

  #closedBy: Error | undefined
  #toldState: ReplicaState = 'joining'
  #toldMembers: readonly Member[] = []

  // To be sent.
  readonly #control: Uint8Array[] = []
  #chunkNext = false
  readonly #submissions = new Submissions<Result>()

  constructor(options: ReplicaCoreOptions<Result>) {
    this.#options = options
    this.#self = options.self
  }

  get state(): ReplicaState {
    if (this.#phase !== 'settled') return this.#phase
    if (!this.#current) return 'waiting'
    return this.#quorate ? 'active' : 'readonly'
  }

  /** All replicas in the group. */
  get members(): readonly Member[] {
    return this.#members
  }

  /** Those that hold the state, as far as it is settled. */
  get established(): readonly Member[] {
    return [...this.#established.values()]
  }

  /** Commands in the history of the state, and its fingerprint. */
  get point(): { readonly count: number; readonly hash: readonly [number, number] } {
    return this.#history.point
  }

  /** Calls back once, when the command was applied here, or never will be. */
  submit(data: Uint8Array, resolve: (result: Result) => void, reject: (error: unknown) => void): void {
    if (this.#closedBy !== undefined) {
      reject(this.#closedBy)
      return
    }
    this.#submissions.add(data, resolve, reject)
    this.#review()
  }

  get pending(): number {
    return this.#submissions.pending
  }

  /** The next message to be sent, if there is one. What is taken must be sent, in this order. */
  take(): Uint8Array | undefined {
    const control = this.#control.shift()
    if (control !== undefined) return control
    const commands = this.#mayCommand() ? this.#submissions.unsent : 0
    if (this.#outgoing !== undefined && (this.#chunkNext || commands === 0)) {
      this.#chunkNext = false
      return this.#takeChunk(this.#outgoing)
    }
    const command = commands === 0 ? undefined : this.#submissions.send()
    if (command === undefined) return undefined
    this.#chunkNext = true
    const { incarnation } = this.#options
    return encodeReplicaMessage({ type: ReplicaMessage.COMMAND, incarnation, seq: command.seq, data: command.data })
  }

  /** The membership is over: nothing that waits will be applied by this replica's doing. */
  close(error: Error): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#closedBy = error
    this.#control.length = 0
    this.#outgoing = undefined
    this.#incoming = undefined
    for (const submission of this.#submissions.takeAll()) submission.reject(error)
    this.#review()
  }

  membershipChanged(members: readonly Member[], left: readonly MemberChange[], joined: readonly Member[]): void {
    if (this.#phase === 'closed') return
    this.#members = members
    // One's own leave is the end of the stream; the owner closes.
    if (left.some(member => sameMember(member, this.#self))) return
    let established = false
    for (const member of left) if (this.#established.delete(keyOf(member))) established = true
    if (left.some(member => member.reason === 'nodedown')) this.#history.markSplit()

    if (this.#phase === 'joining') this.#elect(members)
    else if (this.#phase === 'electing') {
      const side = this.#side.filter(member => members.some(other => sameMember(member, other)))
      this.#elect(side.length > 0 ? side : members)
    } else if (joined.length > 0) {
      this.#elect(members.filter(member => !joined.some(other => sameMember(member, other))))
    } else if (established) this.#holderLost()
    this.#review()
  }

  messageDelivered(from: Member, bytes: Uint8Array): void {
    if (this.#phase === 'closed' || this.#phase === 'joining') return
    if (!this.#members.some(member => sameMember(member, from))) return
    const message = decodeReplicaMessage(bytes)
    if (message === undefined) return
    switch (message.type) {
      case ReplicaMessage.COMMAND:
        this.#command(from, message)
        break
      case ReplicaMessage.COLLECT:
        this.#collect(from, message)
        break
      case ReplicaMessage.STATUS:
        this.#status(from, message)
        break
      case ReplicaMessage.MARKER:
        this.#marker(from, message)
        break
      case ReplicaMessage.CHUNK:
        this.#chunk(from, message)
        break
      case ReplicaMessage.READY:
        this.#ready(from)
    }
    this.#review()
  }

  // Finding the state that holds.

  #elect(side: readonly Member[]): void {
    this.#phase = 'electing'
    this.#side = side
    this.#round = undefined
    this.#established.clear()
    this.#quorate = false
    this.#donor = undefined
    this.#current = false
    this.#incoming = undefined
    this.#outgoing = undefined
    const lowest = side[0]
    if (lowest !== undefined && sameMember(lowest, this.#self)) this.#askForStates()
  }

  #askForStates(): void {
    const { incarnation } = this.#options
    const counter = ++this.#counter
    this.#send({ type: ReplicaMessage.COLLECT, incarnation, counter, members: this.#members })
  }

  #collect(from: Member, message: CollectMessage): void {
    // One that was sent before the last membership change is out of date: another follows.
    if (message.members.length !== this.#members.length) return
    if (!message.members.every((member, i) => sameMember(member, this.#members[i]!))) return
    if (this.#phase === 'settled') {
      this.#elect([])
      this.#side = this.#members
    }
    const { incarnation, counter } = message
    const id: RoundId = { nodeId: from.nodeId, pid: from.pid, incarnation, counter }
    this.#round = { id, statuses: new Map() }
    this.#send({
      type: ReplicaMessage.STATUS,
      incarnation: this.#options.incarnation,
      round: id,
      held: this.#held,
      term: this.#ownTerm,
      ...this.#history.point,
    })
  }

  #status(from: Member, message: StatusMessage): void {
    const round = this.#round
    if (this.#phase !== 'electing' || round === undefined) return
    const { id } = round
    const { round: meant } = message
    if (!sameMember(meant, id) || meant.incarnation !== id.incarnation || meant.counter !== id.counter) return
    round.statuses.set(keyOf(from), message)
    if (this.#members.every(member => round.statuses.has(keyOf(member)))) this.#decide(round)
  }

  #decide(round: Round): void {
    this.#phase = 'settled'
    this.#round = undefined
    let term = 0
    for (const status of round.statuses.values()) term = Math.max(term, status.term)
    this.#term = term
    const winner = this.#prevailing(round)
    if (winner !== undefined) {
      for (const member of this.#members) {
        const status = round.statuses.get(keyOf(member))!
        if (sameState(status, winner)) this.#established.set(keyOf(member), member)
      }
    } else if (nodeCount(this.#members) >= this.#options.quorum) this.#found(round.id)
    this.#donor = this.#lowestEstablished()
    this.#current = this.#established.has(keyOf(this.#self))
    this.#holdersChanged()
    this.#offerState()
  }

  /** The status whose state prevails, or undefined when nobody has a state. The rule of docs/library.md. */
  #prevailing(round: Round): StatusMessage | undefined {
    const candidates: Candidate[] = []
    // In the order of members: among equals the one with the lowest member comes first and stays.
    for (const member of this.#members) {
      const status = round.statuses.get(keyOf(member))!
      if (!status.held) continue
      const known = candidates.find(candidate => sameState(candidate.status, status))
      if (known === undefined) candidates.push({ status, holders: 1, term: status.term })
      else {
        known.holders++
        known.term = Math.max(known.term, status.term)
      }
    }
    let best = candidates[0]
    for (const candidate of candidates.slice(1)) {
      if (best === undefined || this.#prevails(candidate, best)) best = candidate
    }
    return best?.status
  }

  #prevails(a: Candidate, b: Candidate): boolean {
    if (this.#options.quorum > 0 && a.term !== b.term) return a.term > b.term
    if (a.holders !== b.holders) return a.holders > b.holders
    return a.status.count > b.status.count
  }

  /** Nobody has a state: the lowest member's initial one it is. */
  #found(round: RoundId): void {
    const founder = this.#members[0]!
    this.#established.set(keyOf(founder), founder)
    if (!sameMember(founder, this.#self)) return
    this.#held = true
    this.#history.begin([founder.nodeId, founder.pid, this.#options.incarnation, round.counter])
  }

  #holderLost(): void {
    if (this.#established.size === 0) {
      // Whoever had the state is gone: what the others had before counts again.
      this.#elect(this.#members)
      return
    }
    this.#holdersChanged()
    const donor = this.#lowestEstablished()
    if (this.#donor !== undefined && this.#established.has(keyOf(this.#donor))) return
    this.#donor = donor
    this.#incoming = undefined
    this.#offerState()
  }

  #lowestEstablished(): Member | undefined {
    return this.#members.find(member => this.#established.has(keyOf(member)))
  }

  /** To be called whenever `established` has changed. */
  #holdersChanged(): void {
    const { size } = this.#established
    this.#quorate = size > 0 && nodeCount(this.#established.values()) >= this.#options.quorum
    if (this.#quorate) this.#term++
    if (this.#current) this.#ownTerm = this.#term
  }

  // Giving the state to those who lack it.

  #offerState(): void {
    if (this.#donor === undefined || !sameMember(this.#donor, this.#self)) return
    if (this.#established.size === this.#members.length) return
    const { incarnation } = this.#options
    this.#send({ type: ReplicaMessage.MARKER, incarnation, counter: ++this.#counter })
  }

  #marker(from: Member, message: MarkerMessage): void {
    if (this.#phase !== 'settled' || this.#donor === undefined || !sameMember(from, this.#donor)) return
    if (sameMember(from, this.#self)) {
      this.#beginTransfer(message.counter)
    } else if (!this.#current) {
      this.#incoming = { marker: message, chunks: [], receivedBytes: 0, backlog: [], backlogBytes: 0 }
    }
  }

  #beginTransfer(counter: number): void {
    let state: Uint8Array
    try {
      state = this.#options.machine.snapshot()
    } catch (error) {
      this.#options.output.failed(error)
      return
    }
    const history = this.#history.encode()
    const bytes = new Uint8Array(4 + history.length + state.length)
    new DataView(bytes.buffer).setUint32(0, history.length, true)
    bytes.set(history, 4)
    bytes.set(state, 4 + history.length)
    this.#outgoing = { counter, bytes, sentBytes: 0 }
  }

  #takeChunk(outgoing: Outgoing): Uint8Array {
    const { counter, bytes, sentBytes } = outgoing
    const data = bytes.subarray(sentBytes, sentBytes + (this.#options.chunkBytes ?? DEFAULT_CHUNK_BYTES))
    outgoing.sentBytes += data.length
    if (outgoing.sentBytes === bytes.length) this.#outgoing = undefined
    const { incarnation } = this.#options
    return encodeReplicaMessage({
      type: ReplicaMessage.CHUNK,
      incarnation,
      counter,
      offset: sentBytes,
      total: bytes.length,
      data,
    })
  }

  #chunk(from: Member, message: ChunkMessage): void {
    const incoming = this.#incoming
    if (incoming === undefined || this.#donor === undefined || !sameMember(from, this.#donor)) return
    const { marker } = incoming
    if (message.counter !== marker.counter || message.incarnation !== marker.incarnation) return
    if (message.offset !== incoming.receivedBytes || message.total > MAX_SNAPSHOT_BYTES) return
    incoming.chunks.push(message.data)
    incoming.receivedBytes += message.data.length
    if (incoming.receivedBytes >= message.total) this.#restore(incoming)
  }

  #restore(incoming: Incoming): void {
    this.#incoming = undefined
    const { machine, output, incarnation } = this.#options
    try {
      const bytes = Buffer.concat(incoming.chunks)
      const historyLength = bytes.readUInt32LE(0)
      const history = History.decode(bytes.subarray(4, 4 + historyLength))
      const lost = this.#held ? this.#history.missingFrom(history.points) : undefined
      if (lost !== undefined && lost.count > 0) output.discarded(lost)
      machine.restore(new Uint8Array(bytes.subarray(4 + historyLength)))
      this.#history.adopt(history)
    } catch (error) {
      output.failed(error)
      return
    }
    this.#held = true
    this.#current = true
    this.#ownTerm = this.#term
    for (const { from, message } of incoming.backlog) this.#apply(from, message)
    this.#send({ type: ReplicaMessage.READY, incarnation })
  }

  #ready(from: Member): void {
    // While electing it says nothing new: the sender's status has it.
    if (this.#phase !== 'settled' || this.#established.has(keyOf(from))) return
    this.#established.set(keyOf(from), from)
    this.#holdersChanged()
  }

  // Commands.

  #command(from: Member, message: CommandMessage): void {
    if (this.#phase !== 'settled' || this.#established.size === 0) {
      // Certainly nobody applies it: to get further, everyone would need the sender's answer, which comes after it.
      this.#sendAgain(from, message, false)
    } else if (!this.#quorate) {
      // With enough nodes there, it may be that others know of one that has just got ready and this side, cut off, does not.
      this.#sendAgain(from, message, nodeCount(this.#members) >= this.#options.quorum)
    } else if (this.#current) this.#apply(from, message)
    else if (this.#incoming !== undefined) this.#postpone(this.#incoming, { from, message })
    else this.#sendAgain(from, message, true)
  }

  #sendAgain(from: Member, message: CommandMessage, doubtful: boolean): void {
    const submission = this.#takeOwn(from, message)
    if (submission === undefined) return
    submission.doubtful ||= doubtful
    this.#submissions.sendAgain(submission)
  }

  #postpone(incoming: Incoming, command: Backlog): void {
    incoming.backlog.push(command)
    incoming.backlogBytes += command.message.data.length
    if (incoming.backlogBytes <= MAX_BACKLOG_BYTES) return
    this.#incoming = undefined
    this.#askForStates()
  }

  #apply(from: Member, message: CommandMessage): void {
    const submission = this.#takeOwn(from, message)
    if (!this.#history.append(from, message.incarnation, message.seq, message.data)) {
      submission?.reject(new ResultUnknownError())
      return
    }
    const meta: CommandMeta = {
      nodeId: from.nodeId,
      pid: from.pid,
      index: this.#history.point.count,
      own: submission !== undefined,
    }
    let result: Result
    try {
      result = this.#options.machine.apply(message.data, meta)
    } catch (error) {
      // A machine that throws throws everywhere: it is the command's result.
      submission?.reject(error)
      return
    }
    submission?.resolve(result)
  }

  #takeOwn(from: Member, message: CommandMessage): Submission<Result> | undefined {
    if (!sameMember(from, this.#self) || message.incarnation !== this.#options.incarnation) return undefined
    return this.#submissions.delivered(message.seq)
  }

  #mayCommand(): boolean {
    return this.#phase === 'settled' && this.#current && this.#quorate
  }

  /** After every event: refuses what cannot be applied for want of nodes, and tells the owner. */
  #review(): void {
    const { quorum, output } = this.#options
    if (this.#phase === 'settled' && !this.#quorate && this.#submissions.unsent > 0) {
      const present = nodeCount(this.#members)
      if (present < quorum) {
        for (const { doubtful, reject } of this.#submissions.takeUnsent()) {
          reject(doubtful ? new ResultUnknownError() : new NoQuorumError(present, quorum))
        }
      }
    }
    const { state } = this
    if (state !== this.#toldState || this.#members !== this.#toldMembers) {
      this.#toldState = state
      this.#toldMembers = this.#members
      output.changed()
    }
    output.wake()
  }

  #send(message: Parameters<typeof encodeReplicaMessage>[0]): void {
    this.#control.push(encodeReplicaMessage(message))
  }
}

function sameState(a: StatusMessage, b: StatusMessage): boolean {
  return a.held && b.held && a.count === b.count && a.hash[0] === b.hash[0] && a.hash[1] === b.hash[1]
}
