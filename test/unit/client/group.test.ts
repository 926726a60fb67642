import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AlreadyJoinedError,
  ClosedError,
  ClusterError,
  EngineError,
  NotJoinedError,
  SlowConsumerError,
} from '../../../src/client/errors.js'
import type { GroupEvent } from '../../../src/client/events.js'
import { CPG_MAX_ATOMIC_LENGTH } from '../../../src/services/cpg/types.js'
import { collect, type FakeCluster, fakeCluster, line, quiesce, settled } from '../../support/fake-cluster.js'
import { FakeCpg } from '../../support/fake-cpg.js'

function clusters(count: number): { cpg: FakeCpg; nodes: FakeCluster[] } {
  const cpg = new FakeCpg()
  const nodes = Array.from({ length: count }, (_, i) => fakeCluster(cpg, i + 1))
  cpg.reconfigure([nodes.map(({ node }) => node.id)])
  return { cpg, nodes }
}

async function joined(cpg: FakeCpg, node: FakeCluster, name = 'g') {
  const group = await settled(cpg, node.cluster.cpg.join(name))
  return { group, ...collect(group) }
}

function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + seed + (i >> 8)) & 0xff
  return bytes
}

describe('a group', () => {
  it('shows joining, messages, leaving and ring changes in one order', async () => {
    const { cpg, nodes } = clusters(3)
    const a = await joined(cpg, nodes[0]!)
    const b = await joined(cpg, nodes[1]!)
    await settled(cpg, a.group.send('one'))
    await settled(cpg, b.group.send(new TextEncoder().encode('two')))
    cpg.reconfigure([[1, 2]])
    await settled(cpg, b.group.leave())
    await quiesce(cpg)
    assert.deepEqual(a.events.map(line), [
      'members [1] +1:join',
      'ring [1,2,3]',
      'members [1,2] +2:join',
      'message 1 one',
      'message 2 two',
      'ring [1,2]',
      'members [1] -2:leave',
    ])
    assert.deepEqual(b.events.map(line), [
      'members [1,2] +2:join',
      'ring [1,2,3]',
      'message 1 one',
      'message 2 two',
      'ring [1,2]',
      'members [1] -2:leave',
    ])
    assert.equal(await b.end, undefined)
  })

  it('knows its members when join resolves', async () => {
    const { cpg, nodes } = clusters(2)
    await joined(cpg, nodes[0]!)
    const group = await settled(cpg, nodes[1]!.cluster.cpg.join('g'))
    const first = await group[Symbol.asyncIterator]().next()
    assert.equal(first.done, false)
    assert.deepEqual(
      group.members.map(m => m.nodeId),
      [1, 2],
    )
    assert.deepEqual(group.self, { nodeId: 2, pid: process.pid })
  })

  it('reports the sides of a partition and their merge', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await joined(cpg, nodes[0]!)
    await joined(cpg, nodes[1]!)
    cpg.reconfigure([[1], [2]])
    cpg.reconfigure([[1, 2]])
    await quiesce(cpg)
    assert.deepEqual(a.events.map(line).slice(3), [
      'members [1] -2:nodedown',
      'ring [1]',
      'members [1,2] +2:nodeup',
      'ring [1,2]',
    ])
  })

  it('gives a callback the same events as an iterator', async () => {
    const { cpg, nodes } = clusters(1)
    const events: GroupEvent[] = []
    const ends: (Error | undefined)[] = []
    const group = await settled(
      cpg,
      nodes[0]!.cluster.cpg.join('g', { onEvent: event => events.push(event), onEnd: error => ends.push(error) }),
    )
    for (let i = 0; i < 2000; i++) void group.send(`m${i}`)
    await quiesce(cpg)
    assert.equal(events.length, 2002)
    assert.equal(line(events[2001]!), 'message 1 m1999')
    await assert.rejects(async () => {
      for await (const _ of group) assert.fail('no events here')
    }, ClusterError)
    await settled(cpg, group.leave())
    await quiesce(cpg)
    assert.equal(line(events.at(-1)!), 'members [] -1:leave')
    assert.deepEqual(ends, [undefined])
  })

  it('is joined once per process and name, and again after leaving', async () => {
    const { cpg, nodes } = clusters(1)
    const { cluster } = nodes[0]!
    const group = await settled(cpg, cluster.cpg.join('g'))
    await assert.rejects(cluster.cpg.join('g'), (error: unknown) => {
      assert.ok(error instanceof AlreadyJoinedError)
      assert.equal(error.code, 'CS_ERR_EXIST')
      assert.equal(error.number, 14)
      return true
    })
    await settled(cpg, cluster.cpg.join('h'))
    await settled(cpg, group.leave())
    const again = await settled(cpg, cluster.cpg.join('g'))
    await settled(cpg, again.send('x'))
  })

  it('has names of at most 128 bytes', async () => {
    const { cpg, nodes } = clusters(1)
    const { cluster } = nodes[0]!
    await settled(cpg, cluster.cpg.join('n'.repeat(128)))
    await assert.rejects(cluster.cpg.join('n'.repeat(129)), { code: 'CS_ERR_NAME_TOO_LONG' })
  })

  it('refuses to send with a stable code after leave and after close', async () => {
    const { cpg, nodes } = clusters(2)
    const left = await joined(cpg, nodes[0]!)
    await settled(cpg, left.group.leave())
    await assert.rejects(left.group.send('x'), (error: unknown) => {
      assert.ok(error instanceof NotJoinedError)
      assert.equal(error.code, 'CS_ERR_NOT_EXIST')
      return true
    })
    const closed = await joined(cpg, nodes[1]!)
    await nodes[1]!.cluster.close()
    await assert.rejects(closed.group.send('x'), (error: unknown) => {
      assert.ok(error instanceof ClosedError)
      assert.equal(error.code, 'CS_ERR_BAD_HANDLE')
      return true
    })
    await assert.rejects(nodes[1]!.cluster.cpg.join('g'), ClosedError)
    assert.equal(await closed.end, undefined)
    await nodes[1]!.cluster.close()
  })

  it('lets a loop end and another begin where it stopped', async () => {
    const { cpg, nodes } = clusters(1)
    const group = await settled(cpg, nodes[0]!.cluster.cpg.join('g'))
    for (const text of ['a', 'b', 'c']) await settled(cpg, group.send(text))
    const seen: string[] = []
    for await (const event of group) {
      seen.push(line(event))
      if (event.type === 'message') break
    }
    for await (const event of group) {
      seen.push(line(event))
      if (line(event) === 'message 1 c') break
    }
    assert.deepEqual(seen.slice(2), ['message 1 a', 'message 1 b', 'message 1 c'])
  })

  it('hands what arrived before the engine died to the program, then the reason', async () => {
    const { cpg, nodes } = clusters(1)
    const group = await settled(cpg, nodes[0]!.cluster.cpg.join('g'))
    await settled(cpg, group.send('last words'))
    await quiesce(cpg)
    const ends: (Error | undefined)[] = []
    nodes[0]!.cluster.on('end', error => ends.push(error))
    nodes[0]!.listener.ended(new EngineError('the thread died'))
    await assert.rejects(group.send('too late'), EngineError)
    const { events, end } = collect(group)
    assert.match((await end)?.message ?? '', /the thread died/)
    assert.equal(line(events.at(-1)!), 'message 1 last words')
    assert.equal(ends.length, 1)
    await assert.rejects(nodes[0]!.cluster.cpg.join('g'), EngineError)
  })
})

