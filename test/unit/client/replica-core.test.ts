import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NoQuorumError, ResultUnknownError } from '../../../src/client/errors.js'
import { FakeCpg } from '../../support/fake-cpg.js'
import { type Outcome, SimReplica, settle } from '../../support/replica-sim.js'

class World {
  readonly cpg = new FakeCpg()
  readonly replicas: SimReplica[] = []
  readonly quorum: number
  readonly chunkBytes: number
  #made = 0

  constructor(quorum = 0, chunkBytes = 1000) {
    this.quorum = quorum
    this.chunkBytes = chunkBytes
  }

  start(ids: readonly number[]): this {
    for (const id of ids) this.cpg.start(id)
    this.cpg.reconfigure([ids])
    return this
  }

  join(nodeId: number): SimReplica {
    const node = this.cpg.nodes.get(nodeId)!
    this.#made++
    const replica = new SimReplica(node, {
      pid: 100 + this.#made,
      incarnation: 7000 + this.#made,
      quorum: this.quorum,
      chunkBytes: this.chunkBytes,
    })
    this.replicas.push(replica)
    return replica
  }

  settle(): void {
    assert.ok(settle(this.cpg, this.replicas), 'the group comes to rest')
  }

  /** Steps until something holds, or fails. */
  until(condition: () => boolean, what: string): void {
    for (let i = 0; i < 10_000; i++) {
      if (condition()) return
      for (const replica of this.replicas) replica.pump()
      for (const node of this.cpg.alive) this.cpg.number(node)
      for (const node of this.cpg.alive) this.cpg.deliver(node)
    }
    assert.fail(what)
  }

  get open(): SimReplica[] {
    return this.replicas.filter(replica => replica.open && replica.node.alive)
  }
}

function assertEqual(replicas: readonly SimReplica[], list: readonly string[]): void {
  for (const replica of replicas) {
    assert.equal(replica.core.state, 'active', `replica on node ${replica.node.id}`)
    assert.deepEqual(replica.list, list, `replica on node ${replica.node.id}`)
  }
}

describe('replicas that are together', () => {
  it('apply every command once, in one order', () => {
    const world = new World().start([1, 2, 3])
    const replicas = [1, 2, 3].map(id => world.join(id))
    for (let i = 0; i < 30; i++) replicas[i % 3]!.submit(`${i % 3}.${i}`)
    world.settle()
    assert.equal(replicas[0]!.list.length, 30)
    assertEqual(replicas, replicas[0]!.list)
    for (const replica of replicas) assert.ok(replica.outcomes.every(outcome => outcome.state === 'applied'))
  })

  it('give a joiner the state as of one point of the order, and every command after it', () => {
    const world = new World(0, 50).start([1, 2])
    const a = world.join(1)
    world.settle()
    for (let i = 0; i < 100; i++) a.submit(`before ${i}`)
    world.settle()
    const b = world.join(2)
    let n = 0
    world.until(() => {
      a.submit(`during ${n++}`)
      return b.current
    }, 'the joiner gets the state')
    world.settle()
    assert.equal(a.list.length, 100 + n)
    assertEqual([a, b], a.list)
    assert.equal(b.discarded.length, 0)
  })

  it('let the next holder give the state when the one who was giving it dies', () => {
    const world = new World(0, 20).start([1, 2, 3])
    const [a, b] = [world.join(1), world.join(2)]
    for (let i = 0; i < 50; i++) a.submit(`c${i}`)
    world.settle()
    const c = world.join(3)
    const chunksBefore = world.cpg.nodes.get(3)!.cursor
    world.until(() => world.cpg.nodes.get(3)!.cursor > chunksBefore + 12, 'the transfer is under way')
    assert.equal(c.current, false)
    world.cpg.crash(world.cpg.nodes.get(1)!)
    world.cpg.reconfigure([[2, 3]], () => 0)
    b.submit('after')
    world.settle()
    assertEqual([b, c], [...Array.from({ length: 50 }, (_, i) => `c${i}`), 'after'])
  })

  it('begin again with what is left when every holder dies before the state was given', () => {
    const world = new World(0, 20).start([1, 2, 3])
    const a = world.join(1)
    for (let i = 0; i < 50; i++) a.submit(`c${i}`)
    world.settle()
    const [b, c] = [world.join(2), world.join(3)]
    world.until(() => b.core.state === 'waiting' && c.core.state === 'waiting', 'it is known whose state holds')
    world.cpg.crash(world.cpg.nodes.get(1)!)
    world.cpg.reconfigure([[2, 3]], () => 0)
    c.submit('x')
    world.settle()
    assertEqual([b, c], ['x'])
  })

  it('hold a command back until this replica has the state', () => {
    const world = new World().start([1, 2])
    const a = world.join(1)
    a.submit('first')
    world.settle()
    const b = world.join(2)
    const outcome = b.submit('second')
    world.settle()
    assert.equal(outcome.state, 'applied')
    assertEqual([a, b], ['first', 'second'])
  })

  it('make what apply throws the result of the command', () => {
    const world = new World().start([1, 2])
    const [a, b] = [world.join(1), world.join(2)]
    for (const replica of [a, b]) {
      const apply = replica.machine.apply.bind(replica.machine)
      replica.machine.apply = command => {
        if (command.length === 3) throw new Error('bad command')
        return apply(command)
      }
    }
    const [bad, good] = [a.submit('bad'), a.submit('good')]
    world.settle()
    assert.equal(bad.error?.message, 'bad command')
    assert.equal(good.state, 'applied')
    assertEqual([a, b], ['good'])
  })

  it('reject what waits when the replica leaves', () => {
    const world = new World().start([1, 2])
    const [a, b] = [world.join(1), world.join(2)]
    world.settle()
    a.leave()
    world.settle()
    const late = a.submit('late')
    assert.equal(a.core.state, 'closed')
    assert.equal(late.state, 'rejected')
    assertEqual([b], [])
  })

  it('are not disturbed by strangers who send to their group', () => {
    const world = new World().start([1])
    const a = world.join(1)
    world.settle()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 8 }), (bytes, type) => {
        const message = Uint8Array.from([0x52, 0x4d, 1, type, ...bytes])
        a.deliver(1, a.pid, bytes, 0, bytes.length)
        a.deliver(9, 9, message, 0, message.length)
      }),
    )
    a.submit('still here')
    world.settle()
    assertEqual([a], ['still here'])
  })
})

