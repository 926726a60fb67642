// Rules of the token's visits that peers count on, read from the wire (spec: totem 4.5 to 4.12).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TotemParameters } from '../../../src/totem/parameters.js'
import { SORT_QUEUE_SIZE } from '../../../src/totem/sort-queue.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { FAST, type Member, RingNetwork } from '../../support/ring-network.js'
import { Traffic } from '../../support/ring-traffic.js'

const MCAST = 1
const wire = createGeneration3()

function form(ids: number[], parameters: Partial<TotemParameters> = {}) {
  const network = new RingNetwork({ parameters: { ...FAST, ...parameters } })
  const members = ids.map(id => network.start(id))
  network.run(2000)
  for (const member of members) assert.deepEqual(member.ring.members, ids)
  return { network, members }
}

function messages(member: Member): string[] {
  return member.story.filter(line => line.includes(':'))
}

/** Each visit added to fcc what was sent in it and took away what was sent in the one before, within max_messages. */
function assertAccounts(traffic: Traffic, ids: readonly number[]): void {
  for (const id of ids) {
    const other = ids.find(each => each !== id)
    let previous = -1
    const arrivals = traffic.tokens.filter(token => token.to === id)
    for (const departure of traffic.tokens.filter(token => token.from === id)) {
      // Not every departure is a visit: a token that was held, or lost, leaves by a timer.
      const arrival = arrivals.find(({ at }) => Math.abs(at + 0.1 - departure.at) < 0.001)
      if (arrival === undefined) continue
      const sent = traffic.mcasts.filter(
        ({ from, to, at }) => from === id && to === other && at === departure.at,
      ).length
      assert.ok(sent <= FAST.maxMessages, `${sent} in one visit`)
      const difference = (departure.message.fcc - arrival.message.fcc) | 0
      if (previous >= 0) assert.equal(difference, sent - previous, `node ${id} at ${departure.at}`)
      previous = sent
    }
  }
}

describe('the first token of a ring', () => {
  it('comes from the representative, lags behind everything, and goes to the next member first', () => {
    const network = new RingNetwork()
    const traffic = new Traffic(network)
    for (const id of [1, 2, 3]) network.start(id)
    network.run(1000)
    const first = traffic.tokens.find(token => token.message.ring.seq === 9)!
    const { message } = first
    assert.deepEqual([first.from, first.to], [1, 2])
    assert.deepEqual(
      [message.seq, message.tokenSeq, message.aru, message.aruAddr, message.retransFlag, message.retransmitCount],
      [0, 0, 0xffffffff, 1, 0, 0],
    )
    assert.deepEqual([message.backlog, message.fcc], [0, 0])
  })

  it('follows two rounds of the commit token and its return', () => {
    const network = new RingNetwork()
    const traffic = new Traffic(network)
    for (const id of [1, 2, 3]) network.start(id)
    network.run(1000)
    const commits = traffic.commitTokens.filter(token => token.message.ring.seq === 9)
    assert.deepEqual(
      commits.map(({ from, to, message }) => [from, to, message.tokenSeq, message.memberIndex]),
      [
        [1, 2, 1, 1],
        [2, 3, 2, 2],
        [3, 1, 3, 3],
        [1, 2, 4, 3],
        [2, 3, 5, 3],
        [3, 1, 6, 3],
      ],
    )
    assert.deepEqual(commits[0]!.message.members, [1, 2, 3])
    assert.deepEqual(
      commits[5]!.message.entries.map(entry => entry.ring),
      [1, 2, 3].map(id => ({ rep: id, seq: 5 })),
    )
  })

  it('is installed by the member behind the representative first, on its fourth visit, by the representative last', () => {
    const network = new RingNetwork()
    const traffic = new Traffic(network)
    const members = [1, 2, 3].map(id => network.start(id))
    const order: number[] = []
    let visits = 0
    for (const member of members) {
      const push = member.events.push.bind(member.events)
      member.events.push = (...events) => {
        if (events[0]?.kind === 'operationalEntered' && events[0].ring.seq === 9) {
          order.push(member.nodeId)
          if (order.length === 1) visits = traffic.tokens.filter(token => token.to === 2 && token.from === 1).length
        }
        return push(...events)
      }
    }
    network.run(1000)
    assert.deepEqual(order, [2, 3, 1])
    assert.equal(visits, 4)
  })

  it('carries no new message in the visit that installs', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    for (let i = 0; i < 5; i++) members[1]!.send(`m${i}`)
    network.start(4)
    network.run(1000)
    const ring = members[0]!.ring.ring.seq
    const install = traffic.tokens.filter(token => token.message.ring.seq === ring && token.from === 2)[3]!
    for (const { at, message } of traffic.mcasts) if (message.ring.seq === ring) assert.ok(at > install.at)
  })
})

