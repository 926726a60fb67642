// Fuzzing for people: session after session of an attack on a simulated ring, with an eye on the memory of this process.
// In: options. Out: one line per failure with all that is needed to see it again, progress, a summary by message type.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type FuzzFailure, FuzzSession, type SessionOptions, type Temper } from '../sim/fuzz/session.js'
import { LABELS, OUTCOMES, Summary } from '../sim/fuzz/summary.js'

export interface FuzzOptions {
  readonly seed: number
  readonly packets: number
  readonly nodes: number | undefined
  /** Stop after this many minutes of real time; Infinity when never. */
  readonly minutes: number
  /** Only these rounds; all when undefined. */
  readonly tempers?: readonly Temper[] | undefined
  /** The wire of the nodes; tests bring broken ones. */
  readonly wire?: SessionOptions['wire']
}

/** A session has at most this many packets: enough for growth to show, few enough to be repeated in a minute. */
const SESSION_PACKETS = 500_000
/** The process may hold this much more than after the first session, and a ring more than after its first cycle. */
const GROWTH_MAX = 32 * 1024 * 1024
const PROGRESS_INTERVAL_MS = 10_000

export interface FuzzOutcome {
  readonly summary: Summary
  readonly failures: readonly FuzzFailure[]
  /** Held by the process after a garbage collection, in bytes: after the first session, and at the end. */
  readonly heldFirst: number
  readonly heldLast: number
  readonly realMs: number
}

/** `print` takes a line for each failure, `tell` one now and then about how far it is. */
export function fuzz(options: FuzzOptions, print: (line: string) => void, tell: (line: string) => void): FuzzOutcome {
  const began = Date.now()
  const summary = new Summary()
  const failures: FuzzFailure[] = []
  let told = began
  let heldFirst = 0
  let heldLast = 0
  for (let seed = options.seed; summary.packets < options.packets; seed++) {
    if (Date.now() - began >= options.minutes * 60_000) break
    const packets = Math.min(SESSION_PACKETS, options.packets - summary.packets)
    const session = new FuzzSession({
      seed,
      packets,
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.tempers === undefined ? {} : { tempers: options.tempers }),
      ...(options.wire === undefined ? {} : { wire: options.wire }),
      afterCycle: ringGrowth(),
    })
    const result = session.run()
    summary.add(result.summary)
    if (result.failure !== undefined) {
      failures.push(result.failure)
      print(formatFuzzFailure(result.failure, packets, options))
    }
    heldLast = held()
    if (heldFirst === 0) heldFirst = heldLast
    if (Date.now() - told > PROGRESS_INTERVAL_MS) {
      told = Date.now()
      const perSecond = Math.round(summary.packets / ((told - began) / 1000))
      tell(
        `${summary.packets} of ${options.packets} packets, ${failures.length} failures, ${perSecond}/s, ` +
          `${megabytes(heldLast)} held`,
      )
    }
  }
  return { summary, failures, heldFirst, heldLast, realMs: Date.now() - began }
}

/** The command: runs, prints the summary, and returns the exit status. */
export function runFuzz(options: FuzzOptions, print: (line: string) => void): number {
  const outcome = fuzz(options, print, line => process.stderr.write(`${line}\n`))
  for (const line of describeOutcome(outcome)) print(line)
  const grown = outcome.heldLast - outcome.heldFirst
  if (grown > GROWTH_MAX) print(`L4 the process has grown by ${megabytes(grown)}`)
  return outcome.failures.length > 0 || grown > GROWTH_MAX ? 1 : 0
}

export function formatFuzzFailure(failure: FuzzFailure, packets: number, options: FuzzOptions): string {
  const nodes = options.nodes === undefined ? '' : ` --nodes ${options.nodes}`
  const rounds = options.tempers === undefined ? '' : ` --rounds ${options.tempers.join(',')}`
  const datagram = failure.datagram === undefined ? '' : `; datagram ${failure.datagram}`
  return (
    `fuzz --seed ${failure.seed} --packets ${packets}${nodes}${rounds}: ` +
    `round ${failure.round} (${failure.temper}): ${failure.text.replaceAll(/\s*\n\s*/g, ' | ')}${datagram}`
  )
}

export function describeOutcome({ summary, failures, heldFirst, heldLast, realMs }: FuzzOutcome): string[] {
  const row = (name: string, cells: readonly (number | string)[]) =>
    name.padEnd(20) + cells.map(cell => String(cell).padStart(11)).join('')
  const { services } = summary
  return [
    row('datagrams', ['sent', ...OUTCOMES]),
    ...LABELS.map(label => {
      const tally = summary.tallies.get(label)!
      const counts = OUTCOMES.map(outcome => tally[outcome])
      return row(label, [counts.reduce((sum, count) => sum + count, 0), ...counts])
    }),
    row('payloads in order', ['sent']),
    ...[...summary.ordered].map(([label, count]) => row(label, [count])),
    `refused above the ring, summed over nodes: ${services.packets} packets, ${services.messages} messages, ` +
      `${services.groups} of unknown groups, ${services.sync} of the barrier, ${services.table} by the table of services, ` +
      `${services.cpg} by groups`,
    `settled ${summary.settles} times, ${summary.lateSettles} of them later than after faults`,
    `forged into disagreement: ${summary.disagreeingPackets} packets, ${summary.disagreeingMoves} moves`,
    `${summary.packets} packets in ${summary.sessions} sessions and ${summary.rounds} rounds, ` +
      `${(summary.virtualMs / 1000).toFixed(0)} s of virtual time, ${summary.events} events, ${(realMs / 1000).toFixed(0)} s; ` +
      `${megabytes(heldFirst)} held after the first session, ${megabytes(heldLast)} at the end; ${failures.length} failures`,
  ]
}

/** For one ring: objects when it holds more and more from cycle to cycle. */
function ringGrowth(): () => string | undefined {
  let first = 0
  return () => {
    const now = held()
    if (first === 0) first = now
    return now - first > GROWTH_MAX ? `L4 the ring has grown by ${megabytes(now - first)}` : undefined
  }
}

let collectGarbage: (() => void) | undefined

/** Bytes that are in use after a garbage collection. */
function held(): number {
  if (collectGarbage === undefined) {
    setFlagsFromString('--expose-gc')
    collectGarbage = runInNewContext('gc') as () => void
  }
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
