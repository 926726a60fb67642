// The memory between a member of a group (the user's thread) and the executive that runs the ring: a page of control
// words, a ring of requests, a ring of events. Both sides read the layout off this file; nothing here acts.
//
//   0      control words (below)
//   64     request ring   user -> executive    JOIN, LEAVE, MCAST, PARTIAL
//   ...    event ring     executive -> user    DELIVER, PARTIAL_*, MEMBERSHIP, RING, DISCONNECTED
//
// Each request is performed once, in order; COMPLETED counts them. When one fails, FAILED holds its code and the
// executive waits until the user's side has set it back to zero.

import { MAX_RING_BYTES, ringBytes } from '../ipc/ring-buffer.js'
import type { CpgAddress, CpgReasonCode } from '../services/cpg/types.js'

export type SharedMemory = ArrayBuffer | SharedArrayBuffer

const CONTROL_BYTES = 64
export const CHANNEL_WORDS = CONTROL_BYTES / 4

export const ChannelWord = {
  /** Requests performed, modulo 2^32. */
  COMPLETED: 0,
  /** Result code of the request that failed last, 0 when the user's side has seen it. Set before COMPLETED counts it. */
  FAILED: 1,
  /** Which request that was: the value of COMPLETED before it. */
  FAILED_AT: 5,
  /** Set by the user's side when the request ring was full: it wants to be woken when there is room. */
  REQUEST_SPACE_WANTED: 2,
  /** Set by the executive when the event ring was full. */
  EVENT_SPACE_WANTED: 3,
  /** The user's side is done with the channel; the executive closes the connection. */
  ABANDONED: 4,
  /** The membership is over and its connection closed; events may remain. */
  ENDED: 6,
  /** The executive will not touch the channel again: its memory can serve another member. */
  RELEASED: 7,
} as const

/** Requests: a, b, c and bytes. */
export const RequestKind = {
  /** a: pid, b: flags; bytes: group name. */
  JOIN: 1,
  /** a: pid; bytes: group name. */
  LEAVE: 2,
  /** bytes: the message. */
  MCAST: 3,
  /** a: place of the piece (CpgPartial), b: length of the whole; bytes: the piece. */
  PARTIAL: 4,
} as const

/** Events: a, b, c and bytes. */
export const EventKind = {
  /** a: node id, b: pid; bytes: the message. */
  DELIVER: 1,
  /** a: node id, b: pid, c: length of the whole message; bytes: a piece of it. */
  PARTIAL_FIRST: 2,
  PARTIAL_CONTINUED: 3,
  PARTIAL_LAST: 4,
  /** a, b, c: how many members, left, joined; bytes: 12 per entry, node id, pid, reason. */
  MEMBERSHIP: 5,
  /** a: the ring's node id, b and c: low and high half of its sequence number; bytes: 4 per member. */
  RING: 6,
  /** The executive has ended the membership, because events were not taken. The last event. */
  DISCONNECTED: 7,
} as const

/** Longest request or event; the service's own limit on messages is below it. */
export const MAX_RECORD_BYTES = 2 << 20

/** A quarter of each ring travels in one piece; four pieces of ordinary size keep both sides busy. */
export const DEFAULT_CHANNEL_RING_BYTES = 1 << 20

export interface ChannelLayout {
  readonly requestRing: number
  readonly eventRing: number
  readonly ringDataBytes: number
  readonly totalBytes: number
}

export function channelLayout(ringDataBytes: number): ChannelLayout {
  const requestRing = CONTROL_BYTES
  const eventRing = requestRing + ringBytes(ringDataBytes)
  return { requestRing, eventRing, ringDataBytes, totalBytes: eventRing + ringBytes(ringDataBytes) }
}

/** The layout of a channel that the other side has made. */
export function channelLayoutOf(memory: SharedMemory): ChannelLayout {
  for (let size = 1024; size <= MAX_RING_BYTES; size *= 2) {
    const layout = channelLayout(size)
    if (layout.totalBytes === memory.byteLength) return layout
  }
  throw new RangeError(`a channel of ${memory.byteLength} bytes`)
}

/** The doorbells and signs that all channels of one executive share. */
export const LinkWord = {
  /** Set when the executive has been rung and has not looked yet. */
  TO_EXECUTIVE: 0,
  /** Set when the user's thread has been rung and has not looked yet. */
  TO_USER: 1,
} as const
export const LINK_BYTES = 64

const ADDRESS_BYTES = 12

export function encodeAddresses(
  members: readonly CpgAddress[],
  left: readonly CpgAddress[],
  joined: readonly CpgAddress[],
): Uint8Array {
  const bytes = new Uint8Array((members.length + left.length + joined.length) * ADDRESS_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const list of [members, left, joined]) {
    for (const address of list) {
      view.setUint32(at, address.nodeId, true)
      view.setUint32(at + 4, address.pid, true)
      view.setUint32(at + 8, address.reason, true)
      at += ADDRESS_BYTES
    }
  }
  return bytes
}

export function decodeAddresses(buf: Uint8Array, off: number, index: number, count: number): CpgAddress[] {
  const view = new DataView(buf.buffer, buf.byteOffset)
  const addresses: CpgAddress[] = []
  for (let i = 0; i < count; i++) {
    const at = off + (index + i) * ADDRESS_BYTES
    addresses.push({
      nodeId: view.getUint32(at, true),
      pid: view.getUint32(at + 4, true),
      reason: view.getUint32(at + 8, true) as CpgReasonCode,
    })
  }
  return addresses
}

export function encodeNodeIds(nodeIds: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(nodeIds.length * 4)
  const view = new DataView(bytes.buffer)
  nodeIds.forEach((nodeId, i) => {
    view.setUint32(i * 4, nodeId, true)
  })
  return bytes
}

export function decodeNodeIds(buf: Uint8Array, off: number, len: number): number[] {
  const view = new DataView(buf.buffer, buf.byteOffset)
  const nodeIds: number[] = []
  for (let at = 0; at + 4 <= len; at += 4) nodeIds.push(view.getUint32(off + at, true))
  return nodeIds
}
