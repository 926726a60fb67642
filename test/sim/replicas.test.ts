// Replicated state machines on whole nodes in virtual time: the library's replica core, the real services, the real
// protocol, all faults. Copies are equal at every place of the order and in the end; a copy that is not is noticed.

import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import type { CpgListener } from '../../src/services/cpg/types.js'
import { factoryFor } from '../../src/sim/run.js'
import { generateScenario, type ReplicaPlan, type Scenario } from '../../src/sim/scenario.js'
import type { SimNodeFactory } from '../../src/sim/sim-node.js'
import { Simulation } from '../../src/sim/simulation.js'
import { formatFailure } from '../../src/sim/trace.js'
import { KeyValueStore } from '../../src/sim/workload/machines.js'
import { createGeneration3 } from '../../src/wire/generation3.js'

const FIRST_SEED = 810_001
/** Scenarios per kind; more in a campaign. */
const SEEDS = Number(process.env.REPLICA_SEEDS ?? 60)

function scenarioOf(seed: number, part: Partial<ReplicaPlan>): Scenario {
  const generated = generateScenario(seed, { engine: 'node', nodes: 2 + (seed % 4), mixedByteOrder: false })
  const replicas: ReplicaPlan = {
    machine: seed % 3 === 0 ? 'queue' : 'keyValue',
    majority: false,
    gapMs: 40,
    churn: 0.01,
    chunkBytes: seed % 2 === 0 ? 200 : 100_000,
    ...part,
  }
  // The ordinary programs are there, but leave room.
  return { ...generated, workload: { ...generated.workload, programsPerNode: 1, bigMessages: 0, replicas } }
}

function run(scenario: Scenario, factory: SimNodeFactory = factoryFor(scenario)) {
  const simulation = new Simulation(scenario, { factory, wire: () => createGeneration3({ littleEndian: true }) })
  return { result: simulation.run(), replicas: simulation.replicas }
}

/** The first violation in a few scenarios. */
function foundBroken(factory: (scenario: Scenario) => SimNodeFactory = factoryFor): string | undefined {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 10; seed++) {
    const scenario = scenarioOf(seed, { machine: 'keyValue' })
    const [violation] = run(scenario, factory(scenario)).result.violations
    if (violation !== undefined) return violation.property
  }
  return undefined
}

describe('replicas on nodes in virtual time', () => {
  for (const majority of [false, true]) {
    it(`are equal, ${majority ? 'with a majority as quorum' : 'every side for itself'}`, () => {
      let [applied, restored, discarded, refused] = [0, 0, 0, 0]
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        const { result, replicas } = run(scenarioOf(seed, { majority }))
        assert.deepEqual(result.violations, [], formatFailure(result))
        applied += replicas.applied
        restored += replicas.restored
        discarded += replicas.discarded
        refused += replicas.refused
      }
      assert.ok(applied > 200 * SEEDS, `${applied} commands were applied`)
      assert.ok(restored > 2 * SEEDS, `${restored} times the state was transferred`)
      assert.ok(majority || discarded > 0, 'partitions had something to lose')
      assert.equal(refused > 0, majority, `${refused} commands were refused for want of nodes`)
    })
  }
})

describe('the laboratory notices replicas', () => {
  it('that are in order, by finding nothing', () => assert.equal(foundBroken(), undefined))

  it('one of which does not get every message (R1)', () => {
    const found = foundBroken(scenario => {
      const real = factoryFor(scenario)
      return (config, services) => {
        const node = real(config, services)
        const cpg = node.cpg!
        let count = 0
        const connect = (listener: CpgListener) => {
          const { deliver } = listener
          listener.deliver = (...message) => {
            const own = config.nodeId === scenario.nodeIds[0] && message[1] >= 1_000_000
            if (!own || ++count % 50 !== 0) deliver.apply(listener, message)
          }
          return cpg.connect(listener)
        }
        return Object.defineProperty(node, 'cpg', { value: { connect } })
      }
    })
    assert.equal(found, 'R1')
  })

  it('of a machine that depends on more than its commands (R1)', () => {
    let chance = 0
    const { apply } = KeyValueStore.prototype
    const broken = mock.method(
      KeyValueStore.prototype,
      'apply',
      function (this: KeyValueStore, command: Parameters<typeof apply>[0]) {
        return apply.call(this, ++chance % 100 === 0 ? { op: 'delete', key: command.key } : command)
      },
    )
    try {
      assert.equal(foundBroken(), 'R1')
    } finally {
      broken.mock.restore()
    }
  })

  it('whose machine takes over only a part of the state (R1)', () => {
    const { load } = KeyValueStore.prototype
    const broken = mock.method(KeyValueStore.prototype, 'load', function (this: KeyValueStore, state: unknown) {
      load.call(this, (state as unknown[]).slice(1))
    })
    try {
      assert.equal(foundBroken(), 'R1')
    } finally {
      broken.mock.restore()
    }
  })
})
