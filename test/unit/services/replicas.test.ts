// Whole nodes on the fake ring, driven at random: what members of groups see must be the same everywhere.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CpgIteration } from '../../../src/services/cpg/iteration.js'
import type { CpgAddress, CpgConnection, CpgListener, CpgMembershipChange } from '../../../src/services/cpg/types.js'
import { CsError } from '../../../src/services/errors.js'
import { packetContinuation, packetFragmented } from '../../../src/wire/pg.js'
import { FakeCluster, type Packet } from '../../support/fake-ring.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'

const NODES = [1, 2, 3]

interface Entry {
  readonly ring: string
  /** Place on it: grows with the total order. */
  readonly place: number
  /** Null for what a synchronisation reports: that is different on the sides of a merge. */
  readonly text: string | null
  /** A message whose beginning was sent on an earlier ring: only who was on that ring can complete it (spec: totem 6.4). */
  readonly begunEarlier: boolean
}

/** Whether the message that ends in this packet began on the same ring as it ends. */
function beginsHere(packets: readonly Packet[], last: number): boolean {
  const { origin } = packets[last]!
  let continuation = packetContinuation(packets[last]!.bytes, 0)
  for (let i = last - 1; continuation !== 0; i--) {
    const packet = packets[i]
    if (packet === undefined) return false
    if (packet.origin !== origin) continue
    if (packetFragmented(packet.bytes, 0) !== continuation) return false
    continuation = packetContinuation(packet.bytes, 0)
  }
  return true
}

/** A client that notes what it is told, with the place in the total order, and keeps the books of its group. */
class Witness implements CpgListener {
  readonly node: ServiceNode
  readonly pid: number
  readonly group: string
  readonly connection: CpgConnection
  readonly entries: Entry[] = []
  members: string[] = []
  wantsToJoin = true
  joined = false

  constructor(node: ServiceNode, pid: number, group: string) {
    this.node = node
    this.pid = pid
    this.group = group
    this.connection = node.cpg.connect(this)
    this.tryAgain()
  }

  tryAgain(): void {
    if (this.wantsToJoin && this.connection.join(Buffer.from(this.group), this.pid, 0) === CsError.OK) {
      this.wantsToJoin = false
    }
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    assert.ok(this.joined, 'a message outside the membership')
    assert.ok(
      this.members.some(member => member.startsWith(`${nodeId}:`)),
      'a message from a node without a member',
    )
    assert.equal(this.node.executive.sync.running, false, 'a message before the end of the synchronisation')
    const words = Buffer.from(buf.subarray(off, off + len))
      .toString()
      .split(' ')
    // Places count from 1.
    const begunEarlier = !beginsHere(this.node.ring!.packets, this.node.place.packet - 1)
    this.#note(`${nodeId}:${pid} ${words[0]} of ${words[1]}, ${len} bytes`, begunEarlier)
  }

  deliverPartial(): void {
    assert.fail('nobody sends parts')
  }

  membershipChanged({ members, left, joined }: CpgMembershipChange): void {
    const names = (list: readonly CpgAddress[]) => list.map(({ nodeId, pid }) => `${nodeId}:${pid}`)
    const self = `${this.node.id}:${this.pid}`
    if (names(joined).includes(self) && !this.joined) {
      this.joined = true
      // The first event is the first that it can check against.
      this.members = names(members).filter(name => name !== self)
    }
    const expected = this.members.filter(name => !names(left).includes(name)).concat(names(joined))
    assert.ok(
      names(joined).every(name => !this.members.includes(name)),
      'joined twice',
    )
    assert.ok(
      names(left).every(name => this.members.includes(name)),
      'left without having been there',
    )
    assert.deepEqual(names(members).toSorted(), expected.toSorted(), 'members = old + joined - left')
    this.members = names(members)
    if (names(left).includes(self)) this.joined = false
    const bySync = [...left, ...joined].some(({ reason }) => reason === 3 || reason === 4)
    this.#note(bySync ? null : `members [${names(members)}] left [${names(left)}] joined [${names(joined)}]`)
  }

  ringChanged(): void {}

  #note(text: string | null, begunEarlier = false): void {
    const { ring, packet, message } = this.node.place
    this.entries.push({ ring, place: packet * 1000 + message, text, begunEarlier })
  }
}

type Action =
  | { readonly do: 'join'; readonly node: number; readonly group: string }
  | { readonly do: 'leave' | 'close' | 'send'; readonly which: number; readonly size: number }
  | { readonly do: 'visits'; readonly count: number }
  | { readonly do: 'split'; readonly alone: number }
  | { readonly do: 'merge' | 'rest' }

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      node: fc.constantFrom(...NODES),
      group: fc.constantFrom('g', 'h'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('send' as const, 'send' as const, 'send' as const, 'leave' as const, 'close' as const),
      which: fc.nat(20),
      size: fc.oneof(fc.constant(0), fc.integer({ min: 1000, max: 9000 })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('visits' as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('split' as const), alone: fc.constantFrom(...NODES) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('merge' as const, 'rest' as const) }) },
)

