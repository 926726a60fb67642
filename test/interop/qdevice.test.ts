// corosync-qdevice with corosync-qnetd on our daemons: two nodes and an arbiter, whose vote keeps half of the nodes in service, is
// lost and comes back.

import { after, before, describe, it } from 'node:test'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { type HostProcess, interopSkip, until } from '../support/testbed.js'

/** Longest time until a device has noticed, polled and voted; it connects again after up to eight seconds. */
const VOTE_MS = 40_000
const ARBITER = 3
/** How often the device polls, and how long the daemon waits for that, also while it synchronises. */
const DEVICE = `
  device {
    model: net
    votes: 1
    timeout: 3000
    sync_timeout: 5000
    net {
      host: 10.77.0.${ARBITER}
      algorithm: ffsplit
      tls: off
    }
  }`

interface Votes {
  readonly quorate: boolean
  readonly total: number
  readonly nodes: number
}

for (const kinds of daemonRings(['c', 'c'], ['ours', 'ours'], ['c', 'ours'])) {
  describe(`a quorum device on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    let arbiter: HostProcess
    const startArbiter = () => {
      arbiter = cluster.host(ARBITER).spawn('corosync-qnetd', ['-f', '-s', 'off'])
    }

    async function votes(node: number): Promise<Votes> {
      const { stdout } = await cluster.host(node).run('corosync-quorumtool', ['-s'])
      const number = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(stdout)?.[1])
      return { quorate: /^Quorate: +Yes/m.test(stdout), total: number('Total votes'), nodes: number('Nodes') }
    }

    async function settled(node: number, wanted: Votes): Promise<void> {
      let last = ''
      await until(
        `node ${node} to have ${JSON.stringify(wanted)}`,
        VOTE_MS,
        async () => {
          last = JSON.stringify(await votes(node))
          return last === JSON.stringify(wanted) ? true : undefined
        },
        () => `${last}\n${cluster.log(node).slice(-1500)}`,
      )
    }

    before(async () => {
      cluster = await ServiceCluster.create(kinds, { quorum: DEVICE }, 1)
      for (const node of cluster.nodes) cluster.start(node)
      await cluster.settled([1, 2])
      startArbiter()
      for (const node of [1, 2]) cluster.host(node).spawn('corosync-qdevice', ['-f'])
    })
    after(() => cluster?.down())

    it('votes on both nodes', async () => {
      for (const node of [1, 2]) await settled(node, { quorate: true, total: 3, nodes: 2 })
    })

    it('decides which half goes on', async () => {
      cluster.partition([1, ARBITER], [2])
      await settled(1, { quorate: true, total: 2, nodes: 1 })
      await settled(2, { quorate: false, total: 1, nodes: 1 })
      cluster.heal()
      for (const node of [1, 2]) await settled(node, { quorate: true, total: 3, nodes: 2 })
    })

    it('is lost, and two nodes go on without it', async () => {
      await arbiter.stop('SIGKILL')
      for (const node of [1, 2]) await settled(node, { quorate: true, total: 2, nodes: 2 })
    })

    it('is missed when a node goes, too', async () => {
      await cluster.stop(2, 'SIGKILL')
      await settled(1, { quorate: false, total: 1, nodes: 1 })
    })

    it('comes back, and one node has quorum with it', async () => {
      startArbiter()
      await settled(1, { quorate: true, total: 2, nodes: 1 })
    })
  })
}
