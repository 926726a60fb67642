import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareNames, GroupTable } from '../../../src/services/cpg/groups.js'
import { CpgIteration, iterationOrder } from '../../../src/services/cpg/iteration.js'
import { MemberRecords } from '../../../src/services/cpg/records.js'

const name = (text: string) => Buffer.from(text, 'latin1')

describe('the table of groups', () => {
  it('finds a group by bytes anywhere in a buffer', () => {
    const table = new GroupTable()
    const group = table.obtain(name('orders'))
    const buffer = name('xxordersyy')
    assert.equal(table.find(buffer, 2, 6), group)
    assert.equal(table.find(buffer, 2, 5), null)
    assert.equal(table.obtain(name('orders')), group)
  })

  it('keeps its own copy of the name', () => {
    const table = new GroupTable()
    const bytes = name('orders')
    const group = table.obtain(bytes)
    bytes.fill(0)
    assert.equal(Buffer.from(group.name).toString(), 'orders')
  })

  it('tells names apart that hash alike, whichever goes first', () => {
    for (const order of [
      ['costarring', 'liquid'],
      ['liquid', 'costarring'],
    ]) {
      const table = new GroupTable()
      const [a, b] = order.map(text => table.obtain(name(text)))
      assert.equal(a!.hash, b!.hash, 'or this tests nothing')
      assert.notEqual(a, b)
      table.release(a!)
      assert.equal(table.size, 1)
      assert.equal(table.find(name(order[0]!), 0, order[0]!.length), null)
      assert.equal(table.find(name(order[1]!), 0, order[1]!.length), b)
      table.release(b!)
      assert.equal(table.size, 0)
    }
  })

  it('forgets a group only when nothing refers to it', () => {
    const table = new GroupTable()
    const records = new MemberRecords()
    const group = table.obtain(name('g'))
    records.insert(1, 10, group)
    table.release(group)
    assert.equal(table.size, 1)
    group.references++
    records.remove(() => true)
    table.release(group)
    assert.equal(table.size, 1)
    group.references--
    table.release(group)
    table.release(group)
    assert.equal(table.size, 0)
  })
})

describe('names of groups', () => {
  it('are ordered by bytes, the shorter first', () => {
    const sorted = ['b', '\xff', 'a', '', 'aa', 'a\0', 'B'].map(name).sort(compareNames)
    assert.deepEqual(
      sorted.map(bytes => bytes.toString('latin1')),
      ['', 'B', 'a', 'a\0', 'aa', 'b', '\xff'],
    )
  })
})

describe('member records', () => {
  it('are sorted by node, then process, and by arrival among equals', () => {
    const table = new GroupTable()
    const records = new MemberRecords()
    const [g, h] = [table.obtain(name('g')), table.obtain(name('h'))]
    records.insert(2, 1, g)
    records.insert(1, 4_000_000_000, h)
    records.insert(1, 7, h)
    records.insert(1, 7, g)
    records.insert(4_000_000_000, 1, g)
    assert.deepEqual(
      records.all.map(({ nodeId, pid, group }) => `${nodeId}:${pid}:${Buffer.from(group.name)}`),
      ['1:7:h', '1:7:g', '1:4000000000:h', '2:1:g', '4000000000:1:g'],
    )
    assert.equal(records.find(1, 7, g)?.group, g)
    assert.equal(records.find(1, 8, g), undefined)
    assert.deepEqual(
      records.of(g).map(record => record.nodeId),
      [1, 2, 4_000_000_000],
    )
  })

  it('know on which nodes a group has members', () => {
    const group = new GroupTable().obtain(name('g'))
    const records = new MemberRecords()
    records.insert(1, 10, group)
    records.insert(1, 11, group)
    records.insert(2, 20, group)
    records.remove(record => record.pid === 10 || record.nodeId === 2)
    assert.deepEqual([...group.membersByNode], [[1, 1]])
  })
})

describe('the listing of members', () => {
  const entry = (group: string, nodeId: number, pid: number) => ({ group: name(group), nodeId, pid })
  const records = [entry('alpha', 1, 2), entry('alpha', 1, 3), entry('beta', 1, 4), entry('alpha', 2, 1)]
  const list = (type: 1 | 2 | 3, group?: string) =>
    iterationOrder(records, type, group === undefined ? undefined : name(group)).map(
      ({ group, nodeId, pid }) => `${Buffer.from(group)} ${nodeId}:${pid}`,
    )

  it('has the newest group first, and in each its first member, then the others backwards', () => {
    assert.deepEqual(list(CpgIteration.ALL), ['beta 1:4', 'alpha 1:2', 'alpha 2:1', 'alpha 1:3'])
  })

  it('can be of names, or of one group', () => {
    assert.deepEqual(list(CpgIteration.NAME_ONLY), ['beta 0:0', 'alpha 0:0'])
    assert.deepEqual(list(CpgIteration.ONE_GROUP, 'beta'), ['beta 1:4'])
    assert.deepEqual(list(CpgIteration.ONE_GROUP), [])
  })

  it('of very many takes no longer than a token may be kept waiting', () => {
    const groups = Array.from({ length: 10_000 }, (_, i) => entry(`group ${i}`, 1, i))
    const members = Array.from({ length: 200_000 }, (_, i) => entry('alpha', 2, i))
    const began = performance.now()
    assert.equal(iterationOrder([...groups, ...members], CpgIteration.ALL)[0]?.pid, 0)
    assert.ok(performance.now() - began < 1000)
  })
})
