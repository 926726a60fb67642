// How administrators end nodes: asked for and voted on, at once, from another node; on rings of C daemons and ours. Programs
// are C programs on the stock library. The text of the tools is the business of tools.test.ts.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Client } from '../support/clients.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip, until } from '../support/testbed.js'

/** Node 1 is the one that votes are about. */
const RINGS = daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'c'])
const SETTLE_MS = 20_000
/** cfg.shutdown_timeout: long enough to see that nothing comes before it. */
const VOTE_MS = 1500
const TIMED_OUT = ['SHUTDOWN 0 rc=10']

async function tracker(cluster: ServiceCluster, answer: '0' | '1' | 'none'): Promise<Client> {
  const client = cluster.client(1, 'cfg')
  await client.connect()
  assert.equal(await client.line('track'), 'TRACK rc=1')
  await client.ask(`answer ${answer}`)
  client.look()
  return client
}

for (const kinds of RINGS) {
  describe(`ends of nodes with ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    let requester: Client
    before(async () => {
      cluster = await ServiceCluster.form(kinds)
      requester = cluster.client(1, 'cfg')
      await requester.connect()
      await cluster.host(1).run('corosync-cmapctl', ['-s', 'cfg.shutdown_timeout', 'u32', String(VOTE_MS)])
    })
    after(() => cluster?.down())

    it('one that says no keeps the node', async () => {
      const voters = [await tracker(cluster, '1'), await tracker(cluster, '0')]
      assert.equal(await requester.line('shutdown 0'), 'SHUTDOWN 0 rc=10')
      for (const voter of voters) await voter.waitFor('a vote', lines => lines.some(line => line.startsWith('REPLY')))
      assert.deepEqual(
        voters.map(voter => voter.look()[0]),
        ['SHUTDOWN_ASKED flags=0', 'SHUTDOWN_ASKED flags=0'],
      )
      for (const voter of voters) await voter.end()
    })

    it('who says nothing says no, after a while that the map tells', async () => {
      const silent = await tracker(cluster, 'none')
      const began = performance.now()
      assert.deepEqual(await requester.ask('shutdown 0'), TIMED_OUT)
      const took = performance.now() - began
      assert.ok(took > VOTE_MS - 50 && took < VOTE_MS + 2000, `${took} ms`)
      await silent.end()
    })

    it('who goes while it is asked agrees', async () => {
      const [refusing, going] = [await tracker(cluster, '0'), await tracker(cluster, 'none')]
      const answer = requester.ask('shutdown 0')
      await going.waitFor('the question', lines => lines.includes('SHUTDOWN_ASKED flags=0'))
      await going.kill()
      assert.deepEqual(await answer, TIMED_OUT)
      await refusing.end()
    })

    it('is asked for one at a time', async () => {
      const silent = await tracker(cluster, 'none')
      const second = cluster.client(1, 'cfg')
      await second.connect()
      const answer = requester.ask('shutdown 0')
      await silent.waitFor('the question', lines => lines.includes('SHUTDOWN_ASKED flags=0'))
      assert.equal(await second.line('shutdown 0'), 'SHUTDOWN 0 rc=14')
      assert.deepEqual(await answer, TIMED_OUT)
      await second.end()
      await silent.end()
    })

    it('cannot be killed when it is not a member', async () => {
      assert.equal(await requester.line('kill 77 because'), 'KILL 77 rc=12')
    })

    it('regardless, the node leaves in order, whatever the votes are', async () => {
      const voter = await tracker(cluster, '0')
      // The end may come to the program before the answer does, as with the C daemon.
      const [answer] = await requester.ask('shutdown 1')
      assert.match(answer ?? '', /^SHUTDOWN 1 rc=[129]$/)
      assert.equal(await cluster.daemon(1).exited, 0)
      assert.ok(voter.look().includes('SHUTDOWN_ASKED flags=1'))
      await cluster.settled([2, 3])
      assert.match(cluster.log(2), /\[CFG *\] Node 1 was shut down by sysadmin/)
      // It said that it leaves: nobody had to find out.
      assert.match(cluster.log(2), /A new membership \(\S+\) was formed\. Members left: 1/)
      assert.doesNotMatch(cluster.log(2), /Failed to receive the leave message\. failed: 1/)
      assert.equal(existsSync(join(cluster.host(1).directory, 'run', 'corosync.pid')), false)
      await voter.end()
      await requester.end()
    })

    it('killed from another node it is gone at once, without a word', async () => {
      cluster.start(1)
      await cluster.settled()
      const killer = cluster.client(2, 'cfg')
      await killer.connect()
      assert.equal(await killer.line('kill 1 because'), 'KILL 1 rc=1')
      assert.equal(await cluster.daemon(1).exited, 255)
      await until('the reason', SETTLE_MS, () =>
        /\[CFG *\] Killed by node 2 : because/.test(cluster.log(1)) ? true : undefined,
      )
      assert.match(cluster.log(1), /error +\[MAIN *\] Corosync Cluster Engine exiting with status -1 at /)
      await cluster.settled([2, 3])
      assert.match(cluster.log(2), /Failed to receive the leave message\. failed: 1/)
      // As the C daemon: who cleans up has time for it.
      assert.equal(existsSync(join(cluster.host(1).directory, 'run', 'corosync.pid')), true)
      await killer.end()
    })

    it('starts again beside what was left behind, and leaves at a signal', async () => {
      cluster.start(1)
      await cluster.settled()
      assert.equal(await cluster.stop(1), 0)
      await cluster.settled([2, 3])
    })
  })
}
