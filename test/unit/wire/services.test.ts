// The messages behind the group header: synchronisation, cpg, cmap. Samples read by hand, both byte orders, bounds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  CMAP_ITEMS_MAX,
  CMAP_MCAST_LENGTH_MAX,
  CmapReason,
  readCmapMcast,
  writeCmapMcast,
} from '../../../src/wire/cmap.js'
import * as cpg from '../../../src/wire/cpg.js'
import { PROCESSOR_COUNT_MAX } from '../../../src/wire/generation.js'
import * as service from '../../../src/wire/service.js'
import * as sync from '../../../src/wire/sync.js'
import * as samples from '../../support/wire-samples.js'

const BARRIER = samples.MCAST.subarray(samples.BARRIER_OFFSET)
const GRP = Uint8Array.from(Buffer.from('grp'))
const u32 = fc.integer({ min: 0, max: 0xffffffff })

function copyOf(sample: Uint8Array, off: number, value: number, length = sample.length): Uint8Array {
  const copy = new Uint8Array(length)
  copy.set(sample.subarray(0, Math.min(length, sample.length)))
  new DataView(copy.buffer).setUint32(off, value, true)
  return copy
}

/** What `write` writes into memory that was not clean. */
function written(length: number, write: (buf: Uint8Array, off: number) => number): Uint8Array {
  const buf = new Uint8Array(length + 20).fill(0xaa)
  assert.equal(write(buf, 7), length)
  assert.ok(buf.subarray(7 + length).every(b => b === 0xaa))
  return buf.subarray(7, 7 + length)
}

describe('the header of service messages', () => {
  const check = (b: Uint8Array, len = b.length) => service.checkServiceMessage(b, 0, len, true)

  it('carries service and function', () => {
    const id = check(samples.CPG_DOWN_LIST)
    assert.equal(id, service.messageId(service.ServiceId.cpg, cpg.CpgFunction.downList))
    assert.equal(service.serviceOf(id), 2)
    assert.equal(service.functionOf(id), 5)
    assert.equal(service.messageSize(samples.CPG_DOWN_LIST, 0, true), cpg.CPG_DOWN_LIST_LENGTH)
  })

  it('fits its message', () => {
    assert.equal(check(BARRIER, 31), -1)
    assert.equal(check(BARRIER, 15), -1)
    assert.equal(check(copyOf(BARRIER, 8, 15)), -1)
    assert.equal(check(copyOf(BARRIER, 8, 16)), 0)
    assert.equal(check(copyOf(BARRIER, 8, 0xffffffff)), -1)
  })

  it('names a service below 64', () => {
    assert.equal(check(copyOf(BARRIER, 0, (63 << 16) | 0xffff)), (63 << 16) | 0xffff)
    assert.equal(check(copyOf(BARRIER, 0, 64 << 16)), -1)
    assert.equal(check(copyOf(BARRIER, 0, 0xffffffff)), -1)
  })

  it('of a response holds an error as well', () => {
    for (const little of [true, false]) {
      const header = written(24, (buf, off) => {
        service.writeResponseHeader(buf, off, 7, 24, 6, little)
        return service.RESPONSE_HEADER_LENGTH
      })
      assert.equal(service.checkServiceMessage(header, 0, 24, little), 7)
      assert.equal(service.responseError(header, 0, little), 6)
    }
  })
})

