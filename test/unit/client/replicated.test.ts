import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClosedError, NoQuorumError, QueueFullError } from '../../../src/client/errors.js'
import type { StateMachine } from '../../../src/client/replica-core.js'
import { type Replica, type ReplicaOptions, replicate } from '../../../src/client/replicated.js'
import { type FakeCluster, fakeCluster, quiesce, settled } from '../../support/fake-cluster.js'
import { FakeCpg } from '../../support/fake-cpg.js'

class Counter implements StateMachine<number> {
  total = 0
  /** Makes the snapshot large. */
  padding = 0
  apply(command: Uint8Array): number {
    this.total += Number(new TextDecoder().decode(command))
    return this.total
  }
  snapshot(): Uint8Array {
    const bytes = new Uint8Array(8 + this.padding)
    new DataView(bytes.buffer).setFloat64(0, this.total)
    return bytes
  }
  restore(snapshot: Uint8Array): void {
    this.total = new DataView(snapshot.buffer, snapshot.byteOffset).getFloat64(0)
    this.padding = snapshot.length - 8
  }
}

function clusters(count: number): { cpg: FakeCpg; nodes: FakeCluster[] } {
  const cpg = new FakeCpg()
  const nodes = Array.from({ length: count }, (_, i) => fakeCluster(cpg, i + 1))
  cpg.reconfigure([nodes.map(({ node }) => node.id)])
  return { cpg, nodes }
}

async function replica(
  cpg: FakeCpg,
  node: FakeCluster,
  options: ReplicaOptions = {},
  machine = new Counter(),
): Promise<{ replica: Replica<number>; machine: Counter }> {
  return { machine, replica: await settled(cpg, replicate(node.cluster, 'counter', machine, options)) }
}

describe('a replica', () => {
  it('answers a command with what apply returned, after every earlier one', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await replica(cpg, nodes[0]!)
    const b = await replica(cpg, nodes[1]!)
    const results = Promise.all([a.replica.submit('1'), b.replica.submit('10'), a.replica.submit('100')])
    const [first, , third] = await settled(cpg, results)
    assert.ok(first === 1 || first === 11)
    assert.ok(third === 111 || third === 101)
    await quiesce(cpg)
    assert.deepEqual([a.machine.total, b.machine.total], [111, 111])
    assert.deepEqual([a.replica.index, b.replica.index], [3, 3])
    assert.deepEqual(
      b.replica.established.map(member => member.nodeId),
      [1, 2],
    )
  })

  it('gets a state of many megabytes while commands go on', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await replica(cpg, nodes[0]!)
    a.machine.padding = 5_000_000
    await settled(cpg, a.replica.submit('1'))
    const joining = replica(cpg, nodes[1]!)
    const submits = Promise.all(Array.from({ length: 200 }, () => a.replica.submit('1')))
    const b = await joining
    await settled(cpg, b.replica.active())
    await settled(cpg, submits)
    await quiesce(cpg)
    assert.equal(b.machine.total, 201)
    assert.equal(b.machine.padding, 5_000_000)
  })

  it('takes any number of commands at once, up to a bound', async () => {
    const { cpg, nodes } = clusters(1)
    const a = await replica(cpg, nodes[0]!)
    await settled(cpg, a.replica.active())
    const submits = Array.from({ length: 16_384 }, () => a.replica.submit('1'))
    await assert.rejects(a.replica.submit('1'), QueueFullError)
    await settled(cpg, Promise.all(submits))
    assert.equal(a.machine.total, 16_384)
  })

  it('tells its state and members as they change', async () => {
    const { cpg, nodes } = clusters(2)
    const told: string[] = []
    await replica(cpg, nodes[0]!, {
      quorum: 'majority',
      onChange: (state, members) => told.push(`${state} ${members.map(m => m.nodeId).join()}`),
    })
    await quiesce(cpg)
    const b = await replica(cpg, nodes[1]!, { quorum: 'majority' })
    await quiesce(cpg)
    await settled(cpg, b.replica.close())
    await quiesce(cpg)
    assert.deepEqual(told, ['electing 1', 'waiting 1', 'electing 1,2', 'readonly 1,2', 'active 1,2', 'readonly 1'])
  })

  it('rejects with stable codes', async () => {
    const { cpg, nodes } = clusters(2)
    const a = await replica(cpg, nodes[0]!, { quorum: 2 })
    await assert.rejects(settled(cpg, a.replica.submit('1')), (error: unknown) => {
      assert.ok(error instanceof NoQuorumError)
      assert.deepEqual([error.code, error.number], ['CS_ERR_TRY_AGAIN', 6])
      return true
    })
    const active = assert.rejects(a.replica.active(), ClosedError)
    await settled(cpg, a.replica.close())
    await active
    await assert.rejects(a.replica.submit('1'), { code: 'CS_ERR_BAD_HANDLE' })
    assert.equal(a.replica.state, 'closed')
  })

  it('leaves when its machine cannot give or take a state, and says why', async () => {
    const { cpg, nodes } = clusters(2)
    const ends: (Error | undefined)[] = []
    const a = await replica(cpg, nodes[0]!)
    await settled(cpg, a.replica.submit('5'))
    const broken = new Counter()
    broken.restore = () => {
      throw new Error('no disk')
    }
    const b = await replica(cpg, nodes[1]!, { onEnd: error => ends.push(error) }, broken)
    await quiesce(cpg)
    await quiesce(cpg)
    assert.equal(b.replica.state, 'closed')
    assert.match(ends[0]?.message ?? '', /no disk/)
    await assert.rejects(b.replica.submit('1'), { code: 'CS_ERR_FAILED_OPERATION' })
    assert.equal(await settled(cpg, a.replica.submit('1')), 6)
    assert.deepEqual(
      a.replica.members.map(member => member.nodeId),
      [1],
    )
  })

  it('reports what a merge discards', async () => {
    const { cpg, nodes } = clusters(3)
    const lost: number[] = []
    const all = [
      await replica(cpg, nodes[0]!, { onDiscarded: discarded => lost.push(discarded.count) }),
      await replica(cpg, nodes[1]!),
      await replica(cpg, nodes[2]!),
    ]
    await quiesce(cpg)
    cpg.reconfigure([[1], [2, 3]])
    assert.equal(await settled(cpg, all[0]!.replica.submit('7')), 7)
    assert.equal(await settled(cpg, all[1]!.replica.submit('8')), 8)
    cpg.reconfigure([[1, 2, 3]])
    await quiesce(cpg)
    assert.deepEqual(
      all.map(({ machine }) => machine.total),
      [8, 8, 8],
    )
    assert.deepEqual(lost, [1])
  })
})
