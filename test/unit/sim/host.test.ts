import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EventQueue } from '../../../src/sim/event-queue.js'
import { type HostEvents, SimHost } from '../../../src/sim/host.js'
import { type Datagram, Network, QUIET_NETWORK } from '../../../src/sim/network.js'
import { Prng } from '../../../src/sim/prng.js'
import { SHORT_TIMERS } from '../../../src/sim/scenario.js'
import type { HostServices, SimNode } from '../../../src/sim/sim-node.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'

const NODE_IDS = [1, 2]

const EVENTS: HostEvents = {
  observer: () => ({}),
  log() {},
  persisted() {},
  shutdownRequested() {},
  started() {},
  leaving() {},
  paused() {},
  resumed() {},
  ended() {},
}

/** A host whose node notes what reaches it, by the host's own clock. */
class Bench {
  readonly network = new Network(2, new EventQueue(), new Prng(1, 'network'), QUIET_NETWORK)
  readonly received: { at: number; mark: number }[] = []
  readonly expired: number[] = []
  /** By the host's own clock. */
  wanted = Number.POSITIVE_INFINITY
  startedWith = -1
  services: HostServices | undefined
  readonly host: SimHost

  constructor(clockRate = 1, memberNodeIds: readonly number[] = NODE_IDS) {
    const node: SimNode = {
      start: (_now, ringSequence) => {
        this.startedWith = ringSequence
      },
      receive: (now, buf) => this.received.push({ at: now, mark: buf[0]! }),
      expire: now => {
        this.expired.push(now)
        if (now >= this.wanted) this.wanted = Number.POSITIVE_INFINITY
      },
      nextDeadline: () => this.wanted,
      interfaceChanged() {},
      leave() {},
    }
    const config = { nodeId: 1, memberNodeIds, totem: SHORT_TIMERS, wire: createGeneration3() }
    const factory = (_: unknown, services: HostServices) => {
      this.services = services
      return node
    }
    this.host = new SimHost(0, NODE_IDS, config, factory, this.network, new Prng(1, 'host'), EVENTS, clockRate)
    this.host.start(0)
  }

  arrive(now: number, mark: number, length = 100): void {
    const buf = new Uint8Array(length)
    buf[0] = mark
    const datagram: Datagram = { buf, len: length, from: 1, holders: 1 }
    this.host.receive(now, datagram)
    this.network.release(datagram)
  }

  /** Calls the host whenever it wants to be called, before `end`. */
  runUntil(end: number): void {
    for (let calls = 0; this.host.deadline < end; calls++) {
      assert.ok(calls < 1000, 'the host wants to be called without end')
      this.host.expire(this.host.deadline)
    }
  }

  get marks(): number[] {
    return this.received.map(({ mark }) => mark)
  }
}

describe('a host whose socket overflows', () => {
  it('reads one datagram after the other, and loses what does not fit meanwhile', () => {
    const bench = new Bench()
    bench.host.beginOverflow(2, 300)
    for (let mark = 1; mark <= 4; mark++) bench.arrive(10, mark)
    assert.deepEqual(bench.marks, [], 'nothing is read yet')
    bench.runUntil(13)
    assert.deepEqual(bench.marks, [1])
    bench.arrive(13, 5)
    bench.arrive(13, 6)
    bench.runUntil(100)
    assert.deepEqual(bench.marks, [1, 2, 3, 5])
    assert.deepEqual(
      bench.received.map(({ at }) => Math.round(at - bench.host.clock.local(0))),
      [12, 14, 16, 18],
    )
    assert.equal(bench.network.dropped, 2)
  })

  it('reads the rest at once when it is over, in order', () => {
    const bench = new Bench()
    bench.host.beginOverflow(2, 1000)
    for (let mark = 1; mark <= 3; mark++) bench.arrive(10, mark)
    bench.host.endOverflow(11, 2, 1000)
    bench.arrive(11, 4)
    assert.deepEqual(bench.marks, [1, 2, 3, 4])
    assert.equal(bench.host.deadline, Number.POSITIVE_INFINITY)
  })

  it('keeps its timers', () => {
    const bench = new Bench()
    bench.host.beginOverflow(20, 1000)
    bench.wanted = bench.host.clock.local(15)
    bench.host.touched()
    bench.arrive(10, 1)
    bench.runUntil(20)
    assert.equal(bench.expired.length, 1)
    assert.deepEqual(bench.marks, [])
  })

  it('loses its input with its process, and what the process throws away', () => {
    const bench = new Bench()
    bench.host.beginOverflow(2, 200)
    bench.arrive(10, 1)
    bench.arrive(10, 2)
    assert.equal(bench.services?.output.discardInput(), 2)
    bench.arrive(10, 3)
    bench.host.crash()
    bench.host.start(11)
    bench.arrive(12, 4)
    bench.runUntil(100)
    assert.deepEqual(bench.marks, [4])
  })

  it('holds as much while it is stopped, and reads it all when it goes on', () => {
    const bench = new Bench()
    bench.host.beginOverflow(2, 200)
    bench.host.pause()
    for (let mark = 1; mark <= 3; mark++) bench.arrive(10, mark)
    bench.host.resume(11, true)
    assert.deepEqual(bench.marks, [1, 2])
  })
})

describe('a host whose clock is fast or slow', () => {
  for (const rate of [0.9, 0.9997, 1, 1.1]) {
    it(`calls its node when the deadline has come by that clock, and once (rate ${rate})`, () => {
      const bench = new Bench(rate)
      const began = bench.host.clock.local(0)
      for (let due = 0.1; due < 500; due = due * 1.7 + 0.013) {
        bench.wanted = began + due
        bench.host.touched()
        const { wanted } = bench
        bench.expired.length = 0
        bench.runUntil(10_000)
        assert.equal(bench.expired.length, 1)
        assert.ok(bench.expired[0]! >= wanted && bench.expired[0]! < wanted + 1e-6)
        assert.ok(Math.abs(bench.host.now * rate - due) < 1e-6)
      }
    })
  }
})

describe('a host whose member list lacks another', () => {
  it('hears nothing of it and sends it nothing', () => {
    const bench = new Bench(1, [1])
    bench.arrive(1, 1)
    assert.deepEqual(bench.marks, [])
    const { output } = bench.services!
    output.multicast(new Uint8Array(10), 0, 10)
    output.unicast(2, new Uint8Array(10), 0, 10)
    assert.equal(bench.network.sent, 0)
  })
})

describe('the disk of a host', () => {
  it('is what its node wrote, over a crash, unless it is damaged', () => {
    const bench = new Bench()
    assert.equal(bench.startedWith, 0)
    bench.services?.output.persistRingSequence(40)
    bench.host.crash()
    bench.host.start(1)
    assert.equal(bench.startedWith, 40)
    bench.host.crash()
    bench.host.disk.damage({ kind: 'lost' })
    bench.host.start(2)
    assert.equal(bench.startedWith, 0)
  })
})
