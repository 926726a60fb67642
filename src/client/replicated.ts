// Replicated state machines for programs: the pure core of replica-core.ts on a group of the cluster. The program gives
// `apply`, `snapshot` and `restore` and gets `submit`. In: a cluster, a name, a machine. Out: a replica. The rules that
// it keeps, those for partitions that merge among them, are in docs/library.md.

import { randomInt } from 'node:crypto'
import { CsError } from '../services/errors.js'
import type { Cluster } from './cluster.js'
import { ClosedError, ClusterError, QueueFullError } from './errors.js'
import type { GroupEvent, Member } from './events.js'
import type { Group } from './group.js'
import { type Discarded, ReplicaCore, type ReplicaState, type StateMachine } from './replica-core.js'

export interface ReplicaOptions {
  /**
   * How many nodes must hold the state for commands to be applied; a side of a partition with fewer is read-only.
   * 'majority': more than half of the configured nodes. Without it every side goes on by itself.
   */
  readonly quorum?: number | 'majority'
  /** A partition was merged and the other side's state prevails: what this replica loses. Called before `restore`. */
  readonly onDiscarded?: (lost: Discarded) => void
  /** `state` or `members` has changed. */
  readonly onChange?: (state: ReplicaState, members: readonly Member[]) => void
  /** The replica has ended; with the reason when it was not closed by the program. */
  readonly onEnd?: (error: Error | undefined) => void
}

/** Messages, and bytes, given to the ring before the first of them is accepted. */
const SEND_WINDOW = 64
const SEND_WINDOW_BYTES = 1 << 20
/** Commands that may wait; a program that awaits `submit` never comes near. */
const MAX_PENDING = 16_384

/** Joins the replicas of that name. Resolves when the group has seen this one; its state may come later (`active`). */
export async function replicate<Result>(
  cluster: Cluster,
  name: string,
  machine: StateMachine<Result>,
  options: ReplicaOptions = {},
): Promise<Replica<Result>> {
  const replica = new Replica(cluster, name, machine, options)
  await replica.join()
  return replica
}

export class Replica<Result> {
  readonly name: string
  readonly #cluster: Cluster
  readonly #options: ReplicaOptions
  readonly #core: ReplicaCore<Result>
  #group: Group | undefined
  #unacceptedMessages = 0
  #unacceptedBytes = 0
  #pumping = false
  #failure: Error | undefined
  #waiting: (() => void)[] = []

  /** Made by `replicate`. */
  constructor(cluster: Cluster, name: string, machine: StateMachine<Result>, options: ReplicaOptions) {
    this.name = name
    this.#cluster = cluster
    this.#options = options
    this.#core = new ReplicaCore({
      self: { nodeId: cluster.nodeId, pid: process.pid },
      incarnation: randomInt(2 ** 32),
      machine,
      quorum: quorumOf(cluster, options.quorum),
      output: {
        wake: () => this.#wake(),
        changed: () => this.#changed(),
        discarded: lost => options.onDiscarded?.(lost),
        failed: error => this.#failed(error),
      },
    })
  }

  get state(): ReplicaState {
    return this.#core.state
  }

  /** All replicas, those that have yet to get the state included. */
  get members(): readonly Member[] {
    return this.#core.members
  }

  /** Those that hold the state; none while that is being found out. */
  get established(): readonly Member[] {
    return this.#core.established
  }

  /** Commands in the history of the state. */
  get index(): number {
    return this.#core.point.count
  }

  /** Resolves when this replica holds the state and applies commands; rejects when it ends before. */
  async active(): Promise<void> {
    while (this.#core.state !== 'active') {
      if (this.#core.state === 'closed') throw this.#failure ?? new ClosedError(`the replica '${this.name}'`)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  /**
   * Has a command applied by every replica, in one order with all others; resolves with what `apply` returned here, or
   * rejects with what it threw. Waits while the state that holds is being found. Rejects with NoQuorumError when the
   * command was not applied for want of nodes, with ResultUnknownError when it may have been but a change of
   * membership took the result, with ClosedError when this replica ends before.
   */
  submit(command: Uint8Array | string): Promise<Result> {
    if (this.#core.pending >= MAX_PENDING) return Promise.reject(new QueueFullError(`${MAX_PENDING} commands`))
    const bytes = typeof command === 'string' ? new TextEncoder().encode(command) : command
    return new Promise((resolve, reject) => this.#core.submit(bytes, resolve, reject))
  }

  /** Leaves the replicas; the others go on. */
  async close(): Promise<void> {
    await this.#group?.leave()
    this.#core.close(new ClosedError(`the replica '${this.name}'`))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** For `replicate`. */
  async join(): Promise<void> {
    this.#group = await this.#cluster.cpg.join(this.name, {
      onEvent: event => this.#take(event),
      onEnd: error => this.#ended(error),
    })
    this.#wake()
  }

  #take(event: GroupEvent): void {
    if (event.type === 'message') this.#core.messageDelivered(event, event.data)
    else if (event.type === 'membership') this.#core.membershipChanged(event.members, event.left, event.joined)
  }

  #ended(error: Error | undefined): void {
    this.#failure ??= error
    this.#core.close(this.#failure ?? new ClosedError(`the replica '${this.name}'`))
    this.#options.onEnd?.(this.#failure)
  }

  /** The program's machine has thrown where it must not. The others go on without this replica. */
  #failed(cause: unknown): void {
    this.#failure ??= new ClusterError(
      CsError.FAILED_OPERATION,
      `the state machine of the replica '${this.name}' has failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
    this.#core.close(this.#failure)
    this.#group?.leave().catch(() => {})
  }

  #wake(): void {
    if (this.#pumping || this.#group === undefined) return
    this.#pumping = true
    // Not from within the event that woke it: its other consequences come first.
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    const group = this.#group
    if (group === undefined) return
    while (this.#unacceptedMessages < SEND_WINDOW && this.#unacceptedBytes < SEND_WINDOW_BYTES) {
      const message = this.#core.take()
      if (message === undefined) return
      this.#unacceptedMessages++
      this.#unacceptedBytes += message.length
      const accepted = () => {
        this.#unacceptedMessages--
        this.#unacceptedBytes -= message.length
        this.#wake()
      }
      // A message that is not accepted means the end of the membership, of which `onEnd` tells.
      group.send(message).then(accepted, accepted)
    }
  }

  #changed(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    this.#options.onChange?.(this.#core.state, this.#core.members)
  }
}

function quorumOf(cluster: Cluster, quorum: number | 'majority' | undefined): number {
  if (quorum === 'majority') {
    if (cluster.nodes.length === 0) {
      throw new ClusterError(CsError.INVALID_PARAM, "quorum 'majority' needs a configuration that lists the nodes")
    }
    return Math.floor(cluster.nodes.length / 2) + 1
  }
  return quorum ?? 0
}
