// A ring of ours under cuts that last: what one node sends does not reach another, or two of three do not hear each other. The
// ring settles within a stated number of configuration changes, then nothing changes any more, and healing makes it whole.
// `npm run bench:cuts` measures the same beside the C engine.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { SHORT_TIMERS } from '../support/combination.js'
import {
  type Change,
  type CutPattern,
  inOneRing,
  lastChangeMs,
  measureCut,
  membersAgree,
  type NodeReport,
  patternName,
} from '../support/cuts.js'
import { interopSkip } from '../support/testbed.js'

/** Configurations that a node may install because of the cut, and again because of its end. */
const MAX_CHANGES = 4
/** The last of them: six times token timeout (400 ms) and consensus (480 ms), the bound that the laboratory holds rings to. */
const SETTLE_MS = 6 * (400 + 480)
/** Then nothing changes for so long. */
const QUIET_MS = 8000
/** The share of that time (in quarters of a second) in which someone in a majority had messages of others. A busy machine may miss a few. */
const SERVED_SHARE_MIN = 0.9

const PATTERNS: readonly CutPattern[] = [
  { nodes: 3, cuts: [[1, 2]] },
  { nodes: 3, cuts: [[3, 2]] },
  {
    nodes: 3,
    cuts: [
      [1, 2],
      [2, 1],
    ],
  },
]

for (const pattern of PATTERNS)
  describe(`a ring of ours, ${patternName(pattern)} for long`, { skip: interopSkip() }, () => {
    let reports: NodeReport[]

    before(async () => {
      reports = await measureCut({
        pattern,
        kinds: Array.from({ length: pattern.nodes }, () => 'ours' as const),
        ring: { transport: 'udpu', totem: SHORT_TIMERS },
        cutMs: SETTLE_MS + QUIET_MS,
        quietMs: QUIET_MS,
        healMs: SETTLE_MS + QUIET_MS,
      })
      for (const { ended } of reports) assert.equal(ended, undefined)
    })

    it(`settles within ${MAX_CHANGES} changes and ${SETTLE_MS} ms, and stays as it is`, t => {
      boundedChanges(reports, 'whileCut', line => t.diagnostic(line))
    })

    it('leaves no node with members that are elsewhere', t => {
      const story = reports.map(({ node, members }) => `node ${node} has members ${members.join(' ')}`).join('; ')
      t.diagnostic(story)
      assert.ok(membersAgree(reports), story)
    })

    it('leaves a majority that exchanges messages', t => {
      const share = Math.max(...reports.map(({ quietService }) => quietService.share))
      const story = `messages of others in ${Math.round(share * 100)} % of the last ${QUIET_MS} ms`
      t.diagnostic(story)
      assert.ok(share >= SERVED_SHARE_MIN, story)
    })

    it('becomes one ring again when healed, within the same bounds', t => {
      boundedChanges(reports, 'afterHealing', line => t.diagnostic(line))
      assert.ok(inOneRing(reports))
    })
  })

function boundedChanges(
  reports: readonly NodeReport[],
  when: 'whileCut' | 'afterHealing',
  say: (line: string) => void,
): void {
  const within = (changes: readonly Change[]) => changes.length <= MAX_CHANGES && lastChangeMs(changes) <= SETTLE_MS
  const stories = reports.map(
    report => `node ${report.node}: ${report[when].length} changes, the last after ${lastChangeMs(report[when])} ms`,
  )
  for (const story of stories) say(story)
  assert.ok(
    reports.every(report => within(report[when])),
    stories.join('; '),
  )
}