describe('the barrier of the synchronisation', () => {
  it('reads and is written as captured', () => {
    const barrier = sync.createBarrier()
    assert.equal(sync.readBarrier(BARRIER, 0, BARRIER.length, true, barrier), true)
    assert.deepEqual(barrier, { ring: { rep: 1, seq: 5 } })
    assert.deepEqual(
      written(sync.BARRIER_LENGTH, (buf, off) => sync.writeBarrier(barrier, buf, off, true)),
      BARRIER,
    )
  })

  it('is no service build, and has its length', () => {
    assert.equal(sync.readServiceBuild(BARRIER, 0, BARRIER.length, true, sync.createServiceBuild()), false)
    const short = copyOf(BARRIER, 8, 16, 31)
    assert.equal(sync.checkSyncMessage(short, 0, short.length, true), -1)
    assert.equal(sync.checkSyncMessage(copyOf(BARRIER, 0, 2), 0, BARRIER.length, true), -1)
    assert.equal(sync.readBarrier(copyOf(BARRIER, 24, 0x200000), 0, 32, true, sync.createBarrier()), false)
  })

  it('announces services as captured', () => {
    const build = sync.createServiceBuild()
    assert.equal(sync.readServiceBuild(samples.SERVICE_BUILD, 0, samples.SERVICE_BUILD.length, true, build), true)
    assert.deepEqual(build, { ring: { rep: 1, seq: 5 }, services: [0, 2, 3, 5] })
    assert.deepEqual(
      written(sync.SERVICE_BUILD_LENGTH, (buf, off) => sync.writeServiceBuild(build, buf, off, true)),
      samples.SERVICE_BUILD,
    )
  })

  it('announces at most 128 services, each below 64', () => {
    const read = (b: Uint8Array) => sync.readServiceBuild(b, 0, b.length, true, sync.createServiceBuild())
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 32, sync.SERVICE_BUILD_ENTRIES_MAX)), true)
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 32, sync.SERVICE_BUILD_ENTRIES_MAX + 1)), false)
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 32, 0xffffffff)), false)
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 40, 63)), true)
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 40, 64)), false)
    assert.equal(read(copyOf(samples.SERVICE_BUILD, 40, 0xffffffff)), false)
  })

  it('survives encoding and decoding in both byte orders', () => {
    const services = fc.array(fc.nat(service.SERVICE_COUNT_MAX - 1), { maxLength: sync.SERVICE_BUILD_ENTRIES_MAX })
    fc.assert(
      fc.property(u32, fc.oneof(fc.maxSafeNat(), fc.constant(0)), services, fc.boolean(), (rep, seq, list, little) => {
        const ring = { rep, seq }
        const barrier = sync.createBarrier()
        const a = written(sync.BARRIER_LENGTH, (buf, off) => sync.writeBarrier({ ring }, buf, off, little))
        assert.equal(sync.readBarrier(a, 0, a.length, little, barrier), true)
        assert.deepEqual(barrier, { ring })
        const build = sync.createServiceBuild()
        const b = written(sync.SERVICE_BUILD_LENGTH, (buf, off) =>
          sync.writeServiceBuild({ ring, services: list }, buf, off, little),
        )
        assert.equal(sync.readServiceBuild(b, 0, b.length, little, build), true)
        assert.deepEqual(build, { ring, services: list })
      }),
    )
  })
})

