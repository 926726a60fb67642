// The real loop with real sockets on 127.0.0.x and nodes that only record.

import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { RingLoop, type RingLoopOptions } from '../../../src/daemon/loop.js'
import { TransportError } from '../../../src/net/driver.js'
import { closeFd, openEventFd, signalEventFd } from '../../../src/sys/eventfd.js'
import { Epoll } from '../../../src/sys/layout.js'
import type { WireGeneration } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { FakeNode, keptLog, MemoryRingId, unicastTransport } from '../../support/fake-node.js'
import { freeUdpPort } from '../../support/free-port.js'

const open: RingLoop[] = []
afterEach(() => {
  for (const loop of open.splice(0)) loop.close()
})

function makeLoop(node: FakeNode, options: Partial<RingLoopOptions> & Pick<RingLoopOptions, 'transport'>): RingLoop {
  const loop = new RingLoop({
    wire: undefined as unknown as WireGeneration,
    ringId: new MemoryRingId(),
    log: () => {},
    shutdownRequested: () => {},
    ...options,
  })
  open.push(loop)
  loop.attach(node)
  return loop
}

/** Three nodes on 127.0.0.1 to 3, each turned once so that its socket is open. */
async function threeLoops(offload: boolean) {
  const port = await freeUdpPort()
  const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
  const nodes = addresses.map(() => new FakeNode())
  const loops = nodes.map((node, i) =>
    makeLoop(node, { transport: { ...unicastTransport(i + 1, addresses, port), offload } }),
  )
  for (const loop of loops) loop.turn(0)
  return { nodes, loops }
}

function numbered(sequence: number, length: number): Uint8Array {
  const frame = new Uint8Array(length)
  new DataView(frame.buffer).setUint32(0, sequence)
  frame.fill(sequence & 0xff, 4)
  return frame
}

for (const offload of [true, false]) {
  describe(`datagrams between loops, offload ${offload ? 'on' : 'off'}`, () => {
    it('all arrive, whole and in order, whatever their sizes', async () => {
      const { nodes, loops } = await threeLoops(offload)
      const sizes = [1400, 1400, 1400, 64, 64, 9000, 1400, 8, 60000, 60000, 1472]
      const expected = [0, 0]
      for (const receiver of [1, 2]) {
        nodes[receiver]!.onReceive = (buf, off, len, from) => {
          const sequence = new DataView(buf.buffer, buf.byteOffset + off, len).getUint32(0)
          assert.equal(sequence, expected[receiver - 1]!++)
          assert.equal(len, sizes[sequence % sizes.length])
          assert.equal(buf[off + len - 1], len === 4 ? 0 : sequence & 0xff)
          assert.equal(from, '127.0.0.1')
        }
      }
      const total = 6000
      for (let sequence = 0; sequence < total; ) {
        // As much at a time as the receive buffer of an ordinary user holds.
        for (let bytes = 0; bytes < 60_000 && sequence < total; sequence++) {
          const length = sizes[sequence % sizes.length]!
          loops[0]!.output.multicast(numbered(sequence, length), 0, length)
          bytes += length
        }
        for (const loop of loops) loop.turn(0)
      }
      for (let i = 0; i < 50; i++) for (const loop of loops) loop.turn(0)
      assert.deepEqual(expected, [total, total])
      assert.equal(loops[0]!.stats.sentDatagrams, 2 * total)
      assert.equal(loops[0]!.stats.sendFailures, 0)
    })

    it('a unicast leaves behind the multicasts that were queued before it', async () => {
      const { nodes, loops } = await threeLoops(offload)
      const seen: number[] = []
      nodes[1]!.onReceive = (buf, off, len) => seen.push(len > 4 ? buf[off + 4]! : -1)
      for (let i = 0; i < 5; i++) loops[0]!.output.multicast(numbered(i, 100), 0, 100)
      loops[0]!.output.unicast(2, numbered(9, 4), 0, 4)
      loops[1]!.turn(100)
      assert.deepEqual(seen, [0, 1, 2, 3, 4, -1])
    })
  })
}

