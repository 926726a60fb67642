// `corosync-sim shrink`: makes a failing scenario smaller, tells of every smaller one as it is found, and at the end the
// schedule that is left, how its story ends, and how to see all of it. Exit status 1 when the scenario fails, as it has
// to; 0 when it keeps every property.

import { runScenario } from '../sim/run.js'
import type { Scenario } from '../sim/scenario.js'
import { shrink } from '../sim/shrink.js'
import type { RunResult } from '../sim/simulation.js'
import { formatFailure, formatStoryLine } from '../sim/trace.js'
import { describeScenario, printResult } from './replay.js'
import { saveScenario } from './scenario-file.js'

/** Lines of the story that are shown; the last ones, before the violation. */
const STORY_LINES = 30
/** See ShrinkOptions. */
const OTHER_SEEDS = 5

const print = (line: string) => process.stdout.write(`${line}\n`)

export interface ShrinkCommandOptions {
  /** Of real time. */
  readonly minutes: number
  /** Where the smallest scenario goes, as soon as it is found. */
  readonly out: string | undefined
}

export function shrinkCommand(scenario: Scenario, { minutes, out }: ShrinkCommandOptions): number {
  const first = runScenario(scenario)
  if (first.violations.length === 0) {
    print(`${formatFailure(first)}: there is nothing to shrink`)
    return 0
  }
  const defect = defectOf(first)
  const began = Date.now()
  const progress = (text: string) =>
    process.stderr.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(5)} s  ${text}\n`)
  progress(`${sizeOf(scenario)}: ${formatFailure(first)}`)
  if (out !== undefined) saveScenario(out, scenario)
  const {
    scenario: smallest,
    tries,
    complete,
  } = shrink(scenario, other => defectOf(runScenario(other)) === defect, {
    otherSeeds: OTHER_SEEDS,
    outOfTime: () => Date.now() - began > minutes * 60_000,
    found: (found, by, count) => {
      progress(`${sizeOf(found)}: ${by}, try ${count}`)
      if (out !== undefined) saveScenario(out, found)
    },
  })
  progress(`${complete ? 'nothing smaller found' : 'out of time'} after ${tries} tries`)
  tell(smallest)
  if (out !== undefined) print(`corosync-sim replay --scenario ${out}`)
  return 1
}

/** What has to stay the same: the property, and of an exception also what it says first. */
function defectOf({ violations }: RunResult): string | undefined {
  const first = violations[0]
  return first?.property === 'exception' ? `exception ${first.text.split('\n', 1)[0]}` : first?.property
}

function sizeOf({ faults, nodeIds, engine, faultEndMs }: Scenario): string {
  const [nodes, kind] = [nodeIds.length, engine === 'ring' ? 'single ring' : 'node']
  return (
    `${faults.length} fault${faults.length === 1 ? '' : 's'}, ${nodes} ${kind}${nodes === 1 ? '' : 's'}, ` +
    `${(faultEndMs / 1000).toFixed(3)} s`
  )
}

function tell(scenario: Scenario): void {
  const lines: string[] = []
  const result = runScenario(scenario, {
    story: (now, nodeId, text) => lines.push(formatStoryLine(now, nodeId, text)),
  })
  for (const line of describeScenario(scenario)) print(line)
  print('')
  if (lines.length > STORY_LINES) print(`... ${lines.length - STORY_LINES} lines before`)
  for (const line of lines.slice(-STORY_LINES)) print(line)
  print('')
  printResult(result)
}
