// What a ring under attack consists of, chosen by the seed: its members, their byte orders, timers, where it counts from.

import type { TotemParameters } from '../../totem/parameters.js'
import { QUIET_NETWORK } from '../network.js'
import type { Prng } from '../prng.js'
import { NEAR_WRAP, SHORT_TIMERS } from '../scenario.js'
import type { RingPlan } from './ring.js'
import { STRANGERS } from './values.js'

export const SMALLEST_RING = 2
export const LARGEST_RING = 16

/** Visits with an unchanged aru until FAILED TO RECEIVE; the default is 2500. */
const FAIL_RECV_VISITS = 100

export function fuzzTimers(): TotemParameters {
  return { ...SHORT_TIMERS, failRecvConst: FAIL_RECV_VISITS }
}

export function choosePlan(seed: number, nodes: number | undefined, prng: Prng): RingPlan {
  const size = nodes ?? 3 + prng.int(3)
  const large = prng.chance(0.3)
  const ids = new Set<number>()
  while (ids.size < size) ids.add(large ? 1 + prng.int(STRANGERS - 1) : ids.size + 1)
  const mixed = prng.chance(0.3)
  return {
    seed,
    nodeIds: [...ids],
    bigEndian: Array.from({ length: size }, () => mixed && prng.chance(0.5)),
    totem: fuzzTimers(),
    firstSeq: prng.chance(0.3) ? NEAR_WRAP : 0,
    conditions: { ...QUIET_NETWORK },
  }
}
