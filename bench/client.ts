// The library as a client beside the stock libqb: round trips, events and one-way messages of a program with either, against
// the same server of echoes on libqb, in turns within the same run. As root or not; needs libqb's headers.
// --write records the table in docs/performance.md.

import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { IpcClient } from '../src/ipc/client.js'
import { Child } from '../test/support/child.js'
import { compileClient } from '../test/support/clients.js'
import { machine, record } from './record.js'

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, write: { type: 'boolean', default: false } },
})
const rounds = Number(options.rounds)

/** What the server does with a request, by its number. */
const Ask = { ECHO: 0, SILENT: 1, EVENTS: 2, COUNT: 3 } as const
const NOTHING = new Uint8Array(0)

/** A header and words behind it; the message is `length` bytes longer than that. */
function request(id: number, length: number, ...words: number[]): Uint8Array {
  const bytes = new Uint8Array(16 + 4 * words.length)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, id, true)
  view.setInt32(8, bytes.length + length, true)
  for (const [i, word] of words.entries()) view.setUint32(16 + 4 * i, word, true)
  return bytes
}

interface Load {
  readonly what: string
  /** Messages of one run. */
  readonly count: number
  /** Arguments of the program on libqb, which prints microseconds per message. */
  readonly args: readonly string[]
  ours(client: IpcClient, count: number): Promise<void>
}

let events = 0
let wanted = 0
let allThere: () => void = () => {}

const LOADS: readonly Load[] = [
  ...[64, 1024, 8192, 65_536, 524_288].map(bytes => {
    const count = bytes > 100_000 ? 1000 : 10_000
    const head = request(Ask.ECHO, bytes)
    const body = new Uint8Array(bytes)
    return {
      what: `round trip, ${bytes} B`,
      count,
      args: ['bench', String(count), String(bytes)],
      async ours(client: IpcClient) {
        for (let n = 0; n < count; n++) await client.request(head, body)
      },
    }
  }),
  ...[64, 1024, 8192].map(bytes => {
    const count = Math.min(50_000, Math.floor(40_000_000 / bytes))
    return {
      what: `event, ${bytes} B`,
      count,
      args: ['bench-events', String(count), String(bytes)],
      async ours(client: IpcClient) {
        events = 0
        wanted = count
        const there = new Promise<void>(resolve => {
          allThere = resolve
        })
        await client.request(request(Ask.EVENTS, 0, count, bytes))
        await there
      },
    }
  }),
  {
    what: 'one way, 16 B',
    count: 50_000,
    args: ['bench-flood', '50000'],
    async ours(client: IpcClient, count: number) {
      const head = request(Ask.SILENT, 0)
      for (let n = 0; n < count; n++) await client.post(head, NOTHING, 1)
      await client.request(request(Ask.COUNT, 0))
    },
  },
]

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

const qb = compileClient('qb')
const qbServer = compileClient('qb-server', ['qb'])

function theirs(name: string, load: Load): number {
  const done = spawnSync(qb, [name, ...load.args], { encoding: 'utf8', timeout: 60_000 })
  if (done.status !== 0) throw new Error(`${load.what}: ${done.stdout}${done.stderr}`)
  return Number(done.stdout)
}

/** On a connection of its own, as a program of libqb has. */
async function ours(name: string, load: Load): Promise<number> {
  const client = await IpcClient.connect(
    name,
    {},
    {
      event: () => {
        if (++events === wanted) allThere()
      },
      lost: error => {
        throw error
      },
    },
  )
  const began = performance.now()
  await load.ours(client, load.count)
  const us = ((performance.now() - began) * 1000) / load.count
  client.close()
  return us
}

const rows: string[] = []
for (const transport of ['shm', 'socket'] as const) {
  const name = `bench-client-${process.pid}`
  const server = new Child(qbServer, [name, transport])
  await server.until(/listening/)
  try {
    for (const load of LOADS) {
      // A datagram is at most what the program's socket buffer holds.
      if (transport === 'socket' && load.what.includes('524288')) continue
      const own: number[] = []
      const other: number[] = []
      await ours(name, load)
      for (let i = 0; i < rounds; i++) {
        own.push(await ours(name, load))
        other.push(theirs(name, load))
      }
      const [a, b] = [median(own), median(other)]
      const row = `| ${transport} | ${load.what} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(a / b).toFixed(2)} |`
      console.log(row)
      rows.push(row)
    }
  } finally {
    server.kill('SIGTERM')
    await server.ended
  }
}

if (options.write) {
  const head = ['| transport | what | library, us | libqb, us | ratio |', '|---|---|---|---|---|']
  record('performance.md', 'client', [machine(), '', ...head, ...rows].join('\n'))
}
