// The services of a node inside the program, over real sockets on 127.0.0.x, with both engines.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import {
  ClosedError,
  type Cluster,
  ConnectionError,
  ConnectionLostError,
  EngineError,
  type NodeDescription,
  startNode,
} from '../../../src/index.js'
import { freeUdpPort } from '../../support/free-port.js'
import { rejects, serviceChecks } from '../../support/service-checks.js'

async function alone(votequorum: boolean): Promise<NodeDescription> {
  return {
    nodeId: 1,
    nodes: [{ nodeId: 1, address: '127.0.0.1' }],
    port: await freeUdpPort(),
    clusterName: 'embedded',
    ...(votequorum ? { quorum: { provider: 'corosync_votequorum' } } : {}),
  }
}

for (const engine of ['native', 'dgram'] as const) {
  describe(`the services of a node in the program, engine ${engine}`, () => {
    let cluster: Cluster

    before(async () => {
      cluster = await startNode({ config: await alone(true), engine })
    })
    after(() => cluster?.close())

    for (const [name, check] of Object.entries(serviceChecks)) it(`pass the check of ${name}`, () => check(cluster))

    it('know the name of the cluster and who it is', async () => {
      assert.deepEqual(await cluster.cmap.get('totem.cluster_name'), { type: 'str', value: 'embedded' })
      assert.equal(await cluster.cfg.localNodeId(), 1)
      // node:dgram leaves the state of links to the system.
      if (engine === 'native') assert.deepEqual(await cluster.cfg.addresses(), ['127.0.0.1'])
    })

    it('count votes', async () => {
      const info = await cluster.votequorum.info()
      assert.equal(info.quorate, true)
      assert.equal(info.totalVotes, 1)
      await rejects(cluster.votequorum.info(9), 'CS_ERR_NOT_EXIST')
    })

    it('list groups and their members', async () => {
      const group = await cluster.cpg.join('listed')
      assert.deepEqual(await cluster.cpg.groups(), ['listed'])
      assert.deepEqual(await cluster.cpg.members('listed'), [group.self])
      assert.deepEqual(await cluster.cpg.processes(), [{ group: 'listed', ...group.self }])
      await group.leave()
      assert.deepEqual(await cluster.cpg.groups(), [])
    })

    it('answer calls that are made together in their order', async () => {
      const { cmap } = cluster
      const calls: Promise<unknown>[] = [cmap.set('test.order', { type: 'u32', value: 0 })]
      for (let n = 0; n < 100; n++) calls.push(cmap.inc('test.order'))
      calls.push(cmap.get('test.order'))
      assert.deepEqual((await Promise.all(calls)).at(-1), { type: 'u32', value: 100 })
      await cmap.delete('test.order')
    })
  })

  describe(`a node in the program without a provider of quorum, engine ${engine}`, () => {
    it('has no service of votes, and ends what it had begun when it ends', async () => {
      const cluster = await startNode({ config: await alone(false), engine })
      assert.equal(await cluster.quorum.hasProvider(), false)
      assert.equal(await cluster.quorum.isQuorate(), true)
      await assert.rejects(cluster.votequorum.info(), ConnectionError)
      const changes = await cluster.cmap.track('test.nothing')
      const next = changes[Symbol.asyncIterator]().next()
      await cluster.close()
      assert.deepEqual(await next, { done: true, value: undefined })
      await assert.rejects(cluster.cmap.get('test.nothing'), ClosedError)
    })
  })
}

describe('a node in the program that is asked to end', () => {
  it('asks the program first, and says why it has ended', async () => {
    const cluster = await startNode({ config: await alone(true), engine: 'native' })
    const changes = await cluster.cmap.track('test.nothing')
    const tracking = assert.rejects(changes[Symbol.asyncIterator]().next(), ConnectionLostError)
    const ended = once(cluster, 'end')
    await cluster.cfg.tryShutdown('immediate').catch(error => assert.ok(error instanceof ConnectionLostError))
    const [error] = await ended
    assert.ok(error === undefined || error instanceof EngineError)
    await tracking.catch(() => {})
  })
})
