// Traces of replicas written by hand: one that is in order, and one per way in which R1 or R2 can be broken.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Checker } from '../../../src/sim/checker/checker.js'
import { Copy, ReplicaChecker } from '../../../src/sim/checker/replicas.js'
import { Prng } from '../../../src/sim/prng.js'
import { AuditedMachine, KeyValueStore, MACHINE_NAMES, Queue } from '../../../src/sim/workload/machines.js'

const RING = { nodeId: 1, seq: 4 }

/** Two nodes on one ring, with a copy on each. */
class Stage {
  readonly checker = new Checker()
  readonly replicas = new ReplicaChecker(this.checker.model)
  readonly one: Copy
  readonly two: Copy

  constructor() {
    for (const nodeId of [1, 2]) {
      const process = this.checker.start(nodeId)
      const previous = { nodeId: 0, seq: 0 }
      for (const [kind, members] of [
        ['transitional', []],
        ['regular', [1, 2]],
      ] as const) {
        this.checker.configured(process, { kind, members, left: [], joined: [], ring: RING, previous })
      }
    }
    const [first, second] = this.checker.model.processes
    this.one = new Copy('1:10', first!)
    this.two = new Copy('2:20', second!)
  }

  /** The next packet is delivered on both nodes. */
  packet(): this {
    const seq = this.checker.model.ring(RING).senders.length + 1
    this.checker.numbered(0, RING, seq, 7)
    for (const process of [0, 1]) this.checker.delivered(process, RING, seq, 1, 7)
    return this
  }

  applied(copy: Copy, command: string, digest: number, history = command, wrong = {}): this {
    this.replicas.commandApplied(copy, { command, history, digest, repeated: false, missingNodes: 0, ...wrong })
    return this
  }

  message(copy: Copy, digest: number | undefined): this {
    this.replicas.messageDelivered(copy, digest)
    return this
  }

  get found(): string {
    return this.checker.violations.map(({ property, text }) => `${property} ${text}`).join('\n')
  }
}

describe('the checker of replicas', () => {
  it('finds nothing wrong with copies that are equal', () => {
    const stage = new Stage().packet()
    const { one, two } = stage
    stage.applied(one, 'a', 5).message(one, 5).applied(two, 'a', 5).message(two, 5)
    // A second message with the same packet, which only one of them applies; the other has lost its state meanwhile.
    stage.applied(one, 'b', 6).message(one, 6).message(two, undefined)
    stage.packet().message(one, 6).message(two, 6)
    stage.replicas.commandRefused(one, 'c')
    stage.replicas.finish([
      { copy: one, current: true, digest: 6, members: 2 },
      { copy: two, current: true, digest: 6, members: 2 },
    ])
    assert.equal(stage.found, '')
    assert.deepEqual([stage.replicas.applied, stage.replicas.refused], [3, 1])
  })

  it('notices copies that differ at one place of the order, whatever their histories say (R1)', () => {
    const stage = new Stage().packet()
    const { one, two } = stage
    stage.applied(one, 'a', 5, 'h1').message(one, 5).applied(two, 'b', 6, 'h2').message(two, 6)
    assert.match(stage.found, /^R1 replica 2:20 has another state than 1:10 had at packet 1\.4\/0$/)
  })

  it('notices copies that differ after the second message of one packet (R1)', () => {
    const stage = new Stage().packet()
    const { one, two } = stage
    stage.message(one, 5).message(one, 6).message(two, 5)
    assert.equal(stage.found, '')
    stage.message(two, 5)
    assert.match(stage.found, /^R1 /)
  })

  it('notices copies that differ after one history, wherever they are (R1)', () => {
    const stage = new Stage()
    stage.applied(stage.one, 'a', 5)
    stage.packet().applied(stage.two, 'a', 6)
    assert.match(stage.found, /^R1 replica 2:20 has another state than 1:10 had after history a$/)
  })

  it('notices copies that differ in the end, or do not see each other (R1)', () => {
    const stage = new Stage()
    const { one, two } = stage
    stage.replicas.finish([
      { copy: one, current: true, digest: 5, members: 2 },
      { copy: two, current: true, digest: 6, members: 1 },
    ])
    assert.match(
      stage.found,
      /^R1 replica 2:20 sees 1 replicas, there are 2\nR1 .* has another state in the end than 1:10$/,
    )
  })

  it('notices a command applied twice (R2)', () => {
    const stage = new Stage()
    stage.applied(stage.one, 'a', 5, 'h1', { repeated: true })
    assert.match(stage.found, /^R2 replica 1:10 applied a again/)
  })

  it('notices a command applied by too few nodes (R2)', () => {
    const stage = new Stage()
    stage.applied(stage.one, 'a', 5, 'h1', { missingNodes: 1 })
    assert.match(stage.found, /^R2 replica 1:10 applied a although 1 nodes are missing$/)
  })

  it('notices a command that was refused and is applied, in either order (R2)', () => {
    const before = new Stage()
    before.replicas.commandRefused(before.one, 'a')
    before.applied(before.two, 'a', 5)
    assert.match(before.found, /^R2 replica 2:20 applied a, which was refused$/)
    const after = new Stage()
    after.applied(after.two, 'a', 5)
    after.replicas.commandRefused(after.one, 'a')
    assert.match(after.found, /^R2 replica 1:10 a was refused and has been applied$/)
  })
})

describe('the machines of simulated replicas', () => {
  it('keep values, and set them only where they are as expected', () => {
    const store = new KeyValueStore()
    const results = [
      store.apply({ op: 'compareAndSet', key: 'k', expected: null, value: 'one' }),
      store.apply({ op: 'compareAndSet', key: 'k', expected: null, value: 'two' }),
      store.apply({ op: 'put', key: 'k', value: 'three' }),
      store.apply({ op: 'delete', key: 'k' }),
      store.apply({ op: 'delete', key: 'k' }),
    ]
    assert.deepEqual(results, ['set', 'found one', 'put', 'deleted', 'absent'])
  })

  it('queue items, up to a length', () => {
    const queue = new Queue()
    assert.equal(queue.apply({ op: 'pop' }), 'empty')
    for (let i = 0; i < 100; i++) queue.apply({ op: 'push', item: `${i}` })
    assert.equal(queue.apply({ op: 'push', item: 'more' }), 'full')
    assert.equal(queue.apply({ op: 'pop' }), '0')
  })

  for (const name of MACHINE_NAMES) {
    it(`have equal digests exactly when they are equal, also by way of a snapshot: ${name}`, () => {
      const prng = new Prng(3, name)
      const [one, two] = [new AuditedMachine(name), new AuditedMachine(name)]
      for (let n = 0; n < 200; n++) {
        const { bytes } = one.propose(prng, 1 + (n % 3), n)
        const before = one.digest()
        one.apply(bytes)
        assert.notEqual(one.digest(), before, 'the account of commands is part of the state')
        if (n === 100) two.restore(one.snapshot())
        else if (n > 100) two.apply(bytes)
        if (n >= 100) assert.equal(two.digest(), one.digest())
      }
      const again = one.propose(prng, 1, 5)
      assert.equal(one.apply(again.bytes).repeated, true)
      assert.equal(two.apply(one.propose(prng, 1, 300).bytes).repeated, false)
    })
  }
})
