// What is read off logs and recordings of a ring under a cut, on a few lines of each.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodeEvent, encodeHeader, type MemberEvent } from '../../../src/recorder/format.js'
import type { MemberLife } from '../../../src/recorder/reader.js'
import { changesOf, inOneRing, membersAgree, patternName, serviceOf } from '../../support/cuts.js'
import { livesOf } from '../../support/recorded-run.js'

describe('configuration changes in a log', () => {
  const c = [
    'Nov 20 17:10:59.951 [9] vm corosync notice  [QUORUM] Sync members[2]: 1 3',
    'Nov 20 17:10:59.951 [9] vm corosync notice  [QUORUM] Sync joined[1]: 1',
    'Nov 20 17:10:59.951 [9] vm corosync notice  [TOTEM ] A new membership (1.9) was formed. Members joined: 1',
    'Nov 20 17:10:59.955 [9] vm corosync notice  [QUORUM] Members[2]: 1 3',
    'Nov 20 17:11:00.051 [9] vm corosync notice  [QUORUM] Sync members[3]: 1 2 3',
    'Nov 20 17:11:00.051 [9] vm corosync notice  [TOTEM ] A new membership (1.d) was formed. Members joined: 2',
  ]

  it('are found in lines of the C daemon, local time without a year', () => {
    assert.deepEqual(changesOf(c.join('\n'), 2026), [
      { atMs: new Date(2026, 10, 20, 17, 10, 59, 951).getTime(), members: [1, 3] },
      { atMs: new Date(2026, 10, 20, 17, 11, 0, 51).getTime(), members: [1, 2, 3] },
    ])
  })

  it('are found in lines of ours', () => {
    const ours = [
      '2026-11-20T17:11:00.058Z notice [QUORUM] Sync members[3]: 1 2 3',
      '2026-11-20T17:11:00.058Z notice [TOTEM] A new membership (1.d) was formed. Members joined: 1 3',
    ]
    assert.deepEqual(changesOf(ours.join('\n'), 1999), [
      { atMs: Date.UTC(2026, 10, 20, 17, 11, 0, 58), members: [1, 2, 3] },
    ])
  })

  it('without members or time are an error, not a guess', () => {
    assert.throws(() => changesOf(c[2]!, 2026), /no members/)
    assert.throws(() => changesOf([c[0], c[2]!.replace('Nov 20', 'today')].join('\n'), 2026), /no time/)
  })
})

describe('the service of a node', () => {
  const STARTED = 5000
  const recording = (...events: MemberEvent[]) => {
    const header = encodeHeader({ recorder: 'member', node: 1, pid: 10, started: STARTED, group: 'g' })
    return livesOf('n1', [header, ...events.map(encodeEvent), ''].join('\n'))[0] as MemberLife
  }
  const ring = (seq: number, ...members: number[]): MemberEvent => {
    return { t: 0, event: 'ring', ring: { nodeId: 1, seq }, members }
  }
  const from = (node: number, ...times: number[]): MemberEvent[] =>
    times.map((t, counter) => ({ t, event: 'message', sender: `${node}:${node * 10}`, counter, hash: 1, bytes: 64 }))
  const serviceIn = (life: MemberLife, nodes: number) => serviceOf(life, nodes, STARTED, STARTED + 1000)

  it('is the share of slots with a message of another, and the longest silence, also at the ends', () => {
    const seen = recording(ring(8, 1, 2, 3), ...from(2, 100, 300, 350))
    assert.deepEqual(serviceIn(seen, 3), { share: 2 / 4, longestSilenceMs: 650 })
  })

  it('counts neither own messages, nor those in a ring without a majority, nor those of other times', () => {
    const seen = recording(ring(8, 1, 2), ...from(2, 100), ring(12, 1, 2, 3), ...from(1, 200), ...from(3, 1000))
    assert.deepEqual(serviceIn(seen, 5), { share: 0, longestSilenceMs: 1000 })
  })
})

describe('a pattern of cuts', () => {
  it('is named by its directions', () => {
    assert.equal(patternName({ nodes: 3, cuts: [[2, 1]] }), '3 nodes, 2 -> 1 cut')
    assert.equal(patternName({ nodes: 5, cuts: [[2, 4], [4, 2]] }), '5 nodes, 2 - 4 cut both ways') // biome-ignore format: pairs
    assert.equal(patternName({ nodes: 3, cuts: [] }), '3 nodes, nothing cut')
  })
})

describe('one ring', () => {
  it('needs the last configuration of every node to hold all', () => {
    const ending = (...members: number[][]) => members.map(membersAtLast => ({ membersAtLast }))
    assert.equal(inOneRing(ending([1, 2], [1, 2])), true)
    assert.equal(inOneRing(ending([1, 2], [2])), false)
  })
})

describe('members agree', () => {
  const ending = (...members: number[][]) => membersAgree(members.map((members, i) => ({ node: i + 1, members })))
  it('when the nodes of each ring have the same list', () => {
    assert.equal(ending([1], [2, 3], [2, 3]), true)
  })
  it('but not when one still has a ring that the others have left', () => {
    assert.equal(ending([1, 2, 3], [2, 3], [2, 3]), false)
  })
})