describe('members that change', () => {
  const hello = numbered(1, 40)

  it('are sent to and heard from the moment they are known, and no longer than that', async () => {
    const { nodes, loops } = await threeLoops(true)
    const [first, second, third] = loops
    const heard = nodes.map(node => {
      const from: string[] = []
      node.onReceive = (_buf, _off, _len, source) => from.push(source)
      return from
    })
    const everybodyTurns = () => {
      for (let i = 0; i < 3; i++) for (const loop of loops) loop.turn(10)
    }
    const address = (nodeId: number) => ({ nodeId, address: `127.0.0.${nodeId}` })
    first!.setMembers([address(1), address(2)])
    assert.deepEqual(
      [2, 3].map(nodeId => first!.addressesOf(nodeId)),
      [['127.0.0.2'], []],
    )
    first!.output.multicast(hello, 0, hello.length)
    third!.output.multicast(hello, 0, hello.length)
    first!.output.unicast(3, hello, 0, hello.length)
    everybodyTurns()
    assert.deepEqual(heard, [[], ['127.0.0.1', '127.0.0.3'], []])
    assert.ok(first!.stats.rejectedSource > 0)
    first!.setMembers([address(1), address(2), address(3)])
    second!.output.multicast(hello, 0, hello.length)
    first!.output.multicast(hello, 0, hello.length)
    third!.output.multicast(hello, 0, hello.length)
    everybodyTurns()
    assert.deepEqual(heard[0]?.sort(), ['127.0.0.2', '127.0.0.3'])
    assert.deepEqual(heard[2]?.sort(), ['127.0.0.1', '127.0.0.2'])
  })

  it('that are dropped still get what was queued for them', async () => {
    const { nodes, loops } = await threeLoops(true)
    let received = 0
    nodes[2]!.onReceive = () => received++
    loops[0]!.output.multicast(hello, 0, hello.length)
    loops[0]!.setMembers([{ nodeId: 2, address: '127.0.0.2' }])
    loops[2]!.turn(100)
    assert.equal(received, 1)
  })

  it('need not be listed where unlisted addresses are not blocked', async () => {
    const { nodes, loops } = await threeLoops(true)
    let received = 0
    nodes[0]!.onReceive = () => received++
    loops[0]!.setMembers([])
    loops[0]!.tune(false, 1000)
    loops[1]!.output.multicast(hello, 0, hello.length)
    loops[1]!.turn(0)
    loops[0]!.turn(100)
    assert.equal(received, 1)
  })
})

describe('segmented sends', () => {
  it('carry a burst in one system call per destination, and arrive in few', async () => {
    const { loops, nodes } = await threeLoops(true)
    let received = 0
    nodes[1]!.onReceive = () => received++
    for (let i = 0; i < 17; i++) loops[0]!.output.multicast(numbered(i, 1400), 0, 1400)
    loops[0]!.turn(0)
    loops[1]!.turn(100)
    assert.equal(loops[0]!.stats.sendCalls, 2)
    assert.equal(received, 17)
    assert.equal(loops[1]!.stats.receiveCalls, 1)
  })

  it('are off when the configuration says so', async () => {
    const { loops } = await threeLoops(false)
    for (let i = 0; i < 17; i++) loops[0]!.output.multicast(numbered(i, 1400), 0, 1400)
    loops[0]!.turn(0)
    assert.equal(loops[0]!.stats.sendCalls, 34)
  })
})

describe('discarding input', () => {
  it('drops the rest of what was read and what the kernel holds, and counts it', async () => {
    const { loops, nodes } = await threeLoops(true)
    for (let i = 0; i < 10; i++) loops[0]!.output.multicast(numbered(i, 200), 0, 200)
    loops[0]!.output.multicast(numbered(10, 100), 0, 100)
    loops[0]!.turn(0)
    for (let i = 0; i < 5; i++) loops[2]!.output.multicast(numbered(i, 300), 0, 300)
    loops[2]!.turn(0)
    let discarded = -1
    let received = 0
    nodes[1]!.onReceive = () => {
      received++
      if (received === 3) discarded = loops[1]!.output.discardInput()
    }
    loops[1]!.turn(100)
    assert.equal(discarded, 13)
    assert.equal(received, 3)
    loops[1]!.turn(0)
    assert.equal(received, 3)
    loops[0]!.output.multicast(numbered(1, 50), 0, 50)
    loops[0]!.turn(0)
    loops[1]!.turn(100)
    assert.equal(received, 4)
  })
})

