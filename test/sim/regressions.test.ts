// Scenarios that once showed a defect, kept as data: they do not change when the generator of scenarios does. What each
// of them found stands in docs/correctness.md.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runScenario } from '../../src/sim/run.js'
import type { Scenario } from '../../src/sim/scenario.js'
import { formatFailure } from '../../src/sim/trace.js'

const FOLDER = fileURLToPath(new URL('../../../test/data/scenarios/', import.meta.url))

describe('a scenario that once failed', () => {
  for (const file of readdirSync(FOLDER).sort()) {
    it(file.replace('.json', '').replaceAll('-', ' '), () => {
      const scenario = JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8')) as Scenario
      const result = runScenario(scenario)
      assert.deepEqual(result.violations, [], formatFailure(result))
    })
  }
})
