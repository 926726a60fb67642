// What a program may expect of a node's services, whichever node it is: checks of every call, for a node inside the program
// and for daemons alike. In: a cluster handle that is the only user of keys under `test.`. Out: failed assertions.

import assert from 'node:assert/strict'
import { type Cluster, ClusterError, type MapChange, type MapValue } from '../../src/index.js'

export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + seed + (i >> 8)) & 0xff
  return bytes
}

export async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof ClusterError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  })
}

export const serviceChecks: Readonly<Record<string, (cluster: Cluster) => Promise<void>>> = {
  async values(cluster) {
    const { cmap } = cluster
    const values: readonly MapValue[] = [
      { type: 'i8', value: -128 },
      { type: 'u8', value: 255 },
      { type: 'i16', value: -32768 },
      { type: 'u16', value: 65535 },
      { type: 'i32', value: -2147483648 },
      { type: 'u32', value: 4294967295 },
      { type: 'i64', value: -(2n ** 63n) },
      { type: 'u64', value: 2n ** 64n - 1n },
      { type: 'flt', value: 0.5 },
      { type: 'dbl', value: Math.PI },
      { type: 'str', value: '' },
      { type: 'str', value: 'text with ä and 語' },
      { type: 'str', value: 'x'.repeat(16384) },
      { type: 'bin', value: new Uint8Array(0) },
      { type: 'bin', value: pattern(16384, 3) },
    ]
    for (const value of values) {
      await cmap.set('test.values.one', value)
      assert.deepEqual(await cmap.get('test.values.one'), value)
    }
    await cmap.delete('test.values.one')
    assert.equal(await cmap.get('test.values.one'), undefined)
  },

  async counting(cluster) {
    const { cmap } = cluster
    await cmap.set('test.counter', { type: 'u8', value: 255 })
    await cmap.inc('test.counter')
    assert.deepEqual(await cmap.get('test.counter'), { type: 'u8', value: 0 })
    await cmap.dec('test.counter')
    await cmap.adjust('test.counter', -55)
    assert.deepEqual(await cmap.get('test.counter'), { type: 'u8', value: 200 })
    await cmap.set('test.counter', { type: 'str', value: 'no number' })
    await rejects(cmap.inc('test.counter'), 'CS_ERR_INVALID_PARAM')
    await cmap.delete('test.counter')
  },

  async mistakes(cluster) {
    const { cmap, stats } = cluster
    const one: MapValue = { type: 'u8', value: 1 }
    await rejects(cmap.set('system.move_to_root_cgroup', one), 'CS_ERR_ACCESS')
    await rejects(cmap.delete('runtime.config.totem.token'), 'CS_ERR_ACCESS')
    await rejects(cmap.delete('test.not.there'), 'CS_ERR_NOT_EXIST')
    await rejects(cmap.inc('test.not.there'), 'CS_ERR_NOT_EXIST')
    await rejects(cmap.set('test.spaces are wrong', one), 'CS_ERR_NAME_TOO_LONG')
    await rejects(cmap.set(`test.${'x'.repeat(251)}`, one), 'CS_ERR_NAME_TOO_LONG')
    await rejects(cmap.set('test.large', { type: 'u8', value: 256 }), 'CS_ERR_INVALID_PARAM')
    await rejects(cmap.set('test.large', { type: 'str', value: 'x'.repeat(16385) }), 'CS_ERR_INVALID_PARAM')
    await rejects(stats.set('stats.pg.msg_reserved', one), 'CS_ERR_ACCESS')
    await rejects(stats.set('stats.clear.nothing', one), 'CS_ERR_NOT_SUPPORTED')
  },

  async iteration(cluster) {
    const { cmap, stats } = cluster
    const keys = ['test.it.a', 'test.it.b', 'test.it.b.c', 'test.it0']
    for (const key of keys) await cmap.set(key, { type: 'str', value: key })
    const found: [string, MapValue][] = []
    for await (const [key, value] of cmap.entries('test.it')) found.push([key, value])
    assert.deepEqual(
      found,
      keys.map(key => [key, { type: 'str', value: key }]),
    )
    const below: string[] = []
    for await (const key of cmap.keys('test.it.b')) below.push(key)
    assert.deepEqual(below, ['test.it.b', 'test.it.b.c'])
    // Leaving in the middle, and a map that is not the first one.
    for await (const key of cmap.keys()) {
      assert.notEqual(key, '')
      break
    }
    for await (const key of stats.keys('stats.srp.')) assert.match(key, /^stats\.srp\./)
    assert.equal((await stats.get('stats.srp.mcast_tx'))?.type, 'u64')
    for (const key of keys) await cmap.delete(key)
    for await (const key of cmap.keys('test.it')) assert.fail(key)
  },

  async tracking(cluster) {
    const { cmap } = cluster
    const all = await cmap.track('test.track.', { prefix: true })
    const one = await cmap.track('test.track.b', { events: ['modify'] })
    await cmap.set('test.track.a', { type: 'u32', value: 1 })
    await cmap.set('test.track.b', { type: 'u16', value: 7 })
    await cmap.inc('test.track.b')
    await cmap.set('test.track.b', { type: 'str', value: 'other type' })
    await cmap.delete('test.track.a')
    await cmap.delete('test.track.b')
    await all.stop()
    await one.stop()
    await cmap.set('test.track.a', { type: 'u8', value: 0 })
    await cmap.delete('test.track.a')
    const line = ({ key, event, before, after }: MapChange) =>
      `${key} ${event} ${before?.type}:${before?.value} ${after?.type}:${after?.value}`
    const seen: string[] = []
    for await (const change of all) seen.push(line(change))
    assert.deepEqual(seen, [
      'test.track.a add undefined:undefined u32:1',
      'test.track.b add undefined:undefined u16:7',
      'test.track.b modify u16:7 u16:8',
      'test.track.b modify u16:8 str:other type',
      'test.track.a delete u32:1 undefined:undefined',
      'test.track.b delete str:other type undefined:undefined',
    ])
    const few: string[] = []
    for await (const change of one) few.push(line(change))
    assert.deepEqual(few, ['test.track.b modify u16:7 u16:8', 'test.track.b modify u16:8 str:other type'])
  },

  async quorum(cluster) {
    for (const model of [0, 1] as const) {
      const tracking = await cluster.quorum.track({ model })
      const types: string[] = []
      for await (const event of tracking) {
        types.push(event.type)
        assert.deepEqual([...event.members].sort(), [...cluster.members])
        if (event.type === 'quorum') {
          assert.equal(event.quorate, true)
          break
        }
      }
      assert.deepEqual(types, model === 0 ? ['quorum'] : ['nodes', 'quorum'])
      await tracking.stop()
    }
  },
}
