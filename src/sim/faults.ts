// What can be done to a cluster: the faults as plain data, so that a schedule can be printed, stored and made smaller,
// and the function that carries one out (and takes it back after its time). Must not know: what nodes are.

import type { TotemState } from '../totem/types.js'
import type { EventQueue } from './event-queue.js'
import type { SimHost } from './host.js'
import type { Network } from './network.js'

/** Hosts are named by index. `forMs`: after this long the fault is taken back. */
export type Fault =
  | { readonly kind: 'partition'; readonly sides: readonly (readonly number[])[]; readonly forMs: number }
  /** One way: nothing sent by `from` reaches `to`. */
  | { readonly kind: 'cut'; readonly from: number; readonly to: number; readonly forMs: number }
  /** One way: what `from` sends reaches `to` only after the time, at once and in order. */
  | { readonly kind: 'freeze'; readonly from: number; readonly to: number; readonly forMs: number }
  | { readonly kind: 'pause'; readonly host: number; readonly forMs: number; readonly inputFirst: boolean }
  | { readonly kind: 'crash'; readonly host: number; readonly forMs: number }
  | { readonly kind: 'leave'; readonly host: number; readonly forMs: number }
  | { readonly kind: 'interface'; readonly host: number }

export type FaultKind = Fault['kind']

export interface ScheduledFault {
  /** Virtual time, or time since the trigger. */
  readonly atMs: number
  /** Waits until some node has entered this state for the nth time since the start. */
  readonly after?: { readonly state: TotemState; readonly nth: number }
  readonly fault: Fault
}

/** Names by which campaigns choose; the first three are conditions of the network, the others single faults. */
export const FAULT_NAMES = [
  'loss',
  'duplicate',
  'reorder',
  'partition',
  'oneway',
  'freeze',
  'pause',
  'crash',
  'leave',
  'interface',
] as const
export type FaultName = (typeof FAULT_NAMES)[number]

/** Sets of faults under one name. */
export const FAULT_SETS: Readonly<Record<string, readonly FaultName[]>> = {
  none: [],
  network: ['loss', 'duplicate', 'reorder', 'partition', 'oneway', 'freeze'],
  process: ['pause', 'crash', 'leave'],
  all: FAULT_NAMES,
}

/** Reads a list such as 'loss,crash' or 'network,pause'; undefined when a name is unknown. */
export function parseFaultNames(text: string): FaultName[] | undefined {
  const names = new Set<FaultName>()
  for (const word of text.split(',').map(part => part.trim())) {
    const set = FAULT_SETS[word]
    if (set !== undefined) for (const name of set) names.add(name)
    else if ((FAULT_NAMES as readonly string[]).includes(word)) names.add(word as FaultName)
    else return undefined
  }
  return FAULT_NAMES.filter(name => names.has(name))
}

export interface FaultTarget {
  readonly hosts: readonly SimHost[]
  readonly network: Network
  readonly queue: EventQueue
  tell(now: number, text: string): void
  /** False once all faults have been taken back: what would be taken back later is undone already. */
  readonly faulty: boolean
}

export function carryOut(target: FaultTarget, now: number, fault: Fault): void {
  const { network, queue } = target
  const later = (forMs: number, action: (now: number) => void) =>
    queue.pushAction(now + forMs, at => {
      if (target.faulty) action(at)
    })
  target.tell(now, describeFault(target.hosts, fault))
  switch (fault.kind) {
    case 'partition': {
      const pairs: [number, number][] = []
      for (const side of fault.sides) {
        for (const other of fault.sides) {
          if (side !== other) for (const a of side) for (const b of other) pairs.push([a, b])
        }
      }
      for (const [a, b] of pairs) network.cut(a, b)
      later(fault.forMs, at => {
        target.tell(at, `partition ends: ${describeFault(target.hosts, fault)}`)
        for (const [a, b] of pairs) network.uncut(a, b)
      })
      break
    }
    case 'cut':
      network.cut(fault.from, fault.to)
      later(fault.forMs, at => {
        target.tell(at, `ends: ${describeFault(target.hosts, fault)}`)
        network.uncut(fault.from, fault.to)
      })
      break
    case 'freeze':
      network.freeze(fault.from, fault.to)
      later(fault.forMs, at => {
        target.tell(at, `ends: ${describeFault(target.hosts, fault)}`)
        network.thaw(at, fault.from, fault.to)
      })
      break
    case 'pause': {
      const host = target.hosts[fault.host]!
      const incarnation = host.incarnation
      host.pause()
      later(fault.forMs, at => {
        if (host.incarnation !== incarnation) return
        target.tell(at, `node ${host.nodeId} goes on`)
        host.resume(at, fault.inputFirst)
      })
      break
    }
    case 'crash': {
      const host = target.hosts[fault.host]!
      if (host.state === 'down') break
      host.crash()
      startAgain(target, now + fault.forMs, host)
      break
    }
    case 'leave': {
      const host = target.hosts[fault.host]!
      if (host.state === 'down' || host.isLeaving) break
      host.prepareToLeave(now)
      leaveOnceDrained(target, now, now + LAST_WORDS_MS, fault.forMs, host)
      break
    }
    case 'interface':
      target.hosts[fault.host]!.interfaceChanged(now)
      break
  }
}

/** A leaving node waits so long for its services' last words to come back, and looks so often. */
const LAST_WORDS_MS = 500
const LAST_WORDS_POLL_MS = 2

function leaveOnceDrained(target: FaultTarget, now: number, patience: number, forMs: number, host: SimHost): void {
  if (host.drained || now >= patience) {
    host.leave(now)
    startAgain(target, now + forMs, host)
    return
  }
  const { incarnation } = host
  target.queue.pushAction(now + LAST_WORDS_POLL_MS, at => {
    if (host.state !== 'down' && host.incarnation === incarnation) leaveOnceDrained(target, at, patience, forMs, host)
  })
}

function startAgain(target: FaultTarget, when: number, host: SimHost): void {
  const { incarnation } = host
  target.queue.pushAction(when, at => {
    if (!target.faulty || host.state !== 'down' || host.incarnation !== incarnation) return
    target.tell(at, `node ${host.nodeId} starts`)
    host.start(at)
  })
}

export function describeFault(hosts: readonly { readonly nodeId: number }[], fault: Fault): string {
  const id = (index: number) => hosts[index]?.nodeId ?? '?'
  switch (fault.kind) {
    case 'partition':
      return `partition ${fault.sides.map(side => `{${side.map(id).join(' ')}}`).join(' | ')} for ${ms(fault.forMs)}`
    case 'cut':
      return `${id(fault.to)} no longer hears ${id(fault.from)} for ${ms(fault.forMs)}`
    case 'freeze':
      return `the path from ${id(fault.from)} to ${id(fault.to)} is frozen for ${ms(fault.forMs)}`
    case 'pause':
      return `node ${id(fault.host)} is stopped for ${ms(fault.forMs)}`
    case 'crash':
      return `node ${id(fault.host)} crashes, down for ${ms(fault.forMs)}`
    case 'leave':
      return `node ${id(fault.host)} leaves, down for ${ms(fault.forMs)}`
    case 'interface':
      return `the interface of node ${id(fault.host)} changes`
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}
