// The 3.x wire: the packed messages of the single-ring protocol as corosync 3 sends them (spec: totem 2).
// In: datagrams in either byte order, records of generation.ts. Out: the other of the two.
// A processor is its 32-bit node id here, so handles, reps and node ids are the same number, ordered unsigned.
// Must not know: what messages mean, where they came from. The residue that C nodes leave in `target nodeid` is kept,
// so that decoding and encoding gives back the same bytes.

import { HOST_LITTLE_ENDIAN, readS32, readU32, readU64, writeU32, writeU64 } from './cursor.js'
import {
  type CommitToken,
  createCommitEntry,
  type HeaderReject,
  type Join,
  type McastHeader,
  type MergeDetect,
  type MessageHeader,
  MessageType,
  type MessageTypeCode,
  type OrfToken,
  PROCESSOR_COUNT_MAX,
  type Processor,
  RETRANSMIT_ENTRIES_MAX,
  type RingId,
  type TokenHoldCancel,
  type WireGeneration,
} from './generation.js'

// Common header. The magic's two bytes, as read, tell the sender's byte order.
//
//   0        2   3    4    5             9             13
//   | magic  |ver|type|enc | nodeid      | target      |
//   | c070   | 3 |    |    | u32         | u32         |
const MAGIC_HIGH = 0xc0
const MAGIC_LOW = 0x70
const VERSION = 3
const HDR_VERSION = 2
const HDR_TYPE = 3
const HDR_ENCAPSULATED = 4
const HDR_NODEID = 5
const HDR_TARGET = 9
const HDR_LENGTH = 13

// Ring id, no padding:   0 rep u32 | 4 seq u64 | 12
const RING_SEQ = 4
const RING_LENGTH = 12

// orf_token (0):
//   13    17          21    25         29        41        45    49            53       57
//   | seq | token_seq | aru | aru_addr | ring id | backlog | fcc | retrans_flg | n rtr  | n x ( ring id | seq u32 )
const TOKEN_SEQ = 13
const TOKEN_TOKEN_SEQ = 17
const TOKEN_ARU = 21
const TOKEN_ARU_ADDR = 25
const TOKEN_RING = 29
const TOKEN_BACKLOG = 41
const TOKEN_FCC = 45
const TOKEN_RETRANS_FLAG = 49
const TOKEN_RTR_ENTRIES = 53
const TOKEN_RTR_LIST = 57
const RTR_SEQ = RING_LENGTH
const RTR_LENGTH = 16

// mcast (1):
//   13            17    21           25        37        41          45
//   | system_from | seq | this_seqno | ring id | node_id | guarantee | payload
const MCAST_SYSTEM_FROM = 13
const MCAST_SEQ = 17
const MCAST_THIS_SEQNO = 21
const MCAST_RING = 25
const MCAST_NODE_ID = 37
const MCAST_GUARANTEE = 41
const MCAST_LENGTH = 45

// memb_merge_detect (2):   13 system_from | 17 ring id | 29
const MERGE_SYSTEM_FROM = 13
const MERGE_RING = 17
const MERGE_LENGTH = 29

// memb_join (3); a leave has header nodeid 0:
//   13            17       21       25         33
//   | system_from | n proc | m fail | ring_seq | n x u32 | m x u32
//   | u32         | u32    | u32    | u64      |
const JOIN_SYSTEM_FROM = 13
const JOIN_PROC_ENTRIES = 17
const JOIN_FAILED_ENTRIES = 21
const JOIN_RING_SEQ = 25
const JOIN_LISTS = 33

// memb_commit_token (4):
//   13          17        29            33           37          41
//   | token_seq | ring id | retrans_flg | memb_index | n members | n x u32 | n x ( ring id | aru | high_delv | received )
const COMMIT_TOKEN_SEQ = 13
const COMMIT_RING = 17
const COMMIT_RETRANS_FLAG = 29
const COMMIT_MEMB_INDEX = 33
const COMMIT_ENTRIES = 37
const COMMIT_LISTS = 41
const ENTRY_ARU = RING_LENGTH
const ENTRY_HIGH_DELIVERED = 16
const ENTRY_RECEIVED_FLAG = 20
const ENTRY_LENGTH = 24

