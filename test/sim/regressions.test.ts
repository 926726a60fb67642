// Scenarios that once showed a defect, kept as data: they do not change when the generator of scenarios does. What each
// of them found stands in docs/correctness.md.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadScenario } from '../../src/cli/scenario-file.js'
import { runScenario } from '../../src/sim/run.js'
import { formatFailure } from '../../src/sim/trace.js'

const FOLDER = fileURLToPath(new URL('../../../test/data/scenarios/', import.meta.url))

describe('a scenario that once failed', () => {
  for (const file of readdirSync(FOLDER).sort()) {
    it(file.replace('.json', '').replaceAll('-', ' '), () => {
      const scenario = loadScenario(`${FOLDER}${file}`)
      const result = runScenario(scenario)
      assert.deepEqual(result.violations, [], formatFailure(result))
    })
  }
})
