import { describe, it } from 'node:test'
import { runSeeds } from '../support/seeds.js'

describe('clusters of 1 to 16 nodes under all faults', () => {
  it('keep every property, seeds 251 to 500', () => runSeeds(251, 500))
})
