// Programs that send a daemon of ours what nobody expects, while others on three nodes talk: none of the daemons comes to harm,
// the ring does not lose its token, nobody's messages are lost or out of order, and the log stays readable. What a program may
// do to its files is in hardening.test.ts.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compileClient, LIBRARIES, type Library } from '../support/clients.js'
import { atRest, letGo } from '../support/crowd.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { type HostProcess, interopSkip, until } from '../support/testbed.js'

/** Short, so that a daemon that is kept busy for less than half a second is noticed. */
const TIMERS = '  token: 400\n  token_coefficient: 0\n  consensus: 480\n'
const GARBAGE_MS = 2000
const MODES = ['requests', 'unread', 'changing'] as const
/** Lines in that time: one for each connection that had to end, and a few a second of each other kind. */
const LINES_MAX = 250
const END_MS = 60_000

interface Ring {
  /** Tokens lost, by node. */
  readonly lost: readonly number[]
  readonly memberships: number
}

// The C daemon aborts at such requests to cpg, and crashes when those to cmap change: on node 1 there is always one of ours.
for (const kinds of daemonRings(['ours', 'ours', 'ours'], ['ours', 'c', 'c'])) {
  describe(`garbage on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    const garbage = (library: Library, mode: string): HostProcess =>
      cluster.host(1).spawn(compileClient('garbage', ['qb']), [library, mode, String(GARBAGE_MS)])

    async function statistic(node: number, key: string): Promise<number> {
      const { stdout } = await cluster.host(node).run('corosync-cmapctl', ['-m', 'stats', '-g', key])
      const [, value] = / = (\d+)/.exec(stdout) ?? []
      assert.ok(value !== undefined, `${key}: ${stdout}`)
      return Number(value)
    }

    async function ring(): Promise<Ring> {
      const lost = await Promise.all(cluster.nodes.map(node => statistic(node, 'stats.srp.operational_token_lost')))
      return { lost, memberships: cluster.log(1).split('A new membership').length }
    }

    before(async () => {
      cluster = await ServiceCluster.form(kinds, { totem: TIMERS })
    })
    after(() => cluster?.down())

    for (const mode of MODES)
      it(`of the kind "${mode}"`, async t => {
        const calm = await ring()
        const talkers = cluster.nodes.map(node => cluster.client(node, 'cpg'))
        for (const client of talkers) {
          await client.connect()
          assert.equal(await client.line(`join talk-${mode}`), `JOIN talk-${mode} rc=1`)
        }
        for (const client of talkers)
          await client.waitFor('everybody', lines =>
            lines.some(line => /members=\[1:\d+:0,2:\d+:0,3:\d+:0\]/.test(line)),
          )
        for (const client of talkers) client.look()
        const before = await atRest(cluster, 1)
        const logged = cluster.log(1).length
        const programs = LIBRARIES.map(library => garbage(library, mode))
        let sent = 0
        while (programs.some(({ running }) => running)) {
          for (const [i, client] of talkers.entries())
            assert.equal(await client.line(`mcast ${i}-${sent}`), `MCAST ${i}-${sent} rc=1`)
          sent++
        }
        for (const [i, program] of programs.entries()) {
          assert.equal(program.result, 0, `${LIBRARIES[i]}: ${program.stderr}`)
          t.diagnostic(`${LIBRARIES[i]}: ${program.stdout.trim()}`)
        }
        assert.ok(cluster.daemon(1).running)
        t.diagnostic(`${3 * sent} messages between others`)
        assert.ok(sent > 0)
        const orders = await Promise.all(
          talkers.map(async client => {
            const heard = () => client.callbacks().flatMap(line => / data=(\d+-\d+)$/.exec(line)?.[1] ?? [])
            await until('all messages', END_MS, () => (heard().length >= 3 * sent ? true : undefined))
            return heard()
          }),
        )
        for (const order of orders) assert.deepEqual(order, orders[0])
        for (const [i] of talkers.entries())
          assert.deepEqual(
            orders[0]!.filter(text => text.startsWith(`${i}-`)),
            Array.from({ length: sent }, (_, n) => `${i}-${n}`),
          )
        const lines = cluster.log(1).slice(logged).split('\n')
        assert.deepEqual(await ring(), calm, lines.join('\n'))
        t.diagnostic(`${lines.length} lines logged`)
        assert.ok(lines.length < LINES_MAX, lines.slice(0, 50).join('\n'))
        await letGo(cluster, 1, before)
        for (const client of talkers) await client.end()
      })
  })
}
