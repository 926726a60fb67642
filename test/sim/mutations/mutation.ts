// One row of the table of mutations: a way to break the engine, and the property under which the laboratory catches it.

import type { Replacement } from '../../support/mutant-hooks.js'
import type { SCENARIOS } from './scenarios.js'

export interface Mutation extends Replacement {
  readonly property: string
  /** What the broken engine does, in words. */
  readonly words: string
  /** The scenario on which it runs, with seeds from 1 on. */
  readonly on: keyof typeof SCENARIOS
  /** Among so many seeds the property is violated in two at least, or in one where there is only one. */
  readonly within: number
}
