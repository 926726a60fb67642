import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Checker } from '../../../src/sim/checker/checker.js'
import type { RingIdentity } from '../../../src/totem/types.js'

const NO_RING: RingIdentity = { nodeId: 0, seq: 0 }

/** A trace written by hand: short words for what processes do. */
class Trace {
  readonly checker = new Checker()
  readonly #previous = new Map<number, RingIdentity>()

  start(nodeId: number): number {
    return this.checker.start(nodeId)
  }

  transitional(process: number, ring: RingIdentity, members: readonly number[], previous?: RingIdentity): void {
    const from = previous ?? this.#previous.get(process) ?? NO_RING
    this.checker.configured(process, { kind: 'transitional', members, left: [], joined: [], ring, previous: from })
  }

  regular(process: number, ring: RingIdentity, members: readonly number[]): void {
    const previous = this.#previous.get(process) ?? NO_RING
    this.checker.configured(process, { kind: 'regular', members, left: [], joined: [], ring, previous })
    this.#previous.set(process, ring)
  }

  /** Both changes. `along`: the transitional members. */
  install(process: number, ring: RingIdentity, members: readonly number[], along: readonly number[] = []): void {
    this.transitional(process, ring, along)
    this.regular(process, ring, members)
  }

  /** Fresh processes 1 .. n, all in the same first ring. */
  together(count: number, ring: RingIdentity = A): number[] {
    const nodeIds = Array.from({ length: count }, (_, index) => index + 1)
    const processes = nodeIds.map(nodeId => this.start(nodeId))
    for (const process of processes) this.install(process, ring, nodeIds)
    return processes
  }

  send(process: number, ring: RingIdentity, seq: number, hash = 1000 + seq): void {
    this.checker.numbered(process, ring, seq, hash)
  }

  deliver(process: number, ring: RingIdentity, seq: number, origin: number, hash = 1000 + seq): void {
    this.checker.delivered(process, ring, seq, origin, hash)
  }

  crash(process: number): void {
    this.checker.end(process)
  }

  /** Of a node that is down: it knows ring sequence numbers up to `remains` from now on. */
  damageDisk(nodeId: number, remains = 0): void {
    this.checker.diskDamaged(nodeId, remains)
  }

  get found(): string[] {
    return [...new Set(this.checker.violations.map(violation => violation.property))]
  }
}

const A: RingIdentity = { nodeId: 1, seq: 4 }
const B: RingIdentity = { nodeId: 1, seq: 8 }
const C: RingIdentity = { nodeId: 2, seq: 8 }
const D: RingIdentity = { nodeId: 1, seq: 12 }

/** The properties that the trace violates, in the order in which they were found. */
function violated(write: (trace: Trace) => void): string[] {
  const trace = new Trace()
  write(trace)
  assert.deepEqual(excused(trace), [])
  return trace.found
}

/** What was found broken and is not demanded. */
function excused(trace: Trace): string[] {
  return trace.checker.model.excused.map(({ property }) => property)
}

describe('a trace of a correct ring', () => {
  it('violates nothing through sends, a partition, holes, a crash, a restart and a merge', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p1, A, 1)
      trace.send(p3, A, 2)
      trace.send(p2, A, 3)
      trace.send(p3, A, 4)
      for (const p of [p1, p2]) trace.deliver(p, A, 1, 1)
      for (const seq of [1, 2, 3, 4]) trace.deliver(p3, A, seq, [1, 3, 2, 3][seq - 1]!)
      // 3 crashes with packet 2, which nobody else has; 1 and 2 go on without it.
      trace.crash(p3)
      for (const p of [p1, p2]) {
        trace.transitional(p, B, [1, 2])
        trace.deliver(p, A, 3, 2)
        trace.regular(p, B, [1, 2])
      }
      trace.send(p2, B, 9)
      trace.deliver(p1, B, 9, 2)
      trace.deliver(p2, B, 9, 2)
      const again = trace.start(3)
      trace.install(again, { nodeId: 3, seq: 9 }, [3])
      for (const p of [p1, p2]) trace.install(p, D, [1, 2, 3], [1, 2])
      trace.install(again, D, [1, 2, 3], [3])
      trace.send(again, D, 1)
      for (const p of [p1, p2, again]) trace.deliver(p, D, 1, 3)
      trace.checker.finish()
    })
    assert.deepEqual(found, [])
  })

  it('may count across the wrap of the sequence numbers', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      for (const seq of [0xfffffffe, 0xffffffff, 0, 1]) {
        trace.send(p1, A, seq)
        trace.deliver(p1, A, seq, 1)
        trace.deliver(p2, A, seq, 1)
      }
      trace.checker.finish()
    })
    assert.deepEqual(found, [])
  })
})

