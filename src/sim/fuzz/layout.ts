// Where the numbers stand that a decoder has to check: found by writing two messages that differ in one number and
// looking for the first byte that differs. So it holds for every wire generation, in either byte order.
// In: a wire generation. Out: offsets. Must not know: any layout.

import { writeU32 } from '../../wire/cursor.js'
import {
  createCommitEntry,
  createCommitToken,
  createJoin,
  createMergeDetect,
  createOrfToken,
  MessageType,
  type WireGeneration,
} from '../../wire/generation.js'
import type { Kind } from './captures.js'

/** A count in the fixed part of a message, and the length of what it counts. */
export interface CountField {
  readonly at: number
  readonly entryLength: number
}

export interface Layout {
  /** Everything before it tells what kind of datagram this is. */
  readonly typeAt: number
  /** Per kind of message: its counts and indexes. */
  readonly counts: Readonly<Partial<Record<Kind, readonly CountField[]>>>
  /** Per kind: the most significant byte of the 64-bit number in its ring id. */
  readonly ringSeqHigh: Readonly<Record<Kind, number>>
}

type Write = (buf: Uint8Array) => number

const ROOM = 4096
/** Sets the byte next to the most significant one of a u64. */
const SEVENTH_BYTE = 2 ** 48

function firstDifference(a: Write, b: Write): { readonly at: number; readonly lengths: readonly [number, number] } {
  const [one, other] = [new Uint8Array(ROOM), new Uint8Array(ROOM)]
  const lengths = [a(one), b(other)] as const
  for (let at = 0; at < ROOM; at++) if (one[at] !== other[at]) return { at, lengths }
  throw new Error('messages that should differ are equal')
}

export function layoutOf(wire: WireGeneration): Layout {
  const little = wire.littleEndian
  const node = wire.processorOfNode(1)
  const join = (procs: number, failed: number, ringSeq = 0): Write => {
    const lists = { procList: Array(procs).fill(node), failedList: Array(failed).fill(node) }
    return buf => wire.writeJoin({ ...createJoin(), nodeId: 1, systemFrom: node, ringSeq, ...lists }, buf, 0)
  }
  const commit = (members: number, memberIndex = 0, seq = 0): Write => {
    const entries = Array.from({ length: members }, createCommitEntry)
    const lists = { members: Array(members).fill(node), entries }
    return buf =>
      wire.writeCommitToken({ ...createCommitToken(), ring: { rep: 0, seq }, memberIndex, ...lists }, buf, 0)
  }
  const token = (retransmitCount: number, seq = 0): Write => {
    return buf => wire.writeToken({ ...createOrfToken(), ring: { rep: 0, seq }, retransmitCount }, buf, 0)
  }
  const mcast = (seq: number): Write => {
    const header = { encapsulated: 2, nodeId: 1, targetNodeId: 0, systemFrom: node, seq: 0, thisSeqno: 0 }
    return buf => wire.writeMcast({ ...header, ring: { rep: 0, seq }, nodeIdField: 0, guarantee: 0 }, buf, 0)
  }
  const merge = (seq: number): Write => {
    return buf => wire.writeMergeDetect({ ...createMergeDetect(), systemFrom: node, ring: { rep: 0, seq } }, buf, 0)
  }
  const cancel = (seq: number): Write => {
    return buf => wire.writeTokenHoldCancel({ nodeId: 0, targetNodeId: 0, ring: { rep: 0, seq } }, buf, 0)
  }
  const countField = (a: Write, b: Write): CountField => {
    const { at, lengths } = firstDifference(a, b)
    return { at: little ? at : at - 3, entryLength: lengths[1] - lengths[0] }
  }
  const high = (zero: Write, seventh: Write) => firstDifference(zero, seventh).at + (little ? 1 : -1)
  const joinHigh = high(join(1, 0), join(1, 0, SEVENTH_BYTE))
  const mcastHigh = high(mcast(0), mcast(SEVENTH_BYTE))
  const joinCounts = [countField(join(1, 1), join(2, 1)), countField(join(1, 1), join(1, 2))]
  return {
    typeAt: typeOffset(wire),
    counts: {
      orf_token: [countField(token(1), token(2))],
      memb_join: joinCounts,
      'memb_join (leave)': joinCounts,
      memb_commit_token: [countField(commit(1), commit(2)), countField(commit(2, 0), commit(2, 1))],
    },
    ringSeqHigh: {
      orf_token: high(token(0), token(0, SEVENTH_BYTE)),
      mcast: mcastHigh,
      'mcast (wrapper)': mcastHigh,
      memb_merge_detect: high(merge(0), merge(SEVENTH_BYTE)),
      memb_join: joinHigh,
      'memb_join (leave)': joinHigh,
      memb_commit_token: high(commit(1), commit(1, 0, SEVENTH_BYTE)),
      token_hold_cancel: high(cancel(0), cancel(SEVENTH_BYTE)),
    },
  }
}

export function setCount(field: CountField, buf: Uint8Array, value: number, little: boolean): void {
  writeU32(buf, field.at, value, little)
}

/** A merge detect and a hold cancel differ first in their type. */
function typeOffset(wire: WireGeneration): number {
  const ring = { rep: 0, seq: 0 }
  const { at } = firstDifference(
    buf => wire.writeMergeDetect({ ...createMergeDetect(), ring }, buf, 0),
    buf => wire.writeTokenHoldCancel({ nodeId: 0, targetNodeId: 0, ring }, buf, 0),
  )
  const probe = new Uint8Array(ROOM)
  wire.writeMergeDetect({ ...createMergeDetect(), ring }, probe, 0)
  if (probe[at] !== MessageType.mergeDetect) throw new Error('the type is not where it seems to be')
  return at
}
