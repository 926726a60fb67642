// What a wire generation is to the single-ring machine: an object that turns datagrams into the records below and back,
// and that knows who a processor is. Everything in which 3.x, 2.4 and 1.4 differ on this level stands behind this
// interface (spec: totem 2 and 8, legacy 20); the machine itself never sees an offset.
//
// Records are made once and filled again and again: nothing is allocated per packet. A read function returns false on
// anything malformed (short, counts out of range, numbers beyond 2^53) and may leave the record half filled then; it
// never throws and never reads outside (off, len).

/**
 * A processor: a positive number that the generation hands out; 0 is nobody. Two handles are the same processor exactly
 * when they are equal. In 3.x it is the node id itself; generations that name processors by address intern them.
 */
export type Processor = number

/** The message types, as numbered on the wire by every generation. */
export const MessageType = {
  orfToken: 0,
  mcast: 1,
  mergeDetect: 2,
  join: 3,
  commitToken: 4,
  tokenHoldCancel: 5,
} as const
export type MessageTypeCode = (typeof MessageType)[keyof typeof MessageType]

/** Why `open` refused a datagram. */
export type HeaderReject = 'short' | 'magic' | 'version' | 'type'

/** Lists in join and commit messages hold at most this many processors. */
export const PROCESSOR_COUNT_MAX = 384
/** A token holds at most this many retransmission requests. */
export const RETRANSMIT_ENTRIES_MAX = 30
/** The largest frame that a sort queue takes (spec: totem 1). */
export const FRAME_SIZE_MAX = 65536

/**
 * A ring id. `rep` stands for the representative as its bytes are written in the ring id (see `processorOf`).
 * Ring ids are equal exactly when both numbers are.
 */
export interface RingId {
  rep: number
  seq: number
}

/** The header of the datagram last opened. */
export interface MessageHeader {
  type: MessageTypeCode
  /** 0, or 1 (recovery wrapper) and 2 (ordinary) in multicasts. */
  encapsulated: number
  /** Sender; for multicasts the originator; 0 in a 3.x leave message. */
  nodeId: number
  /** 3.x only; without meaning on udp and udpu, kept so that encoding gives the same bytes. */
  targetNodeId: number
  /** The datagram was written in the other byte order. */
  foreign: boolean
}

export interface OrfToken {
  nodeId: number
  targetNodeId: number
  seq: number
  tokenSeq: number
  aru: number
  /** Node id of the one that lowered aru; 0 none. */
  aruAddr: number
  ring: RingId
  backlog: number
  fcc: number
  retransFlag: number
  /** Number of requests in use; the arrays have RETRANSMIT_ENTRIES_MAX places. */
  retransmitCount: number
  retransmitRings: RingId[]
  retransmitSeqs: Uint32Array
}

export interface McastHeader {
  encapsulated: number
  nodeId: number
  targetNodeId: number
  systemFrom: Processor
  seq: number
  /** Sender-local counter of sends; receivers ignore it. */
  thisSeqno: number
  ring: RingId
  /** A second node id field, 0 in practice. */
  nodeIdField: number
  guarantee: number
}

export interface MergeDetect {
  nodeId: number
  targetNodeId: number
  systemFrom: Processor
  ring: RingId
}

export interface Join {
  nodeId: number
  targetNodeId: number
  systemFrom: Processor
  /** A leave message: never grants consensus, its last failed entry is the leaver. */
  leave: boolean
  procList: Processor[]
  failedList: Processor[]
  ringSeq: number
}

export interface CommitEntry {
  ring: RingId
  aru: number
  highDelivered: number
  receivedFlag: number
}

export interface CommitToken {
  nodeId: number
  targetNodeId: number
  tokenSeq: number
  ring: RingId
  retransFlag: number
  memberIndex: number
  /** Members in ring order. */
  members: Processor[]
  /** Parallel to `members`; an entry not yet filled has rep 0 and all zeros. */
  entries: CommitEntry[]
}

export interface TokenHoldCancel {
  nodeId: number
  targetNodeId: number
  ring: RingId
}

export interface WireGeneration {
  /** 'totem.wire': '3', '2.4', '1.4'. */
  readonly name: string
  /** The order in which this node writes, payloads too; a `foreign` datagram holds the other one. */
  readonly littleEndian: boolean
  /** Length of the multicast header in bytes: 45 in 3.x. */
  readonly mcastHeaderLength: number
  /** Length of the longest token and hold cancel and fixed parts need no more than this many bytes. */
  readonly maxTokenLength: number
  /** Header of the datagram last opened; overwritten by every `open`. */
  readonly header: MessageHeader

