// What the fields of each kind of fault are, as a table: a schedule is read from a file, renumbered when a host is taken
// away, and made smaller by it. A new kind of fault gets its row here. Must not know: how faults are carried out.

import type { Fault, FaultKind } from './faults.js'

/** `host`: the index of one. `sides`: disjoint lists of hosts. `duration`: in ms. */
export type FieldKind = 'host' | 'sides' | 'duration' | 'flag'

type FieldsOf<K extends FaultKind> = Readonly<Record<Exclude<keyof Extract<Fault, { kind: K }>, 'kind'>, FieldKind>>

export const FAULT_FIELDS: { readonly [K in FaultKind]: FieldsOf<K> } = {
  partition: { sides: 'sides', forMs: 'duration' },
  cut: { from: 'host', to: 'host', forMs: 'duration' },
  freeze: { from: 'host', to: 'host', forMs: 'duration' },
  pause: { host: 'host', forMs: 'duration', inputFirst: 'flag' },
  crash: { host: 'host', forMs: 'duration' },
  leave: { host: 'host', forMs: 'duration' },
  interface: { host: 'host' },
}

export const FAULT_KINDS = Object.keys(FAULT_FIELDS) as FaultKind[]

export function fieldKinds(kind: FaultKind): [name: string, kind: FieldKind][] {
  return Object.entries(FAULT_FIELDS[kind])
}

export function fieldOf(fault: Fault, name: string): unknown {
  return (fault as unknown as Record<string, unknown>)[name]
}

export function withField(fault: Fault, name: string, value: unknown): Fault {
  return { ...fault, [name]: value } as Fault
}

/** The same fault with hosts under other indices; undefined when a host that it needs is gone. */
export function renumbered(fault: Fault, indexOf: (host: number) => number | undefined): Fault | undefined {
  let result = fault
  for (const [name, kind] of fieldKinds(fault.kind)) {
    if (kind === 'host') {
      const host = indexOf(fieldOf(fault, name) as number)
      if (host === undefined) return undefined
      result = withField(result, name, host)
    } else if (kind === 'sides') {
      const sides = (fieldOf(fault, name) as number[][])
        .map(side => side.map(indexOf).filter(host => host !== undefined))
        .filter(side => side.length > 0)
      if (sides.length < 2) return undefined
      result = withField(result, name, sides)
    }
  }
  return result
}
