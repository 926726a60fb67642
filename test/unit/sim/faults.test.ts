import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeFault, FAULT_NAMES, FAULT_SETS, type FaultKind, parseFaultNames } from '../../../src/sim/faults.js'
import { configurationOf, generateScenario } from '../../../src/sim/scenario.js'
import { formatFailure } from '../../../src/sim/trace.js'

/** The seeds that every test run has. */
const SEEDS = 500
const hosts = [{ nodeId: 11 }, { nodeId: 22 }, { nodeId: 33 }]

describe('faults by name', () => {
  it('are chosen by names and sets', () => {
    assert.deepEqual(parseFaultNames('mtu, clog'), ['mtu', 'clog'])
    assert.deepEqual(parseFaultNames('all'), [...FAULT_NAMES])
    assert.equal(parseFaultNames('gravity'), undefined)
  })

  it('are each in a set besides that of all', () => {
    const { all: _, ...others } = FAULT_SETS
    const named = new Set(Object.values(others).flat())
    assert.deepEqual(
      FAULT_NAMES.filter(name => !named.has(name)),
      ['interface', 'misconfigured'],
    )
  })

  it('all come up in the seeds of the tests', () => {
    const kinds = new Set<FaultKind>()
    let [damaged, drifting, misconfigured] = [0, 0, 0]
    for (let seed = 1; seed <= SEEDS; seed++) {
      const scenario = generateScenario(seed)
      for (const { fault } of scenario.faults) {
        kinds.add(fault.kind)
        if (fault.kind === 'crash' && fault.disk !== undefined) damaged++
      }
      if (scenario.clockRates !== undefined) drifting++
      if (scenario.misconfigured !== undefined) misconfigured++
    }
    const expected: FaultKind[] = ['bandwidth', 'clog', 'crash', 'cut', 'freeze', 'interface', 'latency', 'leave']
    expected.push('mtu', 'overflow', 'partition', 'pause', 'swizzle')
    assert.deepEqual([...kinds].sort(), expected)
    assert.ok(damaged > 20 && drifting > 50, `${damaged} disks, ${drifting} runs with clocks of their own`)
    assert.ok(misconfigured > 5 && misconfigured < 40, `${misconfigured} runs without liveness are few`)
  })

  it('named alone are in every scenario', () => {
    for (const name of FAULT_NAMES) {
      for (let seed = 1; seed <= 20; seed++) {
        const { conditions, clockRates, misconfigured, faults } = generateScenario(seed, { nodes: 4, faults: [name] })
        const { loss, duplicate, reorder } = conditions
        const conditioned = loss + duplicate + reorder > 0 || clockRates !== undefined || misconfigured !== undefined
        assert.ok(conditioned || faults.length > 0, `${name}, seed ${seed}`)
      }
    }
  })
})

describe('a slow clock', () => {
  it('prolongs the time in which the cluster has to settle, and a fast one does not shorten it', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { clockRates, totem, settleMs } = generateScenario(seed, { nodes: 3, faults: ['clock'] })
      const rounds = settleMs / (totem.tokenTimeoutMs + totem.consensusMs)
      const slowest = Math.min(1, ...clockRates!)
      assert.ok(Math.abs(rounds - 6 / slowest) < 0.01, `seed ${seed}`)
    }
  })
})

describe('the line about a run', () => {
  it('says when a run that passed had no end to look at', () => {
    const line = (settled: boolean) => formatFailure({ seed: 7, violations: [], settled })
    assert.equal(line(true), 'seed 7 passed')
    assert.equal(line(false), 'seed 7 passed, without the orderly end that was not demanded')
  })
})

describe('a misconfigured node', () => {
  it('has its own timeouts or window, or a list without another node; nobody else has', () => {
    const kinds = new Set<string>()
    for (let seed = 1; seed <= 100; seed++) {
      const scenario = generateScenario(seed, { nodes: 4, faults: ['misconfigured'] })
      const odd = scenario.misconfigured!.map(({ host }) => host)
      for (const { host, totem, unlisted } of scenario.misconfigured!) {
        const config = configurationOf(scenario, host)
        for (const [name, value] of Object.entries(totem ?? {})) {
          kinds.add(name)
          assert.equal(config.totem[name as keyof typeof config.totem], value)
        }
        if (unlisted !== undefined) {
          kinds.add('list')
          assert.equal(config.memberNodeIds.length, 3)
          assert.ok(config.memberNodeIds.includes(config.nodeId))
        }
      }
      for (let host = 0; host < 4; host++) {
        if (odd.includes(host)) continue
        const config = configurationOf(scenario, host)
        assert.deepEqual(config.totem, scenario.totem)
        assert.deepEqual(config.memberNodeIds, scenario.nodeIds)
      }
    }
    for (const kind of ['list', 'windowSize', 'tokenTimeoutMs', 'consensusMs']) assert.ok(kinds.has(kind), kind)
  })
})

describe('the description of a fault', () => {
  it('says what happens, to whom, and for how long', () => {
    const describe = (fault: Parameters<typeof describeFault>[1]) => describeFault(hosts, fault)
    assert.equal(
      describe({ kind: 'bandwidth', hosts: [0, 2], bytesPerMs: 125, queueBytes: 4096, forMs: 10 }),
      '125 bytes/ms at most leave nodes 11, 33, the queue holds 4096 bytes, for 10.0 ms',
    )
    assert.equal(
      describe({ kind: 'mtu', hosts: [0, 1], bytes: 576, forMs: 10 }),
      'no datagram over 576 bytes passes between 11 and 22 for 10.0 ms',
    )
    assert.equal(
      describe({ kind: 'overflow', host: 1, readMs: 0.5, bufferBytes: 2048, forMs: 10 }),
      'node 22 takes 0.50 ms to read a datagram, its socket holds 2048 bytes, for 10.0 ms',
    )
    assert.equal(describe({ kind: 'clog', from: 0, to: 1, forMs: 10 }), 'the path from 11 to 22 is clogged for 10.0 ms')
    assert.equal(
      describe({ kind: 'latency', from: 0, to: 1, extraMs: 5, forMs: 10 }),
      '5.0 ms more delay from 11 to 22 for 10.0 ms',
    )
    assert.equal(
      describe({ kind: 'swizzle', hosts: [0, 1], back: [1, 0], everyMs: 5, forMs: 10 }),
      'nodes 11, 22 clogged one by one every 5.0 ms, and after 10.0 ms unclogged: 22, 11',
    )
    assert.equal(
      describe({ kind: 'crash', host: 2, forMs: 10, disk: { kind: 'lost' } }),
      'node 33 crashes, its ring-id file is lost, down for 10.0 ms',
    )
    assert.equal(describe({ kind: 'crash', host: 2, forMs: 10 }), 'node 33 crashes, down for 10.0 ms')
  })
})
