// Who may connect, when the files that say so change: uidgid.d beside the configuration, read again while the daemon runs. Programs
// of an ordinary user on C daemons and ours. The configuration map and the file itself are in hardening.test.ts.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from '../support/clients.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { interopSkip } from '../support/testbed.js'

/** Nobody, who is in no file of users that a cluster has. */
const NOBODY = 65534
const REFUSED = 'INIT rc=11'
const ADMITTED = 'INIT rc=1'

for (const kinds of daemonRings(['c'], ['ours'])) {
  describe(`files of users on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    let file: string

    async function connects(ids: { readonly uid: number; readonly gid: number }): Promise<string> {
      const wrapper = ['setpriv', `--reuid=${ids.uid}`, `--regid=${ids.gid}`, '--clear-groups']
      const client = new Client(cluster.host(1), 'cpg', wrapper)
      try {
        return (await client.line('init 0')).replace(/ pid=\d+/, '')
      } finally {
        await client.end()
      }
    }

    async function reload(): Promise<void> {
      const { code, stdout, stderr } = await cluster.host(1).run('corosync-cfgtool', ['-R'])
      assert.equal(code, 0, stdout + stderr)
    }

    const everybody = { uid: NOBODY, gid: NOBODY }
    before(async () => {
      cluster = await ServiceCluster.form(kinds)
      const folder = join(dirname(cluster.host(1).configFile), 'uidgid.d')
      mkdirSync(folder)
      file = join(folder, 'nobody')
    })
    after(() => cluster?.down())

    it('a user whom no file names is refused', async () => {
      assert.equal(await connects(everybody), REFUSED)
    })

    it('a file that names the user admits him from the reload on', async () => {
      writeFileSync(file, `uidgid {\n  uid: ${NOBODY}\n}\n`)
      assert.equal(await connects(everybody), REFUSED)
      await reload()
      assert.equal(await connects(everybody), ADMITTED)
      assert.equal(await connects({ uid: NOBODY, gid: NOBODY - 1 }), ADMITTED)
      assert.equal(await connects({ uid: NOBODY - 1, gid: NOBODY }), REFUSED)
    })

    it('a file that names a group admits its users, and no longer the user alone', async () => {
      writeFileSync(file, `uidgid {\n  gid: ${NOBODY}\n}\n`)
      await reload()
      assert.equal(await connects({ uid: NOBODY - 1, gid: NOBODY }), ADMITTED)
      assert.equal(await connects({ uid: NOBODY, gid: NOBODY - 1 }), REFUSED)
    })

    it('who is connected stays so when the file has gone; the next one is refused', async () => {
      const wrapper = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
      const early = new Client(cluster.host(1), 'cpg', wrapper)
      assert.match(await early.line('init 0'), /^INIT rc=1 /)
      rmSync(file)
      await reload()
      assert.equal(await early.line('join g'), 'JOIN g rc=1')
      assert.equal(await connects(everybody), REFUSED)
      await early.end()
    })
  })
}
