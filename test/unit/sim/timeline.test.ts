// From events to a timeline: phases that add up, colours, faults, limits; and the file that cannot be broken out of.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fault } from '../../../src/sim/faults.js'
import type { SimEvent, SimEventBody } from '../../../src/sim/observe.js'
import { runSeed } from '../../../src/sim/run.js'
import { generateScenario } from '../../../src/sim/scenario.js'
import { FAULTS_MAX, LINES_MAX, TimelineCollector } from '../../../src/sim/timeline/collect.js'
import { escapeHtml, jsonForHtml, timelineHtml } from '../../../src/sim/timeline/html.js'
import { NOTES_MAX, PHASES_MAX } from '../../../src/sim/timeline/lane.js'
import {
  type FaultSpan,
  PALETTE_SIZE,
  type Phase,
  type TimelineData,
  type TimelineHead,
} from '../../../src/sim/timeline/page/data.js'
import { RingTable } from '../../../src/sim/timeline/rings.js'
import { TrafficCounter } from '../../../src/sim/timeline/traffic.js'

const HEAD: TimelineHead = { title: 'Seed 1', verdict: 'passed', passed: true, facts: [] }
const SEEDS = [2, 3, 5, 11, 30]

const kept = new Map<number, ReturnType<typeof draw>>()

function drawn(seed: number) {
  const known = kept.get(seed) ?? draw(seed)
  kept.set(seed, known)
  return known
}

function draw(seed: number) {
  const collector = new TimelineCollector(generateScenario(seed).nodeIds)
  const result = runSeed(seed, {}, { observe: collector.observe })
  return { result, data: collector.finish(HEAD) }
}

/** Nodes 1 and 2; events as time, node, body. */
function collected(events: readonly [number, number, SimEventBody][]): TimelineData {
  const collector = new TimelineCollector([1, 2])
  for (const [time, nodeId, body] of events) collector.observe({ time, nodeId, ...body } as SimEvent)
  return collector.finish(HEAD)
}

const STARTED: SimEventBody = { kind: 'started', incarnation: 1, ringSequence: 0 }
const END: SimEventBody = { kind: 'end' }

function installed(seq: number, members: readonly number[]): SimEventBody {
  const ring = { nodeId: members[0]!, seq }
  const change = { kind: 'regular', ring, members, left: [], joined: [], previous: { nodeId: 0, seq: 0 } } as const
  return { kind: 'configured', change }
}

function stands(phase: Pick<Phase, 'kind'> | undefined): boolean {
  return phase?.kind === 'operational' || phase?.kind === 'synchronising'
}

