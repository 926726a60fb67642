// A campaign: many seeds, spread over worker processes, with the count of what has been run kept in a file, so that it
// can be stopped and resumed. In: options. Out: one line per failure, a progress line, the state file.

import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FAULT_NAMES } from '../sim/faults.js'
import type { ScenarioOptions } from '../sim/scenario.js'
import type { Task, TaskResult } from './campaign-worker.js'

export interface CampaignOptions {
  readonly firstSeed: number
  readonly lastSeed: number
  readonly scenario: ScenarioOptions
  readonly jobs: number
  /** Stop after this many minutes of real time; Infinity when never. */
  readonly minutes: number
  /** State file; undefined: nothing is kept. */
  readonly resume: string | undefined
  /** The worker's program; tests bring their own. */
  readonly worker?: URL
}

/** What the state file holds per set of options. */
export interface CampaignRecord {
  /** Every seed from the first one of the campaign up to before this one has been run. */
  next: number
  seeds: number
  failures: number[]
  virtualSeconds: number
  packetsDelivered: number
  installations: number
  /** How many runs had 0, 1, 2, ... configurations, on the node with most, after the end of the faults. */
  settleChanges: number[]
  realSeconds: number
  lastRun: string
}

interface StateFile {
  version: 1
  campaigns: Record<string, CampaignRecord>
}

const WORKER = new URL('./campaign-worker.js', import.meta.url)
/** Seeds that a worker is given at a time. */
const SEEDS_PER_TASK = 10
const SAVE_INTERVAL_MS = 5000
const PROGRESS_INTERVAL_MS = 1000
const BAR_LENGTH = 20
/** Where the output is not a terminal, a line this often is enough. */
const QUIET_PROGRESS_INTERVAL_MS = 60_000

export function readState(file: string): StateFile {
  if (!existsSync(file)) return { version: 1, campaigns: {} }
  const state = JSON.parse(readFileSync(file, 'utf8')) as StateFile
  if (state.version !== 1) throw new Error(`${file} was written by another version of corosync-sim`)
  return state
}

