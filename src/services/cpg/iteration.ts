// The order in which members of all groups are listed by tools (spec: services 2.9). In: records in record order.
// Out: entries in listing order. Must not know: who asks.

import { sameName } from './groups.js'

export const CpgIteration = { NAME_ONLY: 1, ONE_GROUP: 2, ALL: 3 } as const
export type CpgIterationType = (typeof CpgIteration)[keyof typeof CpgIteration]

export interface CpgIterationEntry {
  readonly group: Uint8Array
  /** 0, as the pid, when only names were asked for. */
  readonly nodeId: number
  readonly pid: number
}

/**
 * Groups come in the reverse of the order in which they first appear, and in each its first member, then the others
 * backwards. Only the members of `group` when it is ONE_GROUP.
 */
export function iterationOrder(
  records: readonly CpgIterationEntry[],
  type: CpgIterationType,
  group?: Uint8Array,
): CpgIterationEntry[] {
  const groups = new Map<string, CpgIterationEntry[]>()
  for (const record of records) {
    if (type === CpgIteration.ONE_GROUP && !(group !== undefined && sameName(record.group, group))) continue
    const name = String.fromCharCode(...record.group)
    const known = groups.get(name)
    if (known === undefined) {
      groups.set(name, [type === CpgIteration.NAME_ONLY ? { group: record.group, nodeId: 0, pid: 0 } : record])
    } else if (type !== CpgIteration.NAME_ONLY) known.push(record)
  }
  const list: CpgIterationEntry[] = []
  for (const members of [...groups.values()].reverse()) {
    list.push(members[0]!)
    for (let i = members.length - 1; i > 0; i--) list.push(members[i]!)
  }
  return list
}
