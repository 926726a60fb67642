// Rules of GATHER and COMMIT that peers count on, read from the wire (spec: totem 4.1 to 4.4, 4.13).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TotemParameters } from '../../../src/totem/parameters.js'
import { createJoin, type Join } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { FAST, type Member, RingNetwork } from '../../support/ring-network.js'
import { Traffic } from '../../support/ring-traffic.js'

const wire = createGeneration3()

function form(ids: number[], parameters: Partial<TotemParameters> = {}) {
  const network = new RingNetwork({ parameters: { ...FAST, ...parameters } })
  const members = ids.map(id => network.start(id))
  network.run(2000)
  for (const member of members) assert.deepEqual(member.ring.members, ids)
  return { network, members }
}

function joinBytes(join: Partial<Join>): Uint8Array {
  const full = { ...createJoin(), ...join }
  if (full.nodeId === 0 && !full.leave) full.nodeId = full.systemFrom
  const bytes = new Uint8Array(wire.joinLength(full.procList.length, full.failedList.length))
  wire.writeJoin(full, bytes, 0)
  return bytes
}

function lastReason(member: Member): string | undefined {
  const event = member.events.findLast(each => each.kind === 'gatherEntered')
  return event?.kind === 'gatherEntered' ? event.reason : undefined
}

describe('the ring sequence', () => {
  it('goes up by one at each start and by four with each ring', () => {
    const network = new RingNetwork()
    const traffic = new Traffic(network)
    const member = network.start(1, 100)
    assert.equal(traffic.joins[0]!.message.ringSeq, 101)
    network.run(500)
    assert.deepEqual(member.ring.ring, { nodeId: 1, seq: 105 })
  })

  it('is above every one that any member has', () => {
    const network = new RingNetwork()
    const members = [network.start(1, 0), network.start(2, 1000), network.start(3, 40)]
    network.run(2000)
    for (const member of members) assert.deepEqual(member.ring.ring, { nodeId: 1, seq: 1009 })
  })

  it('is stored before anything of the ring is sent', () => {
    const network = new RingNetwork()
    const members = new Map<number, Member>()
    let checked = 0
    network.pass = (from, _to, bytes) => {
      const type = bytes[3]!
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      const at = { 0: 33, 1: 29, 4: 21 }[type]
      if (at !== undefined && type !== 2 && type !== 3) {
        checked++
        assert.ok(members.get(from)!.persisted >= Number(view.getBigUint64(at, true)), `type ${type}`)
      }
      return true
    }
    for (const id of [1, 2, 3]) members.set(id, network.start(id))
    network.run(1000)
    members.get(2)!.send('x')
    network.run(1000)
    assert.ok(checked > 100)
    for (const member of members.values()) assert.equal(member.persisted, member.ring.ring.seq)
  })

  it('of an attempt that failed is not used again', () => {
    const { network, members } = form([1, 2, 3])
    const { seq } = members[0]!.ring.ring
    const traffic = new Traffic(network, (from, _to, bytes) => !(from === 2 && bytes[3] === 4))
    members[2]!.ring.interfaceChanged(network.now)
    network.run(FAST.tokenTimeoutMs + 3 * FAST.joinMs)
    const attempts = [...new Set(traffic.commitTokens.map(token => token.message.ring.seq))]
    assert.deepEqual(attempts.slice(0, 2), [seq + 4, seq + 8])
    // Joins after the failure carry the failed ring's number; commit entries still name the ring that was installed.
    assert.ok(traffic.joins.some(join => join.from === 1 && join.message.ringSeq === seq + 4))
    const retry = traffic.commitTokens.findLast(token => token.from === 1)!
    assert.equal(retry.message.entries[0]!.ring.seq, seq)
  })
})

