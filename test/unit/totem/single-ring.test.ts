import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createJoin } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import type { Member } from '../../support/ring-network.js'
import { FAST, RingNetwork } from '../../support/ring-network.js'

/** What was delivered, without the configuration changes. */
function messages(member: Member): string[] {
  return member.story.filter(line => line.includes(':'))
}

function form(ids: number[], options = {}): { network: RingNetwork; members: Member[] } {
  const network = new RingNetwork(options)
  const members = ids.map(id => network.start(id))
  network.run(2000)
  return { network, members }
}

describe('a node alone', () => {
  it('forms a ring of one at once, four above the sequence it started with', () => {
    const { members } = form([1])
    assert.equal(members[0]?.ring.state, 'operational')
    assert.deepEqual(members[0]?.story, ['transitional 1.5 []', 'regular 1.5 [1]'])
    assert.equal(members[0]?.persisted, 5)
  })

  it('delivers its own messages in order', () => {
    const { network, members } = form([7])
    for (let i = 0; i < 100; i++) members[0]?.send(`m${i}`)
    network.run(200)
    assert.deepEqual(
      messages(members[0]!),
      Array.from({ length: 100 }, (_, i) => `7:m${i}`),
    )
  })
})

describe('three nodes', () => {
  it('form one ring, led by the lowest id, and see the same changes', () => {
    const { members } = form([3, 1, 2])
    for (const member of members) {
      assert.equal(member.ring.state, 'operational')
      assert.deepEqual(member.ring.members, [1, 2, 3])
      assert.equal(member.ring.ring.nodeId, 1)
    }
  })

  it('deliver everything in one order', () => {
    const { network, members } = form([1, 2, 3])
    for (let round = 0; round < 50; round++) {
      for (const member of members) member.send(`${round}`)
      network.run(3)
    }
    network.run(1000)
    const order = messages(members[0]!)
    assert.equal(order.length, 150)
    for (const member of members) assert.deepEqual(messages(member), order)
  })

  it('repair loss without a membership change', () => {
    const { network, members } = form([1, 2, 3])
    let count = 0
    network.pass = (_from, _to, bytes) => bytes[3] !== 1 || count++ % 3 !== 0
    for (let i = 0; i < 300; i++) members[i % 3]?.send(`${i}`)
    network.run(5000)
    const order = messages(members[0]!)
    assert.equal(order.length, 300)
    for (const member of members) {
      assert.deepEqual(messages(member), order)
      assert.equal(member.ring.stats.gather_entered, members[0]?.ring.stats.gather_entered)
    }
    assert.ok(members.some(member => member.ring.stats.mcast_retx > 0))
  })

  it('survive the loss of single tokens by retransmission', () => {
    const { network, members } = form([1, 2, 3])
    const gathered = members[0]?.ring.stats.gather_entered
    let count = 0
    network.pass = (_from, _to, bytes) => bytes[3] !== 0 || count++ % 7 !== 0
    network.run(3000)
    assert.equal(members[0]?.ring.stats.gather_entered, gathered)
  })

  it('hold the token when idle, and call for it to send', () => {
    const { network, members } = form([1, 2, 3])
    network.run(2000)
    const before = members[1]!.ring.stats.orf_token_rx
    network.run(1000)
    const rotations = members[1]!.ring.stats.orf_token_rx - before
    assert.ok(rotations < 25, `an idle ring turned ${rotations} times in a second`)
    members[2]?.send('x')
    network.run(5)
    assert.deepEqual(messages(members[0]!), ['3:x'])
    assert.ok(members[2]!.ring.stats.token_hold_cancel_tx > 0)
  })

  it('notice a death after the token timeout and go on as two', () => {
    const { network, members } = form([1, 2, 3])
    network.kill(2)
    network.run(1500)
    assert.deepEqual(members[0]?.ring.members, [1, 3])
    assert.deepEqual(members[2]?.ring.members, [1, 3])
    members[0]?.send('still here')
    network.run(200)
    assert.deepEqual(messages(members[2]!), ['1:still here'])
  })

  it('go on at once when a member says goodbye', () => {
    const { network, members } = form([1, 2, 3])
    members[2]?.ring.leave(network.now)
    network.kill(3)
    network.run(50)
    assert.deepEqual(members[0]?.ring.members, [1, 2])
    const formed = members[0]?.events.findLast(event => event.kind === 'membershipFormed')
    assert.deepEqual(formed?.kind === 'membershipFormed' && formed.unannounced, [])
  })

  it('take back a member that restarts', () => {
    const { network, members } = form([1, 2, 3])
    const persisted = members[1]!.persisted
    network.kill(2)
    network.run(1500)
    const again = network.start(2, persisted)
    network.run(2000)
    assert.deepEqual(again.ring.members, [1, 2, 3])
    members[0]?.send('welcome')
    network.run(200)
    assert.deepEqual(messages(again), ['1:welcome'])
  })

  it('split in two and merge again', () => {
    const { network, members } = form([1, 2, 3])
    const side = (id: number) => id === 3
    network.pass = (from, to) => side(from) === side(to)
    network.run(2000)
    assert.deepEqual(members[0]?.ring.members, [1, 2])
    assert.deepEqual(members[2]?.ring.members, [3])
    members[2]?.send('alone')
    members[1]?.send('together')
    network.run(300)
    network.pass = () => true
    network.run(3000)
    for (const member of members) assert.deepEqual(member.ring.members, [1, 2, 3])
    assert.deepEqual(messages(members[0]!), ['2:together'])
    assert.deepEqual(messages(members[2]!), ['3:alone'])
  })
})