  /** Ring order and choice of the representative: negative when a comes first. */
  compare(a: Processor, b: Processor): number
  /** The processor behind the `rep` of a ring id. */
  processorOf(rep: number): Processor
  /** The `rep` with which this processor, as representative, writes ring ids. */
  repOf(processor: Processor): number
  /** The node id that applications see. */
  nodeIdOf(processor: Processor): number
  /** The processor of a configured node id (this node itself, or one of the nodelist). */
  processorOfNode(nodeId: number): Processor

  /** For the log: what may have sent a datagram whose magic `open` did not know. Needs two bytes, which `open` saw. */
  guessSender(buf: Uint8Array, off: number): string

  /** Checks the header and fills `header`; the message type, or why the datagram is refused. */
  open(buf: Uint8Array, off: number, len: number): MessageTypeCode | HeaderReject
  /** Each of these takes the datagram that was opened last. */
  readToken(buf: Uint8Array, off: number, len: number, into: OrfToken): boolean
  readMcast(buf: Uint8Array, off: number, len: number, into: McastHeader): boolean
  readMergeDetect(buf: Uint8Array, off: number, len: number, into: MergeDetect): boolean
  readJoin(buf: Uint8Array, off: number, len: number, into: Join): boolean
  readCommitToken(buf: Uint8Array, off: number, len: number, into: CommitToken): boolean
  readTokenHoldCancel(buf: Uint8Array, off: number, len: number, into: TokenHoldCancel): boolean

  /** Each of these writes at `off` in this node's byte order and returns the length. */
  writeToken(token: OrfToken, buf: Uint8Array, off: number): number
  /** Writes the header; the payload stands behind it already. Returns the header's length. */
  writeMcast(mcast: McastHeader, buf: Uint8Array, off: number): number
  writeMergeDetect(message: MergeDetect, buf: Uint8Array, off: number): number
  writeJoin(join: Join, buf: Uint8Array, off: number): number
  writeCommitToken(token: CommitToken, buf: Uint8Array, off: number): number
  writeTokenHoldCancel(message: TokenHoldCancel, buf: Uint8Array, off: number): number
  /** Room that `writeJoin` and `writeCommitToken` need for lists of that many entries. */
  joinLength(procs: number, failed: number): number
  commitTokenLength(members: number): number
}

export function createRingId(): RingId {
  return { rep: 0, seq: 0 }
}

export function copyRingId(from: RingId, to: RingId): void {
  to.rep = from.rep
  to.seq = from.seq
}

export function sameRingId(a: RingId, b: RingId): boolean {
  return a.seq === b.seq && a.rep === b.rep
}

export function createOrfToken(): OrfToken {
  return {
    nodeId: 0,
    targetNodeId: 0,
    seq: 0,
    tokenSeq: 0,
    aru: 0,
    aruAddr: 0,
    ring: createRingId(),
    backlog: 0,
    fcc: 0,
    retransFlag: 0,
    retransmitCount: 0,
    retransmitRings: Array.from({ length: RETRANSMIT_ENTRIES_MAX }, createRingId),
    retransmitSeqs: new Uint32Array(RETRANSMIT_ENTRIES_MAX),
  }
}

export function createMcastHeader(): McastHeader {
  return {
    encapsulated: 2,
    nodeId: 0,
    targetNodeId: 0,
    systemFrom: 0,
    seq: 0,
    thisSeqno: 0,
    ring: createRingId(),
    nodeIdField: 0,
    guarantee: 0,
  }
}

export function createMergeDetect(): MergeDetect {
  return { nodeId: 0, targetNodeId: 0, systemFrom: 0, ring: createRingId() }
}

export function createJoin(): Join {
  return { nodeId: 0, targetNodeId: 0, systemFrom: 0, leave: false, procList: [], failedList: [], ringSeq: 0 }
}

export function createCommitEntry(): CommitEntry {
  return { ring: createRingId(), aru: 0, highDelivered: 0, receivedFlag: 0 }
}

export function createCommitToken(): CommitToken {
  return {
    nodeId: 0,
    targetNodeId: 0,
    tokenSeq: 0,
    ring: createRingId(),
    retransFlag: 0,
    memberIndex: 0,
    members: [],
    entries: [],
  }
}

export function createTokenHoldCancel(): TokenHoldCancel {
  return { nodeId: 0, targetNodeId: 0, ring: createRingId() }
}