describe('a command whose own side, cut off, does not know that it was applied', () => {
  /**
   * Quorum 3. Replicas 1, 2 and 4 hold the state, 3, 5 and 6 have just restored it. The order goes: 4 leaves, 3 is ready,
   * 2's command. To whom knows all this the command has a quorum; node 2, cut off, misses that 3 is ready.
   */
  function cutOff(): { world: World; replicas: SimReplica[]; outcome: Outcome } {
    const world = new World(3).start([1, 2, 3, 4, 5, 6])
    const replicas = [1, 2, 4].map(id => world.join(id))
    world.settle()
    replicas.push(...[3, 5, 6].map(id => world.join(id)))
    const [a, b, d, c, e, f] = replicas as [SimReplica, SimReplica, SimReplica, SimReplica, SimReplica, SimReplica]
    const late = [c, e, f]
    world.until(() => late.every(replica => replica.current && replica.node.queue.length === 0), 'the state is there')
    assert.deepEqual(
      a.core.established.map(m => m.nodeId),
      [1, 2, 4],
      'nobody is known to be ready yet',
    )
    const outcome = b.submit('once')
    for (const replica of replicas) replica.pump()
    d.leave()
    const { cpg } = world
    for (const replica of [d, c, b]) cpg.number(replica.node)
    for (const replica of [a, c]) while (cpg.deliver(replica.node));
    assert.deepEqual([a.list, c.list], [['once'], ['once']])
    for (const replica of [b, e, f]) cpg.deliver(replica.node)
    return { world, replicas, outcome }
  }

  it('is not applied again after the merge', () => {
    const { world, replicas, outcome } = cutOff()
    world.cpg.reconfigure(
      [
        [1, 3, 4],
        [2, 5, 6],
      ],
      () => 0,
    )
    assert.equal(outcome.state, 'pending')
    world.cpg.reconfigure([[1, 2, 3, 4, 5, 6]])
    world.settle()
    assert.ok(outcome.error instanceof ResultUnknownError)
    assertEqual(
      replicas.filter(replica => replica.open),
      ['once'],
    )
  })

  it('is not said to be refused when the quorum is lost', () => {
    const { world, outcome } = cutOff()
    world.cpg.reconfigure([[1, 3, 4], [2], [5, 6]], () => 0)
    assert.ok(outcome.error instanceof ResultUnknownError)
    assert.equal(outcome.error.code, 'CS_ERR_INTERRUPT')
  })
})

