// Cuts that last (L5): one host no longer hears another, or two do not hear each other, for 50 s in which the others hear
// everybody. Within the first rounds the cluster finds rings in which it can live, then nothing changes as long as the cut stands,
// and afterwards it becomes one ring within the bounds of L1. All that holds anyway is checked as well, messages included.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { factoryFor } from '../../src/sim/run.js'
import { generateScenario, type Scenario, SHORT_TIMERS } from '../../src/sim/scenario.js'
import { type RunResult, Simulation } from '../../src/sim/simulation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { membersAgree } from '../support/cuts.js'

const FIRST_SEED = 1
/** Per pattern and workload; more in a campaign. */
const SEEDS = Number(process.env.CUT_SEEDS ?? 3)

const WARM_UP_MS = 2000
/** Less than the patience with those who are absent, which ends after 64 rounds (56 s). */
const CUT_MS = 50_000

/** One finds that the token is lost, and waits for the others' agreement. */
const ROUND_MS = SHORT_TIMERS.tokenTimeoutMs + SHORT_TIMERS.consensusMs
/**
 * The one change is what the cut demands: out of the ring with whom one cannot be. Where the missing messages come another way,
 * there is not even that.
 */
const MAX_CHANGES = 1
/**
 * The deaf host gives the other up at the end of the first round. Where that one is the representative it is busy with a commit
 * token that nobody takes, and gives the rest up a round later.
 */
const MAX_ROUNDS = 3

type Cut = readonly [from: number, to: number]

/** All that are different for the membership: the ring has an order, and its lowest member a duty. */
function patterns(nodes: number): (readonly Cut[])[] {
  const found: (readonly Cut[])[] = []
  for (let from = 0; from < nodes; from++) {
    for (let to = 0; to < nodes; to++) if (from !== to) found.push([[from, to]])
    for (let to = from + 1; to < nodes; to++) found.push([[from, to], [to, from]]) // biome-ignore format: a pair
  }
  return found
}

function scenarioOf(seed: number, nodes: number, cuts: readonly Cut[], gapMs: number): Scenario {
  const scenario = generateScenario(seed, { nodes, faults: [], engine: 'node' })
  // Not always at the same place of the token's way.
  const atMs = WARM_UP_MS + (seed % 100)
  return {
    ...scenario,
    totem: SHORT_TIMERS,
    startMs: scenario.startMs.map(() => 0),
    faults: cuts.map(([from, to]) => ({ atMs, fault: { kind: 'cut', from, to, forMs: CUT_MS } })),
    faultEndMs: atMs + CUT_MS,
    rest: { sinceMs: atMs, withinMs: MAX_ROUNDS * ROUND_MS, changes: MAX_CHANGES },
    settleMs: 6 * ROUND_MS,
    workload: { ...scenario.workload, gapMs, burst: 0, churn: 0, bigMessages: 0 },
  }
}

/**
 * All but one hear each other. But of two that give each other up at the same moment the others believe the one that they hear first,
 * which may not be the same for all: then there is a majority, where the number is odd.
 */
function leastTogether(nodes: number, cuts: readonly Cut[]): number {
  return cuts.length === 1 ? nodes - 1 : Math.floor(nodes / 2) + 1
}

interface Outcome {
  readonly result: RunResult
  /** Per node: when it changed its configuration, ms since the cut, and its members at the end of the cut. */
  readonly nodes: readonly {
    readonly node: number
    readonly changes: readonly number[]
    readonly members: readonly number[]
  }[]
}

function run(scenario: Scenario): Outcome {
  const { faultEndMs, nodeIds } = scenario
  const nodes = nodeIds.map(node => ({ node, changes: [] as number[], members: [] as readonly number[] }))
  const real = factoryFor(scenario)
  const simulation: Simulation = new Simulation(scenario, {
    factory: (config, services) => {
      const { observer } = services
      const seen = nodes[nodeIds.indexOf(config.nodeId)]!
      return real(config, {
        ...services,
        observer: {
          ...observer,
          configured: change => {
            observer.configured?.(change)
            if (change.kind !== 'regular' || simulation.now >= faultEndMs) return
            seen.members = [...change.members].sort((a, b) => a - b)
            const sinceMs = simulation.now - (faultEndMs - CUT_MS)
            if (sinceMs >= 0) seen.changes.push(sinceMs)
          },
        },
      })
    },
    wire: (_, host) => createGeneration3({ littleEndian: !scenario.bigEndian[host] }),
  })
  return { result: simulation.run(), nodes }
}

const LOADS: readonly (readonly [name: string, gapMs: number])[] = [
  ['hardly any messages', 5000],
  ['messages all the time', 400],
]

for (const nodes of [3, 5])
  for (const [load, gapMs] of LOADS)
    describe(`a cluster of ${nodes} with ${load}`, () => {
      for (const cuts of patterns(nodes)) {
        const name =
          cuts.length === 1 ? `from host ${cuts[0]!.join(' to ')}` : `between hosts ${cuts[0]!.join(' and ')}`
        it(`comes to rest under a lasting cut ${name}`, () => {
          for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
            const { result, nodes: seen } = run(scenarioOf(seed, nodes, cuts, gapMs))
            const story = `seed ${seed}: ${JSON.stringify(seen)}`
            assert.deepEqual(result.violations, [], story)
            assert.ok(membersAgree(seen), `a host has members that are elsewhere; ${story}`)
            const largest = Math.max(...seen.map(({ members }) => members.length))
            assert.ok(largest >= leastTogether(nodes, cuts), `the largest ring has ${largest} members; ${story}`)
          }
        })
      }
    })
