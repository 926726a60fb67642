// Scenarios in files: what `shrink --out` writes, `--scenario` reads. Checks nothing itself beyond that a file is there
// and JSON; what a scenario has to be is known in sim/.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { DataError } from '../sim/plain-data.js'
import type { Scenario } from '../sim/scenario.js'
import { readScenario } from '../sim/scenario-file.js'

/** The file cannot be read or written, or holds no scenario; the message says which, and names the field. */
export class ScenarioFileError extends Error {}

export function loadScenario(file: string): Scenario {
  try {
    return readScenario(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if (error instanceof DataError) throw new ScenarioFileError(`${file} holds no scenario: ${error.message}`)
    if (error instanceof SyntaxError) throw new ScenarioFileError(`${file} is not JSON: ${error.message}`)
    throw new ScenarioFileError(error instanceof Error ? error.message : String(error))
  }
}

/** Whole or not at all: an interrupted program leaves what was there before. */
export function saveScenario(file: string, scenario: Scenario): void {
  const temporary = `${file}.new`
  try {
    writeFileSync(temporary, `${JSON.stringify(scenario, null, 1)}\n`)
    renameSync(temporary, file)
  } catch (error) {
    throw new ScenarioFileError(error instanceof Error ? error.message : String(error))
  }
}