describe('when a partition is merged', () => {
  function parted(): { world: World; replicas: SimReplica[] } {
    const world = new World().start([1, 2, 3])
    const replicas = [1, 2, 3].map(id => world.join(id))
    replicas[0]!.submit('common')
    world.settle()
    return { world, replicas }
  }

  it('the state with more holders prevails, and the others report what they lost', () => {
    const { world, replicas } = parted()
    world.cpg.reconfigure([[1], [2, 3]])
    for (const text of ['a1', 'a2', 'a3']) replicas[0]!.submit(text)
    replicas[1]!.submit('b1')
    world.settle()
    assert.deepEqual(replicas[0]!.list, ['common', 'a1', 'a2', 'a3'])
    world.cpg.reconfigure([[1, 2, 3]])
    world.settle()
    assertEqual(replicas, ['common', 'b1'])
    const [lost] = replicas[0]!.discarded
    assert.equal(lost?.count, 3)
    assert.deepEqual(
      lost?.commands.map(c => `${c.nodeId} ${new TextDecoder().decode(c.data)}`),
      ['1 a1', '1 a2', '1 a3'],
    )
    assert.equal(replicas[1]!.discarded.length + replicas[2]!.discarded.length, 0)
  })

  it('the longer history prevails between sides of equal size', () => {
    const world = new World().start([1, 2])
    const [a, b] = [world.join(1), world.join(2)]
    world.settle()
    world.cpg.reconfigure([[1], [2]])
    a.submit('a')
    b.submit('b1')
    b.submit('b2')
    world.settle()
    world.cpg.reconfigure([[1, 2]])
    world.settle()
    assertEqual([a, b], ['b1', 'b2'])
    assert.equal(a.discarded[0]?.count, 1)
  })

  it('the side of the lowest member prevails when nothing else decides', () => {
    const world = new World().start([1, 2])
    const [a, b] = [world.join(1), world.join(2)]
    world.settle()
    world.cpg.reconfigure([[1], [2]])
    a.submit('a')
    b.submit('b')
    world.settle()
    world.cpg.reconfigure([[1, 2]])
    world.settle()
    assertEqual([a, b], ['a'])
  })

  it('nothing is transferred or reported when neither side did anything', () => {
    const { world, replicas } = parted()
    world.cpg.reconfigure([[1, 2], [3]])
    world.settle()
    let restored = 0
    for (const replica of replicas) {
      replica.machine.restore = () => {
        restored++
      }
    }
    world.cpg.reconfigure([[1, 2, 3]])
    world.settle()
    assertEqual(replicas, ['common'])
    assert.equal(restored, 0)
  })

  it('nothing is reported lost by a side that did nothing', () => {
    const { world, replicas } = parted()
    world.cpg.reconfigure([[1, 2], [3]])
    replicas[0]!.submit('more')
    world.settle()
    world.cpg.reconfigure([[1, 2, 3]])
    world.settle()
    assertEqual(replicas, ['common', 'more'])
    assert.equal(replicas[2]!.discarded.length, 0)
  })

  it('a long absence is reported by number', () => {
    const { world, replicas } = parted()
    world.cpg.reconfigure([[1, 2], [3]])
    for (let i = 0; i < 3000; i++) replicas[0]!.submit(`m${i}`)
    for (let i = 0; i < 5; i++) replicas[2]!.submit(`lost${i}`)
    world.settle()
    world.cpg.reconfigure([[1, 2, 3]])
    world.settle()
    assert.equal(replicas[2]!.list.length, 3001)
    assert.equal(replicas[2]!.discarded[0]?.count, 5)
    assert.equal(replicas[2]!.discarded[0]?.commands.length, 5)
  })
})