describe('the checker finds', () => {
  it('B1: a packet that nobody numbered', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.deliver(p2, A, 1, 1)
      trace.deliver(p2, A, 2, 1)
    })
    assert.deepEqual(found, ['B1'])
  })

  it('B1: a packet under the name of another member', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.deliver(p2, A, 1, 2)
    })
    assert.deepEqual(found, ['B1'])
  })

  it('B2: a packet delivered twice', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.deliver(p1, A, 1, 1)
      trace.deliver(p1, A, 1, 1)
    })
    assert.deepEqual(found, ['B2'])
  })

  it('B3: a packet of the ring before, delivered after the next one is installed', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p2, A, 1)
      trace.crash(p2)
      trace.install(p1, B, [1], [1])
      trace.deliver(p1, A, 1, 2)
    })
    assert.deepEqual(found, ['B3'])
  })

  it('B3: a packet numbered in a transitional configuration', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.transitional(p1, B, [1])
      trace.send(p1, A, 1)
    })
    assert.deepEqual(found, ['B3'])
  })

  it('B4: a sender that is not a member', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p2, A, 1)
      trace.deliver(p1, A, 1, 7)
    })
    assert.deepEqual(found, ['B4'])
  })

  it('B4: a delivery before the first configuration, and one after a crash', () => {
    for (const prepare of [(trace: Trace) => trace.start(3), (trace: Trace) => crashed(trace)]) {
      const found = violated(trace => {
        const [p1] = trace.together(2) as [number, number]
        trace.send(p1, A, 1)
        trace.deliver(prepare(trace), A, 1, 1)
      })
      assert.deepEqual(found, ['B4'])
    }
    function crashed(trace: Trace): number {
      trace.crash(1)
      return 1
    }
  })

  it('B5: a packet whose bytes have changed', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1, 77)
      trace.deliver(p2, A, 1, 1, 78)
    })
    assert.deepEqual(found, ['B5'])
  })

  it('B6: packets of one sender out of order', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.send(p1, A, 2)
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p2, A, 2, 1)
      trace.deliver(p2, A, 1, 1)
    })
    assert.ok(found.includes('B6'), found.join())
  })

  it('C1: a configuration without the process itself', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      trace.install(p1, A, [2, 3])
    })
    assert.deepEqual(found, ['C1'])
  })

  it('C1: a transitional configuration without the process itself', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.transitional(p1, B, [2])
    })
    assert.deepEqual(found, ['C1'])
  })

  it('C2: two memberships under one ring id', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      const p2 = trace.start(2)
      trace.install(p1, A, [1, 2])
      trace.install(p2, A, [1, 2, 3])
    })
    assert.deepEqual(found, ['C2'])
  })

  it('C2: two transitional memberships of one move', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(3) as [number, number, number]
      trace.transitional(p1, B, [1, 2])
      trace.transitional(p2, B, [1, 2, 3])
    })
    assert.deepEqual(found, ['C2'])
  })

  it('C3: a ring sequence that does not grow, across a restart too', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      trace.install(p1, B, [1])
      trace.crash(p1)
      trace.install(trace.start(1), A, [1])
    })
    assert.deepEqual(found, ['C3'])
  })

  it('C4: a regular configuration without a transitional one', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.regular(p1, B, [1, 2])
    })
    assert.deepEqual(found, ['C4'])
  })

  it('C4: two transitional configurations in a row', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.transitional(p1, B, [1])
      trace.transitional(p1, D, [1])
    })
    assert.deepEqual(found, ['C4'])
  })

  it('C4: a transitional member that was not in the ring before', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.transitional(p1, B, [1, 3])
    })
    assert.deepEqual(found, ['C4'])
  })

  it('C4: one that moved along and is missing among the transitional members', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.install(p1, B, [1, 2], [1])
      trace.transitional(p2, B, [2])
      trace.regular(p2, B, [1, 2])
    })
    assert.ok(found.includes('C4'), found.join())
  })

  it('C4: another previous ring than the process was in', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.transitional(p1, D, [1], B)
    })
    assert.deepEqual(found, ['C4'])
  })

  it('C5: a transitional member that came to the ring from elsewhere', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.install(p2, C, [2], [2])
      trace.install(p1, D, [1, 2], [1, 2])
      trace.install(p2, D, [1, 2], [2])
    })
    assert.deepEqual(found, ['C5'])
  })

  it('C5: a transitional member that never installs the ring and is not excluded later', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.install(p1, B, [1, 2], [1, 2])
      trace.transitional(p1, D, [1, 2])
    })
    assert.deepEqual(found, ['C5'])
  })

  it('C5: the same when nothing follows', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.install(p1, B, [1, 2], [1, 2])
      trace.checker.finish()
    })
    assert.deepEqual(found, ['C5'])
  })

  it('C6: a member that never installs the ring', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      trace.start(2)
      trace.install(p1, A, [1, 2])
      trace.checker.finish()
    })
    assert.deepEqual(found, ['C6'])
  })

  it('C7: a packet numbered on a ring that is not installed', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.send(p1, B, 1)
    })
    assert.deepEqual(found, ['C7'])
  })

  it('C7: a packet numbered before all members have installed the ring', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      trace.start(2)
      trace.install(p1, A, [1, 2])
      trace.send(p1, A, 1)
    })
    assert.deepEqual(found, ['C7'])
  })

  it('C7: a delivery of a ring that is not installed', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      for (const p of [p1, p2]) trace.install(p, B, [1, 2], [1, 2])
      const p3 = trace.start(3)
      trace.install(p3, { nodeId: 3, seq: 1 }, [3])
      trace.send(p1, B, 1)
      trace.deliver(p3, B, 1, 1)
    })
    assert.deepEqual(found, ['C7'])
  })

  it('D1: an own packet that does not come back', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.install(p1, B, [1], [1])
    })
    assert.deepEqual(found, ['D1'])
  })

  it('D1: the same when nothing follows', () => {
    const found = violated(trace => {
      const p1 = trace.start(1)
      trace.install(p1, A, [1])
      trace.send(p1, A, 1)
      trace.checker.finish()
    })
    assert.ok(found.includes('D1'), found.join())
  })

  it('D2: two that moved together with different deliveries', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p3, A, 1)
      trace.crash(p3)
      trace.transitional(p1, B, [1, 2])
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p1, A, 1, 3)
      trace.regular(p1, B, [1, 2])
      trace.regular(p2, B, [1, 2])
    })
    assert.deepEqual(found, ['D2'])
  })

  it('D3: a packet without one that its sender had seen', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p1, A, 1)
      trace.deliver(p2, A, 1, 1)
      trace.send(p2, A, 2)
      trace.crash(p1)
      trace.transitional(p3, B, [2, 3])
      trace.deliver(p3, A, 2, 2)
    })
    assert.equal(found[0], 'D3')
  })

  it('D4: two packets under one number', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.send(p2, A, 1)
    })
    assert.deepEqual(found, ['D4'])
  })

  it('D4: a number that is skipped', () => {
    const found = violated(trace => {
      const [p1] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.send(p1, A, 3)
    })
    assert.deepEqual(found, ['D4'])
  })

  it('D4: a transitional configuration at another place of the order', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p3, A, 1)
      trace.crash(p3)
      trace.deliver(p1, A, 1, 3)
      trace.transitional(p1, B, [1, 2])
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p2, A, 1, 3)
    })
    assert.deepEqual(found, ['D4'])
  })

  it('D4: different packets under one number, where the sender is not to be asked', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p1, A, 1, 5)
      trace.deliver(p2, A, 1, 1, 5)
      trace.deliver(p3, A, 1, 1, 6)
    })
    assert.deepEqual(found, ['B5', 'D4'])
  })

  it('D5: a hole in a regular configuration', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(2) as [number, number]
      trace.send(p1, A, 1)
      trace.send(p1, A, 2)
      trace.deliver(p2, A, 2, 1)
    })
    assert.deepEqual(found, ['D5'])
  })

  it('D6: a hole at a packet whose sender came along', () => {
    const found = violated(trace => {
      const [p1, p2] = trace.together(3) as [number, number, number]
      trace.send(p1, A, 1)
      trace.send(p1, A, 2)
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p2, A, 2, 1)
    })
    assert.deepEqual(found, ['D6'])
  })

  it('D6: a hole at a packet that another one who came along has', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p3, A, 1)
      trace.send(p1, A, 2)
      trace.deliver(p1, A, 1, 3)
      trace.crash(p3)
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p2, A, 2, 1)
    })
    assert.deepEqual(found, ['D6'])
  })

  it('D6: behind a hole, a packet of one who did not come along', () => {
    const found = violated(trace => {
      const [, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p3, A, 1)
      trace.send(p3, A, 2)
      trace.crash(p3)
      trace.transitional(p2, B, [2])
      trace.deliver(p2, A, 2, 3)
    })
    assert.deepEqual(found, ['D6'])
  })

  it('D7: a lower number after a higher one', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = trace.together(3) as [number, number, number]
      trace.send(p3, A, 1)
      trace.send(p1, A, 2)
      trace.crash(p3)
      trace.transitional(p2, B, [1, 2])
      trace.deliver(p2, A, 2, 1)
      trace.deliver(p2, A, 1, 3)
    })
    assert.deepEqual(found, ['D7'])
  })
})

