// Votequorum on rings of C daemons and ours: every feature, step by step, with the same answer of corosync-quorumtool on every
// node (spec: services 4.6). INTEROP_OURS=c proves the steps themselves, with C daemons only.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Client } from '../support/clients.js'
import { type DaemonKind, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip, pause, until } from '../support/testbed.js'

const RINGS: readonly (readonly DaemonKind[])[] =
  process.env.INTEROP_OURS === 'c'
    ? [['c', 'c', 'c']]
    : [
        ['ours', 'c', 'ours'],
        ['c', 'ours', 'c'],
      ]

/** How long an answer may take to follow from what was done; timers of features come on top. */
const ANSWER_MS = 10_000
const WINDOW_MS = 3000
const DEVICE_TIMEOUT_MS = 4000
const SYNC_TIMEOUT_MS = 6000
const POLL_MS = 500

/** A test's cluster, and what its nodes say of votes. */
class Votes {
  readonly cluster: ServiceCluster

  constructor(cluster: ServiceCluster) {
    this.cluster = cluster
  }

  /** "expected/total/quorum", Q where quorate, and the flags but the one that says so. */
  async status(node: number): Promise<string> {
    const { stdout, stderr } = await this.cluster.host(node).run('corosync-quorumtool', ['-s'], 3000)
    const field = (name: string) => new RegExp(`^${name}: +(.*?) *$`, 'm').exec(stdout)?.[1]
    const [expected, total, quorum] = ['Expected votes', 'Total votes', 'Quorum'].map(field)
    if (expected === undefined || total === undefined || quorum === undefined) return stderr.trim()
    const quorate = field('Quorate') === 'Yes'
    const flags = (field('Flags') ?? '').split(' ').filter(flag => flag !== 'Quorate' && flag !== '')
    assert.equal(/\bQuorate\b/.test(field('Flags') ?? ''), quorate, stdout)
    assert.equal(quorum.includes('Activity blocked'), !quorate, stdout)
    return [`${expected}/${total}/${quorum.split(' ')[0]}${quorate ? ' Q' : ''}`, ...flags].join(' ')
  }

  /** These nodes come to say this, or one of these; within `ms` more than an answer takes. */
  async are(nodes: readonly number[], wanted: string | readonly string[], ms = 0): Promise<void> {
    const words = typeof wanted === 'string' ? [wanted] : wanted
    for (const node of nodes) {
      let last = ''
      await until(
        `node ${node} (${this.cluster.kinds[node - 1]}) to say ${words.join(' or ')}`,
        ANSWER_MS + ms,
        async () => {
          last = await this.status(node)
          return words.includes(last) ? true : undefined
        },
        () => last,
      )
    }
  }

  /** Kills daemons; the others form a ring. */
  async kill(nodes: readonly number[], left: readonly number[]): Promise<void> {
    for (const node of nodes) await this.cluster.stop(node, 'SIGKILL')
    await this.cluster.settled(left)
  }

  async start(node: number, members: readonly number[]): Promise<void> {
    this.cluster.start(node)
    await this.cluster.settled(members)
  }

  /** Further apart than they are: cuts that there are already stay. */
  async split(...parts: readonly (readonly number[])[]): Promise<void> {
    this.cluster.partition(...parts)
    for (const part of parts) await this.cluster.settled(part)
  }

  async heal(members: readonly number[]): Promise<void> {
    this.cluster.heal()
    await this.cluster.settled(members)
  }
}

const LINES = (lines: Readonly<Record<string, number | string>>) =>
  Object.entries(lines)
    .map(([key, value]) => `  ${key}: ${value}\n`)
    .join('')

