// The library as a client of a daemon: every scenario of test/support/client-scenarios.ts against a real C daemon.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SHORT_TIMERS } from '../support/combination.js'
import { type Host, type HostProcess, interopSkip, type RingConfig, Testbed, until } from '../support/testbed.js'

const PROGRAM = fileURLToPath(new URL('../support/client-scenarios.js', import.meta.url))
const SCENARIO_MS = 60_000
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

/** Daemons that programs may find; each has to do all of this. */
const DAEMONS: Readonly<Record<string, readonly string[]>> = {
  'the C daemon': ['corosync'],
  'our daemon': [process.execPath, fileURLToPath(new URL('../../../bin/corosync', import.meta.url))],
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
        await host.run('corosync-cmapctl', ['-s', 'test.overheard', 'u8', '1'])
        await succeeds(listener)
        await diesWith(host)
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