describe('cpg messages', () => {
  const view = (b: Uint8Array) => Uint8Array.from(b)

  it('join and leave', () => {
    const message = cpg.readCpgProc(samples.CPG_PROC_JOIN, 0, samples.CPG_PROC_JOIN.length, true)
    assert.deepEqual(message && { ...message, group: view(message.group) }, { group: GRP, pid: 0x5143, reason: 1 })
    assert.deepEqual(
      written(cpg.CPG_PROC_LENGTH, (buf, off) => cpg.writeCpgProc(0, message!, buf, off, true)),
      samples.CPG_PROC_JOIN,
    )
  })

  it('list of processes', () => {
    const list = cpg.readCpgJoinList(samples.CPG_JOIN_LIST, 0, samples.CPG_JOIN_LIST.length, true)
    assert.deepEqual(
      list?.map(({ group, pid }) => ({ group: view(group), pid })),
      [{ group: GRP, pid: 0x5143 }],
    )
    assert.deepEqual(
      written(cpg.cpgJoinListLength(1), (buf, off) => cpg.writeCpgJoinList(list!, buf, off, true)),
      samples.CPG_JOIN_LIST,
    )
  })

  it('list of processes that ends within an entry', () => {
    const read = (b: Uint8Array) => cpg.readCpgJoinList(b, 0, b.length, true)
    assert.deepEqual(read(copyOf(samples.CPG_JOIN_LIST, 8, 24)), [])
    assert.equal(read(copyOf(samples.CPG_JOIN_LIST, 8, 167)), undefined)
    assert.equal(read(copyOf(samples.CPG_JOIN_LIST, 8, 312)), undefined)
    assert.equal(read(copyOf(samples.CPG_JOIN_LIST, 8, 23)), undefined)
  })

  it('multicast', () => {
    const m = cpg.createCpgMulticast()
    assert.equal(cpg.readCpgMcast(samples.CPG_MCAST, 0, samples.CPG_MCAST.length, true, m), true)
    assert.deepEqual(m, {
      groupOff: 24,
      groupLength: 3,
      pid: 0x5143,
      sourceNodeId: 1,
      dataOff: 184,
      dataLength: 10,
      part: 0,
      totalLength: 10,
    })
    assert.deepEqual(
      written(cpg.CPG_MCAST_HEADER_LENGTH, (buf, off) =>
        cpg.writeCpgMcastHeader(GRP, m.pid, m.dataLength, 1, 0x55b1029cc410, buf, off, true),
      ),
      samples.CPG_MCAST.subarray(0, 184),
    )
  })

  it('piece of a multicast', () => {
    const m = cpg.createCpgMulticast()
    assert.equal(cpg.readCpgPartialMcast(samples.CPG_PARTIAL_MCAST, 0, samples.CPG_PARTIAL_MCAST.length, true, m), true)
    assert.deepEqual(m, {
      groupOff: 24,
      groupLength: 3,
      pid: 0x5143,
      sourceNodeId: 1,
      dataOff: 200,
      dataLength: 3,
      part: 3,
      totalLength: 9,
    })
    assert.deepEqual(
      written(cpg.CPG_PARTIAL_HEADER_LENGTH, (buf, off) =>
        cpg.writeCpgPartialMcastHeader(GRP, m.pid, 3, 9, 3, 1, 0x55b1029cc410, buf, off, true),
      ),
      samples.CPG_PARTIAL_MCAST.subarray(0, 200),
    )
  })

  it('lists of nodes that have gone', () => {
    const list = cpg.readCpgDownList(samples.CPG_DOWN_LIST, 0, samples.CPG_DOWN_LIST.length, true)
    assert.deepEqual(list, { oldMembers: 3, left: [3] })
    assert.deepEqual(
      written(cpg.CPG_DOWN_LIST_LENGTH, (buf, off) => cpg.writeCpgDownList(list!, buf, off, true)),
      samples.CPG_DOWN_LIST,
    )
    const old = cpg.readCpgDownListOld(samples.CPG_DOWN_LIST_OLD, 0, samples.CPG_DOWN_LIST_OLD.length, true)
    assert.deepEqual(old, [3])
    assert.deepEqual(
      written(1560, (buf, off) => cpg.writeCpgDownListOld(old!, buf, off, true)),
      samples.CPG_DOWN_LIST_OLD,
    )
  })

  it('hold names of 128 bytes, not 129', () => {
    const proc = (length: number) => cpg.readCpgProc(copyOf(samples.CPG_PROC_JOIN, 16, length), 0, 168, true)
    assert.equal(proc(128)?.group.length, 128)
    assert.equal(proc(129), undefined)
    assert.equal(proc(0xffffffff), undefined)
    const m = cpg.createCpgMulticast()
    const mcast = (length: number) => cpg.readCpgMcast(copyOf(samples.CPG_MCAST, 16, length), 0, 194, true, m)
    assert.deepEqual([mcast(0), mcast(128), mcast(129)], [true, true, false])
    const piece = (length: number) =>
      cpg.readCpgPartialMcast(copyOf(samples.CPG_PARTIAL_MCAST, 16, length), 0, 203, true, m)
    assert.deepEqual([piece(0), piece(128), piece(129)], [true, true, false])
    const entry = (length: number) => cpg.readCpgJoinList(copyOf(samples.CPG_JOIN_LIST, 32, length), 0, 168, true)
    assert.equal(entry(128)?.length, 1)
    assert.equal(entry(129), undefined)
  })

  it('hold no more data than there is', () => {
    const m = cpg.createCpgMulticast()
    const mcast = (length: number) => cpg.readCpgMcast(copyOf(samples.CPG_MCAST, 152, length), 0, 194, true, m)
    assert.deepEqual([mcast(9), mcast(10), mcast(11), mcast(0xffffffff)], [true, true, false, false])
    const piece = (off: number, value: number) =>
      cpg.readCpgPartialMcast(copyOf(samples.CPG_PARTIAL_MCAST, off, value), 0, 203, true, m)
    assert.deepEqual([piece(160, 3), piece(160, 4)], [true, false])
    // A piece is not longer than the whole, and has a place in it.
    assert.deepEqual([piece(152, 3), piece(152, 2)], [true, false])
    assert.deepEqual([piece(176, 1), piece(176, 3), piece(176, 0), piece(176, 4)], [true, true, false, false])
  })

  it('hold lists of 384 nodes, not 385', () => {
    const down = (left: number) => cpg.readCpgDownList(copyOf(samples.CPG_DOWN_LIST, 24, left), 0, 1568, true)
    assert.equal(down(PROCESSOR_COUNT_MAX)?.left.length, PROCESSOR_COUNT_MAX)
    assert.equal(down(PROCESSOR_COUNT_MAX + 1), undefined)
    const old = (left: number) => cpg.readCpgDownListOld(copyOf(samples.CPG_DOWN_LIST_OLD, 16, left), 0, 1560, true)
    assert.equal(old(PROCESSOR_COUNT_MAX)?.length, PROCESSOR_COUNT_MAX)
    assert.equal(old(PROCESSOR_COUNT_MAX + 1), undefined)
  })

  it('survive encoding and decoding in both byte orders', () => {
    const name = fc.uint8Array({ maxLength: cpg.CPG_NAME_MAX })
    const processes = fc.array(fc.tuple(name, u32), { maxLength: 20 })
    const nodes = fc.array(u32, { maxLength: PROCESSOR_COUNT_MAX })
    fc.assert(
      fc.property(name, u32, u32, processes, nodes, fc.boolean(), (group, pid, n, list, left, little) => {
        const proc = written(168, (buf, off) => cpg.writeCpgProc(1, { group, pid, reason: n }, buf, off, little))
        assert.deepEqual(cpg.readCpgProc(proc, 0, 168, little), { group, pid, reason: n })

        const joins = list.map(([g, p]) => ({ group: g, pid: p }))
        const length = cpg.cpgJoinListLength(joins.length)
        const joinList = written(length, (buf, off) => cpg.writeCpgJoinList(joins, buf, off, little))
        assert.deepEqual(cpg.readCpgJoinList(joinList, 0, length, little), joins)

        const down = written(1568, (buf, off) => cpg.writeCpgDownList({ oldMembers: n, left }, buf, off, little))
        assert.deepEqual(cpg.readCpgDownList(down, 0, 1568, little), { oldMembers: n, left })
        const old = written(1560, (buf, off) => cpg.writeCpgDownListOld(left, buf, off, little))
        assert.deepEqual(cpg.readCpgDownListOld(old, 0, 1560, little), left)
      }),
    )
    fc.assert(
      fc.property(name, u32, u32, fc.nat(50), fc.nat(1e6), fc.boolean(), (group, pid, node, length, more, little) => {
        const whole = written(184, (buf, off) => cpg.writeCpgMcastHeader(group, pid, length, node, 5, buf, off, little))
        const expected = { groupOff: 24, groupLength: group.length, pid, sourceNodeId: node }
        const m = cpg.createCpgMulticast()
        const message = copyOf(whole, 4, 0, 184 + length)
        assert.equal(service.checkServiceMessage(message, 0, message.length, little), 0x20003)
        assert.equal(cpg.readCpgMcast(message, 0, message.length, little, m), true)
        assert.deepEqual(m, { ...expected, dataOff: 184, dataLength: length, part: 0, totalLength: length })
        assert.deepEqual(message.subarray(24, 24 + group.length), group)

        const total = length + more
        const piece = written(200, (buf, off) =>
          cpg.writeCpgPartialMcastHeader(group, pid, 2, total, length, node, 5, buf, off, little),
        )
        const part = copyOf(piece, 4, 0, 200 + length)
        assert.equal(service.checkServiceMessage(part, 0, part.length, little), 0x20006)
        assert.equal(cpg.readCpgPartialMcast(part, 0, part.length, little, m), true)
        assert.deepEqual(m, { ...expected, dataOff: 200, dataLength: length, part: 2, totalLength: total })
      }),
    )
  })
})

