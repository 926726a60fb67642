// Messages per second and latency of a ring, by size, for one and three nodes: our daemon and the C daemon, both loaded by
// the same program on the stock C library (`cpgload`), and the library with the engine embedded; in turns within the same
// run, since only ratios of one run mean anything. In namespaces joined by a bridge as root, with and without segmentation
// offload; where that cannot be, the embedded engine alone on loopback addresses.
// --write records the tables in docs/performance.md.

import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { createLoopback } from '../test/support/loopback.js'
import { converged, createCluster, type LoadReport, type Peer } from '../test/support/peers.js'
import { interopObstacle } from '../test/support/testbed.js'
import { machine, record } from './record.js'

const SIZES = [64, 1024, 8192, 65536]
const PINGS = 300
const FORMATION_MS = 30_000
/** Load average above which the machine counts as busy. */
const BUSY_LOAD_PER_CORE = 0.4

const { values: options } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1,3' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1' },
    offload: { type: 'string', default: 'off,on' },
    only: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)

type Engine = 'daemon' | 'ours' | 'c'

interface Bench {
  readonly engine: Engine
  readonly peers: readonly Peer[]
  down(): Promise<void>
}

const obstacle = interopObstacle()
if (obstacle) console.error(`on loopback, without the C engine: ${obstacle}`)
const engines: Engine[] = obstacle
  ? ['ours']
  : options.only
    ? (options.only.split(',') as Engine[])
    : ['c', 'daemon', 'ours']

async function createBench(engine: Engine, nodes: number, offload: boolean): Promise<Bench> {
  if (obstacle) {
    const { peers, down } = createLoopback(nodes)
    return { engine, peers, down }
  }
  const kinds = Array.from({ length: nodes }, () => engine)
  const { testbed, peers } = await createCluster(kinds, { offload, record: false })
  testbed.configure({ transport: 'udpu' })
  return { engine, peers, down: () => testbed.down() }
}

interface Row {
  readonly size: number
  readonly flood: Map<Engine, number>
  readonly latency: Map<Engine, number>
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function sound(report: LoadReport, engine: Engine, what: string): LoadReport {
  if (report.errors > 0) throw new Error(`${engine}, ${what}: ${report.errors} errors`)
  return report
}

async function measure(nodes: number, offload: boolean): Promise<Row[]> {
  const benches: Bench[] = []
  try {
    for (const engine of engines) benches.push(await createBench(engine, nodes, offload))
    for (const { peers } of benches) for (const peer of peers) peer.start()
    const members = Array.from({ length: nodes }, (_, i) => i + 1)
    for (const { peers } of benches) await converged(peers, members, FORMATION_MS)
    const rows: Row[] = []
    for (const size of SIZES) {
      const rates = new Map<Engine, number[]>(engines.map(engine => [engine, []]))
      const times = new Map<Engine, number[]>(engines.map(engine => [engine, []]))
      for (let round = 0; round < rounds; round++)
        for (const { engine, peers } of benches) {
          // The last node sends: the representative, which holds the token of an idle ring, would be a special case.
          const sender = peers.at(-1)!
          const group = `bench-${size}-${round}`
          const flood = sound(await sender.flood({ group, bytes: size, seconds }), engine, `flood ${size}`)
          rates.get(engine)!.push(flood.messages_per_s!)
          const ping = sound(await sender.ping(`${group}-ping`, size, PINGS), engine, `ping ${size}`)
          times.get(engine)!.push(ping.us_p50!)
        }
      rows.push({
        size,
        flood: new Map([...rates].map(([engine, values]) => [engine, median(values)])),
        latency: new Map([...times].map(([engine, values]) => [engine, median(values)])),
      })
    }
    return rows
  } finally {
    await Promise.all(benches.map(bench => bench.down()))
  }
}

function bytes(size: number): string {
  return size < 1024 ? `${size} B` : `${size / 1024} KiB`
}

const NAMES: Readonly<Record<Engine, string>> = { daemon: 'daemon', ours: 'embedded', c: 'C' }

function table(nodes: number, offload: boolean, rows: readonly Row[]): string {
  const heading = `${nodes} node${nodes > 1 ? 's' : ''}${obstacle ? ', loopback' : `, segmentation offload ${offload ? 'on' : 'off'}`}`
  const ours = engines.filter(engine => engine !== 'c')
  const compared = engines.includes('c') ? ours : []
  const ratio = (map: ReadonlyMap<Engine, number>, engine: Engine): string => {
    const [c, own] = [map.get('c'), map.get(engine)]
    return c && own ? `**${(own / c).toFixed(2)}**` : '-'
  }
  const columns = [
    'size',
    ...engines.map(engine => `${NAMES[engine]}, msg/s`),
    ...engines.map(engine => `${NAMES[engine]}, MB/s`),
    ...compared.map(engine => `${NAMES[engine]}/C`),
    ...engines.map(engine => `${NAMES[engine]}, latency us`),
    ...compared.map(engine => `${NAMES[engine]}/C`),
  ]
  const lines = rows.map(({ size, flood, latency }) => [
    bytes(size),
    ...engines.map(engine => (flood.get(engine) ?? 0).toFixed(0)),
    ...engines.map(engine => (((flood.get(engine) ?? 0) * size) / 1e6).toFixed(1)),
    ...compared.map(engine => ratio(flood, engine)),
    ...engines.map(engine => (latency.get(engine) ?? 0).toFixed(0)),
    ...compared.map(engine => ratio(latency, engine)),
  ])
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [`### ${heading}`, '', row(columns), row(columns.map(() => '---')), ...lines.map(row), ''].join('\n')
}

// Other work on the machine does not slow both engines alike: the C daemon and its client pay for every switch between them.
const load = loadavg()[0]!
const busy = load > BUSY_LOAD_PER_CORE * cpus().length
if (busy) console.error(`the machine is busy (load ${load.toFixed(1)}): these figures are worth little`)
if (busy && options.write) {
  console.error('nothing is recorded on a busy machine')
  process.exit(1)
}
const began = performance.now()
const parts = [
  `Machine: ${machine()}. Each figure is the median of ${rounds} runs of ${seconds} s, engines in turns; a ratio of messages above 1 and of latencies below 1 is in our favour.\n`,
]
for (const nodes of options.nodes.split(',').map(Number))
  for (const offload of obstacle ? [false] : options.offload.split(',').map(word => word === 'on')) {
    const part = table(nodes, offload, await measure(nodes, offload))
    console.log(part)
    parts.push(part)
  }
console.log(`${machine()}; ${Math.round((performance.now() - began) / 1000)} s`)
if (options.write) record('performance.md', 'ring', parts.join('\n'))
