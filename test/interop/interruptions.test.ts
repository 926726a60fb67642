// Programs while their daemon starts, ends, is killed or stands still, and programs that stand still themselves. On C daemons and
// ours: the same for both, except that ours cleans up after one that was killed.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { Client } from '../support/clients.js'
import { installCpgload } from '../support/peers.js'
import { daemonRings, ringTitle, ServiceCluster } from '../support/service-cluster.js'
import { type HostProcess, interopSkip, until } from '../support/testbed.js'

/** A library that waits for an answer looks this often whether its daemon lives (spec: ipc 10.3). */
const LIVENESS_MS = 2000
/** What a busy machine adds. */
const SLACK_MS = 1500
/** Those who are connected when a daemon ends. */
const CROWD = 50
const END_MS = 10_000
/** Messages of a flood, of 1 KiB: more than a ring of events holds, less than the daemon keeps. */
const FLOOD = 20_000

/** Directories of connections in a host's shared memory that have files in them. */
async function directories(cluster: ServiceCluster, node: number): Promise<string[]> {
  const { stdout } = await cluster.host(node).run('find', ['/dev/shm', '-type', 'f', '-path', '*/qb-*/*'])
  return [...new Set(stdout.split('\n').flatMap(path => /\/(qb-\d[^/]*)\//.exec(path)?.[1] ?? []))].sort()
}

async function members(cluster: ServiceCluster, node: number, count: number): Promise<Client[]> {
  const clients = Array.from({ length: count }, () => cluster.client(node, 'cpg'))
  await Promise.all(
    clients.map(async client => {
      await client.connect()
      assert.equal(await client.line('join g'), 'JOIN g rc=1')
    }),
  )
  return clients
}

async function delivered(client: Client, text: string): Promise<void> {
  await client.waitFor(`"${text}"`, lines => lines.some(line => line.endsWith(` data=${text}`)))
}

/** Stops a program, and waits until the last of its threads stands still. */
async function freeze(program: HostProcess): Promise<void> {
  const tasks = `/proc/${program.pid()}/task`
  program.signal('SIGSTOP')
  await until('a program to stand still', END_MS, () =>
    readdirSync(tasks).every(id => /^State:\s+T/m.test(readFileSync(`${tasks}/${id}/status`, 'utf8')))
      ? true
      : undefined,
  )
}

function code(line: string): number {
  return Number(/rc=(\d+)/.exec(line)?.[1])
}

for (const kinds of daemonRings(['c', 'c', 'c'], ['ours', 'ours', 'ours'], ['ours', 'c', 'c'])) {
  describe(`interruptions on ${ringTitle(kinds)}`, { skip: interopSkip() }, () => {
    let cluster: ServiceCluster
    before(async () => {
      cluster = await ServiceCluster.create(kinds)
    })
    after(() => cluster?.down())

    it('a program that connects while the daemon starts is told to try again, until the node has synchronised', async t => {
      const client = cluster.client(1, 'cpg')
      const connected = client.ask('init-wait')
      cluster.start(1)
      const [codes = ''] = await connected
      // Nobody there, not yet (for some milliseconds), come in; and who is in is served.
      assert.match(codes, /^CODES (2,)?(6,)?1$/)
      t.diagnostic(codes)
      assert.equal(await client.line('join g'), 'JOIN g rc=1')
      await client.end()
      for (const node of [2, 3]) cluster.start(node)
      await cluster.settled()
    })

    it('a daemon that stands still for longer than the token comes back, and its programs live on', async () => {
      const [here] = (await members(cluster, 1, 1)) as [Client]
      const [there] = (await members(cluster, 2, 1)) as [Client]
      await here.waitFor('the other', lines => lines.some(line => /members=\[1:\d+:0,2:/.test(line)))
      await freeze(cluster.daemon(1))
      await cluster.settled([2, 3])
      await there.waitFor('its absence', lines => lines.some(line => /left=\[1:\d+:3\]/.test(line)))
      assert.equal(await there.line('mcast meanwhile'), 'MCAST meanwhile rc=1')
      await delivered(there, 'meanwhile')
      here.look()
      there.look()
      cluster.daemon(1).signal('SIGCONT')
      await cluster.settled()
      const joined = (lines: readonly string[]) => lines.some(line => /members=\[1:\d+:0,2:\d+:0\]/.test(line))
      for (const client of [here, there]) await client.waitFor('both to be members again', joined)
      assert.equal(await here.line('mcast from-1'), 'MCAST from-1 rc=1')
      assert.equal(await there.line('mcast from-2'), 'MCAST from-2 rc=1')
      for (const client of [here, there]) for (const text of ['from-1', 'from-2']) await delivered(client, text)
      const seen = here.look()
      assert.ok(!seen.includes('HUP'), seen.join('\n'))
      // What the others said without it is not for it.
      assert.ok(!seen.some(line => line.includes('meanwhile')), seen.join('\n'))
      for (const client of [here, there]) await client.end()
    })

    it('a program that stands still during a flood: others do not wait for it, and it gets everything afterwards', async () => {
      const load = installCpgload(cluster.testbed.directory)
      const run = (node: number, ...args: readonly string[]) => cluster.host(node).spawn(load, args)
      const ends = ['-n', String(FLOOD), '-t', '60', '-z']
      const [frozen, other, far] = [run(1, 'listen', ...ends), run(1, 'listen', ...ends), run(2, 'listen', ...ends)]
      const watcher = cluster.client(1, 'cpg')
      await watcher.connect()
      await until('the listeners', END_MS, async () =>
        (await watcher.line('members cpgload')).includes(' n=3 ') ? true : undefined,
      )
      await freeze(frozen)
      const sender = run(1, 'flood', '-s', '1024', '-n', String(FLOOD), '-m', '4')
      for (const program of [sender, other, far]) assert.equal(await program.exited, 0, program.stdout + program.stderr)
      assert.ok(frozen.running)
      frozen.signal('SIGCONT')
      assert.equal(await frozen.exited, 0, frozen.stdout + frozen.stderr)
      for (const listener of [frozen, other, far]) {
        const { senders, delivered, errors } = JSON.parse(listener.stdout)
        assert.deepEqual({ senders, delivered, errors }, { senders: 1, delivered: FLOOD, errors: 0 })
      }
      assert.equal(JSON.parse(sender.stdout).errors, 0)
      await watcher.end()
    })

    it('a daemon that is killed: programs notice, whatever they do, and it starts again', async () => {
      const [idle, asking, dead] = (await members(cluster, 1, 3)) as [Client, Client, Client]
      for (const client of [idle, asking]) client.look()
      await freeze(cluster.daemon(1))
      const answer = asking.ask('local')
      await dead.kill()
      const began = performance.now()
      cluster.daemon(1).signal('SIGKILL')
      cluster.daemon(1).signal('SIGCONT')
      assert.deepEqual(await answer, ['LOCAL rc=2 node=0'])
      const waited = performance.now() - began
      assert.ok(waited < LIVENESS_MS + SLACK_MS, `${waited} ms`)
      await idle.waitFor('its end', lines => lines.includes('HUP'), LIVENESS_MS + SLACK_MS)
      assert.equal(await cluster.daemon(1).exited, 'SIGKILL')
      assert.equal(await idle.line('mcast x'), 'MCAST x rc=2')
      // Those who are alive clean up behind a daemon that has gone; nobody did for the dead one.
      for (const client of [idle, asking]) assert.equal(await client.line('finalize'), 'FINALIZE rc=2')
      const left = await directories(cluster, 1)
      assert.equal(left.length, 1)
      await cluster.settled([2, 3])

      cluster.start(1)
      assert.match(await idle.connect(), /^INIT rc=1 /)
      assert.equal(await idle.line('join g'), 'JOIN g rc=1')
      await cluster.settled()
      const now = await directories(cluster, 1)
      if (kinds[0] === 'ours') for (const name of left) assert.ok(!now.includes(name), `${name} is still there`)
      for (const client of [idle, asking]) await client.end()
    })

    it(`a daemon that is told to end while ${CROWD} programs are connected`, async () => {
      const left = await directories(cluster, 1)
      const crowd = await members(cluster, 1, CROWD)
      const before = cluster.log(2).length
      const began = performance.now()
      assert.equal(await cluster.stop(1), 0)
      assert.ok(performance.now() - began < END_MS)
      for (const client of crowd) await client.waitFor('its end', lines => lines.includes('HUP'))
      for (const client of crowd) assert.equal(code(client.look().at(-2) ?? ''), 2)
      assert.deepEqual(await directories(cluster, 1), left)
      await Promise.all(crowd.map(client => client.end()))
      await cluster.settled([2, 3])
      // It said that it leaves: nobody had to find out.
      const since = cluster.log(2).slice(before)
      assert.match(since, /Members left: 1/)
      assert.doesNotMatch(since, /Failed to receive the leave message/)
    })
  })
}
