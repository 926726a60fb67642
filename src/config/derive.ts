// The values that follow from others: token timers, heartbeat, frame size (spec: config 11, totem 4.14 and 6.3). Numbers in,
// numbers out, and the checks of 12.1 step 13 in the order of the reference.

import type { TotemParameters } from '../totem/parameters.js'
import { schemaOf } from './keys.js'
import { PARSE_ERROR, type Settings } from './settings.js'
import type { AddressFamily, Transport, ValueOrigin } from './types.js'

/** The effective values that the daemon publishes under `runtime.config.totem.`, all u32. */
export interface TotemTimers {
  readonly token: number
  readonly tokenWarning: number
  readonly tokenRetransmitsBeforeLoss: number
  readonly tokenRetransmit: number
  readonly hold: number
  readonly join: number
  readonly sendJoin: number
  readonly consensus: number
  readonly merge: number
  readonly downcheck: number
  readonly failRecvConst: number
  readonly seqnoUnchangedConst: number
  readonly heartbeatFailuresAllowed: number
  readonly maxNetworkDelay: number
  readonly windowSize: number
  readonly maxMessages: number
  readonly missCountConst: number
  readonly blockUnlistedIps: boolean
  readonly cancelTokenHoldOnRetransmit: boolean
}

const U32_MAX = 0xffffffff
/** Bytes of an IPv6 and UDP header. */
const IPV6_UDP_HEADER = 48
export const NETMTU_UDP = 1500
export const NETMTU_KNET = 65536

/** `nodes`: how many have an address on link 0; 0 when link 0 is unused. */
export function deriveTimers(settings: Settings, nodes: number): TotemTimers {
  const number = (name: string) => settings.number(`totem.${name}`)
  const given = (name: string) => settings.givenNumber(`totem.${name}`)
  const yes = (name: string) => {
    const word = settings.text(`totem.${name}`)
    return word === 'yes' || (word !== 'no' && settings.default(`totem.${name}`) === 'yes')
  }
  const coefficient = settings.number('totem.token_coefficient')
  const base = number('token')
  const token = bounded(nodes > 2 ? base + (nodes - 2) * coefficient : base)
  const retransmits = number('token_retransmits_before_loss_const')
  const tokenRetransmit = given('token_retransmit') ?? Math.trunc(token / (retransmits + 0.2))
  return {
    token,
    tokenWarning: number('token_warning'),
    tokenRetransmitsBeforeLoss: retransmits,
    tokenRetransmit,
    hold: given('hold') ?? Math.max(0, Math.trunc(tokenRetransmit * 0.8 - 10)),
    join: number('join'),
    sendJoin: number('send_join'),
    // The reference computes in single precision.
    consensus: given('consensus') ?? bounded(Math.trunc(Math.fround(1.2 * token))),
    merge: number('merge'),
    downcheck: number('downcheck'),
    failRecvConst: number('fail_recv_const'),
    seqnoUnchangedConst: number('seqno_unchanged_const'),
    heartbeatFailuresAllowed: number('heartbeat_failures_allowed'),
    maxNetworkDelay: number('max_network_delay'),
    windowSize: number('window_size'),
    maxMessages: number('max_messages'),
    missCountConst: number('miss_count_const'),
    blockUnlistedIps: yes('block_unlisted_ips'),
    cancelTokenHoldOnRetransmit: yes('cancel_token_hold_on_retransmit'),
  }
}

function bounded(value: number): number {
  return Math.min(value, U32_MAX)
}

