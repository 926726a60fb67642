// How much faster than real time the laboratory runs: five whole nodes with the executive's short timers, idle and with
// 100 messages of 1 KiB a second, checkers included.

import { performance } from 'node:perf_hooks'
import { QUIET_NETWORK } from '../src/sim/network.js'
import { runScenario } from '../src/sim/run.js'
import { generateScenario, type Scenario, SHORT_TIMERS } from '../src/sim/scenario.js'

const NODES = 5

function scenario(virtualMs: number, gapMs: number): Scenario {
  return {
    ...generateScenario(1, { nodes: NODES, faults: [], engine: 'node', mixedByteOrder: false }),
    totem: SHORT_TIMERS,
    conditions: QUIET_NETWORK,
    faultEndMs: virtualMs,
    workload: {
      groups: 1,
      programsPerNode: 1,
      gapMs,
      burst: 0,
      burstLength: 1,
      churn: 0,
      bigMessages: 0,
      length: 1024,
    },
  }
}

function measure(name: string, virtualMs: number, gapMs: number): void {
  const prepared = scenario(virtualMs, gapMs)
  runScenario(prepared)
  const began = performance.now()
  const result = runScenario(prepared)
  const realMs = performance.now() - began
  if (result.violations.length > 0) throw new Error(result.violations[0]!.text)
  const ratio = result.virtualMs / realMs
  console.log(
    `${name.padEnd(26)} ${ratio.toFixed(0).padStart(6)} virtual s per real s, ` +
      `${((result.events / realMs) * 1000).toFixed(0)} events/s, ${result.messagesAccepted} messages`,
  )
}

console.log(`${NODES} nodes, token ${SHORT_TIMERS.tokenTimeoutMs} ms`)
measure('idle', 600_000, 1e12)
measure('100 messages/s of 1 KiB', 60_000, (NODES * 1000) / 100)
