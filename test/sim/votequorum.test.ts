// Votequorum against the reference model, on random histories; and that the model would notice.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCounts, runVotequorumSeed } from '../../src/sim/votequorum/campaign.js'
import { SIGHTS } from '../../src/sim/votequorum/run.js'
import { MUTANTS } from '../support/votequorum-mutants.js'

const HISTORIES = 3000
/** A broken service is found within so many histories. */
const MUTANT_HISTORIES = 3000

describe('votequorum through random histories', () => {
  it('answers as the reference model does, in all that a history can have', () => {
    const counts = createCounts()
    const faults: string[] = []
    for (let seed = 1; seed <= HISTORIES; seed++) {
      const fault = runVotequorumSeed(seed, counts)
      if (fault !== undefined) faults.push(fault)
    }
    assert.deepEqual(faults, [])
    for (const sight of SIGHTS) assert.ok(counts.sights[sight] > 0, `no history with: ${sight}`)
    assert.ok(counts.compared > 20 * HISTORIES, `${counts.compared} answers`)
  })
})

describe('votequorum broken on purpose', () => {
  for (const [name, make] of Object.entries(MUTANTS)) {
    it(name, () => {
      const counts = createCounts()
      for (let seed = 1; seed <= MUTANT_HISTORIES; seed++) {
        if (runVotequorumSeed(seed, counts, make) !== undefined) return
      }
      assert.fail(`not found in ${MUTANT_HISTORIES} histories`)
    })
  }
})
