// Shrinking, with predicates in place of runs: what a predicate does not ask for has to go.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fault, ScheduledFault } from '../../../src/sim/faults.js'
import { QUIET_NETWORK } from '../../../src/sim/network.js'
import { defaultTimers, generateScenario, type Scenario, SHORT_TIMERS } from '../../../src/sim/scenario.js'
import { type ShrinkResult, shrink } from '../../../src/sim/shrink.js'
import { smallerNumbers, withoutHosts } from '../../../src/sim/simplify.js'

const NODE_IDS = [31, 7, 500, 12, 9]

/** Five nodes and a dozen faults of every kind. */
function largeScenario(): Scenario {
  const faults: Fault[] = [
    { kind: 'partition', sides: [[0, 1], [2, 3], [4]], forMs: 812.25 },
    { kind: 'cut', from: 1, to: 3, forMs: 431.7 },
    { kind: 'freeze', from: 4, to: 0, forMs: 100 },
    { kind: 'pause', host: 2, forMs: 60.5, inputFirst: true },
    { kind: 'crash', host: 3, forMs: 700.9 },
    { kind: 'leave', host: 0, forMs: 20 },
    { kind: 'interface', host: 4 },
  ]
  const schedule: ScheduledFault[] = [...faults, ...faults.slice(2)].map((fault, index) =>
    index % 3 === 2
      ? { atMs: 12.5, after: { state: 'recovery', nth: 10 + index }, fault }
      : { atMs: 1000 + 250.5 * index, fault },
  )
  return {
    ...generateScenario(77, { engine: 'node', nodes: NODE_IDS.length }),
    nodeIds: NODE_IDS,
    bigEndian: [true, false, true, false, false],
    totem: defaultTimers(NODE_IDS.length),
    firstSeq: 0xfffffe00,
    startMs: [5.5, 0, 900, 3, 4],
    conditions: { delayMs: 2.345, jitterMs: 1, loss: 0.05, duplicate: 0.01, reorder: 0.1, reorderMs: 7 },
    faults: schedule,
    faultEndMs: 5555.5,
    stayDown: [1, 4],
    clockRates: [1, 1.1, 1, 0.9, 1],
    misconfigured: [
      { host: 1, totem: { windowSize: 20 } },
      { host: 4, unlisted: [2] },
    ],
    workload: {
      groups: 3,
      programsPerNode: 2,
      gapMs: 60,
      burst: 0.1,
      burstLength: 40,
      churn: 0.1,
      bigMessages: 2,
      replicas: { machine: 'queue', majority: true, gapMs: 50, churn: 0.1, chunkBytes: 200 },
      slow: { takeMs: 500, takeEvents: 1, ringBytes: 1024, maxQueuedBytes: 5000 },
    },
  }
}

function kinds({ scenario }: ShrinkResult): string[] {
  return scenario.faults.map(({ fault }) => fault.kind)
}

