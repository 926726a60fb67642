// A scenario: everything that a run consists of, as plain data, and the generator that makes one from a seed. Equal
// seeds and options give equal scenarios. Must not know: how a scenario is carried out.

import { DEFAULT_TOTEM_PARAMETERS, type TotemParameters } from '../totem/parameters.js'
import type { TotemState } from '../totem/types.js'
import { chooseFault } from './choose-fault.js'
import { FAULT_NAMES, type FaultName, type ScheduledFault } from './faults.js'
import { chooseMisconfigurations, type Misconfiguration } from './misconfiguration.js'
import { type NetworkConditions, QUIET_NETWORK } from './network.js'
import { Prng } from './prng.js'
import type { SimNodeConfig } from './sim-node.js'
import { MACHINE_NAMES, type MachineName } from './workload/machines.js'

export const SMALLEST_CLUSTER = 1
export const LARGEST_CLUSTER = 16

/** 'node': whole nodes with process groups. 'ring': the single-ring machine alone, with raw packets. */
export type Engine = 'node' | 'ring'

export interface WorkloadPlan {
  readonly groups: number
  readonly programsPerNode: number
  /** Mean pause of one program between two sends. */
  readonly gapMs: number
  /** Probability that a send is a burst, and its greatest length. */
  readonly burst: number
  readonly burstLength: number
  /** Probability per send that the program ends its membership instead (and comes back later). */
  readonly churn: number
  /** Messages of more than 64 KiB, up to 1 MiB, in the whole run. */
  readonly bigMessages: number
  /** All messages have this length, where it is given. */
  readonly length?: number
  /** Replicated state machines, one per node. */
  readonly replicas?: ReplicaPlan
  /** A program on each node that takes its messages late. */
  readonly slow?: SlowPlan
}

export interface ReplicaPlan {
  readonly machine: MachineName
  /** Commands are applied only where more than half of the hosts are; otherwise every side goes on by itself. */
  readonly majority: boolean
  /** Mean pause of one replica between two commands. */
  readonly gapMs: number
  /** Probability per command that the replica ends instead (and another begins later). */
  readonly churn: number
  /** Bytes of the state per message, when it is transferred. */
  readonly chunkBytes: number
}

export interface SlowPlan {
  /** Mean pause between two looks at what has come, and how many events are taken then. */
  readonly takeMs: number
  readonly takeEvents: number
  /** Bytes of the ring of events between node and program; a power of two. */
  readonly ringBytes: number
  /** What waits beyond the ring, in bytes, before the membership is ended. */
  readonly maxQueuedBytes: number
}

export interface Scenario {
  readonly seed: number
  readonly engine: Engine
  readonly nodeIds: readonly number[]
  /** Per host: writes big-endian. */
  readonly bigEndian: readonly boolean[]
  readonly totem: TotemParameters
  /** Sequence number from which rings count. */
  readonly firstSeq: number
  /** When each host starts. */
  readonly startMs: readonly number[]
  readonly conditions: NetworkConditions
  /** Per host: how fast its own clock runs, against virtual time; all at 1 when absent. */
  readonly clockRates?: readonly number[]
  /** Where there are any, liveness (L1, L2) is not demanded. */
  readonly misconfigured?: readonly Misconfiguration[]
  readonly faults: readonly ScheduledFault[]
  /** All faults end here; hosts that are down start, except those of `stayDown`. */
  readonly faultEndMs: number
  readonly stayDown: readonly number[]
  readonly workload: WorkloadPlan
  /** L1: within this time after the end of the faults there is one ring, with at most so many installations per node. */
  readonly settleMs: number
  readonly settleChanges: number
  /** L5: what is demanded while a fault lasts; nothing when absent. */
  readonly rest?: RestPlan
}

/** From `sinceMs` to the end of the faults no host installs more than `changes` configurations, none after `withinMs`. */
export interface RestPlan {
  readonly sinceMs: number
  readonly withinMs: number
  readonly changes: number
}