describe('after the disk of a node was damaged', () => {
  /**
   * Nodes 1 and 2 in ring A; 1 crashes and forgets, and forms A again, alone, while 2 is still in it, or after 2 has left.
   * Returns the processes of both.
   */
  function reuse(trace: Trace, leftBefore = false): [number, number] {
    const [p1, p2] = [trace.start(1), trace.start(2)]
    for (const p of [p1, p2]) trace.install(p, A, [1, 2])
    trace.send(p1, A, 1, 100)
    for (const p of [p1, p2]) trace.deliver(p, A, 1, 1, 100)
    trace.crash(p1)
    if (leftBefore) trace.install(p2, C, [2], [2])
    trace.damageDisk(1)
    const again = trace.start(1)
    trace.install(again, A, [1])
    return [again, p2]
  }

  it('it may form a ring under an id that it used before, with other members and packets', () => {
    const found = violated(trace => {
      const [again, p2] = reuse(trace, true)
      trace.send(again, A, 1, 200)
      trace.deliver(again, A, 1, 1, 200)
      trace.install(p2, D, [1, 2], [2])
      trace.install(again, D, [1, 2], [1])
      trace.checker.finish()
    })
    assert.deepEqual(found, [])
  })

  it('others stay in the ring that they were in', () => {
    const found = violated(trace => {
      const [, p2] = reuse(trace)
      trace.send(p2, A, 2, 300)
      trace.deliver(p2, A, 2, 2, 300)
    })
    assert.deepEqual(found, [])
  })

  it('a member may install the ring of before after its creator has crashed, and another the new one', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = [trace.start(1), trace.start(2), trace.start(3)]
      trace.install(p1, A, [1, 2])
      trace.crash(p1)
      trace.damageDisk(1)
      trace.install(trace.start(1), A, [1])
      trace.install(p2, A, [1, 2])
      trace.install(p3, C, [3])
    })
    assert.deepEqual(found, [])
  })

  it('a ring that its creator has not installed itself is still the one of before', () => {
    const found = violated(trace => {
      const [p1, p2, p3] = [trace.start(1), trace.start(2), trace.start(3)]
      trace.install(p1, { nodeId: 1, seq: 1 }, [1])
      trace.crash(p1)
      trace.damageDisk(1)
      const again = trace.start(1)
      trace.install(p2, A, [1, 2, 3])
      trace.install(again, A, [1])
      trace.install(p3, A, [1, 2, 3])
    })
    assert.deepEqual(found, [])
  })

  it('C2 still holds in the second ring of an id', () => {
    const found = violated(trace => {
      const p3 = trace.start(3)
      trace.install(p3, { nodeId: 3, seq: 1 }, [3])
      const [first] = reuse(trace, true)
      trace.crash(first)
      trace.damageDisk(1)
      const second = trace.start(1)
      trace.install(second, A, [1, 3])
      trace.install(p3, A, [1, 2, 3], [3])
    })
    assert.deepEqual(found, ['C2'])
  })

  it('C2 still holds between those who are in the first ring of an id', () => {
    const found = violated(trace => {
      const p3 = trace.start(3)
      const [p1, p2] = [trace.start(1), trace.start(2)]
      trace.install(p1, A, [1, 2, 3])
      trace.crash(p1)
      trace.damageDisk(1)
      trace.install(trace.start(1), A, [1])
      trace.install(p2, A, [1, 2, 3])
      trace.install(p3, A, [2, 3])
    })
    assert.deepEqual(found, ['C2'])
  })

  it('C2 still holds for the ids of other nodes, and for those that the disk still knows', () => {
    for (const [damaged, remains] of [
      [3, 0],
      [1, A.seq],
    ] as const) {
      const found = violated(trace => {
        const [p1, p2] = [trace.start(1), trace.start(2)]
        trace.install(p1, A, [1, 2])
        trace.crash(p1)
        trace.damageDisk(damaged, remains)
        trace.install(p2, A, [2])
      })
      assert.deepEqual(found, ['C2'], `node ${damaged} remembers up to ${remains}`)
    }
  })

  it('C3 still holds for everybody else, and above what the disk still knows', () => {
    for (const [nodeId, damaged, remains] of [
      [2, 1, 0],
      [1, 1, A.seq],
    ] as const) {
      const found = violated(trace => {
        const process = trace.start(nodeId)
        trace.install(process, { nodeId, seq: D.seq }, [nodeId])
        trace.crash(process)
        trace.damageDisk(damaged, remains)
        trace.install(trace.start(nodeId), { nodeId, seq: A.seq }, [nodeId])
      })
      assert.deepEqual(found, ['C3'], `node ${nodeId}, damaged ${damaged}`)
    }
  })

  it('C3 holds for it again from where it begins', () => {
    const found = violated(trace => {
      const [again] = reuse(trace)
      trace.crash(again)
      trace.install(trace.start(1), A, [1])
    })
    assert.deepEqual(found, ['C3'])
  })

  it('packets of the two rings of an id are told apart (B1, D4)', () => {
    const foreign = violated(trace => {
      const [again] = reuse(trace, true)
      trace.deliver(again, A, 1, 1, 100)
    })
    assert.deepEqual(foreign, ['B1'])
    const twice = violated(trace => {
      const [again] = reuse(trace, true)
      trace.send(again, A, 1, 200)
      trace.send(again, A, 1, 201)
    })
    assert.deepEqual(twice, ['D4'])
  })

  it('nothing is demanded of those who were in two rings of one id at the same time, nor of whom they meet later', () => {
    const trace = new Trace()
    const [p3, p4] = [trace.start(3), trace.start(4)]
    trace.install(p3, { nodeId: 3, seq: 4 }, [3])
    trace.install(p4, { nodeId: 4, seq: 4 }, [4])
    const [again, p2] = reuse(trace)
    trace.send(again, A, 2, 200)
    trace.deliver(p2, A, 7, 1)
    assert.deepEqual(excused(trace), ['B1'])
    trace.install(p2, { nodeId: 2, seq: 20 }, [2, 3], [2])
    trace.install(p3, { nodeId: 2, seq: 20 }, [2, 3], [3])
    trace.deliver(p3, { nodeId: 2, seq: 20 }, 1, 2)
    assert.deepEqual(excused(trace), ['B1', 'B1'])
    assert.deepEqual(trace.found, [])
    trace.deliver(p4, { nodeId: 4, seq: 4 }, 1, 4)
    assert.deepEqual(trace.found, ['B1'], 'of node 4, which has met none of them, everything is')
  })

  it('the trace knows whether two rings of one id are lived in', () => {
    const trace = new Trace()
    const [again] = reuse(trace)
    assert.equal(trace.checker.model.sharesId, true)
    trace.crash(again)
    assert.equal(trace.checker.model.sharesId, false)
  })
})
