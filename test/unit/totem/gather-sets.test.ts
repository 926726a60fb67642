import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatherSets } from '../../../src/totem/gather-sets.js'
import { createJoin, type Join } from '../../../src/wire/generation.js'

function join(systemFrom: number, procList: number[], failedList: number[]): Join {
  return { ...createJoin(), nodeId: systemFrom, systemFrom, procList, failedList }
}

/** Processor 1 in GATHER; its old ring was {1, 2}. */
const OLD_MEMBERS = [1, 2]

function gathering(): GatherSets {
  const sets = new GatherSets(1)
  for (const processor of [1, 2, 3]) sets.proc.add(processor)
  sets.resetConsensus()
  return sets
}

describe('a join during GATHER', () => {
  it('of one outside the old ring that holds a third for failed changes nothing, and is not answered', () => {
    const sets = gathering()
    assert.equal(sets.absorb(join(3, [1, 2, 3], [2]), OLD_MEMBERS, false), 'nothing')
    assert.deepEqual([...sets.failed], [])
  })

  it('of a member of the old ring that holds a third for failed is believed', () => {
    const sets = gathering()
    assert.equal(sets.absorb(join(2, [1, 2, 3], [3]), OLD_MEMBERS, false), 'merged')
    assert.deepEqual([...sets.failed], [3])
    assert.equal(sets.absorb(join(2, [1, 2, 3], [3]), OLD_MEMBERS, false), 'same')
  })

  it('of one that holds me for failed makes it failed', () => {
    const sets = gathering()
    assert.equal(sets.absorb(join(3, [2, 3], [1]), OLD_MEMBERS, false), 'merged')
    assert.deepEqual([...sets.failed], [3])
    assert.equal(sets.absorb(join(3, [2, 3], [1]), OLD_MEMBERS, false), 'nothing')
  })

  it('that names somebody new has to be answered', () => {
    const sets = gathering()
    assert.equal(sets.absorb(join(3, [1, 2, 3, 4], []), OLD_MEMBERS, false), 'merged')
    assert.deepEqual([...sets.proc], [1, 2, 3, 4])
  })
})