describe('sources', () => {
  it('that no member has are rejected, whatever the port', async () => {
    const port = await freeUdpPort()
    const node = new FakeNode()
    const stranger = new FakeNode()
    const { lines, log } = keptLog()
    const loop = makeLoop(node, { transport: unicastTransport(1, ['127.0.0.1', '127.0.0.2'], port), log })
    const other = makeLoop(stranger, {
      transport: { ...unicastTransport(1, ['127.0.0.9', '127.0.0.1'], port), nodeId: 1, bindAddress: '127.0.0.9' },
    })
    loop.turn(0)
    other.turn(0)
    node.onReceive = () => assert.fail('handed in')
    other.output.multicast(numbered(1, 20), 0, 20)
    other.turn(0)
    loop.turn(100)
    assert.equal(loop.stats.rejectedSource, 1)
    assert.ok(lines.includes('debug [TOTEM] Packet rejected from 127.0.0.9'))
  })

  it('are taken from anywhere with block_unlisted_ips off', async () => {
    const port = await freeUdpPort()
    const node = new FakeNode()
    const loop = makeLoop(node, {
      transport: { ...unicastTransport(1, ['127.0.0.1', '127.0.0.2'], port), blockUnlistedIps: false },
    })
    const other = makeLoop(new FakeNode(), { transport: unicastTransport(1, ['127.0.0.9', '127.0.0.1'], port) })
    loop.turn(0)
    other.turn(0)
    const sources: string[] = []
    node.onReceive = (_buf, _off, _len, from) => sources.push(from)
    other.output.multicast(numbered(1, 20), 0, 20)
    other.turn(0)
    loop.turn(100)
    assert.deepEqual(sources, ['127.0.0.9'])
  })
})

describe('a turn', () => {
  it('starts the node once the socket is open, with the stored ring sequence', async () => {
    const node = new FakeNode()
    const ringId = new MemoryRingId()
    ringId.sequence = 77
    const loop = makeLoop(node, { transport: unicastTransport(1, ['127.0.0.1'], await freeUdpPort()), ringId })
    assert.equal(node.startedWith, undefined)
    loop.turn(0)
    assert.equal(node.startedWith, 77)
    assert.equal(loop.linkState, 'up')
  })

  it('never waits longer than a quarter of a second', async () => {
    const { loops } = await threeLoops(true)
    const before = performance.now()
    assert.equal(loops[0]!.turn(Number.POSITIVE_INFINITY), false)
    const waited = performance.now() - before
    assert.ok(waited > 200 && waited < 5000, `waited ${waited}`)
  })

  it('wakes for the deadline of the node', async () => {
    const { loops, nodes } = await threeLoops(true)
    // On a busy machine one wait may be late; that each of several is later than the bound of every wait is not chance.
    const waits: number[] = []
    for (let i = 1; i <= 5; i++) {
      nodes[0]!.deadline = loops[0]!.now() + 20
      const before = performance.now()
      assert.equal(loops[0]!.turn(1000), true)
      assert.equal(nodes[0]!.expirations, i)
      waits.push(performance.now() - before)
    }
    assert.ok(Math.min(...waits) >= 15 && Math.min(...waits) < 200, waits.join())
  })

  it('lets a ring of one turn a bounded number of times', async () => {
    const { loops, nodes } = await threeLoops(true)
    nodes[0]!.deadline = 0
    nodes[0]!.onExpire = () => {}
    loops[0]!.turn(1000)
    assert.ok(nodes[0]!.expirations > 1 && nodes[0]!.expirations < 100)
  })

  it('moves the heartbeat', async () => {
    const heartbeat = new Int32Array(new SharedArrayBuffer(4))
    const transport = unicastTransport(1, ['127.0.0.1'], await freeUdpPort())
    const loop = makeLoop(new FakeNode(), { transport, heartbeat })
    loop.turn(0)
    loop.turn(0)
    assert.equal(heartbeat[0], 2)
  })

  it('is ended by a wake-up', async () => {
    const { loops } = await threeLoops(true)
    let woken = 0
    const waker = loops[0]!.addWaker(() => woken++)
    signalEventFd(waker)
    signalEventFd(waker)
    assert.equal(loops[0]!.turn(1000), true)
    assert.equal(woken, 1)
    assert.equal(loops[0]!.turn(0), false)
  })
})

