// What makes a scenario simpler: passes, each of which proposes simpler scenarios one at a time, the boldest first, and
// is told what became of each proposal. Every proposal is smaller than what it came from by some measure, so passes end.
// Must not know: what a run is, why a proposal is kept.

import { fieldKinds, fieldOf, renumbered, withField, withoutField } from './fault-fields.js'
import type { ScheduledFault } from './faults.js'
import type { Misconfiguration } from './misconfiguration.js'
import { type NetworkConditions, QUIET_NETWORK } from './network.js'
import { type Scenario, SHORT_TIMERS, type WorkloadPlan } from './scenario.js'

/** Yields proposals; is given the scenario that goes on from there when one was kept. Returns the last one kept. */
export type Steps = Generator<Scenario, Scenario, Scenario | undefined>

export interface Pass {
  readonly name: string
  readonly steps: (scenario: Scenario) => Steps
  /** Its proposals change the whole run, so that the same defect may need other chances to show again. */
  readonly structural?: boolean
}

/** In this order: what saves most time for the passes behind it comes first. */
export const PASSES: readonly Pass[] = [
  { name: 'fewer faults', steps: fewerFaults, structural: true },
  { name: 'fewer hosts', steps: fewerHosts, structural: true },
  { name: 'simpler engine', steps: simplerEngine, structural: true },
  { name: 'short timers', steps: shortTimers, structural: true },
  { name: 'quieter network', steps: quieterNetwork, structural: true },
  { name: 'simpler hosts', steps: simplerHosts },
  { name: 'less work', steps: lessWork },
  { name: 'earlier and shorter', steps: earlierAndShorter },
]

// ---- fewer -------------------------------------------------------------------------------------------------------

/** Leaves out runs of entries: halves first, single ones last. */
function* fewer(
  scenario: Scenario,
  count: (scenario: Scenario) => number,
  without: (scenario: Scenario, from: number, to: number) => Iterable<Scenario>,
): Steps {
  let current = scenario
  for (let size = count(current); size >= 1; size = size >> 1) {
    let from = 0
    while (from < count(current)) {
      let kept: Scenario | undefined
      for (const proposal of without(current, from, Math.min(from + size, count(current)))) {
        kept = yield proposal
        if (kept !== undefined) break
      }
      if (kept !== undefined) current = kept
      else from += size
    }
  }
  return current
}

function fewerFaults(scenario: Scenario): Steps {
  return fewer(
    scenario,
    ({ faults }) => faults.length,
    (current, from, to) => [{ ...current, faults: current.faults.toSpliced(from, to - from) }],
  )
}

function* fewerHosts(scenario: Scenario): Steps {
  const current = yield* fewer(
    scenario,
    ({ stayDown }) => stayDown.length,
    (before, from, to) => [{ ...before, stayDown: before.stayDown.toSpliced(from, to - from) }],
  )
  return yield* fewer(current, ({ nodeIds }) => nodeIds.length, withoutHosts)
}

/** A trigger counts entries of all hosts together: with fewer hosts it may have to count less far. */
export function* withoutHosts(scenario: Scenario, from: number, to: number): Iterable<Scenario> {
  const left = scenario.nodeIds.length - (to - from)
  if (left < 1) return
  const indexOf = (host: number) => (host < from ? host : host < to ? undefined : host - (to - from))
  const without = <T>(entries: readonly T[]) => entries.toSpliced(from, to - from)
  const faults: ScheduledFault[] = []
  for (const scheduled of scenario.faults) {
    const fault = renumbered(scheduled.fault, indexOf)
    if (fault !== undefined) faults.push({ ...scheduled, fault })
  }
  const smaller: Scenario = {
    ...scenario,
    nodeIds: without(scenario.nodeIds),
    bigEndian: without(scenario.bigEndian),
    startMs: without(scenario.startMs),
    stayDown: scenario.stayDown.map(indexOf).filter(host => host !== undefined),
    faults,
    ...(scenario.clockRates === undefined ? {} : { clockRates: without(scenario.clockRates) }),
    ...(scenario.misconfigured === undefined
      ? {}
      : { misconfigured: scenario.misconfigured.flatMap(different => misconfiguredStill(different, indexOf)) }),
  }
  yield smaller
  if (!faults.some(({ after }) => after !== undefined)) return
  const share = left / scenario.nodeIds.length
  yield withTriggers(smaller, nth => Math.max(1, Math.round(nth * share)))
  yield withTriggers(smaller, () => 1)
}

function misconfiguredStill(
  { host, unlisted, ...rest }: Misconfiguration,
  indexOf: (host: number) => number | undefined,
): Misconfiguration[] {
  const index = indexOf(host)
  const hidden = unlisted?.map(indexOf).filter(other => other !== undefined) ?? []
  if (index === undefined || (hidden.length === 0 && rest.totem === undefined)) return []
  return [{ ...rest, host: index, ...(hidden.length === 0 ? {} : { unlisted: hidden }) }]
}