describe('recovery', () => {
  it('gives all survivors the messages that one of them missed', () => {
    const { network, members } = form([1, 2, 3])
    // Node 2 hears no data; node 3, which could be asked, dies.
    network.pass = (_from, to, bytes) => !(to === 2 && bytes[3] === 1)
    for (let i = 0; i < 10; i++) members[0]?.send(`m${i}`)
    network.run(20)
    network.kill(3)
    network.pass = (_from, to, bytes) => !(to === 2 && bytes[3] === 1 && bytes[4] === 2)
    network.run(1200)
    network.pass = () => true
    network.run(1000)
    const expected = Array.from({ length: 10 }, (_, i) => `1:m${i}`)
    assert.deepEqual(messages(members[0]!), expected)
    assert.deepEqual(messages(members[1]!), expected)
    // And before the change that reports the death.
    const story = members[1]!.story
    assert.ok(story.indexOf('1:m9') < story.findIndex(line => line.startsWith('regular') && line.includes('[1,2]')))
  })

  it('sends an old message once, although several hold it', () => {
    const { network, members } = form([1, 2, 3, 4, 5])
    network.pass = (_from, to, bytes) => !(to === 2 && bytes[3] === 1)
    for (let i = 0; i < 30; i++) members[0]?.send(`m${i}`)
    network.run(20)
    network.kill(5)
    const wrapped = new Set<string>()
    network.pass = (_from, to, bytes) => {
      // The wrapper's own number on the new ring tells a new one from a copy to another member.
      if (bytes[3] === 1 && bytes[4] === 1) wrapped.add(Buffer.from(bytes.subarray(17, 21)).toString('hex'))
      return !(to === 2 && bytes[3] === 1 && bytes[4] === 2)
    }
    network.run(1200)
    network.pass = () => true
    network.run(1000)
    const expected = Array.from({ length: 30 }, (_, i) => `1:m${i}`)
    for (const member of members.slice(0, 4)) assert.deepEqual(messages(member), expected)
    assert.equal(wrapped.size, 30)
  })
})

