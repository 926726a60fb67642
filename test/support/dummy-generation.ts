// A wire generation that exists nowhere, to prove the seam: processors are named by 44 bytes, interned in another order
// on every node, and ordered otherwise than their node ids; ring ids have 60 bytes; headers, their fields and their
// sizes differ from 3.x; a leave is a flag. Whatever the single-ring machine assumed beyond WireGeneration breaks here.

import { HOST_LITTLE_ENDIAN, readS32, readU32, readU64, writeU32, writeU64 } from '../../src/wire/cursor.js'
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
} from '../../src/wire/generation.js'

// Header: 0 mark | 1 order | 2 encapsulated | 3 type | 4 leave | 5 zero | 8 node id | 12 target | 16 filler | 20
const MARK = 0xd7
const LITTLE = 0x5a
const BIG = 0xa5
const FIRST_TYPE = 10
const HEADER_LENGTH = 20
// Identity: 0 order key | 4 padding that belongs to the name | 40 node id | 44
const IDENTITY_LENGTH = 44
const IDENTITY_NODE_ID = 40
// Ring id: 0 sequence | 8 filler | 16 identity | 60
const RING_IDENTITY = 16
const RING_LENGTH = RING_IDENTITY + IDENTITY_LENGTH
/** A `rep` is not a processor: mixing them up must not go unnoticed. */
const FIRST_REP = 5000
const FIRST_HANDLE = 70
/** Datagrams cannot make the table grow beyond this. */
const IDENTITIES_MAX = 1000

const TOKEN_RING = HEADER_LENGTH + 32
const TOKEN_LIST = TOKEN_RING + RING_LENGTH
const REQUEST_LENGTH = 4 + RING_LENGTH
const MCAST_FROM = HEADER_LENGTH + 16
const MCAST_RING = MCAST_FROM + IDENTITY_LENGTH
const MCAST_LENGTH = MCAST_RING + RING_LENGTH
const MERGE_LENGTH = HEADER_LENGTH + IDENTITY_LENGTH + RING_LENGTH
const JOIN_LISTS = HEADER_LENGTH + 16 + IDENTITY_LENGTH
const COMMIT_RING = HEADER_LENGTH + 16
const COMMIT_LISTS = COMMIT_RING + RING_LENGTH
const ENTRY_LENGTH = 12 + RING_LENGTH

export interface DummyOptions {
  readonly littleEndian?: boolean
  /** The order in which this node comes to know the others: their handles differ from node to node. */
  readonly acquaintances?: readonly number[]
}

/** Bits of the node id back to front: a good order that is not that of the node ids. */
export function dummyOrder(nodeId: number): number {
  let reversed = 0
  for (let bit = 0; bit < 32; bit++) if ((nodeId >>> bit) & 1) reversed |= 1 << (31 - bit)
  return reversed >>> 0
}

export function createDummyGeneration(options: DummyOptions = {}): WireGeneration {
  return new DummyGeneration(options)
}

class DummyGeneration implements WireGeneration {
  readonly name = 'dummy'
  readonly littleEndian: boolean
  readonly mcastHeaderLength = MCAST_LENGTH
  readonly maxTokenLength = TOKEN_LIST + RETRANSMIT_ENTRIES_MAX * REQUEST_LENGTH
  readonly header: MessageHeader = {
    type: MessageType.orfToken,
    encapsulated: 0,
    nodeId: 0,
    targetNodeId: 0,
    foreign: false,
  }
  readonly #identities: Uint8Array[] = []
  #little = true
  #leave = false

  constructor(options: DummyOptions) {
    this.littleEndian = options.littleEndian ?? HOST_LITTLE_ENDIAN
    for (const nodeId of options.acquaintances ?? []) this.processorOfNode(nodeId)
  }