function writeState(file: string, state: StateFile): void {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.new`
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(temporary, file)
}

/** Campaigns with equal options and first seed continue each other. */
export function campaignKey(options: CampaignOptions): string {
  const { nodes, faults, engine } = options.scenario
  const size = nodes === undefined ? 'any' : typeof nodes === 'number' ? `${nodes}` : nodes.join('..')
  return `from ${options.firstSeed} nodes ${size} faults ${(faults ?? FAULT_NAMES).join(',')} engine ${engine ?? 'any'}`
}

function freshRecord(next: number): CampaignRecord {
  return {
    next,
    seeds: 0,
    failures: [],
    virtualSeconds: 0,
    packetsDelivered: 0,
    installations: 0,
    settleChanges: [],
    realSeconds: 0,
    lastRun: '',
  }
}

/** Runs until the seeds or the minutes are used up, or an interrupt comes. The exit status. */
export async function runCampaign(options: CampaignOptions, print: (line: string) => void): Promise<number> {
  const state: StateFile = options.resume === undefined ? { version: 1, campaigns: {} } : readState(options.resume)
  const key = campaignKey(options)
  const record = state.campaigns[key] ?? freshRecord(options.firstSeed)
  state.campaigns[key] = record
  const failedBefore = record.failures.length
  const began = Date.now()
  const realBefore = record.realSeconds
  let saved = began
  let told = began
  let seedsNow = 0

  const keep = (now: number, force: boolean) => {
    record.realSeconds = Math.round(realBefore + (now - began) / 1000)
    record.lastRun = new Date(now).toISOString()
    if (options.resume === undefined || (!force && now - saved < SAVE_INTERVAL_MS)) return
    saved = now
    writeState(options.resume, state)
  }
  const tell = (now: number, force: boolean) => {
    const terminal = process.stderr.isTTY === true
    if (!force && now - told < (terminal ? PROGRESS_INTERVAL_MS : QUIET_PROGRESS_INTERVAL_MS)) return
    told = now
    const perSecond = seedsNow / Math.max(0.001, (now - began) / 1000)
    const line =
      `seeds up to ${record.next - 1} of ${options.lastSeed}: ${record.seeds} run, ${record.failures.length} failed, ` +
      `${Math.round(record.virtualSeconds)} virtual s, ${perSecond.toFixed(1)} seeds/s`
    const share = (record.next - options.firstSeed) / Math.max(1, options.lastSeed - options.firstSeed + 1)
    const bar = `${'#'.repeat(Math.round(share * BAR_LENGTH)).padEnd(BAR_LENGTH, '.')} ${line}`
    process.stderr.write(terminal ? `\r${bar.padEnd(120)}${force ? '\n' : ''}` : `${line}\n`)
  }

  // Ranges that are done, but not yet joined on to the ones before them.
  const done = new Map<number, TaskResult>()
  const take = (result: TaskResult) => {
    for (const failure of result.failures) print(failure.line)
    seedsNow += result.last - result.first + 1
    done.set(result.first, result)
    for (let next = done.get(record.next); next !== undefined; next = done.get(record.next)) {
      done.delete(next.first)
      record.next = next.last + 1
      record.seeds += next.last - next.first + 1
      record.failures.push(...next.failures.map(failure => failure.seed))
      record.virtualSeconds += next.virtualMs / 1000
      record.packetsDelivered += next.packetsDelivered
      record.installations += next.installations
      next.settleChanges.forEach((runs, changes) => {
        while (record.settleChanges.length <= changes) record.settleChanges.push(0)
        record.settleChanges[changes]! += runs
      })
    }
    const now = Date.now()
    keep(now, false)
    tell(now, false)
  }

  let upcoming = record.next
  let stopped = false
  const deadline = began + options.minutes * 60_000
  const nextTask = (): Task | undefined => {
    if (stopped || upcoming > options.lastSeed || Date.now() >= deadline) return undefined
    const first = upcoming
    const last = Math.min(first + SEEDS_PER_TASK - 1, options.lastSeed)
    upcoming = last + 1
    return { first, last, options: options.scenario }
  }
  const interrupted = () => {
    stopped = true
  }
  process.on('SIGINT', interrupted)
  process.on('SIGTERM', interrupted)
  let broken = false
  try {
    await Promise.all(Array.from({ length: options.jobs }, () => workThrough(options.worker ?? WORKER, nextTask, take)))
  } catch (error) {
    broken = true
    print(`campaign stopped: ${error instanceof Error ? error.message : String(error)}`)
  }
  process.off('SIGINT', interrupted)
  process.off('SIGTERM', interrupted)
  const now = Date.now()
  keep(now, true)
  tell(now, true)
  if (record.settleChanges.length > 0) {
    const runs = record.settleChanges.map((count, changes) => `${count} with ${changes}`).join(', ')
    process.stderr.write(`configurations after the end of the faults, on the node with most: ${runs}\n`)
  }
  return broken || record.failures.length > failedBefore ? 1 : 0
}

/** One worker process, from its start until there is no task left. */
function workThrough(
  program: URL,
  nextTask: () => Task | undefined,
  take: (result: TaskResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const first = nextTask()
    if (first === undefined) {
      resolve()
      return
    }
    const worker: ChildProcess = fork(fileURLToPath(program))
    let current: Task | undefined = first
    worker.on('message', (result: TaskResult) => {
      take(result)
      current = nextTask()
      if (current === undefined) worker.disconnect()
      else worker.send(current)
    })
    worker.on('error', reject)
    worker.on('exit', (code, signal) => {
      if (current === undefined) resolve()
      else reject(new Error(`the worker on seeds ${current.first}..${current.last} ended (${signal ?? code})`))
    })
    worker.send(first)
  })
}
