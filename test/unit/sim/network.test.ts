import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventQueue } from '../../../src/sim/event-queue.js'
import { carryOut, type Fault } from '../../../src/sim/faults.js'
import type { SimHost } from '../../../src/sim/host.js'
import { Network, QUIET_NETWORK } from '../../../src/sim/network.js'
import { Prng } from '../../../src/sim/prng.js'

const HOSTS = 3

interface Arrival {
  readonly at: number
  readonly to: number
  /** First byte of the datagram. */
  readonly mark: number
}

/** A network alone: datagrams in, arrivals out, faults carried out in between. Without jitter every delay is known. */
class Wire {
  readonly queue = new EventQueue()
  readonly network = new Network(HOSTS, this.queue, new Prng(1, 'wire'), { ...QUIET_NETWORK, jitterMs: 0 })
  readonly told: string[] = []
  readonly arrivals: Arrival[] = []
  readonly hosts = Array.from({ length: HOSTS }, (_, index) => ({ index, nodeId: index + 1 })) as unknown as SimHost[]
  readonly faulty = true

  tell(now: number, text: string): void {
    this.told.push(`${now} ${text}`)
  }
  diskDamaged(): void {}

  fault(now: number, fault: Fault): void {
    carryOut(this, now, fault)
  }

  send(now: number, from: number, to: number, mark: number, length = 100): void {
    const bytes = new Uint8Array(length)
    bytes[0] = mark
    this.network.unicast(now, from, to, bytes, 0, length)
  }

  /** Lets everything happen before `end`. */
  runUntil(end: number): Wire {
    while (this.queue.nextTime() < end) {
      const { time, to, datagram, action } = this.queue.pop()
      if (datagram === undefined) action?.(time)
      else if (!this.network.holdsUp(to, datagram)) this.arrivals.push({ at: time, to, mark: datagram.buf[0]! })
    }
    return this
  }

  get marks(): number[] {
    return this.arrivals.map(({ mark }) => mark)
  }
}

/** Delays lie between 0.7 and 1.3 times the ordinary one. */
const LONGEST_DELAY_MS = 1.3 * QUIET_NETWORK.delayMs

describe('a narrow link', () => {
  const narrow: Fault = { kind: 'bandwidth', hosts: [0], bytesPerMs: 100, queueBytes: 1000, forMs: 50 }

  it('sends one datagram after the other, to whomever they go', () => {
    const wire = new Wire()
    wire.fault(0, narrow)
    wire.send(0, 0, 1, 1, 400)
    wire.send(0, 0, 2, 2, 100)
    wire.send(1, 0, 1, 3, 200)
    const times = wire.runUntil(50).arrivals.map(({ at }) => at)
    for (const [place, leaves] of [4, 5, 7].entries()) {
      assert.ok(times[place]! > leaves && times[place]! <= leaves + LONGEST_DELAY_MS, `${place}: ${times[place]}`)
    }
  })

  it('drops what finds the queue full, and takes the next when there is room again', () => {
    const wire = new Wire()
    wire.fault(0, narrow)
    for (let mark = 1; mark <= 5; mark++) wire.send(0, 0, 1, mark, 300)
    assert.equal(wire.network.dropped, 2, '300 under way and 600 waiting leave no room')
    wire.send(6, 0, 1, 6, 300)
    assert.deepEqual(wire.runUntil(50).marks, [1, 2, 3, 6])
  })

  it('that is idle takes a datagram longer than its queue', () => {
    const wire = new Wire()
    wire.fault(0, { ...narrow, queueBytes: 10 })
    wire.send(0, 0, 1, 1, 300)
    wire.send(0, 0, 1, 2, 20)
    assert.deepEqual(wire.runUntil(50).marks, [1])
  })

  it('delays nobody else, and is wide again afterwards', () => {
    const wire = new Wire()
    wire.fault(0, narrow)
    wire.send(0, 1, 0, 1, 1000)
    wire.runUntil(60)
    wire.send(60, 0, 1, 2, 1000)
    const times = wire.runUntil(100).arrivals.map(({ at }) => at)
    assert.ok(times[0]! <= LONGEST_DELAY_MS)
    assert.ok(times[1]! <= 60 + LONGEST_DELAY_MS)
  })
})

