// What the single-ring machine has to tell people: a closed list of events, from which log lines, metrics and
// explanations are read, and its counters under the names administrators know (spec: totem 4.2, 4.16).

import type { HeaderReject } from '../wire/generation.js'
import type { RingIdentity } from './types.js'

/** Why GATHER was entered: number and text as in the C engine's log. */
export const GATHER_REASONS = {
  consensusTimeout: { number: 0, text: 'consensus timeout' },
  tokenLostInOperational: { number: 2, text: 'The token was lost in the OPERATIONAL state.' },
  consensusTimeoutExpired: { number: 3, text: 'The consensus timeout expired.' },
  tokenLostInCommit: { number: 4, text: 'The token was lost in the COMMIT state.' },
  tokenLostInRecovery: { number: 5, text: 'The token was lost in the RECOVERY state.' },
  failedToReceive: { number: 6, text: 'failed to receive' },
  foreignMessageInOperational: { number: 7, text: 'foreign message in operational state' },
  foreignMessageInGather: { number: 8, text: 'foreign message in gather state' },
  mergeInOperational: { number: 9, text: 'merge during operational state' },
  mergeInGather: { number: 10, text: 'merge during gather state' },
  mergeDuringJoin: { number: 11, text: 'merge during join' },
  joinInOperational: { number: 12, text: 'join during operational state' },
  joinInCommit: { number: 13, text: 'join during commit state' },
  joinInRecovery: { number: 14, text: 'join during recovery' },
  interfaceChange: { number: 15, text: 'interface change' },
} as const
export type GatherReason = keyof typeof GATHER_REASONS

export type TotemEvent =
  | { readonly kind: 'gatherEntered'; readonly reason: GatherReason }
  | { readonly kind: 'commitEntered' | 'recoveryEntered' | 'operationalEntered'; readonly ring: RingIdentity }
  | { readonly kind: 'tokenLost'; readonly tokenTimeoutMs: number; readonly consensusMs: number }
  | { readonly kind: 'tokenLate'; readonly lateMs: number }
  | { readonly kind: 'failedToReceive' }
  | { readonly kind: 'retransmitList'; readonly seqs: readonly number[] }
  | { readonly kind: 'pauseDetected'; readonly gapMs: number; readonly discarded: number }
  | { readonly kind: 'silentProcessors'; readonly nodeIds: readonly number[] }
  | {
      readonly kind: 'membershipFormed'
      readonly ring: RingIdentity
      readonly joined: readonly number[]
      readonly left: readonly number[]
      /** Those of `left` that never announced it. */
      readonly unannounced: readonly number[]
    }
  | { readonly kind: 'headerRejected'; readonly reject: HeaderReject; readonly from: string; readonly length: number }
  | { readonly kind: 'messageRejected'; readonly message: string; readonly from: string }
  | { readonly kind: 'unableToForm' }
  /** A join made me hold others for failed; those who merely do not answer are `silentProcessors`. */
  | {
      readonly kind: 'heldForFailed'
      readonly nodeIds: readonly number[]
      /** The sender of the join. */
      readonly by: number
      /** It holds me for failed itself; as a member of my ring it named them; it announced its own leave. */
      readonly because: 'holdsMe' | 'names' | 'leaves'
    }
  /** The ring is idle: I, its representative, keep the token for a while. */
  | { readonly kind: 'tokenHeld' }
  /** The token sent last is sent once more: no sign that the next one has it. */
  | { readonly kind: 'tokenResent' }
  /** The services are synchronised, ordinary sending goes on: the transitional phase is over. */
  | { readonly kind: 'synchronised' }

/** Times GATHER may follow GATHER for want of consensus before people are told. */
export const CONTINUOUS_GATHER_MAX = 3

/** Counters since start; the names are those of the cmap keys `stats.srp.*` (spec: totem 4.16). */
export interface TotemStats {
  orf_token_tx: number
  orf_token_rx: number
  memb_merge_detect_tx: number
  memb_merge_detect_rx: number
  memb_join_tx: number
  memb_join_rx: number
  mcast_tx: number
  mcast_retx: number
  mcast_rx: number
  memb_commit_token_tx: number
  memb_commit_token_rx: number
  token_hold_cancel_tx: number
  token_hold_cancel_rx: number
  operational_entered: number
  operational_token_lost: number
  gather_entered: number
  gather_token_lost: number
  commit_entered: number
  commit_token_lost: number
  recovery_entered: number
  recovery_token_lost: number
  consensus_timeouts: number
  rx_msg_dropped: number
  continuous_gather: number
  /** Time of the last accepted token, ms on the node's clock. */
  token_last_received: number
}

export function createTotemStats(): TotemStats {
  return {
    orf_token_tx: 0,
    orf_token_rx: 0,
    memb_merge_detect_tx: 0,
    memb_merge_detect_rx: 0,
    memb_join_tx: 0,
    memb_join_rx: 0,
    mcast_tx: 0,
    mcast_retx: 0,
    mcast_rx: 0,
    memb_commit_token_tx: 0,
    memb_commit_token_rx: 0,
    token_hold_cancel_tx: 0,
    token_hold_cancel_rx: 0,
    operational_entered: 0,
    operational_token_lost: 0,
    gather_entered: 0,
    gather_token_lost: 0,
    commit_entered: 0,
    commit_token_lost: 0,
    recovery_entered: 0,
    recovery_token_lost: 0,
    consensus_timeouts: 0,
    rx_msg_dropped: 0,
    continuous_gather: 0,
    token_last_received: 0,
  }
}

/** Counting begins anew; what describes the present stays. */
export function clearTotemStats(stats: TotemStats): void {
  const { continuous_gather, token_last_received } = stats
  Object.assign(stats, createTotemStats(), { continuous_gather, token_last_received })
}
