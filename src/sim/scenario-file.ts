// A scenario as it stands in a file: JSON of exactly the fields of Scenario. In: the parsed JSON, from anywhere. Out: a
// scenario that the simulation can run, or an error that names the field. Conditions, parameters of the protocol and
// parts of the workload that a file does not mention are as in a quiet run, so that files outlive new ones.

import { MIN_RING_BYTES } from '../ipc/ring-buffer.js'
import { RING_SEQUENCE_LENGTH } from '../node/ring-sequence.js'
import { CPG_MAX_ATOMIC_LENGTH } from '../services/cpg/types.js'
import type { TotemParameters } from '../totem/parameters.js'
import type { TotemState } from '../totem/types.js'
import type { DiskDamage } from './disk.js'
import { FAULT_KINDS, type FieldKind, fieldKinds } from './fault-fields.js'
import type { Fault, ScheduledFault } from './faults.js'
import type { Misconfiguration } from './misconfiguration.js'
import { type NetworkConditions, QUIET_NETWORK } from './network.js'
import {
  DataError,
  distinct,
  fieldsOf,
  flag,
  list,
  number,
  object,
  oneOf,
  powerOfTwo,
  type Reader,
  whole,
} from './plain-data.js'
import {
  LARGEST_CLUSTER,
  type ReplicaPlan,
  type RestPlan,
  type Scenario,
  SHORT_TIMERS,
  type SlowPlan,
  SMALLEST_CLUSTER,
  type WorkloadPlan,
} from './scenario.js'
import { MACHINE_NAMES } from './workload/machines.js'
import { LONGEST_MESSAGE } from './workload/message.js'

const U32_MAX = 0xffffffff
/** A day: no time in a scenario is longer. */
const LONGEST_MS = 86_400_000
/** Entries that a schedule may have. */
const MOST_FAULTS = 10_000
/** Of bytes per millisecond, or of milliseconds, where none would stop a host for good. */
const LEAST_AMOUNT = 0.001
/** How much slower or faster than virtual time a host's clock may run. */
const [SLOWEST_CLOCK, FASTEST_CLOCK] = [0.5, 2]
/** Upper bound of numbers of things: groups, programs, messages. */
const MOST = 1000
/** Of the events between a node and a slow program; there is one ring per program and direction. */
const LARGEST_RING_BYTES = 1 << 22
/** Frames: room for the headers and some data; what a UDP datagram takes. */
const [SMALLEST_MTU, LARGEST_MTU] = [256, 65_507]

const time = number(0, LONGEST_MS)
const probability = number(0, 1)

const TOTEM_READERS = {
  tokenTimeoutMs: number(1, LONGEST_MS),
  tokenWarningMs: time,
  tokenRetransmitMs: number(1, LONGEST_MS),
  holdMs: number(1, LONGEST_MS),
  joinMs: number(1, LONGEST_MS),
  consensusMs: number(1, LONGEST_MS),
  mergeMs: number(1, LONGEST_MS),
  downcheckMs: number(1, LONGEST_MS),
  sendJoinMs: time,
  heartbeatMs: time,
  failRecvConst: whole(1, U32_MAX),
  seqnoUnchangedConst: whole(1, U32_MAX),
  windowSize: whole(1, MOST),
  maxMessages: whole(1, MOST),
  missCountConst: whole(1, U32_MAX),
  cancelTokenHoldOnRetransmit: flag,
  netMtu: whole(SMALLEST_MTU, LARGEST_MTU),
}

const readTotem = object<TotemParameters>(TOTEM_READERS, SHORT_TIMERS)

/** Any of them. */
const readSomeTotem = object<Partial<TotemParameters>>(
  TOTEM_READERS,
  Object.fromEntries(Object.keys(TOTEM_READERS).map(name => [name, undefined])),
)

const readConditions = object<NetworkConditions>(
  {
    delayMs: time,
    jitterMs: time,
    loss: probability,
    duplicate: probability,
    reorder: probability,
    reorderMs: time,
  },
  QUIET_NETWORK,
)

const readReplicas = object<ReplicaPlan>({
  machine: oneOf(MACHINE_NAMES),
  majority: flag,
  gapMs: number(0.1, LONGEST_MS),
  churn: probability,
  chunkBytes: whole(1, LONGEST_MESSAGE / 2),
})

const readSlow = object<SlowPlan>({
  takeMs: number(0.1, LONGEST_MS),
  takeEvents: whole(1, U32_MAX),
  ringBytes: powerOfTwo(MIN_RING_BYTES, LARGEST_RING_BYTES),
  maxQueuedBytes: whole(0, U32_MAX),
})

