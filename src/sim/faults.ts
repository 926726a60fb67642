// What can be done to a cluster: the faults as plain data, so that a schedule can be printed, stored and made smaller,
// and the function that carries one out (and takes it back after its time). Must not know: what nodes are.

import type { TotemState } from '../totem/types.js'
import { type DiskDamage, describeDamage } from './disk.js'
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
  /** One way: nothing arrives, what is under way included; afterwards each datagram held comes with a new delay. */
  | { readonly kind: 'clog'; readonly from: number; readonly to: number; readonly forMs: number }
  /** All paths from and to these hosts are clogged, host by host, and unclogged in the order of `back`. */
  | {
      readonly kind: 'swizzle'
      readonly hosts: readonly number[]
      readonly back: readonly number[]
      /** Between one host and the next. */
      readonly everyMs: number
      /** Between the last clogged and the first unclogged. */
      readonly forMs: number
    }
  /** One way: datagrams take so much longer. */
  | {
      readonly kind: 'latency'
      readonly from: number
      readonly to: number
      readonly extraMs: number
      readonly forMs: number
    }
  /** What these hosts send passes a narrow link, one datagram after the other, behind a queue of so many bytes. */
  | {
      readonly kind: 'bandwidth'
      readonly hosts: readonly number[]
      readonly bytesPerMs: number
      readonly queueBytes: number
      readonly forMs: number
    }
  /** Both ways between two hosts: longer datagrams vanish. */
  | { readonly kind: 'mtu'; readonly hosts: readonly [number, number]; readonly bytes: number; readonly forMs: number }
  /** The host takes so long to read a datagram from its socket; what the buffer does not hold meanwhile is lost. */
  | {
      readonly kind: 'overflow'
      readonly host: number
      readonly readMs: number
      readonly bufferBytes: number
      readonly forMs: number
    }
  | { readonly kind: 'pause'; readonly host: number; readonly forMs: number; readonly inputFirst: boolean }
  /** `disk`: what the power failure did to the ring-id file; without it the disk is as the node left it. */
  | { readonly kind: 'crash'; readonly host: number; readonly forMs: number; readonly disk?: DiskDamage }
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

/**
 * Names by which campaigns choose. The first three are conditions of the network, 'clock' and 'misconfigured' conditions
 * of hosts, the others single faults. New names stand at the end: a list of others then gives the scenarios that it gave.
 */
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
  'bandwidth',
  'mtu',
  'overflow',
  'clog',
  'swizzle',
  'disk',
  'clock',
  'misconfigured',
] as const
export type FaultName = (typeof FAULT_NAMES)[number]

/** Sets of faults under one name. */
export const FAULT_SETS: Readonly<Record<string, readonly FaultName[]>> = {
  none: [],
  network: ['loss', 'duplicate', 'reorder', 'partition', 'oneway', 'freeze', 'bandwidth', 'mtu', 'clog', 'swizzle'],
  process: ['pause', 'crash', 'leave', 'overflow', 'disk', 'clock'],
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
  /** A disk has lost what its node wrote last. */
  diskDamaged(host: SimHost): void
  /** False once all faults have been taken back: what would be taken back later is undone already. */
  readonly faulty: boolean
}