describe('recovery of nearly a whole window', () => {
  it('ends, though each survivor has all of it to send again', () => {
    const { network, members } = form([1, 2, 3], {
      parameters: { ...FAST, failRecvConst: 100000, missCountConst: 60000 },
    })
    network.pass = (_from, to, bytes) => !(to === 3 && bytes[3] === 1)
    const count = 12000
    let sent = 0
    while (sent < count) {
      const member = members[sent % 2]!
      if (member.ring.available() > 0) member.send(`m${sent++}`)
      else network.run(10)
    }
    network.run(100)
    assert.equal(messages(members[1]!).length, count)
    assert.equal(members[2]!.ring.state, 'operational')
    network.pass = () => true
    // Somebody new makes a new ring before the gap is filled.
    const newcomer = network.start(4)
    network.run(1500)
    for (const member of [...members, newcomer]) {
      assert.equal(member.ring.state, 'operational')
      assert.deepEqual(member.ring.members, [1, 2, 3, 4])
    }
    const order = messages(members[0]!)
    assert.equal(order.length, count)
    for (const member of members) assert.deepEqual(messages(member), order)
    members[0]!.send('on')
    network.run(200)
    for (const member of [...members, newcomer]) assert.equal(messages(member).at(-1), '1:on')
  })
})

describe('sequence numbers', () => {
  it('wrap without anybody noticing', () => {
    const { network, members } = form([1, 2, 3], { firstSeq: 0xffffff00 })
    for (let i = 0; i < 1000; i++) members[i % 3]?.send(`${i}`)
    network.run(3000)
    const order = messages(members[0]!)
    assert.equal(order.length, 1000)
    for (const member of members) {
      assert.deepEqual(messages(member), order)
      assert.deepEqual(member.ring.members, [1, 2, 3])
    }
  })

  it('wrap under loss', () => {
    const { network, members } = form([1, 2, 3], { firstSeq: 0xfffffe00 })
    let count = 0
    network.pass = (_from, _to, bytes) => bytes[3] !== 1 || count++ % 4 !== 0
    for (let i = 0; i < 2000; i++) members[i % 3]?.send(`${i}`)
    network.run(20000)
    const order = messages(members[0]!)
    assert.equal(order.length, 2000)
    for (const member of members) assert.deepEqual(messages(member), order)
  })
})

describe('a way that stays cut', () => {
  const ROUND_MS = 880

  function cut(network: RingNetwork, ...pairs: [number, number][]): void {
    network.pass = (from, to) => !pairs.some(pair => pair[0] === from && pair[1] === to)
  }

  function regular(member: Member): number {
    return member.changes.filter(change => change.kind === 'regular').length
  }

  it('changes nothing where the token does not go it: others send again what is missing', () => {
    const { network, members } = form([1, 2, 3])
    const before = members.map(regular)
    cut(network, [3, 2])
    for (let i = 0; i < 20; i++) {
      members[2]!.send(`${i}`)
      network.run(50)
    }
    assert.deepEqual(members.map(regular), before)
    assert.deepEqual(
      members.map(member => messages(member).length),
      [20, 20, 20],
    )
  })

  for (const pairs of [
    [[1, 2]],
    [[3, 1]],
    [
      [1, 2],
      [2, 1],
    ],
    [
      [2, 3],
      [3, 2],
    ],
  ] as [number, number][][]) {
    it(`costs one configuration, and another when it is whole again: ${pairs.join(' and ')}`, () => {
      const { network, members } = form([1, 2, 3])
      const before = members.map(regular)
      cut(network, ...pairs)
      network.run(4 * ROUND_MS)
      const settled = members.map(regular)
      for (const [i, count] of settled.entries()) assert.equal(count - before[i]!, 1, `node ${i + 1}`)
      network.run(50 * ROUND_MS)
      assert.deepEqual(members.map(regular), settled)
      for (const member of members) assert.ok(member.ring.members.length < 3)
      cut(network)
      network.run(2 * ROUND_MS)
      for (const [i, member] of members.entries()) {
        assert.deepEqual(member.ring.members, [1, 2, 3])
        assert.ok(regular(member) - settled[i]! <= 2, `node ${i + 1}`)
      }
    })
  }

  it('divides nobody else, though one hears the answer to the deaf one first', () => {
    const { network, members } = form([1, 2, 3, 4])
    const JOIN_TYPE = 3
    network.pass = (from, to, bytes) => {
      if (from !== 4 && to === 3 && bytes[3] === JOIN_TYPE) {
        network.inject(bytes, to, 5)
        return false
      }
      return !(from === 4 && to === 1)
    }
    network.run(4 * ROUND_MS)
    assert.deepEqual(
      members.map(member => member.ring.members),
      [[1, 2, 3], [1, 2, 3], [1, 2, 3], [4]],
    )
  })

  it('does not leave two waiting for each other to ask', () => {
    const { network, members } = form([1, 2])
    const [first, second] = members as [Member, Member]
    const wire = createGeneration3()
    const refusal = (from: number, whom: number) => {
      const bytes = new Uint8Array(wire.joinLength(2, 1))
      const join = { ...createJoin(), nodeId: from, systemFrom: from, procList: [1, 2], failedList: [whom] }
      wire.writeJoin({ ...join, ringSeq: first.ring.ring.seq }, bytes, 0)
      return bytes
    }
    cut(network, [1, 2], [2, 1])
    network.run(450)
    // Each was heard to refuse the other, as when the two joins had crossed.
    network.inject(refusal(2, 1), 1)
    network.inject(refusal(1, 2), 2)
    network.run(100)
    assert.deepEqual([first.ring.members, second.ring.members], [[1], [2]])
    cut(network)
    network.run(2 * ROUND_MS)
    assert.deepEqual(
      [first.ring.members, second.ring.members],
      [
        [1, 2],
        [1, 2],
      ],
    )
  })
})

