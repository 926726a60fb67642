// The scenarios on which mutants are run: short ones, each made to strain one part of the engine, so that a mutant is
// caught within few seeds. In: a seed. Out: a scenario. They do not depend on what the generator of campaigns chooses.

import type { Fault, ScheduledFault } from '../../../src/sim/faults.js'
import { QUIET_NETWORK } from '../../../src/sim/network.js'
import { Prng } from '../../../src/sim/prng.js'
import { generateScenario, type Scenario, SHORT_TIMERS, type WorkloadPlan } from '../../../src/sim/scenario.js'

/** A quarter of the campaign's short ones: a fault and its repair fit into a quarter of a second. */
const TIMERS = {
  ...SHORT_TIMERS,
  tokenTimeoutMs: 100,
  tokenWarningMs: 75,
  tokenRetransmitMs: 24,
  holdMs: 16,
  joinMs: 15,
  consensusMs: 120,
  mergeMs: 50,
}
const SETTLE_MS = 6 * (TIMERS.tokenTimeoutMs + TIMERS.consensusMs)
const FIRST_FAULT_MS = 300

const SILENCE: WorkloadPlan = {
  groups: 1,
  programsPerNode: 1,
  gapMs: 1e12,
  burst: 0,
  burstLength: 1,
  churn: 0,
  bigMessages: 0,
}

function scenario(seed: number, nodes: number, change: Partial<Scenario>): Scenario {
  return {
    ...generateScenario(seed, { nodes, faults: [], mixedByteOrder: false, firstSeq: 0 }),
    nodeIds: Array.from({ length: nodes }, (_, index) => index + 1),
    totem: TIMERS,
    startMs: Array.from({ length: nodes }, (_, index) => index),
    conditions: QUIET_NETWORK,
    faults: [],
    faultEndMs: FIRST_FAULT_MS,
    stayDown: [],
    workload: SILENCE,
    settleMs: SETTLE_MS,
    settleChanges: 10 + 2 * nodes,
    ...change,
  }
}

/** Faults one after the other, each with about the time that its repair needs. */
function schedule(seed: number, count: number, choose: (prng: Prng) => Fault): ScheduledFault[] {
  const prng = new Prng(seed, 'mutation')
  let atMs = FIRST_FAULT_MS
  return Array.from({ length: count }, () => {
    atMs += prng.between(100, 400)
    return { atMs, fault: choose(prng) }
  })
}

function endOf(faults: readonly ScheduledFault[]): number {
  return faults.at(-1)!.atMs + 200
}

function partition(prng: Prng, nodes: number): Fault {
  const order = prng.shuffled(Array.from({ length: nodes }, (_, index) => index))
  const cut = 1 + prng.int(nodes - 1)
  return { kind: 'partition', sides: [order.slice(0, cut), order.slice(cut)], forMs: prng.between(150, 400) }
}

/** Single rings of four under load, with loss, torn apart again and again, and sometimes a crash. */
function torn(seed: number): Scenario {
  const faults = schedule(seed, 5, prng =>
    prng.chance(0.7) ? partition(prng, 4) : { kind: 'crash', host: prng.int(4), forMs: prng.between(20, 300) },
  )
  return scenario(seed, 4, {
    engine: 'ring',
    conditions: { ...QUIET_NETWORK, loss: 0.05 },
    faults,
    faultEndMs: endOf(faults),
    workload: { ...SILENCE, gapMs: 4, burst: 0.3, burstLength: 15 },
  })
}

/** Whole nodes with groups whose members come and go, messages of many sizes, partitions, crashes and leaves. */
function groups(seed: number): Scenario {
  const faults = schedule(seed, 4, prng =>
    prng.chance(0.6)
      ? partition(prng, 3)
      : { kind: prng.pick(['crash', 'leave'] as const), host: prng.int(3), forMs: prng.between(20, 300) },
  )
  return scenario(seed, 3, {
    engine: 'node',
    conditions: { ...QUIET_NETWORK, loss: 0.01 },
    faults,
    faultEndMs: endOf(faults),
    workload: { ...SILENCE, groups: 2, programsPerNode: 3, gapMs: 8, burst: 0.1, burstLength: 10, churn: 0.05 },
  })
}

/** Whole nodes whose rings break again while services are synchronised; programs come and go all the time. */
function restless(seed: number): Scenario {
  const prng = new Prng(seed, 'mutation')
  const faults: ScheduledFault[] = Array.from({ length: 16 }, (_, index) => ({
    atMs: index % 2 === 0 ? 40 : prng.between(4, 8),
    after: { state: 'operational', nth: 3 * (index + 2) },
    // Over before anybody is held for failed: all come along, with messages that only some of them had received.
    fault: { kind: 'partition', sides: [[0], [1, 2]], forMs: prng.between(105, 190) },
  }))
  return scenario(seed, 3, {
    engine: 'node',
    faults,
    faultEndMs: 4000,
    workload: { ...SILENCE, groups: 2, programsPerNode: 6, gapMs: 8, churn: 0.1 },
  })
}

/** Three nodes: the first is cut off while the others part and merge, and number ring after ring. */
function leftBehind(seed: number): Scenario {
  const count = 50
  const everyMs = 600
  const faults: ScheduledFault[] = Array.from({ length: count }, (_, index) => ({
    atMs: FIRST_FAULT_MS + (index + 0.5) * everyMs,
    fault: { kind: 'partition', sides: [[1], [2]], forMs: everyMs / 2 },
  }))
  const faultEndMs = FIRST_FAULT_MS + (count + 0.5) * everyMs
  faults.push({ atMs: FIRST_FAULT_MS, fault: { kind: 'partition', sides: [[0], [1, 2]], forMs: faultEndMs } })
  return scenario(seed, 3, { engine: 'ring', faults, faultEndMs })
}

/** Three single rings in which nobody sends, parted and merged again. */
function parted(seed: number): Scenario {
  const faults = schedule(seed, 8, prng => partition(prng, 3))
  return scenario(seed, 3, { engine: 'ring', faults, faultEndMs: endOf(faults) })
}

/** One node that crashes and starts again. */
function alone(seed: number): Scenario {
  const faults = schedule(seed, 1, () => ({ kind: 'crash', host: 0, forMs: 50 }))
  return scenario(seed, 1, { engine: 'ring', faults, faultEndMs: endOf(faults) })
}

/** Three single rings, no traffic, no faults. */
function idle(seed: number): Scenario {
  return scenario(seed, 3, { engine: 'ring' })
}

/** Three nodes, of which the second does not hear the first for forty rounds; the third hears both. */
function deaf(seed: number): Scenario {
  const roundMs = TIMERS.tokenTimeoutMs + TIMERS.consensusMs
  const atMs = FIRST_FAULT_MS + seed
  const forMs = 40 * roundMs
  return scenario(seed, 3, {
    engine: 'node',
    faults: [{ atMs, fault: { kind: 'cut', from: 0, to: 1, forMs } }],
    faultEndMs: atMs + forMs,
    rest: { sinceMs: atMs, withinMs: 3 * roundMs, changes: 1 },
    workload: { ...SILENCE, gapMs: 50 },
  })
}

export const SCENARIOS = { torn, groups, restless, leftBehind, parted, alone, idle, deaf }