describe('shrinking a scenario that', () => {
  it('fails whatever it is, leaves one idle host', () => {
    const { scenario, complete } = shrink(largeScenario(), () => true)
    assert.equal(complete, true)
    const { clockRates: _rates, misconfigured: _hosts, ...ordinary } = largeScenario()
    assert.deepEqual(scenario, {
      ...ordinary,
      engine: 'ring',
      nodeIds: [1],
      bigEndian: [false],
      totem: SHORT_TIMERS,
      firstSeq: 0,
      startMs: [0],
      conditions: QUIET_NETWORK,
      faults: [],
      faultEndMs: 0,
      stayDown: [],
      workload: {
        groups: 1,
        programsPerNode: 0,
        gapMs: scenario.workload.gapMs,
        burst: 0,
        burstLength: 1,
        churn: 0,
        bigMessages: 0,
        length: 16,
      },
      settleMs: scenario.settleMs,
    })
  })

  it('needs two of twelve faults, keeps those, the hosts they are about, and their numbers right', () => {
    const cutSeen = (scenario: Scenario) =>
      scenario.faults.some(({ fault }) => {
        if (fault.kind !== 'cut' || fault.forMs <= 99) return false
        return scenario.nodeIds[fault.from] === 7 && scenario.nodeIds[fault.to] === 12
      })
    const leaveSeen = (scenario: Scenario) =>
      scenario.faults.some(({ fault }) => fault.kind === 'leave' && scenario.nodeIds[fault.host] === 31)
    const fails = (scenario: Scenario) => cutSeen(scenario) && leaveSeen(scenario)
    const { scenario } = shrink(largeScenario(), fails)
    assert.ok(fails(scenario))
    assert.deepEqual(scenario.nodeIds, [31, 7, 12])
    assert.deepEqual(scenario.faults, [
      { atMs: 0, fault: { kind: 'cut', from: 1, to: 2, forMs: 100 } },
      { atMs: 0, fault: { kind: 'leave', host: 0, forMs: 0 } },
    ])
  })

  it('needs a whole partition, keeps its sides', () => {
    const result = shrink(largeScenario(), ({ faults, nodeIds }) =>
      faults.some(({ fault }) => fault.kind === 'partition' && fault.sides.flat().length === nodeIds.length),
    )
    assert.deepEqual(kinds(result), ['partition'])
    assert.deepEqual(result.scenario.nodeIds, [1, 2])
    const [{ fault } = { fault: undefined }] = result.scenario.faults
    assert.deepEqual(fault, { kind: 'partition', sides: [[0], [1]], forMs: 0 })
  })

  it('needs a host by its index, keeps it', () => {
    const { scenario } = shrink(largeScenario(), ({ stayDown, nodeIds }) => nodeIds[stayDown[0] ?? -1] === 9)
    assert.deepEqual([scenario.nodeIds, scenario.stayDown], [[9], [0]])
  })

  it('needs a number to be great enough, stops at it', () => {
    const { scenario } = shrink(
      largeScenario(),
      ({ faultEndMs, workload, conditions, totem }) =>
        faultEndMs >= 1234 && workload.groups >= 2 && conditions.loss > 0.04 && totem !== SHORT_TIMERS,
    )
    // To the step before which all coarser and finer ones fail.
    assert.ok(scenario.faultEndMs >= 1234 && scenario.faultEndMs < 1400, `${scenario.faultEndMs}`)
    assert.equal(scenario.workload.groups, 2)
    assert.equal(scenario.workload.programsPerNode, 0)
    assert.deepEqual(scenario.conditions, { ...QUIET_NETWORK, loss: 0.05 })
  })

  it('fails with another seed only, finds it', () => {
    const { scenario } = shrink(largeScenario(), ({ seed, faults }) => faults.length === 12 || seed === 79, {
      otherSeeds: 3,
    })
    assert.deepEqual([scenario.seed, scenario.faults.length], [79, 0])
    const without = shrink(largeScenario(), ({ seed, faults }) => faults.length === 12 || seed === 79)
    assert.equal(without.scenario.faults.length, 12)
  })
})

describe('shrinking', () => {
  /** Something crooked: which scenarios fail hangs on bits of their text. */
  const crooked = (scenario: Scenario) => JSON.stringify(scenario).length % 3 !== 1

  it('comes to the same end every time, asks about nothing twice, and ends with what still fails', () => {
    const asked: string[] = []
    const first = shrink(largeScenario(), scenario => {
      asked.push(JSON.stringify(scenario))
      return crooked(scenario)
    })
    assert.ok(crooked(first.scenario))
    assert.equal(new Set(asked).size, asked.length)
    assert.equal(first.tries, asked.length)
    assert.deepEqual(shrink(largeScenario(), crooked), first)
  })

  it('stops when the time is up, with the best so far', () => {
    let left = 3
    const found: number[] = []
    const result = shrink(largeScenario(), ({ faults }) => faults.length > 2, {
      outOfTime: () => left-- === 0,
      found: (scenario, _by, tries) => found.push(scenario.faults.length, tries),
    })
    assert.deepEqual([result.complete, result.tries], [false, 3])
    assert.deepEqual(found, [6, 2, 3, 3])
    assert.equal(result.scenario.faults.length, 3)
  })

  it('returns the scenario itself when nothing smaller fails', () => {
    const scenario = largeScenario()
    const result = shrink(scenario, () => false)
    assert.equal(result.scenario, scenario)
    assert.equal(result.complete, true)
  })
})

