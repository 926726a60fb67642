// Timers and limits that change while the ring turns.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TotemParameters } from '../../../src/totem/parameters.js'
import { FAST, type Member, RingNetwork } from '../../support/ring-network.js'
import { Traffic } from '../../support/ring-traffic.js'

const SLOW: TotemParameters = {
  ...FAST,
  tokenTimeoutMs: 3000,
  tokenWarningMs: 2250,
  tokenRetransmitMs: 714,
  holdMs: 561,
  consensusMs: 3600,
}

function form(ids: readonly number[], parameters: TotemParameters) {
  const network = new RingNetwork({ parameters })
  const members = ids.map(id => network.start(id))
  network.run(10_000)
  for (const member of members) assert.deepEqual(member.ring.members, ids)
  return { network, members }
}

function change(network: RingNetwork, members: readonly Member[], parameters: TotemParameters): void {
  for (const member of members) member.ring.setParameters(network.now, parameters)
}

/** Cuts the second member off; how long after that the first one gives up its token, in ms. */
function timeToLoss(network: RingNetwork, member: Member): number {
  network.pass = () => false
  const cut = network.now
  const before = member.events.length
  const lost = () => member.events.slice(before).some(event => event.kind === 'tokenLost')
  while (!lost()) {
    assert.ok(network.now - cut < 10_000, 'the token is never lost')
    network.run(10)
  }
  return network.now - cut
}

describe('a token timeout that changes on a running ring', () => {
  it('is longer from the next token on', () => {
    const { network, members } = form([1, 2], FAST)
    change(network, members, SLOW)
    network.run(2000)
    assert.ok(timeToLoss(network, members[0]!) > SLOW.tokenTimeoutMs - SLOW.holdMs - 20)
    assert.equal(members[0]!.ring.stats.operational_token_lost, 1)
  })

  it('is shorter from the next token on', () => {
    const { network, members } = form([1, 2], SLOW)
    change(network, members, FAST)
    network.run(2000)
    assert.ok(timeToLoss(network, members[0]!) <= FAST.tokenTimeoutMs + 20)
  })

  it('keeps the ring together', () => {
    const { network, members } = form([1, 2, 3], SLOW)
    for (const parameters of [FAST, SLOW, FAST]) {
      change(network, members, parameters)
      network.run(5000)
      members[1]!.send('x')
      network.run(500)
    }
    for (const member of members) {
      assert.equal(member.ring.stats.operational_token_lost, 0)
      assert.equal(member.story.filter(line => line === '2:x').length, 3)
    }
  })

  it('may change on one member before the others', () => {
    const { network, members } = form([1, 2, 3], SLOW)
    for (const member of members) {
      member.ring.setParameters(network.now, FAST)
      network.run(2000)
    }
    for (const member of members) assert.equal(member.ring.stats.operational_token_lost, 0)
  })

  it('is not taken for a pause of the process', () => {
    // The pace of the old timeout is slower than a pause of the new one is long: wherever between two beats it changes.
    for (let wait = 0; wait < SLOW.tokenTimeoutMs / 5; wait += 50) {
      const { network, members } = form([1, 2], SLOW)
      network.run(wait)
      change(network, members, FAST)
      network.start(3)
      network.run(1000)
      assert.deepEqual(members[0]!.ring.members, [1, 2, 3])
      for (const member of members) assert.ok(!member.events.some(event => event.kind === 'pauseDetected'))
    }
  })

  it('in the middle of GATHER ends in a ring', () => {
    const { network, members } = form([1, 2], FAST)
    timeToLoss(network, members[0]!)
    assert.equal(members[0]!.ring.state, 'gather')
    change(network, members, SLOW)
    network.pass = () => true
    network.run(10_000)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2])
  })
})

describe('other values that change on a running ring', () => {
  it('the warning about a late token can be switched off', () => {
    const { network, members } = form([1, 2], FAST)
    change(network, members, { ...FAST, tokenWarningMs: 0 })
    network.run(1000)
    const before = members[0]!.events.length
    timeToLoss(network, members[0]!)
    assert.ok(!members[0]!.events.slice(before).some(event => event.kind === 'tokenLate'))
  })

  it('the messages of one visit', () => {
    const { network, members } = form([1, 2], FAST)
    change(network, members, { ...FAST, maxMessages: 3 })
    const traffic = new Traffic(network)
    for (let i = 0; i < 10; i++) members[1]!.send(`m${i}`)
    network.run(1000)
    const visits = new Map<number, number>()
    for (const { from, to, at } of traffic.mcasts) {
      if (from === 2 && to === 1) visits.set(at, (visits.get(at) ?? 0) + 1)
    }
    assert.deepEqual(Math.max(...visits.values()), 3)
    assert.equal(members[0]!.story.filter(line => line.startsWith('2:')).length, 10)
  })

  it('the window, while a rotation holds more than it', () => {
    const { network, members } = form([1, 2, 3], FAST)
    for (let i = 0; i < 40; i++) for (const member of members) member.queue(`m${i}`)
    members[0]!.ring.requestToken()
    network.run(2)
    change(network, members, { ...FAST, windowSize: 5 })
    for (let i = 0; i < 40; i++) for (const member of members) member.queue(`n${i}`)
    network.run(2000)
    for (const member of members) {
      assert.equal(member.story.filter(line => line.includes(':')).length, 240)
      assert.equal(member.ring.stats.operational_token_lost, 0)
    }
  })

  it('the frame size is that of the start', () => {
    const { network, members } = form([1, 2], FAST)
    change(network, members, { ...FAST, netMtu: 9000 })
    const frame = members[0]!.ring.pool.take()
    assert.ok(frame.capacity <= FAST.netMtu)
  })
})