export function carryOut(target: FaultTarget, now: number, fault: Fault): void {
  const { network, queue } = target
  const later = (afterMs: number, action: (now: number) => void) =>
    queue.pushAction(now + afterMs, at => {
      if (target.faulty) action(at)
    })
  const ends = (action: (now: number) => void, forMs: number) =>
    later(forMs, at => {
      target.tell(at, `ends: ${describeFault(target.hosts, fault)}`)
      action(at)
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
      ends(() => {
        for (const [a, b] of pairs) network.uncut(a, b)
      }, fault.forMs)
      break
    }
    case 'cut':
      network.cut(fault.from, fault.to)
      ends(() => network.uncut(fault.from, fault.to), fault.forMs)
      break
    case 'freeze':
      network.freeze(fault.from, fault.to)
      ends(at => network.thaw(at, fault.from, fault.to), fault.forMs)
      break
    case 'clog':
      network.clog(fault.from, fault.to)
      ends(at => network.unclog(at, fault.from, fault.to), fault.forMs)
      break
    case 'swizzle': {
      const { hosts, back, everyMs, forMs } = fault
      const others = (host: number) => target.hosts.filter(({ index }) => index !== host)
      hosts.forEach((host, turn) => {
        later(turn * everyMs, at => {
          target.tell(at, `node ${target.hosts[host]!.nodeId} is clogged`)
          for (const { index } of others(host)) {
            network.clog(host, index)
            network.clog(index, host)
          }
        })
      })
      const fromMs = (hosts.length - 1) * everyMs + forMs
      back.forEach((host, turn) => {
        later(fromMs + turn * everyMs, at => {
          target.tell(at, `node ${target.hosts[host]!.nodeId} is unclogged`)
          for (const { index } of others(host)) {
            network.unclog(at, host, index)
            network.unclog(at, index, host)
          }
        })
      })
      break
    }
    case 'latency': {
      const pair = network.pair(fault.from, fault.to)
      network.extraDelayMs.begin(pair, fault.extraMs)
      ends(() => network.extraDelayMs.end(pair, fault.extraMs), fault.forMs)
      break
    }
    case 'bandwidth': {
      const { hosts, bytesPerMs, queueBytes } = fault
      for (const host of hosts) network.links.begin(host, bytesPerMs, queueBytes)
      ends(() => {
        for (const host of hosts) network.links.end(host, bytesPerMs, queueBytes)
      }, fault.forMs)
      break
    }
    case 'mtu': {
      const [a, b] = fault.hosts
      const pairs = [network.pair(a, b), network.pair(b, a)]
      for (const pair of pairs) network.mtu.begin(pair, fault.bytes)
      ends(() => {
        for (const pair of pairs) network.mtu.end(pair, fault.bytes)
      }, fault.forMs)
      break
    }
    case 'overflow': {
      const host = target.hosts[fault.host]!
      host.beginOverflow(fault.readMs, fault.bufferBytes)
      ends(at => host.endOverflow(at, fault.readMs, fault.bufferBytes), fault.forMs)
      break
    }
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
      if (fault.disk !== undefined) {
        host.disk.damage(fault.disk)
        target.diskDamaged(host)
      }
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
  const named = (indexes: readonly number[]) => `node${indexes.length > 1 ? 's' : ''} ${indexes.map(id).join(', ')}`
  switch (fault.kind) {
    case 'partition':
      return `partition ${fault.sides.map(side => `{${side.map(id).join(' ')}}`).join(' | ')} for ${ms(fault.forMs)}`
    case 'cut':
      return `${id(fault.to)} no longer hears ${id(fault.from)} for ${ms(fault.forMs)}`
    case 'freeze':
      return `the path from ${id(fault.from)} to ${id(fault.to)} is frozen for ${ms(fault.forMs)}`
    case 'clog':
      return `the path from ${id(fault.from)} to ${id(fault.to)} is clogged for ${ms(fault.forMs)}`
    case 'swizzle':
      return (
        `${named(fault.hosts)} clogged one by one every ${ms(fault.everyMs)}, ` +
        `and after ${ms(fault.forMs)} unclogged: ${fault.back.map(id).join(', ')}`
      )
    case 'latency':
      return `${ms(fault.extraMs)} more delay from ${id(fault.from)} to ${id(fault.to)} for ${ms(fault.forMs)}`
    case 'bandwidth':
      return (
        `${fault.bytesPerMs.toFixed(0)} bytes/ms at most leave ${named(fault.hosts)}, ` +
        `the queue holds ${fault.queueBytes} bytes, for ${ms(fault.forMs)}`
      )
    case 'mtu':
      return `no datagram over ${fault.bytes} bytes passes between ${fault.hosts.map(id).join(' and ')} for ${ms(fault.forMs)}`
    case 'overflow':
      return (
        `node ${id(fault.host)} takes ${fault.readMs.toFixed(2)} ms to read a datagram, ` +
        `its socket holds ${fault.bufferBytes} bytes, for ${ms(fault.forMs)}`
      )
    case 'pause':
      return `node ${id(fault.host)} is stopped for ${ms(fault.forMs)}`
    case 'crash':
      return `node ${id(fault.host)} crashes${fault.disk === undefined ? '' : `, ${describeDamage(fault.disk)}`}, down for ${ms(fault.forMs)}`
    case 'leave':
      return `node ${id(fault.host)} leaves, down for ${ms(fault.forMs)}`
    case 'interface':
      return `the interface of node ${id(fault.host)} changes`
  }
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}
