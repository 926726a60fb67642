// Replicated state machines on the fake ring, driven step by step: no promises, no clocks. The state is the list of the
// commands applied, so that every difference in number or order shows.

import { type MemberChange, toMember, toMemberChange } from '../../src/client/events.js'
import { type Discarded, ReplicaCore, type StateMachine } from '../../src/client/replica-core.js'
import type { CpgConnection, CpgListener, CpgMembershipChange } from '../../src/services/cpg/types.js'
import { CsError } from '../../src/services/errors.js'
import type { FakeCpg, FakeNode } from './fake-cpg.js'

const GROUP = new TextEncoder().encode('replicas')

export interface Outcome {
  readonly id: string
  state: 'pending' | 'applied' | 'rejected'
  error?: Error
}

class ListMachine implements StateMachine<number> {
  list: string[] = []
  apply(command: Uint8Array): number {
    return this.list.push(new TextDecoder().decode(command))
  }
  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.list))
  }
  restore(snapshot: Uint8Array): void {
    this.list = JSON.parse(new TextDecoder().decode(snapshot)) as string[]
  }
}

export interface SimReplicaOptions {
  readonly pid: number
  readonly incarnation: number
  readonly quorum: number
  readonly chunkBytes: number
}

export class SimReplica implements CpgListener {
  readonly node: FakeNode
  readonly connection: CpgConnection
  readonly core: ReplicaCore<number>
  readonly machine = new ListMachine()
  readonly discarded: Discarded[] = []
  readonly outcomes: Outcome[] = []
  readonly pid: number
  failure: unknown
  open = true
  #joined = false
  #unsent: Uint8Array | undefined

  constructor(node: FakeNode, options: SimReplicaOptions) {
    this.node = node
    this.pid = options.pid
    this.core = new ReplicaCore({
      ...options,
      self: { nodeId: node.id, pid: options.pid },
      machine: this.machine,
      output: {
        wake: () => {},
        changed: () => {},
        discarded: lost => this.discarded.push(lost),
        failed: error => {
          this.failure = error
        },
      },
    })
    this.connection = node.connect(this)
  }

  get current(): boolean {
    return this.open && this.node.alive && (this.core.state === 'active' || this.core.state === 'readonly')
  }

  get list(): readonly string[] {
    return this.machine.list
  }

  submit(id: string): Outcome {
    const outcome: Outcome = { id, state: 'pending' }
    this.outcomes.push(outcome)
    this.core.submit(
      new TextEncoder().encode(id),
      () => {
        outcome.state = 'applied'
      },
      error => {
        outcome.state = 'rejected'
        outcome.error = error as Error
      },
    )
    return outcome
  }

  /** Sends what the core has to send, as far as the node takes it. */
  pump(): boolean {
    let sent = false
    if (!this.#joined && this.open && this.node.alive) {
      this.#joined = this.connection.join(GROUP, this.pid, 0) === CsError.OK
      sent = this.#joined
    }
    while (this.open && this.node.alive) {
      this.#unsent ??= this.core.take()
      if (this.#unsent === undefined) break
      if (this.connection.mcast(this.#unsent, 0, this.#unsent.length) !== CsError.OK) break
      this.#unsent = undefined
      sent = true
    }
    return sent
  }

  leave(): void {
    this.connection.leave(GROUP, this.pid)
  }

  /** The process dies. */
  kill(): void {
    this.open = false
    this.connection.close()
    this.core.close(new Error('killed'))
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    if (this.open) this.core.messageDelivered({ nodeId, pid }, buf.slice(off, off + len))
  }

  deliverPartial(): void {
    throw new Error('replicas here send short messages only')
  }

  membershipChanged(change: CpgMembershipChange): void {
    if (!this.open) return
    const left: MemberChange[] = change.left.map(toMemberChange)
    this.core.membershipChanged(change.members.map(toMember), left, change.joined.map(toMember))
    if (left.some(member => member.nodeId === this.node.id && member.pid === this.pid)) {
      this.open = false
      this.core.close(new Error('left'))
      this.connection.close()
    }
  }

  ringChanged(): void {}
}

/** Runs the ring and the replicas until nothing happens any more. False when that does not come about. */
export function settle(cpg: FakeCpg, replicas: readonly SimReplica[], limit = 20_000): boolean {
  for (let i = 0; i < limit; i++) {
    let worked = false
    for (const replica of replicas) if (replica.pump()) worked = true
    for (const node of cpg.alive) if (cpg.number(node)) worked = true
    for (const node of cpg.alive) if (cpg.deliver(node)) worked = true
    if (!worked) return true
  }
  return false
}
