// What the configuration says about votes (spec: services 4.3). In: the configuration map. Out: settings, or why there can be
// none: at start that ends the daemon, at run time the old ones stay, or what contradicts the rest is switched off. Must
// not know: who is a member, how votes are counted.

import type { LogLevel } from '../../log/types.js'
import type { LiveMap } from '../cmap/live-map.js'

export type TieBreakerKind = 'none' | 'lowest' | 'highest' | 'list'

/** Who decides when exactly half of the votes are here. */
export interface TieBreaker {
  readonly kind: TieBreakerKind
  /** For `list`: in order of preference. */
  readonly nodes: readonly number[]
}

/** What is read once, at start. Programs cannot write these keys while the daemon runs. */
export interface Features {
  /** Undefined when not given: then as two_node. */
  readonly waitForAll: boolean | undefined
  readonly lastManStanding: boolean
  readonly lastManStandingWindowMs: number
  readonly tieBreaker: TieBreaker
  readonly allowDownscale: boolean
  readonly tracking: boolean
}

export interface DeviceSettings {
  readonly votes: number
  readonly timeoutMs: number
  readonly syncTimeoutMs: number
  /** False where the rest of the configuration does not go with a device: programs cannot register one. */
  readonly canOperate: boolean
}

export interface VoteSettings {
  /** Of this node. */
  readonly votes: number
  /** Of the whole cluster, as far as this node knows. */
  readonly expected: number
  readonly twoNode: boolean
  readonly waitForAll: boolean
  readonly tieBreaker: TieBreaker
  readonly device: DeviceSettings | undefined
}

export type SettingsResult =
  | { readonly ok: true; readonly settings: VoteSettings }
  /** `error` in the words of the C daemon. */
  | { readonly ok: false; readonly error: string }

/** What the evaluation needs to know besides the map. */
export interface SettingsContext {
  readonly features: Features
  /** Has the daemon been started with other settings before: contradictions are logged instead of ending it. */
  readonly running: boolean
  /** Highest expected votes ever, where that is tracked; else 0. */
  readonly trackingBarrier: number
  /** A program has registered a device. */
  readonly deviceRegistered: boolean
  readonly log: (level: LogLevel, message: string) => void
}

/** Keys that are read at start only. */
export const START_KEYS = [
  'quorum.wait_for_all',
  'quorum.last_man_standing',
  'quorum.last_man_standing_window',
  'quorum.auto_tie_breaker',
  'quorum.auto_tie_breaker_node',
  'quorum.allow_downscale',
  'quorum.expected_votes_tracking',
] as const

const LAST_MAN_STANDING_WINDOW_MS = 10_000
const DEVICE_TIMEOUT_MS = 10_000
const DEVICE_SYNC_TIMEOUT_MS = 30_000
const NODE_VOTES = 1
/** Fewer votes than these beside those of a device are no cluster. */
const VOTES_BESIDE_DEVICE_MIN = 2
const NO_TIE_BREAKER: TieBreaker = { kind: 'none', nodes: [] }

const NODE_PREFIX = 'nodelist.node.'

export function readFeatures(map: LiveMap, log: SettingsContext['log']): Features {
  const allowDownscale = flag(map, 'quorum.allow_downscale')
  const waitForAll = map.getNumber('quorum.wait_for_all', 'u8')
  return {
    waitForAll: waitForAll === undefined ? undefined : waitForAll !== 0,
    lastManStanding: flag(map, 'quorum.last_man_standing'),
    lastManStandingWindowMs: map.getNumber('quorum.last_man_standing_window', 'u32') ?? LAST_MAN_STANDING_WINDOW_MS,
    tieBreaker: readTieBreaker(map, log),
    allowDownscale,
    tracking: allowDownscale || flag(map, 'quorum.expected_votes_tracking'),
  }
}

