// What fills the map of statistics: the ring's counters, programs, turns that were missed.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CountedConnection, ProgramStats } from '../../../../src/services/cmap/program-stats.js'
import { defineRingStats } from '../../../../src/services/cmap/ring-stats.js'
import { SCHEDULE_MISSES_MAX, ScheduleMisses } from '../../../../src/services/cmap/schedule-misses.js'
import { StatsMap } from '../../../../src/services/cmap/stats-map.js'
import { CsError } from '../../../../src/services/errors.js'
import { createTotemStats } from '../../../../src/totem/events.js'
import { TokenSamples } from '../../../../src/totem/token-samples.js'

const keys = (stats: StatsMap) => {
  const found: string[] = []
  for (let key = stats.nextKey('', undefined); key !== undefined; key = stats.nextKey('', key)) found.push(key)
  return found
}
const text = (stats: StatsMap, key: string) => {
  const value = stats.get(key)
  return value === undefined ? undefined : `${value.type} ${value.value}`
}

describe('statistics of the ring', () => {
  const ring = (now: number) => {
    const map = new StatsMap()
    const stats = createTotemStats()
    const failures = { value: 0 }
    const source = { stats, meanTokenIntervalMs: 12.6, meanBacklog: 3.2, available: () => 2972 }
    defineRingStats(map, { ring: source, now: () => now, sendFailures: () => failures.value })
    return { map, stats, failures }
  }

  it('are those of the C daemon, by name and type', () => {
    const { map, stats } = ring(1000)
    Object.assign(stats, { mcast_tx: 7, token_last_received: 958.4, continuous_gather: 2 })
    assert.deepEqual(
      keys(map).map(key => `${key} ${text(map, key)}`),
      [
        'stats.pg.msg_queue_avail u32 2972',
        'stats.pg.msg_reserved u32 0',
        'stats.srp.avg_backlog_calc u32 3',
        'stats.srp.avg_token_workload u32 0',
        'stats.srp.commit_entered u64 0',
        'stats.srp.commit_token_lost u64 0',
        'stats.srp.consensus_timeouts u64 0',
        'stats.srp.continuous_gather u32 2',
        'stats.srp.continuous_sendmsg_failures u32 0',
        'stats.srp.firewall_enabled_or_nic_failure u8 0',
        'stats.srp.gather_entered u64 0',
        'stats.srp.gather_token_lost u64 0',
        'stats.srp.mcast_retx u64 0',
        'stats.srp.mcast_rx u64 0',
        'stats.srp.mcast_tx u64 7',
        'stats.srp.memb_commit_token_rx u64 0',
        'stats.srp.memb_commit_token_tx u64 0',
        'stats.srp.memb_join_rx u64 0',
        'stats.srp.memb_join_tx u64 0',
        'stats.srp.memb_merge_detect_rx u64 0',
        'stats.srp.memb_merge_detect_tx u64 0',
        'stats.srp.mtt_rx_token u32 13',
        'stats.srp.operational_entered u64 0',
        'stats.srp.operational_token_lost u64 0',
        'stats.srp.orf_token_rx u64 0',
        'stats.srp.orf_token_tx u64 0',
        'stats.srp.recovery_entered u64 0',
        'stats.srp.recovery_token_lost u64 0',
        'stats.srp.rx_msg_dropped u64 0',
        'stats.srp.time_since_token_last_received u64 42',
        'stats.srp.token_hold_cancel_rx u64 0',
        'stats.srp.token_hold_cancel_tx u64 0',
      ],
    )
  })

  it('say that the network does not work after more than 3 gatherings or 30 failed sends in a row', () => {
    const { map, stats, failures } = ring(0)
    const broken = () => text(map, 'stats.srp.firewall_enabled_or_nic_failure')
    stats.continuous_gather = 3
    failures.value = 30
    assert.equal(broken(), 'u8 0')
    stats.continuous_gather = 4
    assert.equal(broken(), 'u8 1')
    stats.continuous_gather = 0
    failures.value = 31
    assert.equal(broken(), 'u8 1')
  })

  it('begin anew when they are cleared, but for what describes the present', () => {
    const { map, stats } = ring(100)
    Object.assign(stats, { mcast_tx: 7, token_last_received: 90, continuous_gather: 2 })
    assert.equal(map.set('stats.clear.totem'), CsError.OK)
    assert.equal(text(map, 'stats.srp.mcast_tx'), 'u64 0')
    assert.equal(text(map, 'stats.srp.continuous_gather'), 'u32 2')
    assert.equal(text(map, 'stats.srp.time_since_token_last_received'), 'u64 10')
  })

  it('have the mean of the last hundred tokens', () => {
    const samples = new TokenSamples()
    assert.deepEqual([samples.meanIntervalMs, samples.meanBacklog], [0, 0])
    samples.add(1000, 10)
    assert.deepEqual([samples.meanIntervalMs, samples.meanBacklog], [0, 10])
    for (let i = 1; i <= 50; i++) samples.add(1000 + 4 * i, 0)
    assert.equal(samples.meanIntervalMs, 4)
    for (let i = 1; i <= 100; i++) samples.add(1200 + 7 * i, i)
    assert.deepEqual([samples.meanIntervalMs, samples.meanBacklog], [7, 50.5])
  })
})