describe('further descriptors', () => {
  it('have their handlers called, until they are taken away', async () => {
    const { loops } = await threeLoops(true)
    const [first, second] = [openEventFd(), openEventFd()]
    const called: string[] = []
    loops[0]!.addFd(first, Epoll.IN, (_now, events) => {
      called.push(`first ${events}`)
      // What is ready in the same turn is no longer anybody's business.
      loops[0]!.removeFd(second)
    })
    loops[0]!.addFd(second, Epoll.IN, () => called.push('second'))
    signalEventFd(first)
    signalEventFd(second)
    loops[0]!.turn(100)
    assert.deepEqual(called, [`first ${Epoll.IN}`])
    loops[0]!.modifyFd(first, Epoll.OUT)
    loops[0]!.turn(100)
    assert.deepEqual(called, [`first ${Epoll.IN}`, `first ${Epoll.OUT}`])
    loops[0]!.removeFd(first)
    assert.equal(loops[0]!.turn(0), false)
    closeFd(first)
    closeFd(second)
  })
})

describe('leaving', () => {
  it('sends the leave message at once', async () => {
    const { loops, nodes } = await threeLoops(true)
    nodes[0]!.onLeave = () => loops[0]!.output.multicast(numbered(5, 37), 0, 37)
    let received = 0
    nodes[1]!.onReceive = (_buf, _off, len) => {
      received = len
    }
    loops[0]!.leave()
    loops[0]!.close()
    loops[1]!.turn(100)
    assert.equal(received, 37)
  })
})

describe('an address that is taken', () => {
  it('is tried again and then named in the error', async () => {
    const port = await freeUdpPort()
    const first = makeLoop(new FakeNode(), { transport: unicastTransport(1, ['127.0.0.1'], port) })
    first.turn(0)
    const node = new FakeNode()
    let now = 0
    const second = makeLoop(node, { transport: unicastTransport(1, ['127.0.0.1'], port), clock: () => now })
    assert.throws(
      () => {
        // The loop's clock is turned by hand; waiting is real but as short as its poll.
        for (; now < 10_000; now += 50) second.turn(0)
      },
      (error: unknown) =>
        error instanceof TransportError &&
        error.exitCode === 1 &&
        error.message === `cannot open 127.0.0.1 port ${port} (udpu): bind: Address already in use (98)`,
    )
    assert.ok(now >= 4500 && now < 5000, `gave up after ${now}`)
    assert.equal(node.startedWith, undefined)
  })

  it('is had when it becomes free in time', async () => {
    const port = await freeUdpPort()
    const first = makeLoop(new FakeNode(), { transport: unicastTransport(1, ['127.0.0.1'], port) })
    first.turn(0)
    let now = 0
    const node = new FakeNode()
    const second = makeLoop(node, { transport: unicastTransport(1, ['127.0.0.1'], port), clock: () => now })
    second.turn(0)
    first.close()
    for (; now < 500 && node.startedWith === undefined; now += 50) second.turn(0)
    assert.equal(node.startedWith, 0)
  })

  it('that no interface has is an error', () => {
    let now = 0
    const loop = makeLoop(new FakeNode(), { transport: unicastTransport(1, ['192.0.2.77'], 5405), clock: () => now })
    assert.throws(
      () => {
        for (; now < 10_000; now += 50) loop.turn(0)
      },
      { code: 'TRANSPORT', message: 'no network interface that is up has the address 192.0.2.77' },
    )
  })
})

