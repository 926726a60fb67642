import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Absent, CIRCLE_ROUNDS, PATIENCE_ROUNDS } from '../../../src/totem/absent.js'
import type { Grounds } from '../../../src/totem/gather-sets.js'
import { createJoin, type Join } from '../../../src/wire/generation.js'

/** The ring is {1, 2}, formed without 3. */
const MEMBERS = [1, 2]
const ROUND_MS = 10
const PATIENT_UNTIL = PATIENCE_ROUNDS * ROUND_MS

function without3(grounds: Grounds): Absent {
  const absent = new Absent()
  absent.formed(new Map([[3, grounds]]), 0, ROUND_MS)
  return absent
}

function joinOf3(failedList: number[]): Join {
  return { ...createJoin(), nodeId: 3, systemFrom: 3, procList: [1, 2, 3], failedList }
}

describe('a processor that the ring was formed without', () => {
  it('is heard by whoever found it silent', () => {
    const absent = without3({ kind: 'silent' })
    assert.ok(absent.admits(3, MEMBERS, 0))
    assert.ok(absent.admitsJoin(joinOf3([]), MEMBERS, 0))
  })

  it('is not heard by whoever was told of it, as long as the one who told is here', () => {
    const absent = without3({ kind: 'told', by: 2 })
    assert.ok(!absent.admits(3, MEMBERS, 0))
    assert.ok(!absent.admitsJoin(joinOf3([]), MEMBERS, 0))
    const byAnother = without3({ kind: 'told', by: 4 })
    assert.ok(byAnother.admits(3, MEMBERS, 0))
    assert.ok(byAnother.admitsJoin(joinOf3([]), MEMBERS, 0))
  })

  it('has to ask first when it refused one of us', () => {
    const absent = without3({ kind: 'refuses', whom: [1] })
    assert.ok(!absent.admits(3, MEMBERS, 0))
    assert.ok(absent.admitsJoin(joinOf3([]), MEMBERS, 0))
    assert.ok(without3({ kind: 'refuses', whom: [4] }).admits(3, MEMBERS, 0))
  })

  it('does not come in while it holds one of us for failed', () => {
    for (const grounds of [{ kind: 'silent' }, { kind: 'told', by: 4 }, { kind: 'refuses', whom: [1] }] as Grounds[]) {
      assert.ok(!without3(grounds).admitsJoin(joinOf3([2]), MEMBERS, 0))
      assert.ok(without3(grounds).admitsJoin(joinOf3([4]), MEMBERS, 0))
    }
  })

  it('is heard again when patience ends', () => {
    for (const grounds of [
      { kind: 'told', by: 2 },
      { kind: 'refuses', whom: [1] },
    ] as Grounds[]) {
      assert.ok(!without3(grounds).admits(3, MEMBERS, PATIENT_UNTIL - 1))
      assert.ok(without3(grounds).admits(3, MEMBERS, PATIENT_UNTIL))
      assert.ok(without3(grounds).admitsJoin(joinOf3([]), MEMBERS, PATIENT_UNTIL))
    }
  })

  it('is called by those who wait for it, and a stranger is heard', () => {
    const absent = new Absent()
    absent.formed(
      new Map<number, Grounds>([
        [3, { kind: 'refuses', whom: [1] }],
        [4, { kind: 'silent' }],
      ]),
      0,
      ROUND_MS,
    )
    assert.deepEqual([...absent.refusing()], [3])
    assert.ok(absent.isAsked(3, 1, 1, MEMBERS, 0))
    assert.ok(!absent.isAsked(4, 1, 1, MEMBERS, 0))
    assert.ok(absent.admits(9, MEMBERS, 0))
    assert.ok(absent.admitsJoin({ ...createJoin(), systemFrom: 9, failedList: [1] }, MEMBERS, 0))
  })

  it('is taken to mean me when it keeps calling for another one of us, ever more rarely while that does not help', () => {
    const refuses = { kind: 'refuses', whom: [1], carried: true } as const
    const absent = without3(refuses)
    const asked = (whom: number, now: number) => absent.isAsked(3, whom, 1, MEMBERS, now)
    assert.ok(!asked(2, CIRCLE_ROUNDS * ROUND_MS - 1))
    assert.ok(!asked(4, CIRCLE_ROUNDS * ROUND_MS), 'for one who is not here')
    assert.ok(asked(2, CIRCLE_ROUNDS * ROUND_MS))
    absent.formed(new Map([[3, refuses]]), 1000, ROUND_MS)
    assert.ok(!asked(2, 1000 + 2 * CIRCLE_ROUNDS * ROUND_MS - 1))
    assert.ok(asked(2, 1000 + 2 * CIRCLE_ROUNDS * ROUND_MS))
    // It has been in the ring: what was before is forgotten.
    absent.formed(new Map(), 2000, ROUND_MS)
    absent.formed(new Map([[3, refuses]]), 3000, ROUND_MS)
    assert.ok(asked(2, 3000 + CIRCLE_ROUNDS * ROUND_MS))
    // Grounds of the formation of this very ring leave no circle.
    absent.formed(new Map([[3, { kind: 'refuses', whom: [1] }]]), 4000, ROUND_MS)
    assert.ok(!asked(2, 4000 + CIRCLE_ROUNDS * ROUND_MS))
  })
})
