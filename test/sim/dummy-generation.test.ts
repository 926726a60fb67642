import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Prng } from '../../src/sim/prng.js'
import { runScenario, runSeed } from '../../src/sim/run.js'
import { generateScenario, type Scenario } from '../../src/sim/scenario.js'
import { formatFailure } from '../../src/sim/trace.js'
import { createDummyGeneration, dummyOrder } from '../support/dummy-generation.js'

const FIRST_SEED = 700_001
const SEEDS = 200

function wire(scenario: Scenario, host: number) {
  const prng = new Prng(scenario.seed, `acquaintances ${host}`)
  return createDummyGeneration({
    littleEndian: !scenario.bigEndian[host],
    acquaintances: prng.shuffled(scenario.nodeIds),
  })
}

describe('a ring on a wire of another generation', () => {
  it('orders its members as that generation does', () => {
    const order = [1, 2, 3].sort((a, b) => dummyOrder(a) - dummyOrder(b))
    assert.deepEqual(order, [2, 1, 3], 'not the order of the node ids')
    const rings: string[] = []
    const scenario = { ...generateScenario(FIRST_SEED, { nodes: 3, faults: [] }), nodeIds: [1, 2, 3] }
    runScenario(scenario, { wire, story: (_now, _node, text) => rings.push(text) })
    assert.ok(
      rings.some(text => /^regular configuration 2\.[0-9a-f]+ \{2 1 3\}(,|$)/.test(text)),
      rings.filter(text => text.startsWith('regular')).join('\n'),
    )
  })

  it(`keeps every property in ${SEEDS} scenarios with all faults`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const result = runSeed(seed, {}, { wire })
      assert.deepEqual(result.violations, [], formatFailure(result))
      assert.ok(result.installations > 0, `seed ${seed} formed no ring`)
    }
  })
})
