// Failing runs made smaller: nodes that are broken on purpose, and the command from end to end.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { factoryFor, runScenario } from '../../src/sim/run.js'
import { generateScenario, type Scenario } from '../../src/sim/scenario.js'
import { readScenario } from '../../src/sim/scenario-file.js'
import { shrink } from '../../src/sim/shrink.js'

const COMMAND = fileURLToPath(new URL('../../../bin/corosync-sim', import.meta.url))
/** Six nodes, ten faults, among them an end and a new start, which the defect needs. */
const BROKEN_SEED = 5
/** Twelve faults, the last of them not over when all faults end. */
const IMPATIENT_SEED = 11
const folder = mkdtempSync(join(tmpdir(), 'corosync-shrink-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The property broken when no node remembers its ring sequence number over a crash. */
function forgetful(scenario: Scenario): string | undefined {
  const real = factoryFor(scenario)
  const result = runScenario(scenario, {
    factory: (config, services) => {
      const node = real(config, services)
      const start = node.start.bind(node)
      node.start = now => start(now, 0)
      return node
    },
  })
  return result.violations[0]?.property
}

describe('a cluster of nodes that forget their ring sequence numbers', () => {
  it('is shrunk to one node that starts twice, from many that suffer everything', () => {
    const scenario = generateScenario(BROKEN_SEED, { nodes: [3, 6], engine: 'node' })
    assert.ok(scenario.faults.length >= 6, `${scenario.faults.length} faults`)
    assert.equal(forgetful(scenario), 'C3')
    const fails = (other: Scenario) => forgetful(other) === 'C3'
    const found = shrink(scenario, fails)
    assert.ok(found.complete)
    assert.equal(forgetful(found.scenario), 'C3')
    assert.deepEqual(found.scenario.nodeIds, [1])
    assert.equal(found.scenario.faults.length, 1)
    assert.match(found.scenario.faults[0]!.fault.kind, /^(crash|leave)$/)
    assert.deepEqual(shrink(scenario, fails), found, 'every time the same')
    assert.deepEqual(readScenario(JSON.parse(JSON.stringify(found.scenario))), found.scenario)
  })
})

function command(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  return { status, stdout, stderr }
}

/** Fails, because no cluster settles so fast: nodes have to come back. */
function impatient(): Scenario {
  return { ...generateScenario(IMPATIENT_SEED, { nodes: 3, faults: ['crash', 'partition', 'loss'] }), settleMs: 1 }
}

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('corosync-sim shrink', () => {
  it('writes a smaller scenario, which replay and shrink take again', () => {
    const scenario = impatient()
    const out = join(folder, 'small.json')
    const shrunk = command('shrink', '--scenario', file('large.json', scenario), '--out', out)
    assert.equal(shrunk.status, 1, shrunk.stderr)
    assert.match(shrunk.stderr, /fewer faults, try \d+/)
    assert.match(shrunk.stderr, /nothing smaller found after \d+ tries/)
    assert.match(shrunk.stdout, /^seed \d+: /)
    assert.match(shrunk.stdout, /all faults end/)
    assert.match(shrunk.stdout, /L1 at .*not settled 1 ms after/)
    assert.ok(!existsSync(`${out}.new`))
    const smaller = readScenario(JSON.parse(readFileSync(out, 'utf8')))
    assert.ok(smaller.faults.length < scenario.faults.length)

    const replayed = command('replay', '--scenario', out)
    assert.equal(replayed.status, 1, replayed.stderr)
    const last = (text: string) => /trace [0-9a-f]+\n.*\n/.exec(text)?.[0]
    assert.ok(last(replayed.stdout) !== undefined)
    assert.equal(last(replayed.stdout), last(shrunk.stdout), 'the same run')

    const again = command('shrink', '--scenario', out)
    assert.equal(again.status, 1)
    assert.match(again.stdout, /L1 at /)
  })

  it('says so when there is nothing to shrink', () => {
    const { status, stdout } = command('shrink', '3', '--nodes', '2', '--faults', 'crash')
    assert.deepEqual([status, stdout], [0, 'seed 3 passed: there is nothing to shrink\n'])
  })

  it('stops when its time is up', () => {
    const { status, stderr } = command('shrink', '--scenario', file('slow.json', impatient()), '--minutes', '0.0001')
    assert.equal(status, 1)
    assert.match(stderr, /out of time after \d+ tries/)
  })

  it('says what is wrong with the command line or the file, and exits 2', () => {
    const good = file('good.json', impatient())
    const bad = file('bad.json', { ...impatient(), faults: [{ atMs: 3 }] })
    const cases: [args: string[], message: RegExp][] = [
      [['shrink'], /shrink takes one seed, or --scenario FILE/],
      [['shrink', '1', '2'], /shrink takes one seed/],
      [['shrink', '1', '--scenario', good], /--scenario: the file says everything/],
      [['replay', '--scenario', good, '--nodes', '3'], /--scenario: the file says everything/],
      [['shrink', '1', '--html', 'run.html'], /shrink takes no --html/],
      [['run', '--scenario', good], /run takes no --scenario/],
      [['shrink', '1', '--minutes', '0'], /--minutes 0: expected a positive number/],
      [['replay', '--scenario', bad], /bad\.json holds no scenario: faults\[0\]\.fault: is missing/],
      [['replay', '--scenario', file('text.json', 'no JSON')], /text\.json is not JSON: /],
      [['shrink', '--scenario', join(folder, 'absent.json')], /ENOENT.*absent\.json/],
      [['shrink', '--scenario', good, '--out', join(folder, 'no', 'such', 'folder')], /ENOENT/],
    ]
    for (const [args, message] of cases) {
      const { status, stderr } = command(...args)
      assert.equal(status, 2, args.join(' '))
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /\n\s+at /, 'no stack')
    }
  })
})
