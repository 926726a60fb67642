// A ring of ours under cuts that last: what one node sends does not reach another, or two of three do not hear each other. The
// ring settles within a stated number of configuration changes, then nothing changes any more, and healing makes it whole.
// `npm run bench:cuts` measures the same beside the C engine.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
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

/** Long enough for a busy machine: a token that is lost for want of processor time would be a change as well. */
const [TOKEN_MS, CONSENSUS_MS] = [1000, 1200]
const TIMERS = `  token: ${TOKEN_MS}\n  token_coefficient: 0\n  consensus: ${CONSENSUS_MS}\n`
const ROUND_MS = TOKEN_MS + CONSENSUS_MS
/**
 * The loss of the token and the agreement of those who hear each other take one round. A representative that is not heard waits for
 * its commit token meanwhile and comes to its agreement a round later; the third is for messages on their way, and the machine.
 */
const SETTLE_MS = 3 * ROUND_MS
/** One change is the end of the cut. Two that hold each other for failed may each need a ring of their own before, to forget it. */
const MAX_CHANGES_OF_HEALING = 2
/** Then nothing changes for so long. */
const QUIET_MS = 8000
/** The share of that time (in quarters of a second) in which someone in a majority had messages of others. A busy machine may miss a few. */
const SERVED_SHARE_MIN = 0.9

interface Expected {
  readonly pattern: CutPattern
  /** Configurations that a node may install because of the cut: the one without those whom it cannot be with, or none. */
  readonly changes: number
}

const EXPECTED: readonly Expected[] = [
  { pattern: { nodes: 3, cuts: [[1, 2]] }, changes: 1 },
  // The token does not go this way, and what is missing is sent again by node 1.
  { pattern: { nodes: 3, cuts: [[3, 2]] }, changes: 0 },
  { pattern: { nodes: 3, cuts: [[1, 2], [2, 1]] }, changes: 1 }, // biome-ignore format: a pair
]

for (const { pattern, changes } of EXPECTED)
  describe(`a ring of ours, ${patternName(pattern)} for long`, { skip: interopSkip() }, () => {
    let reports: NodeReport[]

    before(async () => {
      reports = await measureCut({
        pattern,
        kinds: Array.from({ length: pattern.nodes }, () => 'ours' as const),
        ring: { transport: 'udpu', totem: TIMERS },
        cutMs: SETTLE_MS + QUIET_MS,
        quietMs: QUIET_MS,
        healMs: SETTLE_MS + QUIET_MS,
      })
      for (const { ended } of reports) assert.equal(ended, undefined)
    })

    it(`settles within ${changes} changes and ${SETTLE_MS} ms, and stays as it is`, t => {
      boundedChanges(reports, 'whileCut', changes, line => t.diagnostic(line))
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

    it(`becomes one ring again when healed, within ${MAX_CHANGES_OF_HEALING} changes and the same time`, t => {
      boundedChanges(reports, 'afterHealing', changes === 0 ? 0 : MAX_CHANGES_OF_HEALING, line => t.diagnostic(line))
      assert.ok(inOneRing(reports))
    })
  })

function boundedChanges(
  reports: readonly NodeReport[],
  when: 'whileCut' | 'afterHealing',
  most: number,
  say: (line: string) => void,
): void {
  const within = (changes: readonly Change[]) => changes.length <= most && lastChangeMs(changes) <= SETTLE_MS
  const stories = reports.map(
    report => `node ${report.node}: ${report[when].length} changes, the last after ${lastChangeMs(report[when])} ms`,
  )
  for (const story of stories) say(story)
  assert.ok(
    reports.every(report => within(report[when])),
    stories.join('; '),
  )
}