  compare(a: Processor, b: Processor): number {
    return orderKey(this.#identity(a)) - orderKey(this.#identity(b))
  }

  processorOf(rep: number): Processor {
    return rep === 0 ? 0 : rep - FIRST_REP
  }

  repOf(processor: Processor): number {
    return processor + FIRST_REP
  }

  nodeIdOf(processor: Processor): number {
    return processor === 0 ? 0 : readU32(this.#identity(processor), IDENTITY_NODE_ID, false)
  }

  processorOfNode(nodeId: number): Processor {
    const identity = new Uint8Array(IDENTITY_LENGTH).fill(0x2e)
    writeU32(identity, 0, dummyOrder(nodeId), false)
    writeU32(identity, IDENTITY_NODE_ID, nodeId, false)
    return this.#intern(identity, 0)
  }

  guessSender(): string {
    return 'nobody'
  }

  open(buf: Uint8Array, off: number, len: number): MessageTypeCode | HeaderReject {
    if (len < HEADER_LENGTH) return 'short'
    const order = buf[off + 1]!
    if (buf[off] !== MARK || (order !== LITTLE && order !== BIG)) return 'magic'
    const type = buf[off + 3]! - FIRST_TYPE
    if (type < 0 || type > MessageType.tokenHoldCancel) return 'type'
    this.#little = order === LITTLE
    this.#leave = buf[off + 4] === 1
    this.header.type = type as MessageTypeCode
    this.header.encapsulated = buf[off + 2]!
    this.header.nodeId = readU32(buf, off + 8, this.#little)
    this.header.targetNodeId = readU32(buf, off + 12, this.#little)
    this.header.foreign = this.#little !== this.littleEndian
    return type as MessageTypeCode
  }

  readToken(buf: Uint8Array, off: number, len: number, into: OrfToken): boolean {
    if (len < TOKEN_LIST) return false
    const little = this.#little
    const at = off + HEADER_LENGTH
    const count = readU32(buf, at, little)
    if (count > RETRANSMIT_ENTRIES_MAX || len < TOKEN_LIST + count * REQUEST_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.aru = readU32(buf, at + 4, little)
    into.seq = readU32(buf, at + 8, little)
    into.aruAddr = readU32(buf, at + 12, little)
    into.tokenSeq = readU32(buf, at + 16, little)
    into.fcc = readU32(buf, at + 20, little)
    into.backlog = readU32(buf, at + 24, little)
    into.retransFlag = readS32(buf, at + 28, little)
    into.retransmitCount = count
    if (!this.#readRing(buf, off + TOKEN_RING, into.ring)) return false
    for (let i = 0; i < count; i++) {
      const request = off + TOKEN_LIST + i * REQUEST_LENGTH
      into.retransmitSeqs[i] = readU32(buf, request, little)
      if (!this.#readRing(buf, request + 4, into.retransmitRings[i]!)) return false
    }
    return true
  }

  readMcast(buf: Uint8Array, off: number, len: number, into: McastHeader): boolean {
    if (len < MCAST_LENGTH) return false
    const little = this.#little
    const at = off + HEADER_LENGTH
    into.encapsulated = this.header.encapsulated
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.guarantee = readS32(buf, at, little)
    into.nodeIdField = readU32(buf, at + 4, little)
    into.thisSeqno = readS32(buf, at + 8, little)
    into.seq = readU32(buf, at + 12, little)
    into.systemFrom = this.#readIdentity(buf, off + MCAST_FROM)
    return into.systemFrom !== 0 && this.#readRing(buf, off + MCAST_RING, into.ring)
  }

  readMergeDetect(buf: Uint8Array, off: number, len: number, into: MergeDetect): boolean {
    if (len < MERGE_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.systemFrom = this.#readIdentity(buf, off + HEADER_LENGTH)
    return into.systemFrom !== 0 && this.#readRing(buf, off + HEADER_LENGTH + IDENTITY_LENGTH, into.ring)
  }

  readJoin(buf: Uint8Array, off: number, len: number, into: Join): boolean {
    if (len < JOIN_LISTS) return false
    const little = this.#little
    const at = off + HEADER_LENGTH
    const failed = readU32(buf, at, little)
    const procs = readU32(buf, at + 4, little)
    if (procs > PROCESSOR_COUNT_MAX || failed > PROCESSOR_COUNT_MAX || len < this.joinLength(procs, failed))
      return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.leave = this.#leave
    into.ringSeq = readU64(buf, at + 8, little)
    into.systemFrom = this.#readIdentity(buf, at + 16)
    if (into.ringSeq < 0 || into.systemFrom === 0) return false
    // The lists the other way round than in 3.x.
    return (
      this.#readList(buf, off + JOIN_LISTS, failed, into.failedList) &&
      this.#readList(buf, off + JOIN_LISTS + failed * IDENTITY_LENGTH, procs, into.procList)
    )
  }

  readCommitToken(buf: Uint8Array, off: number, len: number, into: CommitToken): boolean {
    if (len < COMMIT_LISTS) return false
    const little = this.#little
    const at = off + HEADER_LENGTH
    const count = readU32(buf, at, little)
    if (count > PROCESSOR_COUNT_MAX || len < this.commitTokenLength(count)) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    into.memberIndex = readU32(buf, at + 4, little)
    into.tokenSeq = readU32(buf, at + 8, little)
    into.retransFlag = readS32(buf, at + 12, little)
    if (into.memberIndex > count) return false
    if (!this.#readRing(buf, off + COMMIT_RING, into.ring)) return false
    if (!this.#readList(buf, off + COMMIT_LISTS, count, into.members)) return false
    while (into.entries.length < count) into.entries.push(createCommitEntry())
    into.entries.length = count
    for (let i = 0; i < count; i++) {
      const from = off + COMMIT_LISTS + count * IDENTITY_LENGTH + i * ENTRY_LENGTH
      const entry = into.entries[i]!
      entry.receivedFlag = readU32(buf, from, little)
      entry.aru = readU32(buf, from + 4, little)
      entry.highDelivered = readU32(buf, from + 8, little)
      if (!this.#readRing(buf, from + 12, entry.ring)) return false
    }
    return true
  }

  readTokenHoldCancel(buf: Uint8Array, off: number, len: number, into: TokenHoldCancel): boolean {
    if (len < HEADER_LENGTH + RING_LENGTH) return false
    into.nodeId = this.header.nodeId
    into.targetNodeId = this.header.targetNodeId
    return this.#readRing(buf, off + HEADER_LENGTH, into.ring)
  }

  writeToken(token: OrfToken, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    const at = off + HEADER_LENGTH
    this.#writeHeader(buf, off, MessageType.orfToken, 0, token, false)
    writeU32(buf, at, token.retransmitCount, little)
    writeU32(buf, at + 4, token.aru, little)
    writeU32(buf, at + 8, token.seq, little)
    writeU32(buf, at + 12, token.aruAddr, little)
    writeU32(buf, at + 16, token.tokenSeq, little)
    writeU32(buf, at + 20, token.fcc, little)
    writeU32(buf, at + 24, token.backlog, little)
    writeU32(buf, at + 28, token.retransFlag, little)
    this.#writeRing(buf, off + TOKEN_RING, token.ring)
    for (let i = 0; i < token.retransmitCount; i++) {
      const request = off + TOKEN_LIST + i * REQUEST_LENGTH
      writeU32(buf, request, token.retransmitSeqs[i]!, little)
      this.#writeRing(buf, request + 4, token.retransmitRings[i]!)
    }
    return TOKEN_LIST + token.retransmitCount * REQUEST_LENGTH
  }

  writeMcast(mcast: McastHeader, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    const at = off + HEADER_LENGTH
    this.#writeHeader(buf, off, MessageType.mcast, mcast.encapsulated, mcast, false)
    writeU32(buf, at, mcast.guarantee, little)
    writeU32(buf, at + 4, mcast.nodeIdField, little)
    writeU32(buf, at + 8, mcast.thisSeqno, little)
    writeU32(buf, at + 12, mcast.seq, little)
    this.#writeIdentity(buf, off + MCAST_FROM, mcast.systemFrom)
    this.#writeRing(buf, off + MCAST_RING, mcast.ring)
    return MCAST_LENGTH
  }

  writeMergeDetect(message: MergeDetect, buf: Uint8Array, off: number): number {
    this.#writeHeader(buf, off, MessageType.mergeDetect, 0, message, false)
    this.#writeIdentity(buf, off + HEADER_LENGTH, message.systemFrom)
    this.#writeRing(buf, off + HEADER_LENGTH + IDENTITY_LENGTH, message.ring)
    return MERGE_LENGTH
  }

  writeJoin(join: Join, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    const at = off + HEADER_LENGTH
    this.#writeHeader(buf, off, MessageType.join, 0, join, join.leave)
    writeU32(buf, at, join.failedList.length, little)
    writeU32(buf, at + 4, join.procList.length, little)
    writeU64(buf, at + 8, join.ringSeq, little)
    this.#writeIdentity(buf, at + 16, join.systemFrom)
    let next = off + JOIN_LISTS
    for (const processor of [...join.failedList, ...join.procList]) {
      this.#writeIdentity(buf, next, processor)
      next += IDENTITY_LENGTH
    }
    return next - off
  }

  writeCommitToken(token: CommitToken, buf: Uint8Array, off: number): number {
    const little = this.littleEndian
    const at = off + HEADER_LENGTH
    const count = token.members.length
    this.#writeHeader(buf, off, MessageType.commitToken, 0, token, false)
    writeU32(buf, at, count, little)
    writeU32(buf, at + 4, token.memberIndex, little)
    writeU32(buf, at + 8, token.tokenSeq, little)
    writeU32(buf, at + 12, token.retransFlag, little)
    this.#writeRing(buf, off + COMMIT_RING, token.ring)
    for (let i = 0; i < count; i++) {
      const entry = token.entries[i]!
      this.#writeIdentity(buf, off + COMMIT_LISTS + i * IDENTITY_LENGTH, token.members[i]!)
      const from = off + COMMIT_LISTS + count * IDENTITY_LENGTH + i * ENTRY_LENGTH
      writeU32(buf, from, entry.receivedFlag, little)
      writeU32(buf, from + 4, entry.aru, little)
      writeU32(buf, from + 8, entry.highDelivered, little)
      this.#writeRing(buf, from + 12, entry.ring)
    }
    return this.commitTokenLength(count)
  }

  writeTokenHoldCancel(message: TokenHoldCancel, buf: Uint8Array, off: number): number {
    this.#writeHeader(buf, off, MessageType.tokenHoldCancel, 0, message, false)
    this.#writeRing(buf, off + HEADER_LENGTH, message.ring)
    return HEADER_LENGTH + RING_LENGTH
  }

  joinLength(procs: number, failed: number): number {
    return JOIN_LISTS + (procs + failed) * IDENTITY_LENGTH
  }

  commitTokenLength(members: number): number {
    return COMMIT_LISTS + members * (IDENTITY_LENGTH + ENTRY_LENGTH)
  }

  #identity(processor: Processor): Uint8Array {
    const identity = this.#identities[processor - FIRST_HANDLE]
    if (identity === undefined) throw new RangeError(`${processor} is no processor of this generation`)
    return identity
  }

  /** The handle of the 44 bytes at `off`; 0 when the table is full. */
  #intern(buf: Uint8Array, off: number): Processor {
    const known = this.#identities.findIndex(identity => identity.every((byte, i) => byte === buf[off + i]))
    if (known >= 0) return FIRST_HANDLE + known
    if (this.#identities.length === IDENTITIES_MAX) return 0
    this.#identities.push(buf.slice(off, off + IDENTITY_LENGTH))
    return FIRST_HANDLE + this.#identities.length - 1
  }

  /** Zeros are nobody. */
  #readIdentity(buf: Uint8Array, off: number): Processor {
    return readU32(buf, off + IDENTITY_NODE_ID, false) === 0 ? 0 : this.#intern(buf, off)
  }

  #writeIdentity(buf: Uint8Array, off: number, processor: Processor): void {
    if (processor === 0) buf.fill(0, off, off + IDENTITY_LENGTH)
    else buf.set(this.#identity(processor), off)
  }

  #readList(buf: Uint8Array, off: number, count: number, into: Processor[]): boolean {
    into.length = count
    for (let i = 0; i < count; i++) {
      const processor = this.#readIdentity(buf, off + i * IDENTITY_LENGTH)
      if (processor === 0) return false
      into[i] = processor
    }
    return true
  }

  #readRing(buf: Uint8Array, off: number, into: RingId): boolean {
    const processor = this.#readIdentity(buf, off + RING_IDENTITY)
    const seq = readU64(buf, off, this.#little)
    if (seq < 0) return false
    into.rep = processor === 0 ? 0 : this.repOf(processor)
    into.seq = seq
    return true
  }

  #writeRing(buf: Uint8Array, off: number, ring: RingId): void {
    writeU64(buf, off, ring.seq, this.littleEndian)
    buf.fill(0xee, off + 8, off + RING_IDENTITY)
    this.#writeIdentity(buf, off + RING_IDENTITY, this.processorOf(ring.rep))
  }

  #writeHeader(
    buf: Uint8Array,
    off: number,
    type: MessageTypeCode,
    encapsulated: number,
    message: { readonly nodeId: number; readonly targetNodeId: number },
    leave: boolean,
  ): void {
    buf[off] = MARK
    buf[off + 1] = this.littleEndian ? LITTLE : BIG
    buf[off + 2] = encapsulated
    buf[off + 3] = FIRST_TYPE + type
    buf[off + 4] = leave ? 1 : 0
    buf.fill(0, off + 5, off + 8)
    writeU32(buf, off + 8, message.nodeId, this.littleEndian)
    writeU32(buf, off + 12, message.targetNodeId, this.littleEndian)
    buf.fill(0xcc, off + 16, off + HEADER_LENGTH)
  }
}

function orderKey(identity: Uint8Array): number {
  return readU32(identity, 0, false)
}