describe('a ring and an outsider', () => {
  const wire = createGeneration3()

  function configurations(member: Member): number {
    return member.changes.filter(change => change.kind === 'regular').length
  }

  /** Everybody hears this join of node 4. */
  function announce(members: readonly Member[], network: RingNetwork, procList: number[], failedList: number[]): void {
    const bytes = new Uint8Array(wire.joinLength(procList.length, failedList.length))
    const length = wire.writeJoin(
      { ...createJoin(), nodeId: 4, systemFrom: 4, procList, failedList, ringSeq: 100 },
      bytes,
      0,
    )
    for (const { ring } of members) ring.receive(network.now, bytes, 0, length, 'node 4')
  }

  it('that cannot hear a member breaks the ring up once, not with every join', () => {
    const { network, members } = form([1, 2, 3])
    const before = configurations(members[0]!)
    for (let i = 0; i < 20; i++) {
      announce(members, network, [1, 2, 3, 4], [2])
      network.run(50)
    }
    for (const member of members) {
      assert.deepEqual(member.ring.members, [1, 2, 3])
      assert.ok(configurations(member) - before <= 2, `${configurations(member) - before} configurations`)
    }
  })

  it('that has forgotten whom it held for failed is heard again', () => {
    const { network, members } = form([1, 2, 3])
    announce(members, network, [1, 2, 3, 4], [2])
    network.run(1000)
    for (const member of members) assert.equal(member.ring.state, 'operational')
    announce(members, network, [1, 2, 3, 4], [])
    // Those that were told of it by the one it refused wait for that one's join.
    network.run(10)
    assert.deepEqual(
      members.map(member => member.ring.state),
      ['gather', 'gather', 'gather'],
    )
  })

  it('is not listened to before every member has installed the ring', () => {
    const { network, members } = form([1, 2, 3])
    network.kill(3)
    const [first, second] = members as [Member, Member, Member]
    const installed = (member: Member) => member.ring.members.length === 2
    while (!installed(first) && !installed(second)) network.run(0.05)
    const [early, late] = installed(first) ? [first, second] : [second, first]
    assert.equal(late.ring.state, 'recovery')
    announce([early], network, [4], [])
    assert.equal(early.ring.state, 'operational', 'one member is still on its way into the ring')
    network.run(20)
    assert.ok(installed(late))
    announce([early], network, [4], [])
    assert.equal(early.ring.state, 'gather')
  })
})
