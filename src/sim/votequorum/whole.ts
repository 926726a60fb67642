// Votequorum on whole simulated nodes: a scenario of the laboratory, with its network and its faults, in which every node is
// watched beside a model. In: a seed. Out: what the laboratory's checkers found, and what the models did.

import { Prng } from '../prng.js'
import { runScenario } from '../run.js'
import type { ScenarioOptions } from '../scenario.js'
import { generateScenario } from '../scenario.js'
import { randomCluster } from './generate.js'
import type { ClusterConfig } from './history.js'
import { ModelNode, ModelRefusal } from './model-node.js'
import { type WatchCounts, WatchedNode, type WatchOptions } from './watched.js'

export interface WholeResult {
  readonly seed: number
  /** Of models first, then of the laboratory. */
  readonly faults: readonly string[]
  readonly installations: number
}

/** One scenario; `counts` grow. */
export function runWholeSeed(
  seed: number,
  counts: WatchCounts,
  options: { readonly scenario?: ScenarioOptions; readonly breaks?: WatchOptions['breaks'] } = {},
): WholeResult {
  const scenario = generateScenario(seed, { ...options.scenario, engine: 'node' })
  const prng = new Prng(seed, 'votequorum')
  const cluster = acceptedCluster(prng, scenario.nodeIds)
  const disks = new Map(scenario.nodeIds.map(id => [id, { tracked: 0 }]))
  const faults: string[] = []
  // The laboratory wants to see an idle ring at the end.
  let asking = true
  const result = runScenario(scenario, {
    observe: event => {
      if (event.kind === 'settled') asking = false
    },
    factory: (config, services) =>
      new WatchedNode(
        config,
        services,
        {
          cluster,
          prng: new Prng(seed, `votequorum of ${config.nodeId}`),
          disk: disks.get(config.nodeId) ?? { tracked: 0 },
          counts,
          asks: () => asking,
          breaks: options.breaks,
          fault: text => faults.push(`seed ${seed} ${JSON.stringify(cluster)}: ${text}`),
        },
        scenario.firstSeq,
      ),
  })
  faults.push(...result.violations.map(violation => `seed ${seed}: ${violation.property} ${violation.text}`))
  return { seed, faults, installations: result.installations }
}

/** One with which nodes start. */
function acceptedCluster(prng: Prng, ids: readonly number[]): ClusterConfig {
  for (;;) {
    const cluster = randomCluster(prng, ids)
    try {
      new ModelNode(ids[0]!, cluster, 0, { send() {}, remember() {} })
      return cluster
    } catch (error) {
      if (!(error instanceof ModelRefusal)) throw error
    }
  }
}
