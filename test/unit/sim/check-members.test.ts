// The judge of groups must be able to fail: each violation it knows is shown to it once, beside a correct history.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type EndKind, encodeEvent, encodeHeader, type MemberEvent } from '../../../src/recorder/format.js'
import { judge, report } from '../../../src/sim/check/check.js'
import type { TraceViolation } from '../../../src/sim/check/verdict.js'
import { livesOf } from '../../support/recorded-run.js'

/** Lines: "R ring member...", "S counter" (sent), "D node pid counter bytes ok|bad", "M member... | left... | joined...". */
interface Story {
  readonly node: number
  readonly lines: readonly string[]
  readonly end?: EndKind | 'cut'
}

const hashOf = (counter: number) => 1000 + counter

function eventOf(line: string): MemberEvent {
  const [kind, ...words] = line.split(' ')
  switch (kind) {
    case 'R': {
      const [nodeId, seq] = words[0]!.split('.')
      const ring = { nodeId: Number(nodeId), seq: Number.parseInt(seq!, 16) }
      return { t: 0, event: 'ring', ring, members: words.slice(1).map(Number) }
    }
    case 'S':
      return { t: 0, event: 'sent', counter: Number(words[0]), hash: hashOf(Number(words[0])), bytes: 800 }
    case 'D': {
      const [node, pid, counter, bytes, verdict] = words
      const hash = verdict === 'ok' ? hashOf(Number(counter)) : 1
      const isMarked = counter !== '-'
      return {
        t: 0,
        event: 'message',
        sender: `${node}:${pid}`,
        counter: isMarked ? Number(counter) : null,
        hash: isMarked ? hash : 7,
        bytes: Number(bytes),
      }
    }
    default: {
      const [members, left, joined] = words
        .join(' ')
        .split('|')
        .map(part => part.split(' ').filter(word => word !== ''))
      return {
        t: 0,
        event: 'membership',
        members: members!,
        left: left!.map(member => ({ member, reason: 'leave' })),
        joined: joined!.map(member => ({ member, reason: 'join' })),
      }
    }
  }
}

function textOf({ node, lines, end = 'settled' }: Story): string {
  const all = [encodeHeader({ recorder: 'member', node, pid: node * 10, started: 0, group: 'g' })]
  for (const line of lines) all.push(encodeEvent(eventOf(line)))
  if (end !== 'cut') all.push(encodeEvent({ t: 0, event: 'end', how: end }))
  return `${all.join('\n')}\n`
}

function judged(...stories: Story[]) {
  return judge(stories.flatMap(story => livesOf(`n${story.node}`, textOf(story))))
}

function verdict(...stories: Story[]): readonly TraceViolation[] {
  return judged(...stories)[0]!.violations
}

function deliveries(node: number, ...seqs: number[]): string[] {
  return seqs.map(seq => `D ${node} ${node * 10} ${seq} 800 ok`)
}

function sends(count: number): string[] {
  return Array.from({ length: count }, (_, seq) => `S ${seq}`)
}

const both = 'R 1.8 1 2'
const again = 'R 1.12 1 2'
const alone = (node: number) => `R ${node}.12 ${node}`

describe('a correct history', () => {
  it('passes, through a change that both survive', () => {
    const seen = [both, ...deliveries(1, 0, 1), again, ...deliveries(1, 2)]
    assert.deepEqual(verdict({ node: 1, lines: [...sends(3), ...seen] }, { node: 2, lines: seen }), [])
  })
  it('may have a gap where sender and receiver were apart', () => {
    const one = [both, ...deliveries(1, 0), alone(1), ...deliveries(1, 1, 2), 'R 1.16 1 2', ...deliveries(1, 3)]
    const two = [both, ...deliveries(1, 0), alone(2), 'R 1.16 1 2', ...deliveries(1, 3)]
    assert.deepEqual(verdict({ node: 1, lines: [...sends(4), ...one] }, { node: 2, lines: two }), [])
  })
  it('may begin late for a program that joined while the ring stood', () => {
    const one = [both, ...deliveries(1, 0, 1, 2)]
    const two = [both, ...deliveries(1, 1, 2)]
    assert.deepEqual(verdict({ node: 1, lines: [...sends(3), ...one] }, { node: 2, lines: two }), [])
  })
  it('may keep from a joiner a message that straddles the change, with what was packed behind its end', () => {
    const one = ['R 1.8 1', again, ...deliveries(1, 0, 1, 2)]
    const two = ['R 2.8 2', again, ...deliveries(1, 2)]
    assert.deepEqual(verdict({ node: 1, lines: [...sends(3), ...one] }, { node: 2, lines: two }), [])
  })
  it('may end early for a program whose daemon died', () => {
    const one = [both, ...deliveries(1, 0, 1, 2), alone(1)]
    const two = [both, ...deliveries(1, 0)]
    assert.deepEqual(verdict({ node: 1, lines: [...sends(3), ...one] }, { node: 2, lines: two, end: 'cut' }), [])
  })
  it('may end at different places for members that leave one after the other', () => {
    const ring = 'R 1.8 1 2 3'
    const one = [ring, ...deliveries(2, 0)]
    const two = [ring, ...sends(3), ...deliveries(2, 0, 1, 2)]
    const three = [ring, ...deliveries(2, 0, 1)]
    assert.deepEqual(
      verdict(
        { node: 1, lines: one, end: 'left' },
        { node: 2, lines: two, end: 'left' },
        { node: 3, lines: three, end: 'left' },
      ),
      [],
    )
  })
  it('may have members that come and go', () => {
    const lines = [both, 'M 1:10|| 1:10', 'M 1:10 2:20||2:20', 'M 1:10|2:20|']
    assert.deepEqual(verdict({ node: 1, lines }), [])
  })
})