describe('replicas with a quorum', () => {
  it('do not begin before enough nodes are there', () => {
    const world = new World(2).start([1, 2, 3])
    const a = world.join(1)
    const refused = a.submit('alone')
    world.settle()
    assert.equal(a.core.state, 'waiting')
    assert.ok(refused.error instanceof NoQuorumError)
    assert.equal(refused.error.code, 'CS_ERR_TRY_AGAIN')
    const b = world.join(2)
    world.settle()
    b.submit('together')
    world.settle()
    assertEqual([a, b], ['together'])
  })

  it('are read-only on the side that has none', () => {
    const world = new World(2).start([1, 2, 3])
    const replicas = [1, 2, 3].map(id => world.join(id))
    world.settle()
    world.cpg.reconfigure([[1], [2, 3]])
    const refused = replicas[0]!.submit('minority')
    const accepted = replicas[1]!.submit('majority')
    world.settle()
    assert.equal(replicas[0]!.core.state, 'readonly')
    assert.ok(refused.error instanceof NoQuorumError)
    assert.equal(accepted.state, 'applied')
    world.cpg.reconfigure([[1, 2, 3]])
    world.settle()
    assertEqual(replicas, ['majority'])
    for (const replica of replicas) assert.equal(replica.discarded.length, 0)
  })

  it('keep the newest quorate state although more members hold an old one', () => {
    const world = new World(3).start([1, 2, 3, 4, 5])
    const replicas = [1, 2, 3, 4, 5].map(id => world.join(id))
    replicas[0]!.submit('old')
    world.settle()
    world.cpg.reconfigure([
      [3, 4, 5],
      [1, 2],
    ])
    replicas[4]!.submit('new')
    world.settle()
    world.cpg.reconfigure([
      [1, 2, 5],
      [3, 4],
    ])
    world.settle()
    assertEqual([replicas[0]!, replicas[1]!, replicas[4]!], ['old', 'new'])
  })

  it('know that the newest state is theirs although they got it only later', () => {
    const world = new World(3).start([1, 2, 3, 4, 5])
    const replicas = [1, 2, 3, 4, 5].map(id => world.join(id))
    world.settle()
    const [a, , c, d, e] = replicas as [SimReplica, SimReplica, SimReplica, SimReplica, SimReplica]
    // 4 and 5 miss several changes of the quorum, and get the state when they are back.
    for (const others of [
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]) {
      world.cpg.reconfigure([others, [4, 5]])
      a.submit(`old ${a.list.length}`)
      world.settle()
      for (const id of others) world.cpg.reconfigure([others.filter(other => other !== id), [4, 5, id]])
      world.cpg.reconfigure([others, [4, 5]])
      world.settle()
    }
    world.cpg.reconfigure([[1, 2, 3, 4, 5]])
    world.settle()
    // They go on without 1 and 2, and then meet 1 again, without 3.
    world.cpg.reconfigure([
      [1, 2],
      [3, 4, 5],
    ])
    c.submit('new')
    world.settle()
    world.cpg.reconfigure([[1, 4, 5], [2], [3]])
    world.settle()
    assertEqual([a, d, e], ['old 0', 'old 1', 'old 2', 'new'])
  })

  it('keep the newest quorate state although its lowest holder was not of the quorum', () => {
    const nodes = [1, 2, 3, 4, 5, 6, 7]
    const world = new World(4).start(nodes)
    const replicas = nodes.map(id => world.join(id))
    world.settle()
    // 2 and 6 deliver a last message of 2 that nobody else gets. 1 and 3 have equal states, 3 of a quorum.
    const [one, two, three, six] = [replicas[0]!, replicas[1]!, replicas[2]!, replicas[5]!]
    two.submit('stray')
    two.pump()
    world.cpg.number(two.node)
    world.cpg.reconfigure([[1], [2, 6], [3, 4, 5, 7]], () => 0)
    assert.deepEqual([one.list, six.list], [[], ['stray']])
    world.settle()
    world.cpg.reconfigure([
      [1, 2, 3, 6],
      [4, 5, 7],
    ])
    world.settle()
    assertEqual([one, two, three, six], [])
    assert.equal(six.discarded[0]?.count, 1)
  })

  it('do not count members that have yet to get the state', () => {
    const world = new World(3, 20).start([1, 2, 3, 4, 5])
    const replicas = [1, 2, 3, 4, 5].map(id => world.join(id))
    for (let i = 0; i < 30; i++) replicas[0]!.submit(`common ${i}`)
    world.settle()
    world.cpg.reconfigure([
      [1, 2, 3],
      [4, 5],
    ])
    replicas[0]!.submit('newer')
    world.settle()
    // Of the quorum only 1 is left, and 4 and 5 have to get the state first.
    world.cpg.reconfigure([
      [1, 4, 5],
      [2, 3],
    ])
    const outcome = replicas[0]!.submit('too early')
    world.until(() => replicas[3]!.core.state === 'waiting', 'the transfer begins')
    world.until(() => world.cpg.nodes.get(1)!.component.log.length > 20, 'the transfer goes on')
    assert.equal(outcome.state, 'pending')
    assert.equal(replicas[0]!.core.state, 'readonly')
    assert.equal(replicas[0]!.list.includes('too early'), false)
    world.settle()
    assert.equal(outcome.state, 'applied')
  })

  it('refuse a command that was accepted before the quorum was lost and delivered after', () => {
    const world = new World(2).start([1, 2])
    const [a, b] = [world.join(1), world.join(2)]
    world.settle()
    const outcome = a.submit('in between')
    a.pump()
    world.cpg.reconfigure([[1], [2]])
    world.settle()
    assert.ok(outcome.error instanceof NoQuorumError)
    assert.deepEqual([a.list, b.list], [[], []])
  })
})