/** Ends the validation at the first timer that does not fit. */
export function checkTimers(settings: Settings, timers: TotemTimers): void {
  const atLeast = (name: string, value: number) => {
    const key = `totem.${name}`
    const rule = schemaOf(key).timer
    if (rule === undefined || value >= rule.min) return
    settings.fail(
      key,
      `${PARSE_ERROR}The ${rule.name} parameter (${value} ms) may not be less than (${rule.min} ms).`,
      settings.origins.has(key) ? `at least ${rule.min}, or left out` : `it follows from totem.token; raise that`,
    )
  }
  atLeast('max_network_delay', timers.maxNetworkDelay)
  atLeast('token', timers.token)
  if (timers.tokenWarning > 100) {
    settings.fail(
      'totem.token_warning',
      `${PARSE_ERROR}The token warning parameter (${timers.tokenWarning}%) must be between 0 (disabled) and 100.`,
      'a percentage from 1 to 100, or 0 for none',
    )
  }
  const retransmitGiven = settings.givenNumber('totem.token_retransmit') !== undefined
  if (!retransmitGiven && timers.tokenRetransmit < (schemaOf('totem.token_retransmit').timer?.min ?? 0)) {
    const key = settings.origins.has('totem.token') ? 'totem.token' : 'totem.token_retransmits_before_loss_const'
    settings.fail(
      key,
      `${PARSE_ERROR}Not appropriate token or token_retransmits_before_loss_const value set`,
      `token / (token_retransmits_before_loss_const + 0.2) has to be at least 30 ms, but is ${timers.tokenRetransmit} ms; ` +
        `raise token to ${Math.ceil(30 * (timers.tokenRetransmitsBeforeLoss + 0.2))} or more`,
    )
  }
  atLeast('token_retransmit', timers.tokenRetransmit)
  atLeast('hold', timers.hold)
  atLeast('join', timers.join)
  atLeast('consensus', timers.consensus)
  if (timers.consensus < timers.join) {
    const key = settings.origins.has('totem.consensus') ? 'totem.consensus' : 'totem.join'
    settings.fail(
      key,
      `${PARSE_ERROR}The consensus timeout parameter (${timers.consensus} ms) may not be less than join timeout (${timers.join} ms).`,
      `lower totem.join, or raise totem.consensus to at least ${timers.join}`,
    )
  }
  atLeast('merge', timers.merge)
  atLeast('downcheck', timers.downcheck)
}

/** Heartbeat timeout in ms; 0 when the mechanism is off or would be slower than the token itself. */
export function heartbeatTimeout(timers: TotemTimers): number {
  if (timers.heartbeatFailuresAllowed === 0) return 0
  const timeout = timers.heartbeatFailuresAllowed * timers.tokenRetransmit + timers.maxNetworkDelay
  return timeout < timers.token ? timeout : 0
}

export function warnAboutHeartbeat(settings: Settings, timers: TotemTimers): void {
  if (timers.heartbeatFailuresAllowed === 0 || heartbeatTimeout(timers) > 0) return
  const total = timers.heartbeatFailuresAllowed * timers.tokenRetransmit + timers.maxNetworkDelay
  settings.warn(
    `total heartbeat_timeout (${total} ms) is not less than token timeout (${timers.token} ms): ` +
      'heartbeat_timeout = heartbeat_failures_allowed * token_retransmit_timeout + max_network_delay. Heartbeat is disabled!!',
    'totem.heartbeat_failures_allowed',
  )
}

export function netMtuOf(settings: Settings, transport: Transport): number {
  return settings.givenNumber('totem.netmtu') ?? (transport === 'knet' ? NETMTU_KNET : NETMTU_UDP)
}

export function totemParameters(
  timers: TotemTimers,
  netMtu: number,
  transport: Transport,
  family: AddressFamily,
): TotemParameters {
  return {
    tokenTimeoutMs: timers.token,
    tokenWarningMs: Math.trunc((timers.token * timers.tokenWarning) / 100),
    tokenRetransmitMs: timers.tokenRetransmit,
    holdMs: timers.hold,
    joinMs: timers.join,
    consensusMs: timers.consensus,
    mergeMs: timers.merge,
    downcheckMs: timers.downcheck,
    sendJoinMs: timers.sendJoin,
    heartbeatMs: heartbeatTimeout(timers),
    failRecvConst: timers.failRecvConst,
    seqnoUnchangedConst: timers.seqnoUnchangedConst,
    windowSize: timers.windowSize,
    maxMessages: timers.maxMessages,
    missCountConst: timers.missCountConst,
    cancelTokenHoldOnRetransmit: timers.cancelTokenHoldOnRetransmit,
    // A full frame fits an IPv4 packet of the MTU. With the longer headers of IPv6 every full frame would be cut in two, so
    // frames are made that much shorter.
    netMtu: transport !== 'knet' && family === 6 ? netMtu - IPV6_UDP_HEADER : netMtu,
  }
}