class Run {
  readonly cluster = new FakeCluster()
  readonly nodes: ServiceNode[]
  readonly witnesses: Witness[] = []
  #sent = 0

  constructor(bigEndian: readonly number[]) {
    this.cluster.messagesPerVisit = 3
    this.nodes = NODES.map(id => startNode(this.cluster, id, { littleEndian: !bigEndian.includes(id) }))
    this.cluster.run(this.cluster.form(NODES))
  }

  perform(step: Action): void {
    const witness = 'which' in step ? this.witnesses[step.which % Math.max(1, this.witnesses.length)] : undefined
    switch (step.do) {
      case 'join':
        this.witnesses.push(new Witness(this.nodes[step.node - 1]!, 100 + this.witnesses.length, step.group))
        break
      case 'leave':
        witness?.connection.leave(Buffer.from(witness.group), witness.pid)
        break
      case 'close':
        witness?.connection.close()
        break
      case 'send': {
        const bytes = Buffer.from(`${++this.#sent} ${witness?.pid} ${'.'.repeat(step.size)}`)
        witness?.connection.mcast(bytes, 0, bytes.length)
        break
      }
      case 'visits':
        this.#visits(step.count)
        break
      case 'split':
        this.cluster.form([step.alone])
        this.cluster.form(NODES.filter(id => id !== step.alone))
        break
      case 'merge':
        this.cluster.form(NODES)
        break
      case 'rest':
        for (const ring of new Set(this.nodes.map(node => node.ring!))) this.cluster.run(ring)
        break
    }
    for (const each of this.witnesses) each.tryAgain()
  }

  finish(): void {
    this.perform({ do: 'merge' })
    this.perform({ do: 'rest' })
    this.perform({ do: 'rest' })
  }

  #visits(count: number): void {
    for (const ring of new Set(this.nodes.map(node => node.ring!))) {
      for (let i = 0; i < count; i++) this.cluster.visit(ring.members[i % ring.members.length]!)
    }
  }
}

function checkReplicas({ nodes }: Run): void {
  const list = (node: ServiceNode) =>
    node.cpg.iterate(CpgIteration.ALL).map(({ group, nodeId, pid }) => `${Buffer.from(group)} ${nodeId}:${pid}`)
  for (const node of nodes) {
    assert.equal(node.executive.sync.running, false)
    assert.deepEqual(list(node), list(nodes[0]!))
    assert.equal(node.executive.groups.stats.malformedPackets, 0)
    assert.equal(node.executive.table.stats.malformed, 0)
  }
}

/**
 * At each place of the total order all clients of a group are told the same, and between its first and its last word
 * nobody is left out, but for messages that were begun on an earlier ring.
 */
function checkOrder({ witnesses }: Run): void {
  for (const group of ['g', 'h']) {
    const members = witnesses.filter(witness => witness.group === group)
    const rings = new Set(members.flatMap(witness => witness.entries.map(entry => entry.ring)))
    for (const ring of rings) {
      const told = new Map<number, string>()
      const lists = members.map(witness =>
        witness.entries.filter(entry => entry.ring === ring && entry.text !== null && !entry.begunEarlier),
      )
      for (const { place, text } of lists.flat()) {
        assert.equal(text, told.get(place) ?? text, `at ${place} of ${ring}`)
        told.set(place, text!)
      }
      for (const list of lists) {
        const places = list.map(entry => entry.place)
        const [first, last] = [places[0] ?? 0, places.at(-1) ?? 0]
        const expected = [...told.keys()].filter(place => place >= first && place <= last && places.length > 0)
        assert.deepEqual(
          places,
          expected.toSorted((a, b) => a - b),
        )
      }
    }
  }
}

const STRADDLING: [number[], Action[]] = [
  [],
  [
    { do: 'join', node: 3, group: 'h' },
    { do: 'send', which: 3, size: 3831 },
    { do: 'join', node: 2, group: 'h' },
    { do: 'visits', count: 3 },
    { do: 'send', which: 0, size: 3831 },
    { do: 'visits', count: 3 },
    { do: 'send', which: 0, size: 3831 },
    { do: 'split', alone: 3 },
    { do: 'send', which: 0, size: 1000 },
  ],
]

describe('nodes driven at random through joins, messages, splits and merges', () => {
  it('have equal members, and tell them the same in the same order', () => {
    const bigEndian = fc.constantFrom<number[]>([], [], [2], [1, 3])
    fc.assert(
      fc.property(bigEndian, fc.array(action, { minLength: 10, maxLength: 60 }), (big, actions) => {
        const run = new Run(big)
        for (const step of actions) run.perform(step)
        run.finish()
        checkReplicas(run)
        checkOrder(run)
      }),
      {
        numRuns: 150,
        includeErrorInReport: true,
        // A message of several packets, begun before a split and finished after the merge.
        examples: [STRADDLING],
      },
    )
  })
})
