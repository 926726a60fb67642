// Programs that die at any moment, that may not connect, or that turn on the daemon: neither the daemon nor other programs come
// to harm, and nothing of them stays. bench/crowd.ts has the long run.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client, compileClient } from '../support/clients.js'
import { atRest, holdings, letGo, runCrowd } from '../support/crowd.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip, until } from '../support/testbed.js'

/** Nobody, who is in no file of users that a cluster has. */
const NOBODY = 65534
const NOBODY_WRAPPER = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
/** What V8 may keep in reserve after a crowd, beyond what it had after the first; 50 connections take more. */
const RESERVE_MB = 64
const CROWD = { steady: 150, victims: 50, kills: 60, ms: 8000, rate: 5, bytes: 200 }

for (const kinds of daemonRings(['c', 'c'], ['ours', 'ours'], ['ours', 'c'])) {
  describe(`programs of all sorts on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    it('a crowd of 200, of whom many are killed: the others see one order, and nothing stays', async t => {
      const cluster = await ServiceCluster.form(kinds)
      t.after(() => cluster.down())
      // What is made once stays: code that is compiled, buffers that grow.
      await runCrowd(cluster, { ...CROWD, kills: 10, ms: 1000 })
      const before = await atRest(cluster, 1)
      const report = await runCrowd(cluster, CROWD)
      // The C daemon forgets files of programs that die while they connect.
      const after = kinds[0] === 'ours' ? await letGo(cluster, 1, before) : holdings(cluster, 1)
      t.diagnostic(
        `${report.delivered} messages in ${report.seconds.toFixed(1)} s, ${CROWD.kills} killed; resident ` +
          `${before.residentMb.toFixed(0)} MB before, ${after.residentMb.toFixed(0)} MB after`,
      )
      if (kinds[0] !== 'ours') return
      assert.equal(after.files, 0)
      assert.equal(after.mappings, 0)
      assert.ok(after.residentMb < before.residentMb + RESERVE_MB, `${after.residentMb} MB`)
    })

    it('a user who is not root: refused, and admitted by the configuration map', async t => {
      const cluster = await ServiceCluster.form(kinds.slice(0, 1))
      t.after(() => cluster.down())
      const connect = async () => {
        const client = new Client(cluster.host(1), 'cpg', NOBODY_WRAPPER)
        const line = await client.line('init 0')
        const joined = line.startsWith('INIT rc=1 ') ? await client.line('join g') : ''
        await client.end()
        return [line.replace(/ pid=\d+/, ''), joined]
      }
      assert.deepEqual(await connect(), ['INIT rc=11', ''])
      assert.match(cluster.log(1), new RegExp(`Denied connection attempt from ${NOBODY}:${NOBODY}`))
      await cluster.host(1).run('corosync-cmapctl', ['-s', `uidgid.gid.${NOBODY}`, 'u8', '1'])
      assert.deepEqual(await connect(), ['INIT rc=1', 'JOIN g rc=1'])
      await cluster.host(1).run('corosync-cmapctl', ['-d', `uidgid.gid.${NOBODY}`])
      assert.deepEqual(await connect(), ['INIT rc=11', ''])
    })

    it('a user who is not root: admitted by the configuration file', async t => {
      const cluster = await ServiceCluster.form(kinds.slice(0, 1), { more: `uidgid {\n  uid: ${NOBODY}\n}` })
      t.after(() => cluster.down())
      const client = new Client(cluster.host(1), 'cpg', NOBODY_WRAPPER)
      assert.match(await client.line('init 0'), /^INIT rc=1 /)
      assert.equal(await client.line('join g'), 'JOIN g rc=1')
      await client.waitFor('to be a member', lines => lines.some(line => line.startsWith('CONFCHG')))
    })

    // The C daemon dies of a file that is cut off, and of less.
    if (kinds[0] === 'ours')
      it('a program that spoils what it shares with the daemon is disconnected and logged once', async t => {
        const cluster = await ServiceCluster.form(kinds)
        t.after(() => cluster.down())
        const vandal = compileClient('vandal', ['qb', 'pthread'])
        const [good, far] = [cluster.client(1, 'cpg'), cluster.client(2, 'cpg')]
        for (const client of [good, far]) {
          await client.connect()
          await client.ask('join g')
        }
        await good.waitFor('both to be members', lines => lines.some(line => /members=\[1:\d+:0,2:/.test(line)))
        good.look()
        const before = holdings(cluster, 1)
        const logged = cluster.log(1).length
        for (const way of ['header', 'data', 'truncate', 'requests', 'socket']) {
          // Bytes on the socket mean no more than that there is something to look at.
          const told = way === 'socket' ? 0 : 1
          const since = cluster.log(1).length
          const process = cluster.host(1).spawn(vandal, [way, '1500'])
          await process.exited
          assert.match(process.stdout, /^READY/, `${way}: ${process.stderr}${process.result}`)
          const pid = /READY (\d+)/.exec(process.stdout)![1]
          const lines = () =>
            cluster
              .log(1)
              .slice(since)
              .split('\n')
              .filter(line => line.includes(`Connection of process ${pid} `))
          await until(`a line about the vandal (${way})`, 5000, () => (lines().length >= told ? true : undefined))
          t.diagnostic(`${way}: ${lines()[0]?.replace(/^.*Connection/, 'Connection') ?? 'nothing said'}`)
          assert.equal(await good.line(`mcast after-${way}`), `MCAST after-${way} rc=1`)
          await far.waitFor('a message', all => all.some(line => line.endsWith(`data=after-${way}`)))
          assert.equal(lines().length, told, lines().join('\n'))
        }
        await letGo(cluster, 1, before)
        const since = cluster.log(1).slice(logged)
        assert.doesNotMatch(since, /Token has not been received|A processor failed|A new membership/)
      })
  })
}
