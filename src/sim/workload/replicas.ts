// The workload of replicated state machines: one replica per node, the library's own replica core over the node's process
// groups, submits commands, leaves and comes back, and gets the state from the others. What the copies do and what
// submitters are told goes to the checker of replicas.

import { NoQuorumError } from '../../client/errors.js'
import { type MemberChange, toMember, toMemberChange } from '../../client/events.js'
import { ReplicaCore } from '../../client/replica-core.js'
import type { CpgConnection, CpgListener, CpgMembershipChange } from '../../services/cpg/types.js'
import { CsError } from '../../services/errors.js'
import { Copy } from '../checker/replicas.js'
import type { SimHost } from '../host.js'
import type { ReplicaPlan } from '../scenario.js'
import { type Applied, AuditedMachine } from './machines.js'
import type { Workload, WorkloadContext } from './types.js'

const GROUP = new TextEncoder().encode('replicas')
/** Pids of replicas; programs of the other workloads have lower ones. */
const FIRST_PID = 1_000_000
/** Between the moment when there is something to send and the moment when the program sends it. */
const WAKE_MS = 0.05
/** Pause before a request that has to wait is tried again. */
const RETRY_MS = 15
/** Commands that wait for their answer; the program submits no further ones. */
const MAX_PENDING = 50
/** Mean pause between a replica's end and its successor. */
const RETURN_MS = 300

class Replica implements CpgListener {
  readonly host: SimHost
  readonly pid: number
  readonly copy: Copy
  readonly machine: AuditedMachine
  readonly core: ReplicaCore<Applied>
  readonly connection: CpgConnection
  readonly #context: WorkloadContext
  readonly #quorum: number
  /** Its node and its membership live. */
  open = true
  leaving = false
  submitted = 0
  /** The state has come with this very message: commands that waited for it are applied late. */
  #restored = false
  #joined = false
  #unsent: Uint8Array | undefined
  #woken = false

  constructor(context: WorkloadContext, plan: ReplicaPlan, quorum: number, host: SimHost, pid: number) {
    this.#context = context
    this.#quorum = quorum
    this.host = host
    this.pid = pid
    this.copy = new Copy(`${host.nodeId}:${pid}`, context.processOf(host))
    this.machine = new AuditedMachine(plan.machine)
    this.core = new ReplicaCore<Applied>({
      self: { nodeId: host.nodeId, pid },
      incarnation: pid,
      machine: {
        apply: bytes => this.#apply(bytes),
        snapshot: () => this.machine.snapshot(),
        restore: state => {
          this.#restored = true
          context.replicas.restored++
          this.machine.restore(state)
        },
      },
      quorum,
      chunkBytes: plan.chunkBytes,
      output: {
        wake: () => this.#wake(),
        changed: () => context.tell(host.now, host, () => `replica ${pid} is ${this.core.state}`),
        discarded: ({ count }) => {
          context.replicas.discarded += count
          context.tell(host.now, host, () => `replica ${pid} gives up ${count} commands`)
        },
        failed: error => context.fail('R1', host, `replica ${pid} cannot go on: ${error}`),
      },
    })
    this.connection = host.node!.cpg!.connect(this)
  }

  /** It holds the state that counts. */
  get current(): boolean {
    return this.core.state === 'active' || this.core.state === 'readonly'
  }

  /** False while too many wait. */
  submit(): boolean {
    if (this.core.pending >= MAX_PENDING) return false
    const { prng, replicas } = this.#context
    const command = this.machine.propose(prng, this.pid, this.submitted++)
    this.core.submit(
      command.bytes,
      () => {},
      error => {
        if (error instanceof NoQuorumError) replicas.commandRefused(this.copy, command.name)
      },
    )
    return true
  }

  leave(): boolean {
    this.leaving = this.connection.leave(GROUP, this.pid) === CsError.OK
    return this.leaving
  }

