// The campaign of votequorum against its reference model: histories on an idealised ring, then whole simulated nodes. In:
// options. Out: a line per fault, progress, what was seen; the count is kept in a file, so that it can be stopped and resumed.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type CampaignCounts, createCounts, runVotequorumSeed } from '../sim/votequorum/campaign.js'
import { SIGHTS } from '../sim/votequorum/run.js'
import type { WatchCounts } from '../sim/votequorum/watched.js'
import { runWholeSeed } from '../sim/votequorum/whole.js'

export interface VotequorumOptions {
  /** Seeds 1 to this, on the idealised ring. */
  readonly histories: number
  /** Seeds 1 to this, on whole nodes. */
  readonly scenarios: number
  /** Stop after so many minutes; Infinity when never. */
  readonly minutes: number
  /** State file; undefined: nothing is kept. */
  readonly resume: string | undefined
}

interface VotequorumState {
  readonly version: 1
  nextHistory: number
  nextScenario: number
  readonly counts: CampaignCounts
  readonly whole: WatchCounts & { scenarios: number; installations: number }
  readonly faults: string[]
}

const VERSION = 1
const PROGRESS_INTERVAL_MS = 10_000
/** Histories between two looks at the clock. */
const HISTORIES_PER_LOOK = 200
/** Faults beyond these are counted only. */
const FAULTS_KEPT = 100

/** The exit status: 0 when nothing was found. */
export function runVotequorum(options: VotequorumOptions, print: (line: string) => void): number {
  const state = readState(options.resume)
  const began = Date.now()
  let told = began
  let found = 0
  const fault = (text: string) => {
    found++
    if (state.faults.length < FAULTS_KEPT) state.faults.push(text)
    print(text)
  }
  const goesOn = (): boolean => {
    const now = Date.now()
    if (now - told > PROGRESS_INTERVAL_MS) {
      told = now
      writeState(options.resume, state)
      process.stderr.write(`${progress(state, options)}\n`)
    }
    return now - began < options.minutes * 60_000
  }
  while (state.nextHistory <= options.histories && goesOn()) {
    for (let i = 0; i < HISTORIES_PER_LOOK && state.nextHistory <= options.histories; i++) {
      const text = runVotequorumSeed(state.nextHistory++, state.counts)
      if (text !== undefined) fault(text)
    }
  }
  while (state.nextScenario <= options.scenarios && goesOn()) {
    const { faults, installations } = runWholeSeed(state.nextScenario++, state.whole)
    state.whole.scenarios++
    state.whole.installations += installations
    for (const text of faults) fault(text)
  }
  writeState(options.resume, state)
  for (const line of describe(state)) print(line)
  return found > 0 ? 1 : 0
}

function progress(state: VotequorumState, options: VotequorumOptions): string {
  const { counts, whole, faults } = state
  return (
    `${counts.histories} of ${options.histories} histories, ${whole.scenarios} of ${options.scenarios} scenarios, ` +
    `${faults.length} faults`
  )
}

function describe({ counts, whole, faults }: VotequorumState): string[] {
  return [
    `${counts.histories} histories, ${counts.compared} answers compared, ${counts.faults} faults`,
    `histories with: ${SIGHTS.map(sight => `${sight} ${counts.sights[sight]}`).join(', ')}`,
    `${whole.scenarios} scenarios on whole nodes, ${whole.installations} installations, ${whole.requests} requests, ` +
      `${whole.compared} comparisons, ${whole.quorate} of them quorate`,
    `${faults.length} faults in all`,
  ]
}

function readState(file: string | undefined): VotequorumState {
  if (file !== undefined && existsSync(file)) {
    const state = JSON.parse(readFileSync(file, 'utf8')) as VotequorumState
    if (state.version !== VERSION) throw new Error(`${file} was written by another version of corosync-sim`)
    return state
  }
  return {
    version: VERSION,
    nextHistory: 1,
    nextScenario: 1,
    counts: createCounts(),
    whole: { compared: 0, requests: 0, quorate: 0, scenarios: 0, installations: 0 },
    faults: [],
  }
}

function writeState(file: string | undefined, state: VotequorumState): void {
  if (file === undefined) return
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.new`
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(temporary, file)
}