describe('the phases of a lane', () => {
  for (const seed of SEEDS) {
    it(`cover the whole run without gap and overlap (seed ${seed})`, () => {
      const { data, result } = drawn(seed)
      assert.equal(data.endMs, result.virtualMs)
      for (const phases of data.phases) {
        assert.equal(phases[0]!.from, 0)
        assert.equal(phases.at(-1)!.to, data.endMs)
        phases.forEach((phase, i) => {
          assert.ok(phase.to > phase.from, `${phase.kind} takes no time`)
          if (i > 0) assert.equal(phase.from, phases[i - 1]!.to)
        })
      }
    })

    it(`hold every installation and every packet (seed ${seed})`, () => {
      const { data, result } = drawn(seed)
      const phases = data.phases.flat()
      // A bare ring has no services to synchronise.
      const begin = data.phases.flatMap(lane => lane.filter((phase, i) => stands(phase) && !stands(lane[i - 1])))
      assert.equal(begin.length, result.installations)
      const rows = data.traffic.flatMap(traffic => traffic.rows)
      assert.equal(
        rows.reduce((sum, row) => sum + row[2], 0),
        result.packetsDelivered,
      )
      for (const { kind, ring } of phases) {
        if (stands({ kind })) assert.ok(data.rings[ring]!.members.length > 0)
        if (kind === 'down') continue
        assert.ok(ring === -1 || data.rings[ring]!.colour >= 0)
      }
    })
  }

  it('tell the states from each other, and what is being formed from what is installed', () => {
    const formed = { nodeId: 1, seq: 8 }
    const data = collected([
      [1, 1, STARTED],
      [1, 1, { kind: 'totem', event: { kind: 'gatherEntered', reason: 'interfaceChange' } }],
      [2, 1, { kind: 'totem', event: { kind: 'commitEntered', ring: formed } }],
      [3, 1, { kind: 'totem', event: { kind: 'recoveryEntered', ring: formed } }],
      [4, 1, installed(8, [1])],
      [5, 1, { kind: 'totem', event: { kind: 'synchronised' } }],
      [6, 1, { kind: 'totem', event: { kind: 'silentProcessors', nodeIds: [2] } }],
      [6, 1, { kind: 'totem', event: { kind: 'gatherEntered', reason: 'consensusTimeout' } }],
      [7, 1, { kind: 'ended', how: 'crashed' }],
      [8, 0, END],
    ])
    assert.deepEqual(
      data.phases[0]!.map(({ kind, from, ring, target }) => [kind, from, ring, target]),
      [
        ['down', 0, -1, -1],
        ['gather', 1, -1, -1],
        ['commit', 2, -1, 0],
        ['recovery', 3, -1, 0],
        ['synchronising', 4, 0, -1],
        ['operational', 5, 0, -1],
        ['gather', 6, 0, -1],
        ['down', 7, -1, -1],
      ],
    )
    assert.deepEqual(
      data.phases[1]!.map(({ kind, from, to }) => [kind, from, to]),
      [['down', 0, 8]],
    )
    assert.deepEqual(
      data.marks.map(({ kind, time, lane, label }) => [kind, time, lane, label]),
      [
        ['start', 1, 0, 'starts'],
        ['declared', 6, 0, '2 failed'],
        ['crash', 7, 0, 'crashes'],
      ],
    )
    assert.match(data.marks[1]!.detail, /no agreement/)
    assert.match(data.phases[0]![5]!.notes.join(), /declares 2 failed/)
  })
})

describe('colours', () => {
  it('are the same for the same run', () => {
    assert.deepEqual(draw(11).data, drawn(11).data)
  })

  it('tell rings apart in which nodes stand at the same time', () => {
    for (const seed of SEEDS) {
      const { data } = drawn(seed)
      const times = data.phases.flat().map(({ from }) => from)
      for (const time of times) {
        const now = data.phases.map(phases => phases.find(({ from, to }) => from <= time && time < to)!)
        const rings = new Set(now.filter(({ kind }) => kind !== 'down').map(({ ring }) => ring))
        rings.delete(-1)
        const colours = new Set([...rings].map(ring => data.rings[ring]!.colour))
        assert.equal(colours.size, rings.size, `seed ${seed} at ${time}`)
      }
    }
  })

  it('are repeated only when there are no more', () => {
    const table = new RingTable()
    const rings = Array.from({ length: PALETTE_SIZE + 1 }, (_, i) => table.indexOf({ nodeId: i + 1, seq: 4 }))
    for (const ring of rings) table.install(ring, [ring + 1, 99], rings.slice(0, ring))
    const colours = table.all().map(({ colour }) => colour)
    assert.equal(new Set(colours.slice(0, PALETTE_SIZE)).size, PALETTE_SIZE)
    assert.ok(colours[PALETTE_SIZE]! >= 0 && colours[PALETTE_SIZE]! < PALETTE_SIZE)
  })
})