describe('a missing message', () => {
  it('is asked for at the fifth visit, not before', () => {
    const { network, members } = form([1, 2, 3])
    let lost = 0
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 2 && bytes[3] === MCAST && lost++ === 0))
    members[0]!.send('lost')
    network.run(20)
    // Visits of node 2 that know of the message.
    const visits = traffic.tokens.filter(token => token.from === 2 && token.message.seq === 1)
    assert.deepEqual(
      visits.slice(0, 6).map(visit => visit.message.retransmitCount),
      [0, 0, 0, 0, 1, 0],
    )
    assert.equal(visits[4]!.message.retransmitSeqs[0], 1)
    assert.deepEqual(messages(members[1]!), ['1:lost'])
  })

  it('is sent again by the next who has it, to the letter, and once', () => {
    const { network, members } = form([1, 2, 3])
    let lost = 0
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 2 && bytes[3] === MCAST && lost++ === 0))
    members[0]!.send('lost')
    network.run(20)
    const copies = traffic.mcasts.filter(mcast => mcast.to === 2)
    assert.deepEqual(
      copies.map(copy => copy.from),
      [1, 3],
    )
    assert.deepEqual(copies[1]!.bytes, copies[0]!.bytes)
    assert.equal(members[2]!.ring.stats.mcast_retx, 1)
  })

  it('does not make a request list longer than thirty', () => {
    const { network, members } = form([1, 2, 3])
    let deaf = true
    const traffic = new Traffic(network, (_from, to, bytes) => !(deaf && to === 2 && bytes[3] === MCAST))
    for (let i = 0; i < 200; i++) members[0]!.send(`m${i}`)
    network.run(30)
    deaf = false
    const longest = Math.max(...traffic.tokens.map(token => token.message.retransmitCount))
    assert.equal(longest, 30)
    assertAccounts(traffic, [1, 2, 3])
    for (const { message } of traffic.tokens) {
      const seqs = [...message.retransmitSeqs.subarray(0, message.retransmitCount)]
      assert.equal(new Set(seqs).size, seqs.length)
      for (const seq of seqs) assert.ok(seq <= message.seq)
    }
    network.run(1000)
    assert.equal(messages(members[1]!).length, 200)
  })

  it('lowers aru in the name of who misses it', () => {
    const { network, members } = form([1, 2, 3])
    let deaf = true
    const traffic = new Traffic(network, (_from, to, bytes) => !(deaf && to === 2 && bytes[3] === MCAST))
    members[0]!.send('a')
    network.run(3)
    const last = traffic.tokens.at(-1)!
    assert.deepEqual([last.message.seq, last.message.aru, last.message.aruAddr], [1, 0, 2])
    deaf = false
    network.run(20)
    const repaired = traffic.tokens.at(-1)!
    assert.deepEqual([repaired.message.aru, repaired.message.aruAddr], [1, 0])
  })
})