function withTriggers(scenario: Scenario, count: (nth: number) => number): Scenario {
  const faults = scenario.faults.map(({ after, ...rest }) =>
    after === undefined ? rest : { ...rest, after: { ...after, nth: count(after.nth) } },
  )
  return { ...scenario, faults }
}

// ---- simpler -----------------------------------------------------------------------------------------------------

/** One proposal after the other, each made from what was kept so far; those that change nothing are left out. */
function* each(scenario: Scenario, changes: Iterable<(current: Scenario) => Scenario | undefined>): Steps {
  let current = scenario
  for (const change of changes) {
    const proposal = change(current)
    if (proposal !== undefined) current = (yield proposal) ?? current
  }
  return current
}

function simplerEngine(scenario: Scenario): Steps {
  return each(scenario, [current => (current.engine === 'ring' ? undefined : { ...current, engine: 'ring' })])
}

/** First with all times in proportion, then the timers alone. */
function* shortTimers(scenario: Scenario): Steps {
  if (JSON.stringify(scenario.totem) === JSON.stringify(SHORT_TIMERS)) return scenario
  const share = SHORT_TIMERS.tokenTimeoutMs / scenario.totem.tokenTimeoutMs
  const { totem } = scenario
  const settleShare =
    (SHORT_TIMERS.tokenTimeoutMs + SHORT_TIMERS.consensusMs) / (totem.tokenTimeoutMs + totem.consensusMs)
  const alone: Scenario = { ...scenario, totem: SHORT_TIMERS, settleMs: Math.ceil(scenario.settleMs * settleShare) }
  const scaled: Scenario = {
    ...alone,
    startMs: scenario.startMs.map(ms => ms * share),
    faultEndMs: scenario.faultEndMs * share,
    workload: { ...scenario.workload, gapMs: Math.max(1, scenario.workload.gapMs * share) },
    faults: scenario.faults.map(({ atMs, fault, ...rest }) => ({
      ...rest,
      atMs: atMs * share,
      fault: fieldKinds(fault.kind)
        .filter(([, kind]) => kind === 'duration')
        .reduce((result, [name]) => withField(result, name, (fieldOf(result, name) as number) * share), fault),
    })),
  }
  return (yield scaled) ?? (yield alone) ?? scenario
}

function quieterNetwork(scenario: Scenario): Steps {
  const names = Object.keys(QUIET_NETWORK) as (keyof NetworkConditions)[]
  const withCondition = (current: Scenario, name: keyof NetworkConditions, value: number) =>
    current.conditions[name] === value
      ? undefined
      : { ...current, conditions: { ...current.conditions, [name]: value } }
  return each(scenario, [
    current => ({ ...current, conditions: QUIET_NETWORK }),
    ...names.map(name => (current: Scenario) => withCondition(current, name, QUIET_NETWORK[name])),
    // What has to stay at least reads well.
    ...names.map(name => (current: Scenario) => withCondition(current, name, twoDigits(current.conditions[name]))),
  ])
}

function twoDigits(value: number): number {
  return Number(value.toPrecision(2))
}

function* simplerHosts(scenario: Scenario): Steps {
  const hosts = scenario.nodeIds.map((_, host) => host)
  const allEqual = (current: Scenario): Scenario => ({ ...current, bigEndian: hosts.map(() => false) })
  const inOrder = (current: Scenario): Scenario => ({ ...current, nodeIds: hosts.map(host => host + 1) })
  const without = (part: 'clockRates' | 'misconfigured') => (current: Scenario) => {
    const { [part]: gone, ...rest } = current
    return gone === undefined ? undefined : rest
  }
  return yield* each(scenario, [
    without('clockRates'),
    without('misconfigured'),
    current => ({ ...current, firstSeq: 0 }),
    allEqual,
    ...hosts.map(host => (current: Scenario) => ({ ...current, bigEndian: current.bigEndian.with(host, false) })),
    inOrder,
    current => ({ ...current, startMs: hosts.map(() => 0) }),
  ])
}

