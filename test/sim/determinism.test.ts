import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runScenario, runSeed } from '../../src/sim/run.js'
import { generateScenario, type Scenario } from '../../src/sim/scenario.js'
import { formatFailure, formatStoryLine } from '../../src/sim/trace.js'

const NEAR_WRAP = 0xfffffff0
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18]

describe('a seed', () => {
  it('gives the same run every time, to the last event', () => {
    for (const seed of SEEDS) assert.deepEqual(runSeed(seed), runSeed(seed), `seed ${seed}`)
  })

  it('gives the same story every time', () => {
    const tell = () => {
      const lines: string[] = []
      runSeed(3, { nodes: 3 }, { story: (now, nodeId, text) => lines.push(formatStoryLine(now, nodeId, text)) })
      return lines
    }
    const lines = tell()
    assert.ok(lines.length > 100)
    assert.deepEqual(tell(), lines)
  })

  it('gives the same run whether its story is told or not', () => {
    const told = runSeed(3, { nodes: 3 }, { story: () => {} })
    assert.equal(told.hash, runSeed(3, { nodes: 3 }).hash)
  })

  it('gives another run than another seed', () => {
    const hashes = new Set(SEEDS.map(seed => runSeed(seed).hash))
    assert.equal(hashes.size, SEEDS.length)
  })

  it('gives a scenario that survives being written down', () => {
    for (const seed of SEEDS) {
      const scenario = generateScenario(seed)
      const copy = JSON.parse(JSON.stringify(scenario)) as Scenario
      assert.equal(runScenario(copy).hash, runScenario(scenario).hash)
    }
  })
})

describe('nodes of the laboratory', () => {
  it('do not write into what they receive', () => {
    for (const seed of SEEDS) {
      const result = runSeed(seed, {}, { guardInput: true })
      assert.deepEqual(result.violations, [], formatFailure(result))
    }
  })
})

describe('the wrap of the sequence numbers', () => {
  it('passes unnoticed on rings that begin shortly before it', () => {
    let wrapped = 0
    for (let seed = 800_001; seed <= 800_040; seed++) {
      let [before, after] = [false, false]
      const scenario = generateScenario(seed, { firstSeq: NEAR_WRAP })
      const result = runScenario(scenario, {
        watch: {
          numbered: (_ring, seq) => {
            if (seq > NEAR_WRAP) before = true
            else after = true
          },
        },
      })
      assert.deepEqual(result.violations, [], formatFailure(result))
      if (before && after) wrapped++
    }
    assert.ok(wrapped >= 30, `only ${wrapped} runs got past the wrap`)
  })
})
