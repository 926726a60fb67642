// The workloads that campaigns choose from: all of them come up, and slow programs hold up nobody.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runScenario } from '../../src/sim/run.js'
import { generateScenario, type Scenario, type SlowPlan } from '../../src/sim/scenario.js'
import { formatFailure } from '../../src/sim/trace.js'

const SEEDS = 2000

describe('a campaign', () => {
  const scenarios = Array.from({ length: SEEDS }, (_, seed) => generateScenario(seed))
  const nodes = scenarios.filter(({ engine }) => engine === 'node')
  const share = (has: (workload: Scenario['workload']) => boolean) =>
    nodes.filter(({ workload }) => has(workload)).length / nodes.length

  it('has replicas and slow programs in a fifth of its runs of whole nodes each, and in no others', () => {
    const replicas = share(workload => workload.replicas !== undefined)
    const slow = share(workload => workload.slow !== undefined)
    for (const found of [replicas, slow]) assert.ok(found > 0.17 && found < 0.23, `${found}`)
    const rings = scenarios.filter(({ engine }) => engine === 'ring')
    assert.ok(rings.every(({ workload }) => workload.replicas === undefined && workload.slow === undefined))
  })

  it('has bursts, churn and big messages', () => {
    assert.ok(share(({ burst }) => burst > 0) > 0.5)
    assert.ok(share(({ churn }) => churn > 0) > 0.5)
    assert.ok(share(({ bigMessages }) => bigMessages > 0) > 0.05)
  })
})

function withSlow(seed: number, slow: SlowPlan): Scenario {
  const scenario = generateScenario(seed, { engine: 'node', nodes: [2, 5] })
  const { replicas: _, ...workload } = scenario.workload
  // Messages for everybody: slow programs are in the group of the others.
  return { ...scenario, workload: { ...workload, groups: 1, slow } }
}

/** Runs a few scenarios; how many programs were cut off. */
function cutOff(slow: SlowPlan): number {
  let count = 0
  for (let seed = 1; seed <= 12; seed++) {
    const result = runScenario(withSlow(seed, slow), {
      story: (_now, _node, text) => {
        if (text.endsWith('was cut off')) count++
      },
    })
    assert.deepEqual(result.violations, [], formatFailure(result))
    assert.ok(result.messagesAccepted > 0)
  }
  return count
}

describe('slow programs', () => {
  const patient = { takeMs: 1000, takeEvents: 5, ringBytes: 1024, maxQueuedBytes: 64 << 20 }

  it('lose nothing while there is room for what waits', () => assert.equal(cutOff(patient), 0))

  it('are cut off beyond that, and the others go on', () => {
    assert.ok(cutOff({ ...patient, maxQueuedBytes: 20_000 }) > 10)
  })

  it('hold up nobody even if they take nothing at all', () => {
    assert.equal(cutOff({ ...patient, takeMs: 86_400_000 }), 0)
  })
})
