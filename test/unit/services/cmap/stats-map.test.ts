// The map of statistics towards programs: what can be read, cleared and tracked (spec: services 7.6). Seen on a C daemon.
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { MapValue } from '../../../../src/config/map.js'
import { CmapLibrary } from '../../../../src/services/cmap/library.js'
import { LiveMap } from '../../../../src/services/cmap/live-map.js'
import { ProgramLiveMap } from '../../../../src/services/cmap/program-map.js'
import { STATS_TELL_INTERVAL_MS, StatsMap } from '../../../../src/services/cmap/stats-map.js'
import { CsError } from '../../../../src/services/errors.js'
import { CmapClient, TRACK, TYPE, u32 } from '../../../support/cmap-client.js'

const { OK, INVALID_PARAM, ACCESS, NOT_EXIST, NOT_SUPPORTED } = CsError
const COMING = TRACK.ADD | TRACK.DELETE | TRACK.PREFIX

let stats: StatsMap
let program: CmapClient
let count: number
const counter = (): MapValue => ({ type: 'u32', value: count })

beforeEach(() => {
  stats = new StatsMap()
  count = 5
  program = new CmapClient(new CmapLibrary({ live: new ProgramLiveMap(new LiveMap()), stats }))
  assert.equal(program.setCurrentMap(1), OK)
})

describe('a statistic', () => {
  it('is read when somebody asks', () => {
    stats.define('stats.a', counter)
    count = 6
    assert.deepEqual(program.get('stats.a', 4).bytes, u32(6))
    assert.equal(program.get('stats.b', 4).error, NOT_EXIST)
    stats.remove('stats.a')
    stats.remove('stats.a')
    assert.equal(program.get('stats.a', 4).error, NOT_EXIST)
  })

  it('is found by iteration, also one that comes meanwhile', () => {
    for (const key of ['stats.b', 'stats.c', 'stats.a']) stats.define(key, counter)
    const handle = program.iterInit('stats.')
    assert.deepEqual(program.iterNext(handle), { key: 'stats.a', length: 4, type: TYPE.u32 })
    stats.remove('stats.b')
    stats.define('stats.bb', counter)
    assert.deepEqual(program.rest(handle), ['stats.bb', 'stats.c'])
  })

  it('cannot be written, changed or deleted, whether it is there or not', () => {
    stats.define('stats.a', counter)
    for (const key of ['stats.a', 'stats.b', 'a.b', 'stats.clear']) {
      assert.equal(program.set(key, TYPE.u8, Uint8Array.of(1)), ACCESS)
      assert.equal(program.adjust(key, 1), ACCESS)
      assert.equal(program.delete(key), ACCESS)
    }
  })
})

describe('clearing statistics', () => {
  const cleared: string[] = []
  const look = () => cleared.splice(0)

  beforeEach(() => {
    for (const part of ['knet', 'ipc', 'totem', 'schedmiss'] as const) stats.onClear(part, () => cleared.push(part))
  })

  it('goes by the beginning of the key, whatever the value', () => {
    for (const part of ['knet', 'ipc', 'totem', 'schedmiss']) {
      assert.equal(program.set(`stats.clear.${part}`, TYPE.u8, Uint8Array.of(1)), OK)
      assert.equal(program.set(`stats.clear.${part}XY`, 77, Uint8Array.of(1, 2)), OK)
      assert.equal(program.set(`stats.clear.${part}`, TYPE.bin, new Uint8Array(17000)), OK)
      assert.deepEqual(look(), [part, part, part])
    }
    assert.equal(program.set('stats.clear.all', TYPE.u8, Uint8Array.of(1)), OK)
    assert.deepEqual(look(), ['knet', 'ipc', 'totem', 'schedmiss'])
  })

  it('of something else is not supported', () => {
    for (const key of ['stats.clear.', 'stats.clear.i', 'stats.clear.foo']) {
      assert.equal(program.set(key, TYPE.u8, Uint8Array.of(1)), NOT_SUPPORTED)
    }
    assert.equal(program.adjust('stats.clear.ipc', 1), NOT_SUPPORTED)
    assert.equal(program.delete('stats.clear.ipc'), NOT_SUPPORTED)
    assert.equal(program.get('stats.clear.ipc', 1).error, NOT_EXIST)
    assert.deepEqual(look(), [])
  })

  it('of what nobody counts is done at once', () => {
    const empty = new CmapClient(new CmapLibrary({ live: stats, stats: new StatsMap() }))
    empty.setCurrentMap(1)
    assert.equal(empty.set('stats.clear.knet', TYPE.u8, Uint8Array.of(1)), OK)
  })
})

