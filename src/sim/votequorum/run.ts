// One history, on the services and on the model: after every step every node has to answer as the model says. In: a history.
// Out: the first difference, if there is one.

import { QuorumConfigurationError } from '../../services/quorum/provider.js'
import { IdealCluster, type ServiceFactory } from './cluster.js'
import { type History, type NodeAnswer, showAnswer } from './history.js'
import { Model, ModelRefusal } from './model.js'

export interface HistoryResult {
  /** Answers compared. */
  readonly compared: number
  readonly quorate: number
  /** The configuration was refused, by both. */
  readonly refused: boolean
  /** Undefined when all went as the model says. */
  readonly difference: string | undefined
}

export function runHistory(history: History, make?: ServiceFactory): HistoryResult {
  const model = new Model(history.config)
  const cluster = new IdealCluster(history.config, make)
  let compared = 0
  let quorate = 0
  for (const [index, step] of history.steps.entries()) {
    const refusedByModel = refuses(() => model.step(step), ModelRefusal)
    const refused = refuses(() => cluster.step(step), QuorumConfigurationError)
    const where = `seed ${history.seed} step ${index} ${JSON.stringify(step)}`
    if (refused !== refusedByModel) {
      const difference = `${where}: the model ${refusedByModel ? 'refuses' : 'accepts'}, the service does not`
      return { compared, quorate, refused, difference }
    }
    if (refused) return { compared, quorate, refused, difference: undefined }
    const expected = model.answers()
    for (const [id, answer] of cluster.answers()) {
      compared++
      if (answer.quorate) quorate++
      const difference = differenceOf(expected.get(id), answer)
      if (difference !== undefined) {
        return { compared, quorate, refused, difference: `${where}: node ${id}: ${difference}` }
      }
    }
  }
  return { compared, quorate, refused: false, difference: undefined }
}

function differenceOf(expected: NodeAnswer | undefined, answer: NodeAnswer): string | undefined {
  const [wanted, got] = [expected === undefined ? 'nothing' : showAnswer(expected), showAnswer(answer)]
  return wanted === got ? undefined : `${got}; the model says ${wanted}`
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
