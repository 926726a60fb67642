// What the fields of each kind of fault are, as a table: a schedule is read from a file, renumbered when a host is taken
// away, and made smaller by it. A new kind of fault gets its row here. Must not know: how faults are carried out.

import type { Fault, FaultKind } from './faults.js'

/**
 * `host`: the index of one. `hosts`: a list of them, `pair`: two, of which it needs both. `sides`: disjoint lists.
 * `duration`: in ms, the gentler the shorter. `amount`: a number above 0 of which less is not gentler; `count`: a whole
 * one. `damage`: what happens to a disk; may be absent.
 */
export type FieldKind = 'host' | 'hosts' | 'pair' | 'sides' | 'duration' | 'amount' | 'count' | 'flag' | 'damage'

type FieldsOf<K extends FaultKind> = Readonly<Record<Exclude<keyof Extract<Fault, { kind: K }>, 'kind'>, FieldKind>>

export const FAULT_FIELDS: { readonly [K in FaultKind]: FieldsOf<K> } = {
  partition: { sides: 'sides', forMs: 'duration' },
  cut: { from: 'host', to: 'host', forMs: 'duration' },
  freeze: { from: 'host', to: 'host', forMs: 'duration' },
  clog: { from: 'host', to: 'host', forMs: 'duration' },
  swizzle: { hosts: 'hosts', back: 'hosts', everyMs: 'duration', forMs: 'duration' },
  latency: { from: 'host', to: 'host', extraMs: 'duration', forMs: 'duration' },
  bandwidth: { hosts: 'hosts', bytesPerMs: 'amount', queueBytes: 'count', forMs: 'duration' },
  mtu: { hosts: 'pair', bytes: 'count', forMs: 'duration' },
  overflow: { host: 'host', readMs: 'amount', bufferBytes: 'count', forMs: 'duration' },
  pause: { host: 'host', forMs: 'duration', inputFirst: 'flag' },
  crash: { host: 'host', forMs: 'duration', disk: 'damage' },
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

/** Without a field that may be absent. */
export function withoutField(fault: Fault, name: string): Fault {
  return Object.fromEntries(Object.entries(fault).filter(([other]) => other !== name)) as unknown as Fault
}

/** The same fault with hosts under other indices; undefined when too few of those that it needs are left. */
export function renumbered(fault: Fault, indexOf: (host: number) => number | undefined): Fault | undefined {
  const left = (hosts: readonly number[]) => hosts.map(indexOf).filter(host => host !== undefined)
  let result = fault
  for (const [name, kind] of fieldKinds(fault.kind)) {
    const value = fieldOf(fault, name)
    if (kind === 'host') {
      const [host] = left([value as number])
      if (host === undefined) return undefined
      result = withField(result, name, host)
    } else if (kind === 'hosts' || kind === 'pair') {
      const hosts = left(value as number[])
      if (hosts.length < (kind === 'pair' ? 2 : 1)) return undefined
      result = withField(result, name, hosts)
    } else if (kind === 'sides') {
      const sides = (value as number[][]).map(left).filter(side => side.length > 0)
      if (sides.length < 2) return undefined
      result = withField(result, name, sides)
    }
  }
  return result
}
