// The format of a recording (docs/correctness.md, "Judging a real ring"): JSON Lines, a header and then one event per
// line, of one life of one recorder. Two kinds: an engine records packets and configurations, a member the messages of
// one group. In: events. Out: lines, and back. Knows nothing of files; what is wrong with a line is thrown as FormatError.

import type { RingIdentity } from '../totem/types.js'

export const FORMAT_NAME = 'corosync-trace'
export const FORMAT_VERSION = 1

interface CommonHeader {
  readonly node: number
  readonly pid: number
  /** Time of day at the start of this life, ms since 1970, on the clock of its host. */
  readonly started: number
}
export type Header = CommonHeader &
  ({ readonly recorder: 'engine' } | { readonly recorder: 'member'; readonly group: string })

/**
 * How a life ended. `left`: in order, out of the ring or the group. `settled`: the recording was ended while everything
 * that had been sent was delivered and nothing more was under way. `failed`: it could not go on.
 */
export type EndKind = 'left' | 'settled' | 'failed'

/** `t` is in ms since `started`, on a steady clock that means nothing to other recorders. */
interface Timed {
  readonly t: number
}
export interface EndEvent extends Timed {
  readonly event: 'end'
  readonly how: EndKind
  readonly reason?: string
}

export interface ConfigurationEvent extends Timed {
  readonly event: 'transitional' | 'regular'
  readonly ring: RingIdentity
  /** The regular configuration before; null for the first of all. */
  readonly previous: RingIdentity | null
  readonly members: readonly number[]
}
export interface NumberedEvent extends Timed {
  readonly event: 'numbered'
  readonly ring: RingIdentity
  readonly seq: number
  readonly hash: number
  readonly bytes: number
}
export interface DeliveredEvent extends Timed {
  readonly event: 'delivered'
  readonly ring: RingIdentity
  readonly seq: number
  readonly origin: number
  readonly hash: number
  readonly bytes: number
}
/** So many events were not recorded here. */
export interface GapEvent extends Timed {
  readonly event: 'gap'
  readonly lost: number
}
export type EngineEvent = ConfigurationEvent | NumberedEvent | DeliveredEvent | GapEvent | EndEvent

/** "node:pid". */
export type MemberName = string
/** A regular configuration, as the group service tells it. */
export interface RingEvent extends Timed {
  readonly event: 'ring'
  readonly ring: RingIdentity
  readonly members: readonly number[]
}
export interface MembershipEvent extends Timed {
  readonly event: 'membership'
  readonly members: readonly MemberName[]
  readonly left: readonly MemberReason[]
  readonly joined: readonly MemberReason[]
}
export interface MemberReason {
  readonly member: MemberName
  readonly reason: ReasonName
}
/** This member's message with that counter was accepted. */
export interface SentEvent extends Timed {
  readonly event: 'sent'
  readonly counter: number
  readonly hash: number
  readonly bytes: number
}
export interface MessageEvent extends Timed {
  readonly event: 'message'
  readonly sender: MemberName
  /** Null in messages that no recorder made. */
  readonly counter: number | null
  readonly hash: number
  readonly bytes: number
}
export type MemberEvent = RingEvent | MembershipEvent | SentEvent | MessageEvent | EndEvent

/** By their number in the C library. */
export const REASON_NAMES = ['undefined', 'join', 'leave', 'nodedown', 'nodeup', 'procdown'] as const
export type ReasonName = (typeof REASON_NAMES)[number]

/** "1.1c": node id of the representative, ring sequence number in hexadecimal, as daemons log it. */
export function ringName(ring: RingIdentity): string {
  return `${ring.nodeId}.${ring.seq.toString(16)}`
}

export function encodeHeader(header: Header): string {
  return JSON.stringify({ format: FORMAT_NAME, version: FORMAT_VERSION, ...header })
}

export function encodeEvent(event: EngineEvent | MemberEvent): string {
  // Microseconds are more than two hosts will ever agree on.
  const t = Math.round(event.t * 1000) / 1000
  switch (event.event) {
    case 'transitional':
    case 'regular':
      return JSON.stringify({
        t,
        event: event.event,
        ring: ringName(event.ring),
        previous: event.previous === null ? null : ringName(event.previous),
        members: event.members,
      })
    case 'ring':
      return JSON.stringify({ t, event: event.event, ring: ringName(event.ring), members: event.members })
    case 'numbered':
    case 'delivered': {
      const origin = event.event === 'delivered' ? `,"origin":${event.origin}` : ''
      // Two of these per packet: put together by hand.
      return (
        `{"t":${t},"event":"${event.event}","ring":"${ringName(event.ring)}","seq":${event.seq}${origin},` +
        `"hash":"${hashName(event.hash)}","bytes":${event.bytes}}`
      )
    }
    case 'sent':
    case 'message': {
      const { t: _, event: kind, hash, ...rest } = event
      return JSON.stringify({ t, event: kind, ...rest, hash: hashName(hash) })
    }
    default:
      return JSON.stringify({ ...event, t })
  }
}

function hashName(hash: number): string {
  return hash.toString(16).padStart(8, '0')
}

/** A line that is not as this file has it; the message says in which way. */
export class FormatError extends Error {}

/** The line may be the first half of one that was cut off. */
export class NotJsonError extends FormatError {}