// Random histories. An action is a kind and two numbers; what they mean depends on the world it meets.

type Action = readonly [kind: string, x: number, y: number]

const NODES = [1, 2, 3, 4, 5]

function actions(kinds: readonly [weight: number, kind: string][]): fc.Arbitrary<Action[]> {
  const kind = fc.oneof(...kinds.map(([weight, name]) => ({ weight, arbitrary: fc.constant(name) })))
  return fc.array(fc.tuple(kind, fc.nat(1 << 20), fc.nat(1 << 20)), { minLength: 5, maxLength: 120 })
}

const GENTLE: [number, string][] = [
  [12, 'step'],
  [6, 'submit'],
  [2, 'partition'],
  [2, 'heal'],
]
const ROUGH: [number, string][] = [
  ...GENTLE,
  [2, 'join'],
  [1, 'leave'],
  [1, 'kill'],
  [1, 'crash'],
  [1, 'restart'],
  [1, 'busy'],
]

class History extends World {
  readonly clean: boolean
  #submitted = 0
  constructor(quorum: number, chunkBytes: number, clean: boolean) {
    super(quorum, chunkBytes)
    this.clean = clean
  }

  act([kind, x, y]: Action): void {
    const { cpg } = this
    const alive = cpg.alive
    const node = alive[x % alive.length]
    const replica = this.open[x % Math.max(1, this.open.length)]
    switch (kind) {
      case 'step':
        this.#steps(x, y)
        break
      case 'submit':
        replica?.submit(`${replica.node.id}/${replica.pid}/${this.#submitted++}`)
        break
      case 'partition':
      case 'heal':
        this.#reconfigure(kind === 'heal' ? 1 : 2 + (y % 2), x)
        break
      case 'join':
        if (node !== undefined && this.open.length < 7) this.join(node.id)
        break
      case 'leave':
        replica?.leave()
        break
      case 'kill':
        replica?.kill()
        break
      case 'crash':
        if (node !== undefined) {
          cpg.crash(node)
          this.#reconfigure(1 + (y % 2), y)
        }
        break
      case 'restart': {
        const down = NODES.filter(id => !(cpg.nodes.get(id)?.alive ?? false))
        const id = down[x % Math.max(1, down.length)]
        if (id === undefined) break
        cpg.start(id)
        this.join(id)
        this.#reconfigure(1, y)
        break
      }
      case 'busy':
        if (node !== undefined) node.queueLimit = node.queueLimit === 2 ? 1000 : 2
    }
    this.check()
  }

