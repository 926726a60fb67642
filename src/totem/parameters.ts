// The tunables of the single-ring protocol after derivation (spec: totem 4.14, configuration 11.1).
// config/ computes them from a file; tests write them by hand; totem/ only reads them.

export interface TotemParameters {
  /** Token loss is declared after this long without an accepted token. */
  readonly tokenTimeoutMs: number
  /** A notice is logged when the token is this late; 0 switches it off. */
  readonly tokenWarningMs: number
  /** The last token is sent again after this long without progress. */
  readonly tokenRetransmitMs: number
  /** How long the representative keeps the token of an idle ring. */
  readonly holdMs: number
  readonly joinMs: number
  readonly consensusMs: number
  readonly mergeMs: number
  readonly downcheckMs: number
  /** Upper bound of the random delay before a join message; 0 sends at once. */
  readonly sendJoinMs: number
  /** Heartbeat timeout; 0 when the mechanism is off (the default). */
  readonly heartbeatMs: number
  /** Token visits with an unchanged aru of one's own before FAILED TO RECEIVE. */
  readonly failRecvConst: number
  /** Token visits without a new message before the token is held. */
  readonly seqnoUnchangedConst: number
  /** Messages on the ring during one rotation. */
  readonly windowSize: number
  /** Messages one processor may send per token visit. */
  readonly maxMessages: number
  /** Token visits during which a message may be missing before it is requested. */
  readonly missCountConst: number
  readonly cancelTokenHoldOnRetransmit: boolean
  /** Largest frame that a link carries, in bytes; packing leaves room for the headers (spec: totem 6.3). */
  readonly netMtu: number
}

/** The defaults of corosync 3.x for a ring of up to two nodes (spec: totem 4.14). */
export const DEFAULT_TOTEM_PARAMETERS: TotemParameters = {
  tokenTimeoutMs: 3000,
  tokenWarningMs: 2250,
  tokenRetransmitMs: 714,
  holdMs: 561,
  joinMs: 50,
  consensusMs: 3600,
  mergeMs: 200,
  downcheckMs: 1000,
  sendJoinMs: 0,
  heartbeatMs: 0,
  failRecvConst: 2500,
  seqnoUnchangedConst: 30,
  windowSize: 50,
  maxMessages: 17,
  missCountConst: 5,
  cancelTokenHoldOnRetransmit: false,
  netMtu: 1500,
}