describe('joins', () => {
  it('repeat what is known each join time, the sender’s own among them', () => {
    const network = new RingNetwork()
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 1 && bytes[3] === 3))
    network.start(1)
    network.run(FAST.joinMs * 4 + 1)
    assert.deepEqual(
      traffic.joins.map(join => Math.round(join.at)),
      [0, 50, 100, 150, 200],
    )
    for (const { message } of traffic.joins) {
      assert.deepEqual([message.procList, message.failedList, message.systemFrom, message.leave], [[1], [], 1, false])
    }
  })

  it('wait a random part of send_join, and no longer for being repeated', () => {
    const sendJoinMs = 200
    const network = new RingNetwork({ parameters: { ...FAST, sendJoinMs } })
    network.random = () => 0.9
    const traffic = new Traffic(network)
    const member = network.start(1)
    network.run(179)
    assert.equal(traffic.joins.length, 0)
    network.run(2)
    assert.deepEqual(
      traffic.joins.map(join => join.at),
      [180],
    )
    network.run(500)
    assert.equal(member.ring.state, 'operational')
  })

  it('hold a silent member for failed only after the consensus time, and say so', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    network.kill(2)
    network.run(1500)
    const joins = traffic.joins.filter(join => join.from === 1 && join.to === 3)
    const gatherAt = joins[0]!.at
    const failedAt = joins.find(join => join.message.failedList.length > 0)!.at
    assert.ok(Math.abs(failedAt - gatherAt - FAST.consensusMs) < 1)
    for (const { at, message } of joins) {
      assert.deepEqual(message.failedList, at < failedAt ? [] : [2])
      assert.deepEqual(message.procList, [1, 2, 3])
    }
    // The ring stands with the next join at the latest.
    const formedAt = traffic.commitTokens.find(token => token.at > failedAt)!.at
    assert.ok(formedAt - failedAt <= FAST.joinMs + 1)
    assert.deepEqual(members[0]!.ring.members, [1, 3])
  })

  it('of somebody held for failed change nothing', () => {
    const { network, members } = form([1, 2, 3])
    network.kill(3)
    network.kill(2)
    network.run(FAST.tokenTimeoutMs + FAST.consensusMs - 100)
    assert.equal(members[0]!.ring.state, 'gather')
    // 2 and 3 become failed; the ring that would forget it is kept from forming.
    const traffic = new Traffic(network, (_from, _to, bytes) => bytes[3] === 3)
    network.run(110)
    assert.deepEqual(traffic.joins.at(-1)!.message.failedList, [2, 3])
    network.run(FAST.tokenTimeoutMs + 60)
    network.inject(joinBytes({ systemFrom: 2, procList: [2, 7], ringSeq: 500 }))
    network.run(60)
    assert.deepEqual(traffic.joins.at(-1)!.message.procList, [1, 2, 3])
  })

  it('of a stranger bring in the stranger, but not whom it holds for failed', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    network.inject(joinBytes({ systemFrom: 7, procList: [7, 2], failedList: [2], ringSeq: 20 }), 1)
    network.run(10)
    assert.equal(lastReason(members[0]!), 'mergeDuringJoin')
    const { message } = traffic.joins.find(join => join.from === 1)!
    assert.deepEqual([message.procList, message.failedList], [[1, 2, 3, 7], []])
  })

  it('that hold me for failed make me hold the sender for failed', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    // In GATHER: an OPERATIONAL ring ignores such a join.
    network.inject(joinBytes({ systemFrom: 2, procList: [1, 2, 3], failedList: [1], ringSeq: 20 }), 1)
    network.run(10)
    assert.equal(traffic.joins.length, 0)
    members[0]!.ring.interfaceChanged(network.now)
    network.run(0.05)
    const before = traffic.joins.length
    network.inject(joinBytes({ systemFrom: 7, procList: [7], failedList: [1], ringSeq: 20 }), 1)
    network.run(0.05)
    // Not at once: others should hear of it from the one that began.
    assert.ok(!traffic.joins.slice(before).some(join => join.from === 1))
    network.run(FAST.joinMs)
    const { message } = traffic.joins.findLast(join => join.from === 1)!
    assert.deepEqual([message.procList, message.failedList], [[1, 2, 3, 7], [7]])
  })

  it('from before the ring, of one of its members, are stale', () => {
    const { network, members } = form([1, 2, 3])
    const { seq } = members[0]!.ring.ring
    network.inject(joinBytes({ systemFrom: 2, procList: [1, 2, 3], ringSeq: seq - 1 }), 1)
    network.run(20)
    assert.deepEqual(members[0]!.ring.ring.seq, seq)
    network.inject(joinBytes({ systemFrom: 2, procList: [1, 2, 3], ringSeq: seq }), 1)
    network.run(20)
    assert.equal(lastReason(members[0]!), 'joinInOperational')
    assert.equal(members[0]!.ring.ring.seq, seq + 4)
  })
})

