// L3: a ring in which nobody sends is quiet. The representative keeps the token and hands it round once per hold time;
// beside that it says once per merge time that it is there, and all members call for those that the ring was formed
// without. In: the cluster's parameters. Out: how long to wait until the ring has to be quiet, how long to look, and how
// many datagrams there may be in that time.

import type { TotemParameters } from '../../totem/parameters.js'
import type { NetworkConditions } from '../network.js'

/** The ring is watched for so many hold times. */
const HOLDS_WATCHED = 10
/** Visits beyond those that have to find nothing new. */
const SPARE_VISITS = 5
/** Calls for each one that is absent, in a token and a consensus timeout. */
const CALLS_PER_ROUND = 4
/** The slowest pair of hosts, and a host that reaches itself (Network, SimHost). */
const DELAY_FACTOR_MAX = 1.3
const SELF_DELAY_MS = 0.02
/** Exponential delays add up to more than their mean in some runs. */
const PATIENCE = 2

export interface Quiet {
  /** From the last message on, until the token is held. */
  readonly calmMs: number
  readonly watchMs: number
  /** Datagrams in `watchMs`, counted once per receiver. */
  readonly datagramsMax: number
}

export interface Cluster {
  /** All that there are: a multicast is sent to those that are down too. */
  readonly hosts: number
  /** Of the ring. */
  readonly members: number
  /** Rate of the fastest clock; 1 is right. */
  readonly fastest: number
}

export function quietOf(totem: TotemParameters, conditions: NetworkConditions, cluster: Cluster): Quiet {
  const { hosts, members, fastest } = cluster
  const hopMs = DELAY_FACTOR_MAX * conditions.delayMs + conditions.jitterMs + SELF_DELAY_MS
  const rotationMs = PATIENCE * members * hopMs
  const watchMs = HOLDS_WATCHED * totem.holdMs
  // Both ends of the time may cut one in two.
  const times = (everyMs: number) => Math.ceil((watchMs * fastest) / everyMs) + 1
  const rounds = times(totem.holdMs)
  // Where a round takes longer than that, everybody sends the token again.
  const again = (rotationMs + totem.holdMs) * fastest < totem.tokenRetransmitMs ? 0 : times(totem.tokenRetransmitMs)
  const merges = times(totem.mergeMs)
  const calls = members * (hosts - members) * times((totem.tokenTimeoutMs + totem.consensusMs) / CALLS_PER_ROUND)
  return {
    calmMs: (totem.seqnoUnchangedConst + SPARE_VISITS) * rotationMs,
    watchMs,
    datagramsMax: (rounds + again) * members + (merges + calls) * (hosts - 1),
  }
}
