// Recordings of simulated runs, judged without a common clock, give what the checkers gave that saw the runs: nothing for
// engines in order, also when some nodes have no recording; the broken property for a node that is broken.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge, report, violationsOf } from '../../src/sim/check/check.js'
import { FAULT_NAMES } from '../../src/sim/faults.js'
import { generateScenario, type ScenarioOptions } from '../../src/sim/scenario.js'
import type { SimNode, SimNodeFactory } from '../../src/sim/sim-node.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import { livesOf, type Recording, recordRun } from '../support/recorded-run.js'

const SEEDS = 12
const PARTIAL_SEEDS = 10
/** A recording does not tell that a ring-id file was lost: what follows from it looks like a node that forgets. */
const RECORDABLE = FAULT_NAMES.filter(name => name !== 'disk')

function judgeRun(traces: readonly Recording[]) {
  return judge(traces.flatMap(({ lines }, i) => livesOf(`life ${i}`, `${lines.join('\n')}\n`)))
}

function passes(seed: number, traces: readonly Recording[]): void {
  const verdicts = judgeRun(traces)
  assert.equal(violationsOf(verdicts).length, 0, `seed ${seed}: ${report(verdicts).join('\n')}`)
}

describe('recordings of simulated runs', () => {
  it(`pass as the runs did, seeds 1..${SEEDS}`, () => {
    let delivered = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { result, traces } = recordRun(generateScenario(seed, { faults: RECORDABLE }))
      assert.deepEqual(result.violations, [])
      passes(seed, traces)
      delivered += result.packetsDelivered
    }
    // A judge of nothing finds nothing.
    assert.ok(delivered > 10_000)
  })

  it('pass when one node or two have none, like nodes that run the C daemon', () => {
    for (let seed = 1; seed <= PARTIAL_SEEDS; seed++) {
      const scenario = generateScenario(seed, { nodes: [3, 6], faults: RECORDABLE })
      const { traces } = recordRun(scenario)
      const [first, second] = scenario.nodeIds
      for (const without of [[first], [first, second]]) {
        passes(
          seed,
          traces.filter(({ node }) => !without.includes(node)),
        )
      }
    }
  })

  it('pass when they are cut off anywhere', () => {
    const { traces } = recordRun(generateScenario(2, { nodes: 4, faults: RECORDABLE }))
    for (const trace of traces) {
      for (const share of [0.1, 0.3, 0.5, 0.8]) {
        const length = Math.max(1, Math.round(trace.lines.length * share))
        const cut = { ...trace, lines: trace.lines.slice(0, length) }
        passes(
          2,
          traces.map(other => (other === trace ? cut : other)),
        )
      }
    }
  })
})

/** The properties that the checkers in the run found, and those that the recordings of that run show. */
function found(options: ScenarioOptions, breakage: (real: SimNodeFactory) => SimNodeFactory): [string[], string[]] {
  for (let seed = 1; seed <= 10; seed++) {
    const { result, traces } = recordRun(
      generateScenario(seed, { nodes: 3, mixedByteOrder: false, ...options }),
      breakage,
    )
    if (result.violations.length === 0) continue
    const shown = violationsOf(judgeRun(traces)).map(({ property }) => property)
    return [result.violations.map(({ property }) => property), shown]
  }
  return [[], []]
}

/** The same node, with one call changed. */
function changed(node: SimNode, change: Partial<SimNode>): SimNode {
  return new Proxy(node, {
    get(target, name) {
      if (name in change) return change[name as keyof SimNode]
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('recordings of a broken node show', () => {
  it('bytes that it damages (B5)', () => {
    const [inRun, shown] = found({ engine: 'ring', faults: [] }, real => (config, services) => {
      const node = real(config, services)
      let count = 0
      return changed(node, {
        receive: (now, buf, off, len, from) => {
          const bytes = buf.slice(off, off + len)
          if (bytes[3] === 1 && len > 45 && ++count % 50 === 0) bytes[len - 1]! ^= 1
          node.receive(now, bytes, 0, len, from)
        },
      })
    })
    assert.equal(inRun[0], 'B5')
    assert.ok(shown.includes('B5'), shown.join())
  })

  it('a ring sequence number that it has forgotten (C3)', () => {
    const [inRun, shown] = found({ nodes: 1, faults: ['crash'] }, real => (config, services) => {
      const node = real(config, services)
      return changed(node, { start: now => node.start(now, 0) })
    })
    assert.deepEqual(inRun, ['C3'])
    assert.ok(shown.includes('C3'), shown.join())
  })

  it('packets that it keeps from a node that came along (D6 or D2)', () => {
    const [inRun, shown] = found({ faults: ['loss', 'partition'] }, real => (config, services) => {
      const wire = createGeneration3()
      const { readToken } = wire
      wire.readToken = (buf, off, len, into) => {
        if (!readToken.call(wire, buf, off, len, into)) return false
        into.aru = into.seq
        into.retransmitCount = 0
        return true
      }
      return real({ ...config, wire }, services)
    })
    assert.ok(inRun.includes('D6'), inRun.join())
    assert.ok(shown.includes('D6') || shown.includes('D2'), shown.join())
  })
})