/** The settings that the map says now, in the order of evaluation of the C daemon. */
export function readSettings(map: LiveMap, context: SettingsContext): SettingsResult {
  const { features, running, log } = context
  const nodes = readNodeList(map)
  const expectedGiven = map.getNumber('quorum.expected_votes', 'u32') ?? 0
  if (nodes === undefined && expectedGiven === 0) {
    return { ok: false, error: 'configuration error: nodelist or quorum.expected_votes must be configured!' }
  }
  const objections: string[] = []
  const deviceConfigured = (map.getString('quorum.device.model') ?? '') !== ''
  let canOperate = true

  let twoNode = flag(map, 'quorum.two_node')
  if (twoNode && deviceConfigured) {
    const error = 'configuration error: two_node and quorum device cannot be configured at the same time!'
    if (!running) return { ok: false, error }
    log('crit', error)
    if (context.deviceRegistered) {
      log('crit', 'quorum device is registered, disabling two_node')
      twoNode = false
    } else {
      log('crit', 'quorum device is not registered, allowing two_node')
      canOperate = false
    }
  }

  const waitForAll = features.waitForAll ?? twoNode
  let { tieBreaker } = features
  if (twoNode && tieBreaker.kind !== 'none') {
    log('crit', 'two_node and auto_tie_breaker are both specified but are not compatible.')
    log('crit', 'two_node has been disabled, please fix your corosync.conf')
    twoNode = false
  }
  if (tieBreaker.kind !== 'none' && (nodes?.sum ?? 0) % 2 === 1 && !waitForAll) {
    if (features.lastManStanding) {
      for (const line of TIE_BREAKER_REFUSED) log('crit', line)
      const error = 'configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster'
      if (!running) return { ok: false, error }
    } else {
      for (const line of TIE_BREAKER_DISABLED) log('crit', line)
    }
    tieBreaker = NO_TIE_BREAKER
  }

  const deviceVotesGiven = map.getNumber('quorum.device.votes', 'u32')
  const equalVotes = nodes?.equal ?? false
  if (deviceConfigured) {
    if (features.lastManStanding) objections.push('quorum.device is not compatible with last_man_standing')
    if (tieBreaker.kind !== 'none') objections.push('quorum.device is not compatible with auto_tie_breaker')
    if (features.allowDownscale) objections.push('quorum.device is not compatible with allow_downscale')
    if (deviceVotesGiven === undefined) {
      if (expectedGiven > 0) {
        objections.push('quorum.device.votes must be specified when quorum.expected_votes is set')
      } else if (!equalVotes) {
        objections.push('quorum.device.votes must be specified when not all nodes votes 1')
      }
    } else if (
      deviceVotesGiven > 0 &&
      expectedGiven > 0 &&
      expectedGiven - deviceVotesGiven < VOTES_BESIDE_DEVICE_MIN
    ) {
      objections.push('quorum.device.votes is too high or expected_votes is too low')
    }
  }
  for (const objection of objections) {
    const error = `configuration error: ${objection}`
    if (!running) return { ok: false, error }
    log('crit', error)
    log('crit', 'disabling quorum device operations')
    canOperate = false
  }

  let expected = expectedGiven > 0 ? expectedGiven : (nodes?.sum ?? 0)
  let deviceVotes = deviceConfigured ? (deviceVotesGiven ?? 0) : 0
  if (deviceConfigured && deviceVotesGiven === undefined && expectedGiven === 0 && nodes !== undefined && equalVotes) {
    deviceVotes = nodes.count - 1
    expected = nodes.count + deviceVotes
  }
  // The C daemon takes what it remembers instead of what is configured. Its manual says minimum, which is safe too.
  if (features.tracking) expected = Math.max(expected, context.trackingBarrier)
  log(
    'debug',
    `ev_tracking=${features.tracking ? 1 : 0}, ev_tracking_barrier = ${context.trackingBarrier}: expected_votes = ${expected}`,
  )

  const device: DeviceSettings | undefined = deviceConfigured
    ? {
        votes: deviceVotes,
        timeoutMs: map.getNumber('quorum.device.timeout', 'u32') ?? DEVICE_TIMEOUT_MS,
        syncTimeoutMs: map.getNumber('quorum.device.sync_timeout', 'u32') ?? DEVICE_SYNC_TIMEOUT_MS,
        canOperate,
      }
    : undefined
  const votes = nodes === undefined ? (map.getNumber('quorum.votes', 'u32') ?? NODE_VOTES) : nodes.own
  return { ok: true, settings: { votes, expected, twoNode, waitForAll, tieBreaker, device } }
}

const TIE_BREAKER_DISABLED = [
  'auto_tie_breaker is set and the cluster has an odd number of nodes.',
  'wait_for_all needs to be set for this configuration but it is missing',
  'Therefore auto_tie_breaker has been disabled. Please fix your corosync.conf',
]
const TIE_BREAKER_REFUSED = [
  'auto_tie_breaker is set, the cluster has an odd number of nodes',
  'and last_man_standing is also set. With this situation a better',
  'solution would be to disable LMS, leave ATB enabled, and also',
  'enable wait_for_all (mandatory for ATB in odd-numbered clusters).',
]

interface NodeListVotes {
  readonly count: number
  readonly sum: number
  readonly own: number
  /** Every node has one vote. */
  readonly equal: boolean
}

/** Undefined without a node list that has this node in it. */
function readNodeList(map: LiveMap): NodeListVotes | undefined {
  const position = map.getNumber('nodelist.local_node_pos', 'u32')
  if (position === undefined) return undefined
  const positions = new Set<string>()
  for (const key of map.keys(NODE_PREFIX)) {
    const end = key.indexOf('.', NODE_PREFIX.length)
    if (end > 0) positions.add(key.slice(NODE_PREFIX.length, end))
  }
  let sum = 0
  let own = NODE_VOTES
  let equal = true
  for (const name of positions) {
    const votes = map.getNumber(`${NODE_PREFIX}${name}.quorum_votes`, 'u32') ?? NODE_VOTES
    sum += votes
    if (votes !== 1) equal = false
    if (Number(name) === position) own = votes
  }
  return { count: positions.size, sum, own, equal }
}

function readTieBreaker(map: LiveMap, log: SettingsContext['log']): TieBreaker {
  const text = map.getString('quorum.auto_tie_breaker_node')
  if (!flag(map, 'quorum.auto_tie_breaker')) {
    if (text !== undefined) log('warning', 'auto_tie_breaker_node: is meaningless if auto_tie_breaker is set to 0')
    return NO_TIE_BREAKER
  }
  const wish = text?.trim() ?? 'lowest'
  if (wish === 'lowest' || wish === 'highest') return { kind: wish, nodes: [] }
  const nodes = wish.split(/\s+/).map(Number)
  if (nodes.every(isNodeId)) return { kind: 'list', nodes }
  log(
    'warning',
    "auto_tie_breaker_nodes is not valid. It must be 'lowest', 'highest' or a space-separated list of node IDs. auto_tie_breaker is disabled",
  )
  return NO_TIE_BREAKER
}

function isNodeId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id <= 0xffff_ffff
}

function flag(map: LiveMap, key: string): boolean {
  return (map.getNumber(key, 'u8') ?? 0) !== 0
}
