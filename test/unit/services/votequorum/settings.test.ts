// What the quorum section and the node list come to (spec: services 4.3): values, refusals at start, and what is switched off
// at run time instead.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readFeatures, readSettings, type VoteSettings } from '../../../../src/services/votequorum/settings.js'
import { type VotequorumConfig, votequorumMap } from '../../../support/votequorum-map.js'

interface Circumstances {
  readonly running?: boolean
  readonly trackingBarrier?: number
  readonly deviceRegistered?: boolean
}

function read(config: VotequorumConfig, circumstances: Circumstances = {}) {
  const lines: string[] = []
  const log = (level: string, message: string) => {
    if (level !== 'debug') lines.push(`${level} ${message}`)
  }
  const map = votequorumMap(config.nodes[0] ?? 1, config)
  const features = readFeatures(map, log)
  const { running = false, trackingBarrier = 0, deviceRegistered = false } = circumstances
  const result = readSettings(map, { features, running, trackingBarrier, deviceRegistered, log })
  return { features, lines, result }
}

function settings(config: VotequorumConfig, circumstances?: Circumstances): VoteSettings {
  const { result } = read(config, circumstances)
  assert.ok(result.ok, result.ok ? '' : result.error)
  return result.settings
}

const DEVICE = { 'device.model': 'net' }

describe('expected votes', () => {
  it('are those of the node list', () => {
    const { votes, expected } = settings({ nodes: [4, 5, 6], votes: { 4: 2, 6: 0 } })
    assert.deepEqual([votes, expected], [2, 3])
  })

  it('are what quorum.expected_votes says, if that is given', () => {
    assert.equal(settings({ nodes: [1, 2], quorum: { expected_votes: 5 } }).expected, 5)
    assert.equal(settings({ nodes: [1, 2], quorum: { expected_votes: 0 } }).expected, 2)
  })

  it('without a node list need quorum.expected_votes; own votes are quorum.votes', () => {
    const { votes, expected } = settings({ nodes: [], quorum: { expected_votes: 4, votes: 3 } })
    assert.deepEqual([votes, expected], [3, 4])
    assert.equal(settings({ nodes: [], quorum: { expected_votes: 4 } }).votes, 1)
    for (const running of [false, true]) {
      const { result } = read({ nodes: [] }, { running })
      assert.deepEqual(result, {
        ok: false,
        error: 'configuration error: nodelist or quorum.expected_votes must be configured!',
      })
    }
  })

  it('are at least what was tracked, also when more is configured', () => {
    const tracked = (quorum: VotequorumConfig['quorum'], trackingBarrier: number) =>
      settings({ nodes: [1, 2, 3], quorum: quorum ?? {} }, { trackingBarrier }).expected
    assert.equal(tracked({ expected_votes_tracking: 1 }, 5), 5)
    assert.equal(tracked({ expected_votes_tracking: 1 }, 2), 3)
    assert.equal(tracked({ expected_votes_tracking: 1, expected_votes: 6 }, 0), 6)
    assert.equal(tracked({ allow_downscale: 1 }, 5), 5)
    assert.equal(tracked({}, 5), 3)
  })

  it('can be more than 255', () => {
    assert.equal(settings({ nodes: [1, 2], votes: { 1: 200, 2: 200 } }).expected, 400)
  })
})

describe('wait_for_all', () => {
  it('goes with two_node unless it is given', () => {
    const waits = (quorum: VotequorumConfig['quorum']) => settings({ nodes: [1, 2], quorum: quorum ?? {} }).waitForAll
    assert.deepEqual([waits({}), waits({ two_node: 1 })], [false, true])
    assert.deepEqual([waits({ two_node: 1, wait_for_all: 0 }), waits({ wait_for_all: 1 })], [false, true])
  })
})

