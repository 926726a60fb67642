// The statistics of the ring and of the packing of messages: stats.srp.* and stats.pg.* (spec: services 7.6, totem 4.16).
// In: the ring's counters. Out: keys of the map of statistics.

import type { MapValue } from '../../config/map.js'
import { CONTINUOUS_GATHER_MAX, clearTotemStats, type TotemStats } from '../../totem/events.js'
import type { StatsMap } from './stats-map.js'

/** Sends that failed in a row before people are told that the network does not work. */
export const SEND_FAILURES_MAX = 30

/** What is read of the ring. */
export interface RingStatsSource {
  readonly stats: TotemStats
  /** Of the last tokens: mean time between two, in ms; 0 while there were none. */
  readonly meanTokenIntervalMs: number
  /** Of the last tokens: messages that waited here when they left, on average. */
  readonly meanBacklog: number
  /** Free places in the queue of packets. */
  available(): number
}

export interface RingStatsOptions {
  readonly ring: RingStatsSource
  /** The node's time, ms. */
  readonly now: () => number
  /** Sends of the transport that failed in a row. */
  readonly sendFailures: () => number
}

const COUNTERS_U32 = ['continuous_gather'] as const satisfies readonly (keyof TotemStats)[]
/** Not a counter. */
const TIME: keyof TotemStats = 'token_last_received'

export function defineRingStats(map: StatsMap, { ring, now, sendFailures }: RingStatsOptions): void {
  const { stats } = ring
  for (const name of Object.keys(stats) as (keyof TotemStats)[]) {
    if (name === TIME) continue
    const small = (COUNTERS_U32 as readonly string[]).includes(name)
    map.define(`stats.srp.${name}`, small ? () => u32(stats[name]) : () => u64(stats[name]))
  }
  map.define('stats.srp.time_since_token_last_received', () =>
    u64(stats.token_last_received === 0 ? 0 : Math.max(0, Math.round(now() - stats.token_last_received))),
  )
  map.define('stats.srp.mtt_rx_token', () => u32(ring.meanTokenIntervalMs))
  // From the arrival of a token until it leaves the clock does not move here.
  map.define('stats.srp.avg_token_workload', () => u32(0))
  map.define('stats.srp.avg_backlog_calc', () => u32(ring.meanBacklog))
  map.define('stats.srp.continuous_sendmsg_failures', () => u32(sendFailures()))
  map.define('stats.srp.firewall_enabled_or_nic_failure', () => {
    const broken = stats.continuous_gather > CONTINUOUS_GATHER_MAX || sendFailures() > SEND_FAILURES_MAX
    return { type: 'u8', value: broken ? 1 : 0 }
  })
  map.define('stats.pg.msg_queue_avail', () => u32(Math.max(0, ring.available())))
  // Nothing is reserved here: a request of a program is looked at when there is room for what it may send.
  map.define('stats.pg.msg_reserved', () => u32(0))
  map.onClear('totem', () => clearTotemStats(stats))
}

function u32(value: number): MapValue {
  return { type: 'u32', value: Math.min(Math.round(value), 0xffffffff) }
}

function u64(value: number): MapValue {
  return { type: 'u64', value: BigInt(value) }
}
