// The events from which the laboratory explains a run: who holds whom for failed and why, what becomes of the token.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TotemEvent } from '../../../src/totem/events.js'
import { createJoin } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { type Member, RingNetwork } from '../../support/ring-network.js'

const wire = createGeneration3()
const ORF_TOKEN = 0
const TYPE_AT = 3

function form(ids: readonly number[]) {
  const network = new RingNetwork()
  const members = ids.map(id => network.start(id))
  network.run(2000)
  for (const member of members) assert.deepEqual(member.ring.members, ids)
  return { network, members, since: members.map(({ events }) => events.length) }
}

function join(from: number, failedList: number[], ringSeq: number): Uint8Array {
  const message = { ...createJoin(), nodeId: from, systemFrom: from, procList: [1, 2], failedList, ringSeq }
  const bytes = new Uint8Array(wire.joinLength(2, failedList.length))
  wire.writeJoin(message, bytes, 0)
  return bytes
}

function declarations(member: Member, since: number): TotemEvent[] {
  return member.events.slice(since).filter(({ kind }) => kind === 'heldForFailed' || kind === 'silentProcessors')
}

describe('a node explains that it holds another for failed', () => {
  it('because that one is silent', () => {
    const { network, members, since } = form([1, 2])
    network.kill(2)
    network.run(3000)
    assert.deepEqual(declarations(members[0]!, since[0]!), [{ kind: 'silentProcessors', nodeIds: [2] }])
  })

  it('because that one says that it leaves', () => {
    const { network, members, since } = form([1, 2, 3])
    members[2]!.ring.leave(network.now)
    network.kill(3)
    network.run(100)
    assert.deepEqual(declarations(members[0]!, since[0]!)[0], {
      kind: 'heldForFailed',
      nodeIds: [3],
      by: 3,
      because: 'leaves',
    })
  })

  it('because a member of its ring names it', () => {
    const { network, members, since } = form([1, 2, 3])
    network.inject(join(2, [3], members[1]!.ring.ring.seq), 1)
    network.run(1)
    assert.deepEqual(declarations(members[0]!, since[0]!)[0], {
      kind: 'heldForFailed',
      nodeIds: [3],
      by: 2,
      because: 'names',
    })
  })

  it('because that one holds it for failed itself', () => {
    const { network, members, since } = form([1, 2])
    network.pass = (from, to) => from === to
    while (members[0]!.ring.state !== 'gather') network.run(1)
    network.inject(join(2, [1], members[1]!.ring.ring.seq), 1)
    network.run(1)
    assert.deepEqual(declarations(members[0]!, since[0]!), [
      { kind: 'heldForFailed', nodeIds: [2], by: 2, because: 'holdsMe' },
    ])
  })
})

describe('a node tells of the token', () => {
  it('that it is held by the representative alone while nobody sends', () => {
    const { network, members, since } = form([1, 2])
    network.run(1000)
    const held = members.map(
      ({ events }, i) => events.slice(since[i]!).filter(({ kind }) => kind === 'tokenHeld').length,
    )
    assert.ok(held[0]! > 1)
    assert.equal(held[1], 0)
  })

  it('that it is sent again when it got lost', () => {
    const { network, members, since } = form([1, 2])
    let lost = 0
    network.pass = (from, to, bytes) => !(from === 1 && to === 2 && bytes[TYPE_AT] === ORF_TOKEN && lost++ === 0)
    network.run(1000)
    assert.equal(lost > 1, true)
    assert.equal(members[0]!.events.slice(since[0]!).filter(({ kind }) => kind === 'tokenResent').length, 1)
    assert.ok(members[0]!.events.slice(since[0]!).every(({ kind }) => kind !== 'tokenLost'))
  })

  it('that the transitional phase is over, once per ring', () => {
    const { members } = form([1, 2, 3])
    for (const { events, changes } of members) {
      const rings = changes.filter(({ kind }) => kind === 'regular').length
      assert.equal(events.filter(({ kind }) => kind === 'synchronised').length, rings)
    }
  })
})