describe('auto_tie_breaker', () => {
  const kind = (node: string | undefined, more: VotequorumConfig['quorum'] = {}) =>
    settings({
      nodes: [1, 2],
      quorum: { auto_tie_breaker: 1, ...(node === undefined ? {} : { auto_tie_breaker_node: node }), ...more },
    }).tieBreaker

  it('is lowest, highest or a list', () => {
    assert.deepEqual(kind(undefined), { kind: 'lowest', nodes: [] })
    assert.deepEqual(kind('lowest'), { kind: 'lowest', nodes: [] })
    assert.deepEqual(kind('highest'), { kind: 'highest', nodes: [] })
    assert.deepEqual(kind('2  1'), { kind: 'list', nodes: [2, 1] })
    assert.deepEqual(kind('7'), { kind: 'list', nodes: [7] })
  })

  for (const node of ['last', '1 x', '1,2', '0', '-1', '1.5', '4294967296']) {
    it(`is off, with a warning, for ${node}`, () => {
      const { features, lines } = read({ nodes: [1, 2], quorum: { auto_tie_breaker: 1, auto_tie_breaker_node: node } })
      assert.equal(features.tieBreaker.kind, 'none')
      assert.match(lines.join(), /^warning auto_tie_breaker_nodes is not valid\./)
    })
  }

  it('switches two_node off, which was what wait_for_all went by', () => {
    const { lines, result } = read({ nodes: [1, 2], quorum: { two_node: 1, auto_tie_breaker: 1 } })
    assert.ok(result.ok)
    assert.deepEqual([result.settings.twoNode, result.settings.waitForAll], [false, true])
    assert.deepEqual(lines, [
      'crit two_node and auto_tie_breaker are both specified but are not compatible.',
      'crit two_node has been disabled, please fix your corosync.conf',
    ])
  })

  it('is off where votes are odd and nobody waits for all', () => {
    const odd = { nodes: [1, 2, 3], quorum: { auto_tie_breaker: 1 } }
    assert.equal(settings(odd).tieBreaker.kind, 'none')
    assert.equal(settings({ ...odd, votes: { 1: 2 } }).tieBreaker.kind, 'lowest')
    assert.equal(settings({ ...odd, quorum: { ...odd.quorum, wait_for_all: 1 } }).tieBreaker.kind, 'lowest')
  })

  it('is refused there together with last_man_standing', () => {
    const config = { nodes: [1, 2, 3], quorum: { auto_tie_breaker: 1, last_man_standing: 1 } }
    const { lines, result } = read(config)
    assert.equal(lines.length, 4)
    assert.deepEqual(result, {
      ok: false,
      error: 'configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster',
    })
    assert.equal(settings(config, { running: true }).tieBreaker.kind, 'none')
  })

  it('says that its node means nothing without it', () => {
    const { lines } = read({ nodes: [1, 2], quorum: { auto_tie_breaker_node: 'highest' } })
    assert.deepEqual(lines, ['warning auto_tie_breaker_node: is meaningless if auto_tie_breaker is set to 0'])
  })
})

describe('a quorum device', () => {
  it('has a vote less than there are nodes, and they are expected', () => {
    const { device, expected } = settings({ nodes: [1, 2, 3], quorum: DEVICE })
    assert.deepEqual([device?.votes, expected], [2, 5])
    assert.deepEqual([device?.timeoutMs, device?.syncTimeoutMs, device?.canOperate], [10_000, 30_000, true])
  })

  it('has the votes that it is given; they are not expected before they are here', () => {
    const { device, expected } = settings({ nodes: [1, 2], quorum: { ...DEVICE, 'device.votes': 1 } })
    assert.deepEqual([device?.votes, expected], [1, 2])
    assert.equal(settings({ nodes: [1, 2], quorum: { ...DEVICE, 'device.votes': 0 } }).device?.votes, 0)
  })

  it('has timeouts', () => {
    const quorum = { ...DEVICE, 'device.timeout': 1500, 'device.sync_timeout': 2500 }
    const { device } = settings({ nodes: [1, 2], quorum })
    assert.deepEqual([device?.timeoutMs, device?.syncTimeoutMs], [1500, 2500])
  })

  it('is none without a model', () => {
    assert.equal(settings({ nodes: [1, 2], quorum: { 'device.votes': 1 } }).device, undefined)
    assert.equal(settings({ nodes: [1, 2], quorum: { 'device.model': '' } }).device, undefined)
  })

  const REFUSALS: readonly (readonly [string, VotequorumConfig])[] = [
    ['quorum.device is not compatible with last_man_standing', { nodes: [1, 2], quorum: { last_man_standing: 1 } }],
    ['quorum.device is not compatible with auto_tie_breaker', { nodes: [1, 2], quorum: { auto_tie_breaker: 1 } }],
    ['quorum.device is not compatible with allow_downscale', { nodes: [1, 2], quorum: { allow_downscale: 1 } }],
    [
      'quorum.device.votes must be specified when quorum.expected_votes is set',
      { nodes: [1, 2], quorum: { expected_votes: 3 } },
    ],
    ['quorum.device.votes must be specified when not all nodes votes 1', { nodes: [1, 2], votes: { 1: 2 } }],
    [
      'quorum.device.votes is too high or expected_votes is too low',
      { nodes: [1, 2], quorum: { expected_votes: 3, 'device.votes': 2 } },
    ],
  ]
  for (const [error, config] of REFUSALS) {
    it(`ends the start, or its own operation: ${error}`, () => {
      const withDevice = { ...config, quorum: { ...config.quorum, ...DEVICE } }
      assert.deepEqual(read(withDevice).result, { ok: false, error: `configuration error: ${error}` })
      const { lines, result } = read(withDevice, { running: true })
      assert.ok(result.ok)
      assert.equal(result.settings.device?.canOperate, false)
      assert.deepEqual(lines, [`crit configuration error: ${error}`, 'crit disabling quorum device operations'])
    })
  }

  it('does not go with two_node: at run time the one that is in use stays', () => {
    const config = { nodes: [1, 2], quorum: { two_node: 1, ...DEVICE } }
    const { result } = read(config)
    assert.deepEqual(result, {
      ok: false,
      error: 'configuration error: two_node and quorum device cannot be configured at the same time!',
    })
    const unregistered = settings(config, { running: true })
    assert.deepEqual([unregistered.twoNode, unregistered.device?.canOperate], [true, false])
    const registered = settings(config, { running: true, deviceRegistered: true })
    assert.deepEqual([registered.twoNode, registered.device?.canOperate], [false, true])
  })
})
