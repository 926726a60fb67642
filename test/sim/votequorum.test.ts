// Votequorum against the reference model, on random histories; and that the model would notice.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCounts, runVotequorumSeed } from '../../src/sim/votequorum/campaign.js'
import { SIGHTS } from '../../src/sim/votequorum/run.js'
import { runWholeSeed } from '../../src/sim/votequorum/whole.js'
import { BREAKS, MUTANTS } from '../support/votequorum-mutants.js'

const HISTORIES = 1500
const SCENARIOS = 10
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

describe('votequorum on whole nodes, with faults', () => {
  const counts = () => ({ compared: 0, requests: 0, quorate: 0 })

  it('sends and answers as a model that is told the same', () => {
    const all = counts()
    const faults: string[] = []
    for (let seed = 1; seed <= SCENARIOS; seed++) faults.push(...runWholeSeed(seed, all).faults)
    assert.deepEqual(faults, [])
    assert.ok(all.compared > 1000 * SCENARIOS, `${all.compared} comparisons`)
    assert.ok(all.requests > 30 * SCENARIOS, `${all.requests} requests`)
    assert.ok(all.quorate > all.compared / 10 && all.quorate < all.compared)
  })

  for (const [name, breaks] of Object.entries(BREAKS)) {
    it(`and is noticed when ${name}`, () => {
      for (let seed = 1; seed <= SCENARIOS; seed++) {
        if (runWholeSeed(seed, counts(), { breaks }).faults.length > 0) return
      }
      assert.fail(`not found in ${SCENARIOS} scenarios`)
    })
  }
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
