// Scenarios as files: what is written is read again, and what is no scenario is refused with the name of the field.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { QUIET_NETWORK } from '../../../src/sim/network.js'
import { DataError } from '../../../src/sim/plain-data.js'
import { generateScenario, SHORT_TIMERS } from '../../../src/sim/scenario.js'
import { readScenario } from '../../../src/sim/scenario-file.js'

// biome-ignore lint/suspicious/noExplicitAny: what a test does to it is wrong on purpose
type Wrong = any

function stored(seed = 5): Wrong {
  return JSON.parse(JSON.stringify(generateScenario(seed, { nodes: 4 })))
}

/** The message for a scenario to which something was done. */
function complaint(spoil: (scenario: Wrong) => void): string {
  const scenario = stored()
  scenario.faults = [
    { atMs: 1, fault: { kind: 'crash', host: 1, forMs: 5 } },
    { atMs: 2, after: { state: 'gather', nth: 3 }, fault: { kind: 'partition', sides: [[0, 1], [2]], forMs: 5 } },
  ]
  readScenario(scenario)
  spoil(scenario)
  try {
    readScenario(scenario)
  } catch (error) {
    assert.ok(error instanceof DataError, String(error))
    return error.message
  }
  return 'none'
}

describe('a scenario in a file', () => {
  it('is what was written', () => {
    for (let seed = 0; seed < 500; seed++) {
      const scenario = generateScenario(seed)
      assert.deepEqual(readScenario(JSON.parse(JSON.stringify(scenario))), scenario)
    }
  })

  it('may leave out what is as in a quiet run', () => {
    const scenario = stored()
    scenario.conditions = { loss: 0.5 }
    scenario.totem = { tokenTimeoutMs: 1000 }
    const read = readScenario(scenario)
    assert.deepEqual(read.conditions, { ...QUIET_NETWORK, loss: 0.5 })
    assert.deepEqual(read.totem, { ...SHORT_TIMERS, tokenTimeoutMs: 1000 })
  })

  const cases: [name: string, spoil: (scenario: Wrong) => void, message: RegExp][] = [
    ['a missing field', s => delete s.settleMs, /^settleMs: is missing$/],
    ['no node ids', s => delete s.nodeIds, /^nodeIds: is missing$/],
    ['too many nodes', s => s.nodeIds.push(...Array(20).keys()), /^nodeIds: expected 1 to 16 entries, found 24$/],
    [
      'a node id twice',
      s => {
        s.nodeIds = [1, 2, 3, 2]
      },
      /^nodeIds: 2 is there twice$/,
    ],
    ['too few start times', s => s.startMs.pop(), /^startMs: expected 4 entries, found 3$/],
    [
      'an unknown engine',
      s => {
        s.engine = 'steam'
      },
      /^engine: expected one of node, ring, found "steam"$/,
    ],
    [
      'a fault in no list',
      s => {
        s.faults = { 0: s.faults[0] }
      },
      /^faults: expected a list, found \{/,
    ],
    [
      'an unknown fault',
      s => {
        s.faults[0].fault.kind = 'meteor'
      },
      /^faults\[0\]\.fault\.kind: expected one of partition, .*, found "meteor"$/,
    ],
    [
      'a fault on nobody',
      s => {
        s.faults[0].fault.host = 4
      },
      /^faults\[0\]\.fault\.host: expected a whole number from 0 to 3, found 4$/,
    ],
    ['a fault without its time', s => delete s.faults[0].fault.forMs, /^faults\[0\]\.fault\.forMs: is missing$/],
    [
      'a field of another fault',
      s => {
        s.faults[0].fault.sides = []
      },
      /^faults\[0\]\.fault\.sides: there is no such field$/,
    ],
    ['a host on both sides', s => s.faults[1].fault.sides[1].push(0), /^faults\[1\]\.fault\.sides: 0 is there twice$/],
    [
      'an unknown state',
      s => {
        s.faults[1].after.state = 'sleep'
      },
      /^faults\[1\]\.after\.state: expected one of operational, /,
    ],
    [
      'a negative time',
      s => {
        s.faults[1].atMs = -1
      },
      /^faults\[1\]\.atMs: expected a number from 0 to 86400000, found -1$/,
    ],
    [
      'no fault at all',
      s => {
        s.faults[1].fault = null
      },
      /^faults\[1\]\.fault: expected an object, found null$/,
    ],
    [
      'a probability above one',
      s => {
        s.conditions.loss = 1.5
      },
      /^conditions\.loss: expected a number from 0 to 1, found 1.5$/,
    ],
    [
      'text for a number',
      s => {
        s.workload.gapMs = '5'
      },
      /^workload\.gapMs: expected a number from .*, found "5"$/,
    ],
    [
      'a number for a flag',
      s => {
        s.bigEndian[2] = 1
      },
      /^bigEndian\[2\]: expected true or false, found 1$/,
    ],
    [
      'a crooked ring',
      s => {
        s.workload.slow = { takeMs: 1, takeEvents: 1, ringBytes: 3000, maxQueuedBytes: 0 }
      },
      /^workload\.slow\.ringBytes: expected a power of two, found 3000$/,
    ],
    [
      'an unknown machine',
      s => {
        s.workload.replicas = { machine: 'turing', majority: true, gapMs: 5, churn: 0, chunkBytes: 100 }
      },
      /^workload\.replicas\.machine: expected one of keyValue, queue, found "turing"$/,
    ],
    [
      'a disk damaged in a way that is none',
      s => {
        s.faults[0].fault.disk = { kind: 'lost', bytes: 3 }
      },
      /^faults\[0\]\.fault\.disk\.bytes: there is no such field$/,
    ],
    [
      'a clock that stands still',
      s => {
        s.clockRates = [1, 0, 1, 1]
      },
      /^clockRates\[1\]: expected a number from 0\.5 to 2, found 0$/,
    ],
    [
      'a misconfigured host without a number where one is due',
      s => {
        s.misconfigured = [{ host: 1, totem: { windowSize: null } }]
      },
      /^misconfigured\[0\]\.totem\.windowSize: expected a whole number .*, found null$/,
    ],
    [
      'a parameter that does not exist',
      s => {
        s.totem.speed = 3
      },
      /^totem\.speed: there is no such field$/,
    ],
    [
      'a name of every object',
      s => {
        s.totem.toString = 3
      },
      /^totem\.toString: there is no such field$/,
    ],
  ]
  for (const [name, spoil, message] of cases) {
    it(`is refused with ${name}`, () => assert.match(complaint(spoil), message))
  }

  it('is refused when it is something else altogether', () => {
    for (const value of [null, undefined, 3, 'scenario', [], true, { seed: 1 }]) {
      assert.throws(() => readScenario(value), DataError, JSON.stringify(value))
    }
  })

  it('makes no error but the one, whatever stands in one place', () => {
    const places = (value: Wrong): [Wrong, string][] =>
      typeof value !== 'object' || value === null
        ? []
        : Object.keys(value).flatMap(key => [[value, key] as [Wrong, string], ...places(value[key])])
    fc.assert(
      fc.property(fc.nat(), fc.nat(10_000), fc.jsonValue(), (seed, place, value) => {
        const scenario = stored(seed)
        const all = places(scenario)
        const [holder, key] = all[place % all.length]!
        holder[key] = value
        try {
          readScenario(scenario)
        } catch (error) {
          assert.ok(error instanceof DataError, String(error))
        }
      }),
    )
  })
})