// token_hold_cancel (5):   13 ring id | 25
const CANCEL_RING = 13
const CANCEL_LENGTH = 25

const NODE_ID_LENGTH = 4
/** No processor has this node id. It marks a leave in the header; anywhere else where one is named, it is malformed. */
const NOBODY = 0

export interface Generation3Options {
  /** The order in which messages are written; this host's own unless a test plays another machine. */
  littleEndian?: boolean
}

export function createGeneration3(options: Generation3Options = {}): WireGeneration {
  return new Generation3(options.littleEndian ?? HOST_LITTLE_ENDIAN)
}

class Generation3 implements WireGeneration {
  readonly name = '3'
  readonly littleEndian: boolean
  readonly mcastHeaderLength = MCAST_LENGTH
  readonly maxTokenLength = TOKEN_RTR_LIST + RETRANSMIT_ENTRIES_MAX * RTR_LENGTH
  readonly header: MessageHeader = {
    type: MessageType.orfToken,
    encapsulated: 0,
    nodeId: 0,
    targetNodeId: 0,
    foreign: false,
  }
  /** The order of the datagram last opened. */
  #little = true

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian
  }

  compare(a: Processor, b: Processor): number {
    return a - b
  }

  processorOf(rep: number): Processor {
    return rep
  }

  repOf(processor: Processor): number {
    return processor
  }

  nodeIdOf(processor: Processor): number {
    return processor
  }

  processorOfNode(nodeId: number): Processor {
    return nodeId
  }

  guessSender(buf: Uint8Array, off: number): string {
    const first = buf[off]!
    const second = buf[off + 1]!
    if (first === 0xff && second === 0xff) return 'Corosync 2.2'
    if (first === 0xfe && second === 0xfe) return 'Corosync 2.3+'
    if (first === 1) return 'unencrypted Kronosnet'
    if (first <= 5) return 'unencrypted Corosync 2.0/2.1/1.x/OpenAIS'
    return 'encrypted Kronosnet/Corosync 2.0/2.1/1.x/OpenAIS or unknown'
  }

  open(buf: Uint8Array, off: number, len: number): MessageTypeCode | HeaderReject {
    if (len < HDR_LENGTH) return 'short'
    const first = buf[off]!
    const second = buf[off + 1]!
    let little: boolean
    if (first === MAGIC_LOW && second === MAGIC_HIGH) little = true
    else if (first === MAGIC_HIGH && second === MAGIC_LOW) little = false
    else return 'magic'
    if (buf[off + HDR_VERSION] !== VERSION) return 'version'
    const type = buf[off + HDR_TYPE]!
    if (type > MessageType.tokenHoldCancel) return 'type'
    this.#little = little
    const header = this.header
    header.type = type as MessageTypeCode
    header.encapsulated = buf[off + HDR_ENCAPSULATED]!
    header.nodeId = readU32(buf, off + HDR_NODEID, little)
    header.targetNodeId = readU32(buf, off + HDR_TARGET, little)
    header.foreign = little !== this.littleEndian
    return type as MessageTypeCode
  }

  readToken(buf: Uint8Array, off: number, len: number, into: OrfToken): boolean {
    if (len < TOKEN_RTR_LIST) return false
    const little = this.#little
    const count = readU32(buf, off + TOKEN_RTR_ENTRIES, little)
    if (count > RETRANSMIT_ENTRIES_MAX || len < TOKEN_RTR_LIST + count * RTR_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.seq = readU32(buf, off + TOKEN_SEQ, little)
    into.tokenSeq = readU32(buf, off + TOKEN_TOKEN_SEQ, little)
    into.aru = readU32(buf, off + TOKEN_ARU, little)
    into.aruAddr = readU32(buf, off + TOKEN_ARU_ADDR, little)
    if (!readRing(buf, off + TOKEN_RING, little, into.ring)) return false
    into.backlog = readU32(buf, off + TOKEN_BACKLOG, little)
    into.fcc = readU32(buf, off + TOKEN_FCC, little)
    into.retransFlag = readS32(buf, off + TOKEN_RETRANS_FLAG, little)
    into.retransmitCount = count
    let at = off + TOKEN_RTR_LIST
    for (let i = 0; i < count; i++) {
      if (!readRing(buf, at, little, into.retransmitRings[i]!)) return false
      into.retransmitSeqs[i] = readU32(buf, at + RTR_SEQ, little)
      at += RTR_LENGTH
    }
    return true
  }

  readMcast(buf: Uint8Array, off: number, len: number, into: McastHeader): boolean {
    if (len < MCAST_LENGTH) return false
    const little = this.#little
    into.encapsulated = this.header.encapsulated
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.systemFrom = readU32(buf, off + MCAST_SYSTEM_FROM, little)
    into.seq = readU32(buf, off + MCAST_SEQ, little)
    into.thisSeqno = readS32(buf, off + MCAST_THIS_SEQNO, little)
    into.nodeIdField = readU32(buf, off + MCAST_NODE_ID, little)
    into.guarantee = readS32(buf, off + MCAST_GUARANTEE, little)
    if (into.nodeId === NOBODY || into.systemFrom === NOBODY) return false
    return readRing(buf, off + MCAST_RING, little, into.ring)
  }

  readMergeDetect(buf: Uint8Array, off: number, len: number, into: MergeDetect): boolean {
    if (len < MERGE_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.systemFrom = readU32(buf, off + MERGE_SYSTEM_FROM, this.#little)
    if (into.systemFrom === NOBODY) return false
    return readRing(buf, off + MERGE_RING, this.#little, into.ring)
  }

  readJoin(buf: Uint8Array, off: number, len: number, into: Join): boolean {
    if (len < JOIN_LISTS) return false
    const little = this.#little
    const procs = readU32(buf, off + JOIN_PROC_ENTRIES, little)
    const failed = readU32(buf, off + JOIN_FAILED_ENTRIES, little)
    if (procs > PROCESSOR_COUNT_MAX || failed > PROCESSOR_COUNT_MAX || len < this.joinLength(procs, failed))
      return false
    const ringSeq = readU64(buf, off + JOIN_RING_SEQ, little)
    if (ringSeq < 0) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.systemFrom = readU32(buf, off + JOIN_SYSTEM_FROM, little)
    if (into.systemFrom === NOBODY) return false
    into.leave = this.header.nodeId === NOBODY
    into.ringSeq = ringSeq
    const failedAt = off + JOIN_LISTS + procs * NODE_ID_LENGTH
    return (
      readNodeIds(buf, off + JOIN_LISTS, procs, little, into.procList) &&
      readNodeIds(buf, failedAt, failed, little, into.failedList)
    )
  }

  readCommitToken(buf: Uint8Array, off: number, len: number, into: CommitToken): boolean {
    if (len < COMMIT_LISTS) return false
    const little = this.#little
    const count = readU32(buf, off + COMMIT_ENTRIES, little)
    if (count > PROCESSOR_COUNT_MAX || len < this.commitTokenLength(count)) return false
    const index = readU32(buf, off + COMMIT_MEMB_INDEX, little)
    if (index > count) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.tokenSeq = readU32(buf, off + COMMIT_TOKEN_SEQ, little)
    if (!readRing(buf, off + COMMIT_RING, little, into.ring)) return false
    into.retransFlag = readS32(buf, off + COMMIT_RETRANS_FLAG, little)
    into.memberIndex = index
    if (!readNodeIds(buf, off + COMMIT_LISTS, count, little, into.members)) return false
    const entries = into.entries
    while (entries.length < count) entries.push(createCommitEntry())
    entries.length = count
    let at = off + COMMIT_LISTS + count * NODE_ID_LENGTH
    for (let i = 0; i < count; i++) {
      const entry = entries[i]!
      if (!readRing(buf, at, little, entry.ring)) return false
      entry.aru = readU32(buf, at + ENTRY_ARU, little)
      entry.highDelivered = readU32(buf, at + ENTRY_HIGH_DELIVERED, little)
      entry.receivedFlag = readU32(buf, at + ENTRY_RECEIVED_FLAG, little)
      at += ENTRY_LENGTH
    }
    return true
  }

  readTokenHoldCancel(buf: Uint8Array, off: number, len: number, into: TokenHoldCancel): boolean {
    if (len < CANCEL_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    return readRing(buf, off + CANCEL_RING, this.#little, into.ring)
  }

  writeToken(token: OrfToken, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    const count = token.retransmitCount
    writeHeader(buf, off, MessageType.orfToken, 0, token.nodeId, token.targetNodeId, little)
    writeU32(buf, off + TOKEN_SEQ, token.seq, little)
    writeU32(buf, off + TOKEN_TOKEN_SEQ, token.tokenSeq, little)
    writeU32(buf, off + TOKEN_ARU, token.aru, little)
    writeU32(buf, off + TOKEN_ARU_ADDR, token.aruAddr, little)
    writeRing(buf, off + TOKEN_RING, token.ring, little)
    writeU32(buf, off + TOKEN_BACKLOG, token.backlog, little)
    writeU32(buf, off + TOKEN_FCC, token.fcc, little)
    writeU32(buf, off + TOKEN_RETRANS_FLAG, token.retransFlag, little)
    writeU32(buf, off + TOKEN_RTR_ENTRIES, count, little)
    let at = off + TOKEN_RTR_LIST
    for (let i = 0; i < count; i++) {
      writeRing(buf, at, token.retransmitRings[i]!, little)
      writeU32(buf, at + RTR_SEQ, token.retransmitSeqs[i]!, little)
      at += RTR_LENGTH
    }
    return at - off
  }

  writeMcast(mcast: McastHeader, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    writeHeader(buf, off, MessageType.mcast, mcast.encapsulated, mcast.nodeId, mcast.targetNodeId, little)
    writeU32(buf, off + MCAST_SYSTEM_FROM, mcast.systemFrom, little)
    writeU32(buf, off + MCAST_SEQ, mcast.seq, little)
    writeU32(buf, off + MCAST_THIS_SEQNO, mcast.thisSeqno, little)
    writeRing(buf, off + MCAST_RING, mcast.ring, little)
    writeU32(buf, off + MCAST_NODE_ID, mcast.nodeIdField, little)
    writeU32(buf, off + MCAST_GUARANTEE, mcast.guarantee, little)
    return MCAST_LENGTH
  }

  writeMergeDetect(message: MergeDetect, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    writeHeader(buf, off, MessageType.mergeDetect, 0, message.nodeId, message.targetNodeId, little)
    writeU32(buf, off + MERGE_SYSTEM_FROM, message.systemFrom, little)
    writeRing(buf, off + MERGE_RING, message.ring, little)
    return MERGE_LENGTH
  }

  /** A leave is written with header nodeid 0 whatever `join.nodeId` says; receivers know it by nothing else. */
  writeJoin(join: Join, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    writeHeader(buf, off, MessageType.join, 0, join.leave ? NOBODY : join.nodeId, join.targetNodeId, little)
    writeU32(buf, off + JOIN_SYSTEM_FROM, join.systemFrom, little)
    writeU32(buf, off + JOIN_PROC_ENTRIES, join.procList.length, little)
    writeU32(buf, off + JOIN_FAILED_ENTRIES, join.failedList.length, little)
    writeU64(buf, off + JOIN_RING_SEQ, join.ringSeq, little)
    const failedAt = writeNodeIds(buf, off + JOIN_LISTS, join.procList, little)
    return writeNodeIds(buf, failedAt, join.failedList, little) - off
  }

  writeCommitToken(token: CommitToken, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    writeHeader(buf, off, MessageType.commitToken, 0, token.nodeId, token.targetNodeId, little)
    writeU32(buf, off + COMMIT_TOKEN_SEQ, token.tokenSeq, little)
    writeRing(buf, off + COMMIT_RING, token.ring, little)
    writeU32(buf, off + COMMIT_RETRANS_FLAG, token.retransFlag, little)
    writeU32(buf, off + COMMIT_MEMB_INDEX, token.memberIndex, little)
    writeU32(buf, off + COMMIT_ENTRIES, token.members.length, little)
    let at = writeNodeIds(buf, off + COMMIT_LISTS, token.members, little)
    for (let i = 0; i < token.members.length; i++) {
      const entry = token.entries[i]!
      writeRing(buf, at, entry.ring, little)
      writeU32(buf, at + ENTRY_ARU, entry.aru, little)
      writeU32(buf, at + ENTRY_HIGH_DELIVERED, entry.highDelivered, little)
      writeU32(buf, at + ENTRY_RECEIVED_FLAG, entry.receivedFlag, little)
      at += ENTRY_LENGTH
    }
    return at - off
  }

  writeTokenHoldCancel(message: TokenHoldCancel, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    writeHeader(buf, off, MessageType.tokenHoldCancel, 0, message.nodeId, message.targetNodeId, little)
    writeRing(buf, off + CANCEL_RING, message.ring, little)
    return CANCEL_LENGTH
  }

  joinLength(procs: number, failed: number): number {
    return JOIN_LISTS + (procs + failed) * NODE_ID_LENGTH
  }

  commitTokenLength(members: number): number {
    return COMMIT_LISTS + members * (NODE_ID_LENGTH + ENTRY_LENGTH)
  }
}

/** False when the sequence number does not fit (see readU64). */
function readRing(buf: Uint8Array, off: number, little: boolean, into: RingId): boolean {
  into.rep = readU32(buf, off, little)
  const seq = readU64(buf, off + RING_SEQ, little)
  if (seq < 0) return false
  into.seq = seq
  return true
}

function writeRing(buf: Uint8Array, off: number, ring: RingId, little: boolean): void {
  writeU32(buf, off, ring.rep, little)
  writeU64(buf, off + RING_SEQ, ring.seq, little)
}

function writeHeader(
  buf: Uint8Array,
  off: number,
  type: MessageTypeCode,
  encapsulated: number,
  nodeId: number,
  targetNodeId: number,
  little: boolean,
): void {
  buf[off] = little ? MAGIC_LOW : MAGIC_HIGH
  buf[off + 1] = little ? MAGIC_HIGH : MAGIC_LOW
  buf[off + HDR_VERSION] = VERSION
  buf[off + HDR_TYPE] = type
  buf[off + HDR_ENCAPSULATED] = encapsulated
  writeU32(buf, off + HDR_NODEID, nodeId, little)
  writeU32(buf, off + HDR_TARGET, targetNodeId, little)
}

/** False when nobody is in the list. */
function readNodeIds(buf: Uint8Array, off: number, count: number, little: boolean, into: Processor[]): boolean {
  into.length = count
  for (let i = 0; i < count; i++) {
    const id = readU32(buf, off + i * NODE_ID_LENGTH, little)
    if (id === NOBODY) return false
    into[i] = id
  }
  return true
}

function writeNodeIds(buf: Uint8Array, off: number, ids: readonly Processor[], little: boolean): number {
  for (let i = 0; i < ids.length; i++) writeU32(buf, off + i * NODE_ID_LENGTH, ids[i]!, little)
  return off + ids.length * NODE_ID_LENGTH
}
