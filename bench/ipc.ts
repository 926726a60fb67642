// Local IPC: round trips, events and one-way messages between a program on the stock libqb and a server of echoes, ours
// and one on libqb, in turns within the same run, over both transports. As root or not; needs libqb's headers.
// --write records the table in docs/performance.md.

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Child } from '../test/support/child.js'
import { compileClient } from '../test/support/clients.js'
import { EchoProcess } from '../test/support/ipc-echo-process.js'
import { machine, record } from './record.js'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, write: { type: 'boolean', default: false } },
})
const rounds = Number(options.rounds)

interface Load {
  readonly what: string
  readonly args: readonly string[]
  /** Microseconds per message from what the program writes. */
  read(text: string): number
}

const LOADS: readonly Load[] = [
  ...[64, 1024, 8192, 65536, 524288].map(bytes => ({
    what: `round trip, ${bytes} B`,
    args: ['bench', String(bytes > 100_000 ? 1000 : 10_000), String(bytes)],
    read: Number,
  })),
  ...[64, 1024, 8192].map(bytes => ({
    what: `event, ${bytes} B`,
    args: ['bench-events', String(Math.min(50_000, Math.floor(40_000_000 / bytes))), String(bytes)],
    read: Number,
  })),
  { what: 'one way, 4 B', args: ['bench-flood', '50000'], read: Number },
]

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

const qb = compileClient('qb')
const qbServer = compileClient('qb-server', ['qb'])

function run(name: string, load: Load): number {
  const done = spawnSync(qb, [name, ...load.args], { encoding: 'utf8', timeout: 60_000 })
  if (done.status !== 0) throw new Error(`${load.what}: ${done.stdout}${done.stderr}`)
  return load.read(done.stdout)
}

const rows: string[] = []
for (const transport of ['shm', 'socket'] as const) {
  const ours = `bench-ours-${process.pid}`
  const theirs = `bench-libqb-${process.pid}`
  const server = await EchoProcess.start({ service: ours, transport, quiet: true })
  const c = new Child(qbServer, [theirs, transport])
  await c.until(/listening/)
  try {
    for (const load of LOADS) {
      // A datagram is at most what the program's socket buffer holds.
      if (transport === 'socket' && load.what.includes('524288')) continue
      const own: number[] = []
      const other: number[] = []
      run(ours, load)
      for (let i = 0; i < rounds; i++) {
        own.push(run(ours, load))
        other.push(run(theirs, load))
      }
      const [a, b] = [median(own), median(other)]
      const row = `| ${transport} | ${load.what} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(a / b).toFixed(2)} |`
      console.log(row)
      rows.push(row)
    }
  } finally {
    c.kill('SIGTERM')
    await c.ended
    await server.stop()
  }
}

if (options.write) {
  const head = ['| transport | what | ours, us | libqb, us | ratio |', '|---|---|---|---|---|']
  record('performance.md', 'ipc', [machine(), '', ...head, ...rows].join('\n'))
}
