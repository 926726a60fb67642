// One mixed ring for `npm test`: a node of ours between two C daemons. The matrix is in test/interop.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { membersOf, oneDirection, SHORT_TIMERS } from '../support/combination.js'
import { type CPeer, converged, createCluster, type Peer } from '../support/peers.js'
import { interopSkip, type Testbed, until } from '../support/testbed.js'

describe('a node of ours in a ring with two C daemons', { skip: interopSkip() }, () => {
  let testbed: Testbed
  let peers: Peer[]

  before(async () => {
    ;({ testbed, peers } = await createCluster(['c', 'ours', 'c']))
    testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS })
    for (const peer of peers) peer.start()
    await converged(peers, [1, 2, 3])
  })
  after(() => testbed?.down())

  it('exchanges messages with them', async () => {
    await Promise.all([
      oneDirection(peers[0]!, peers, 'from-c', 20_000, 50),
      oneDirection(peers[1]!, peers, 'from-ours', 20_000, 50),
    ])
  })

  it('stands in the list of corosync-cpgtool', async () => {
    const group = 'listed'
    const listening = peers[1]!.listen({ group, count: 1, seconds: 20 })
    await until('our member in the list', 10_000, async () => {
      const { stdout } = await (peers[0] as CPeer).host.run('corosync-cpgtool', [])
      return membersOf(stdout, group).includes(2) ? true : undefined
    })
    await peers[0]!.flood({ group, bytes: 16, count: 1 })
    await listening
  })

  it('is missed when killed, and taken back', async () => {
    await peers[1]!.kill()
    await converged([peers[0]!, peers[2]!], [1, 3])
    peers[1]!.start()
    await converged(peers, [1, 2, 3])
  })

  it('leaves in order', async () => {
    assert.equal(await peers[1]!.stop(), 0)
    await converged([peers[0]!, peers[2]!], [1, 3])
  })
})