export interface ScenarioOptions {
  /** Number of nodes, or the smallest and greatest number to choose from; any when absent. */
  readonly nodes?: number | readonly [number, number]
  /** Faults to choose from; all when absent. Every scenario uses some of them. */
  readonly faults?: readonly FaultName[]
  readonly engine?: Engine
  /** Allow hosts of the other byte order. */
  readonly mixedByteOrder?: boolean
  readonly firstSeq?: number
}

/** Short timers: a fault and its repair fit into a second. */
export const SHORT_TIMERS: TotemParameters = {
  ...DEFAULT_TOTEM_PARAMETERS,
  tokenTimeoutMs: 400,
  tokenWarningMs: 300,
  tokenRetransmitMs: 95,
  holdMs: 66,
  consensusMs: 480,
}

/** The defaults of the executive for a nodelist of that size (spec: totem 4.14). */
export function defaultTimers(nodes: number): TotemParameters {
  const token = 3000 + Math.max(0, nodes - 2) * 650
  const retransmit = Math.floor(token / 4.2)
  return {
    ...DEFAULT_TOTEM_PARAMETERS,
    tokenTimeoutMs: token,
    tokenWarningMs: Math.floor(token * 0.75),
    tokenRetransmitMs: retransmit,
    holdMs: Math.floor(retransmit * 0.8 - 10),
    consensusMs: Math.floor(token * 1.2),
  }
}

/**
 * L1: the bounds after the end of the faults. A processor may first have to notice that its ring is gone (token), then
 * wait for processors that others still call failed (consensus), and again after the first merge, which late packets
 * of old rings disturb. Nearly always two changes or fewer are enough; but fragments that meet just as each has given
 * the others up can form and leave rings of their own several times within milliseconds, before their failed lists
 * are gone. Rounds are counted on the slowest clock.
 */
export const SETTLE_ROUNDS = 6
const SETTLE_CHANGES = 10

/** Rings that begin here wrap after 512 packets (spec: totem 5). */
export const NEAR_WRAP = 0xfffffe00

const CLUSTER_SIZES = [1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 7, 8, 9, 12, 16]

export function generateScenario(seed: number, options: ScenarioOptions = {}): Scenario {
  const prng = new Prng(seed, 'scenario')
  const nodes = chooseSize(prng, options.nodes)
  const engine: Engine = options.engine ?? (prng.chance(0.25) ? 'ring' : 'node')
  const allowed = options.faults ?? FAULT_NAMES
  const faults = chooseNames(prng, allowed)
  const totem = prng.chance(0.12) ? defaultTimers(nodes) : SHORT_TIMERS
  const scale = totem.tokenTimeoutMs / SHORT_TIMERS.tokenTimeoutMs
  const warmUpMs = prng.between(500, 1500) * scale
  const faultMs = prng.between(2500, 9000) * scale
  const together = prng.chance(0.6)
  // Conditions of hosts draw from a stream of their own: without them a seed's scenario is what it was before they came.
  const oddities = new Prng(seed, 'oddities')
  const clockRates = faults.includes('clock') ? chooseClockRates(oddities, nodes) : undefined
  const slowest = Math.min(1, ...(clockRates ?? []))
  const misconfigured = faults.includes('misconfigured') ? chooseMisconfigurations(oddities, nodes, totem) : undefined
  const schedule = chooseFaults(prng, nodes, faults, warmUpMs, faultMs, scale)
  // Often the end comes in the middle of a repair: the cluster then has to settle from whatever state it is in.
  const last = Math.max(warmUpMs, ...schedule.filter(({ after }) => after === undefined).map(({ atMs }) => atMs))
  const faultEndMs =
    schedule.length > 0 && prng.chance(0.6)
      ? Math.min(last + prng.between(0, 1500) * scale, warmUpMs + faultMs)
      : warmUpMs + faultMs
  return {
    seed,
    engine,
    nodeIds: chooseNodeIds(prng, nodes),
    bigEndian: Array.from(
      { length: nodes },
      () => (options.mixedByteOrder ?? true) && seed % 4 === 0 && prng.chance(0.5),
    ),
    totem,
    firstSeq: options.firstSeq ?? (prng.chance(0.2) ? NEAR_WRAP : 0),
    startMs: Array.from({ length: nodes }, () => prng.between(0, together ? 5 : warmUpMs)),
    conditions: chooseConditions(prng, faults),
    ...(clockRates === undefined ? {} : { clockRates }),
    ...(misconfigured === undefined ? {} : { misconfigured }),
    faults: schedule,
    faultEndMs,
    stayDown: chooseStayDown(prng, nodes, faults),
    workload: {
      ...chooseWorkload(prng, nodes, scale),
      ...(engine === 'ring' ? {} : chooseReplicas(new Prng(seed, 'replicas'), nodes, scale)),
      ...(engine === 'ring' ? {} : chooseSlow(new Prng(seed, 'slow programs'), scale)),
    },
    settleMs: Math.ceil((SETTLE_ROUNDS * (totem.tokenTimeoutMs + totem.consensusMs)) / slowest),
    settleChanges: SETTLE_CHANGES + 2 * nodes,
  }
}