  /** Nothing of the node is touched: it may be gone. */
  end(): void {
    this.open = false
    this.core.close(new Error('ended'))
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    if (!this.#live()) return
    this.#context.hash.add(pid ^ Math.imul(this.pid, 31))
    this.#context.hash.add(len)
    this.#restored = false
    this.core.messageDelivered({ nodeId, pid }, buf.slice(off, off + len))
    this.#context.replicas.messageDelivered(this.copy, this.current ? this.machine.digest() : undefined)
  }

  deliverPartial(): void {
    this.#context.fail('API', this.host, 'a partial message was delivered to a replica, none was sent')
  }

  membershipChanged(change: CpgMembershipChange): void {
    if (!this.#live()) return
    const left: MemberChange[] = change.left.map(toMemberChange)
    this.core.membershipChanged(change.members.map(toMember), left, change.joined.map(toMember))
    // The connection is closed later, not under the service's feet.
    if (left.some(({ nodeId, pid }) => nodeId === this.host.nodeId && pid === this.pid)) this.end()
  }

  ringChanged(): void {}

  #live(): boolean {
    if (this.open && this.host.state !== 'down') return true
    this.#context.fail('B4', this.host, `replica ${this.pid} heard something after its end`)
    return false
  }

  #apply(bytes: Uint8Array): Applied {
    const applied = this.machine.apply(bytes)
    const { count, hash } = this.core.point
    const nodes = new Set(this.core.members.map(({ nodeId }) => nodeId)).size
    this.#context.replicas.commandApplied(this.copy, {
      command: applied.command,
      repeated: applied.repeated,
      missingNodes: this.#restored ? 0 : Math.max(0, this.#quorum - nodes),
      history: `${count}:${hash.join(':')}`,
      digest: this.machine.digestWith(applied),
    })
    return applied
  }

  /** Not from within the event that woke it, as a program would not. */
  #wake(): void {
    if (this.#woken || !this.open) return
    this.#woken = true
    this.#pumpLater(this.host.now, WAKE_MS)
  }

  #pumpLater(now: number, afterMs: number): void {
    this.#context.queue.pushAction(now + afterMs, at => {
      if (!this.open) return
      if (this.host.state === 'running') {
        this.host.now = at
        this.#woken = false
        if (!this.#pump()) this.#retry(at)
        this.host.touched()
      } else this.#retry(at)
    })
  }

  #retry(now: number): void {
    this.#woken = true
    this.#pumpLater(now, RETRY_MS)
  }

  /** Sends what the core has to send; false when the node takes no more for now. */
  #pump(): boolean {
    if (!this.#joined) {
      this.#joined = this.connection.join(GROUP, this.pid, 0) === CsError.OK
      if (!this.#joined) return false
    }
    for (;;) {
      this.#unsent ??= this.core.take()
      if (this.#unsent === undefined) return true
      if (this.connection.mcast(this.#unsent, 0, this.#unsent.length) !== CsError.OK) return this.leaving
      this.#unsent = undefined
    }
  }

  start(now: number): void {
    this.#retry(now)
  }
}

export class ReplicaWorkload implements Workload {
  accepted = 0
  readonly #context: WorkloadContext
  readonly #plan: ReplicaPlan
  readonly #quorum: number
  /** Per host: its replica, open or about to be replaced. */
  readonly #replicas: (Replica | undefined)[]
  #nextPid = FIRST_PID
  #churn = true
  #stopped = false

  constructor(context: WorkloadContext, plan: ReplicaPlan) {
    this.#context = context
    this.#plan = plan
    this.#quorum = plan.majority ? Math.floor(context.hosts.length / 2) + 1 : 0
    this.#replicas = context.hosts.map(() => undefined)
  }

  hostStarted(now: number, host: SimHost): void {
    this.#again(now, host, host.incarnation, this.#context.prng.exponential(this.#plan.gapMs))
  }

  hostLeaving(host: SimHost): void {
    const replica = this.#replicas[host.index]
    this.hostEnded(host)
    replica?.connection.close()
  }

  hostEnded(host: SimHost): void {
    this.#replicas[host.index]?.end()
    this.#replicas[host.index] = undefined
  }

  settled(): void {
    this.#churn = false
  }

  stop(): void {
    this.#stopped = true
  }

  /** Every command has its answer, and who can have the state has it. */
  isDrained(): boolean {
    const living = this.#living()
    const enough = living.length >= this.#quorum
    return living.every(
      ({ core, leaving }) =>
        !leaving && core.pending === 0 && (enough ? core.state === 'active' : /^(waiting|readonly)$/.test(core.state)),
    )
  }

  finish(): void {
    const copies = this.#living().map(({ copy, core, machine, current }) => {
      return { copy, current, digest: machine.digest(), members: core.members.length }
    })
    this.#context.replicas.finish(copies)
  }

  #living(): Replica[] {
    return this.#replicas.filter(replica => replica !== undefined)
  }

  #again(now: number, host: SimHost, incarnation: number, afterMs: number): void {
    this.#context.queue.pushAction(now + afterMs, at => {
      if (host.state === 'down' || host.incarnation !== incarnation || host.isLeaving) return
      let nextMs = this.#context.prng.exponential(this.#plan.gapMs)
      if (host.state === 'running') {
        host.now = at
        nextMs = this.#step(at, host) ?? nextMs
        host.touched()
      }
      this.#again(at, host, incarnation, nextMs)
    })
  }

  /** One thing that the program on a host does; how long it pauses then, where that is not the usual time. */
  #step(now: number, host: SimHost): number | undefined {
    const { prng, tell } = this.#context
    const replica = this.#replicas[host.index]
    if (replica === undefined) {
      if (this.#stopped) return undefined
      const pid = this.#nextPid++
      tell(now, host, () => `replica ${pid} begins`)
      const begun = new Replica(this.#context, this.#plan, this.#quorum, host, pid)
      this.#replicas[host.index] = begun
      begun.start(now)
      return undefined
    }
    if (!replica.open) {
      replica.connection.close()
      this.#replicas[host.index] = undefined
      return prng.exponential(RETURN_MS)
    }
    if (this.#stopped || replica.leaving) return undefined
    if (this.#churn && replica.core.state !== 'joining' && prng.chance(this.#plan.churn)) {
      return replica.leave() ? undefined : RETRY_MS
    }
    if (replica.submit()) this.accepted++
    return undefined
  }
}
