// The cluster-wide list of group members, the same on every node: records sorted by node id, then process id
// (spec: services 2.6). In: members that come and go. Out: lists in record order. Must not know: events, connections.

import type { Group } from './groups.js'

export interface MemberRecord<Listener> {
  readonly nodeId: number
  readonly pid: number
  readonly group: Group<Listener>
  /** The synchronisation in which the member's node last named it. */
  confirmedIn: number
}

export class MemberRecords<Listener> {
  #list: MemberRecord<Listener>[] = []

  /** In record order; do not keep. */
  get all(): readonly MemberRecord<Listener>[] {
    return this.#list
  }

  of(group: Group<Listener>): MemberRecord<Listener>[] {
    return this.#list.filter(record => record.group === group)
  }

  find(nodeId: number, pid: number, group: Group<Listener>): MemberRecord<Listener> | undefined {
    for (let i = this.#lowerBound(nodeId, pid); i < this.#list.length; i++) {
      const record = this.#list[i]!
      if (record.nodeId !== nodeId || record.pid !== pid) return undefined
      if (record.group === group) return record
    }
    return undefined
  }

  /** Adds a member that is not there yet, behind those of the same process. */
  insert(nodeId: number, pid: number, group: Group<Listener>): MemberRecord<Listener> {
    let at = this.#lowerBound(nodeId, pid)
    while (at < this.#list.length && this.#list[at]!.nodeId === nodeId && this.#list[at]!.pid === pid) at++
    const record: MemberRecord<Listener> = { nodeId, pid, group, confirmedIn: 0 }
    this.#list.splice(at, 0, record)
    group.membersByNode.set(nodeId, (group.membersByNode.get(nodeId) ?? 0) + 1)
    return record
  }

  /** Removes the records that `gone` names, in order, and returns them. */
  remove(gone: (record: MemberRecord<Listener>) => boolean): MemberRecord<Listener>[] {
    const removed: MemberRecord<Listener>[] = []
    const kept: MemberRecord<Listener>[] = []
    for (const record of this.#list) (gone(record) ? removed : kept).push(record)
    this.#list = kept
    for (const { nodeId, group } of removed) {
      const members = (group.membersByNode.get(nodeId) ?? 0) - 1
      if (members > 0) group.membersByNode.set(nodeId, members)
      else group.membersByNode.delete(nodeId)
    }
    return removed
  }

  #lowerBound(nodeId: number, pid: number): number {
    let low = 0
    let high = this.#list.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const record = this.#list[middle]!
      if (record.nodeId < nodeId || (record.nodeId === nodeId && record.pid < pid)) low = middle + 1
      else high = middle
    }
    return low
  }
}
