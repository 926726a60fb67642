// `corosync-sim check` on recordings of engines, through files: a violation of each property is found, a correct history
// passes, and what recordings lack (their end, a piece, a whole node) is said and not taken for a violation.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { check } from '../../../src/cli/check.js'
import { type EngineEvent, encodeEvent, encodeHeader } from '../../../src/recorder/format.js'

const folder = mkdtempSync(join(tmpdir(), 'corosync-check-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function write(text: string): string {
  const path = join(folder, `trace-${++files}`)
  writeFileSync(path, text)
  return path
}

function ringOf(name: string) {
  const [nodeId, seq] = name.split('.')
  return { nodeId: Number(nodeId), seq: Number.parseInt(seq!, 16) }
}

/**
 * Lines: "T ring previous|- member..." and "R ring member..." (configurations), "N ring seq [hash]" (numbered),
 * "D ring seq origin [hash]" (delivered), "G lost" (gap), "E how" (end).
 */
function eventOf(line: string): EngineEvent {
  const [kind, first = '', ...rest] = line.split(' ')
  const numbers = rest.map(Number)
  const packet = (hash: number | undefined) => ({ hash: hash ?? numbers[0]!, bytes: 10 })
  switch (kind) {
    case 'T': {
      const previous = rest[0] === '-' ? null : ringOf(rest[0]!)
      return { t: 0, event: 'transitional', ring: ringOf(first), previous, members: numbers.slice(1) }
    }
    case 'R':
      return { t: 0, event: 'regular', ring: ringOf(first), previous: null, members: numbers }
    case 'N':
      return { t: 0, event: 'numbered', ring: ringOf(first), seq: numbers[0]!, ...packet(numbers[1]) }
    case 'D':
      return {
        t: 0,
        event: 'delivered',
        ring: ringOf(first),
        seq: numbers[0]!,
        origin: numbers[1]!,
        ...packet(numbers[2]),
      }
    case 'G':
      return { t: 0, event: 'gap', lost: Number(first) }
    default:
      return { t: 0, event: 'end', how: first as 'left' }
  }
}

/** The recording of one life: its lines follow each other, separated by commas. */
function trace(node: number, story: string, started = 0): string {
  const lines = story
    .split(',')
    .map(line => line.trim())
    .filter(line => line !== '')
  const header = encodeHeader({ recorder: 'engine', node, pid: 50, started })
  return `${[header, ...lines.map(line => encodeEvent(eventOf(line)))].join('\n')}\n`
}

function judged(...texts: string[]): { status: number; output: string } {
  const lines: string[] = []
  const paths = texts.map(write)
  const print = (line: string) => lines.push(line)
  return { status: check(paths, print, print), output: lines.join('\n') }
}

/** What the nodes 1 and 2 do first, both for themselves and together. */
const joined = 'T 1.8 - , R 1.8 1 2'
const [A1, A2] = [joined, joined]

describe('a correct history', () => {
  it('passes, through a change with a hole, a death and a return', () => {
    const ring = (node: number) => `T 1.8 - ${node}, R 1.8 1 2 3`
    const story = (node: number, sends: string) =>
      `${ring(node)}, ${sends} D 1.8 1 1, T 1.c 1.8 1 2, D 1.8 3 2, R 1.c 1 2, ` +
      `T 1.10 1.c 1 2, R 1.10 1 2 3, ${node === 1 ? 'N 1.10 9,' : ''} D 1.10 9 1, E settled`
    const { status, output } = judged(
      trace(1, story(1, 'N 1.8 1,')),
      trace(2, story(2, 'N 1.8 3,')),
      // 3 dies with packet 2, which nobody else has.
      trace(3, `${ring(3)}, N 1.8 2, D 1.8 1 1, D 1.8 2 3`, 1),
      trace(3, 'T 3.9 - 3, R 3.9 3, T 1.10 3.9 3, R 1.10 1 2 3, D 1.10 9 1, E settled', 2),
    )
    assert.equal(status, 0, output)
    assert.match(output, /D6 +holes in transitional +kept +2 deliveries/)
    assert.match(output, /^no violations/m)
  })

  it('may count across the wrap of the sequence numbers', () => {
    const packets = (first: string) => [4294967294, 4294967295, 0, 1].map(seq => `${first} 1.8 ${seq}`)
    const sends = packets('N').join(',')
    const receives = packets('D')
      .map(line => `${line} 1`)
      .join(',')
    const { status, output } = judged(
      trace(1, `${A1},${sends},${receives},E left`),
      trace(2, `${A2},${receives},E left`),
    )
    assert.equal(status, 0, output)
  })

  it('does not depend on the order of the files, nor on whether lives share one', () => {
    const one = trace(1, `${A1}, N 1.8 1, D 1.8 1 1, T 1.c 1.8 1, R 1.c 1, E left`)
    const two = trace(2, `${A2}, D 1.8 1 1, E left`, 1) + trace(2, 'T 2.9 - 2, R 2.9 2, E left', 2)
    for (const texts of [
      [one, two],
      [two, one],
    ]) {
      const { status, output } = judged(...texts)
      assert.equal(status, 0, output)
      assert.match(output, /engines of node 1, node 2 \(2 lives\)/)
    }
  })
})

describe('a violation is found:', () => {
  const cases: [property: string, what: string, one: string, two: string][] = [
    ['B1', 'a packet that nobody numbered', `${A1}, D 1.8 1 2`, `${A2}, E settled`],
    ['B2', 'a packet delivered twice', `${A1}, N 1.8 1, D 1.8 1 1, D 1.8 1 1`, A2],
    ['B3', 'a packet of the ring before', `${A1}, N 1.8 1, D 1.8 1 1, T 1.c 1.8 1 2, R 1.c 1 2, D 1.8 1 1`, A2],
    ['B4', 'a packet of a stranger', `${A1}, D 1.8 1 3`, A2],
    ['B4', 'a packet before the first configuration', 'N 1.8 1', A2],
    ['B5', 'other bytes than were sent', `${A1}, N 1.8 1, D 1.8 1 1`, `${A2}, D 1.8 1 1 77`],
    ['B6', 'packets of one sender that change places', `${A1}, N 1.8 1, N 1.8 2`, `${A2}, D 1.8 2 1, D 1.8 1 1`],
    ['C1', 'a configuration without the node', 'T 1.8 - , R 1.8 2', A2],
    ['C2', 'one ring with two memberships', A1, 'T 1.8 - , R 1.8 1 2 3'],
    ['C3', 'a ring sequence that goes back', `${A1}, T 1.6 1.8 1, R 1.6 1`, A2],
    ['C4', 'a regular configuration without its transitional one', `${A1}, R 1.c 1`, A2],
    ['C4', 'a companion that was not there', `${A1}, T 1.c 1.8 1 3, R 1.c 1 3`, A2],
    [
      'C5',
      'a companion that came from elsewhere',
      `${A1}, T 1.10 1.8 1 2, R 1.10 1 2, E settled`,
      `${A2}, T 2.c 1.8 2, R 2.c 2, T 1.10 2.c 2, R 1.10 1 2, E settled`,
    ],
    ['C6', 'a member that never installs the ring', `${A1}, E settled`, 'T 2.5 - 2, R 2.5 2, E settled'],
    ['C7', 'a packet of a ring before its installation', `${A1}, T 1.c 1.8 1 2, N 1.c 1, R 1.c 1 2`, A2],
    ['D1', 'an own packet that does not come back', `${A1}, N 1.8 1, T 1.c 1.8 1, R 1.c 1`, A2],
    [
      'D2',
      'companions that delivered different packets',
      `${A1}, N 1.8 1, D 1.8 1 1, T 1.c 1.8 1 2, R 1.c 1 2`,
      `${A2}, T 1.c 1.8 1 2, R 1.c 1 2`,
    ],
    [
      'D3',
      'a packet behind a hole that its sender had delivered',
      `${A1}, N 1.8 1, T 1.c 1.8 1 2, D 1.8 2 2`,
      `${A2}, D 1.8 1 1, N 1.8 2`,
    ],
    ['D4', 'one number for two packets', `${A1}, N 1.8 1`, `${A2}, N 1.8 1 55`],
    [
      'D4',
      'packets that cannot have been before each other',
      `${A1}, D 1.8 2 2, N 1.8 1, D 1.8 1 1`,
      `${A2}, D 1.8 1 1, N 1.8 2, D 1.8 2 2`,
    ],
    ['D5', 'a hole in a regular configuration', `${A1}, N 1.8 1, N 1.8 2, D 1.8 2 1`, A2],
    ['D6', 'a hole whose sender came along', `${A1}, N 1.8 1, N 1.8 2, T 1.c 1.8 1 2, D 1.8 2 1`, A2],
    ['D7', 'a lower packet after a higher one', `${A1}, N 1.8 1, N 1.8 2`, `${A2}, D 1.8 2 1, D 1.8 1 1`],
  ]
  for (const [property, what, one, two] of cases) {
    it(`${property}: ${what}`, () => {
      const { status, output } = judged(trace(1, one), trace(2, two))
      assert.equal(status, 1, output)
      assert.match(output, new RegExp(`violation of ${property} `))
    })
  }

  it('D4: numbers that are left out, where every member is recorded to the end', () => {
    const { status, output } = judged(
      trace(1, `${A1}, N 1.8 1, N 1.8 4, D 1.8 1 1, E settled`),
      trace(2, `${A2}, D 1.8 1 1, E settled`),
    )
    assert.equal(status, 1)
    assert.match(output, /violation of D4 at all.*ring 1\.8 has no packet 2, but later ones/)
  })

  it('D4: a number that cannot be of this ring', () => {
    const { output } = judged(trace(1, `${A1}, N 1.8 1, N 1.8 2000000000`), trace(2, A2))
    assert.match(output, /violation of D4 at all.*packet 2000000000, far behind 1/)
  })

  it('C3 over a restart', () => {
    const { output } = judged(trace(1, 'T 1.c - 1, R 1.c 1', 1), trace(1, 'T 1.8 - 1, R 1.8 1', 2))
    assert.match(output, /violation of C3 /)
  })
})

describe('nothing is held against a recording that lacks', () => {
  it('its end: what the node did afterwards is known by what others saw', () => {
    const { status, output } = judged(
      trace(1, `${A1}, D 1.8 1 2, D 1.8 2 2, T 1.c 1.8 1 2, R 1.c 1 2, D 1.c 5 2, E left`),
      `${trace(2, `${A2}, N 1.8 1`)}{"t":12.5,"event":"numb`,
    )
    assert.equal(status, 0, output)
    assert.match(output, /trace-\d+:1: cut off in the middle of a line after 3 events, in ring 1\.8/)
    assert.match(output, /B1 .* kept +1 deliveries; not judged: 2 deliveries: the packet was numbered out of sight/)
    assert.match(output, /C5 .* not judged +1 companions without a recording of that time/)
  })

  it('a piece: it is judged again from the next configuration on', () => {
    const two = (rest: string) => trace(2, `${A2}, N 1.8 1, G 7, D 1.8 9 2, T 1.c 1.8 1 2, R 1.c 1 2, ${rest}`)
    const one = trace(1, `${A1}, D 1.8 1 2, D 1.8 2 2, T 1.c 1.8 1 2, R 1.c 1 2, N 1.c 4, D 1.c 4 1, E left`)
    const { status, output } = judged(one, two('D 1.c 4 1, E left'))
    assert.equal(status, 0, output)
    assert.match(output, /trace-\d+:1: 1 gap, 7 events were lost; judged again from the next configuration on/)
    assert.match(judged(one, two('D 1.c 4 1, D 1.c 4 1, E left')).output, /violation of B2 at node 2/)
  })

  it('a whole node, such as one that runs the C daemon', () => {
    const story = (node: number) => `T 1.8 - ${node}, R 1.8 1 2 3, D 1.8 1 3, D 1.8 2 3, E left`
    const { status, output } = judged(trace(1, story(1)), trace(2, story(2)))
    assert.equal(status, 0, output)
    assert.match(output, /without a recording of the engine: node 3/)
    assert.match(output, /B1 .* not judged +4 deliveries: the packet was numbered out of sight/)
    // What two receivers have of it must be the same all the same.
    const other = story(2).replace('D 1.8 2 3', 'D 1.8 2 3 66')
    assert.match(judged(trace(1, story(1)), trace(2, other)).output, /violation of D4 at node [12]/)
  })
})

describe('what is no recording', () => {
  const whole = trace(1, A1)
  const cases: [what: string, text: string, message: RegExp][] = [
    ['an empty file', '', /trace-\d+: empty/],
    ['another file', 'totem {\n}\n', /trace-\d+:1: not JSON/],
    ['events without a header', whole.slice(whole.indexOf('\n') + 1), /trace-\d+:1: a recording begins with a header/],
    ['a later format', whole.replace('"version":1', '"version":2'), /:1: version 2 of the format, not 1/],
    ['half a line that is not the last', `${whole}{"t":1,"ev\n${encodeEvent(eventOf('N 1.8 1'))}\n`, /:4: not JSON/],
    ['an event that no engine has', `${whole}{"t":1,"event":"sneezed"}\n`, /:4: an engine has no event "sneezed"/],
    [
      'a field that is missing',
      `${whole}{"t":1,"event":"numbered","ring":"1.8"}\n`,
      /:4: seq is missing, not a number/,
    ],
    ['a field of another kind', `${whole}{"t":1,"event":"gap","lost":"many"}\n`, /:4: lost is "many", not a count/],
    [
      'an event after the end',
      `${trace(1, `${A1}, E left`)}{"t":1,"event":"gap","lost":1}\n`,
      /:5: an event after the end/,
    ],
  ]
  for (const [what, text, message] of cases) {
    it(`is refused with its place: ${what}`, () => {
      const { status, output } = judged(text)
      assert.equal(status, 2)
      assert.match(output, message)
    })
  }

  it('is refused: a file that is not there, and one life twice', () => {
    assert.equal(
      check([join(folder, 'none')], assert.fail, text => assert.match(text, /ENOENT.*none/)),
      2,
    )
    const { status, output } = judged(whole, whole)
    assert.equal(status, 2)
    assert.match(output, /trace-\d+:1 and .*trace-\d+:1 are recordings of the same life of node 1/)
  })
})
