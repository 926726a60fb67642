// Keys that the engine writes and watches (spec: services 7.5).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { watchControlKeys } from '../../../../src/services/cmap/control-keys.js'
import { LiveMap, type MapChange, MapEvent } from '../../../../src/services/cmap/live-map.js'
import { CmapService } from '../../../../src/services/cmap/service.js'
import { publishServices } from '../../../../src/services/cmap/service-keys.js'
import { CsError } from '../../../../src/services/errors.js'
import { PloadService } from '../../../../src/services/pload/service.js'
import { ServiceTable } from '../../../../src/services/table.js'
import type { RingPort } from '../../../../src/services/types.js'

const SILENT_PORT: RingPort = {
  nodeId: 1,
  littleEndian: true,
  send: () => true,
  sendInSync: () => true,
  sendSurely() {},
  requestToken() {},
}
const str = (value: string) => ({ type: 'str', value }) as const

describe('the services in the map', () => {
  const log = () => {}
  const message = (fn: number) => {
    const bytes = new Uint8Array(24)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, (4 << 16) | fn, true)
    view.setInt32(8, 24, true)
    return bytes
  }

  it('have a name, a number, and counters that are read when somebody asks', () => {
    const map = new LiveMap()
    const table = new ServiceTable(log)
    table.register(new PloadService(log))
    publishServices(map, table.counters)
    table.receive(message(1), 0, 24, 1, true)
    table.receive(message(1), 0, 24, 1, true)
    table.countSent(4 << 16)
    assert.deepEqual(
      map.keys().map(key => `${key} ${map.get(key)?.type} ${map.get(key)?.value}`),
      [
        'internal_configuration.service.4.name str corosync_pload',
        'internal_configuration.service.4.ver u32 0',
        'runtime.services.pload.0.rx u64 0',
        'runtime.services.pload.0.tx u64 1',
        'runtime.services.pload.1.rx u64 2',
        'runtime.services.pload.1.tx u64 0',
        'runtime.services.pload.service_id u16 4',
      ],
    )
  })
})

describe('counters that somebody tracks', () => {
  it('are told together, ten times a second, with no old value', () => {
    const map = new LiveMap()
    let count = 0n
    map.compute('runtime.services.x.0.tx', () => ({ type: 'u64', value: count }))
    const cmap = new CmapService({ port: SILENT_PORT, map, log: () => {}, shutdown: () => {} })
    assert.equal(cmap.nextDeadline(), Number.POSITIVE_INFINITY)
    const seen: MapChange[] = []
    const tracker = map.track('runtime.services.', change => seen.push(change), { prefix: true })
    assert.ok(cmap.nextDeadline() <= 0)
    cmap.expire(1000)
    assert.deepEqual([seen.length, cmap.nextDeadline()], [0, 1100])
    count = 2n
    cmap.expire(1099)
    assert.equal(seen.length, 0)
    cmap.expire(1100)
    const after = { type: 'u64', value: 2n }
    assert.deepEqual(seen, [{ key: 'runtime.services.x.0.tx', event: MapEvent.MODIFY, before: undefined, after }])
    cmap.expire(1200)
    assert.equal(seen.length, 1)
    map.untrack(tracker)
    assert.equal(cmap.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('are not looked at for those who track other changes', () => {
    const map = new LiveMap()
    map.compute('runtime.services.x.0.tx', () => ({ type: 'u64', value: 0n }))
    for (const [key, mask] of [
      ['runtime.services.x.0.tx', MapEvent.ADD | MapEvent.DELETE],
      ['runtime.services.y', 7],
    ] as const) {
      map.track(key, () => {}, { prefix: true, mask })
    }
    assert.equal(map.computedTracked, false)
  })
})

describe('an order by way of the map', () => {
  const start = () => {
    const map = new LiveMap()
    const seen: string[] = []
    const note = (what: string) => () => {
      seen.push(what)
    }
    watchControlKeys({
      map,
      log: (level, subsystem, message) => seen.push(`${level} ${subsystem} ${message}`),
      forceGather: note('gather'),
      dumpFlightData: note('flight data'),
      dumpState: note('state'),
    })
    return { map, seen }
  }

  it('waits as no', () => {
    const { map, seen } = start()
    for (const key of ['runtime.force_gather', 'runtime.blackbox.dump_flight_data', 'runtime.blackbox.dump_state']) {
      assert.equal(map.getString(key), 'no')
    }
    assert.deepEqual(seen, [])
  })

  it('to form the ring anew is taken back before it is told', () => {
    const { map, seen } = start()
    map.track('runtime.', ({ before, after }: MapChange) => seen.push(`${before?.value} => ${after?.value}`), {
      prefix: true,
    })
    assert.equal(map.set('runtime.force_gather', str('yes')), CsError.OK)
    assert.deepEqual(seen, ['yes => no', 'error MAIN Forcing into GATHER state', 'gather', 'no => yes'])
    assert.equal(map.getString('runtime.force_gather'), 'no')
  })

  it('to form the ring anew need not be a text', () => {
    const { map, seen } = start()
    map.set('runtime.force_gather', { type: 'u8', value: 1 })
    assert.equal(seen.at(-1), 'gather')
    assert.equal(map.getString('runtime.force_gather'), 'no')
  })

  it('to write down what is going on is carried out whatever the word, and stays', () => {
    const { map, seen } = start()
    map.set('runtime.blackbox.dump_flight_data', str('1700000000'))
    map.set('runtime.blackbox.dump_flight_data', str('1700000000'))
    map.set('runtime.blackbox.dump_state', str('x'))
    assert.deepEqual(seen, ['flight data', 'state'])
    assert.equal(map.getString('runtime.blackbox.dump_state'), 'x')
  })
})
