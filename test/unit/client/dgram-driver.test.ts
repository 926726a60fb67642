// The node:dgram driver with real sockets on 127.0.0.x and ::1, alone and against the real loop.

import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import { DgramDriver } from '../../../src/client/dgram-driver.js'
import { RingLoop } from '../../../src/daemon/loop.js'
import { type DriverOptions, TransportError } from '../../../src/net/driver.js'
import type { WireGeneration } from '../../../src/wire/generation.js'
import { FakeNode, keptLog, MemoryRingId, unicastTransport } from '../../support/fake-node.js'
import { freeUdpPort } from '../../support/free-port.js'

const open: { close(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const driver of open.splice(0)) await driver.close()
})

function options(partial: Partial<DriverOptions> & Pick<DriverOptions, 'transport'>): DriverOptions {
  return { ringId: new MemoryRingId(), log: () => {}, shutdownRequested: () => {}, ...partial }
}

async function driverOf(node: FakeNode, partial: Partial<DriverOptions> & Pick<DriverOptions, 'transport'>) {
  const driver = new DgramDriver(options(partial))
  open.push(driver)
  await driver.open(node)
  return driver
}

async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + 5000
  while (!condition()) {
    assert.ok(performance.now() < limit, 'waited too long')
    await new Promise(resolve => setImmediate(resolve))
  }
}

const addresses = ['127.0.0.1', '127.0.0.2']

describe('the node:dgram driver', () => {
  it('starts the node with the stored ring sequence', async () => {
    const ringId = new MemoryRingId()
    ringId.sequence = 12
    const node = new FakeNode()
    await driverOf(node, { transport: unicastTransport(1, addresses, await freeUdpPort()), ringId })
    assert.equal(node.startedWith, 12)
  })

  it('talks to the real loop, both ways, in order', async () => {
    const port = await freeUdpPort()
    const [a, b] = [new FakeNode(), new FakeNode()]
    const driver = await driverOf(a, { transport: unicastTransport(1, addresses, port) })
    const loop = new RingLoop({
      ...options({ transport: unicastTransport(2, addresses, port) }),
      wire: undefined as unknown as WireGeneration,
    })
    open.push(loop)
    loop.attach(b)
    loop.turn(0)
    const got: number[] = []
    const back: number[] = []
    b.onReceive = (buf, off, len, from) => {
      assert.equal(from, '127.0.0.1')
      got.push(len)
      loop.output.multicast(buf, off, len)
    }
    a.onReceive = (_buf, _off, len) => back.push(len)
    const sent: number[] = []
    for (let i = 0; i < 200; i++) {
      const frame = new Uint8Array(100 + i * 50)
      sent.push(frame.length)
      if (i % 10 === 9) driver.output.unicast(2, frame, 0, frame.length)
      else driver.output.multicast(frame, 0, frame.length)
      // As much at a time as the receive buffer of an ordinary user holds.
      if (i % 10 !== 9) continue
      await until(() => {
        loop.turn(0)
        return back.length === sent.length
      })
    }
    assert.deepEqual(got, sent)
    assert.deepEqual(back, sent)
  })

  it('rejects sources that no member has', async () => {
    const port = await freeUdpPort()
    const { lines, log } = keptLog()
    const node = new FakeNode()
    node.onReceive = () => assert.fail('handed in')
    const driver = await driverOf(node, { transport: unicastTransport(1, addresses, port), log })
    const stranger = await driverOf(new FakeNode(), {
      transport: unicastTransport(1, ['127.0.0.9', '127.0.0.1'], port),
    })
    stranger.output.multicast(new Uint8Array(20), 0, 20)
    await until(() => driver.stats.rejectedSource === 1)
    assert.ok(lines.includes('debug [TOTEM] Packet rejected from 127.0.0.9'))
  })

  it('keeps the deadlines of the node', async () => {
    const node = new FakeNode()
    const deadline = performance.now() + 30
    node.deadline = deadline
    await driverOf(node, { transport: unicastTransport(1, addresses, await freeUdpPort()) })
    await until(() => node.expirations === 1)
    assert.ok(node.expiredAt >= deadline, `${deadline - node.expiredAt} ms early`)
  })

  it('throws away what waits when the node asks, and hears again afterwards', async () => {
    const port = await freeUdpPort()
    const [a, b] = [new FakeNode(), new FakeNode()]
    const sender = await driverOf(a, { transport: unicastTransport(1, addresses, port) })
    const receiver = await driverOf(b, { transport: unicastTransport(2, addresses, port) })
    let received = 0
    let discarded = 0
    b.onReceive = () => {
      received++
      if (received === 1) discarded = receiver.output.discardInput()
    }
    for (let i = 0; i < 100; i++) sender.output.multicast(new Uint8Array(50), 0, 50)
    await until(() => received + receiver.stats.discarded === 100)
    assert.equal(received, 1)
    assert.ok(discarded > 0)
    await new Promise(resolve => setTimeout(resolve, 20))
    sender.output.multicast(new Uint8Array(50), 0, 50)
    await until(() => received === 2)
  })

  it('does without an interface: sends fail, are counted, and nothing else happens', async () => {
    const node = new FakeNode()
    const members = [...addresses, '240.0.0.1']
    const driver = await driverOf(node, { transport: unicastTransport(1, members, await freeUdpPort()) })
    driver.output.unicast(3, new Uint8Array(20), 0, 20)
    await until(() => driver.stats.sendFailures === 1)
    assert.equal(node.interfaceChanges, 0)
  })

  it('works on IPv6', async () => {
    const node = new FakeNode()
    const driver = await driverOf(node, { transport: unicastTransport(1, ['::1'], await freeUdpPort()) })
    assert.equal(node.startedWith, 0)
    assert.equal(driver.stats.sendFailures, 0)
  })

  it('names the address that it cannot have', async () => {
    const port = await freeUdpPort()
    await driverOf(new FakeNode(), { transport: unicastTransport(1, addresses, port) })
    const second = new DgramDriver(options({ transport: unicastTransport(1, addresses, port) }))
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      let settled = false
      const opened = second.open(new FakeNode()).finally(() => {
        settled = true
      })
      opened.catch(() => {})
      let waited = 0
      for (; !settled && waited < 10_000; waited += 100) {
        // Binding itself takes turns of the real loop.
        for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
        mock.timers.tick(100)
      }
      await assert.rejects(opened, {
        name: 'TransportError',
        message: `cannot open 127.0.0.1 port ${port} (udpu): bind EADDRINUSE 127.0.0.1:${port}`,
      })
      assert.ok(waited >= 4500, `gave up after ${waited} ms`)
    } finally {
      mock.timers.reset()
    }
  })

  it('refuses the transport udp', () => {
    const transport = { ...unicastTransport(1, addresses, 5405), transport: 'udp' as const, group: '239.192.1.1' }
    assert.throws(() => new DgramDriver(options({ transport })), TransportError)
  })
})
