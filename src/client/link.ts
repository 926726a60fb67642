// What a cluster handle needs of the node behind it, wherever that runs: in a worker thread, on this very thread over
// node:dgram, or in a daemon of this host.

import type { RingIdentity } from '../totem/types.js'
import type { MemberChannel } from './member-channel.js'
import type { ServiceAccess } from './service-link.js'

export interface EngineListener {
  /** The node has done something: requests performed, events there, room made. */
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
  /** The way to the node's services. */
  readonly services: ServiceAccess
  /** A channel for a new member that is about to join. */
  open(): MemberChannel
  /** The program is done: a node of its own leaves the ring in order and ends. */
  stop(): Promise<void>
}
