// Makes a failing scenario smaller: tries what simplify.ts proposes, keeps what still fails, until nothing is left to
// propose or the time is up. In: a scenario that fails and a predicate that says whether another one does. Out: the
// smallest found; equal input gives equal output, unless time ran out. Must not know: how scenarios are run.

import type { Scenario } from './scenario.js'
import { PASSES } from './simplify.js'

export interface ShrinkOptions {
  /** The time is up; asked before every try. */
  readonly outOfTime?: () => boolean
  /**
   * How many other seeds a proposal of fewer faults, hosts and the like is tried with when it no longer fails with its
   * own: any change of that size gives all chances of the run another course.
   */
  readonly otherSeeds?: number
  /** A smaller scenario was found. */
  readonly found?: (scenario: Scenario, by: string, tries: number) => void
}

export interface ShrinkResult {
  readonly scenario: Scenario
  /** Calls of the predicate. */
  readonly tries: number
  /** False when time ran out. */
  readonly complete: boolean
}

/** `stillFails`: pure; true for `scenario` itself, which is not asked. */
export function shrink(
  scenario: Scenario,
  stillFails: (scenario: Scenario) => boolean,
  options: ShrinkOptions = {},
): ShrinkResult {
  const { outOfTime = () => false, otherSeeds = 0, found } = options
  // What was refused is refused again, and what was kept is not smaller than itself.
  const seen = new Set<string>([JSON.stringify(scenario)])
  let smallest = scenario
  let tries = 0
  let expired = false

  const fails = (proposal: Scenario): boolean => {
    const key = JSON.stringify(proposal)
    if (seen.has(key)) return false
    expired ||= outOfTime()
    if (expired) return false
    seen.add(key)
    tries++
    return stillFails(proposal)
  }
  const attempt = (proposal: Scenario, seeds: number): Scenario | undefined => {
    if (fails(proposal)) return proposal
    for (let i = 1; i <= seeds; i++) {
      const other = { ...proposal, seed: scenario.seed + i }
      if (fails(other)) return other
    }
    return undefined
  }

  for (;;) {
    const before = smallest
    for (const { name, steps, structural } of PASSES) {
      const proposals = steps(smallest)
      let next = proposals.next()
      while (next.done !== true && !expired) {
        const kept = attempt(next.value, structural === true ? otherSeeds : 0)
        if (kept !== undefined) {
          smallest = kept
          found?.(kept, name, tries)
        }
        next = proposals.next(kept)
      }
      if (expired) return { scenario: smallest, tries, complete: false }
    }
    if (smallest === before) return { scenario: smallest, tries, complete: true }
  }
}