describe('a processor that receives nothing', () => {
  it('says so as the representative, too, and is that again later', () => {
    const { network, members } = form([1, 2, 3], { failRecvConst: 60 })
    let deaf = true
    network.pass = (from, to, bytes) => !(deaf && to === 1 && from !== 1 && bytes[3] === MCAST && bytes[4] === 2)
    members[1]!.send('unheard')
    network.run(2500)
    assert.ok(members[0]!.events.some(event => event.kind === 'failedToReceive'))
    assert.ok(members[0]!.changes.some(change => change.kind === 'regular' && change.members.length === 1))
    deaf = false
    network.run(3000)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2, 3])
    const installed = members[0]!.changes.length
    members[2]!.ring.interfaceChanged(network.now)
    network.run(1000)
    assert.deepEqual(
      members[0]!.changes.slice(installed).map(change => change.members),
      [
        [1, 2, 3],
        [1, 2, 3],
      ],
    )
  })

  it('has not failed because the ring was idle before', () => {
    const { network, members } = form([1, 2, 3], { failRecvConst: 60 })
    members[0]!.send('first')
    network.run(6000)
    let lost = 0
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 2 && bytes[3] === MCAST && lost++ === 0))
    const visits = members[1]!.ring.stats.orf_token_rx
    assert.ok(visits > 100)
    members[0]!.send('lost')
    network.run(1000)
    assert.equal(traffic.joins.length, 0)
    assert.deepEqual(messages(members[1]!), ['1:first', '1:lost'])
  })

  it('says so of itself, goes alone first, and comes back when it hears again', () => {
    const failRecvConst = 60
    const { network, members } = form([1, 2, 3], { failRecvConst })
    let deaf = true
    const traffic = new Traffic(
      network,
      (from, to, bytes) => !(deaf && to === 3 && from !== 3 && bytes[3] === MCAST && bytes[4] === 2),
    )
    members[0]!.send('unheard')
    network.run(1)
    const ring = members[2]!.ring.ring.seq
    network.run(3000)
    const said = members[2]!.events.findIndex(event => event.kind === 'failedToReceive')
    assert.ok(said >= 0)
    assert.ok(members[0]!.events.every(event => event.kind !== 'failedToReceive'))
    const join = traffic.joins.find(passed => passed.from === 3)!
    assert.deepEqual(join.message.failedList, [3])
    assert.equal(join.message.leave, false)
    const next = members[2]!.events.slice(said).find(event => event.kind === 'membershipFormed')!
    assert.deepEqual(next.kind === 'membershipFormed' && next.left, [1, 2])
    const alone = members[2]!.changes.find(change => change.kind === 'regular' && change.ring.seq > ring)!
    assert.deepEqual(alone.members, [3])
    const others = members[0]!.changes.find(change => change.kind === 'regular' && change.ring.seq > ring)!
    assert.deepEqual(others.members, [1, 2])
    // The token did not wait for longer than it has to.
    const stuck = traffic.tokens.filter(
      token => token.from === 2 && token.to === 3 && token.message.ring.seq === ring && token.message.aruAddr === 3,
    )
    assert.equal(stuck.length, failRecvConst + 2)
    deaf = false
    network.run(3000)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2, 3])
    members[1]!.send('heard')
    network.run(200)
    assert.equal(messages(members[2]!).at(-1), '2:heard')
  })
})

