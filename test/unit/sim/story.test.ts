// The story of a run: what is told at once, what is summed up, and when the sums are told.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SimEvent, SimEventBody } from '../../../src/sim/observe.js'
import { Narrator, type StoryDetail } from '../../../src/sim/story.js'
import type { TotemEvent } from '../../../src/totem/events.js'

const RING = { nodeId: 1, seq: 0x14 }

/** Lines as 'time node text'. Events: time, node, body. */
function told(events: readonly [number, number, SimEventBody][], detail: StoryDetail = {}): string[] {
  const lines: string[] = []
  const narrator = new Narrator((now, nodeId, text) => lines.push(`${now} ${nodeId} ${text}`), detail)
  for (const [time, nodeId, body] of events) narrator.observe({ time, nodeId, ...body } as SimEvent)
  return lines
}

const totem = (event: TotemEvent): SimEventBody => ({ kind: 'totem', event })
const delivered = (seq: number, origin: number, ring = RING): SimEventBody => ({ kind: 'delivered', ring, seq, origin })
const GATHER = totem({ kind: 'gatherEntered', reason: 'tokenLostInOperational' })

describe('packets', () => {
  it('are summed up per node, until its state changes', () => {
    const lines = told([
      [10, 1, { kind: 'numbered', ring: RING, seq: 10 }],
      [11, 1, delivered(10, 1)],
      [11, 2, delivered(10, 1)],
      [12, 1, delivered(11, 2)],
      [13, 1, delivered(12, 2)],
      [20, 1, GATHER],
      [30, 0, { kind: 'end' }],
    ])
    assert.deepEqual(lines, [
      '20 1 delivers 3 packets of 1.14, seq a..c (1 from 1, 2 from 2), sends 1, since 0.010 s',
      '20 1 GATHER: the token was lost in the OPERATIONAL state',
      '30 2 delivers 1 packet of 1.14, seq a (1 from 1), since 0.011 s',
    ])
  })

  it('are summed up per ring, and per stretch between pauses', () => {
    const lines = told([
      [10, 1, delivered(1, 1)],
      [11, 1, delivered(1, 1, { nodeId: 1, seq: 0x18 })],
      [5000, 1, delivered(2, 1, { nodeId: 1, seq: 0x18 })],
      [6000, 1, { kind: 'ended', how: 'crashed' }],
    ])
    assert.deepEqual(lines, [
      '11 1 delivers 1 packet of 1.14, seq 1 (1 from 1), since 0.010 s',
      '5000 1 delivers 1 packet of 1.18, seq 1 (1 from 1), since 0.011 s',
      '6000 1 delivers 1 packet of 1.18, seq 2 (1 from 1), since 5.000 s',
      '6000 1 has crashed',
    ])
  })

  it('are told one by one on request', () => {
    const events: [number, number, SimEventBody][] = [
      [10, 1, { kind: 'numbered', ring: RING, seq: 10 }],
      [11, 2, delivered(10, 1)],
    ]
    assert.deepEqual(told(events, { packets: true }), ['10 1 numbers a of 1.14', '11 2 delivers a of 1.14, sent by 1'])
  })
})

describe('the token', () => {
  it('is told of when it is lost, otherwise in sums', () => {
    const lines = told([
      [1, 1, totem({ kind: 'tokenHeld' })],
      [2, 1, totem({ kind: 'tokenHeld' })],
      [3, 1, totem({ kind: 'tokenResent' })],
      [4, 1, totem({ kind: 'retransmitList', seqs: [0x1a, 0x1b] })],
      [5, 1, totem({ kind: 'retransmitList', seqs: [0x1b] })],
      [6, 1, totem({ kind: 'headerRejected', reject: 'magic', from: 'host2', length: 4 })],
      [400, 1, totem({ kind: 'tokenLost', tokenTimeoutMs: 400, consensusMs: 480 })],
    ])
    assert.deepEqual(lines, [
      '400 1 token held 2 times as the ring is idle, sent again 1 time, asks for 2 missing packets in 2 visits (1a 1b); 1 datagram refused',
      '400 1 loses the token: none for 400 ms',
    ])
  })
})

describe('who declares whom failed', () => {
  const cases: [TotemEvent, string][] = [
    [
      { kind: 'silentProcessors', nodeIds: [2, 3] },
      'declares 2 3 failed: no agreement with them within the consensus timeout',
    ],
    [
      { kind: 'heldForFailed', nodeIds: [2], by: 2, because: 'holdsMe' },
      'declares 2 failed: 2 holds this node for failed',
    ],
    [
      { kind: 'heldForFailed', nodeIds: [2], by: 3, because: 'names' },
      'declares 2 failed: 3, a member of its ring, says so',
    ],
    [{ kind: 'heldForFailed', nodeIds: [2], by: 2, because: 'leaves' }, 'takes 2 out: 2 says that it leaves'],
    [{ kind: 'failedToReceive' }, 'declares itself failed: it fails to receive what the others have'],
  ]
  for (const [event, text] of cases) {
    it(`comes with its reason: ${event.kind}${event.kind === 'heldForFailed' ? ` ${event.because}` : ''}`, () => {
      assert.deepEqual(told([[7, 1, totem(event)]]), [`7 1 ${text}`])
    })
  }

  it('is not said of nobody', () => {
    assert.deepEqual(told([[7, 1, totem({ kind: 'silentProcessors', nodeIds: [] })]]), [])
  })
})

describe('log lines', () => {
  const events: [number, number, SimEventBody][] = [
    [1, 1, { kind: 'log', level: 'debug', subsystem: 'TOTEM', message: 'entering' }],
    [2, 1, { kind: 'log', level: 'notice', subsystem: 'QUORUM', message: 'Sync' }],
    [3, 1, { kind: 'log', level: 'warning', subsystem: 'TOTEM', message: 'pause' }],
    [4, 1, { kind: 'log', level: 'error', subsystem: 'CPG', message: 'bad' }],
  ]
  it('are told as far as asked for', () => {
    const times = (detail: StoryDetail) => told(events, detail).map(line => Number(line.split(' ')[0]))
    assert.deepEqual(times({}), [4])
    assert.deepEqual(times({ log: 'notices' }), [2, 3, 4])
    assert.deepEqual(times({ log: 'all' }), [1, 2, 3, 4])
  })
})
