// Our daemon as an administrator starts it: in a ring with C daemons, leaving in order, and what it costs to stand idle.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SHORT_TIMERS } from '../support/combination.js'
import { type Host, interopSkip, pause, Testbed, until } from '../support/testbed.js'

const OURS =
  process.env.INTEROP_OURS === 'c' ? 'corosync' : fileURLToPath(new URL('../../../bin/corosync', import.meta.url))
const FORMATION_MS = 15_000
const IDLE_MS = 60_000
const CPU_SHARE_MAX = 0.01
const RESIDENT_BYTES_MAX = 120e6

async function hasMembers(testbed: Testbed, host: Host, members: string): Promise<void> {
  let last = ''
  await until(
    `host ${host.index} to have members ${members}`,
    FORMATION_MS,
    async () => {
      for (const { index, daemon } of testbed.hosts)
        if (daemon && !daemon.running && daemon.result !== 0)
          throw new Error(`the daemon on host ${index} ended (${daemon.result}): ${daemon.stderr}`)
      last = (await host.joinedNodes()).join(' ')
      return last === members ? true : undefined
    },
    () => last || host.log().slice(-1000),
  )
}

/** Waits for the line that both engines log for a new ring. */
async function logsRing(host: Host, count: number): Promise<void> {
  const pattern = /\[TOTEM *\] A new membership \(\d+\.[0-9a-f]+\) was formed\. Members/g
  await until(
    `host ${host.index} to log a membership`,
    FORMATION_MS,
    () => ((host.log().match(pattern) ?? []).length >= count ? true : undefined),
    () => `${host.daemon?.stderr ?? ''}${host.log().slice(-2000)}`,
  )
}

/** Seconds of processor time that a process has used, all threads. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  const ticksPerSecond = 100
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function residentBytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

describe('bin/corosync beside two C daemons', { skip: interopSkip() }, () => {
  let testbed: Testbed
  before(async () => {
    testbed = await Testbed.create({ hosts: 3 })
    testbed.configure({ transport: 'udpu', totem: SHORT_TIMERS })
    testbed.host(1).start()
    testbed.host(2).start([OURS])
    testbed.host(3).start()
  })
  after(() => testbed?.down())

  it('is counted by them', async () => {
    await hasMembers(testbed, testbed.host(1), '1 2 3')
    await hasMembers(testbed, testbed.host(3), '1 2 3')
    await logsRing(testbed.host(2), 1)
  })

  it('leaves in order when asked to, and exits 0', async () => {
    const began = performance.now()
    assert.equal(await testbed.host(2).daemon!.stop('SIGTERM'), 0)
    await hasMembers(testbed, testbed.host(1), '1 3')
    // A leave is a message; who finds out by the token timeout has not been told.
    assert.match(testbed.host(1).log(), /Members left: 2|left: 2/)
    assert.doesNotMatch(testbed.host(1).log(), /Failed to receive the leave message\. failed: 2/)
    assert.ok(performance.now() - began < FORMATION_MS)
  })

  it('comes back with the next start', async () => {
    testbed.host(2).start([OURS])
    await hasMembers(testbed, testbed.host(1), '1 2 3')
  })
})

describe('three daemons of ours, idle', { skip: interopSkip() }, () => {
  let testbed: Testbed
  before(async () => {
    testbed = await Testbed.create({ hosts: 3 })
    testbed.configure({ transport: 'udpu' })
    for (const host of testbed.hosts) host.start([OURS])
    for (const host of testbed.hosts) await logsRing(host, 1)
  })
  after(() => testbed?.down())

  it('use under 1 % of a core and 120 MB each, over a minute', async t => {
    // Compilation of what the formation of the ring made hot, and its garbage, are not idleness.
    await pause(5000)
    const pids = testbed.hosts.map(host => host.daemon!.pid())
    const before = pids.map(processorSeconds)
    await pause(IDLE_MS)
    const shares = pids.map((pid, i) => (processorSeconds(pid) - before[i]!) / (IDLE_MS / 1000))
    const resident = pids.map(residentBytes)
    const said = shares.map((share, i) => `${(share * 100).toFixed(2)} %, ${(resident[i]! / 1e6).toFixed(0)} MB`)
    t.diagnostic(said.join('; '))
    for (const share of shares) assert.ok(share < CPU_SHARE_MAX, said.join('; '))
    for (const bytes of resident) assert.ok(bytes < RESIDENT_BYTES_MAX, said.join('; '))
  })
})
