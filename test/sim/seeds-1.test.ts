import { describe, it } from 'node:test'
import { runSeeds } from '../support/seeds.js'

describe('clusters of 1 to 16 nodes under all faults', () => {
  it('keep every property, seeds 1 to 250', () => runSeeds(1, 250))
})
