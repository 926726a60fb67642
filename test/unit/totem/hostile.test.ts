// Datagrams that are well formed but lie. Nobody can keep their senders out of an unencrypted ring; what they say must
// not stay behind: the ring goes on, or forms again within its timeouts, and counts on.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createJoin, createMcastHeader, createOrfToken, type Join } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { type Member, RingNetwork } from '../../support/ring-network.js'
import { Traffic } from '../../support/ring-traffic.js'

const wire = createGeneration3()

function form(ids: number[]): { network: RingNetwork; members: Member[] } {
  const network = new RingNetwork()
  const members = ids.map(id => network.start(id))
  network.run(2000)
  return { network, members }
}

function joinBytes(join: Partial<Join>): Uint8Array {
  const full = { ...createJoin(), ...join }
  if (full.nodeId === 0 && !full.leave) full.nodeId = full.systemFrom
  const bytes = new Uint8Array(wire.joinLength(full.procList.length, full.failedList.length))
  wire.writeJoin(full, bytes, 0)
  return bytes
}

/** A merge detect of a ring of one. */
function strangerBytes(id: number): Uint8Array {
  const message = { nodeId: id, targetNodeId: 0, systemFrom: id, ring: { rep: id, seq: 1000 } }
  const bytes = new Uint8Array(64)
  return bytes.subarray(0, wire.writeMergeDetect(message, bytes, 0))
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}

/** All in one ring that carries messages. */
function assertWhole(network: RingNetwork, members: readonly Member[], text: string): void {
  const ids = members.map(member => member.nodeId)
  for (const member of members) {
    assert.equal(member.ring.state, 'operational', `${member.nodeId} ${text}`)
    assert.deepEqual(member.ring.members, ids, `${member.nodeId} ${text}`)
  }
  const said = `${text} ${network.now}`
  for (const member of members) member.send(said)
  network.run(200)
  for (const member of members) {
    assert.equal(member.story.filter(line => line.endsWith(said)).length, ids.length, `${member.nodeId} ${text}`)
  }
}

