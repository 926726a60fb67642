// Every property can fail: for each there is an engine broken on purpose that the laboratory catches under it. The table
// is made of the files beside this one, and stands in docs/correctness.md.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runMutant } from '../../support/mutant.js'
import { mutate } from '../../support/mutant-hooks.js'
import type { MutantFinding } from '../../support/mutant-worker.js'
import { CONFIGURATIONS } from './configurations.js'
import { GROUPS } from './groups.js'
import type { Mutation } from './mutation.js'
import { PACKETS } from './packets.js'
import { SCENARIOS } from './scenarios.js'
import { TOKEN } from './token.js'

const DOCUMENT = fileURLToPath(new URL('../../../../docs/correctness.md', import.meta.url))
/** A mutant that runs for longer hangs. */
const TIMEOUT_MS = 120_000
/** A property is to be found violated in so many seeds, where `within` allows. */
const SEEDS_CAUGHT = 2

const TABLE: readonly Mutation[] = [...PACKETS, ...CONFIGURATIONS, ...GROUPS, ...TOKEN].sort((a, b) =>
  a.property.localeCompare(b.property),
)

/** Those that the laboratory checks. */
const PROPERTIES =
  'B1 B2 B3 B4 B5 B6 C1 C2 C3 C4 C5 C6 C7 D1 D2 D3 D4 D5 D6 D7 L1 L2 L3 L4 L5 S1 S2 S3 S4 S5 T1 T2 T3 T4 T5 T6 T7'.split(
    ' ',
  )

const SAME_ENGINE: Mutation = {
  property: 'none',
  words: 'nothing is changed but the words',
  on: 'torn',
  within: 10,
  file: 'totem/receive-log',
  original: 'if (frame !== null && members.includes(frame.origin))',
  replacement: 'if (members.includes(frame?.origin ?? 0) && frame)',
}

function scenariosOf({ on, within }: Mutation) {
  return Array.from({ length: within }, (_, index) => SCENARIOS[on](index + 1))
}

function describeFindings(findings: readonly MutantFinding[]): string {
  return findings
    .map(
      ({ seed, violations }) => `seed ${seed}: ${violations.map(violation => violation.property).join() || 'nothing'}`,
    )
    .join('\n')
}

/** Seeds that were run, per scenario: the unbroken engine has to be clean on them. */
const used = new Map<Mutation['on'], number>()

describe('a node that is broken on purpose is caught:', { concurrency: 2 }, () => {
  for (const mutation of TABLE) {
    const { property, words, on, within } = mutation
    it(`${property}: ${words}`, async () => {
      const until = { property, seeds: Math.min(SEEDS_CAUGHT, within) }
      const findings = await runMutant({ mutation, scenarios: scenariosOf(mutation), until }, TIMEOUT_MS)
      used.set(on, Math.max(used.get(on) ?? 0, findings.length))
      const caught = findings.filter(({ violations }) => violations.some(violation => violation.property === property))
      assert.ok(caught.length >= until.seeds, `${property} in ${caught.length}:\n${describeFindings(findings)}`)
    })
  }
})

describe('a node that is not broken is not caught', { concurrency: 2 }, () => {
  it('when its source is changed and does the same', async () => {
    const findings = await runMutant({ mutation: SAME_ENGINE, scenarios: scenariosOf(SAME_ENGINE) }, TIMEOUT_MS)
    assert.ok(
      findings.every(({ violations }) => violations.length === 0),
      describeFindings(findings),
    )
  })

  for (const on of Object.keys(SCENARIOS) as Mutation['on'][]) {
    it(`on the seeds of ${on} that showed the others`, async () => {
      const last = used.get(on) ?? 0
      assert.ok(last > 0, 'no mutant has run on it')
      const seeds = Array.from({ length: last }, (_, index) => SCENARIOS[on](index + 1))
      const findings = await runMutant({ scenarios: seeds }, TIMEOUT_MS)
      assert.equal(findings.length, last)
      assert.ok(
        findings.every(({ violations }) => violations.length === 0),
        describeFindings(findings),
      )
    })
  }
})

describe('the table of mutations', () => {
  it('has every property, and no other', () => {
    assert.deepEqual([...new Set(TABLE.map(({ property }) => property))].sort(), [...PROPERTIES].sort())
  })

  it('is the one in the documentation', () => {
    const rows = TABLE.map(({ property, words, on, within }) => `| ${property} | ${words} | ${on} | ${within} |`)
    const document = readFileSync(DOCUMENT, 'utf8')
    const head = '| property | the broken engine | scenario | seeds |\n|---|---|---|---|\n'
    const start = document.indexOf(head) + head.length
    assert.ok(start > head.length, 'the table is not there')
    assert.equal(document.slice(start, document.indexOf('\n\n', start)), rows.join('\n'))
  })

  it('cannot name text that is not there, or is there twice', () => {
    const row = { file: 'totem/x', original: 'a = b', replacement: 'a = c' }
    assert.equal(mutate('if (a\n  = b) { $& }', row), 'if (a = c) { $& }')
    assert.throws(() => mutate('a = d', row), /totem\/x has this 0 times/)
    assert.throws(() => mutate('a = b; a  = b', row), /totem\/x has this 2 times/)
  })
})