/** Publishes the effective values, and lists them for `-t -v`. */
export function publishTimers(settings: Settings, timers: TotemTimers, nodes: number): void {
  const u32 = (name: string, value: number) =>
    settings.write(`runtime.config.totem.${name}`, { type: 'u32', value: bounded(value) })
  const note = (name: string, value: number, unit: string, derived?: string) => {
    u32(name, value)
    const key = `totem.${name}`
    const own = settings.numberOrigin(key)
    const origin: ValueOrigin =
      own.kind === 'default' && derived !== undefined ? { kind: 'derived', from: derived } : own
    settings.note(key, unit === '' ? value : `${value} ${unit}`, origin)
  }
  const coefficient = settings.number('totem.token_coefficient')
  const base = settings.number('totem.token')
  u32('token', timers.token)
  if (nodes > 2 && coefficient > 0) {
    const from = `totem.token ${base} + ${nodes - 2} x totem.token_coefficient ${coefficient}`
    settings.note('totem.token', `${timers.token} ms`, { kind: 'derived', from })
  } else settings.note('totem.token', `${timers.token} ms`, settings.numberOrigin('totem.token'))
  note('token_warning', timers.tokenWarning, '% of token')
  note('token_retransmits_before_loss_const', timers.tokenRetransmitsBeforeLoss, '')
  note(
    'token_retransmit',
    timers.tokenRetransmit,
    'ms',
    `totem.token ${timers.token} / (token_retransmits_before_loss_const ${timers.tokenRetransmitsBeforeLoss} + 0.2)`,
  )
  note('hold', timers.hold, 'ms', `totem.token_retransmit ${timers.tokenRetransmit} x 0.8 - 10`)
  note('join', timers.join, 'ms')
  note('send_join', timers.sendJoin, 'ms')
  note('consensus', timers.consensus, 'ms', `totem.token ${timers.token} x 1.2`)
  note('merge', timers.merge, 'ms')
  note('downcheck', timers.downcheck, 'ms')
  note('fail_recv_const', timers.failRecvConst, '')
  note('seqno_unchanged_const', timers.seqnoUnchangedConst, '')
  note('heartbeat_failures_allowed', timers.heartbeatFailuresAllowed, '')
  note('max_network_delay', timers.maxNetworkDelay, 'ms')
  note('window_size', timers.windowSize, 'messages')
  note('max_messages', timers.maxMessages, 'messages')
  note('miss_count_const', timers.missCountConst, '')
  const flag = (name: string, value: boolean) => {
    u32(name, value ? 1 : 0)
    settings.note(`totem.${name}`, value ? 'yes' : 'no')
  }
  flag('block_unlisted_ips', timers.blockUnlistedIps)
  flag('cancel_token_hold_on_retransmit', timers.cancelTokenHoldOnRetransmit)
  u32('knet_pmtud_interval', settings.number('totem.knet_pmtud_interval'))
  u32('knet_mtu', settings.number('totem.knet_mtu'))
  u32('knet_compression_threshold', settings.number('totem.knet_compression_threshold'))
  const level = settings.number('totem.knet_compression_level')
  settings.write('runtime.config.totem.knet_compression_level', { type: 'i32', value: level })
  const model = settings.text('totem.knet_compression_model')
  settings.write('runtime.config.totem.knet_compression_model', { type: 'str', value: model })
}
