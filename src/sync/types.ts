// What takes part in a synchronisation: the steps of a service, and what the barrier asks of the layers around it.

import type { RingIdentity } from '../totem/types.js'

/** A service's part. All members walk through the services in the same order (spec: totem 10, services 1.6). */
export interface SyncSteps {
  /**
   * A new ring stands. `transitional`: those of its members that came along from this node's previous ring; empty on
   * the very first ring. Whatever a round that was never finished has left behind is to be forgotten here.
   */
  init(transitional: readonly number[], members: readonly number[], ring: RingIdentity): void
  /** Sends this node's share; false to be called again after the next token, when the queue was full. */
  process(): boolean
  /** Every member has sent its share and all of it has been delivered: the new state holds from here. */
  activate(): void
  /** Another change came first: activate will not be called for this ring. */
  abort(): void
}

export interface SyncService {
  readonly id: number
  readonly name: string
  readonly sync: SyncSteps
}

/** Counters, all since start. */
export interface SyncStats {
  completed: number
  aborted: number
  /** Messages of a ring that is gone; they come with every change. */
  oldRingMessages: number
  /** Messages that are malformed or come from no member. */
  rejectedMessages: number
}