describe('a scenario that needs its replicas', () => {
  it('keeps them, without what else there is to do', () => {
    const { scenario } = shrink(largeScenario(), ({ workload }) => workload.replicas !== undefined)
    assert.ok(scenario.workload.replicas !== undefined)
    assert.ok(!('slow' in scenario.workload))
    assert.deepEqual([scenario.workload.replicas.churn, scenario.workload.programsPerNode], [0, 0])
  })
})

describe('a host that is taken away', () => {
  it('takes with it what happens to it, and lets triggers count less far, if need be', () => {
    const [first, second, third, ...more] = withoutHosts(largeScenario(), 3, 4)
    assert.equal(more.length, 0)
    assert.deepEqual(first!.nodeIds, [31, 7, 500, 9])
    assert.deepEqual(first!.stayDown, [1, 3])
    assert.deepEqual(first!.clockRates, [1, 1.1, 1, 1])
    assert.deepEqual(first!.misconfigured, [
      { host: 1, totem: { windowSize: 20 } },
      { host: 3, unlisted: [2] },
    ])
    const about = first!.faults.map(({ fault }) => fault)
    assert.ok(!about.some(fault => fault.kind === 'cut' || fault.kind === 'crash'))
    assert.deepEqual(about[0], { kind: 'partition', sides: [[0, 1], [2], [3]], forMs: 812.25 })
    assert.deepEqual(about[1], { kind: 'freeze', from: 3, to: 0, forMs: 100 })
    const counts = (scenario: Scenario) => scenario.faults.flatMap(({ after }) => after?.nth ?? [])
    assert.deepEqual(
      counts(second!),
      counts(first!).map(nth => Math.round(nth * 0.8)),
    )
    assert.deepEqual(
      counts(third!),
      counts(first!).map(() => 1),
    )
  })

  it('leaves no fault behind that has too few hosts', () => {
    const faults: Fault[] = [
      { kind: 'swizzle', hosts: [3, 0], back: [0, 3], everyMs: 5, forMs: 10 },
      { kind: 'swizzle', hosts: [3], back: [3], everyMs: 5, forMs: 10 },
      { kind: 'bandwidth', hosts: [2, 3, 4], bytesPerMs: 10.5, queueBytes: 1000, forMs: 10 },
      { kind: 'mtu', hosts: [2, 3], bytes: 500, forMs: 10 },
      { kind: 'mtu', hosts: [2, 4], bytes: 500, forMs: 10 },
    ]
    const [smaller] = withoutHosts({ ...largeScenario(), faults: faults.map(fault => ({ atMs: 1, fault })) }, 3, 4)
    assert.deepEqual(
      smaller!.faults.map(({ fault }) => fault),
      [
        { kind: 'swizzle', hosts: [0], back: [0], everyMs: 5, forMs: 10 },
        { kind: 'bandwidth', hosts: [2, 3], bytesPerMs: 10.5, queueBytes: 1000, forMs: 10 },
        { kind: 'mtu', hosts: [2, 3], bytes: 500, forMs: 10 },
      ],
    )
  })

  it('is never the last one', () => {
    assert.deepEqual([...withoutHosts(largeScenario(), 0, 5)], [])
  })
})

describe('smaller numbers', () => {
  it('are whole, below the number, not below the least, the boldest first', () => {
    assert.deepEqual(smallerNumbers(523.7, 0), [0, 261, 392, 471, 500, 520, 523])
    assert.deepEqual(smallerNumbers(3, 1), [1, 2])
    assert.deepEqual(smallerNumbers(1, 1), [])
    assert.deepEqual(smallerNumbers(0.4, 0), [0])
    assert.deepEqual(smallerNumbers(Number.POSITIVE_INFINITY, 0), [])
  })
})
