// Whole nodes on real sockets: one on node:dgram and two on the real loop make one ring and agree on the order of messages.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DgramDriver } from '../../../src/client/dgram-driver.js'
import { RingLoop } from '../../../src/daemon/loop.js'
import type { DriverOptions } from '../../../src/net/driver.js'
import { ClusterNode } from '../../../src/node/node.js'
import type { NodeOutput } from '../../../src/node/types.js'
import { CsError } from '../../../src/services/errors.js'
import { DEFAULT_TOTEM_PARAMETERS } from '../../../src/totem/parameters.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import { MemoryRingId, unicastTransport } from '../../support/fake-node.js'
import { freeUdpPort } from '../../support/free-port.js'

const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

function nodeOf(nodeId: number, output: NodeOutput): ClusterNode {
  const totem = {
    ...DEFAULT_TOTEM_PARAMETERS,
    tokenTimeoutMs: 1000,
    tokenRetransmitMs: 238,
    consensusMs: 1200,
    holdMs: 180,
  }
  const config = { nodeId, memberNodeIds: [1, 2, 3], totem, wire: createGeneration3() }
  return new ClusterNode({ config, output, random: Math.random })
}

describe('three nodes on two kinds of driver', () => {
  it('form a ring, deliver everything in one order, and part', { timeout: 30_000 }, async () => {
    const port = await freeUdpPort()
    const options = (nodeId: number): DriverOptions => ({
      transport: unicastTransport(nodeId, addresses, port),
      ringId: new MemoryRingId(),
      log: () => {},
      shutdownRequested: reason => assert.fail(reason),
    })
    const loops = [1, 2].map(nodeId => new RingLoop({ ...options(nodeId), wire: createGeneration3() }))
    const driver = new DgramDriver(options(3))
    const nodes = [...loops.map((loop, i) => nodeOf(i + 1, loop.output)), nodeOf(3, driver.output)]
    let over = false
    const running = loops.map((loop, i) => {
      loop.attach(nodes[i]!)
      // Two loops share this thread: neither may wait while the other has work.
      const turn = () => {
        if (over) return
        loop.turn(0)
        setImmediate(turn)
      }
      return turn
    })
    for (const turn of running) turn()
    await driver.open(nodes[2]!)
    const limit = performance.now() + 20_000
    const until = async (what: string, condition: () => boolean) => {
      while (!condition()) {
        assert.ok(performance.now() < limit, `waited too long for ${what}`)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
    try {
      const whole = () =>
        nodes.every(node => node.membership.synchronised && node.membership.members.join() === '1,2,3')
      await until('the ring', whole)

      const group = new TextEncoder().encode('order')
      const delivered = nodes.map(() => [] as string[])
      const connections = nodes.map((node, i) =>
        node.cpg.connect({
          deliver: (nodeId, _pid, buf, off, len) =>
            delivered[i]!.push(`${nodeId}:${new DataView(buf.buffer, buf.byteOffset + off).getUint32(0)}:${len}`),
          deliverPartial: () => {},
          membershipChanged: () => {},
          ringChanged: () => {},
        }),
      )
      for (const connection of connections) assert.equal(connection.join(group, 1, 0), CsError.OK)
      driver.wake()
      await until('the group', () => connections.every(connection => connection.membership().length === 3))

      const each = 200
      const sent = [0, 0, 0]
      const sizes = [20, 1400, 5000, 60_000]
      await until('everything to be sent', () => {
        connections.forEach((connection, i) => {
          while (sent[i]! < each) {
            const size = sizes[sent[i]! % sizes.length]!
            const message = new Uint8Array(size)
            new DataView(message.buffer).setUint32(0, sent[i]!)
            if (connection.mcast(message, 0, size) !== CsError.OK) break
            sent[i]!++
          }
        })
        driver.wake()
        return sent.every(count => count === each)
      })
      await until('everything to arrive', () => delivered.every(list => list.length === 3 * each))
      assert.deepEqual(delivered[1], delivered[0])
      assert.deepEqual(delivered[2], delivered[0])
      for (const nodeId of [1, 2, 3]) {
        const own = delivered[0]!.filter(line => line.startsWith(`${nodeId}:`))
        assert.deepEqual(
          own,
          Array.from({ length: each }, (_, i) => `${nodeId}:${i}:${sizes[i % sizes.length]}`),
        )
      }

      driver.leave()
      await driver.close()
      await until('the rest of the ring', () =>
        nodes.slice(0, 2).every(node => node.membership.synchronised && node.membership.members.join() === '1,2'),
      )
    } finally {
      over = true
      for (const loop of loops) loop.close()
      await driver.close()
    }
  })
})
