// The map of a running node: results of writes, who is told of a change and in which order, computed values.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigMap } from '../../../../src/config/map.js'
import { LiveMap, type MapChange, MapEvent } from '../../../../src/services/cmap/live-map.js'
import { CsError } from '../../../../src/services/errors.js'

const u32 = (value: number) => ({ type: 'u32', value }) as const

describe('a live map', () => {
  it('takes over a configuration', () => {
    const entries = new ConfigMap()
    entries.set('totem.token', u32(400))
    const map = new LiveMap(entries)
    entries.set('totem.token', u32(500))
    assert.equal(map.getNumber('totem.token', 'u32'), 400)
  })

  it('answers with the error codes of the service', () => {
    const map = new LiveMap()
    assert.equal(map.set('ab', u32(1)), CsError.NAME_TOO_LONG)
    assert.equal(map.set('a b', u32(1)), CsError.NAME_TOO_LONG)
    assert.equal(map.set('a.b', { type: 'u8', value: 256 }), CsError.INVALID_PARAM)
    assert.equal(map.set('a.b', { type: 'u8', value: 255 }), CsError.OK)
    assert.equal(map.delete('a.c'), CsError.NOT_EXIST)
    assert.equal(map.adjust('a.c', 1), CsError.NOT_EXIST)
    assert.equal(map.adjust('a.b', 1), CsError.OK)
    assert.equal(map.getNumber('a.b', 'u8'), 0)
    map.set('a.s', { type: 'str', value: 'x' })
    assert.equal(map.adjust('a.s', 1), CsError.INVALID_PARAM)
    map.set('a.q', { type: 'u64', value: 0n })
    map.adjust('a.q', -1)
    assert.equal(map.getBigInt('a.q', 'u64'), 2n ** 64n - 1n)
    map.set('a.i', { type: 'i8', value: -128 })
    map.adjust('a.i', -1)
    assert.equal(map.getNumber('a.i', 'i8'), 127)
  })

  it('keeps programs from writing what only the engine writes', () => {
    const map = new LiveMap()
    assert.ok(map.isReadOnly('runtime.totem.x'))
    assert.ok(!map.isReadOnly('quorum.wait_for_all'))
    map.setReadOnly('quorum.wait_for_all')
    assert.ok(map.isReadOnly('quorum.wait_for_all'))
  })
})

describe('trackers of a map', () => {
  const recorded = (map: LiveMap) => {
    const seen: string[] = []
    const track = (name: string, key: string, prefix: boolean, mask = 7) =>
      map.track(key, change => seen.push(`${name} ${change.key} ${change.event}`), { prefix, mask })
    return { seen, track }
  }

  it('are told from the full key towards shorter prefixes, whoever tracks everything last', () => {
    const map = new LiveMap()
    const { seen, track } = recorded(map)
    track('all1', '', true)
    track('p1', 'a.b', true)
    track('p2', 'a.b', true)
    track('short', 'a', true)
    track('e1', 'a.b', false)
    track('e2', 'a.b', false)
    track('all2', '', true)
    map.set('a.b', u32(1))
    assert.deepEqual(
      seen.map(line => line.split(' ')[0]),
      ['e2', 'e1', 'p1', 'p2', 'short', 'all2', 'all1'],
    )
  })

  it('hear only of what they asked for, and of nothing when nothing changes', () => {
    const map = new LiveMap()
    const { seen, track } = recorded(map)
    track('deleted', 'a.b', false, MapEvent.DELETE)
    track('any', 'a.b', false)
    map.set('a.b', u32(1))
    map.set('a.b', u32(1))
    map.set('a.bc', u32(1))
    map.delete('a.b')
    assert.deepEqual(seen, ['any a.b 4', 'any a.b 1', 'deleted a.b 1'])
  })

  it('hear of a change made by another tracker before the rest of the first one', () => {
    const map = new LiveMap()
    const seen: string[] = []
    const text = (change: MapChange) => (change.after?.type === 'str' ? change.after.value : '')
    map.set('runtime.x', { type: 'str', value: 'no' })
    map.track('runtime.x', change => {
      if (text(change) === 'yes') map.set('runtime.x', { type: 'str', value: 'no' })
    })
    map.track('', change => seen.push(text(change)), { prefix: true })
    map.set('runtime.x', { type: 'str', value: 'yes' })
    assert.deepEqual(seen, ['no', 'yes'])
  })

  it('are told nothing once they are gone, even in the middle of a change', () => {
    const map = new LiveMap()
    const seen: string[] = []
    const late = map.track('a', () => seen.push('late'), { prefix: true })
    map.track('a.b', () => map.untrack(late))
    map.set('a.b', u32(1))
    assert.deepEqual(seen, [])
  })

  it('can be very many, and go together', () => {
    const map = new LiveMap()
    let told = 0
    // As four programs that have all that they may have.
    const programs = Array.from({ length: 4 }, () =>
      Array.from({ length: 4096 }, () => map.track('runtime.', () => told++, { prefix: true })),
    )
    const began = performance.now()
    map.set('runtime.x', u32(1))
    for (const trackers of programs) map.untrack(...trackers)
    assert.ok(performance.now() - began < 500)
    map.set('runtime.x', u32(2))
    assert.equal(told, 16_384)
  })
})

describe('a computed value', () => {
  it('is read when somebody looks, and told when it has changed since', () => {
    const map = new LiveMap()
    let count = 5n
    map.compute('runtime.count', () => ({ type: 'u64', value: count }))
    count = 6n
    assert.equal(map.getBigInt('runtime.count', 'u64'), 6n)
    const seen: MapChange[] = []
    map.track('runtime.', change => seen.push(change), { prefix: true })
    map.tellComputed()
    map.tellComputed()
    count = 7n
    map.tellComputed()
    assert.deepEqual(seen, [
      { key: 'runtime.count', event: MapEvent.MODIFY, before: undefined, after: { type: 'u64', value: 7n } },
    ])
  })
})
