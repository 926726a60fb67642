// Debian's Pacemaker on our daemon: three hosts and one resource, which moves when its host dies, stops when quorum is lost and
// comes back with it; the same with C daemons in the ring, and while the daemons under it are replaced one by one.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Pacemaker } from '../support/pacemaker.js'
import { type DaemonKind, daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip } from '../support/testbed.js'

for (const kinds of daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'ours'])) {
  describe(`Pacemaker on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    let pacemaker: Pacemaker
    let where: number
    const others = () => cluster.nodes.filter(node => node !== where)

    before(async () => {
      cluster = await ServiceCluster.form(kinds)
      pacemaker = new Pacemaker(cluster)
    })
    after(() => cluster?.down())

    it('forms and starts the resource', async () => {
      for (const node of cluster.nodes) await pacemaker.start(node)
      await pacemaker.online(cluster.nodes)
      where = await pacemaker.runsOn(cluster.nodes)
    })

    it('moves it when its node goes to standby', async () => {
      await pacemaker.standby(where, true)
      const next = await pacemaker.runsOn(others(), where)
      await pacemaker.standby(where, false)
      await pacemaker.online(cluster.nodes)
      where = next
    })

    it('stops it when no part has quorum, and starts it when one has', async () => {
      cluster.partition(...cluster.nodes.map(node => [node]))
      await pacemaker.runsNowhere(where)
      for (const node of cluster.nodes) await pacemaker.runsNowhere(node)
      cluster.heal()
      where = await pacemaker.runsOn(cluster.nodes)
      await pacemaker.online(cluster.nodes)
    })

    it('stops it on a node that is cut off, and runs it in the part with quorum', async () => {
      const lost = where
      cluster.partition([lost], others())
      const next = await pacemaker.runsOn(others())
      await pacemaker.runsNowhereOn(lost)
      cluster.heal()
      await pacemaker.online(cluster.nodes)
      where = next
    })

    it('moves it when its host dies', async () => {
      await cluster.killHost(where)
      const dead = where
      where = await pacemaker.runsOn(others())
      assert.notEqual(where, dead)
    })
  })
}

/** How long the resource may run nowhere while it is moved from a node that stops in order. */
const MOVE_MS = 5000

/** From C to ours and back: what each host's daemon is replaced by, one after the other. */
const ROLLS: readonly DaemonKind[] = process.env.INTEROP_OURS === 'c' ? ['c'] : ['ours', 'c']

describe('daemons replaced one by one under Pacemaker', { skip: interopSkip() }, () => {
  let cluster: ServiceCluster
  let pacemaker: Pacemaker

  before(async () => {
    cluster = await ServiceCluster.form(['c', 'c', 'c'])
    pacemaker = new Pacemaker(cluster)
    for (const node of cluster.nodes) await pacemaker.start(node)
    await pacemaker.online(cluster.nodes)
    await pacemaker.runsOn(cluster.nodes)
  })
  after(() => cluster?.down())

  for (const kind of ROLLS) {
    it(`by ${kind === 'c' ? 'C daemons' : 'ours'}, and the resource stays up`, async t => {
      const watched = pacemaker.watch()
      t.after(() => watched.stop())
      for (const node of cluster.nodes) {
        const others = cluster.nodes.filter(other => other !== node)
        await pacemaker.stop(node)
        await cluster.stop(node)
        await pacemaker.runsOn(others)
        cluster.kinds[node - 1] = kind
        cluster.start(node)
        await cluster.settled()
        await pacemaker.start(node)
        await pacemaker.online(cluster.nodes)
        await pacemaker.runsOn(cluster.nodes)
      }
      t.diagnostic(`at most ${watched.longestGapMs().toFixed(0)} ms without the resource`)
      assert.ok(watched.longestGapMs() < MOVE_MS, `${watched.longestGapMs()} ms without the resource`)
      assert.ok(!watched.twice(), 'the resource ran on two hosts at once')
    })
  }
})