function chooseSize(prng: Prng, nodes: ScenarioOptions['nodes']): number {
  if (nodes === undefined) return prng.pick(CLUSTER_SIZES)
  const [least, most] = typeof nodes === 'number' ? [nodes, nodes] : nodes
  return least + prng.int(most - least + 1)
}

/**
 * Not every run has every fault: combinations of few are easier to read, and reach further into each. Misconfigured nodes
 * are rare where all faults are allowed, because they suspend liveness for the whole run.
 */
function chooseNames(prng: Prng, allowed: readonly FaultName[]): FaultName[] {
  const usual = Math.min(0.5, FAULTS_PER_RUN / allowed.length)
  const rare = allowed.length === FAULT_NAMES.length ? MISCONFIGURED_RUNS : usual
  const chosen = allowed.filter(name => prng.chance(name === 'misconfigured' ? rare : usual))
  if (chosen.length === 0 && allowed.length > 0) chosen.push(prng.pick(allowed))
  return chosen
}

/** On average, where many are allowed. */
const FAULTS_PER_RUN = 6
const MISCONFIGURED_RUNS = 0.04

/** Quartz is off by less than 300 ppm; a badly disciplined or virtual clock may be far off. */
const ORDINARY_DRIFT = 300e-6
const SEVERE_DRIFT = 0.1

function chooseClockRates(prng: Prng, nodes: number): number[] {
  const drift = prng.chance(0.3) ? SEVERE_DRIFT : ORDINARY_DRIFT
  return Array.from({ length: nodes }, () => 1 + prng.between(-drift, drift))
}

function chooseNodeIds(prng: Prng, nodes: number): number[] {
  const ids = new Set<number>()
  const large = prng.chance(0.3)
  while (ids.size < nodes) ids.add(large ? prng.u32() || 1 : ids.size + 1)
  return [...ids]
}

function chooseConditions(prng: Prng, faults: readonly FaultName[]): NetworkConditions {
  const slow = prng.chance(0.2)
  return {
    ...QUIET_NETWORK,
    delayMs: slow ? prng.between(0.5, 4) : prng.between(0.1, 0.4),
    jitterMs: slow ? prng.between(0.5, 4) : prng.between(0.05, 0.4),
    loss: faults.includes('loss') ? prng.pick([0.005, 0.01, 0.02, 0.05]) : 0,
    duplicate: faults.includes('duplicate') ? prng.between(0.01, 0.1) : 0,
    reorder: faults.includes('reorder') ? prng.between(0.01, 0.15) : 0,
    reorderMs: prng.between(1, 20),
  }
}

/** Faults that last the whole run instead of coming and going. */
const CONDITIONS: ReadonlySet<FaultName> = new Set(['loss', 'duplicate', 'reorder', 'clock', 'misconfigured'])

