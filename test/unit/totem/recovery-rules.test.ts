// Rules of COMMIT, RECOVERY and the installation, on the wire and in what is delivered (spec: totem 4.3 to 4.6).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createJoin } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { FAST, type Member, RingNetwork } from '../../support/ring-network.js'
import { Traffic } from '../../support/ring-traffic.js'

const TOKEN = 0
const MCAST = 1
const COMMIT_TOKEN = 4
const wire = createGeneration3()

function form(ids: number[]) {
  const network = new RingNetwork()
  const members = ids.map(id => network.start(id))
  network.run(2000)
  for (const member of members) assert.deepEqual(member.ring.members, ids)
  return { network, members }
}

function messages(member: Member): string[] {
  return member.story.filter(line => line.includes(':'))
}

function joinOf(systemFrom: number, ringSeq: number, procList = [1, 2, 3]): Uint8Array {
  const join = { ...createJoin(), nodeId: systemFrom, systemFrom, procList, ringSeq }
  const bytes = new Uint8Array(wire.joinLength(procList.length, 0))
  wire.writeJoin(join, bytes, 0)
  return bytes
}

describe('a join in COMMIT or RECOVERY', () => {
  for (const [state, lost, reason] of [
    ['commit', COMMIT_TOKEN, 'joinInCommit'],
    ['recovery', TOKEN, 'joinInRecovery'],
  ] as const) {
    it(`(${state}) counts from a member of the forming ring that is not behind it`, () => {
      const { network, members } = form([1, 2, 3])
      const member = members[1]!
      new Traffic(network, (from, _to, bytes) => !(from === 2 && bytes[3] === lost))
      member.ring.interfaceChanged(network.now)
      network.run(100)
      assert.equal(member.ring.state, state)
      const { seq } = member.ring.ring
      const gathered = member.ring.stats.gather_entered
      network.inject(joinOf(3, seq - 1), 2)
      network.inject(joinOf(9, seq + 10), 2)
      network.inject(joinOf(9, seq, [1, 2, 3]), 2)
      network.run(1)
      assert.equal(member.ring.stats.gather_entered, gathered)
      network.inject(joinOf(3, seq), 2)
      network.run(0.05)
      assert.equal(member.ring.state, 'gather')
      const entered = member.events.findLast(event => event.kind === 'gatherEntered')
      assert.equal(entered?.kind === 'gatherEntered' && entered.reason, reason)
    })
  }
})

describe('an agreement whose representative says nothing', () => {
  it('is waited for as for a token; then whoever was silent since is held for failed', () => {
    const { network, members } = form([1, 2, 3])
    // Nothing but joins arrives at node 3.
    new Traffic(network, (_from, to, bytes) => !(to === 3 && bytes[3] === COMMIT_TOKEN))
    const member = members[2]!
    const before = member.events.length
    const start = network.now
    member.ring.interfaceChanged(start)
    network.run(FAST.consensusMs + FAST.tokenTimeoutMs - 1)
    const reasons = () =>
      member.events.slice(before).flatMap(event => (event.kind === 'gatherEntered' ? [event.reason] : []))
    assert.deepEqual(reasons(), ['interfaceChange'])
    assert.equal(member.ring.stats.consensus_timeouts, 1)
    network.run(1.01)
    assert.deepEqual(reasons(), ['interfaceChange', 'consensusTimeout', 'consensusTimeoutExpired'])
    assert.equal(member.ring.stats.gather_token_lost, 1)
    const silent = member.events.findLast(event => event.kind === 'silentProcessors')
    assert.deepEqual(silent?.kind === 'silentProcessors' && silent.nodeIds, [1, 2])
  })
})