/** The header that the line is; undefined when it is another object. Throws FormatError on what is neither. */
export function parseHeader(line: string): Header | undefined {
  const object = parseObject(line)
  if (object.format === undefined) return undefined
  if (object.format !== FORMAT_NAME) throw new FormatError(`its format is not ${FORMAT_NAME}`)
  if (object.version !== FORMAT_VERSION) {
    throw new FormatError(`version ${JSON.stringify(object.version)} of the format, not ${FORMAT_VERSION}`)
  }
  const common = { node: u32(object, 'node'), pid: whole(object, 'pid'), started: number(object, 'started') }
  switch (object.recorder) {
    case 'engine':
      return { recorder: 'engine', ...common }
    case 'member':
      return { recorder: 'member', ...common, group: string(object, 'group') }
    default:
      throw new FormatError(`there is no recorder ${JSON.stringify(object.recorder)}`)
  }
}

/** Throws FormatError. */
export function parseEngineEvent(line: string): EngineEvent {
  const object = parseObject(line)
  const t = number(object, 't')
  switch (object.event) {
    case 'transitional':
    case 'regular':
      return {
        t,
        event: object.event,
        ring: ring(object, 'ring'),
        previous: object.previous === null ? null : ring(object, 'previous'),
        members: nodeIds(object, 'members'),
      }
    case 'numbered':
      return { t, event: 'numbered', ring: ring(object, 'ring'), seq: u32(object, 'seq'), ...payload(object) }
    case 'delivered':
      return {
        t,
        event: 'delivered',
        ring: ring(object, 'ring'),
        seq: u32(object, 'seq'),
        origin: u32(object, 'origin'),
        ...payload(object),
      }
    case 'gap':
      return { t, event: 'gap', lost: whole(object, 'lost') }
    case 'end':
      return end(object, t)
    default:
      throw new FormatError(`an engine has no event ${JSON.stringify(object.event)}`)
  }
}

/** Throws FormatError. */
export function parseMemberEvent(line: string): MemberEvent {
  const object = parseObject(line)
  const t = number(object, 't')
  switch (object.event) {
    case 'ring':
      return { t, event: 'ring', ring: ring(object, 'ring'), members: nodeIds(object, 'members') }
    case 'membership':
      return {
        t,
        event: 'membership',
        members: list(object, 'members').map(memberName),
        left: list(object, 'left').map(memberReason),
        joined: list(object, 'joined').map(memberReason),
      }
    case 'sent':
      return { t, event: 'sent', counter: whole(object, 'counter'), ...payload(object) }
    case 'message':
      return {
        t,
        event: 'message',
        sender: memberName(object.sender),
        counter: object.counter === null ? null : whole(object, 'counter'),
        ...payload(object),
      }
    case 'end':
      return end(object, t)
    default:
      throw new FormatError(`a member has no event ${JSON.stringify(object.event)}`)
  }
}

type Fields = Readonly<Record<string, unknown>>

function parseObject(line: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new NotJsonError('not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FormatError('not a JSON object')
  return value as Fields
}

function wrong(name: string, value: unknown, expected: string): never {
  throw new FormatError(`${name} is ${value === undefined ? 'missing' : JSON.stringify(value)}, not ${expected}`)
}

function number(object: Fields, name: string): number {
  const value = object[name]
  return typeof value === 'number' ? value : wrong(name, value, 'a number')
}

function whole(object: Fields, name: string): number {
  const value = object[name]
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(name, value, 'a count')
}

function isU32(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff
}

function u32(object: Fields, name: string): number {
  const value = object[name]
  return isU32(value) ? value : wrong(name, value, 'a number of 32 bits')
}

function string(object: Fields, name: string): string {
  const value = object[name]
  return typeof value === 'string' ? value : wrong(name, value, 'a string')
}

function ring(object: Fields, name: string): RingIdentity {
  const value = object[name]
  const match = typeof value === 'string' ? /^(\d{1,10})\.([0-9a-f]{1,13})$/.exec(value) : null
  const nodeId = Number(match?.[1])
  return isU32(nodeId)
    ? { nodeId, seq: Number.parseInt(match![2]!, 16) }
    : wrong(name, value, 'a ring id such as "1.1c"')
}

function list(object: Fields, name: string): readonly unknown[] {
  const value = object[name]
  return Array.isArray(value) ? value : wrong(name, value, 'a list')
}

function nodeIds(object: Fields, name: string): readonly number[] {
  const value = list(object, name)
  return value.every(isU32) ? value : wrong(name, value, 'a list of node ids')
}

function memberName(value: unknown): MemberName {
  return typeof value === 'string' && /^\d+:\d+$/.test(value) ? value : wrong('a member', value, 'such as "1:4711"')
}

function memberReason(value: unknown): MemberReason {
  const { member, reason } = (value ?? {}) as Fields
  if (!REASON_NAMES.includes(reason as ReasonName)) wrong('reason', reason, `one of ${REASON_NAMES.join(', ')}`)
  return { member: memberName(member), reason: reason as ReasonName }
}

function payload(object: Fields): { hash: number; bytes: number } {
  const hash = object.hash
  if (typeof hash !== 'string' || !/^[0-9a-f]{8}$/.test(hash)) wrong('hash', hash, 'eight hexadecimal digits')
  return { hash: Number.parseInt(hash, 16), bytes: whole(object, 'bytes') }
}

function end(object: Fields, t: number): EndEvent {
  const { how, reason } = object
  if (how !== 'left' && how !== 'settled' && how !== 'failed') wrong('how', how, 'left, settled or failed')
  return { t, event: 'end', how, ...(reason === undefined ? {} : { reason: string(object, 'reason') }) }
}
