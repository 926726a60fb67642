// A process that runs scenarios on a mutant of the engine: told one mutation (or none) and the scenarios, it says what
// each run violated. One process per mutant, for modules are loaded once; and whoever started it can end it if it does not end.

import { register } from 'node:module'
import type { Violation } from '../../src/sim/checker/model.js'
import type { Scenario } from '../../src/sim/scenario.js'
import type { Replacement } from './mutant-hooks.js'

export interface MutantTask {
  readonly mutation?: Replacement
  readonly scenarios: readonly Scenario[]
  /** No further run once this property has been found violated in so many. */
  readonly until?: { readonly property: string; readonly seeds: number }
}

export interface MutantFinding {
  readonly seed: number
  /** All that was violated by the event at which the run stopped. */
  readonly violations: readonly Violation[]
}

async function run({ mutation, scenarios, until }: MutantTask): Promise<MutantFinding[]> {
  if (mutation !== undefined) register('./mutant-hooks.js', import.meta.url, { data: mutation })
  const { runScenario } = await import('../../src/sim/run.js')
  const findings: MutantFinding[] = []
  let found = 0
  for (const scenario of scenarios) {
    const { seed, violations } = runScenario(scenario)
    findings.push({ seed, violations })
    if (until === undefined || !violations.some(({ property }) => property === until.property)) continue
    if (++found === until.seeds) break
  }
  return findings
}

process.once('message', async (task: MutantTask) => {
  try {
    process.send?.({ findings: await run(task) })
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) })
  }
  process.disconnect()
})
