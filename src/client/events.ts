// What a program sees of a group and of the ring: plain objects.

import { CpgReason } from '../services/cpg/types.js'

/** A process that has joined a group. */
export interface Member {
  readonly nodeId: number
  readonly pid: number
}

/** A process and a group that it is in. */
export interface GroupMember extends Member {
  readonly group: string
}

/**
 * Why a member came or went: it asked to (`join`, `leave`), its process ended without leaving (`procdown`), its node was
 * lost (`nodedown`), or a partition that it was in was merged with this one (`nodeup`).
 */
export type MemberReason = 'join' | 'leave' | 'procdown' | 'nodedown' | 'nodeup' | 'undefined'

export interface MemberChange extends Member {
  readonly reason: MemberReason
}

export interface MessageEvent {
  readonly type: 'message'
  readonly nodeId: number
  readonly pid: number
  /** The program's own copy. */
  readonly data: Uint8Array
}

export interface MembershipEvent {
  readonly type: 'membership'
  /** Everyone after the change, sorted by node id, then pid. */
  readonly members: readonly Member[]
  readonly left: readonly MemberChange[]
  readonly joined: readonly MemberChange[]
}

/** The nodes that can reach each other have changed. Comes after the membership changes that follow from it. */
export interface RingEvent {
  readonly type: 'ring'
  readonly ring: { readonly nodeId: number; readonly seq: number }
  /** Node ids, ascending. */
  readonly members: readonly number[]
}

export type GroupEvent = MessageEvent | MembershipEvent | RingEvent

const REASONS: Readonly<Record<number, MemberReason>> = {
  [CpgReason.JOIN]: 'join',
  [CpgReason.LEAVE]: 'leave',
  [CpgReason.PROCDOWN]: 'procdown',
  [CpgReason.NODEDOWN]: 'nodedown',
  [CpgReason.NODEUP]: 'nodeup',
}

export function toMember(address: Member): Member {
  return { nodeId: address.nodeId, pid: address.pid }
}

/** `reason` as the service numbers it. */
export function toMemberChange(address: Member & { readonly reason: number }): MemberChange {
  return { nodeId: address.nodeId, pid: address.pid, reason: REASONS[address.reason] ?? 'undefined' }
}