describe('sending', () => {
  it('waits while the ring is busy, and keeps the order', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await joined(cpg, nodes[0]!)
    const b = await joined(cpg, nodes[1]!)
    nodes[0]!.node.queueLimit = 0
    let accepted = 0
    const sends = Array.from({ length: 100 }, (_, i) => a.group.send(`m${i}`).then(() => accepted++))
    await quiesce(cpg)
    assert.equal(accepted, 0)
    nodes[0]!.node.queueLimit = 3
    await settled(cpg, Promise.all(sends))
    await quiesce(cpg)
    const messages = b.events.filter(event => event.type === 'message').map(line)
    assert.deepEqual(
      messages,
      sends.map((_, i) => `message 1 m${i}`),
    )
  })

  it('carries messages of every size whole', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await joined(cpg, nodes[0]!)
    const b = await joined(cpg, nodes[1]!)
    const sizes = [0, 1, 300_000, CPG_MAX_ATOMIC_LENGTH, CPG_MAX_ATOMIC_LENGTH + 1, 5_000_000, 7]
    for (const [i, size] of sizes.entries()) void a.group.send(pattern(size, i))
    await quiesce(cpg)
    const messages = b.events.flatMap(event => (event.type === 'message' ? [event.data] : []))
    assert.equal(messages.length, sizes.length)
    for (const [i, size] of sizes.entries()) {
      assert.equal(Buffer.compare(messages[i]!, pattern(size, i)), 0, `message of ${size} bytes`)
    }
  })

  it('begins a large message again when the membership changes between its pieces', async () => {
    const { cpg, nodes } = clusters(3)
    const a = await joined(cpg, nodes[0]!)
    const b = await joined(cpg, nodes[1]!)
    nodes[0]!.node.queueLimit = 1
    const big = pattern(3 * CPG_MAX_ATOMIC_LENGTH, 1)
    const sent = a.group.send(big)
    const after = a.group.send('after')
    for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve))
    const c = nodes[2]!.cluster.cpg.join('g')
    await settled(cpg, Promise.all([sent, after, c]))
    await quiesce(cpg)
    const messages = b.events.flatMap(event => (event.type === 'message' ? [event.data] : []))
    assert.equal(messages.length, 2)
    assert.equal(Buffer.compare(messages[0]!, big), 0)
    assert.equal(new TextDecoder().decode(messages[1]), 'after')
  })

  it('refuses when a program sends without waiting far too often', async () => {
    const { cpg, nodes } = clusters(1)
    const a = await joined(cpg, nodes[0]!)
    nodes[0]!.node.queueLimit = 0
    const bytes = new Uint8Array(1 << 20)
    const results = await Promise.race([
      Promise.allSettled(Array.from({ length: 300 }, () => a.group.send(bytes).then(() => assert.fail()))),
      new Promise<PromiseSettledResult<never>[]>(resolve => setTimeout(resolve, 50, [])),
    ])
    assert.deepEqual(results, [])
    await assert.rejects(a.group.send(bytes), { code: 'CS_ERR_QUEUE_FULL' })
    await nodes[0]!.cluster.close()
  })
})

