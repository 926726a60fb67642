// One mixed ring with the timers that people run: nothing set, so token 3650 ms for three nodes.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { oneDirection } from '../support/combination.js'
import { converged, createCluster, type Peer } from '../support/peers.js'
import { interopSkip, type Testbed } from '../support/testbed.js'

/** Token 3650 ms, consensus 1.2 times that, a few rounds of gathering. */
const SETTLE_MS = 30_000

describe('one of ours and two C with the default timers', { skip: interopSkip() }, () => {
  let testbed: Testbed
  let peers: Peer[]

  before(async () => {
    ;({ testbed, peers } = await createCluster(['c', 'ours', 'c']))
    testbed.configure({ transport: 'udpu' })
    for (const peer of peers) peer.start()
    await converged(peers, [1, 2, 3])
  })
  after(() => testbed?.down())

  it('carries messages both ways', async () => {
    await Promise.all([
      oneDirection(peers[0]!, peers, 'from-c', 8192, 500),
      oneDirection(peers[1]!, peers, 'from-ours', 8192, 500),
    ])
  })

  it('loses a killed C node after its token timeout, not before, and takes it back', async t => {
    const began = performance.now()
    await peers[2]!.kill()
    await converged(peers.slice(0, 2), [1, 2], SETTLE_MS)
    const took = performance.now() - began
    t.diagnostic(`noticed after ${took.toFixed(0)} ms`)
    assert.ok(took > 3650, `${took} ms is less than the token timeout`)
    peers[2]!.start()
    await converged(peers, [1, 2, 3], SETTLE_MS)
  })

  it('loses ours when it is killed, and takes it back', async () => {
    await peers[1]!.kill()
    await converged([peers[0]!, peers[2]!], [1, 3], SETTLE_MS)
    peers[1]!.start()
    await converged(peers, [1, 2, 3], SETTLE_MS)
  })
})