describe('a join with an enormous ring sequence', () => {
  for (const ringSeq of [2 ** 36 + 1, 2 ** 36 + 2, 2 ** 37, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    for (const times of [1, 5]) {
      it(`of ${ringSeq}, heard ${times} times by one of three, does not keep that one apart`, () => {
        const { network, members } = form([1, 2, 3])
        for (let i = 0; i < times; i++) {
          network.inject(joinBytes({ systemFrom: 9 + i, procList: [9 + i], ringSeq }), 2)
          network.run(700)
        }
        network.run(4000)
        assertWhole(network, members, 'after it')
      })
    }
  }

  for (const [text, ringSeq] of [
    ['at the limit', 2 ** 52],
    ['just above the limit', 2 ** 52 + 1],
    ['just below the limit', 2 ** 52 - 1],
    ['at the end of integers', Number.MAX_SAFE_INTEGER],
  ] as const) {
    it(`${text} keeps nobody from forming rings`, () => {
      const { network, members } = form([1, 2, 3])
      network.inject(joinBytes({ systemFrom: 9, procList: [9], ringSeq }))
      network.run(3000)
      assertWhole(network, members, 'after it')
      // A member restarts with what is on its disk.
      const { persisted } = members[1]!
      network.kill(2)
      network.run(1500)
      members[1] = network.start(2, persisted)
      network.run(2000)
      assertWhole(network, members, 'after a restart')
    })
  }
})

describe('joins that name hundreds of failed nodes', () => {
  it('leave room for what is real', () => {
    const { network, members } = form([1, 2, 3])
    network.inject(joinBytes({ systemFrom: 2, procList: [1, 2, 3], failedList: numbers(1000, 380), ringSeq: 1000 }), 1)
    network.inject(joinBytes({ systemFrom: 3, procList: [1, 2, 3], failedList: numbers(2000, 380), ringSeq: 1000 }), 1)
    network.run(6000)
    assertWhole(network, members, 'after them')
  })

  it('leave room also when strangers are heard besides', () => {
    const { network, members } = form([1, 2, 3])
    network.inject(joinBytes({ systemFrom: 2, procList: [1, 2, 3], failedList: numbers(1000, 10), ringSeq: 1000 }), 1)
    for (let i = 0; i < 400; i++) network.inject(strangerBytes(2000 + i), 1)
    network.run(9000)
    assertWhole(network, members, 'after them')
  })

  it('and candidates come to the same', () => {
    const { network, members } = form([1, 2, 3])
    network.inject(joinBytes({ systemFrom: 2, procList: numbers(1000, 380), failedList: [], ringSeq: 1000 }), 1)
    network.inject(joinBytes({ systemFrom: 3, procList: numbers(2000, 380), failedList: [], ringSeq: 1000 }), 2)
    network.run(9000)
    assertWhole(network, members, 'after them')
  })
})

describe('a join in my own name', () => {
  for (const failedList of [[1], [1, 2, 3]]) {
    it(`that holds ${failedList} for failed does not stop me`, () => {
      const { network, members } = form([1, 2, 3])
      // One with other sets first: the second meets GATHER.
      network.inject(joinBytes({ systemFrom: 9, procList: [9], ringSeq: 1000 }))
      network.inject(joinBytes({ systemFrom: 1, procList: [1, 2, 3], failedList, ringSeq: 1000 }))
      network.run(6000)
      assertWhole(network, members, 'after it')
    })
  }
})

describe('leaves of strangers', () => {
  it('are nobody’s leave', () => {
    const { network, members } = form([1, 2, 3])
    network.inject(joinBytes({ leave: true, systemFrom: 9, procList: [1], failedList: [3], ringSeq: 1000 }))
    network.run(3000)
    assertWhole(network, members, 'after it')
  })
})

describe('a multicast of this ring', () => {
  function mcast(
    members: readonly Member[],
    nodeId: number,
    systemFrom: number,
    seq: number,
    text: string,
  ): Uint8Array {
    const { ring } = members[0]!.ring
    const header = { ...createMcastHeader(), nodeId, systemFrom, seq, ring: { rep: ring.nodeId, seq: ring.seq } }
    const bytes = new Uint8Array(wire.mcastHeaderLength + text.length)
    wire.writeMcast(header, bytes, 0)
    bytes.set(Buffer.from(text), wire.mcastHeaderLength)
    return bytes
  }

  for (const [text, nodeId, systemFrom] of [
    ['a stranger', 9, 9],
    ['a stranger in the header', 9, 2],
    ['a stranger as its source', 2, 9],
    ['two members at once', 2, 3],
  ] as const) {
    it(`in the name of ${text} is dropped`, () => {
      const { network, members } = form([1, 2, 3])
      const dropped = members.map(member => member.ring.stats.rx_msg_dropped)
      for (let seq = 1; seq < 20; seq++) network.inject(mcast(members, nodeId, systemFrom, seq, 'forged'))
      network.run(100)
      for (const [i, member] of members.entries()) {
        assert.equal(member.ring.stats.rx_msg_dropped - dropped[i]!, 19)
        assert.ok(!member.story.some(line => line.endsWith('forged')))
      }
      assertWhole(network, members, 'after it')
    })
  }
})

/** Every datagram may be replaced on its way; `pass` decides as before which arrive. */
function withForgery(pass: RingNetwork['pass'], forge: (datagram: Uint8Array) => Uint8Array): RingNetwork['pass'] {
  return (from, to, bytes) => {
    const forged = forge(bytes)
    if (forged !== bytes) bytes.set(forged)
    return pass(from, to, bytes)
  }
}

describe('a token', () => {
  it('whose sequence number goes back is not taken for the ring’s', () => {
    const { network, members } = form([1, 2, 3])
    for (let i = 0; i < 60; i++) members[i % 3]!.send(`m${i}`)
    network.run(1000)
    const token = createOrfToken()
    token.nodeId = 1
    token.ring.rep = members[0]!.ring.ring.nodeId
    token.ring.seq = members[0]!.ring.ring.seq
    token.seq = 5
    token.tokenSeq = 0x10000
    token.aru = 5
    const bytes = new Uint8Array(wire.maxTokenLength)
    const length = wire.writeToken(token, bytes, 0)
    network.inject(bytes.subarray(0, length))
    members[1]!.send('after')
    network.run(3000)
    for (const member of members) {
      const said = member.story.filter(line => line.includes(':'))
      assert.equal(said.length, 61)
      assert.equal(said[60], '2:after')
    }
    assertWhole(network, members, 'after it')
  })

  it('whose aru was lowered by nobody in the ring does not keep it from letting messages go', () => {
    const { network, members } = form([1, 2, 3])
    for (let i = 0; i < 30; i++) members[i % 3]!.send(`m${i}`)
    network.run(500)
    const { ring } = members[0]!.ring
    const token = { ...createOrfToken(), nodeId: 1, seq: 30, tokenSeq: 0x10000, aru: 3, aruAddr: 9 }
    Object.assign(token.ring, { rep: ring.nodeId, seq: ring.seq })
    const arus: number[] = []
    const traffic = new Traffic(network)
    const bytes = new Uint8Array(wire.maxTokenLength)
    network.inject(bytes.subarray(0, wire.writeToken(token, bytes, 0)), 2)
    for (let i = 0; i < 100; i++) members[i % 3]!.send(`n${i}`)
    network.run(2000)
    for (const { message } of traffic.tokens) if (message.tokenSeq >= 0x10000) arus.push(message.aru)
    assert.ok(arus.length > 0)
    assert.equal(arus.at(-1), traffic.tokens.at(-1)!.message.seq)
    assertWhole(network, members, 'after it')
  })

  for (const aruAddr of [0, 9]) {
    it(`that says in RECOVERY (${aruAddr}) that old messages are to come does not go round for ever`, () => {
      const { network, members } = form([1, 2, 3])
      const traffic = new Traffic(network)
      let forged = false
      network.pass = withForgery(network.pass, datagram => {
        if (forged || datagram[3] !== 0 || members[1]!.ring.state !== 'recovery') return datagram
        forged = true
        const token = createOrfToken()
        wire.open(datagram, 0, datagram.length)
        wire.readToken(datagram, 0, datagram.length, token)
        Object.assign(token, { retransFlag: 77, aruAddr })
        const bytes = new Uint8Array(wire.maxTokenLength)
        return bytes.subarray(0, wire.writeToken(token, bytes, 0))
      })
      members[1]!.ring.interfaceChanged(network.now)
      // Somebody wants to send all the time.
      for (let i = 0; i < 100; i++) {
        for (const member of members) member.ring.requestToken()
        network.run(50)
      }
      assert.ok(forged && traffic.tokens.length > 0)
      assertWhole(network, members, 'after it')
    })
  }

  it('full of requests that nobody can serve does not stop repair', () => {
    const { network, members } = form([1, 2, 3])
    const { ring } = members[0]!.ring
    const token = createOrfToken()
    token.nodeId = 1
    Object.assign(token.ring, { rep: ring.nodeId, seq: ring.seq })
    token.tokenSeq = 0x10000
    token.retransmitCount = 30
    for (let i = 0; i < 30; i++) {
      Object.assign(token.retransmitRings[i]!, { rep: ring.nodeId, seq: i < 10 ? ring.seq - 4 : ring.seq })
      token.retransmitSeqs[i] = 5000 + i
    }
    const bytes = new Uint8Array(wire.maxTokenLength)
    wire.writeToken(token, bytes, 0)
    network.inject(bytes, 2)
    network.run(200)
    let count = 0
    network.pass = (_from, _to, datagram) => datagram[3] !== 1 || count++ % 4 !== 0
    for (let i = 0; i < 100; i++) members[i % 3]!.send(`m${i}`)
    network.run(3000)
    network.pass = () => true
    for (const member of members) {
      assert.equal(member.ring.ring.seq, ring.seq)
      assert.equal(member.story.filter(line => line.includes(':m')).length, 100)
    }
  })
})