  #steps(x: number, y: number): void {
    let random = x
    for (let i = 0; i < 1 + (y % 30); i++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      const alive = this.cpg.alive
      const node = alive[(random >>> 8) % alive.length]
      if (node === undefined) return
      for (const replica of this.open) if (replica.node === node) replica.pump()
      if ((random >>> 4) % 2 === 0) this.cpg.number(node)
      else this.cpg.deliver(node)
    }
  }

  #reconfigure(parts: number, seed: number): void {
    let random = seed
    const next = (n: number) => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0
      return (random >>> 9) % n
    }
    const rings: number[][] = Array.from({ length: parts }, () => [])
    for (const node of this.cpg.alive) rings[next(parts)]!.push(node.id)
    this.cpg.reconfigure(
      rings.filter(ring => ring.length > 0),
      this.clean ? n => n - 1 : next,
    )
  }

  /** Holds at every moment. */
  check(): void {
    const seen = new Map<string, SimReplica>()
    for (const replica of this.open) {
      assert.equal(replica.failure, undefined)
      const { list } = replica
      assert.equal(new Set(list).size, list.length, 'no command is applied twice')
      const last = new Map<string, number>()
      for (const id of list) {
        const [nodeId, pid, n] = id.split('/')
        const from = `${nodeId}/${pid}`
        assert.ok((last.get(from) ?? -1) < Number(n), 'commands of one replica are applied in the order of submission')
        last.set(from, Number(n))
      }
      if (!replica.current) continue
      const { component, cursor } = replica.node
      const key = `${component.nodes.map(n => n.id).join(',')}@${cursor}`
      const other = seen.get(key)
      if (other !== undefined && other.node.component === component) {
        assert.deepEqual(replica.list, other.list, 'replicas at one point of the order are equal')
      }
      seen.set(key, replica)
    }
  }

  finish(): void {
    const { cpg } = this
    for (const node of cpg.alive) node.queueLimit = 1000
    this.#reconfigure(1, 1)
    this.settle()
    this.check()
    const enough = new Set(this.open.map(replica => replica.node.id)).size >= this.quorum
    for (const replica of this.open) {
      assert.equal(replica.core.pending, 0, 'every submission is settled')
      if (enough) assert.equal(replica.core.state, 'active')
    }
    const { open } = this
    for (const replica of open) assert.deepEqual(replica.list, open[0]!.list, 'all copies are equal')
    for (const outcome of this.replicas.flatMap(replica => replica.outcomes)) {
      if (!(outcome.error instanceof NoQuorumError)) continue
      for (const replica of this.replicas) assert.ok(!replica.list.includes(outcome.id), 'what was refused is nowhere')
    }
  }
}

function run(quorum: number, clean: boolean, list: readonly Action[], chunkBytes: number): History {
  const history = new History(quorum, chunkBytes, clean)
  history.start(NODES)
  for (const id of NODES) history.join(id)
  for (const action of list) history.act(action)
  history.finish()
  return history
}

/** Histories per property; more in a campaign. */
const RUNS = Number(process.env.REPLICA_RUNS ?? 400)

const chunks = fc.constantFrom(10, 100, 100_000)

describe('random histories of replicas', () => {
  it('end in equal copies, whatever joins, leaves, crashes, parts and merges', () => {
    fc.assert(
      fc.property(actions(ROUGH), chunks, (list, chunkBytes) => {
        run(0, false, list, chunkBytes)
      }),
      { numRuns: RUNS },
    )
  })

  it('do so with a quorum, too', () => {
    fc.assert(
      fc.property(actions(ROUGH), chunks, (list, chunkBytes) => {
        run(3, false, list, chunkBytes)
      }),
      { numRuns: RUNS },
    )
  })

  it('lose no answered command without a report, as long as every replica lives', () => {
    fc.assert(
      fc.property(actions(GENTLE), chunks, (list, chunkBytes) => {
        const { open } = run(0, false, list, chunkBytes)
        const final = new Set(open[0]!.list)
        for (const replica of open) {
          const reported = new Set(
            replica.discarded.flatMap(lost => lost.commands.map(c => new TextDecoder().decode(c.data))),
          )
          for (const outcome of replica.outcomes) {
            if (outcome.state === 'applied') assert.ok(final.has(outcome.id) || reported.has(outcome.id), outcome.id)
          }
        }
      }),
      { numRuns: RUNS },
    )
  })

  it('lose no answered command at all with a quorum, when partitions cut between messages', () => {
    fc.assert(
      fc.property(actions(GENTLE), chunks, (list, chunkBytes) => {
        const { open } = run(3, true, list, chunkBytes)
        const final = new Set(open[0]!.list)
        for (const replica of open) {
          assert.equal(replica.discarded.length, 0)
          for (const { id, state } of replica.outcomes) assert.equal(final.has(id), state === 'applied', id)
        }
      }),
      { numRuns: RUNS },
    )
  })
})
