// One history, on the services and on the model: after every step every node has to answer as the model says, and where
// nothing but votes decides, what must never happen is looked for without the model. In: a history. Out: the first fault, if
// there is one, and what the history had in it.

import { QuorumConfigurationError } from '../../services/quorum/provider.js'
import { IdealCluster, type ServiceFactory } from './cluster.js'
import { type History, type NodeAnswer, showAnswer } from './history.js'
import { Model } from './model.js'
import { ModelRefusal } from './model-node.js'

/** What a history may have in it; a campaign without one of these says nothing about it. */
export const SIGHTS = [
  'refused',
  'quorate',
  'not quorate',
  'tie broken',
  'waiting for all',
  'waited for all',
  'last man standing',
  'last man standing off',
  'two_node alone',
  'downscaled',
  'device votes',
  'device awaited',
  'master wins',
  'tracked over a restart',
  'plain votes',
] as const
export type Sight = (typeof SIGHTS)[number]

export interface HistoryResult {
  /** Answers compared. */
  readonly compared: number
  readonly sights: ReadonlySet<Sight>
  /** Undefined when all went as it should. */
  readonly fault: string | undefined
}

export function runHistory(history: History, make?: ServiceFactory): HistoryResult {
  const model = new Model(history.config)
  const cluster = new IdealCluster(history.config, make)
  const sights = new Set<Sight>()
  const plain = isPlain(history)
  if (plain) sights.add('plain votes')
  let compared = 0
  for (const [index, step] of history.steps.entries()) {
    const found = (fault: string): HistoryResult => ({
      compared,
      sights,
      fault: `seed ${history.seed} step ${index} ${JSON.stringify(step)}: ${fault}`,
    })
    const refusedByModel = refuses(() => model.step(step), ModelRefusal)
    const refused = refuses(() => cluster.step(step), QuorumConfigurationError)
    if (refused !== refusedByModel) return found(`the model ${refusedByModel ? 'refuses' : 'accepts'} to start, alone`)
    if (refused) {
      sights.add('refused')
      break
    }
    const expected = model.answers()
    const answers = cluster.answers()
    for (const [id, answer] of answers) {
      compared++
      const fault = differenceOf(expected.get(id), answer)
      if (fault !== undefined) return found(`node ${id}: ${fault}`)
      look(history, answer, sights)
    }
    if (cluster.deviceAwaited) sights.add('device awaited')
    const fault = plain ? plainFault(history, cluster.rings(), answers) : undefined
    if (fault !== undefined) return found(fault)
  }
  return { compared, sights, fault: undefined }
}

function differenceOf(expected: NodeAnswer | undefined, answer: NodeAnswer): string | undefined {
  const [wanted, got] = [expected === undefined ? 'nothing' : showAnswer(expected), showAnswer(answer)]
  return wanted === got ? undefined : `${got}; the model says ${wanted}`
}

function look({ config }: History, answer: NodeAnswer, sights: Set<Sight>): void {
  const { quorate, total, quorum, expected } = answer
  const listed = Object.values(config.votes).reduce((a, b) => a + b, 0)
  sights.add(quorate ? 'quorate' : 'not quorate')
  if (quorate && total < quorum && config.tieBreaker !== undefined) sights.add('tie broken')
  if (quorate && total < quorum && answer.device.includes('M')) sights.add('master wins')
  if (answer.waiting && total >= quorum) sights.add('waiting for all')
  if (answer.waitForAll && quorate) sights.add('waited for all')
  if (answer.lastManStanding && quorate && expected < listed && !config.allowDownscale) sights.add('last man standing')
  if (config.lastManStanding && !answer.lastManStanding) sights.add('last man standing off')
  if (answer.twoNode && quorate && quorum === 1 && total === 1) sights.add('two_node alone')
  if (config.allowDownscale && expected < listed) sights.add('downscaled')
  if (answer.device.includes('V')) sights.add('device votes')
  if (config.expectedVotesTracking && !config.allowDownscale && expected > listed) sights.add('tracked over a restart')
}

/** Nothing but votes decides, and nobody changes them. */
function isPlain({ config, steps }: History): boolean {
  const listed = Object.values(config.votes).reduce((a, b) => a + b, 0)
  const features =
    config.twoNode ||
    config.lastManStanding ||
    config.allowDownscale ||
    config.expectedVotesTracking ||
    config.tieBreaker !== undefined ||
    config.device !== undefined
  if (features || (config.expectedVotes !== undefined && config.expectedVotes < listed)) return false
  const changes = ['expected', 'votes', 'cancel']
  return steps.every(
    step => step.do !== 'reload' && (step.do !== 'ask' || step.requests.every(({ ask }) => !changes.includes(ask))),
  )
}

/** More than half is needed, more than half suffices (unless all are waited for), and so at most one ring has quorum. */
function plainFault(
  { config }: History,
  rings: readonly (readonly number[])[],
  answers: ReadonlyMap<number, NodeAnswer>,
): string | undefined {
  const listed = Object.values(config.votes).reduce((a, b) => a + b, 0)
  const expected = config.expectedVotes ?? listed
  let quorateRings = 0
  for (const members of rings) {
    const votes = members.reduce((sum, id) => sum + config.votes[id]!, 0)
    const quorate = members.filter(id => answers.get(id)?.quorate)
    if (quorate.length > 0) quorateRings++
    if (quorate.length > 0 && 2 * votes <= expected) return `${members} have ${votes} of ${expected} votes, and quorum`
    if (quorate.length < members.length && 2 * votes > expected && !config.waitForAll) {
      return `${members} have ${votes} of ${expected} votes, but ${quorate} alone have quorum`
    }
  }
  return quorateRings > 1 ? `${quorateRings} rings have quorum` : undefined
}

/** Anything else that is thrown goes on. */
function refuses(call: () => void, refusal: new (...args: never[]) => Error): boolean {
  try {
    call()
    return false
  } catch (error) {
    if (error instanceof refusal) return true
    throw error
  }
}
