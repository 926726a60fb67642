// Debian's corosync-notifyd on our daemon: what it prints of members, quorum and programs while nodes go and come.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { type HostProcess, interopSkip, until } from '../support/testbed.js'

/** Statistics of programs are looked at every second and a half. */
const EVENT_MS = 10_000

for (const kinds of daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'ours'])) {
  describe(`corosync-notifyd on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    let notifyd: HostProcess
    let told = 0

    /** Lines of events, in which connections of programs have a number of their own in the daemon. */
    const events = () =>
      notifyd.stderr.split('\n').flatMap(line => {
        const event = /^\[notice\] (.*)$/.exec(line)?.[1]
        return event === undefined ? [] : [event.replace(/ 0x[0-9a-f]+\.\d+\./, ' ')]
      })

    /** Waits for these events, in any order: they come from several sources; and for no more since the last time. */
    async function prints(...wanted: readonly string[]): Promise<void> {
      await until(
        wanted.join(', '),
        EVENT_MS,
        () => (events().length >= told + wanted.length ? true : undefined),
        () => events().join('\n'),
      )
      const since = events().slice(told)
      told += since.length
      assert.deepEqual(since.toSorted(), wanted.toSorted())
    }

    before(async () => {
      cluster = await ServiceCluster.form(kinds)
      // It names this node after the host.
      const command = 'hostname node1; exec corosync-notifyd -f -o -n'
      notifyd = cluster.host(1).spawn('unshare', ['--uts', 'sh', '-c', command])
    })
    after(() => cluster?.down())

    it('tells that this node has quorum, and that it is connected itself', async () => {
      await prints(
        'node1[1] is now quorate',
        'node1[1] corosync-notify is now connected to corosync',
        'node1[1] corosync-notify is now connected to corosync',
        'node1[1] corosync-notify is now disconnected from corosync',
      )
    })

    it('tells of a program that comes and goes', async () => {
      const client = cluster.client(1, 'cpg')
      await client.connect()
      await prints('node1[1] cpg is now connected to corosync')
      await client.kill()
      await prints('node1[1] cpg is now disconnected from corosync')
    })

    it('tells of nodes that leave, die and join, and of quorum', async () => {
      await cluster.stop(3)
      await prints('10.77.0.3[3] ip:10.77.0.3 left')
      await cluster.stop(2, 'SIGKILL')
      await prints('10.77.0.2[2] ip:10.77.0.2 left', 'node1[1] has lost quorum')
      cluster.start(3)
      await prints('10.77.0.3[3] ip:10.77.0.3 joined', 'node1[1] is now quorate')
    })

    it('ends in order', async () => {
      assert.equal(await notifyd.stop(), 0)
    })
  })
}
