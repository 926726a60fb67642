import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeCluster } from '../../support/fake-ring.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'

function nodes(cluster: FakeCluster, versions: readonly number[]): ServiceNode[] {
  return versions.map((configVersion, index) => startNode(cluster, index + 1, { configVersion }))
}

describe('a configuration version', () => {
  it('that is lower than that of others makes the node end, and only that node', () => {
    const cluster = new FakeCluster()
    const all = nodes(cluster, [4, 3, 0, 4])
    cluster.run(cluster.form([1, 2, 3, 4]))
    assert.deepEqual(
      all.map(node => node.shutdowns.length),
      [0, 1, 0, 0],
    )
    const line = 'error CMAP Received config version (4) is different than my config version (3)! Exiting'
    assert.ok(all[1]!.logged.includes(line))
  })

  it('is compared once in the life of a node, when it first meets others', () => {
    const cluster = new FakeCluster()
    const [one, two, three] = nodes(cluster, [4, 4, 5])
    cluster.run(cluster.form([1, 2]))
    cluster.run(cluster.form([1, 2, 3]))
    assert.deepEqual(
      [one, two, three].map(node => node!.shutdowns.length),
      [0, 0, 0],
    )
  })

  it('is not compared by a node alone, nor by one that has none', () => {
    const cluster = new FakeCluster()
    const [one, two] = nodes(cluster, [0, 9])
    assert.ok(one!.logged.includes('debug CMAP Single node sync -> no action'))
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(
      [one, two].map(node => node!.shutdowns),
      [[], []],
    )
  })

  it('of every member is told in every round', () => {
    const cluster = new FakeCluster()
    const [one] = nodes(cluster, [7, 0])
    one!.versions.length = 0
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(
      one!.versions.toSorted((a, b) => a[0] - b[0]),
      [
        [1, 7],
        [2, 0],
      ],
    )
  })
})

describe('the quorum service', () => {
  const sync = (node: ServiceNode) => node.logged.splice(0).filter(line => line.includes('QUORUM'))

  it('logs who is there, who has come, and who has gone', () => {
    const cluster = new FakeCluster()
    const one = startNode(cluster, 1)
    startNode(cluster, 2)
    assert.deepEqual(sync(one), ['notice QUORUM Sync members[1]: 1', 'notice QUORUM Sync joined[1]: 1'])
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(sync(one), ['notice QUORUM Sync members[2]: 1 2', 'notice QUORUM Sync joined[1]: 2'])
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(sync(one), ['notice QUORUM Sync members[2]: 1 2'])
    cluster.run(cluster.form([1]))
    assert.deepEqual(sync(one), ['notice QUORUM Sync members[1]: 1', 'notice QUORUM Sync left[1]: 2'])
    assert.deepEqual(one.quorum.members, [1])
  })

  it('counts one that was frozen as gone and come, on both sides', () => {
    const cluster = new FakeCluster()
    const all = nodes(cluster, [0, 0, 0])
    cluster.run(cluster.form([1, 2, 3]))
    cluster.node(3).deaf = true
    cluster.run(cluster.form([1, 2]))
    for (const node of all) sync(node)
    cluster.run(cluster.form([1, 2, 3]))
    assert.deepEqual(sync(all[2]!), [
      'notice QUORUM Sync members[3]: 1 2 3',
      'notice QUORUM Sync joined[2]: 1 2',
      'notice QUORUM Sync left[2]: 1 2',
    ])
    assert.deepEqual(sync(all[0]!), ['notice QUORUM Sync members[3]: 1 2 3', 'notice QUORUM Sync joined[1]: 3'])
  })

  it('goes by the last membership that was finished', () => {
    const cluster = new FakeCluster()
    const [one] = nodes(cluster, [0, 0])
    sync(one!)
    cluster.form([1, 2])
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(sync(one!).slice(-2), ['notice QUORUM Sync members[2]: 1 2', 'notice QUORUM Sync joined[1]: 2'])
  })
})
