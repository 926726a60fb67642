import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeCluster } from '../../support/fake-ring.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'

function nodes(cluster: FakeCluster, versions: readonly number[]): ServiceNode[] {
  return versions.map((version, index) =>
    startNode(cluster, index + 1, version === 0 ? {} : { configVersion: BigInt(version) }),
  )
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

  it('of every member stands in the map', () => {
    const cluster = new FakeCluster()
    const [one, two] = nodes(cluster, [7, 0])
    const versions = (node: ServiceNode) =>
      [1, 2].map(id => node.map.getBigInt(`runtime.members.${id}.config_version`, 'u64'))
    assert.deepEqual(versions(one!), [7n, undefined])
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(versions(one!), [7n, 0n])
    assert.deepEqual(versions(two!), [7n, 0n])
  })

  it('that changes is told to all, and is that of the next round', () => {
    const cluster = new FakeCluster()
    const [one, two] = nodes(cluster, [7, 7])
    const ring = cluster.form([1, 2])
    cluster.run(ring)
    const told = () => two!.map.getBigInt('runtime.members.1.config_version', 'u64')
    for (const [value, version] of [
      [{ type: 'u64', value: 2n ** 64n - 1n }, 2n ** 64n - 1n],
      [{ type: 'u32', value: 9 }, 0n],
    ] as const) {
      one!.map.set('totem.config_version', value)
      cluster.run(ring)
      assert.equal(told(), version)
    }
    one!.map.set('totem.config_version', { type: 'u64', value: 12n })
    one!.map.delete('totem.config_version')
    cluster.run(ring)
    assert.equal(told(), 0n)
    one!.map.set('totem.config_version', { type: 'u64', value: 4n })
    cluster.run(ring)
    startNode(cluster, 3, { configVersion: 3n })
    cluster.run(cluster.form([1, 2, 3]))
    assert.deepEqual(
      [...cluster.nodes.values()].map(node => (node as ServiceNode).shutdowns.length),
      [0, 0, 1],
    )
  })

  it('that changes while the ring takes nothing is told when it does', () => {
    const cluster = new FakeCluster()
    const [one, two] = nodes(cluster, [7, 7])
    const ring = cluster.form([1, 2])
    one!.map.set('totem.config_version', { type: 'u64', value: 8n })
    one!.map.set('totem.config_version', { type: 'u64', value: 9n })
    cluster.run(ring)
    assert.equal(two!.map.getBigInt('runtime.members.1.config_version', 'u64'), 9n)
    assert.equal(
      one!.executive.table.counters.find(entry => entry.service.id === 0)?.sent[0],
      3,
      'once beside two rounds',
    )
  })
})

describe('the members in the map', () => {
  it('come, go, and are counted', () => {
    const cluster = new FakeCluster()
    const [one] = nodes(cluster, [0, 0])
    const two = () =>
      one!.map.keys('runtime.members.2.').map(key => `${key.slice(18)} ${String(one!.map.get(key)?.value)}`)
    assert.deepEqual(two(), [])
    cluster.run(cluster.form([1, 2]))
    const ip = 'ip r(0) ip(10.0.0.2) r(2) ip(fd00::2) '
    assert.deepEqual(two(), ['config_version 0', ip, 'join_count 1', 'status joined'])
    cluster.run(cluster.form([1]))
    assert.deepEqual(two(), ['config_version 0', ip, 'join_count 1', 'status left'])
    cluster.run(cluster.form([1, 2]))
    assert.deepEqual(two(), ['config_version 0', ip, 'join_count 2', 'status joined'])
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
