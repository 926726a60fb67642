// The library as a client of a daemon: every scenario of test/support/client-scenarios.ts against a real C daemon.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SHORT_TIMERS } from '../support/combination.js'
import { isStopped } from '../support/stopped.js'
import { type Host, type HostProcess, interopSkip, type RingConfig, Testbed, until } from '../support/testbed.js'

const ROOT = new URL('../../../', import.meta.url)
const EXAMPLE = fileURLToPath(new URL('dist/examples/watch.js', ROOT))
const PROGRAM = fileURLToPath(new URL('../support/client-scenarios.js', import.meta.url))
const SCENARIO_MS = 60_000
/** A user of no rights. */
const USER = '65534'
const FORM_MS = 20_000

function start(host: Host, scenario: string, argument = ''): HostProcess {
  return host.spawn(process.execPath, ['--enable-source-maps', PROGRAM, scenario, argument])
}

async function succeeds(program: HostProcess): Promise<void> {
  const late = setTimeout(() => program.signal('SIGKILL'), SCENARIO_MS)
  const result = await program.exited
  clearTimeout(late)
  assert.equal(result, 0, `${program.stdout}\n${program.stderr}`)
}

function says(program: HostProcess, line: string): Promise<true> {
  return until(
    `'${line}'`,
    SCENARIO_MS,
    () => {
      assert.ok(program.running, `${program.stdout}\n${program.stderr}`)
      return program.stdout.split('\n').includes(line) ? true : undefined
    },
    () => program.stdout,
    10,
  )
}

/** What `docs/library.md` shows of a client, as one program. */
function documented(): string {
  const text = readFileSync(new URL('docs/library.md', ROOT), 'utf8')
  const from = text.indexOf('## A client of a daemon')
  const blocks = [...text.slice(from, text.indexOf('## A group')).matchAll(/```ts\n(.*?)```/gs)].map(match => match[1]!)
  assert.equal(blocks.length, 5)
  const library = new URL('dist/src/index.js', ROOT)
  return `import { connect } from '${library}'\n${blocks.join('\n')}\nawait cluster.close()\n`
}

/** What that program prints, among other things. */
const SHOWN = [
  /^node 1 of 1,2,3, ring of 1,2,3$/m,
  /^\{ type: 'u32', value: 11 \}$/m,
  /^my\.limit add undefined 10\nmy\.limit modify 10 11\nmy\.limit delete 11 undefined$/m,
  /^runtime\.config\.totem\.token 400$/m,
  /^stats\.srp\.mcast_tx$/m,
  /^may act$/m,
  /^3 of 3 votes, it takes 2$/m,
  /^3 true$/m,
]

/** Daemons that programs may find; each has to do all of this. */
const DAEMONS: Readonly<Record<string, readonly string[]>> = {
  'the C daemon': ['corosync'],
  'our daemon': [process.execPath, fileURLToPath(new URL('bin/corosync', ROOT))],
}

async function cluster(count: number, daemon: readonly string[], config: Partial<RingConfig> = {}): Promise<Testbed> {
  const testbed = await Testbed.create({ hosts: count })
  try {
    testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS, ...config })
    for (const host of testbed.hosts) host.start(daemon)
    for (const host of testbed.hosts) await formed(host, count)
  } catch (error) {
    await testbed.down()
    throw error
  }
  return testbed
}

/** The C tools ask: they know either daemon. */
function formed(host: Host, count: number): Promise<true> {
  return until(`a ring of ${count}`, FORM_MS, async () =>
    (await host.joinedNodes()).length === count ? true : undefined,
  )
}

/** A program finds out that its daemon is killed. */
async function diesWith(host: Host): Promise<void> {
  const program = start(host, 'bereaved')
  await says(program, 'ready')
  host.daemon!.signal('SIGSTOP')
  await until('all threads to stop', SCENARIO_MS, () => (isStopped(host.daemon!.pid()) ? true : undefined))
  program.child.stdin!.write('stopped\n')
  await says(program, 'waiting')
  host.daemon!.signal('SIGKILL')
  // For the wrapper, which was stopped together with its child.
  host.daemon!.signal('SIGCONT')
  program.child.stdin!.write('killed\n')
  await succeeds(program)
  const left = await host.run('sh', ['-c', 'ls -d /dev/shm/qb-[0-9]* 2>/dev/null'])
  assert.equal(left.stdout, '', 'files of the dead daemon')
}