function* lessWork(scenario: Scenario): Steps {
  const change = (part: Partial<WorkloadPlan>) => (current: Scenario) => ({
    ...current,
    workload: { ...current.workload, ...part },
  })
  const without = (part: 'replicas' | 'slow') => (current: Scenario) => {
    const { [part]: gone, ...workload } = current.workload
    return gone === undefined ? undefined : { ...current, workload }
  }
  let current = yield* each(scenario, [
    without('replicas'),
    without('slow'),
    current => {
      const { replicas } = current.workload
      return replicas === undefined ? undefined : change({ replicas: { ...replicas, churn: 0 } })(current)
    },
    change({ programsPerNode: 0, burst: 0, churn: 0, bigMessages: 0 }),
    change({ bigMessages: 0 }),
    change({ churn: 0 }),
    change({ burst: 0 }),
    change({ groups: 1 }),
    change({ programsPerNode: 0 }),
    current =>
      (current.workload.length ?? SHORT_LENGTH + 1) > SHORT_LENGTH
        ? change({ length: SHORT_LENGTH })(current)
        : undefined,
  ])
  const field = (name: 'groups' | 'programsPerNode' | 'burstLength' | 'bigMessages', least: number) =>
    lower(
      current,
      least,
      ({ workload }) => workload[name],
      (from, value) => change({ [name]: value })(from),
    )
  current = yield* field('groups', 1)
  current = yield* field('programsPerNode', 0)
  current = yield* field('burstLength', 1)
  return yield* field('bigMessages', 0)
}

/** Messages of this length carry their number, and little else. */
const SHORT_LENGTH = 16

// ---- earlier and shorter -----------------------------------------------------------------------------------------

function* earlierAndShorter(scenario: Scenario): Steps {
  let current = yield* lower(
    scenario,
    0,
    ({ faultEndMs }) => faultEndMs,
    (from, faultEndMs) => ({ ...from, faultEndMs }),
  )
  current = yield* lower(current, 0, firstFaultMs, everythingEarlier)
  for (let host = 0; host < current.startMs.length; host++) {
    current = yield* lower(
      current,
      0,
      ({ startMs }) => startMs[host]!,
      (from, ms) => ({ ...from, startMs: from.startMs.with(host, ms) }),
    )
  }
  for (let index = 0; index < current.faults.length; index++) current = yield* simplerFault(current, index)
  return current
}

function firstFaultMs({ faults }: Scenario): number {
  return Math.min(...faults.filter(({ after }) => after === undefined).map(({ atMs }) => atMs))
}

/** Everything that has a time of its own, so that the first fault comes at that time. */
function everythingEarlier(scenario: Scenario, firstMs: number): Scenario {
  const by = firstFaultMs(scenario) - firstMs
  return {
    ...scenario,
    faultEndMs: Math.max(0, scenario.faultEndMs - by),
    faults: scenario.faults.map(scheduled =>
      scheduled.after === undefined ? { ...scheduled, atMs: scheduled.atMs - by } : scheduled,
    ),
  }
}

function* simplerFault(scenario: Scenario, index: number): Steps {
  const change = (current: Scenario, part: Partial<ScheduledFault>): Scenario => ({
    ...current,
    faults: current.faults.with(index, { ...current.faults[index]!, ...part }),
  })
  const fault = (current: Scenario) => current.faults[index]!.fault
  let current = yield* lower(
    scenario,
    0,
    ({ faults }) => faults[index]!.atMs,
    (from, atMs) => change(from, { atMs }),
  )
  current = yield* lower(
    current,
    1,
    ({ faults }) => faults[index]!.after?.nth ?? 1,
    (from, nth) => change(from, { after: { ...from.faults[index]!.after!, nth } }),
  )
  const { after, ...atOnce } = current.faults[index]!
  if (after !== undefined) current = (yield { ...current, faults: current.faults.with(index, atOnce) }) ?? current
  for (const [name, kind] of fieldKinds(fault(current).kind)) {
    if (kind === 'duration') {
      current = yield* lower(
        current,
        0,
        from => fieldOf(fault(from), name) as number,
        (from, ms) => change(from, { fault: withField(fault(from), name, ms) }),
      )
    } else if (kind === 'damage' && fieldOf(fault(current), name) !== undefined) {
      current = (yield change(current, { fault: withoutField(fault(current), name) })) ?? current
    } else if (kind === 'flag' && fieldOf(fault(current), name) === true) {
      current = (yield change(current, { fault: withField(fault(current), name, false) })) ?? current
    }
  }
  return current
}

/** Makes one number smaller as long as that is kept: to the least, by large parts, at last to a rounder one. */
function* lower(
  scenario: Scenario,
  least: number,
  get: (scenario: Scenario) => number,
  set: (scenario: Scenario, value: number) => Scenario,
): Steps {
  let current = scenario
  for (;;) {
    let kept: Scenario | undefined
    for (const value of smallerNumbers(get(current), least)) {
      kept = yield set(current, value)
      if (kept !== undefined) break
    }
    if (kept === undefined) return current
    current = kept
  }
}

/** Whole numbers below a number, and not below the least; none for what is not finite. */
export function smallerNumbers(value: number, least: number): number[] {
  if (!Number.isFinite(value)) return []
  const between = (share: number) => Math.floor(least + (value - least) * share)
  const rounded = (unit: number) => Math.floor(value / unit) * unit
  const proposals = [least, between(0.5), between(0.75), between(0.9), rounded(100), rounded(10), rounded(1)]
  return [...new Set(proposals)].filter(proposal => proposal < value && proposal >= least)
}