describe('a path with a small MTU', () => {
  it('lets nothing longer through, in both directions, as long as it lasts', () => {
    const wire = new Wire()
    wire.fault(0, { kind: 'mtu', hosts: [0, 1], bytes: 500, forMs: 10 })
    wire.send(0, 0, 1, 1, 500)
    wire.send(0, 0, 1, 2, 501)
    wire.send(0, 1, 0, 3, 501)
    wire.send(0, 0, 2, 4, 1500)
    wire.runUntil(11)
    wire.send(11, 0, 1, 5, 1500)
    assert.deepEqual(wire.runUntil(20).marks.sort(), [1, 4, 5])
    assert.equal(wire.network.dropped, 2)
  })

  it('has the smallest of several', () => {
    const wire = new Wire()
    wire.fault(0, { kind: 'mtu', hosts: [0, 1], bytes: 500, forMs: 10 })
    wire.fault(0, { kind: 'mtu', hosts: [1, 0], bytes: 1000, forMs: 20 })
    wire.send(0, 0, 1, 1, 800)
    wire.runUntil(15)
    wire.send(15, 0, 1, 2, 800)
    wire.send(15, 0, 1, 3, 1200)
    assert.deepEqual(wire.runUntil(30).marks, [2])
  })
})

describe('a clogged path', () => {
  it('delivers nothing, what was under way included, until it is unclogged', () => {
    const wire = new Wire()
    wire.send(0, 0, 1, 1)
    wire.fault(0, { kind: 'clog', from: 0, to: 1, forMs: 10 })
    wire.send(5, 0, 1, 2)
    wire.send(5, 1, 0, 3)
    assert.deepEqual(wire.runUntil(10).marks, [3])
    const late = wire.runUntil(20).arrivals.slice(1)
    assert.deepEqual(
      late.map(({ mark }) => mark),
      [1, 2],
    )
    for (const { at } of late) assert.ok(at > 10 && at <= 10 + LONGEST_DELAY_MS)
  })

  it('is open again when all faults end', () => {
    const wire = new Wire()
    wire.fault(0, { kind: 'clog', from: 0, to: 1, forMs: 1000 })
    wire.send(0, 0, 1, 1)
    wire.runUntil(10)
    wire.network.heal(10)
    assert.deepEqual(wire.runUntil(20).marks, [1])
  })
})

describe('a swizzle', () => {
  it('clogs hosts in one order and unclogs them in another', () => {
    const wire = new Wire()
    wire.fault(0, { kind: 'swizzle', hosts: [0, 1], back: [1, 0], everyMs: 10, forMs: 20 })
    // From 0: clogged from 0 to 40. From 1: clogged from 10 to 30. What goes between them waits for both.
    wire.send(5, 1, 2, 1)
    wire.send(5, 0, 1, 2)
    wire.runUntil(10)
    assert.deepEqual(wire.marks, [1])
    wire.send(15, 1, 2, 3)
    wire.send(15, 2, 0, 4)
    wire.runUntil(39)
    assert.deepEqual(wire.marks, [1, 3])
    wire.runUntil(50)
    assert.deepEqual(wire.marks.slice(2).sort(), [2, 4])
    assert.deepEqual(wire.told.slice(1), [
      '0 node 1 is clogged',
      '10 node 2 is clogged',
      '30 node 2 is unclogged',
      '40 node 1 is unclogged',
    ])
  })
})

describe('a latency spike', () => {
  it('delays one direction, and keeps its order when it ends', () => {
    const wire = new Wire()
    wire.fault(0, { kind: 'latency', from: 0, to: 1, extraMs: 20, forMs: 10 })
    wire.send(9, 0, 1, 1)
    wire.send(9, 1, 0, 2)
    wire.runUntil(11)
    wire.send(11, 0, 1, 3)
    wire.runUntil(50)
    assert.deepEqual(wire.marks, [2, 1, 3])
    for (const { at } of wire.arrivals.slice(1)) assert.ok(at > 29 && at <= 29 + LONGEST_DELAY_MS)
  })
})