for (const [name, daemon] of Object.entries(DAEMONS)) {
  describe(`the library as a client of ${name}`, { skip: interopSkip() }, () => {
    let testbed: Testbed

    before(async () => {
      testbed = await cluster(3, daemon)
    })
    after(() => testbed?.down())

    const run = (scenario: string, argument = '') => succeeds(start(testbed.host(1), scenario, argument))

    it('says who and where it is', () => run('about', '1,2,3'))
    it('reads and writes values of every type', () => run('values'))
    it('counts', () => run('counting'))
    it('is told its mistakes by name and number', () => run('mistakes'))
    it('iterates over both maps', () => run('iteration'))
    it('follows changes', () => run('tracking'))

    it('hears what others change', async () => {
      const program = start(testbed.host(1), 'overheard')
      await says(program, 'listening')
      await testbed.host(1).run('corosync-cmapctl', ['-s', 'test.overheard', 'u8', '1'])
      await succeeds(program)
    })

    it('joins, sends, leaves and joins again', () => run('group'))
    it('lists groups and their members', () => run('directory'))
    it('carries messages of all sizes', () => run('sizes'))
    it('sends a flood of small messages in order', () => run('flood', '50000x100'))
    it('sends a flood of large messages in order', () => run('flood', '2000x60000'))
    it('sends a flood of the largest messages in order', () => run('flood', '100x1047552'))
    it('loses nothing while the ring changes', async () => {
      const program = start(testbed.host(1), 'upheaval')
      await says(program, 'sending')
      const host = testbed.host(3)
      for (let n = 0; n < 3; n++) {
        host.cut()
        await formed(testbed.host(1), 2)
        host.heal()
        await formed(testbed.host(1), 3)
      }
      program.child.stdin!.write('enough\n')
      await succeeds(program)
    })

    it('gives up a membership whose events are not taken', () => run('slow'))
    it('follows quorum in both models', () => run('quorum'))
    it('asks about votes and changes them', () => run('votes'))
    it('asks about links and nodes, and has the configuration read again', () => run('configuration', 'udpu'))

    it('is told that the new configuration is wrong', async () => {
      const { configFile } = testbed.host(1)
      const text = readFileSync(configFile, 'utf8')
      writeFileSync(configFile, text.replace('totem {', 'totem'))
      await run('misconfiguration')
      writeFileSync(configFile, text)
    })

    it('does what the documentation shows', async () => {
      const file = join(testbed.directory, 'snippets.mjs')
      writeFileSync(file, documented())
      const program = testbed.host(1).spawn(process.execPath, [file])
      await succeeds(program)
      for (const line of SHOWN) assert.match(program.stdout, line)
    })

    it('runs the example', async () => {
      const program = testbed.host(1).spawn(process.execPath, [EXAMPLE])
      await says(program, 'members on nodes 1')
      program.child.stdin!.write('hello\n')
      await says(program, 'node 1 says hello')
      await testbed.host(2).run('corosync-cmapctl', ['-s', 'test.elsewhere', 'u8', '1'])
      await testbed.host(1).run('corosync-cmapctl', ['-s', 'test.example', 'u8', '1'])
      await says(program, 'add test.example 1')
      program.child.stdin!.write('\n')
      await succeeds(program)
      assert.match(program.stdout, /^node 1, ring of nodes 1 2 3\n(.*\n)*quorate\n/)
      assert.doesNotMatch(program.stdout, /test\.elsewhere/)
    })

    it('keeps replicas on three hosts in step', async () => {
      const programs = testbed.hosts.map(host => start(host, 'replica', `6,${host.index}`))
      await Promise.all(programs.map(program => says(program, 'done')))
      for (const program of programs) program.child.stdin!.write('end\n')
      await Promise.all(programs.map(succeeds))
    })

    it('refuses that its daemon ends', () => run('veto'))

    it('is told at once that its daemon has died', () => diesWith(testbed.host(3)))

    it('has another node killed', () => run('kill', '2'))

    it('agrees that its daemon ends', async () => {
      await run('shutdown')
      assert.equal(await testbed.host(1).daemon!.exited, 0)
    })
  })

  describe(`the library as a client of ${name}, in other clusters`, { skip: interopSkip() }, () => {
    it('does the same over datagram sockets', async () => {
      const testbed = await cluster(1, daemon, { more: 'system {\n  qb_ipc_type: socket\n}\n' })
      const [host] = testbed.hosts as [Host]
      try {
        for (const scenario of [
          'values',
          'mistakes',
          'iteration',
          'tracking',
          'group',
          'directory',
          'quorum',
          'sizes',
        ]) {
          await succeeds(start(host, scenario))
        }
        await succeeds(start(host, 'flood', '20000x100'))
        await succeeds(start(host, 'flood', '500x60000'))
        const listener = start(host, 'overheard')
        await says(listener, 'listening')
        const { stdout: files } = await host.run('sh', ['-c', 'ls /dev/shm/qb-[0-9]*'])
        assert.match(files, /qb-control-cmap/)
        assert.doesNotMatch(files, /qb-request-cmap-data/)
        await host.run('corosync-cmapctl', ['-s', 'test.overheard', 'u8', '1'])
        await succeeds(listener)
        await diesWith(host)
      } finally {
        await testbed.down()
      }
    })

    it('is let in as an ordinary user once the map says so', async () => {
      const testbed = await cluster(1, daemon)
      const [host] = testbed.hosts as [Host]
      const asUser = (scenario: string): HostProcess => {
        const user = ['--reuid', USER, '--regid', USER, '--clear-groups']
        return host.spawn('setpriv', [...user, process.execPath, '--enable-source-maps', PROGRAM, scenario])
      }
      try {
        const refused = asUser('values')
        assert.equal(await refused.exited, 1)
        assert.match(refused.stderr, /ConnectionError.*\n(.*\n)*.*CS_ERR_ACCESS/)
        await host.run('corosync-cmapctl', ['-s', `uidgid.uid.${USER}`, 'u8', '1'])
        for (const scenario of ['values', 'tracking', 'group', 'sizes']) await succeeds(asUser(scenario))
      } finally {
        await testbed.down()
      }
    })

    it('is a quorum device', async () => {
      const quorum = '  device {\n    model: net\n    votes: 1\n  }\n'
      const testbed = await cluster(2, daemon, { quorum })
      try {
        await succeeds(start(testbed.host(1), 'device'))
      } finally {
        await testbed.down()
      }
    })
  })
}

describe('programs of a ring with both daemons', { skip: interopSkip() }, () => {
  let testbed: Testbed

  before(async () => {
    testbed = await Testbed.create({ hosts: 3 })
    testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS })
    const [c, ours] = Object.values(DAEMONS) as [readonly string[], readonly string[]]
    for (const [i, host] of testbed.hosts.entries()) host.start(i === 1 ? ours : c)
    for (const host of testbed.hosts) await formed(host, 3)
  })
  after(() => testbed?.down())

  it('see the same messages and members in the same order', async () => {
    const programs = testbed.hosts.map(host => start(host, 'chorus', '3'))
    for (const program of programs) await succeeds(program)
    const [first, ...others] = programs.map(({ stdout }) => stdout)
    assert.match(first!, /^events \d+ [0-9a-f]{64}$/m)
    for (const other of others) assert.equal(other, first)
  })

  it('keep replicas in step', async () => {
    const programs = testbed.hosts.map(host => start(host, 'replica', `6,${host.index}`))
    await Promise.all(programs.map(program => says(program, 'done')))
    for (const program of programs) program.child.stdin!.write('end\n')
    await Promise.all(programs.map(succeeds))
  })
})
