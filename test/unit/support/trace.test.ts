// The judge of real rings must be able to fail: each violation it knows is shown to it once, beside a correct history.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge, ORDERLY_END, parseTrace } from '../../support/trace.js'

interface Story {
  readonly node: number
  readonly lines: readonly string[]
  readonly end?: string
}

function verdict(...stories: Story[]): string[] {
  return judge(
    stories.map(({ node, lines, end = ORDERLY_END }) =>
      parseTrace(`n${node}`, [`P ${node} ${node * 10}`, ...lines, `X ${end}`, ''].join('\n')),
    ),
  )
}

function deliveries(node: number, ...seqs: number[]): string[] {
  return seqs.map(seq => `D ${node} ${node * 10} ${seq} 800 ok ${seq}`)
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
    assert.deepEqual(verdict({ node: 1, lines: [...sends(3), ...one] }, { node: 2, lines: two, end: 'killed' }), [])
  })
})

describe('a violation is found:', () => {
  const cases: [string, RegExp, Story, Story][] = [
    [
      'a message delivered twice',
      /0 of 1:10 again/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0, 0, 1)] },
      { node: 2, lines: [both, ...deliveries(1, 0, 1)] },
    ],
    [
      'messages of one sender out of order',
      /again or late/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0, 1)] },
      { node: 2, lines: [both, ...deliveries(1, 1, 0)] },
    ],
    [
      'a gap within a ring',
      /messages 1 to 1 of 1:10 missing/,
      { node: 1, lines: [...sends(3), both, ...deliveries(1, 0, 1, 2)] },
      { node: 2, lines: [both, ...deliveries(1, 0, 2)] },
    ],
    [
      'a gap across a change that both survived',
      /messages 1 to 1 of 1:10 missing in ring 1\.12/,
      { node: 1, lines: [...sends(3), both, ...deliveries(1, 0, 1), again, ...deliveries(1, 2)] },
      { node: 2, lines: [both, ...deliveries(1, 0), again, ...deliveries(1, 2)] },
    ],
    [
      'different deliveries before a change that both survived',
      /only one has 2:20\/0/,
      { node: 1, lines: ['R 1.4 1', both, ...deliveries(2, 0), again] },
      { node: 2, lines: ['S 0', 'R 2.4 2', both, again, ...deliveries(2, 0)] },
    ],
    [
      'more missing at a joiner than one frame holds behind a straddling message',
      /only one has 1:10\/2/,
      { node: 1, lines: [...sends(4), 'R 1.8 1', again, ...deliveries(1, 0, 1, 2, 3), 'R 1.16 1 2'] },
      { node: 2, lines: ['R 2.8 2', again, ...deliveries(1, 3), 'R 1.16 1 2'] },
    ],
    [
      'different order of two senders',
      /different order/,
      { node: 1, lines: ['S 0', both, ...deliveries(1, 0), ...deliveries(2, 0)] },
      { node: 2, lines: ['S 0', both, ...deliveries(2, 0), ...deliveries(1, 0)] },
    ],
    [
      'own messages that never came back',
      /own messages 1 to 1 were not delivered/,
      { node: 1, lines: [...sends(2), both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, ...deliveries(1, 0)] },
    ],
    [
      'a message that was never sent',
      /own message 0 delivered, but only 0/,
      { node: 1, lines: [both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, ...deliveries(1, 0)] },
    ],
    [
      'damage',
      /1 damaged/,
      { node: 1, lines: ['S 0', both, ...deliveries(1, 0)] },
      { node: 2, lines: [both, 'D 1 10 0 64 bad'] },
    ],
    [
      'one ring with two memberships',
      /ring 1\.8 has members 1 2 3/,
      { node: 1, lines: [both] },
      { node: 2, lines: ['R 1.8 1 2 3'] },
    ],
    [
      'a ring that goes back',
      /ring 1\.8 after ring sequence 12/,
      { node: 1, lines: [again, both] },
      { node: 2, lines: [both] },
    ],
    [
      'a ring without oneself',
      /not a member of its own ring/,
      { node: 1, lines: ['R 2.8 2 3'] },
      { node: 2, lines: ['R 2.8 2 3'] },
    ],
  ]
  for (const [what, expected, one, two] of cases)
    it(what, () => {
      const found = verdict(one, two)
      assert.ok(
        found.some(text => expected.test(text)),
        `found only: ${found.join('; ') || 'nothing'}`,
      )
    })
})