describe('the token of an idle ring', () => {
  it('is held by the representative alone, after more than thirty visits without a change', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    members[0]!.send('x')
    network.run(FAST.holdMs * 3)
    const rotation = traffic.tokens.filter(token => token.from === 1)
    const firstHeld = rotation.findIndex((token, i) => i > 0 && token.at - rotation[i - 1]!.at > FAST.holdMs - 1)
    // The visit that sends, the one that sees it, thirty unchanged ones; the next is kept.
    const sending = rotation.findIndex(token => token.message.seq === 1)
    assert.equal(firstHeld - sending, 32)
    for (const id of [2, 3]) {
      const visits = traffic.tokens.filter(token => token.to === id)
      const leaves = traffic.tokens.filter(token => token.from === id)
      for (const [i, leave] of leaves.entries()) assert.ok(Math.abs(leave.at - visits[i]!.at) < 0.2)
    }
  })

  it('is called for by whoever wants to send, and comes at once', () => {
    for (const sender of [0, 1, 2]) {
      const { network, members } = form([1, 2, 3])
      network.run(1000)
      const traffic = new Traffic(network)
      const start = network.now
      members[sender]!.send('now')
      members[sender]!.send('and more')
      network.run(1)
      assert.equal(traffic.holdCancels.length > 0, true)
      for (const { from, message } of traffic.holdCancels) {
        assert.equal(from, sender + 1)
        assert.deepEqual(message.ring, { rep: 1, seq: members[0]!.ring.ring.seq })
      }
      for (const member of members) assert.equal(messages(member).at(-1), `${sender + 1}:and more`)
      assert.ok(network.now - start < FAST.holdMs)
      // Nobody asks twice.
      assert.equal(members[sender]!.ring.stats.token_hold_cancel_tx, 1)
    }
  })

  it('goes round quickly again on every member that hears the call', () => {
    const { network, members } = form([1, 2, 3])
    network.run(1000)
    const traffic = new Traffic(network)
    // A call without a message behind it.
    members[1]!.ring.requestToken()
    network.run(FAST.holdMs - 2)
    assert.ok(traffic.tokens.filter(token => token.from === 1).length >= 30)
    // A member that had not heard would take the token for held and call again.
    traffic.clear()
    members[2]!.ring.requestToken()
    network.run(1)
    assert.equal(traffic.holdCancels.length > 0, true)
  })

  it('counts as held one visit earlier for the others, who have to know in time', () => {
    for (const [visits, calls] of [
      [31, 0],
      [32, 1],
    ] as const) {
      const { network, members } = form([1, 2, 3])
      const traffic = new Traffic(network)
      members[0]!.send('x')
      // The first of them tells node 2 of the message.
      while (traffic.tokens.filter(token => token.from === 2 && token.message.seq === 1).length < visits - 1)
        network.run(0.05)
      members[1]!.ring.requestToken()
      assert.equal(members[1]!.ring.stats.token_hold_cancel_tx, calls, `after ${visits} visits`)
    }
  })

  it('is not kept when something is sent in the very visit in which it would be', () => {
    for (const [id, held] of [
      [0, 32],
      [1, 31],
    ] as const) {
      const { network, members } = form([1, 2, 3])
      const traffic = new Traffic(network)
      members[2]!.send('x')
      const member = members[id]!
      let visit = 0
      member.onToken = () => {
        if (traffic.tokens.at(-1)!.message.seq === 1 && ++visit === held) member.queue('packed at the token')
      }
      network.run(31 * 0.3 + 3)
      assert.equal(visit, held)
      for (const each of members) assert.equal(messages(each).at(-1), `${id + 1}:packed at the token`)
      assert.ok(traffic.tokens.some(token => token.from === 1 && token.message.seq === 2))
    }
  })

  it('needs no call while it is not held', () => {
    const { network, members } = form([1, 2, 3])
    members[1]!.send('a')
    network.run(2)
    const traffic = new Traffic(network)
    members[1]!.send('b')
    network.run(5)
    assert.equal(traffic.holdCancels.length, 0)
    assert.equal(messages(members[2]!).at(-1), '2:b')
  })

  it('of another ring is not called for', () => {
    const { network, members } = form([1, 2, 3])
    network.run(1000)
    const traffic = new Traffic(network)
    members[1]!.ring.requestToken()
    network.run(0.05)
    const { bytes } = traffic.holdCancels[0]!
    network.run(1000)
    const forged = bytes.slice()
    forged[17] = forged[17]! + 4
    traffic.clear()
    network.inject(forged)
    network.run(FAST.holdMs - 10)
    assert.ok(traffic.tokens.length <= 3)
  })
})

describe('a token that comes twice', () => {
  it('is not acted on again', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    members[0]!.send('x')
    network.run(2)
    const old = traffic.tokens.filter(token => token.to === 2).at(-3)!
    network.run(1000)
    traffic.clear()
    network.inject(old.bytes, 2)
    network.run(0.05)
    assert.equal(traffic.tokens.filter(token => token.from === 2).length, 0)
  })

  it('does not put off the token timeout', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    network.run(200)
    const last = traffic.tokens.filter(token => token.to === 2).at(-1)!
    network.pass = () => false
    const lastAccepted = last.at + 0.1
    for (let i = 0; members[1]!.ring.state === 'operational' && i < 200; i++) {
      network.inject(last.bytes, 2)
      network.run(5)
    }
    const waited = network.now - lastAccepted
    assert.ok(waited > FAST.tokenTimeoutMs - 6 && waited < FAST.tokenTimeoutMs + 6, `${waited} ms`)
  })
})

