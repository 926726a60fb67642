// `corosync-sim replay`: a scenario in words, then everything that happens in it, as a story or as a timeline in a file, then
// what came of it. Exit status 1 when a property was broken.

import { describeRate } from '../sim/clock.js'
import { describeFault } from '../sim/faults.js'
import { describeMisconfiguration } from '../sim/misconfiguration.js'
import { runScenario } from '../sim/run.js'
import type { Scenario, WorkloadPlan } from '../sim/scenario.js'
import type { RunResult } from '../sim/simulation.js'
import { Narrator, type StoryDetail } from '../sim/story.js'
import { TimelineCollector } from '../sim/timeline/collect.js'
import { formatFailure, formatStoryLine } from '../sim/trace.js'
import { timelineHead, writeTimeline } from './timeline.js'
import { UsageError } from './usage-error.js'

const print = (line: string) => process.stdout.write(`${line}\n`)

/** `html`: the file that the timeline is drawn to, instead of a story. */
export function replay(scenario: Scenario, detail: StoryDetail, html: string | undefined): number {
  const plan = describeScenario(scenario)
  for (const line of plan) print(line)
  print('')
  const result = html === undefined ? tell(scenario, detail) : draw(scenario, detail, plan, html)
  printResult(result)
  return result.violations.length === 0 ? 0 : 1
}

function tell(scenario: Scenario, detail: StoryDetail): RunResult {
  const narrator = new Narrator((now, nodeId, text) => print(formatStoryLine(now, nodeId, text)), detail)
  const result = runScenario(scenario, { observe: narrator.observe })
  print('')
  return result
}

function draw(scenario: Scenario, detail: StoryDetail, plan: readonly string[], file: string): RunResult {
  const collector = new TimelineCollector(scenario.nodeIds, detail)
  const result = runScenario(scenario, { observe: collector.observe })
  try {
    const bytes = writeTimeline(file, collector.finish(timelineHead(result, plan)))
    print(`${file}: ${Math.ceil(bytes / 1000)} kB`)
  } catch (error) {
    throw new UsageError(`--html ${file}: ${error instanceof Error ? error.message : error}`)
  }
  return result
}

export function printResult(result: RunResult): void {
  print(
    `${(result.virtualMs / 1000).toFixed(3)} s, ${result.events} events, ${result.packetsDelivered} packets delivered, ` +
      `${result.installations} installations; trace ${result.hash}`,
  )
  for (const violation of result.violations) print(formatFailure({ seed: result.seed, violations: [violation] }))
  if (result.violations.length === 0) print(formatFailure(result))
}

export function describeScenario(scenario: Scenario): string[] {
  const { conditions, totem, workload } = scenario
  const hosts = scenario.nodeIds.map(nodeId => ({ nodeId }))
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  return [
    `seed ${scenario.seed}: ${scenario.engine === 'ring' ? 'single rings' : 'whole nodes'} ${scenario.nodeIds
      .map((nodeId, index) => `${nodeId}${scenario.bigEndian[index] ? ' (big endian)' : ''}`)
      .join(', ')}; rings count from ${scenario.firstSeq.toString(16)}`,
    `token ${totem.tokenTimeoutMs} ms, consensus ${totem.consensusMs} ms; delay ${conditions.delayMs.toFixed(2)} + ` +
      `${conditions.jitterMs.toFixed(2)} ms, loss ${percent(conditions.loss)}, duplicates ${percent(conditions.duplicate)}, ` +
      `reordered ${percent(conditions.reorder)} by ${conditions.reorderMs.toFixed(1)} ms`,
    ...(scenario.clockRates === undefined ? [] : [`clocks run at ${scenario.clockRates.map(describeRate).join(', ')}`]),
    ...(scenario.misconfigured ?? []).map(
      different => `${describeMisconfiguration(scenario.nodeIds, different)}; liveness is not demanded`,
    ),
    ...describeWorkload(workload),
    ...scenario.faults.map(({ atMs, after, fault }) => {
      const when =
        after === undefined
          ? `${(atMs / 1000).toFixed(3)} s`
          : `${atMs.toFixed(1)} ms after the ${after.nth}th entry of ${after.state.toUpperCase()}`
      return `  ${when}: ${describeFault(hosts, fault)}`
    }),
    `faults end at ${(scenario.faultEndMs / 1000).toFixed(3)} s; settled within ${scenario.settleMs} ms and ` +
      `${scenario.settleChanges} configurations`,
  ]
}

/** What runs beside the ordinary programs. */
function describeWorkload({ replicas, slow }: WorkloadPlan): string[] {
  const lines: string[] = []
  if (replicas !== undefined) {
    const { machine, majority, gapMs } = replicas
    lines.push(
      `replicas: ${machine === 'queue' ? 'a queue' : 'a key-value store'}, ${majority ? 'majority' : 'no quorum'}, ` +
        `a command every ${gapMs.toFixed(0)} ms each`,
    )
  }
  if (slow !== undefined) {
    const { takeEvents, takeMs, ringBytes, maxQueuedBytes } = slow
    lines.push(
      `slow programs: ${takeEvents} events every ${takeMs.toFixed(0)} ms, cut off beyond ${ringBytes} + ${maxQueuedBytes} bytes`,
    )
  }
  return lines
}
