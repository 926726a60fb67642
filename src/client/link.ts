// What a cluster handle needs of the executive that runs its node, wherever that executive runs: a worker thread, or this
// very thread over node:dgram. Channels are handed over whole; from then on both sides only ring each other.

import type { SharedMemory } from '../daemon/channel.js'
import type { RingIdentity } from '../totem/types.js'

export interface EngineListener {
  /** The executive has done something: requests performed, events there, room made. */
  rung(): void
  /** A ring was formed and its services are in step. */
  ringChanged(ring: RingIdentity, members: readonly number[]): void
  /** The node has ended; `error` is undefined when it was asked to. Nothing follows. */
  ended(error: Error | undefined): void
}

export interface EngineLink {
  readonly nodeId: number
  /** Node ids of the configuration, this one included. */
  readonly configuredNodeIds: readonly number[]
  /** Memory of a channel, of the sort that the executive can reach. */
  allocate(bytes: number): SharedMemory
  /** This side is done with a channel's memory; it may serve another member once the executive has let go of it, too. */
  release(memory: SharedMemory): void
  /** Hands a channel over: a new member that is about to join. */
  addMember(memory: SharedMemory): void
  /** Wakes the executive if it does not know already. */
  ring(): void
  /** Leaves the ring in order and ends. */
  stop(): Promise<void>
}