describe('a lost token', () => {
  it('is sent again, byte for byte, each retransmission time', () => {
    const { network } = form([1, 2, 3])
    network.run(300)
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 3 && bytes[3] === 0))
    network.run(FAST.tokenRetransmitMs * 3 + FAST.holdMs)
    const sent = traffic.tokens.filter(token => token.from === 2)
    assert.ok(sent.length >= 3)
    for (let i = 1; i < sent.length; i++) {
      assert.deepEqual(sent[i]!.bytes, sent[0]!.bytes)
      assert.ok(Math.abs(sent[i]!.at - sent[i - 1]!.at - FAST.tokenRetransmitMs) < 0.01)
    }
  })

  it('is noticed early by heartbeats', () => {
    const { network, members } = form([1, 2, 3], { heartbeatMs: 150 })
    const gathered = members[1]!.ring.stats.gather_entered
    // An idle ring, where the token is held, is no lost one.
    network.run(3000)
    assert.equal(members[1]!.ring.stats.gather_entered, gathered)
    const traffic = new Traffic(network, (_from, _to, bytes) => bytes[3] !== 0)
    network.run(FAST.holdMs + 160)
    assert.ok(traffic.tokens.length > 0)
    assert.ok(members.every(member => member.ring.stats.gather_entered > gathered))
    assert.ok(members.some(member => member.ring.stats.operational_token_lost > 0))
  })

  it('is not seen by heartbeats in a token that is held', () => {
    const { network, members } = form([1], { heartbeatMs: FAST.holdMs - 10 })
    const gathered = members[0]!.ring.stats.gather_entered
    network.run(2000)
    assert.equal(members[0]!.ring.stats.gather_entered, gathered)
  })

  it('seen by heartbeats does not shorten the time for consensus', () => {
    const { network } = form([1, 2, 3, 4], { heartbeatMs: 150 })
    const traffic = new Traffic(network)
    network.kill(2)
    network.run(1500)
    for (const id of [1, 3, 4]) {
      const joins = traffic.joins.filter(join => join.from === id)
      const failedAt = joins.find(join => join.message.failedList.length > 0)!.at
      assert.ok(failedAt - traffic.joins[0]!.at > FAST.consensusMs - 1)
    }
  })

  it('is warned of before', () => {
    const { network, members } = form([1, 2])
    const before = members[0]!.events.length
    new Traffic(network, (_from, _to, bytes) => bytes[3] !== 0)
    const lastToken = members[0]!.ring.stats.token_last_received
    network.run(FAST.tokenTimeoutMs - (network.now - lastToken) - 1)
    const warned = members[0]!.events.slice(before).filter(event => event.kind === 'tokenLate')
    assert.equal(warned.length, 1)
    assert.ok(warned[0]?.kind === 'tokenLate' && Math.abs(warned[0].lateMs - FAST.tokenWarningMs) < 1)
    assert.equal(members[0]!.ring.state, 'operational')
  })
})

describe('merge detection', () => {
  it('comes from the representative of an idle ring, once per rotation, and names its ring', () => {
    const { network, members } = form([1, 2, 3])
    network.run(1000)
    const traffic = new Traffic(network)
    network.run(2000)
    assert.ok(traffic.mergeDetects.length > 0)
    for (const { from, to, message } of traffic.mergeDetects) {
      assert.equal(from, 1)
      assert.notEqual(to, 1)
      assert.equal(message.systemFrom, 1)
      assert.deepEqual(message.ring, { rep: 1, seq: members[0]!.ring.ring.seq })
    }
    // Two receivers each time; armed by a visit, hence no faster than the timer.
    assert.ok(traffic.mergeDetects.length / 2 <= 2000 / FAST.mergeMs)
  })

  it('is silent while messages flow', () => {
    const { network, members } = form([1, 2, 3])
    members[0]!.send('first')
    network.run(20)
    const traffic = new Traffic(network)
    for (let i = 0; i < 400; i++) {
      members[i % 3]!.send(`m${i}`)
      network.run(5)
    }
    assert.equal(traffic.mergeDetects.length, 0)
  })
})

