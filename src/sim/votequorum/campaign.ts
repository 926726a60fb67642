// Many histories, and what they had in them. In: a range of seeds. Out: counts, faults. Must not know: files, time.

import type { ServiceFactory } from './cluster.js'
import { generateHistory } from './generate.js'
import { runHistory, SIGHTS, type Sight } from './run.js'

export interface CampaignCounts {
  histories: number
  compared: number
  faults: number
  readonly sights: Record<Sight, number>
}

export function createCounts(): CampaignCounts {
  const sights = Object.fromEntries(SIGHTS.map(sight => [sight, 0])) as Record<Sight, number>
  return { histories: 0, compared: 0, faults: 0, sights }
}

/** One more history; the fault, if it has one. */
export function runVotequorumSeed(seed: number, counts: CampaignCounts, make?: ServiceFactory): string | undefined {
  const { compared, sights, fault } = runHistory(generateHistory(seed), make)
  counts.histories++
  counts.compared += compared
  for (const sight of sights) counts.sights[sight]++
  if (fault !== undefined) counts.faults++
  return fault
}