describe('an agreement whose representative says nothing', () => {
  it('is waited for as for a token, then gathered for again', () => {
    const { network, members } = form([1, 2, 3])
    // Node 1 says its joins, but no commit token of it arrives.
    new Traffic(network, (from, _to, bytes) => !(from === 1 && bytes[3] === 4))
    members[0]!.ring.interfaceChanged(network.now)
    const start = network.now
    const reasons: [string, number][] = []
    const push = members[1]!.events.push.bind(members[1]!.events)
    members[1]!.events.push = (...events) => {
      for (const event of events) if (event.kind === 'gatherEntered') reasons.push([event.reason, network.now - start])
      return push(...events)
    }
    network.run(FAST.consensusMs + FAST.tokenTimeoutMs * 2)
    assert.ok(members[1]!.ring.stats.consensus_timeouts > 0 || reasons.length > 1)
    assert.ok(reasons.every(([reason]) => reason !== 'mergeDuringJoin'))
    network.pass = () => true
    network.run(2000)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2, 3])
  })
})

describe('a leave', () => {
  it('has no sender in its header and the leaver last among the failed', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    members[1]!.ring.leave(network.now)
    const { message } = traffic.joins[0]!
    assert.equal(traffic.joins.length, 2)
    assert.equal(message.nodeId, 0)
    assert.deepEqual([message.leave, message.systemFrom, message.procList, message.failedList], [true, 2, [1, 3], [2]])
    assert.equal(message.ringSeq, members[0]!.ring.ring.seq)
  })

  it('of the last node is said all the same, and nothing afterwards', () => {
    const { network, members } = form([5])
    const traffic = new Traffic(network)
    // Somebody has to be there to say it to.
    network.start(9)
    network.run(0.01)
    traffic.clear()
    members[0]!.send('too late')
    traffic.clear()
    members[0]!.ring.leave(network.now)
    const leave = traffic.joins.find(join => join.from === 5)!
    assert.deepEqual([leave.message.procList.includes(5), leave.message.failedList.at(-1)], [false, 5])
    traffic.clear()
    const told = members[0]!.story.length
    members[0]!.ring.requestToken()
    members[0]!.ring.interfaceChanged(network.now)
    assert.equal(members[0]!.ring.nextDeadline(), Number.POSITIVE_INFINITY)
    network.run(3000)
    const own = [traffic.tokens, traffic.joins, traffic.mcasts, traffic.commitTokens, traffic.holdCancels].flat()
    assert.deepEqual(
      own.filter(({ from }) => from === 5),
      [],
    )
    assert.equal(members[0]!.story.length, told)
  })

  it('is forgotten when the leaver is back: its next end is a failure', () => {
    const { network, members } = form([1, 2, 3])
    members[1]!.ring.leave(network.now)
    network.kill(2)
    network.run(500)
    network.start(2, members[1]!.persisted)
    network.run(1500)
    assert.deepEqual(members[0]!.ring.members, [1, 2, 3])
    network.kill(2)
    network.run(1500)
    const formed = members[0]!.events.filter(event => event.kind === 'membershipFormed')
    assert.deepEqual(
      formed.filter(event => event.left.length > 0).map(event => [event.left, event.unannounced]),
      [
        [[2], []],
        [[2], [2]],
      ],
    )
  })

  it('never counts as consent', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network, (_from, _to, bytes) => bytes[3] === 3 && bytes[5] === 1)
    members[0]!.ring.interfaceChanged(network.now)
    for (const id of [2, 3]) {
      network.inject(joinBytes({ leave: true, systemFrom: id, procList: [1, 2, 3], ringSeq: 50 }), 1)
    }
    network.run(40)
    assert.equal(traffic.commitTokens.length, 0)
    // The same as joins: agreed.
    for (const id of [2, 3]) network.inject(joinBytes({ systemFrom: id, procList: [1, 2, 3], ringSeq: 50 }), 1)
    network.run(1)
    assert.ok(traffic.commitTokens.length > 0)
    assert.equal(members[0]!.ring.state, 'commit')
  })
})