describe('the message of the configuration map', () => {
  const read = (b: Uint8Array, little = true) => readCmapMcast(b, 0, b.length, little)

  it('reads and is written as captured', () => {
    assert.deepEqual(read(samples.CMAP_MCAST), { reason: CmapReason.sync, configVersion: 7n })
    assert.deepEqual(
      written(CMAP_MCAST_LENGTH_MAX, (buf, off) => writeCmapMcast({ reason: 0, configVersion: 7n }, buf, off, true)),
      samples.CMAP_MCAST,
    )
  })

  it('is 328 bytes long without a version', () => {
    const none = written(328, (buf, off) => writeCmapMcast({ reason: 1, configVersion: undefined }, buf, off, true))
    assert.deepEqual(read(none), { reason: CmapReason.newConfigVersion, configVersion: undefined })
  })

  it('counts a version of another type as none', () => {
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48 + 264, 6))?.configVersion, undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48 + 272, 4))?.configVersion, undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48 + 8, 0x6f746f74))?.configVersion, undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48, 19))?.configVersion, undefined)
  })

  it('holds at most 32 items, none longer than the message', () => {
    const items = new Uint8Array(48 + 33 * 280)
    items.set(samples.CMAP_MCAST.subarray(0, 48))
    const counted = (count: number) => read(copyOf(items, 24, count))
    assert.deepEqual(counted(CMAP_ITEMS_MAX), { reason: 0, configVersion: undefined })
    assert.equal(counted(CMAP_ITEMS_MAX + 1), undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 24, 2)), undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48 + 272, 9)), undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48 + 276, 0xffffffff)), undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48, 256))?.reason, 0)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 48, 257)), undefined)
    assert.equal(read(copyOf(samples.CMAP_MCAST, 24, 0, 48))?.reason, 0)
    assert.equal(read(samples.CMAP_MCAST.subarray(0, 335)), undefined)
  })

  it('survives encoding and decoding in both byte orders', () => {
    const version = fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined })
    fc.assert(
      fc.property(fc.nat(255), version, fc.boolean(), (reason, configVersion, little) => {
        const length = configVersion === undefined ? 328 : 336
        const message = written(length, (buf, off) => writeCmapMcast({ reason, configVersion }, buf, off, little))
        assert.deepEqual(read(message, little), { reason, configVersion })
      }),
    )
  })
})