describe('old messages in RECOVERY', () => {
  /** Node 2 misses messages 2 to 4 of six, then a new ring is formed at once; `also` may lose more. */
  function recover(also: (from: number, to: number, bytes: Uint8Array) => boolean = () => true) {
    const { network, members } = form([1, 2, 3])
    const ring = members[0]!.ring.ring.seq
    const traffic = new Traffic(network, (from, to, bytes) => {
      const mcast = bytes[3] === MCAST && bytes[4] === 2 ? traffic.mcasts.at(-1)!.message : undefined
      if (mcast?.ring.seq === ring && to === 2 && mcast.seq >= 2 && mcast.seq <= 4) return false
      return also(from, to, bytes)
    })
    for (let i = 1; i <= 6; i++) members[0]!.send(`m${i}`)
    // Until the last one has been numbered, and not long enough for a request.
    while (!traffic.mcasts.some(passed => passed.message.seq === 6)) network.run(0.05)
    network.run(0.1)
    members[0]!.ring.interfaceChanged(network.now)
    return { network, members, traffic, ring }
  }

  it('are named in the commit token as what each has', () => {
    const { network, traffic } = recover()
    network.run(500)
    const full = traffic.commitTokens.find(token => token.message.memberIndex === 3)!.message
    assert.deepEqual(
      full.entries.map(entry => [entry.aru, entry.highDelivered, entry.receivedFlag]),
      [
        [6, 6, 1],
        [1, 1, 0],
        [6, 6, 1],
      ],
    )
  })

  it('come in wrappers from who has them, each at least once, unchanged, and are delivered before the change', () => {
    const { network, members, traffic, ring } = recover()
    network.run(500)
    const wrappers = traffic.mcasts.filter(({ message }) => message.encapsulated === 1)
    const originals = traffic.mcasts.filter(({ message, to }) => message.ring.seq === ring && to === 3)
    const wrapped = new Set<string>()
    for (const { bytes, message } of wrappers) {
      assert.equal(message.ring.seq, ring + 4)
      wrapped.add(Buffer.from(bytes.subarray(wire.mcastHeaderLength)).toString('hex'))
    }
    const expected = originals.filter(({ message }) => message.seq >= 2).map(({ bytes }) => Buffer.from(bytes))
    assert.deepEqual([...wrapped].sort(), expected.map(bytes => bytes.toString('hex')).sort())
    // New messages are numbered behind the wrappers.
    members[2]!.send('new')
    network.run(100)
    const next = traffic.mcasts.find(({ message }) => message.ring.seq === ring + 4 && message.encapsulated === 2)!
    assert.equal(next.message.seq, Math.max(...wrappers.map(({ message }) => message.seq)) + 1)
    for (const member of members) {
      assert.deepEqual(messages(member), ['1:m1', '1:m2', '1:m3', '1:m4', '1:m5', '1:m6', '3:new'])
      const change = member.story.findIndex(line => line.startsWith('transitional') && line.includes('[1,2,3]'))
      assert.ok(change > member.story.indexOf('1:m6') || member.nodeId !== 2)
    }
  })

  it('are sent by one of those who have them, not by all', () => {
    const { network, traffic } = recover()
    network.run(500)
    const wrappers = traffic.mcasts.filter(({ message }) => message.encapsulated === 1)
    assert.equal(new Set(wrappers.map(({ message }) => message.seq)).size, 5)
  })

  it('are sent on when the first wrapper does not arrive', () => {
    let lost = 0
    const { network, members } = recover((_from, to, bytes) => !(to === 2 && bytes[4] === 1 && lost++ < 3))
    network.run(1500)
    for (const member of members) assert.deepEqual(messages(member), ['1:m1', '1:m2', '1:m3', '1:m4', '1:m5', '1:m6'])
    assert.equal(lost > 3, true)
  })

  it('keep the ring from being installed until all have them', () => {
    const { network, members } = recover((_from, to, bytes) => !(to === 2 && bytes[4] === 1))
    network.run(FAST.tokenTimeoutMs)
    for (const member of members) assert.equal(member.ring.state, 'recovery')
  })

  it('are announced by the flag of the token as long as they wait', () => {
    const { network, traffic, ring } = recover()
    network.run(500)
    const flags = traffic.tokens
      .filter(token => token.message.ring.seq === ring + 4 && token.from === 1)
      .map(token => token.message.retransFlag)
    assert.equal(flags[0], 1)
    const cleared = flags.indexOf(0)
    assert.ok(cleared > 0 && flags.slice(cleared).every(flag => flag === 0))
  })

  it('survive an attempt that fails', () => {
    let tokens = 0
    const { network, members } = recover((from, _to, bytes) => !(bytes[3] === TOKEN && from === 3 && tokens++ < 20))
    network.run(FAST.tokenTimeoutMs * 4)
    for (const member of members) {
      assert.ok(member.ring.stats.recovery_token_lost > 0 || member.ring.stats.gather_entered > 3)
      assert.deepEqual(messages(member), ['1:m1', '1:m2', '1:m3', '1:m4', '1:m5', '1:m6'])
    }
  })
})

