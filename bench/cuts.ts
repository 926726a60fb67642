// What lasting cuts do to a ring: one way, or both ways between two nodes that others still hear. Rings of C daemons, of ours, and
// mixed, each under the same patterns with short timers: how often a node changes its configuration, whether that ends, whether
// messages go on where a majority could have them, and what healing costs. In namespaces as root. Several rings run at a time;
// all windows are fixed, so a busy machine can only add changes: the pattern without a cut says whether it did.
// --write records the tables in docs/one-way-cuts.md.

import { spawnSync } from 'node:child_process'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { SHORT_TIMERS } from '../test/support/combination.js'
import {
  type Change,
  type CutPattern,
  inOneRing,
  lastChangeMs,
  measureCut,
  membersAgree,
  type NodeReport,
  patternName,
} from '../test/support/cuts.js'
import type { PeerKind } from '../test/support/peers.js'
import { interopObstacle } from '../test/support/testbed.js'
import { machine, record } from './record.js'

/** The end of the cut: settled is who changes nothing in it, with members that agree, and with service where it is possible. */
const QUIET_MS = 10_000
const SERVED_SHARE_MIN = 0.9

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    heal: { type: 'string', default: '15' },
    rings: { type: 'string', default: 'c,ours,ours@A,c@A,ours@B,c@B' },
    transport: { type: 'string', default: 'udpu,udp' },
    /** Only patterns whose name has this in it. */
    only: { type: 'string', default: '' },
    parallel: { type: 'string', default: '4' },
    write: { type: 'boolean', default: false },
  },
})
const cutMs = Number(options.seconds) * 1000
const healMs = Number(options.heal) * 1000
const parallel = Number(options.parallel)
if (!(cutMs >= 2 * QUIET_MS) || !(healMs > 0) || !(parallel >= 1)) {
  console.error(`--seconds is at least ${(2 * QUIET_MS) / 1000}, --heal and --parallel are positive`)
  process.exit(2)
}
const obstacle = interopObstacle()
if (obstacle) {
  console.error(obstacle)
  process.exit(2)
}

type Transport = 'udpu' | 'udp'

/** The token goes round in the order of the node ids, and the lowest of a ring is its representative. */
const PATTERNS: readonly CutPattern[] = [
  { nodes: 3, cuts: [] },
  { nodes: 2, cuts: [[1, 2]] },
  // The way of the token.
  { nodes: 3, cuts: [[1, 2]] },
  { nodes: 3, cuts: [[2, 3]] },
  { nodes: 3, cuts: [[3, 1]] },
  // Against it: only messages and joins go here.
  { nodes: 3, cuts: [[2, 1]] },
  { nodes: 3, cuts: [[3, 2]] },
  { nodes: 3, cuts: [[1, 3]] },
  { nodes: 3, cuts: both(1, 2) },
  { nodes: 3, cuts: both(2, 3) },
  { nodes: 5, cuts: [[2, 3]] },
  { nodes: 5, cuts: [[2, 4]] },
  { nodes: 5, cuts: both(2, 3) },
  { nodes: 5, cuts: both(2, 4) },
]

/** Joins and messages come another way over multicast, the token does not: a few patterns show whether that matters. */
const MULTICAST_PATTERNS: readonly CutPattern[] = [
  { nodes: 2, cuts: [[1, 2]] },
  { nodes: 3, cuts: [[1, 2]] },
  { nodes: 3, cuts: [[2, 1]] },
  { nodes: 3, cuts: both(1, 2) },
  { nodes: 5, cuts: [[2, 3]] },
]

function both(one: number, other: number): [number, number][] {
  return [
    [one, other],
    [other, one],
  ]
}

interface RingKind {
  readonly name: string
  /** The engine of the sender of the cut direction (A), of its receiver (B), and of everyone else. */
  readonly a: PeerKind
  readonly b: PeerKind
  readonly rest: PeerKind
}

const RINGS: Readonly<Record<string, RingKind>> = {
  c: { name: 'C', a: 'c', b: 'c', rest: 'c' },
  ours: { name: 'ours', a: 'ours', b: 'ours', rest: 'ours' },
  'ours@A': { name: 'ours at A, rest C', a: 'ours', b: 'c', rest: 'c' },
  'c@A': { name: 'C at A, rest ours', a: 'c', b: 'ours', rest: 'ours' },
  'ours@B': { name: 'ours at B, rest C', a: 'c', b: 'ours', rest: 'c' },
  'c@B': { name: 'C at B, rest ours', a: 'ours', b: 'c', rest: 'ours' },
}

function kindsOf(ring: RingKind, { nodes, cuts }: CutPattern): PeerKind[] {
  const [a, b] = cuts[0] ?? [1, 2]
  return Array.from({ length: nodes }, (_, i) => (i + 1 === a ? ring.a : i + 1 === b ? ring.b : ring.rest))
}

interface Run {
  readonly transport: Transport
  readonly pattern: CutPattern
  readonly ring: RingKind
  reports: readonly NodeReport[]
  /** Why there was nothing to measure. */
  failed: string
}

function plan(): Run[] {
  const rings = options.rings.split(',').map(key => {
    const ring = RINGS[key]
    if (!ring) throw new Error(`no ring ${key}; there are ${Object.keys(RINGS).join(', ')}`)
    return ring
  })
  const runs: Run[] = []
  for (const transport of options.transport.split(',')) {
    if (transport !== 'udpu' && transport !== 'udp') throw new Error(`no transport ${transport}; there are udpu, udp`)
    for (const pattern of transport === 'udpu' ? PATTERNS : MULTICAST_PATTERNS) {
      if (!patternName(pattern).includes(options.only)) continue
      const seen = new Set<string>()
      for (const ring of rings) {
        // With two nodes "ours at A" is "C at B".
        const kinds = kindsOf(ring, pattern).join(' ')
        if (seen.has(kinds)) continue
        seen.add(kinds)
        runs.push({ transport, pattern, ring, reports: [], failed: '' })
      }
    }
  }
  return runs
}

