// One worker process of a campaign: is told ranges of seeds, runs them, answers with what came of each range. Ends when
// its parent goes away.

import { runSeed } from '../sim/run.js'
import type { ScenarioOptions } from '../sim/scenario.js'
import { formatFailure } from '../sim/trace.js'

export interface Task {
  readonly first: number
  readonly last: number
  readonly options: ScenarioOptions
}

export interface TaskResult {
  readonly first: number
  readonly last: number
  readonly failures: readonly { readonly seed: number; readonly line: string }[]
  readonly virtualMs: number
  readonly packetsDelivered: number
  readonly installations: number
  /** How many runs had 0, 1, 2, ... configurations, on the node with most, after the end of the faults. */
  readonly settleChanges: readonly number[]
}

function run(task: Task): TaskResult {
  const failures: { seed: number; line: string }[] = []
  const settleChanges: number[] = []
  let [virtualMs, packetsDelivered, installations] = [0, 0, 0]
  for (let seed = task.first; seed <= task.last; seed++) {
    const result = runSeed(seed, task.options)
    virtualMs += result.virtualMs
    packetsDelivered += result.packetsDelivered
    installations += result.installations
    while (settleChanges.length <= result.settleChanges) settleChanges.push(0)
    settleChanges[result.settleChanges]!++
    if (result.violations.length > 0) failures.push({ seed, line: formatFailure(result) })
  }
  return { first: task.first, last: task.last, failures, virtualMs, packetsDelivered, installations, settleChanges }
}

process.on('message', (task: Task) => {
  process.send?.(run(task))
})
process.on('disconnect', () => process.exit(0))
// An interrupt from the terminal reaches the whole group; the parent decides what it means.
process.on('SIGINT', () => {})
