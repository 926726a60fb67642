// Memory under load: three nodes of ours, one sending with the library, two plain daemons; resident
// memory of each, every ten seconds, for ten minutes (--minutes). Fails when one grows from its second minute to its last by more
// than a tenth, or when a daemon needs more than 120 MB. Root, since it makes hosts of namespaces.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { OurPeer } from '../test/support/peers.js'
import { interopObstacle, pause, Testbed, until } from '../test/support/testbed.js'

const SAMPLE_MS = 10_000
const GROWTH_MAX = 1.1
const DAEMON_BYTES_MAX = 120e6
const MESSAGE_BYTES = 4096
/** A steady load that leaves the machine room for others: 12 MB a second. */
const PER_SECOND = 3000

const { values: options } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(options.minutes)
const obstacle = interopObstacle()
if (obstacle) {
  console.error(obstacle)
  process.exit(2)
}

function residentMegabytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1000
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

const corosync = fileURLToPath(new URL('../../bin/corosync', import.meta.url))
const testbed = await Testbed.create({ hosts: 3 })
let failed = false
try {
  testbed.configure({ transport: 'udpu' })
  const sender = new OurPeer(testbed.host(1))
  sender.start()
  for (const i of [2, 3]) testbed.host(i).start([corosync])
  await until('a ring of three', 30_000, async () => ((await sender.ring()).length === 3 ? true : undefined))
  const pids = [sender.engine.pid(), testbed.host(2).daemon!.pid(), testbed.host(3).daemon!.pid()]
  const samples: number[][] = []
  const seconds = minutes * 60
  let loading = true
  const load = sender.flood({ group: 'soak', bytes: MESSAGE_BYTES, seconds, perSecond: PER_SECOND }).finally(() => {
    loading = false
  })
  while (loading) {
    await pause(SAMPLE_MS)
    const sample = pids.map(residentMegabytes)
    samples.push(sample)
    const { heapUsed, heapTotal, external, arrayBuffers } = await sender.memory()
    const inside = [heapUsed, heapTotal, external, arrayBuffers].map(bytes => (bytes / 1e6).toFixed(1)).join(', ')
    console.log(
      `${(samples.length * SAMPLE_MS) / 1000} s: ${sample.map(mb => mb.toFixed(1)).join(' MB, ')} MB; ` +
        `sender's main thread: heap used, heap, external, buffers ${inside} MB`,
    )
  }
  const { sent, errors } = await load
  const perMinute = 60_000 / SAMPLE_MS
  const early = pids.map((_, i) => median(samples.slice(perMinute, 2 * perMinute).map(sample => sample[i]!)))
  const late = pids.map((_, i) => median(samples.slice(-perMinute).map(sample => sample[i]!)))
  console.log(`${minutes} minutes, ${sent} messages of ${MESSAGE_BYTES} B, ${errors} errors`)
  for (const [i, name] of ['sender with the library', 'daemon', 'daemon'].entries()) {
    const flat = late[i]! <= early[i]! * GROWTH_MAX
    const small = i === 0 || late[i]! * 1e6 < DAEMON_BYTES_MAX
    console.log(
      `${name}: second minute ${early[i]!.toFixed(1)} MB, last minute ${late[i]!.toFixed(1)} MB${flat ? '' : ', GROWS'}${small ? '' : ', TOO MUCH'}`,
    )
    if (!flat || !small) failed = true
  }
  if (errors > 0) failed = true
} finally {
  await testbed.down()
}
process.exit(failed ? 1 : 0)