const readWorkload = object<WorkloadPlan>(
  {
    groups: whole(1, MOST),
    programsPerNode: whole(0, MOST),
    gapMs: number(0.1, LONGEST_MS),
    burst: probability,
    burstLength: whole(1, MOST),
    churn: probability,
    bigMessages: whole(0, MOST),
    length: whole(0, CPG_MAX_ATOMIC_LENGTH),
    replicas: readReplicas,
    slow: readSlow,
  },
  { length: undefined, replicas: undefined, slow: undefined },
)

const readTrigger = object<NonNullable<ScheduledFault['after']>>({
  state: oneOf<TotemState>(['operational', 'gather', 'commit', 'recovery']),
  nth: whole(1, U32_MAX),
})

const readDamage: Reader<DiskDamage> = (value, at) => {
  const kindOf = oneOf(['lost', 'torn', 'old'])
  const kind = kindOf(fieldsOf(value, at).get('kind'), `${at}.kind`)
  if (kind === 'torn')
    return { kind, bytes: object({ kind: kindOf, bytes: whole(0, RING_SEQUENCE_LENGTH) })(value, at).bytes }
  if (kind === 'old') return { kind, writes: object({ kind: kindOf, writes: whole(1, U32_MAX) })(value, at).writes }
  object({ kind: kindOf })(value, at)
  return { kind }
}

function faultReader(host: Reader<number>): Reader<Fault> {
  const readSides: Reader<number[][]> = (value, at) => {
    const sides = list(list(host, 1, LARGEST_CLUSTER), 2, LARGEST_CLUSTER)(value, at)
    // A host on both sides would be cut off from itself.
    distinct(() => sides.flat())(value, at)
    return sides
  }
  const readers: Readonly<Record<FieldKind, Reader<unknown>>> = {
    host,
    hosts: distinct(list(host, 1, LARGEST_CLUSTER)),
    pair: distinct(list(host, 2, 2)),
    sides: readSides,
    duration: time,
    amount: number(LEAST_AMOUNT, U32_MAX),
    count: whole(1, U32_MAX),
    flag,
    damage: readDamage,
  }
  const kindOf = oneOf(FAULT_KINDS)
  return (value, at) => {
    const kind = kindOf(fieldsOf(value, at).get('kind'), `${at}.kind`)
    const fields = fieldKinds(kind).map(([name, field]) => [name, readers[field]] as const)
    const absent = Object.fromEntries(fieldKinds(kind).flatMap(([name, field]) => (field === 'damage' ? [[name]] : [])))
    return object(Object.fromEntries([['kind', kindOf], ...fields]), absent)(value, at) as Fault
  }
}

/** Throws a DataError that names the field. */
export function readScenario(value: unknown): Scenario {
  const size = LARGEST_CLUSTER
  const nodeIds = distinct(list(whole(1, U32_MAX), SMALLEST_CLUSTER, size))
  const fields = fieldsOf(value, '')
  if (!fields.has('nodeIds')) throw new DataError('nodeIds', 'is missing')
  const nodes = nodeIds(fields.get('nodeIds'), 'nodeIds').length
  const host = whole(0, nodes - 1)
  return object<Scenario>(
    {
      seed: whole(0, Number.MAX_SAFE_INTEGER),
      engine: oneOf(['node', 'ring']),
      nodeIds,
      bigEndian: list(flag, nodes, nodes),
      totem: readTotem,
      firstSeq: whole(0, U32_MAX),
      startMs: list(time, nodes, nodes),
      conditions: readConditions,
      faults: list(
        object<ScheduledFault>({ atMs: time, after: readTrigger, fault: faultReader(host) }, { after: undefined }),
        0,
        MOST_FAULTS,
      ),
      faultEndMs: time,
      stayDown: distinct(list(host, 0, nodes)),
      workload: readWorkload,
      settleMs: time,
      settleChanges: whole(0, U32_MAX),
      rest: object<RestPlan>({ sinceMs: time, withinMs: time, changes: whole(0, U32_MAX) }),
      clockRates: list(number(SLOWEST_CLOCK, FASTEST_CLOCK), nodes, nodes),
      misconfigured: list(
        object<Misconfiguration>(
          { host, totem: readSomeTotem, unlisted: distinct(list(host, 1, nodes)) },
          { totem: undefined, unlisted: undefined },
        ),
        0,
        nodes,
      ),
    },
    { clockRates: undefined, misconfigured: undefined, rest: undefined },
  )(value, '')
}