for (const kinds of RINGS) {
  describe(`votequorum on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    /** A cluster of the first `nodes` of these daemons, from start to end of the test. */
    const votes =
      (nodes: number, quorum: string, test: (votes: Votes) => Promise<void>, started = true) =>
      async () => {
        const make = started ? ServiceCluster.form : ServiceCluster.create
        const cluster = await make.call(ServiceCluster, kinds.slice(0, nodes), { quorum })
        try {
          await test(new Votes(cluster))
        } finally {
          await cluster.down()
        }
      }

    it(
      'three nodes: one isolated, two killed, one back',
      votes(3, '', async votes => {
        await votes.are([1, 2, 3], '3/3/2 Q')
        await votes.split([1, 2], [3])
        await votes.are([1, 2], '3/2/2 Q')
        await votes.are([3], '3/1/2')
        await votes.heal([1, 2, 3])
        await votes.are([1, 2, 3], '3/3/2 Q')
        await votes.kill([1, 2], [3])
        await votes.are([3], '3/1/2')
        await votes.start(1, [1, 3])
        await votes.are([1, 3], '3/2/2 Q')
      }),
    )

    it(
      'two_node: waits for all, survives death and split, can be told not to wait',
      votes(
        2,
        LINES({ two_node: 1 }),
        async votes => {
          await votes.start(1, [1])
          await votes.are([1], '2/1/1 2Node WaitForAll')
          await votes.start(2, [1, 2])
          await votes.are([1, 2], '2/2/1 Q 2Node WaitForAll')
          await votes.kill([2], [1])
          await votes.are([1], '2/1/1 Q 2Node WaitForAll')
          await votes.start(2, [1, 2])
          await votes.are([1, 2], '2/2/1 Q 2Node WaitForAll')
          await votes.split([1], [2])
          await votes.are([1, 2], '2/1/1 Q 2Node WaitForAll')
          await votes.heal([1, 2])
          for (const node of [1, 2]) await votes.cluster.stop(node, 'SIGKILL')
          for (const node of [1, 2]) {
            await votes.start(node, [node])
            await votes.are([node], '2/1/1 2Node WaitForAll')
            await votes.cluster.host(node).run('corosync-cmapctl', ['-s', 'quorum.cancel_wait_for_all', 'u8', '1'])
            await votes.are([node], '2/1/1 Q 2Node WaitForAll')
            await votes.cluster.stop(node, 'SIGKILL')
          }
        },
        false,
      ),
    )

    it(
      'last_man_standing with wait_for_all',
      votes(3, LINES({ last_man_standing: 1, last_man_standing_window: WINDOW_MS, wait_for_all: 1 }), async votes => {
        const flags = 'WaitForAll LastManStanding'
        await votes.are([1, 2, 3], `3/3/2 Q ${flags}`)
        await votes.kill([3], [1, 2])
        await votes.are([1, 2], `3/2/2 Q ${flags}`)
        await votes.are([1, 2], `2/2/2 Q ${flags}`, WINDOW_MS)
        await votes.kill([2], [1])
        await votes.are([1], `2/1/2 ${flags}`)
        await votes.start(2, [1, 2])
        await votes.are([1], `2/2/2 Q ${flags}`)
        // Whether node 1 speaks before or after it has heard of node 2 is for the token to say. Before, node 2 hears of
        // nobody who is quorate, and waits for three.
        await votes.are([2], [`3/2/2 ${flags}`, `2/2/2 Q ${flags}`])
        await votes.start(3, [1, 2, 3])
        await votes.are([1, 2, 3], `3/3/2 Q ${flags}`)
      }),
    )

    it(
      'auto_tie_breaker with the lowest of two',
      votes(2, LINES({ auto_tie_breaker: 1 }), async votes => {
        await votes.are([1, 2], '2/2/2 Q AutoTieBreaker')
        await votes.split([1], [2])
        await votes.are([1], '2/1/2 Q AutoTieBreaker')
        await votes.are([2], '2/1/2 AutoTieBreaker')
        await votes.heal([1, 2])
        await votes.are([1, 2], '2/2/2 Q AutoTieBreaker')
        await votes.kill([1], [2])
        await votes.are([2], '2/1/2 AutoTieBreaker')
      }),
    )

    it(
      'auto_tie_breaker with a list, and wait_for_all',
      votes(3, LINES({ auto_tie_breaker: 1, auto_tie_breaker_node: '2 3', wait_for_all: 1 }), async votes => {
        const flags = 'WaitForAll AutoTieBreaker'
        await votes.are([1, 2, 3], `3/3/2 Q ${flags}`)
        await votes.split([1], [2, 3])
        await votes.are([2, 3], `3/2/2 Q ${flags}`)
        await votes.are([1], `3/1/2 ${flags}`)
        await votes.split([1], [2], [3])
        await votes.are([2], `3/1/2 Q ${flags}`)
        await votes.are([3], `3/1/2 ${flags}`)
      }),
    )

    it(
      'allow_downscale and orderly stops',
      votes(3, LINES({ allow_downscale: 1 }), async votes => {
        await votes.are([1, 2, 3], '3/3/2 Q AllowDownscale')
        assert.equal(await votes.cluster.stop(3), 0)
        await votes.cluster.settled([1, 2])
        await votes.are([1, 2], '2/2/2 Q AllowDownscale')
        assert.equal(await votes.cluster.stop(2), 0)
        await votes.cluster.settled([1])
        await votes.are([1], '1/1/2 AllowDownscale')
      }),
    )

    it(
      'expected votes and votes changed at run time',
      votes(3, '', async votes => {
        const tool = async (node: number, ...args: string[]) =>
          (await votes.cluster.host(node).run('corosync-quorumtool', args)).code
        for (const [node, other] of [
          [1, 2],
          [2, 1],
        ] as const) {
          assert.equal(await tool(node, '-e', '5'), 0)
          await votes.are([1, 2, 3], '5/3/3 Q')
          assert.equal(await tool(node, '-e', '3'), 0)
          await votes.are([1, 2, 3], '3/3/2 Q')
          assert.equal(await tool(node, '-n', `${other}`, '-v', '3'), 0)
          await votes.are([1, 2, 3], '5/5/3 Q')
          assert.equal(await tool(node, '-n', `${other}`, '-v', '1'), 0)
          await votes.are([1, 2, 3], '5/3/3 Q')
          assert.equal(await tool(node, '-e', '3'), 0)
          await votes.are([1, 2, 3], '3/3/2 Q')
        }
        for (const node of [1, 2]) {
          for (const [expected, status] of [
            ['4', '4/3/3 Q'],
            ['3', '3/3/2 Q'],
          ] as const) {
            const set = ['-s', 'quorum.expected_votes', 'u32', expected]
            assert.equal((await votes.cluster.host(node).run('corosync-cmapctl', set)).code, 0)
            await votes.are([1, 2, 3], status)
          }
        }
      }),
    )

    const device = `  device {\n    model: test\n    votes: 1\n    timeout: ${DEVICE_TIMEOUT_MS}\n    sync_timeout: ${SYNC_TIMEOUT_MS}\n  }\n`

    it(
      'a quorum device: votes, silence, a split with and without polls',
      votes(2, device, async votes => {
        const clients = await Promise.all([1, 2].map(node => connectedDevice(votes.cluster, node)))
        const [one, two] = clients as [Client, Client]
        const poll = async (client: Client, castVote: boolean) => {
          assert.match(await client.line(`poll QD ${castVote ? 1 : 0}`), /rc=1$/)
        }
        await poll(one, true)
        await poll(two, true)
        await votes.are([1, 2], '3/3/2 Q Qdevice')
        await poll(two, false)
        await poll(one, true)
        await votes.are([2], '3/2/2 Q Qdevice')
        await votes.are([1], '3/3/2 Q Qdevice')
        // Nobody polls.
        await votes.are([1, 2], '3/2/2 Q Qdevice', DEVICE_TIMEOUT_MS)
        // Both poll while they are split: each side has its device's vote as soon as that knows the new ring.
        await poll(one, true)
        await poll(two, true)
        const polling = new Polling(clients)
        const before = performance.now()
        await votes.split([1], [2])
        assert.ok(performance.now() - before < SYNC_TIMEOUT_MS, 'the synchronisation did not end with a poll')
        await votes.are([1, 2], '3/2/2 Q Qdevice')
        await votes.heal([1, 2])
        await polling.stop()
        await votes.are([1, 2], '3/3/2 Q Qdevice')
        await poll(one, true)
        await poll(two, true)
        // Nobody polls: the synchronisation waits, and then goes on without the device.
        await votes.split([1], [2])
        for (const node of [1, 2]) {
          assert.match(votes.cluster.log(node), /waiting for quorum device QD poll \(but maximum for 6000 ms\)/)
        }
        await votes.are([1, 2], '3/1/2 Qdevice')
      }),
    )
  })
}

for (const kinds of RINGS) {
  describe(`dynamic linear voting on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    it('half of the last primary membership is primary, less is not', async () => {
      const cluster = await ServiceCluster.form(kinds, { quorum: '  provider: corosync_ykd\n' })
      try {
        const votes = new Votes(cluster)
        const primary = async (...wanted: number[]) => {
          const found: number[] = []
          for (const node of cluster.nodes) {
            const { stdout } = await cluster.host(node).run('corosync-quorumtool', ['-s'], 3000)
            assert.match(stdout, /^Quorum provider: +corosync_ykd$/m)
            if (/^Quorate: +Yes$/m.test(stdout)) found.push(node)
          }
          assert.deepEqual(found, wanted)
        }
        await primary(1, 2, 3)
        await votes.split([1, 2], [3])
        await primary(1, 2)
        await votes.split([1], [2], [3])
        await primary(1, 2)
        await votes.heal([1, 2, 3])
        await primary(1, 2, 3)
      } finally {
        await cluster.down()
      }
    })
  })
}

/** A program that has registered as the quorum device of a node. */
async function connectedDevice(cluster: ServiceCluster, node: number): Promise<Client> {
  const client = cluster.client(node, 'votequorum')
  assert.match(await client.connect(), /rc=1/)
  assert.match(await client.line('track 1 2'), /rc=1$/)
  assert.match(await client.line('register QD'), /rc=1$/)
  return client
}

/** Programs that poll all the time; a poll that names a ring that is gone is refused, and the next one knows better. */
class Polling {
  readonly #running: Promise<unknown>
  #wanted = true

  constructor(clients: readonly Client[]) {
    this.#running = Promise.all(clients.map(client => this.#poll(client)))
  }

  async stop(): Promise<void> {
    this.#wanted = false
    await this.#running
  }

  async #poll(client: Client): Promise<void> {
    while (this.#wanted) {
      await client.line('poll QD 1')
      await pause(POLL_MS)
    }
  }
}
