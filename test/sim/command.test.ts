import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { type CampaignOptions, campaignKey, readState, runCampaign } from '../../src/cli/campaign.js'

const COMMAND = fileURLToPath(new URL('../../../bin/corosync-sim', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'corosync-sim-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function command(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

describe('corosync-sim run', () => {
  it('runs seeds, keeps the count, and goes on from there', () => {
    const state = join(folder, 'deep', 'state.json')
    const small = ['--nodes', '2', '--faults', 'crash', '--jobs', '2', '--resume', state]
    const first = command('run', '--seeds', '1..15', ...small)
    assert.equal(first.status, 0, first.stderr)
    assert.equal(first.stdout, '')
    const second = command('run', '--seeds', '1..20', ...small)
    assert.equal(second.status, 0, second.stderr)
    const { campaigns } = JSON.parse(readFileSync(state, 'utf8'))
    const [record] = Object.values(campaigns) as { seeds: number; next: number; failures: number[] }[]
    assert.equal(Object.keys(campaigns).length, 1)
    assert.deepEqual([record!.seeds, record!.next, record!.failures], [20, 21, []])
  })

  it('holds votequorum against its model, keeps the count, and goes on from there', () => {
    const state = join(folder, 'votequorum.json')
    const first = command('votequorum', '--histories', '40', '--scenarios', '1', '--resume', state)
    assert.equal(first.status, 0, first.stderr)
    assert.match(first.stdout, /^40 histories, \d{3,} answers compared, 0 faults$/m)
    const second = command('votequorum', '--histories', '60', '--scenarios', '2', '--resume', state)
    assert.match(second.stdout, /^60 histories, /m)
    assert.match(second.stdout, /^2 scenarios on whole nodes, /m)
    const { nextHistory, nextScenario } = JSON.parse(readFileSync(state, 'utf8'))
    assert.deepEqual([nextHistory, nextScenario], [61, 3])
  })

  it('says what is wrong with the command line, and exits 2', () => {
    for (const args of [
      ['run', '--seeds', '5'],
      ['run', '--seeds', '9..3'],
      ['run', '--nodes', '17'],
      ['run', '--faults', 'gravity'],
      ['run', '--jobs', '0'],
      ['run', '--minutes', 'few'],
      ['run', '--colour'],
      ['replay'],
      ['replay', 'x'],
      ['check'],
      ['record', '--group', 'g'],
      ['record', '--group', 'g', '--out', 'x', '--load', '0'],
      ['record', '--group', 'g', '--out', 'x', '--bytes', '4'],
      ['replay', '1', '--html'],
      ['replay', '1', '--nodes', '2', '--html', join(folder, 'missing', 'run.html')],
      ['run', '--html', 'run.html'],
      ['repeat', '1'],
      ['votequorum', '--histories', 'all'],
      ['votequorum', '--seeds', '1..3'],
      ['fuzz', '--packets', '0'],
      ['fuzz', '--packets', 'many'],
      ['fuzz', '--nodes', '1'],
      ['fuzz', '--nodes', '3..5'],
      ['fuzz', '--rounds', 'garbage,rubbish'],
      ['fuzz', '3'],
      [],
    ]) {
      const { status, stderr } = command(...args)
      assert.equal(status, 2, args.join(' '))
      assert.match(stderr, /^corosync-sim: /)
    }
  })
})

describe('corosync-sim fuzz', () => {
  it('attacks a ring and counts by message type', () => {
    const { status, stdout, stderr } = command('fuzz', '--packets', '6000', '--seed', '5', '--nodes', '3')
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /^datagrams +sent +refused +dropped +unmoved +acted$/m)
    assert.match(stdout, /^orf_token( +\d+){5}$/m)
    assert.match(stdout, /^cpg +\d+$/m)
    assert.match(stdout, /packets in 1 sessions and 5 rounds, .* 0 failures\n$/)
  })

  it('runs only the rounds that are named', () => {
    const { status, stdout } = command('fuzz', '--packets', '2000', '--rounds', 'garbage')
    assert.equal(status, 0, stdout)
    assert.match(stdout, /packets in 1 sessions and 1 rounds/)
  })
})

describe('corosync-sim replay', () => {
  it('tells the story of a seed', () => {
    const { status, stdout } = command('replay', '3', '--nodes', '3', '--faults', 'crash')
    assert.equal(status, 0)
    assert.match(stdout, /^seed 3: /)
    assert.match(stdout, /node \d+ +GATHER/)
    assert.match(stdout, /regular configuration \d+\.[0-9a-f]+ \{\d+ \d+ \d+\}/)
    assert.match(stdout, /crashes, down for/)
    assert.match(stdout, /all faults end/)
    assert.match(stdout, /node \d+ +delivers \d+ packets? of \d+\.[0-9a-f]+, seq /)
    assert.doesNotMatch(stdout, /\[TOTEM\]/)
    assert.match(stdout, /seed 3 passed\n$/)
  })

  it('says who declares whom failed, and why', () => {
    const { stdout } = command('replay', '3', '--nodes', '3', '--faults', 'partition')
    assert.match(stdout, /node \d+ +loses the token: none for \d+ ms/)
    assert.match(stdout, /node \d+ +declares \d+( \d+)? failed: no agreement/)
  })

  it('tells more on request', () => {
    const lines = (...more: string[]) => command('replay', '3', '--nodes', '2', '--faults', 'crash', ...more).stdout
    assert.match(lines('--log'), /notice \[TOTEM\] A new membership/)
    assert.doesNotMatch(lines('--log'), /debug \[/)
    assert.match(lines('--debug'), /debug \[TOTEM\] entering GATHER/)
    assert.match(lines('--packets'), /delivers [0-9a-f]+ of \d+\.[0-9a-f]+, sent by \d+/)
  })

  it('draws a seed as one HTML file', () => {
    const file = join(folder, 'run.html')
    const { status, stdout } = command('replay', '3', '--nodes', '3', '--faults', 'crash', '--html', file)
    assert.equal(status, 0)
    assert.match(stdout, /run\.html: \d+ kB/)
    const html = readFileSync(file, 'utf8')
    assert.match(html, /^<!doctype html>/)
    assert.ok(html.length < 1_500_000, `${html.length} characters`)
    // The modules of the page have become one script.
    const script = /<script>(.*)<\/script>/s.exec(html)![1]!
    assert.doesNotMatch(script, /^(import|export) /m)
    assert.doesNotThrow(() => new Script(script))
  })
})

describe('a campaign', () => {
  const worker = new URL('../support/campaign-worker.js', import.meta.url)
  const options: CampaignOptions = {
    firstSeed: 1,
    lastSeed: 40,
    scenario: {},
    jobs: 2,
    minutes: Number.POSITIVE_INFINITY,
    resume: join(folder, 'failures.json'),
    worker,
  }

  it('prints a line per failure, remembers it and reports it once', async () => {
    const lines: string[] = []
    assert.equal(await runCampaign(options, line => lines.push(line)), 1)
    assert.deepEqual(lines, ['seed 13 D2 at 1.0 s: something'])
    const record = readState(options.resume!).campaigns[campaignKey(options)]!
    assert.deepEqual([record.seeds, record.failures, record.virtualSeconds], [40, [13], 4])
    assert.equal(await runCampaign({ ...options, lastSeed: 50 }, line => lines.push(line)), 0, 'nothing new')
    assert.equal(lines.length, 1)
  })

  it('says so when a worker dies', async () => {
    const lines: string[] = []
    const status = await runCampaign({ ...options, firstSeed: 661, lastSeed: 670, resume: undefined }, line =>
      lines.push(line),
    )
    assert.equal(status, 1)
    assert.deepEqual(lines, ['campaign stopped: the worker on seeds 661..670 ended (3)'])
  })

  it('does not start what there is no time for', async () => {
    const started = Date.now()
    const state = join(folder, 'short.json')
    // Beyond the seed that kills the worker: a quick one gets there before the other has started.
    const unending = { ...options, firstSeed: 1001, lastSeed: 1e12, minutes: 0.01, resume: state }
    assert.equal(await runCampaign(unending, () => {}), 0)
    assert.ok(Date.now() - started < 30_000)
    assert.ok(readState(state).campaigns[campaignKey(unending)]!.seeds > 0)
  })
})