describe('faults', () => {
  const partition = { kind: 'partition', sides: [[1], [0]], forMs: 50 } as const

  it('last as long as they are not taken back', () => {
    const data = collected([
      [10, 0, { kind: 'fault', fault: partition }],
      [20, 0, { kind: 'fault', fault: { kind: 'cut', from: 1, to: 0, forMs: 5 } }],
      [40, 0, { kind: 'faultsEnd' }],
      [90, 0, END],
    ])
    assert.deepEqual(
      data.faults.map(({ kind, from, to, lanes, sides, path }) => ({ kind, from, to, lanes, sides, path })),
      [
        { kind: 'partition', from: 10, to: 40, lanes: [0, 1], sides: [[1], [0]], path: null },
        { kind: 'cut', from: 20, to: 25, lanes: [0, 1], sides: [], path: [1, 0] },
      ],
    )
    assert.match(data.faults[0]!.label, /^partition \{2\} \| \{1\}/)
  })

  it('of every kind say whom they concern', () => {
    const faults: [Fault, FaultSpan['lanes'], number][] = [
      [{ kind: 'latency', from: 0, to: 1, extraMs: 5, forMs: 20 }, [0, 1], 20],
      [{ kind: 'bandwidth', hosts: [1], bytesPerMs: 100, queueBytes: 1000, forMs: 20 }, [1], 20],
      [{ kind: 'swizzle', hosts: [1, 0], back: [0, 1], everyMs: 3, forMs: 20 }, [0, 1], 26],
      [{ kind: 'mtu', hosts: [1, 0], bytes: 500, forMs: 20 }, [0, 1], 20],
      [{ kind: 'overflow', host: 1, readMs: 1, bufferBytes: 1000, forMs: 20 }, [1], 20],
    ]
    const events = faults.map(([fault], i) => [i, 0, { kind: 'fault', fault }] as [number, number, SimEventBody])
    const data = collected([...events, [200, 0, END]])
    assert.deepEqual(
      data.faults.map(({ kind, from, to, lanes }) => [kind, lanes, to - from]),
      faults.map(([{ kind }, lanes, forMs]) => [kind, lanes, forMs]),
    )
  })

  it('of the disk show where the node crashes', () => {
    const data = collected([
      [1, 1, STARTED],
      [2, 0, { kind: 'fault', fault: { kind: 'crash', host: 0, forMs: 5, disk: { kind: 'lost' } } }],
      [2, 1, { kind: 'ended', how: 'crashed' }],
      [9, 0, END],
    ])
    assert.deepEqual(data.faults, [])
    assert.match(data.marks[1]!.detail, /its ring-id file is lost/)
  })

  it('end with the run', () => {
    const data = collected([
      [10, 0, { kind: 'fault', fault: partition }],
      [12, 1, STARTED],
      [13, 1, { kind: 'paused' }],
      [30, 0, END],
    ])
    assert.deepEqual(
      data.faults.map(({ kind, to }) => [kind, to]),
      [
        ['partition', 30],
        ['pause', 30],
      ],
    )
  })

  it('show a stopped node for as long as it really stood still', () => {
    const data = collected([
      [1, 1, STARTED],
      [2, 0, { kind: 'fault', fault: { kind: 'pause', host: 0, forMs: 100, inputFirst: true } }],
      [2, 1, { kind: 'paused' }],
      [7, 1, { kind: 'resumed' }],
      [8, 1, { kind: 'paused' }],
      [9, 1, { kind: 'ended', how: 'crashed' }],
      [200, 0, END],
    ])
    assert.deepEqual(
      data.faults.map(({ kind, from, to, lanes }) => [kind, from, to, lanes]),
      [
        ['pause', 2, 7, [0]],
        ['pause', 8, 9, [0]],
      ],
    )
  })
})