describe('statistics of programs', () => {
  const connection = (serial: number): CountedConnection => ({
    serial,
    serviceId: 2,
    pid: 4711,
    statistics: {
      processName: 'corosync-cmapct',
      queueing: 1,
      queued: 2,
      invalidRequest: 3,
      overload: 4,
      sent: 5,
      requests: 6,
      responses: 7,
      dispatched: 8,
      sendRetries: 9,
      receiveRetries: 10,
      flowControl: 11,
      flowControlCount: 12,
    },
  })

  it('come and go with them', () => {
    const stats = new StatsMap()
    let cleared = 0
    const programs = new ProgramStats(stats, { activeCount: 1, closedCount: 9, clearStatistics: () => cleared++ })
    const global = ['stats.ipcs.global.active', 'stats.ipcs.global.closed']
    programs.connected(connection(26))
    assert.deepEqual(
      keys(stats).map(key => `${key} ${text(stats, key)}`),
      [
        'stats.ipcs.global.active u64 1',
        'stats.ipcs.global.closed u64 9',
        'stats.ipcs.service2.4711.0x1a.dispatched u64 8',
        'stats.ipcs.service2.4711.0x1a.flow_control u32 11',
        'stats.ipcs.service2.4711.0x1a.flow_control_count u64 12',
        'stats.ipcs.service2.4711.0x1a.invalid_request u64 3',
        'stats.ipcs.service2.4711.0x1a.overload u64 4',
        'stats.ipcs.service2.4711.0x1a.procname str corosync-cmapct',
        'stats.ipcs.service2.4711.0x1a.queued u32 2',
        'stats.ipcs.service2.4711.0x1a.queueing i32 1',
        'stats.ipcs.service2.4711.0x1a.recv_retries u64 10',
        'stats.ipcs.service2.4711.0x1a.requests u64 6',
        'stats.ipcs.service2.4711.0x1a.responses u64 7',
        'stats.ipcs.service2.4711.0x1a.send_retries u64 9',
        'stats.ipcs.service2.4711.0x1a.sent u32 5',
      ],
    )
    programs.disconnected(connection(26))
    assert.deepEqual(keys(stats), global)
    stats.set('stats.clear.ipc')
    assert.equal(cleared, 1)
  })

  it('are announced in the order of the C daemon', () => {
    const stats = new StatsMap()
    const programs = new ProgramStats(stats, { activeCount: 0, closedCount: 0, clearStatistics() {} })
    const seen: string[] = []
    stats.track('stats.ipcs.', change => seen.push(`${change.event} ${change.key.split('.').at(-1)}`), {
      mask: 5,
      prefix: true,
    })
    programs.connected(connection(1))
    assert.deepEqual(seen.slice(0, 4), ['4 queueing', '4 queued', '4 invalid_request', '4 overload'])
    assert.equal(seen.length, 13)
    programs.disconnected(connection(1))
    assert.equal(seen.length, 26)
    assert.equal(seen[13], '1 queueing')
  })
})

describe('turns that the engine missed', () => {
  const start = (tokenTimeoutMs = 900) => {
    const map = new StatsMap()
    const logged: string[] = []
    let token = tokenTimeoutMs
    const misses = new ScheduleMisses({
      map,
      log: (level, subsystem, message) => logged.push(`${level} ${subsystem} ${message}`),
      tokenTimeoutMs: () => token,
      timeOfDay: () => 1_700_000_000_000.4,
    })
    misses.expire(5000)
    return {
      map,
      logged,
      misses,
      setToken: (ms: number) => {
        token = ms
      },
    }
  }

  it('are those of more than 0.8 token timeouts', () => {
    const { map, logged, misses } = start()
    assert.equal(misses.nextDeadline(), 5300)
    misses.expire(5299)
    misses.expire(5720)
    assert.deepEqual(keys(map), [])
    misses.expire(6441)
    assert.deepEqual(
      keys(map).map(key => `${key} ${text(map, key)}`),
      ['stats.schedmiss.0.delay flt 721', 'stats.schedmiss.0.timestamp u64 1700000000000'],
    )
    assert.deepEqual(logged, [
      'warning MAIN Corosync main process was not scheduled (@1700000000000) for 721.0000 ms (threshold is 720.0000 ms). Consider token timeout increase.',
    ])
  })

  it('are measured by the token timeout at the beginning of the interval', () => {
    const { logged, misses, setToken } = start()
    setToken(90)
    misses.expire(5500)
    assert.equal(logged.length, 0)
    assert.equal(misses.nextDeadline(), 5530)
    misses.expire(5573)
    assert.equal(logged.length, 1)
  })

  it('are kept newest first, ten of them, until they are cleared', () => {
    const { map, misses } = start()
    let now = 5000
    for (let i = 1; i <= SCHEDULE_MISSES_MAX + 2; i++) {
      now += 1000 + i
      misses.expire(now)
    }
    assert.equal(keys(map).length, 2 * SCHEDULE_MISSES_MAX)
    assert.equal(text(map, 'stats.schedmiss.0.delay'), 'flt 1012')
    assert.equal(text(map, 'stats.schedmiss.9.delay'), 'flt 1003')
    map.set('stats.clear.schedmiss')
    assert.deepEqual(keys(map), [])
    misses.expire(now + 2000)
    assert.equal(text(map, 'stats.schedmiss.0.delay'), 'flt 2000')
    assert.equal(keys(map).length, 2)
  })
})