describe('flow control on the ring', () => {
  it('keeps to the window and to max_messages, and takes back what it added', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    for (const member of members) for (let i = 0; i < 500; i++) member.send(`${i}`)
    network.run(1000)
    for (const { message } of traffic.tokens) assert.ok(message.fcc <= FAST.windowSize)
    assert.ok(Math.max(...traffic.tokens.map(token => token.message.fcc)) > FAST.windowSize - FAST.maxMessages)
    assert.ok(Math.max(...traffic.tokens.map(token => token.message.backlog)) > 1000)
    for (const id of [1, 2, 3]) {
      let last = 0
      for (const token of traffic.tokens.filter(passed => passed.from === id)) {
        const numbered = traffic.mcasts.filter(
          ({ from, to, at, message }) => from === id && to === (id % 3) + 1 && at === token.at && message.nodeId === id,
        )
        assert.ok(numbered.length <= FAST.maxMessages)
        assert.ok(token.message.seq >= last)
        last = token.message.seq
      }
    }
    assertAccounts(traffic, [1, 2, 3])
    const last = traffic.tokens.at(-1)!.message
    assert.deepEqual([last.fcc, last.backlog, last.seq, last.aru], [0, 0, 1500, 1500])
  })

  it('starts from nothing with each ring', () => {
    const { network, members } = form([1, 2, 3])
    const traffic = new Traffic(network)
    for (const member of members) for (let i = 0; i < 500; i++) member.send(`${i}`)
    network.run(5)
    assert.ok(traffic.tokens.at(-1)!.message.fcc > 0)
    members[1]!.ring.interfaceChanged(network.now)
    network.run(1500)
    const last = traffic.tokens.at(-1)!.message
    assert.ok(last.ring.seq > traffic.tokens[0]!.message.ring.seq)
    assert.deepEqual([last.fcc, last.backlog], [0, 0])
    for (const member of members) assert.equal(messages(member).length, 1500)
  })

  it('stops where the slowest member could lose something for good', () => {
    const { network, members } = form([1, 2, 3], { failRecvConst: 100000, missCountConst: 60000 })
    const traffic = new Traffic(network, (_from, to, bytes) => !(to === 3 && bytes[3] === MCAST))
    let accepted = 0
    for (let idle = 0; idle < 5; ) {
      traffic.clear()
      const before = accepted
      while (members[0]!.ring.available() > 0) {
        members[0]!.send(`${accepted}`)
        accepted++
      }
      network.run(60)
      idle = accepted === before ? idle + 1 : 0
    }
    const { seq } = traffic.tokens.at(-1)!.message
    assert.ok(seq > SORT_QUEUE_SIZE - 150 && seq <= SORT_QUEUE_SIZE - FAST.windowSize, `${seq}`)
    network.pass = () => true
    members[2]!.ring.interfaceChanged(network.now)
    network.run(3000)
    for (const member of members) {
      assert.deepEqual(member.ring.members, [1, 2, 3])
      assert.equal(messages(member).length, accepted)
    }
  })
})

describe('a message that everybody has', () => {
  /** Asks node 2 for message 1 in the visit in which it sees for the `nth` time that all have it; who answers? */
  function askAt(nth: number): boolean {
    const { network, members } = form([1, 2, 3])
    let seen = 0
    const traffic = new Traffic(network, (_from, to, bytes) => {
      const token = traffic.tokens.at(-1)
      if (bytes[3] !== 0 || to !== 2 || token?.message.aru !== 1 || ++seen !== nth) return true
      const asking = token.message
      asking.retransmitCount = 1
      asking.retransmitRings[0] = asking.ring
      asking.retransmitSeqs[0] = 1
      const changed = new Uint8Array(wire.maxTokenLength)
      network.inject(changed.subarray(0, wire.writeToken(asking, changed, 0)), 2, 0.1)
      return false
    })
    members[0]!.send('x')
    network.run(10)
    return traffic.mcasts.some(mcast => mcast.from === 2 && mcast.message.seq === 1)
  }

  it('can be had until the second token that says so', () => {
    assert.equal(askAt(1), true)
    assert.equal(askAt(2), false)
  })
})

describe('memory', () => {
  it('does not grow with the number of messages', () => {
    const { network, members } = form([1, 2, 3])
    const round = () => {
      for (const member of members) for (let i = 0; i < 300; i++) member.send(`${i}`)
      network.run(200)
    }
    for (let i = 0; i < 3; i++) round()
    const free = members.map(member => member.ring.pool.freeCount)
    for (let i = 0; i < 30; i++) round()
    assert.deepEqual(
      members.map(member => member.ring.pool.freeCount),
      free,
    )
    assert.equal(messages(members[0]!).length, 33 * 900)
  })

  it('does not grow with the number of rings, completed or not, with messages under way', () => {
    const { network, members } = form([1, 2, 3])
    const upheaval = (i: number) => {
      let count = 0
      network.pass = (_from, to, bytes) => bytes[3] !== MCAST || to === 1 || count++ % 3 > 0
      for (const member of members) for (let j = 0; j < 100; j++) member.send(`${j}`)
      network.run(3)
      // A commit token or a token of RECOVERY gets lost for good.
      let lost = 0
      network.pass = (_from, to, bytes) => !(to === 2 && bytes[3] === (i % 2 === 0 ? 4 : 0) && lost++ < 8)
      members[2]!.ring.interfaceChanged(network.now)
      network.run(2500)
      network.pass = () => true
      network.run(2500)
    }
    for (let i = 0; i < 4; i++) upheaval(i)
    const free = members.map(member => member.ring.pool.freeCount)
    for (let i = 0; i < 10; i++) upheaval(i)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2, 3])
    for (const [i, member] of members.entries()) {
      assert.ok(member.ring.pool.freeCount <= free[i]! + 64, `${free[i]} frames grew to ${member.ring.pool.freeCount}`)
    }
  })
})
