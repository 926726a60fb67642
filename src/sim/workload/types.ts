// What the simulation and its workloads know of each other.

import type { GroupChecker } from '../checker/groups.js'
import type { Process } from '../checker/model.js'
import type { ReplicaChecker } from '../checker/replicas.js'
import type { EventQueue } from '../event-queue.js'
import type { SimHost } from '../host.js'
import type { Prng } from '../prng.js'
import type { WorkloadPlan } from '../scenario.js'
import type { TraceHash } from '../trace.js'

export interface WorkloadContext {
  readonly plan: WorkloadPlan
  /** Names of groups begin with this instead of `group-`, where one workload follows another on the same nodes. */
  readonly groupPrefix?: string
  readonly hosts: readonly SimHost[]
  readonly queue: EventQueue
  readonly prng: Prng
  readonly groups: GroupChecker
  readonly replicas: ReplicaChecker
  readonly hash: TraceHash
  /** The running incarnation of a host, as the checker knows it. */
  processOf(host: SimHost): Process
  /** Something that must not happen, outside the named properties. */
  fail(property: string, host: SimHost, text: string): void
  /** A line for the story; the text is made only when somebody reads it. */
  tell(now: number, host: SimHost, text: () => string): void
}

export interface Workload {
  /** Messages that the nodes accepted so far. */
  readonly accepted: number
  hostStarted(now: number, host: SimHost): void
  /** The node is about to end in order: its programs are cut off. */
  hostLeaving(host: SimHost): void
  hostEnded(host: SimHost): void
  /** The cluster has settled: nobody ends a membership from now on, and the replicated logs begin. */
  settled(now: number): void
  /** Nothing is sent from now on. */
  stop(): void
  /** Has everything that was accepted from survivors come back to them? */
  isDrained(): boolean
  /** Everything has come to rest: what can be judged only now. */
  finish(): void
}