function recent(changes: readonly Change[]): number {
  return changes.filter(({ atMs }) => atMs >= cutMs - QUIET_MS).length
}

function quiet({ reports }: Run): boolean {
  return reports.every(({ whileCut }) => recent(whileCut) === 0)
}

/** In every pattern all but one node hear each other; with two nodes that is no majority. */
function served({ reports }: Run): boolean {
  return reports.length < 3 || reports.some(({ quietService }) => quietService.share >= SERVED_SHARE_MIN)
}

function ended({ reports }: Run): boolean {
  return reports.some(report => report.ended !== undefined)
}

function settled(run: Run): boolean {
  return !ended(run) && quiet(run) && membersAgree(run.reports) && served(run)
}

function endState(run: Run): string {
  if (ended(run)) return 'a node ended'
  if (!quiet(run)) return run.reports.map(({ whileCut }) => recent(whileCut)).join(' ')
  if (!membersAgree(run.reports)) return 'a node without a ring'
  return served(run) ? '**settled**' : 'stands still'
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

/** Nodes with the same members at the end, together: "1 2: {1 2}; 3: {3}". */
function memberships(reports: readonly NodeReport[]): string {
  const nodes = new Map<string, number[]>()
  for (const { node, members } of reports) {
    const key = members.join(' ')
    nodes.set(key, [...(nodes.get(key) ?? []), node])
  }
  return [...nodes].map(([members, who]) => `${who.join(' ')}: {${members}}`).join('; ')
}

function row(run: Run): string {
  const { reports, ring, pattern } = run
  const cells = [patternName(pattern), ring.name]
  if (run.failed !== '') return `| ${[...cells, run.failed, ...Array(6).fill('-')].join(' | ')} |`
  const best = reports.map(({ service }) => service).reduce((one, other) => (other.share > one.share ? other : one))
  const ends = reports.flatMap(({ ended }) => ended ?? [])
  const healing = reports.map(({ afterHealing }) => afterHealing)
  return `| ${[
    ...cells,
    reports.map(({ whileCut }) => whileCut.length).join(' '),
    seconds(Math.max(...reports.map(({ whileCut }) => lastChangeMs(whileCut)))),
    endState(run),
    [memberships(reports), ...ends].join('; '),
    `${Math.round(best.share * 100)} %, ${seconds(best.longestSilenceMs)}`,
    healing.map(changes => changes.length).join(' '),
    inOneRing(reports) ? seconds(Math.max(...healing.map(lastChangeMs))) : 'not in time',
  ].join(' | ')} |`
}

function table(runs: readonly Run[]): string {
  const lines: string[] = []
  for (const transport of new Set(runs.map(run => run.transport))) {
    const some = runs.filter(run => run.transport === transport)
    lines.push(
      `### ${transport}`,
      '',
      '| ring | settled | most changes of a node | median of the runs | healed in time |',
      '|---|---|---|---|---|',
      ...[...new Set(some.map(run => run.ring))].map(ring => summary(some.filter(run => run.ring === ring))),
      '',
      '| pattern | ring | changes by node | last after, s | in the last 10 s | members at the end | served, longest silence, s | changes after healing | one ring after, s |',
      '|---|---|---|---|---|---|---|---|---|',
      ...some.map(row),
      '',
    )
  }
  return lines.join('\n')
}

/** One ring over all patterns with a cut. */
function summary(all: readonly Run[]): string {
  const runs = all.filter(run => run.pattern.cuts.length > 0 && run.failed === '')
  const most = runs.map(run => Math.max(...run.reports.map(({ whileCut }) => whileCut.length))).sort((a, b) => a - b)
  return `| ${[
    all[0]?.ring.name,
    `${runs.filter(settled).length} of ${runs.length}`,
    most.at(-1) ?? '-',
    most[Math.floor(most.length / 2)] ?? '-',
    `${runs.filter(run => inOneRing(run.reports)).length} of ${runs.length}`,
  ].join(' | ')} |`
}

async function perform(run: Run): Promise<void> {
  const { pattern, transport, ring } = run
  try {
    const totem = { transport, totem: SHORT_TIMERS }
    run.reports = await measureCut({
      pattern,
      kinds: kindsOf(ring, pattern),
      ring: totem,
      cutMs,
      quietMs: QUIET_MS,
      healMs,
    })
  } catch (error) {
    run.failed = `not measured: ${String(error).split('\n')[0]}`
  }
  console.error(`${transport} ${row(run)}`)
}

const runs = plan()
const waiting = [...runs]
const loads: number[] = []
const sampling = setInterval(() => loads.push(loadavg()[0]!), 10_000)
await Promise.all(
  Array.from({ length: parallel }, async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) await perform(run)
  }),
)
clearInterval(sampling)
const [version = ''] = spawnSync('corosync', ['-v'], { encoding: 'utf8' }).stdout.split('\n')
const head =
  `${new Date().toISOString().slice(0, 10)}; ${version}; ${machine()}; ${parallel} rings at a time, ` +
  `load average ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}. ` +
  `Cut for ${options.seconds} s, watched for ${options.heal} s after healing; token 400 ms, consensus 480 ms.\n`
const text = [head, table(runs)].join('\n')
console.log(text)
if (options.write) record('one-way-cuts.md', 'cuts', text.trimEnd())
if (runs.some(run => run.failed !== '')) process.exitCode = 1