/** udp on the loopback interface: every address of 127.0.0.0/8 is a host of its own there. */
async function udpLoops(group: string, members: boolean) {
  const port = await freeUdpPort()
  const addresses = ['127.0.0.1', '127.0.0.2']
  const nodes = addresses.map(() => new FakeNode())
  const loops = nodes.map((node, i) => {
    const plain = unicastTransport(i + 1, addresses, port)
    const transport = { ...plain, transport: 'udp' as const, group, members: members ? plain.members : [] }
    return makeLoop(node, { transport, wire: createGeneration3() })
  })
  for (const loop of loops) loop.turn(0)
  return { nodes, loops }
}

for (const [what, group] of [
  ['multicast', '239.192.77.1'],
  ['broadcast', '255.255.255.255'],
] as const) {
  describe(`udp with ${what}`, () => {
    it('sends once for everybody and hears nothing of itself', async () => {
      const { nodes, loops } = await udpLoops(group, true)
      const seen: string[] = []
      nodes[0]!.onReceive = () => assert.fail('its own message came back')
      nodes[1]!.onReceive = (_buf, _off, len, from) => seen.push(`${len} ${from}`)
      for (let i = 0; i < 3; i++) loops[0]!.output.multicast(numbered(i, 1400), 0, 1400)
      loops[0]!.turn(0)
      loops[1]!.turn(100)
      loops[0]!.turn(0)
      assert.deepEqual(seen, ['1400 127.0.0.1', '1400 127.0.0.1', '1400 127.0.0.1'])
      assert.equal(loops[0]!.stats.sendCalls, 1)
    })

    it('acts on a token only after the multicasts that wait', async () => {
      const { nodes, loops } = await udpLoops(group, true)
      const seen: number[] = []
      nodes[1]!.onReceive = (_buf, _off, len) => seen.push(len)
      // Even a token that arrives before them: the order of two sockets says nothing.
      loops[0]!.output.unicast(2, numbered(0, 70), 0, 70)
      for (let i = 0; i < 40; i++) loops[0]!.output.multicast(numbered(i, 1000 + i), 0, 1000 + i)
      loops[0]!.turn(0)
      loops[1]!.turn(100)
      assert.deepEqual(seen, [...Array.from({ length: 40 }, (_, i) => 1000 + i), 70])
    })

    it('discards tokens that wait along with the multicasts', async () => {
      const { nodes, loops } = await udpLoops(group, true)
      let received = 0
      let discarded = 0
      nodes[1]!.onReceive = () => {
        received++
        discarded = loops[1]!.output.discardInput()
      }
      loops[0]!.output.unicast(2, numbered(0, 70), 0, 70)
      for (let i = 0; i < 4; i++) loops[0]!.output.multicast(numbered(i, 1000), 0, 1000)
      loops[0]!.turn(0)
      loops[1]!.turn(100)
      loops[1]!.turn(0)
      assert.equal(received, 1)
      assert.equal(discarded, 4)
    })
  })
}

describe('udp without a nodelist', () => {
  it('learns from a join message where to send tokens', async () => {
    const { nodes, loops } = await udpLoops('239.192.77.2', false)
    const join = '70c0030300010000000000000001000000010000000000000009000000000000000' + '1000000'
    const bytes = new Uint8Array(Buffer.from(join, 'hex'))
    loops[1]!.output.unicast(1, numbered(0, 70), 0, 70)
    loops[1]!.turn(0)
    loops[0]!.turn(0)
    assert.equal(loops[0]!.stats.receivedDatagrams, 0)
    loops[0]!.output.multicast(bytes, 0, bytes.length)
    loops[0]!.turn(0)
    loops[1]!.turn(100)
    let received = 0
    nodes[0]!.onReceive = (_buf, _off, len) => {
      received = len
    }
    loops[1]!.output.unicast(1, numbered(0, 70), 0, 70)
    loops[0]!.turn(100)
    assert.equal(received, 70)
  })
})
