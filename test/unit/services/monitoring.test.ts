// The services that watch the host, and the load generator that does not (spec: services 8, configuration 18).
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { LogSink } from '../../../src/log/types.js'
import { LiveMap } from '../../../src/services/cmap/live-map.js'
import { MonService } from '../../../src/services/mon/service.js'
import { PloadService } from '../../../src/services/pload/service.js'
import { WATCHED_MAX, WdService } from '../../../src/services/wd/service.js'

const str = (value: string) => ({ type: 'str', value }) as const
const u64 = (value: number) => ({ type: 'u64', value: BigInt(value) }) as const
const MS = 1e6

let map: LiveMap
let logged: string[]
const host = { memory: 40, load: 1.25, ns: 0n }
const readings = {
  timeOfDayMs: () => 0,
  monotonicNs: () => host.ns,
  memoryUsedPercent: () => host.memory,
  load15: () => host.load,
}
const log: LogSink = (level, subsystem, message) => {
  logged.push(`${level} ${subsystem} ${message}`)
}

beforeEach(() => {
  map = new LiveMap()
  logged = []
  Object.assign(host, { memory: 40, load: 1.25, ns: 0n })
})

describe('the monitor of resources', () => {
  const values = (name: string) =>
    map
      .keys(`resources.system.${name}.`)
      .map(key => `${key.split('.')[3]} ${map.get(key)?.type} ${map.get(key)?.value}`)

  it('stands still without a limit', () => {
    const mon = new MonService({ map, log, readings })
    assert.deepEqual(values('memory_used'), [
      'current i32 0',
      'last_updated u64 0',
      'poll_period u64 3000',
      'state str stopped',
    ])
    assert.deepEqual(values('load_15min'), [
      'current dbl 0',
      'last_updated u64 0',
      'poll_period u64 3000',
      'state str stopped',
    ])
    assert.equal(mon.nextDeadline(), Number.POSITIVE_INFINITY)
    assert.deepEqual(logged, [])
  })

  it('reads at once when there is a limit, then in every period', () => {
    const mon = new MonService({ map, log, readings })
    map.set('resources.system.memory_used.max', str('50'))
    host.ns = 77n
    assert.ok(mon.nextDeadline() <= 0)
    mon.expire(10_000)
    assert.deepEqual(values('memory_used'), [
      'current u32 40',
      'last_updated u64 77',
      'max str 50',
      'poll_period u64 3000',
      'state str running',
    ])
    assert.equal(mon.nextDeadline(), 13_000)
    host.memory = 45
    mon.expire(12_999)
    assert.equal(map.getNumber('resources.system.memory_used.current', 'u32'), 40)
    mon.expire(13_000)
    assert.equal(map.getNumber('resources.system.memory_used.current', 'u32'), 45)
    assert.deepEqual(logged, ['info MON Fsm:memory_used event "config_changed", state "stopped" --> "running"'])
  })

  it('sees at once that a long text is no limit', () => {
    const mon = new MonService({ map, log, readings })
    const began = performance.now()
    map.set('resources.system.load_15min.max', str(`${'1'.repeat(16_383)}x`))
    // Two seconds where every split of the digits is tried; a ring does not wait that long for its token.
    assert.ok(performance.now() - began < 200)
    assert.equal(mon.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('begins with the limit of the file, and takes the period that is set later', () => {
    map.set('resources.system.load_15min.max', str('8.56'))
    map.set('resources.system.load_15min.poll_period', u64(7000))
    const mon = new MonService({ map, log, readings })
    mon.expire(0)
    assert.equal(map.getNumber('resources.system.load_15min.current', 'dbl'), 1.25)
    assert.equal(mon.nextDeadline(), 3000)
    map.set('resources.system.load_15min.poll_period', u64(500))
    mon.expire(100)
    assert.equal(mon.nextDeadline(), 600)
    map.set('resources.system.load_15min.poll_period', u64(499))
    map.set('resources.system.load_15min.poll_period', u64(120_001))
    mon.expire(600)
    assert.equal(mon.nextDeadline(), 1100)
  })

  it('fails above the limit and stays so until the limit is set anew', () => {
    const mon = new MonService({ map, log, readings })
    map.set('resources.system.load_15min.max', str('2'))
    host.load = 2
    mon.expire(0)
    assert.equal(map.getString('resources.system.load_15min.state'), 'running', 'not above')
    host.load = 2.1
    mon.expire(3000)
    assert.equal(map.getString('resources.system.load_15min.state'), 'failed')
    host.load = 1
    mon.expire(6000)
    assert.equal(map.getString('resources.system.load_15min.state'), 'failed')
    map.set('resources.system.load_15min.max', str('3'))
    mon.expire(6001)
    assert.equal(map.getString('resources.system.load_15min.state'), 'running')
    assert.deepEqual(
      logged.map(line => line.replace(/.*event /, '')),
      [
        '"config_changed", state "stopped" --> "running"',
        '"failure", state "running" --> "failed"',
        '"config_changed", state "failed" --> "running"',
      ],
    )
  })

  it('stops when the limit goes or is no number', () => {
    const mon = new MonService({ map, log, readings })
    for (const end of [
      () => map.delete('resources.system.load_15min.max'),
      () => map.set('resources.system.load_15min.max', str('abc')),
      () => map.set('resources.system.load_15min.max', { type: 'u32', value: 5 }),
    ]) {
      map.set('resources.system.load_15min.max', str(' 5 '))
      mon.expire(0)
      assert.equal(map.getString('resources.system.load_15min.state'), 'running')
      end()
      assert.equal(map.getString('resources.system.load_15min.state'), 'stopped')
      assert.equal(mon.nextDeadline(), Number.POSITIVE_INFINITY)
    }
  })

  it('stands still where nothing can be read', () => {
    const mon = new MonService({ map, log })
    map.set('resources.system.load_15min.max', str('5'))
    assert.equal(mon.nextDeadline(), Number.POSITIVE_INFINITY)
    assert.equal(map.getString('resources.system.load_15min.state'), 'stopped')
  })
})

describe('the watchdog', () => {
  const PREFIX = 'resources.process.p1.'
  const resource = (recovery?: string) => {
    if (recovery !== undefined) map.set(`${PREFIX}recovery`, str(recovery))
    map.set(`${PREFIX}poll_period`, u64(1000))
    map.set(`${PREFIX}last_updated`, u64(0))
    map.set(`${PREFIX}state`, str('running'))
  }
  const look = () => logged.splice(0)

  it('says how it stands, and what time it would give', () => {
    new WdService({ map, log, readings })
    assert.deepEqual(look(), ['warning WD Watchdog not enabled by configuration', 'info WD no resources configured.'])
    assert.equal(map.getNumber('resources.watchdog_timeout', 'u32'), 6)
    for (const device of ['', 'off']) {
      map = new LiveMap()
      map.set('resources.watchdog_device', str(device))
      new WdService({ map, log, readings })
      assert.equal(look()[0], 'warning WD Watchdog disabled by configuration')
    }
    map = new LiveMap()
    map.set('resources.watchdog_device', str('/dev/watchdog'))
    new WdService({ map, log, readings })
    assert.match(look()[0]!, /not supported/)
  })

  it('keeps its time within 2 to 120 seconds', () => {
    map.set('resources.watchdog_timeout', { type: 'u32', value: 121 })
    new WdService({ map, log, readings })
    assert.ok(look().includes('warning WD Set watchdog_timeout is out of range (2..120).'))
    const time = () => map.getNumber('resources.watchdog_timeout', 'u32')
    const set = (value: number) => map.set('resources.watchdog_timeout', { type: 'u32', value })
    assert.equal(time(), 6)
    for (const [wanted, kept] of [
      [120, 120],
      [2, 2],
      [1, 2],
      [121, 2],
    ] as const) {
      set(wanted)
      assert.equal(time(), kept)
    }
    map.set('resources.watchdog_timeout', str('10'))
    assert.equal(time(), 2)
    map.delete('resources.watchdog_timeout')
    assert.equal(time(), 2)
  })

  it('looks at a resource that is there or comes later, if it says what is to be done', () => {
    resource('quit')
    map.set('resources.system.load_15min.state', str('stopped'))
    const wd = new WdService({ map, log, readings })
    assert.deepEqual(look().slice(1), ['warning WD resource load_15min missing a recovery key.'])
    map.set('resources.process.p2.recovery', str('none'))
    map.set('resources.process.p2.state', str('running'))
    map.set('resources.other.p3.state', str('running'))
    assert.deepEqual(look(), [])
    wd.expire(0)
    wd.expire(12_000)
    assert.deepEqual(look(), ['crit WD none resource "p2" failed!'], 'p2 never said when it was last there')
  })

  it('has time at first, then looks in every period', () => {
    resource('quit')
    const wd = new WdService({ map, log, readings })
    wd.expire(50_000)
    assert.equal(wd.nextDeadline(), 56_000)
    wd.expire(56_000)
    assert.equal(wd.nextDeadline(), 57_000)
    assert.deepEqual(look().slice(2), [])
  })

  it('holds a resource for failed that says so, or has said nothing for one and a half periods', () => {
    resource('quit')
    const wd = new WdService({ map, log, readings })
    let now = 0
    wd.expire(now)
    now += 6000
    wd.expire(now)
    look()
    const check = () => {
      now += 1000
      wd.expire(now)
      return look()
    }
    const failed = ['crit WD quit resource "p1" failed!', 'alert WD NOT tickling the watchdog!']
    host.ns = BigInt(10_000 * MS)
    map.set(`${PREFIX}last_updated`, u64(8500 * MS))
    assert.deepEqual(check(), [])
    map.set(`${PREFIX}last_updated`, u64(8499 * MS))
    assert.deepEqual(check(), failed)
    map.set(`${PREFIX}last_updated`, u64(10_000 * MS))
    assert.deepEqual(check(), [])
    for (const state of ['failed', 'disabled']) {
      map.set(`${PREFIX}state`, str(state))
      assert.deepEqual(check(), failed)
    }
    map.set(`${PREFIX}state`, str('stopped'))
    assert.deepEqual(check(), [])
    map.set(`${PREFIX}state`, str('failed'))
    map.delete(`${PREFIX}state`)
    assert.deepEqual(check(), [])
    assert.equal(wd.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('looks at a bounded number of them', () => {
    const wd = new WdService({ map, log, readings })
    for (let i = 0; i <= WATCHED_MAX; i++) {
      map.set(`resources.process.p${i}.recovery`, str('none'))
      map.set(`resources.process.p${i}.state`, str('failed'))
    }
    wd.expire(0)
    look()
    wd.expire(12_000)
    assert.equal(look().length, WATCHED_MAX)
  })
})

describe('the load generator', () => {
  const start = (count: number, size: number, little: boolean) => {
    const bytes = new Uint8Array(24)
    new DataView(bytes.buffer).setUint32(16, count, little)
    new DataView(bytes.buffer).setUint32(20, size, little)
    return bytes
  }

  it('takes no part, and says so once', () => {
    for (const little of [true, false]) {
      logged = []
      const pload = new PloadService(log)
      const [order, load] = pload.handlers
      order!.receive(start(1_500_000, 300, little), 0, 24, 3, little)
      order!.receive(start(1, 2, little), 0, 24, 3, little)
      load!.receive(new Uint8Array(16), 0, 16, 3, little)
      assert.deepEqual(logged, [
        'warning PLOAD Taking no part in the load that node 3 asks for. count=1500000 size=300',
      ])
      assert.deepEqual([order!.minLength, load!.minLength], [24, 16])
    }
  })
})
