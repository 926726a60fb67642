// The laboratory's front door: runs a seed. Chooses the engine and the wire; everything else follows from the scenario.

import { ClusterNode } from '../node/node.js'
import { createGeneration3 } from '../wire/generation3.js'
import { RingNode } from './ring-node.js'
import { generateScenario, type Scenario, type ScenarioOptions } from './scenario.js'
import type { SimNodeFactory } from './sim-node.js'
import { type RunResult, Simulation, type SimulationOptions } from './simulation.js'

export function factoryFor(scenario: Scenario): SimNodeFactory {
  const { firstSeq } = scenario
  if (scenario.engine === 'ring') return (config, services) => new RingNode(config, services, { firstSeq })
  return (config, services) =>
    new ClusterNode({
      config,
      output: services.output,
      random: services.random,
      observer: services.observer,
      firstSeq,
    })
}

export function runScenario(scenario: Scenario, options: Partial<SimulationOptions> = {}): RunResult {
  return new Simulation(scenario, {
    factory: factoryFor(scenario),
    wire: (_, host) => createGeneration3({ littleEndian: !scenario.bigEndian[host] }),
    ...options,
  }).run()
}

export function runSeed(
  seed: number,
  options: ScenarioOptions = {},
  simulation: Partial<SimulationOptions> = {},
): RunResult {
  return runScenario(generateScenario(seed, options), simulation)
}
