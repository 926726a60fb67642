import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, it } from 'node:test'
import type { SchedulingConfiguration } from '../../../src/config/types.js'
import { applyScheduling } from '../../../src/daemon/scheduling.js'

const { EPERM, EACCES } = constants.errno
const wish: SchedulingConfiguration = { roundRobin: true, moveToRootCgroup: 'auto', priority: 0 }

interface Setting {
  /** Results of successive attempts. */
  readonly roundRobin: number[]
  readonly moved?: boolean
  readonly nice?: number
}

function failure(errno: number | undefined) {
  return errno === undefined || errno === 0 ? undefined : { errno, code: errno === EPERM ? 'EPERM' : 'EACCES' }
}

function apply(what: SchedulingConfiguration, setting: Setting) {
  const calls: string[] = []
  const lines: string[] = []
  const realtime = applyScheduling(
    what,
    {
      setRoundRobin: () => {
        calls.push('rr')
        return failure(setting.roundRobin.shift())
      },
      moveToRootCgroup: () => {
        calls.push('move')
        return setting.moved ?? true
      },
      setNice: nice => {
        calls.push(`nice ${nice}`)
        return failure(setting.nice)
      },
    },
    (level, subsystem, message) => lines.push(`${level} ${subsystem} ${message}`),
  )
  return { calls, lines, realtime }
}

describe('realtime scheduling', () => {
  it('that works needs nothing else, and ignores the priority', () => {
    const { calls, lines, realtime } = apply({ ...wish, priority: 'max' }, { roundRobin: [0] })
    assert.deepEqual(calls, ['rr'])
    assert.deepEqual(lines, [])
    assert.equal(realtime, true)
  })
  it('is tried again in the root group when that is automatic', () => {
    const { calls, lines, realtime } = apply(wish, { roundRobin: [EPERM, 0] })
    assert.deepEqual(calls, ['rr', 'move', 'rr'])
    assert.deepEqual(lines, [])
    assert.equal(realtime, true)
  })
  it('moves first when told to, and never when told not to', () => {
    assert.deepEqual(apply({ ...wish, moveToRootCgroup: 'yes' }, { roundRobin: [0] }).calls, ['move', 'rr'])
    assert.deepEqual(apply({ ...wish, moveToRootCgroup: 'no' }, { roundRobin: [EPERM] }).calls, ['rr', 'nice -20'])
  })
  it('that an ordinary user may not have is said, line by line', () => {
    const { calls, lines, realtime } = apply(wish, { roundRobin: [EPERM, EPERM], moved: false, nice: EACCES })
    assert.deepEqual(calls, ['rr', 'move', 'rr', 'nice -20'])
    assert.deepEqual(lines, [
      "warning MAIN Can't open cgroups tasks file for writing",
      'warning MAIN Could not set SCHED_RR at priority 99: Operation not permitted (1)',
      'warning MAIN Could not set priority -20: Permission denied (13)',
    ])
    assert.equal(realtime, false)
  })
  it('switched off sets the priority, if there is one', () => {
    assert.deepEqual(apply({ ...wish, roundRobin: false }, { roundRobin: [] }).calls, [])
    assert.deepEqual(apply({ ...wish, roundRobin: false, priority: 'max' }, { roundRobin: [] }).calls, ['nice -20'])
    assert.deepEqual(apply({ ...wish, roundRobin: false, priority: 'min' }, { roundRobin: [] }).calls, ['nice 19'])
    assert.deepEqual(apply({ ...wish, roundRobin: false, priority: 5 }, { roundRobin: [] }).calls, ['nice 5'])
  })
})
