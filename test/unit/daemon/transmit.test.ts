// The way out against sockets that refuse.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parseIp } from '../../../src/config/ip.js'
import { Transmitter } from '../../../src/daemon/transmit.js'
import { ADDRESS_PLACES, AddressBook } from '../../../src/net/members.js'
import { TransportStats } from '../../../src/net/stats.js'
import { ReceiveBatch } from '../../../src/sys/datagrams.js'
import { SocketOption } from '../../../src/sys/layout.js'
import { NativeMemory } from '../../../src/sys/native.js'
import { SOCKADDR_SIZE } from '../../../src/sys/sockaddr.js'
import { UdpSocket } from '../../../src/sys/socket.js'
import { keptLog } from '../../support/fake-node.js'

const SO_NO_CHECK = 11

let sender: UdpSocket
let receiver: UdpSocket
beforeEach(() => {
  sender = new UdpSocket(4)
  sender.bind(Uint8Array.of(127, 0, 0, 1), 0)
  receiver = new UdpSocket(4)
  receiver.bind(Uint8Array.of(127, 0, 0, 2), 0)
})
afterEach(() => {
  sender.close()
  receiver.close()
})

function transmitterTo(address: string) {
  const sockaddrs = new NativeMemory(ADDRESS_PLACES * SOCKADDR_SIZE)
  const book = new AddressBook(receiver.port, sockaddrs.bytes)
  book.set(2, parseIp(address)!)
  const stats = new TransportStats()
  const { lines, log } = keptLog()
  const time = { now: 0 }
  const transmitter = new Transmitter(book, sockaddrs, true, stats, log, () => time.now)
  const place = book.get(2)!.place
  transmitter.use(sender.fd, [place])
  const burst = (frames: number, length: number) => {
    for (let i = 0; i < frames; i++) transmitter.multicast(new Uint8Array(length).fill(i), 0, length)
    transmitter.flush()
  }
  return { transmitter, stats, lines, time, place, burst }
}

function received(): string[] {
  const batch = new ReceiveBatch(64)
  const count = batch.receive(receiver.fd)
  const seen: string[] = []
  for (let i = 0; i < count; i++) seen.push(`${batch.slab.bytes[batch.offset(i)]}:${batch.length(i)}`)
  return seen
}

describe('a segmented send that the kernel refuses', () => {
  it('is repeated frame by frame, and not tried again for that size', () => {
    // The kernel cannot segment what it may not checksum: EINVAL.
    sender.setInt(SocketOption.SOL_SOCKET, SO_NO_CHECK, 1)
    const { stats, burst } = transmitterTo('127.0.0.2')
    burst(3, 1400)
    assert.deepEqual(received(), ['0:1400', '1:1400', '2:1400'])
    assert.deepEqual([stats.sendCalls, stats.segmentationRefused, stats.sendFailures], [4, 1, 0])
    burst(3, 1400)
    assert.equal(stats.sendCalls, 7)
    burst(2, 100)
    assert.equal(stats.segmentationRefused, 2)
    assert.deepEqual(received(), ['0:1400', '1:1400', '2:1400', '0:100', '1:100'])
  })
})

describe('a send that fails', () => {
  it('is counted and logged at debug, now and then', () => {
    const { stats, lines, time, burst } = transmitterTo('240.0.0.1')
    burst(1, 100)
    burst(1, 100)
    time.now = 999
    burst(1, 100)
    time.now = 1000
    burst(1, 100)
    assert.equal(stats.sendFailures, 4)
    assert.equal(stats.continuousSendFailures, 4)
    assert.equal(lines.length, 2)
    assert.match(lines[0]!, /^debug \[TOTEM\] sendmsg\(ucast\) failed \(non-critical\): .+ \(\d+\)$/)
    assert.match(lines[1]!, / suppressed=2$/)
  })

  it('does not keep the next from working', () => {
    const { stats, burst } = transmitterTo('127.0.0.2')
    burst(1, 65508)
    assert.equal(stats.continuousSendFailures, 1)
    burst(1, 65507)
    assert.deepEqual([stats.continuousSendFailures, stats.sentDatagrams], [0, 1])
  })
})

describe('a token behind multicasts', () => {
  it('goes with the last of them in one system call, and to its receiver alone', () => {
    const { transmitter, stats, place } = transmitterTo('127.0.0.2')
    for (let i = 0; i < 17; i++) transmitter.multicast(new Uint8Array(1400).fill(i), 0, 1400)
    transmitter.unicast(place, new Uint8Array(70).fill(99), 0, 70)
    assert.deepEqual([stats.sendCalls, stats.sentDatagrams], [1, 18])
    const seen = received()
    assert.equal(seen.length, 18)
    assert.equal(seen.at(-1), '99:70')
    transmitter.use(sender.fd, [])
    transmitter.multicast(new Uint8Array(1400), 0, 1400)
    transmitter.unicast(place, new Uint8Array(70).fill(98), 0, 70)
    assert.deepEqual(received(), ['98:70'])
  })

  it('goes by itself when it is longer, or when the run has ended', () => {
    const { transmitter, stats, place } = transmitterTo('127.0.0.2')
    transmitter.multicast(new Uint8Array(50), 0, 50)
    transmitter.unicast(place, new Uint8Array(70).fill(99), 0, 70)
    assert.equal(stats.sendCalls, 2)
    transmitter.multicast(new Uint8Array(100), 0, 100)
    transmitter.multicast(new Uint8Array(80), 0, 80)
    transmitter.unicast(place, new Uint8Array(70).fill(99), 0, 70)
    assert.equal(stats.sendCalls, 4)
    assert.deepEqual(received(), ['0:50', '99:70', '0:100', '0:80', '99:70'])
  })
})

describe('while the link is down', () => {
  it('nothing is sent, nor kept for later', () => {
    const { transmitter, stats, place, burst } = transmitterTo('127.0.0.2')
    transmitter.use(-1, [])
    burst(5, 100)
    transmitter.unicast(place, new Uint8Array(70), 0, 70)
    transmitter.use(sender.fd, [place])
    transmitter.flush()
    assert.deepEqual(received(), [])
    assert.equal(stats.unsentLinkDown, 6)
  })
})

describe('more than the slab holds', () => {
  it('is sent in between', () => {
    const { stats, burst } = transmitterTo('127.0.0.2')
    receiver.growReceiveBuffer(8 * 1024 * 1024)
    burst(60, 60_000)
    assert.equal(stats.sentDatagrams, 60)
    assert.equal(stats.sendFailures, 0)
  })
})
