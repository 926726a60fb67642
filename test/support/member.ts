// A program with an embedded node, for tests: started with a configuration file, the name of an engine and, where the ring is recorded, a file, told by lines of JSON on standard input what
// to do, answering each with a line of JSON. It leaves the ring in order on SIGTERM or when standard input ends.

import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type NodeDescription, startNode } from '../../src/index.js'
import { flood, listen, ping, Tracer } from './load.js'
import type { FloodOptions, ListenOptions, TraceOptions } from './peers.js'

type Request =
  | ({ readonly do: 'flood' } & FloodOptions)
  | ({ readonly do: 'listen' } & ListenOptions)
  | { readonly do: 'ping'; readonly group: string; readonly bytes: number; readonly count: number }
  | ({ readonly do: 'trace'; readonly file: string } & TraceOptions)
  | { readonly do: 'ring' | 'quiet' | 'endTrace' | 'memory' }

/** A corosync.conf, or a description as JSON where the addresses of loopback nodes do not tell which node this is. */
function configuration(path: string): string | NodeDescription {
  return path.endsWith('.json') ? JSON.parse(readFileSync(path, 'utf8')) : path
}

const starting = startNode({
  config: configuration(process.argv[2]!),
  engine: process.argv[3] === 'dgram' ? 'dgram' : 'native',
  ...(process.argv[4] === undefined ? {} : { record: process.argv[4] }),
  // Where a failed test looks.
  log: ({ timeMs, level, subsystem, message }) =>
    console.error(`${new Date(timeMs).toISOString()} ${level} [${subsystem}] ${message}`),
})
let members: readonly number[] = []
let tracer: Tracer | undefined
let leaving = false

async function perform(request: Request): Promise<unknown> {
  // Asked while the node starts, the answer is that there is no ring yet.
  if (request.do === 'ring') return members
  const cluster = await starting
  switch (request.do) {
    case 'flood':
      return flood(cluster, request)
    case 'listen':
      return listen(cluster, request)
    case 'ping':
      return ping(cluster, request.group, request.bytes, request.count)
    case 'trace':
      tracer = await Tracer.start(cluster, request.file, request)
      return undefined
    case 'quiet':
      tracer?.quiet()
      return undefined
    case 'endTrace':
      await tracer?.end()
      return undefined
    case 'memory':
      return process.memoryUsage()
  }
}

async function leave(): Promise<void> {
  if (leaving) return
  leaving = true
  await (await starting).close()
  process.exit(0)
}

process.on('SIGTERM', leave)
createInterface({ input: process.stdin })
  .on('line', line => {
    const { id, ...request } = JSON.parse(line)
    perform(request).then(
      result => console.log(JSON.stringify({ id, result })),
      error => console.log(JSON.stringify({ id, failed: String(error?.stack ?? error) })),
    )
  })
  .on('close', leave)

const cluster = await starting
members = cluster.members
cluster.on('ring', event => {
  members = event.members
})
cluster.on('end', error => {
  if (leaving) return
  console.error(error ?? 'the node ended unasked')
  process.exit(3)
})