describe('tracking statistics', () => {
  const T = STATS_TELL_INTERVAL_MS

  it('by prefix needs both kinds of change asked for', () => {
    for (const type of [8, 9, 10, 12, 14]) assert.equal(program.trackAdd('stats.', type), -NOT_SUPPORTED)
    for (const type of [13, 15]) assert.ok(program.trackAdd('stats.', type) > 0)
    for (const type of [0, 1, 2, 4, 7]) assert.ok(program.trackAdd('stats.a', type) > 0)
    assert.equal(program.trackAdd('stats.a', 16), -INVALID_PARAM)
  })

  it('by prefix tells what comes and goes of those keys that are announced, with the present value twice', () => {
    program.trackAdd('stats.ipcs.', COMING, 1n)
    program.trackAdd('', COMING, 2n)
    program.trackAdd('stats.ipcs.s', COMING, 3n)
    stats.define('stats.ipcs.s0', counter, true)
    stats.define('stats.schedmiss.0', counter)
    count = 9
    stats.remove('stats.ipcs.s0')
    const seen = program.look()
    assert.deepEqual(
      seen.map(({ instance, key, event }) => `${instance} ${key} ${event}`),
      [3, 1, 2].map(n => `${n} stats.ipcs.s0 4`).concat([3, 1, 2].map(n => `${n} stats.ipcs.s0 1`)),
    )
    assert.deepEqual([seen[0]!.newBytes, seen[0]!.oldBytes], [u32(5), u32(5)])
    assert.deepEqual([seen[5]!.newBytes, seen[5]!.oldBytes], [u32(9), u32(9)])
  })

  it('of a single key tells what has changed, newest tracker first, every one and a half seconds', () => {
    assert.equal(stats.nextDeadline(), Number.POSITIVE_INFINITY)
    stats.define('stats.a', counter)
    stats.define('stats.b', () => ({ type: 'u8', value: 1 }))
    const first = program.trackAdd('stats.a', 0, 1n)
    const second = program.trackAdd('stats.a', TRACK.MODIFY, 2n)
    const third = program.trackAdd('stats.b', TRACK.MODIFY, 3n)
    assert.ok(stats.nextDeadline() <= 0, 'the interval begins at the next chance')
    stats.expire(1000)
    assert.equal(stats.nextDeadline(), 1000 + T)
    count = 6
    stats.expire(1000 + T - 1)
    assert.deepEqual(program.look(), [])
    stats.expire(1000 + T)
    const seen = program.look()
    assert.deepEqual(
      seen.map(event => event.instance),
      [2n, 1n],
    )
    assert.deepEqual([seen[0]!.event, seen[0]!.newBytes, seen[0]!.oldBytes], [TRACK.MODIFY, u32(6), u32(6)])
    stats.expire(1000 + 2 * T)
    assert.deepEqual(program.look(), [], 'nothing has changed')
    for (const handle of [first, second, third]) program.trackDelete(handle)
    assert.equal(stats.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('of a key that is not there tells when it has come', () => {
    program.trackAdd('stats.a', TRACK.MODIFY)
    stats.expire(0)
    stats.expire(T)
    assert.deepEqual(program.look(), [])
    stats.define('stats.a', counter)
    stats.expire(2 * T)
    assert.equal(program.look().length, 1)
  })
})
