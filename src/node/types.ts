// The edges of a whole node (totem, process groups, synchronisation, services) without I/O. The real loop, the
// node:dgram driver and the simulator each implement NodeOutput and call ClusterNode; nothing else touches a node.

import type { LogSink } from '../log/types.js'
import type { CfgHost } from '../services/cfg/types.js'
import type { LiveMap } from '../services/cmap/live-map.js'
import type { AddressesOf } from '../services/cmap/member-keys.js'
import type { HostReadings } from '../services/host-readings.js'
import type { TrackingStore } from '../services/votequorum/service.js'
import type { TotemParameters } from '../totem/parameters.js'
import type { RingIdentity, TotemObserver } from '../totem/types.js'
import type { WireGeneration } from '../wire/generation.js'

export interface NodeConfig {
  readonly nodeId: number
  /** Every configured node, this one included. Empty when membership is open (multicast without a nodelist). */
  readonly memberNodeIds: readonly number[]
  readonly totem: TotemParameters
  readonly wire: WireGeneration
}

export interface NodeOutput {
  /**
   * To one other node. Before it leaves, everything multicast earlier leaves: the driver sends its queue, then this.
   * Bytes are valid for the length of the call.
   */
  unicast(nodeId: number, buf: Uint8Array, off: number, len: number): void
  /** To all other nodes. May be queued until the next unicast or the end of the driver's turn. */
  multicast(buf: Uint8Array, off: number, len: number): void
  /** Throws away datagrams that were received but not handed in yet, kernel queue included; returns how many. */
  discardInput(): number
  /** Writes the ring-id file; synchronous; throws when it cannot (fatal). */
  persistRingSequence(seq: number): void
  /** The node wants to end (a fatal condition or a newer configuration elsewhere): leave the ring and stop. */
  shutdownRequested(reason: string): void
  readonly log: LogSink
}

export interface NodeOptions {
  readonly config: NodeConfig
  readonly output: NodeOutput
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** The configuration map; services read it and write their state to it. Left out: an empty one. */
  readonly map?: LiveMap
  /** What administrators' orders are carried out by. Left out: they are logged and nothing happens. */
  readonly host?: CfgHost | undefined
  /** What services know of the host. Left out: nothing; nobody monitors it, and missed turns are not noticed. */
  readonly readings?: HostReadings | undefined
  /** Addresses of a node in the order of its links, as text; for the map. Left out: none are known. */
  readonly addressesOf?: AddressesOf | undefined
  /** Sends of the transport that failed in a row. Left out: none ever do. */
  readonly sendFailures?: (() => number) | undefined
  /** An administrator wants a flight record to be written. */
  readonly dumpFlightData?: (() => void) | undefined
  /** Where votequorum keeps the highest expected votes, if it is to track them beyond this life. */
  readonly expectedVotes?: TrackingStore | undefined
  readonly observer?: TotemObserver | undefined
  /** Tests only: sequence number from which a new ring counts, so that the wrap is near. */
  readonly firstSeq?: number
}

export interface NodeMembership {
  readonly ring: RingIdentity
  /** Node ids in ring order; empty before the first ring. */
  readonly members: readonly number[]
  /** Services have exchanged their state: ordinary messages flow. */
  readonly synchronised: boolean
}

/** What a driver of a node calls. ClusterNode is one; tests of drivers bring their own. */
export interface DrivenNode {
  /** The interface is up the first time (or missing, where the transport may start alone). */
  start(now: number, ringSequence: number): void
  /** One datagram that passed the checks of net/. `from` is only for log text. */
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void
  expire(now: number): void
  /** When `expire` is wanted; Infinity if never, in the past when work is pending. */
  nextDeadline(): number
  interfaceChanged(now: number): void
  leave(now: number): void
}