describe('what cannot be judged is said:', () => {
  const lines = (...stories: Story[]) => report(judged(...stories)).join('\n')

  it('a sender without a recording', () => {
    const text = lines({ node: 1, lines: [both, ...deliveries(2, 0, 1)] })
    assert.match(text, /B1 .* not judged +2 messages, whose sender has no recording of them/)
  })
  it('a recording that was cut off', () => {
    const text = lines({ node: 1, lines: [...sends(2), both, ...deliveries(1, 0)], end: 'cut' })
    assert.match(text, /n1:1: cut off; member 1:10 is judged up to there/)
    assert.match(text, /D1 .* not judged +2 own messages/)
    assert.match(text, /\nno violations/)
  })
  it('messages that no recorder made', () => {
    const text = lines({ node: 1, lines: [both, 'D 2 20 - 5 ok', 'D 2 20 - 5 ok'] })
    assert.match(text, /2 deliveries of messages without a recorder's counter, not judged/)
  })
})

describe('a violation is found:', () => {
  const cases: [string, string, RegExp, Story, Story][] = [
    [
      'a message delivered twice',
      'B2',
      /twice: message 0 of 1:10/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0, 0, 1)] },
      { node: 2, lines: [both, ...deliveries(1, 0, 1)] },
    ],
    [
      'messages of one sender out of order',
      'B6',
      /after message 1: message 0 of 1:10/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0, 1)] },
      { node: 2, lines: [both, ...deliveries(1, 1, 0)] },
    ],
    [
      'a gap within a ring',
      'D2',
      /messages 1 to 1 of 1:10 are missing/,
      { node: 1, lines: [...sends(3), both, ...deliveries(1, 0, 1, 2)] },
      { node: 2, lines: [both, ...deliveries(1, 0, 2)] },
    ],
    [
      'a gap across a change that both survived',
      'D2',
      /messages 1 to 1 of 1:10 are missing, in ring 1\.12/,
      { node: 1, lines: [...sends(3), both, ...deliveries(1, 0, 1), again, ...deliveries(1, 2)] },
      { node: 2, lines: [both, ...deliveries(1, 0), again, ...deliveries(1, 2)] },
    ],
    [
      'different deliveries before a change that both survived',
      'D2',
      /only one has 2:20\/0/,
      { node: 1, lines: ['R 1.4 1', both, ...deliveries(2, 0), again] },
      { node: 2, lines: ['S 0', 'R 2.4 2', both, again, ...deliveries(2, 0)] },
    ],
    [
      'more missing at a joiner than one frame holds behind a straddling message',
      'D2',
      /only one has 1:10\/2/,
      { node: 1, lines: [...sends(4), 'R 1.8 1', again, ...deliveries(1, 0, 1, 2, 3), 'R 1.16 1 2'] },
      { node: 2, lines: ['R 2.8 2', again, ...deliveries(1, 3), 'R 1.16 1 2'] },
    ],
    [
      'different order of two senders',
      'D4',
      /different order/,
      { node: 1, lines: ['S 0', both, ...deliveries(1, 0), ...deliveries(2, 0)] },
      { node: 2, lines: ['S 0', both, ...deliveries(2, 0), ...deliveries(1, 0)] },
    ],
    [
      'own messages that never came back',
      'D1',
      /1 of its own messages did not come back: 1/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, ...deliveries(1, 0)] },
    ],
    [
      'a message that was never sent',
      'B1',
      /message 0 of 1:10 was never sent/,
      { node: 1, lines: [both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, ...deliveries(1, 0)] },
    ],
    [
      'damage',
      'B5',
      /not as it was sent/,
      { node: 1, lines: ['S 0', both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, 'D 1 10 0 800 bad'] },
    ],
    [
      'one ring with two memberships',
      'C2',
      /ring 1\.8 is \{1 2 3\}/,
      { node: 1, lines: [both] },
      { node: 2, lines: ['R 1.8 1 2 3'] },
    ],
    [
      'a ring that goes back',
      'C3',
      /ring 1\.8 after ring sequence 12/,
      { node: 1, lines: [again, both] },
      { node: 2, lines: [both] },
    ],
    [
      'a ring without oneself',
      'C1',
      /not in its own ring/,
      { node: 1, lines: ['R 2.8 2 3'] },
      { node: 2, lines: ['R 2.8 2 3'] },
    ],
    [
      'a message of a sender without a recording that two receivers have with other bytes',
      'B5',
      /3:30\/0 has other bytes/,
      { node: 1, lines: [both, ...deliveries(3, 0)] },
      { node: 2, lines: [both, 'D 3 30 0 800 bad'] },
    ],
    [
      'a message that one of two who leave lacks between others',
      'D2',
      /3:30\/1 where the other has 3:30\/2/,
      { node: 1, lines: [both, ...deliveries(3, 0, 1, 2)], end: 'left' },
      { node: 2, lines: [both, ...deliveries(3, 0, 2)], end: 'left' },
    ],
    [
      'members that do not follow from those before',
      'S2',
      /it should be \{1:10 2:20\}/,
      { node: 1, lines: [both, 'M 1:10||1:10', 'M 1:10 3:30||2:20'] },
      { node: 2, lines: [both] },
    ],
  ]
  for (const [what, property, expected, one, two] of cases)
    it(what, () => {
      const found = verdict(one, two)
      assert.ok(
        found.some(violation => violation.property === property && expected.test(violation.text)),
        `found only: ${found.map(({ property, text }) => `${property} ${text}`).join('; ') || 'nothing'}`,
      )
    })
})
