// The edges of the closed-process-group service: what a local process (an IPC connection, the library's port) can ask,
// and what it is told. Group names are bytes, 0 to 128 of them.

import type { RingIdentity } from '../../totem/types.js'
import type { CsErrorCode } from '../errors.js'

/** Longest group name, in bytes (spec: services 2.1). */
export const CPG_MAX_NAME_LENGTH = 128
/** Largest message that travels as one piece; larger ones are sent as partial messages (spec: services 2.10). */
export const CPG_MAX_ATOMIC_LENGTH = 1047552

export const CpgReason = { UNDEFINED: 0, JOIN: 1, LEAVE: 2, NODEDOWN: 3, NODEUP: 4, PROCDOWN: 5 } as const
export type CpgReasonCode = (typeof CpgReason)[keyof typeof CpgReason]

/** Place of a piece within a partial message. */
export const CpgPartial = { FIRST: 1, CONTINUED: 2, LAST: 3 } as const
export type CpgPartialType = (typeof CpgPartial)[keyof typeof CpgPartial]

/** JOIN flag: deliver the current totem configuration after the first membership event. */
export const CPG_DELIVER_INITIAL_TOTEM_CONF = 0x01

export interface CpgAddress {
  readonly nodeId: number
  readonly pid: number
  readonly reason: CpgReasonCode
}

export interface CpgMembershipChange {
  readonly group: Uint8Array
  /** Sorted by node id, then pid; reason 0. */
  readonly members: readonly CpgAddress[]
  readonly left: readonly CpgAddress[]
  readonly joined: readonly CpgAddress[]
}

/** What a local process is told, in the order that all members of the group see. Bytes are valid during the call. */
export interface CpgListener {
  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void
  /** One piece of a message larger than CPG_MAX_ATOMIC_LENGTH; `total` is the length of the whole. */
  deliverPartial(
    nodeId: number,
    pid: number,
    type: CpgPartialType,
    total: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void
  membershipChanged(change: CpgMembershipChange): void
  ringChanged(ring: RingIdentity, members: readonly number[]): void
}

/** One local process's handle on at most one group. */
export interface CpgConnection {
  join(group: Uint8Array, pid: number, flags: number): CsErrorCode
  leave(group: Uint8Array, pid: number): CsErrorCode
  /** TRY_AGAIN while the ring's queue is full or a synchronisation runs. */
  mcast(buf: Uint8Array, off: number, len: number): CsErrorCode
  mcastPartial(type: CpgPartialType, total: number, buf: Uint8Array, off: number, len: number): CsErrorCode
  /** Member records of the group, in record order. */
  membership(): readonly CpgAddress[]
  /** The process has gone: its membership ends with reason PROCDOWN. */
  close(): void
}