describe('a process that was not scheduled', () => {
  const pause = FAST.tokenTimeoutMs / 2 + 1

  /** Node 1 has stood still for `ms`; a join of node 2 is the first thing it reads. */
  function afterPause(ms: number, waitingInput: number) {
    const { network, members } = form([1, 2, 3])
    const [member] = members as [Member]
    member.waitingInput = waitingInput
    const { seq } = member.ring.ring
    const bytes = joinBytes({ systemFrom: 2, procList: [1, 2, 3], ringSeq: seq })
    const now = network.now + ms
    const before = member.events.length
    member.ring.receive(now, bytes, 0, bytes.length, 'test')
    const detected = member.events.slice(before).find(event => event.kind === 'pauseDetected')
    return { member, bytes, now, detected }
  }

  it('ignores a join when there was other input to throw away, once', () => {
    const { member, bytes, now, detected } = afterPause(pause, 3)
    assert.ok(detected?.kind === 'pauseDetected' && detected.discarded === 3 && detected.gapMs > pause - 1)
    assert.equal(member.ring.state, 'operational')
    member.ring.receive(now + 1, bytes, 0, bytes.length, 'test')
    assert.equal(member.ring.state, 'gather')
  })

  it('heeds it when there was none', () => {
    const { member, detected } = afterPause(pause, 0)
    assert.ok(detected !== undefined)
    assert.equal(member.ring.state, 'gather')
  })

  it('says nothing about less than half a token timeout', () => {
    const { member, detected } = afterPause(FAST.tokenTimeoutMs / 2 - FAST.tokenTimeoutMs / 5 - 1, 3)
    assert.equal(detected, undefined)
    assert.equal(member.ring.state, 'gather')
  })

  it('is found out also when its timers run before it reads', () => {
    const { network, members } = form([1])
    const [member] = members as [Member]
    member.waitingInput = 1
    const now = network.now + pause + FAST.tokenTimeoutMs / 5
    member.ring.expire(now)
    const bytes = joinBytes({ systemFrom: 2, procList: [2], ringSeq: 50 })
    const rings = member.ring.stats.gather_entered
    member.ring.receive(now, bytes, 0, bytes.length, 'test')
    assert.equal(member.ring.stats.gather_entered, rings)
    assert.ok(member.events.some(event => event.kind === 'pauseDetected'))
  })
})

describe('messages sent around a change', () => {
  it('wait behind the synchronisation of the new ring', () => {
    const { network, members } = form([1, 2])
    // Nothing acknowledges the end of the transitional phase by itself.
    const acks: (() => void)[] = []
    network.later = call => acks.push(call)
    const newcomer = network.start(3)
    members[0]!.send('before')
    network.run(1000)
    for (const member of [...members, newcomer]) assert.deepEqual(member.ring.members, [1, 2, 3])
    // What is queued now goes first.
    members[0]!.send('sync')
    network.run(100)
    assert.deepEqual(
      newcomer.story.filter(line => line.includes(':')),
      ['1:sync'],
    )
    for (const ack of acks) ack()
    members[0]!.send('after')
    network.run(100)
    assert.deepEqual(
      newcomer.story.filter(line => line.includes(':')),
      ['1:sync', '1:before', '1:after'],
    )
  })
})

describe('messages of the ring that arrive in GATHER', () => {
  it('are kept and counted, but delivered with the change only', () => {
    const { network, members } = form([1, 2, 3])
    // Node 2 does not hear the message until it gathers; node 1 dies.
    let data: Uint8Array | undefined
    const traffic = new Traffic(network, (_from, to, bytes) => {
      if (bytes[3] !== 1 || to !== 2) return true
      data = bytes.slice()
      return false
    })
    members[0]!.send('late')
    while (data === undefined) network.run(0.05)
    network.kill(1)
    network.run(FAST.tokenTimeoutMs + 100)
    assert.equal(members[1]!.ring.state, 'gather')
    network.inject(data, 2)
    network.run(1)
    assert.equal(members[1]!.story.includes('1:late'), false)
    traffic.clear()
    network.run(2000)
    const own = traffic.commitTokens.find(token => token.from === 2)!.message.entries[0]!
    assert.deepEqual([own.aru, own.highDelivered, own.receivedFlag], [1, 0, 1])
    const { story } = members[1]!
    assert.ok(story.indexOf('1:late') < story.findIndex(line => /^transitional .*\[2,3\]$/.test(line)))
  })
})