describe('a long run', () => {
  it('keeps so many lines, phases, notes and faults, and says what is missing', () => {
    const events: [number, number, SimEventBody][] = [[0, 1, STARTED]]
    const formed = { nodeId: 1, seq: 8 }
    for (let i = 1; i <= PHASES_MAX; i++) {
      events.push([i, 1, { kind: 'totem', event: { kind: 'gatherEntered', reason: 'mergeDuringJoin' } }])
      events.push([i + 0.5, 1, { kind: 'totem', event: { kind: 'commitEntered', ring: formed } }])
    }
    for (let i = 0; i < LINES_MAX; i++) events.push([5000 + i, 0, { kind: 'text', text: 'something' }])
    for (let i = 0; i <= FAULTS_MAX; i++) {
      events.push([20_000, 0, { kind: 'fault', fault: { kind: 'cut', from: 0, to: 1, forMs: 1 } }])
    }
    for (let i = 0; i < 20; i++)
      events.push([20_001, 2, { kind: 'totem', event: { kind: 'silentProcessors', nodeIds: [1] } }])
    events.push([30_000, 2, { kind: 'violation', violation: { property: 'D2', time: 30_000, nodeId: 2, text: 'x' } }])
    events.push([30_000, 0, END])
    const data = collected(events)
    assert.equal(data.phases[0]!.length, PHASES_MAX + 1)
    assert.equal(data.phases[0]!.at(-1)!.kind, 'more')
    assert.equal(data.phases[0]!.at(-1)!.to, 30_000)
    assert.equal(data.phases[1]![0]!.notes.length, NOTES_MAX + 1)
    assert.equal(data.faults.length, FAULTS_MAX)
    assert.equal(data.lines.length, LINES_MAX + 1)
    assert.equal(data.lines.at(-1)![2], 'violation')
    assert.equal(data.marks.at(-1)!.kind, 'violation')
    assert.equal(data.limits.length, 3, data.limits.join('\n'))
  })

  it('counts its packets in wider buckets, and loses none', () => {
    const counter = new TrafficCounter(100)
    let time = 0
    for (let i = 0; i < 20_000; i++) {
      time += (i * 7919) % 13
      counter.delivered(time, i < 15_000 ? 0 : 1, i)
      if (i % 3 === 0) counter.numbered(time, 0)
    }
    const { rows, bucketMs } = counter.result()
    assert.ok(rows.length <= 100 && rows.length > 40, `${rows.length} rows`)
    assert.equal(
      rows.reduce((sum, row) => sum + row[2], 0),
      20_000,
    )
    assert.equal(
      rows.reduce((sum, row) => sum + row[5], 0),
      Math.ceil(20_000 / 3),
    )
    rows.forEach((row, i) => {
      if (i > 0) assert.ok(row[0] > rows[i - 1]![0])
    })
    assert.equal(rows[0]![3], 0)
    assert.equal(rows.at(-1)![4], 19_999)
    assert.equal(Math.floor(time / bucketMs), rows.at(-1)![0])
  })
})

describe('the HTML file', () => {
  const evil = '</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> " \' & \u2028'

  it('holds every text as data, whatever it says', () => {
    const data: TimelineData = {
      ...collected([
        [1, 1, { kind: 'text', text: evil }],
        [2, 0, END],
      ]),
      title: evil,
      verdict: evil,
      facts: [evil],
      limits: [evil],
    }
    const html = timelineHtml(data, 'const page = 1\n')
    assert.equal(html.match(/<script/g)!.length, 2)
    assert.equal(html.match(/<\/script/g)!.length, 2)
    assert.ok(!html.includes('<img') && !html.includes('<!--'))
    const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!
    assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(data)))
  })

  it('asks for nothing from outside', () => {
    const html = timelineHtml(collected([[1, 0, END]]), '')
    assert.match(html, /Content-Security-Policy" content="default-src 'none'/)
    assert.ok(!/https?:|src=|@import|url\((?!#)/.test(html.replace('default-src', '')))
  })

  it('escapes what stands in the markup, and shortens times to nanoseconds', () => {
    assert.equal(escapeHtml(`<a b="c" d='e'>&`), '&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;')
    assert.equal(jsonForHtml([1.23456789, 7, '1.23456789<']), '[1.234568,7,"1.23456789\\u003c"]')
  })

  it('refuses a script that would end its element', () => {
    assert.throws(() => timelineHtml(collected([[1, 0, END]]), 'const a = "</script>"'), /end its own element/)
  })
})
