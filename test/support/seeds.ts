// Runs a range of seeds as a test: one line per failure, all of them, so that a campaign of failures is seen at once.

import assert from 'node:assert/strict'
import { runSeed } from '../../src/sim/run.js'
import type { ScenarioOptions } from '../../src/sim/scenario.js'
import { formatFailure } from '../../src/sim/trace.js'

export function runSeeds(first: number, last: number, options: ScenarioOptions = {}): void {
  const failures: string[] = []
  let installations = 0
  let delivered = 0
  for (let seed = first; seed <= last; seed++) {
    const result = runSeed(seed, options)
    if (result.violations.length > 0) failures.push(formatFailure(result))
    installations += result.installations
    delivered += result.packetsDelivered
  }
  assert.equal(failures.join('\n'), '')
  // A run in which nothing happens finds nothing.
  const runs = last - first + 1
  assert.ok(installations > 5 * runs, `only ${installations} installations in ${runs} runs`)
  assert.ok(delivered > 100 * runs, `only ${delivered} deliveries in ${runs} runs`)
}