describe('a program that does not take its events', () => {
  it('gets them all later, as long as they fit', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await joined(cpg, nodes[0]!)
    const group = await settled(cpg, nodes[1]!.cluster.cpg.join('g'))
    const bytes = pattern(100_000, 3)
    for (let i = 0; i < 100; i++) await settled(cpg, a.group.send(bytes))
    const { events } = collect(group)
    // Each refill takes turns in which the ring itself is idle.
    for (let turn = 0; turn < 100 && events.length < 102; turn++) await quiesce(cpg)
    assert.equal(events.filter(e => e.type === 'message' && Buffer.compare(e.data, bytes) === 0).length, 100)
  })

  it('loses its membership when they do not, and is told so after the last event', async () => {
    const cpg = new FakeCpg()
    const fast = fakeCluster(cpg, 1)
    const slow = fakeCluster(cpg, 2, 2_000_000)
    cpg.reconfigure([[1, 2]])
    const a = await joined(cpg, fast)
    const group = await settled(cpg, slow.cluster.cpg.join('g'))
    const bytes = pattern(100_000, 3)
    for (let i = 0; i < 40; i++) await settled(cpg, a.group.send(bytes))
    assert.ok(a.events.some(event => line(event) === 'members [1] -2:procdown'))
    await assert.rejects(group.send('x'), SlowConsumerError)
    const { events, end } = collect(group)
    const error = await settled(cpg, end)
    assert.ok(error instanceof SlowConsumerError)
    assert.equal(error.code, 'CS_ERR_NO_RESOURCES')
    const received = events.filter(e => e.type === 'message').length
    assert.ok(received >= 8 && received < 40, `${received} messages before the end`)
    assert.equal(slow.node.connections.length, 0)
  })
})
