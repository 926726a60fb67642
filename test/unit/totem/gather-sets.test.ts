import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatherSets } from '../../../src/totem/gather-sets.js'
import { createJoin, type Join, PROCESSOR_COUNT_MAX } from '../../../src/wire/generation.js'

function join(systemFrom: number, procList: number[], failedList: number[], ringSeq = 8): Join {
  return { ...createJoin(), nodeId: systemFrom, systemFrom, procList, failedList, ringSeq }
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

/** Processor 1 in GATHER; its old ring was {1, 2, 3, 4}, number 8. */
function gatheringAfter(failed: (sets: GatherSets) => void = () => {}): GatherSets {
  const sets = new GatherSets(1)
  for (const processor of MEMBERS) sets.proc.add(processor)
  sets.resetConsensus()
  failed(sets)
  sets.installed(MEMBERS, 8)
  sets.resetConsensus()
  return sets
}
const MEMBERS = [1, 2, 3, 4]

describe('the grounds on which a processor is held for failed', () => {
  it('are silence when it does not agree in time', () => {
    const sets = gatheringAfter()
    for (const sender of [2, 3]) sets.absorb(join(sender, MEMBERS, []), MEMBERS, false)
    assert.deepEqual(sets.failSilent(), [4])
    assert.deepEqual([...sets.grounds], [[4, { kind: 'silent' }]])
  })

  it('are who told of it, and remain so when others tell it too', () => {
    const sets = gatheringAfter()
    sets.absorb(join(2, MEMBERS, [4]), MEMBERS, false)
    sets.absorb(join(3, MEMBERS, [4]), MEMBERS, false)
    assert.deepEqual([...sets.grounds], [[4, { kind: 'told', by: 2 }]])
  })

  it('are that it refuses me, or one of those I am with', () => {
    const sets = gatheringAfter()
    sets.absorb(join(4, MEMBERS, [1]), MEMBERS, false)
    assert.deepEqual([...sets.grounds], [[4, { kind: 'refuses', whom: [1] }]])

    const others = gathering()
    others.absorb(join(2, [1, 2, 3], [], 8), OLD_MEMBERS, false)
    // Not believed, being of no member; but it does not agree either.
    others.absorb(join(3, [1, 2, 3], [2], 8), OLD_MEMBERS, false)
    assert.deepEqual(others.failSilent(), [3])
    assert.deepEqual([...others.grounds], [[3, { kind: 'refuses', whom: [2] }]])
  })

  it('are that it is deaf, when it is heard but does not answer', () => {
    const sets = gatheringAfter()
    for (const sender of [2, 3]) sets.absorb(join(sender, MEMBERS, []), MEMBERS, false)
    sets.didNotAnswer(3)
    sets.didNotAnswer(4)
    sets.failSilent()
    assert.deepEqual([...sets.grounds], [[4, { kind: 'refuses', whom: [1] }]])
  })

  it('are silence when a join of the past tells it: who knew it first cannot be told from that', () => {
    const sets = gatheringAfter()
    sets.absorb(join(2, MEMBERS, [4], 4), MEMBERS, false)
    sets.absorb(join(3, MEMBERS, [1], 4), MEMBERS, false)
    assert.deepEqual(
      [...sets.grounds],
      [
        [4, { kind: 'silent' }],
        [3, { kind: 'silent' }],
      ],
    )
  })

  it('are silence when it announced its leave', () => {
    const sets = gatheringAfter()
    sets.absorb({ ...join(4, [1, 2, 3], [4]), leave: true }, MEMBERS, false)
    assert.deepEqual([...sets.grounds], [[4, { kind: 'silent' }]])
  })

  it('are the former ones when a member repeats what it may have from me', () => {
    const sets = new GatherSets(1)
    for (const processor of MEMBERS) sets.proc.add(processor)
    sets.resetConsensus()
    for (const sender of [2, 3]) sets.absorb(join(sender, MEMBERS, []), MEMBERS, false)
    sets.failSilent()
    sets.installed([1, 2, 3], 12)
    sets.absorb(join(2, MEMBERS, [4], 12), [1, 2, 3], false)
    assert.deepEqual([...sets.grounds], [[4, { kind: 'silent' }]])
  })

  it('end with the ring', () => {
    const sets = gatheringAfter(sets => sets.failSilent())
    assert.deepEqual([...sets.grounds], [])
    assert.deepEqual([...sets.failed], [])
  })
})

describe('two that hold each other for failed', () => {
  it('are not both believed: a third stays with the one it heard first', () => {
    const sets = gatheringAfter()
    sets.absorb(join(2, MEMBERS, [3]), MEMBERS, false)
    sets.absorb(join(3, MEMBERS, [2]), MEMBERS, false)
    sets.absorb(join(4, MEMBERS, [2]), MEMBERS, false)
    assert.deepEqual([...sets.failed], [3])
  })

  it('are both given up when another has given up both', () => {
    const sets = gatheringAfter()
    sets.absorb(join(2, MEMBERS, [3]), MEMBERS, false)
    sets.absorb(join(4, MEMBERS, [2, 3]), MEMBERS, false)
    assert.deepEqual([...sets.failed], [3, 2])
  })
})

describe('an outsider that holds me for failed', () => {
  it('is not believed by one who is wary, a member is', () => {
    const sets = gathering()
    assert.equal(sets.absorb(join(3, [1, 2, 3], [1]), OLD_MEMBERS, true), 'nothing')
    assert.deepEqual([...sets.failed], [])
    assert.equal(sets.absorb(join(2, [1, 2, 3], [1]), OLD_MEMBERS, true), 'merged')
    assert.deepEqual([...sets.failed], [2])
  })
})

describe('two whose sets do not fit into one message', () => {
  const strangers = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index)

  function naming(count: number): GatherSets {
    const sets = gathering()
    for (const stranger of strangers(1000, count)) sets.proc.add(stranger)
    return sets
  }

  it('agree in the end: the one who names more begins again from its own ring', () => {
    const sets = naming(300)
    const fewer = join(3, [1, 2, 3, ...strangers(2000, 200)], [])
    assert.ok(!sets.hasRoomFor(fewer))
    assert.ok(sets.startAgainFor(fewer, OLD_MEMBERS))
    assert.deepEqual([...sets.proc], OLD_MEMBERS)
    assert.equal(sets.absorb(fewer, OLD_MEMBERS, false), 'merged')
    assert.equal(sets.proc.size, 203)
  })

  it('do not both begin again', () => {
    const mine = [1, 2, 3, ...strangers(1000, 300)]
    const theirs = [1, 2, 3, ...strangers(2000, 300)]
    const sets = naming(300)
    assert.ok(!sets.startAgainFor(join(3, theirs, []), OLD_MEMBERS))
    const other = new GatherSets(3)
    for (const processor of theirs) other.proc.add(processor)
    assert.ok(other.startAgainFor(join(1, mine, []), [3]))
  })

  it('do it once until the consensus timer ends', () => {
    const sets = naming(300)
    const fewer = join(3, [1, 2, 3, ...strangers(2000, 200)], [])
    assert.ok(sets.startAgainFor(fewer, OLD_MEMBERS))
    for (const stranger of strangers(3000, 380)) sets.proc.add(stranger)
    assert.ok(!sets.startAgainFor(fewer, OLD_MEMBERS))
    sets.failSilent()
    assert.ok(sets.startAgainFor(fewer, OLD_MEMBERS))
  })

  it('stay apart while even the own ring leaves no room', () => {
    const full = strangers(1000, PROCESSOR_COUNT_MAX - 1)
    const sets = naming(PROCESSOR_COUNT_MAX)
    assert.ok(!sets.startAgainFor(join(3, full, []), OLD_MEMBERS))
  })
})
