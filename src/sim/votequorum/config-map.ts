// A configuration of a history as the configuration map has it, and a reload of another one.

import type { MapValue } from '../../config/map.js'
import { LiveMap } from '../../services/cmap/live-map.js'
import { CsError } from '../../services/errors.js'
import type { ClusterConfig } from './history.js'

const RELOAD_IN_PROGRESS = 'config.totemconfig_reload_in_progress'
const RELOAD_STATUS = 'config.reload_status'
/** Written by programs, in no file. */
const CANCEL_KEY = 'quorum.cancel_wait_for_all'

/** The map of node `nodeId`. */
export function configMap(nodeId: number, config: ClusterConfig): LiveMap {
  const map = new LiveMap()
  for (const [key, value] of entries(nodeId, config)) map.set(key, value)
  return map
}

/** As the daemon reloads: services look when all of it is there. */
export function reload(map: LiveMap, nodeId: number, config: ClusterConfig): void {
  map.set(RELOAD_IN_PROGRESS, { type: 'u8', value: 1 })
  const wanted = new Map(entries(nodeId, config))
  for (const prefix of ['quorum.', 'nodelist.']) {
    for (const key of map.keys(prefix)) {
      if (!wanted.has(key) && key !== CANCEL_KEY) map.delete(key)
    }
  }
  for (const [key, value] of wanted) map.set(key, value)
  map.set(RELOAD_STATUS, { type: 'i32', value: CsError.OK })
  map.set(RELOAD_IN_PROGRESS, { type: 'u8', value: 0 })
}

function entries(nodeId: number, config: ClusterConfig): [string, MapValue][] {
  const found: [string, MapValue][] = []
  const u32 = (key: string, value: number | undefined) => {
    if (value !== undefined) found.push([key, { type: 'u32', value }])
  }
  const u8 = (key: string, value: boolean | undefined) => {
    if (value !== undefined) found.push([key, { type: 'u8', value: value ? 1 : 0 }])
  }
  const str = (key: string, value: string | undefined) => {
    if (value !== undefined) found.push([key, { type: 'str', value }])
  }
  str('quorum.provider', 'corosync_votequorum')
  u32('quorum.expected_votes', config.expectedVotes)
  u8('quorum.two_node', config.twoNode)
  u8('quorum.wait_for_all', config.waitForAll)
  u8('quorum.last_man_standing', config.lastManStanding)
  u32('quorum.last_man_standing_window', config.lastManStandingWindowMs)
  u8('quorum.auto_tie_breaker', config.tieBreaker === undefined ? undefined : true)
  const { tieBreaker } = config
  str('quorum.auto_tie_breaker_node', typeof tieBreaker === 'object' ? tieBreaker.join(' ') : tieBreaker)
  u8('quorum.allow_downscale', config.allowDownscale)
  u8('quorum.expected_votes_tracking', config.expectedVotesTracking)
  if (config.device !== undefined) {
    str('quorum.device.model', 'net')
    u32('quorum.device.votes', config.device.votes)
    u32('quorum.device.timeout', config.device.timeoutMs)
    u32('quorum.device.sync_timeout', config.device.syncTimeoutMs)
  }
  Object.entries(config.votes).forEach(([id, votes], position) => {
    u32(`nodelist.node.${position}.nodeid`, Number(id))
    if (votes !== 1) u32(`nodelist.node.${position}.quorum_votes`, votes)
    if (Number(id) === nodeId) u32('nodelist.local_node_pos', position)
  })
  return found
}