describe('messages that nobody has any more', () => {
  it('are passed over in the transitional configuration; behind the gap only survivors’ messages count', () => {
    const { network, members } = form([1, 2, 3])
    const ring = members[0]!.ring.ring.seq
    // Message 2 of node 3 reaches nobody, and node 3 dies.
    const traffic = new Traffic(network, (_from, _to, bytes) => {
      const mcast = bytes[3] === MCAST ? traffic.mcasts.at(-1)!.message : undefined
      return !(mcast?.ring.seq === ring && mcast.seq === 2)
    })
    for (let i = 1; i <= 3; i++) members[2]!.send(`of the dead ${i}`)
    while (!traffic.mcasts.some(passed => passed.message.seq === 3)) network.run(0.05)
    members[0]!.send('of a survivor')
    while (!traffic.mcasts.some(passed => passed.message.seq === 4)) network.run(0.05)
    network.run(0.1)
    network.kill(3)
    network.run(2000)
    for (const member of members.slice(0, 2)) {
      const since = member.story.indexOf('3:of the dead 1')
      assert.deepEqual(member.story.slice(since), [
        '3:of the dead 1',
        `transitional 1.${(ring + 4).toString(16)} [1,2]`,
        '1:of a survivor',
        `regular 1.${(ring + 4).toString(16)} [1,2]`,
      ])
    }
  })
})

describe('a message of a ring that was never installed', () => {
  it('is not taken for one of the ring before', () => {
    const { network, members } = form([1, 2, 3])
    const member = members[1]!
    new Traffic(network, (from, _to, bytes) => !(from === 2 && bytes[3] === COMMIT_TOKEN))
    const { seq } = member.ring.ring
    member.ring.interfaceChanged(network.now)
    while (member.ring.ring.seq === seq) network.run(10)
    network.pass = (_from, _to, bytes) => bytes[3] === 3
    network.run(FAST.tokenTimeoutMs)
    assert.equal(member.ring.state, 'gather')
    assert.ok(member.ring.ring.seq > seq)
    const bytes = new Uint8Array(wire.mcastHeaderLength)
    const mcast = {
      ...{ encapsulated: 2, nodeId: 1, targetNodeId: 0, systemFrom: 1, seq: 1, thisSeqno: 1, nodeIdField: 0 },
      ...{ guarantee: 0, ring: { rep: member.ring.ring.nodeId, seq: member.ring.ring.seq } },
    }
    wire.writeMcast(mcast, bytes, 0)
    const dropped = member.ring.stats.rx_msg_dropped
    member.ring.receive(network.now, bytes, 0, bytes.length, 'test')
    assert.equal(member.ring.stats.rx_msg_dropped, dropped + 1)
  })
})

describe('an installation', () => {
  it('tells the layer above in this order, within one token visit', () => {
    const { network, members } = form([1, 2, 3])
    const { calls } = members[1]!
    calls.length = 0
    members[1]!.ring.interfaceChanged(network.now)
    network.run(500)
    const at = calls.indexOf('transitional')
    assert.deepEqual(calls.slice(at - 1, at + 5), [
      'tokenReceived',
      'transitional',
      'flushPacking',
      'useTransitionalContexts',
      'regular',
      'tokenSent',
    ])
    // The end of the transitional phase: what is packed belongs to it.
    const before = calls.filter(call => call === 'flushPacking').length
    members[1]!.ring.transitionalAck()
    assert.equal(calls.filter(call => call === 'flushPacking').length, before + 1)
  })
})

describe('an ordinary message of the ring being recovered', () => {
  it('is not taken before the ring is installed', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network, (from, _to, bytes) => !(from === 2 && bytes[3] === TOKEN))
    members[1]!.ring.interfaceChanged(network.now)
    network.run(100)
    assert.equal(members[2]!.ring.state, 'recovery')
    const mcast = {
      ...{ encapsulated: 2, nodeId: 1, targetNodeId: 0, systemFrom: 1, seq: 1, thisSeqno: 1, nodeIdField: 0 },
      ...{ guarantee: 0, ring: { rep: 1, seq: members[2]!.ring.ring.seq } },
    }
    const bytes = new Uint8Array(wire.mcastHeaderLength)
    wire.writeMcast(mcast, bytes, 0)
    const dropped = members[2]!.ring.stats.rx_msg_dropped
    network.inject(bytes, 3)
    network.run(1)
    assert.equal(members[2]!.ring.stats.rx_msg_dropped, dropped + 1)
    // Nor a wrapper after it.
    network.pass = () => true
    network.run(1000)
    traffic.clear()
    mcast.encapsulated = 1
    mcast.ring.seq = members[2]!.ring.ring.seq
    wire.writeMcast(mcast, bytes, 0)
    network.inject(bytes, 3)
    network.run(1)
    assert.equal(members[2]!.ring.stats.rx_msg_dropped, dropped + 2)
    for (const member of members) assert.deepEqual(messages(member), [])
  })
})