function chooseFaults(
  prng: Prng,
  nodes: number,
  names: readonly FaultName[],
  warmUpMs: number,
  faultMs: number,
  scale: number,
): ScheduledFault[] {
  const kinds = names.filter(name => !CONDITIONS.has(name))
  if (kinds.length === 0) return []
  const count = 1 + prng.int(12)
  const schedule: ScheduledFault[] = []
  let at = warmUpMs
  for (let i = 0; i < count; i++) {
    const fault = chooseFault(prng, nodes, prng.pick(kinds), scale)
    if (fault === undefined) continue
    // Close together, so that one fault meets the repair of another; or aimed at a state of the repair itself.
    if (prng.chance(0.3)) {
      const state: TotemState = prng.pick(['gather', 'commit', 'recovery', 'recovery', 'operational'])
      const nth = nodes * (1 + prng.int(6)) + prng.int(nodes)
      schedule.push({ atMs: prng.chance(0.5) ? prng.between(0, 3) : prng.between(0, 60), after: { state, nth }, fault })
    } else {
      at += prng.chance(0.5) ? prng.exponential(150 * scale) : prng.exponential(faultMs / count)
      if (at > warmUpMs + faultMs) at = warmUpMs + prng.between(0, faultMs)
      schedule.push({ atMs: at, fault })
    }
  }
  return schedule
}

function chooseStayDown(prng: Prng, nodes: number, faults: readonly FaultName[]): number[] {
  if (!faults.some(name => name === 'crash' || name === 'leave' || name === 'disk')) return []
  if (nodes < 2 || !prng.chance(0.3)) return []
  const order = prng.shuffled(Array.from({ length: nodes }, (_, index) => index))
  return order.slice(0, 1 + prng.int(Math.max(1, nodes >> 1)))
}

function chooseWorkload(prng: Prng, nodes: number, scale: number): WorkloadPlan {
  // Large clusters are loaded less per node: what one sends, all receive.
  const gapMs = prng.pick([20, 60, 150, 400]) * scale * Math.max(1, nodes / 4)
  return {
    groups: 1 + prng.int(3),
    programsPerNode: 1 + prng.int(3),
    gapMs,
    burst: prng.pick([0, 0.02, 0.1]),
    burstLength: 5 + prng.int(60),
    churn: prng.pick([0, 0.02, 0.1]),
    bigMessages: prng.chance(0.1) ? 1 + prng.int(3) : 0,
  }
}

function chooseReplicas(prng: Prng, nodes: number, scale: number): Pick<WorkloadPlan, 'replicas'> {
  if (!prng.chance(0.2)) return {}
  const replicas: ReplicaPlan = {
    machine: prng.pick(MACHINE_NAMES),
    majority: prng.chance(0.5),
    gapMs: prng.pick([30, 100, 300]) * scale * Math.max(1, nodes / 4),
    churn: prng.pick([0, 0.01, 0.05]),
    chunkBytes: prng.pick([200, 3000, 100_000]),
  }
  return { replicas }
}

function chooseSlow(prng: Prng, scale: number): Pick<WorkloadPlan, 'slow'> {
  if (!prng.chance(0.2)) return {}
  const slow: SlowPlan = {
    takeMs: prng.pick([50, 500, 3000]) * scale,
    takeEvents: prng.pick([1, 10, 1000]),
    ringBytes: prng.pick([1024, 8192, 65536]),
    // Often enough for the whole run, so that nothing may be lost however late it is taken.
    maxQueuedBytes: prng.pick([5000, 100_000, 64 << 20, 64 << 20]),
  }
  return { slow }
}

/** What the node of a host is configured with, differences of its own included. */
export function configurationOf(scenario: Scenario, host: number): Omit<SimNodeConfig, 'wire'> {
  const different = scenario.misconfigured?.find(one => one.host === host)
  return {
    nodeId: scenario.nodeIds[host]!,
    memberNodeIds: scenario.nodeIds.filter((_, index) => !different?.unlisted?.includes(index)),
    totem: { ...scenario.totem, ...different?.totem },
  }
}
