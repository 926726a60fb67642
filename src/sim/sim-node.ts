// What the simulator asks of the thing it runs on a host. ClusterNode satisfies it as it is; a bare single-ring machine
// does with a few lines around it. Everything a node may touch comes through HostServices.

import type { NodeOutput } from '../node/types.js'
import type { CpgConnection, CpgListener } from '../services/cpg/types.js'
import type { TotemParameters } from '../totem/parameters.js'
import type { TotemObserver } from '../totem/types.js'
import type { WireGeneration } from '../wire/generation.js'

export interface SimNode {
  start(now: number, ringSequence: number): void
  /** `from` names the sender for log lines. */
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void
  expire(now: number): void
  /** When `expire` wants to be called; a value at or before the present means as soon as possible. */
  nextDeadline(): number
  interfaceChanged(now: number): void
  /** First half of an orderly end: services say their last words. `leave` follows once `drained`, or after a while. */
  prepareToLeave?(now: number): void
  readonly drained?: boolean
  /** Leaves the ring in order. The host takes the node down afterwards. */
  leave(now: number): void
  /** Closed process groups, where the node offers them. */
  readonly cpg?: { connect(listener: CpgListener): CpgConnection }
  /** The parts that hold memory, where the node shows them. */
  readonly ring?: { readonly pool: { readonly inUse: number }; readonly queueSize: number }
  readonly executive?: { readonly groups: { readonly heldOrigins: number; readonly heldBytes: number } }
  /** Raw packets, where the node offers them: false while the queue is full. */
  sendRaw?(buf: Uint8Array, off: number, len: number): boolean
}

/** Everything a node needs from its host. */
export interface HostServices {
  readonly output: NodeOutput
  readonly random: () => number
  readonly observer: TotemObserver
}

export interface SimNodeConfig {
  readonly nodeId: number
  readonly memberNodeIds: readonly number[]
  readonly totem: TotemParameters
  readonly wire: WireGeneration
}

/** Makes one incarnation of a node. */
export type SimNodeFactory = (config: SimNodeConfig, services: HostServices) => SimNode
