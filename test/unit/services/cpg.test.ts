import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { JOIN_LIST_ENTRIES_MAX } from '../../../src/services/cpg/service.js'
import { CPG_MAX_ATOMIC_LENGTH, CpgPartial } from '../../../src/services/cpg/types.js'
import { CsError } from '../../../src/services/errors.js'
import * as wire from '../../../src/wire/cpg.js'
import { GROUP_SERVICES, GROUP_SYNC } from '../../../src/wire/pg.js'
import * as sync from '../../../src/wire/sync.js'
import { CpgClient } from '../../support/cpg-client.js'
import { FakeCluster, FakeNode, type Ring } from '../../support/fake-ring.js'
import { grouped, packetOf } from '../../support/messages.js'
import { ServiceNode, startNode } from '../../support/service-node.js'

const { OK, TRY_AGAIN, INVALID_PARAM, BUSY, NOT_EXIST, NAME_TOO_LONG, EXIST, INTERRUPT, BAD_HANDLE } = CsError

class World {
  readonly cluster = new FakeCluster()
  readonly nodes: ServiceNode[] = []
  ring: Ring

  constructor(count: number) {
    for (let id = 1; id <= count; id++) this.nodes.push(startNode(this.cluster, id))
    this.ring = this.form(this.nodes.map(node => node.id))
  }

  form(members: readonly number[]): Ring {
    this.ring = this.cluster.form(members)
    this.cluster.run(this.ring)
    return this.ring
  }

  client(node: number, pid: number, group?: string): CpgClient {
    const client = new CpgClient(this.nodes[node - 1]!, pid)
    if (group !== undefined) {
      assert.equal(client.join(group), OK)
      this.rest()
    }
    return client
  }

  rest(): void {
    this.cluster.run(this.ring)
  }

  /** A message of service cpg from a node that is only played. */
  inject(origin: number, message: Uint8Array, little = true): void {
    const bytes = packetOf([grouped(GROUP_SERVICES, message, little)], { little })
    this.cluster.inject(this.ring, { origin, bytes, little })
  }
}

describe('a handle that has left its group', () => {
  it('gets the event of its leave, then nothing more', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    const b = world.client(2, 20, 'g')
    a.look()
    assert.equal(a.leave('g'), OK)
    assert.equal(a.leave('g'), NOT_EXIST)
    world.rest()
    b.mcast('unheard')
    world.rest()
    assert.deepEqual(a.look(), ['g [2:20] -1:10:2'])
    assert.equal(a.mcast('x'), NOT_EXIST)
    assert.deepEqual(a.connection.membership(), [])
  })

  it('can join the same group or another one', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    let joined = 'g'
    for (const group of ['g', 'h', 'g']) {
      assert.equal(a.leave(joined), OK)
      world.rest()
      a.look()
      assert.equal(a.join(group), OK)
      world.rest()
      assert.deepEqual(a.look(), [`${group} [1:10] +1:10:1`])
      joined = group
    }
  })

  it('is busy until the leave has come back', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    a.leave('g')
    assert.equal(a.join('h'), BUSY)
    assert.equal(new CpgClient(a.node, 10).join('g'), TRY_AGAIN, 'the member is still there')
    world.rest()
    assert.equal(a.join('h'), OK)
  })
})

describe('requests in each state', () => {
  it('join', () => {
    const world = new World(1)
    const a = world.client(1, 10)
    assert.equal(a.join('g', 2), INVALID_PARAM)
    assert.equal(a.join('x'.repeat(129)), NAME_TOO_LONG)
    assert.equal(a.join('g'), OK)
    assert.equal(a.join('g'), EXIST)
    assert.equal(a.join('h'), EXIST)
    world.rest()
    assert.equal(a.join('g'), EXIST)
    const b = world.client(1, 10)
    assert.equal(b.join('g'), EXIST, 'the same process is there already')
    assert.equal(b.join('h'), OK, 'but not in this group')
    const other = world.client(1, 11)
    assert.equal(other.join('g'), OK)
  })

  it('leave', () => {
    const world = new World(1)
    const a = world.client(1, 10)
    assert.equal(a.leave('g'), NOT_EXIST)
    a.join('g')
    assert.equal(a.leave('g'), BUSY)
    world.rest()
    assert.equal(a.leave('y'.repeat(129)), NAME_TOO_LONG)
    assert.equal(a.leave('g'), OK)
  })

  it('multicast: from the moment of the join request on', () => {
    const world = new World(1)
    const a = world.client(1, 10)
    assert.equal(a.mcast('no'), NOT_EXIST)
    a.join('g')
    assert.equal(a.mcast('early'), OK)
    world.rest()
    assert.deepEqual(a.look(), ['g [1:10] +1:10:1', '1:10 says early'])
    assert.equal(a.mcast(new Uint8Array(CPG_MAX_ATOMIC_LENGTH + 1)), INVALID_PARAM)
  })

  it('everything is refused by a closed handle', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    a.connection.close()
    a.connection.close()
    assert.equal(a.join('g'), BAD_HANDLE)
    assert.equal(a.leave('g'), BAD_HANDLE)
    assert.equal(a.mcast('x'), NOT_EXIST)
  })

  it('a leave names who leaves, and need not mean the handle', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    const b = world.client(1, 10, 'h')
    assert.equal(a.leave('h'), OK)
    world.rest()
    assert.deepEqual(world.nodes[0]!.cpg.members(Buffer.from('h')), [])
    assert.equal(b.look().at(-1), 'h [] -1:10:2')
    assert.equal(a.mcast('still here'), OK)
    world.rest()
    assert.equal(a.look().at(-1), '1:10 says still here')
  })
})

describe('the end of a process', () => {
  it('before its join has come back leaves nothing behind', () => {
    const world = new World(2)
    const a = world.client(1, 10)
    const b = world.client(2, 20, 'g')
    a.join('g')
    a.connection.close()
    world.rest()
    assert.deepEqual(b.look(), ['g [2:20] +2:20:1', 'g [1:10,2:20] +1:10:1', 'g [2:20] -1:10:5'])
    assert.deepEqual(a.look(), [])
  })

  it('within one of its own events is respected', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    const b = world.client(1, 11, 'g')
    // The newer connection is told first, and takes the older with it.
    b.onLine = () => a.connection.close()
    a.look()
    b.mcast('x')
    world.rest()
    assert.deepEqual(a.look(), [])
    assert.deepEqual(b.look().slice(-2), ['1:11 says x', 'g [1:11] -1:10:5'])
  })
})

describe('names of groups', () => {
  it('may be empty, 128 bytes long, or any bytes', () => {
    const world = new World(2)
    const names = ['', 'n'.repeat(128), 'a\0b', 'a\0c', 'a']
    const clients = names.map((name, index) => {
      const client = new CpgClient(world.nodes[0]!, index)
      assert.equal(client.connection.join(Buffer.from(name, 'latin1'), index, 0), OK)
      world.rest()
      return client
    })
    clients.forEach((client, index) => {
      client.look()
      client.mcast(`to ${index}`)
    })
    world.rest()
    clients.forEach((client, index) => {
      assert.deepEqual(client.look(), [`1:${index} says to ${index}`])
    })
  })
})

describe('the current configuration', () => {
  it('is told a joiner who wants it, once, after the first event', () => {
    const world = new World(2)
    const a = world.client(1, 10)
    a.join('g', 1)
    world.rest()
    world.client(2, 20, 'g')
    const seq = world.ring.identity.seq
    assert.deepEqual(a.look(), ['g [1:10] +1:10:1', `ring 1.${seq} [1,2]`, 'g [1:10,2:20] +2:20:1'])
  })

  it('is told again when the handle joins again', () => {
    const world = new World(1)
    const a = world.client(1, 10)
    a.join('g', 1)
    world.rest()
    a.leave('g')
    world.rest()
    a.look()
    a.join('h', 1)
    world.rest()
    assert.deepEqual(a.look(), ['h [1:10] +1:10:1', `ring 1.${world.ring.identity.seq} [1]`])
  })

  it('is told every handle after a change, joined or not', () => {
    const world = new World(2)
    const a = world.client(1, 10)
    world.form([1, 2])
    assert.deepEqual(a.look(), [`ring 1.${world.ring.identity.seq} [1,2]`])
  })
})

describe('partial messages', () => {
  const part = (client: CpgClient, type: 1 | 2 | 3, data: string, total = 9) =>
    client.connection.mcastPartial(type, total, Buffer.from(data), 0, data.length)

  it('arrive piece by piece', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    const b = world.client(2, 20, 'g')
    b.look()
    assert.equal(part(a, CpgPartial.FIRST, 'one'), OK)
    assert.equal(part(a, CpgPartial.CONTINUED, 'two'), OK)
    assert.equal(part(a, CpgPartial.LAST, 'end'), OK)
    world.rest()
    assert.deepEqual(b.look(), [
      '1:10 says part 1 of 9: one',
      '1:10 says part 2 of 9: two',
      '1:10 says part 3 of 9: end',
    ])
  })

  it('end with an error when the members change in between', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    assert.equal(part(a, CpgPartial.FIRST, 'one'), OK)
    world.client(2, 20, 'g')
    assert.equal(part(a, CpgPartial.CONTINUED, 'two'), INTERRUPT)
    assert.equal(part(a, CpgPartial.FIRST, 'new'), OK)
    assert.equal(part(a, CpgPartial.LAST, 'end'), OK)
  })

  it('cannot be longer than announced, nor than a message may be', () => {
    const world = new World(1)
    const a = world.client(1, 10, 'g')
    assert.equal(part(a, CpgPartial.FIRST, 'too long', 3), INVALID_PARAM)
    const huge = new Uint8Array(CPG_MAX_ATOMIC_LENGTH + 1)
    assert.equal(a.connection.mcastPartial(1, huge.length, huge, 0, huge.length), INVALID_PARAM)
    assert.equal(a.connection.mcastPartial(1, huge.length, huge, 1, huge.length - 1), OK)
    world.rest()
    const unjoined = world.client(1, 11)
    assert.equal(part(unjoined, CpgPartial.FIRST, 'one'), NOT_EXIST)
  })
})

describe('multicasts of nodes without a member in the group', () => {
  it('reach nobody', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    a.look()
    const head = new Uint8Array(wire.CPG_MCAST_HEADER_LENGTH)
    wire.writeCpgMcastHeader(Buffer.from('g'), 20, 0, 2, 0, head, 0, true)
    world.inject(2, head)
    world.inject(2, head)
    assert.deepEqual(a.look(), [])
    assert.equal(world.nodes[0]!.cpg.stats.unknownNode, 2)
    assert.equal(world.nodes[0]!.logged.filter(line => line.includes('Unknown node')).length, 1)
  })
})

describe('messages of the other byte order', () => {
  it('mean the same', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    a.look()
    const proc = new Uint8Array(wire.CPG_PROC_LENGTH)
    const group = Buffer.from('g')
    wire.writeCpgProc(wire.CpgFunction.procJoin, { group, pid: 77, reason: 1 }, proc, 0, false)
    world.inject(2, proc, false)
    const mcast = new Uint8Array(wire.CPG_MCAST_HEADER_LENGTH + 2)
    wire.writeCpgMcastHeader(group, 77, 2, 2, 0, mcast, 0, false)
    mcast.set(Buffer.from('hi'), wire.CPG_MCAST_HEADER_LENGTH)
    world.inject(2, mcast, false)
    const part = new Uint8Array(wire.CPG_PARTIAL_HEADER_LENGTH + 2)
    wire.writeCpgPartialMcastHeader(group, 77, 1, 2000, 2, 2, 0, part, 0, false)
    part.set(Buffer.from('ho'), wire.CPG_PARTIAL_HEADER_LENGTH)
    world.inject(2, part, false)
    wire.writeCpgProc(wire.CpgFunction.procLeave, { group, pid: 77, reason: 2 }, proc, 0, false)
    world.inject(2, proc, false)
    assert.deepEqual(a.look(), [
      'g [1:10,2:77] +2:77:1',
      '2:77 says hi',
      '2:77 says part 1 of 2000: ho',
      'g [1:10] -2:77:2',
    ])
  })
})

describe('malformed messages', () => {
  it('of every length and with every byte wrong throw nothing and leave the service working', () => {
    const proc = new Uint8Array(wire.CPG_PROC_LENGTH)
    wire.writeCpgProc(0, { group: Buffer.from('g'), pid: 1, reason: 1 }, proc, 0, true)
    const mcast = new Uint8Array(wire.CPG_MCAST_HEADER_LENGTH + 4)
    wire.writeCpgMcastHeader(Buffer.from('g'), 1, 4, 2, 0, mcast, 0, true)
    const part = new Uint8Array(wire.CPG_PARTIAL_HEADER_LENGTH + 4)
    wire.writeCpgPartialMcastHeader(Buffer.from('g'), 1, 1, 9, 4, 2, 0, part, 0, true)
    const list = new Uint8Array(wire.cpgJoinListLength(1))
    wire.writeCpgJoinList([{ group: Buffer.from('g'), pid: 1 }], list, 0, true)
    const down = new Uint8Array(wire.CPG_DOWN_LIST_LENGTH)
    wire.writeCpgDownList({ oldMembers: 3, left: [3] }, down, 0, true)
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    for (const good of [proc, mcast, part, list, down]) {
      for (let length = 0; length < good.length; length += length < 220 ? 1 : 97) {
        world.inject(2, good.slice(0, length))
      }
      for (let at = 0; at < Math.min(good.length, 210); at++) {
        const bad = good.slice()
        bad[at]! ^= 0xff
        world.inject(2, bad)
      }
    }
    world.form([1])
    a.look()
    a.mcast('still here')
    world.rest()
    assert.deepEqual(a.look(), ['1:10 says still here'])
    assert.deepEqual(
      a.connection.membership().map(({ nodeId, pid }) => [nodeId, pid]),
      [[1, 10]],
    )
  })
})

describe('join lists', () => {
  it('of a node with very many members come in several messages', () => {
    const world = new World(2)
    const count = JOIN_LIST_ENTRIES_MAX + 50
    world.form([1])
    const proc = new Uint8Array(wire.CPG_PROC_LENGTH)
    for (let pid = 1; pid <= count; pid++) {
      wire.writeCpgProc(wire.CpgFunction.procJoin, { group: Buffer.from('g'), pid, reason: 1 }, proc, 0, true)
      world.inject(1, proc)
    }
    const two = world.nodes[1]!
    const b = new CpgClient(two, 5)
    world.form([1, 2])
    assert.equal(two.cpg.members(Buffer.from('g')).length, count)
    assert.ok(two.executive.table.counters.find(entry => entry.service.id === 2)!.received[2]! >= 2)
    assert.deepEqual(b.look(), [`ring 1.${world.ring.identity.seq} [1,2]`])
  })

  it('outside a synchronisation are ignored', () => {
    const world = new World(2)
    const list = new Uint8Array(wire.cpgJoinListLength(1))
    wire.writeCpgJoinList([{ group: Buffer.from('g'), pid: 66 }], list, 0, true)
    world.inject(2, list)
    world.form([1, 2])
    assert.deepEqual(world.nodes[0]!.cpg.members(Buffer.from('g')), [])
  })

  it('that do not name a member any more end its membership', () => {
    const world = new World(2)
    const a = world.client(1, 10, 'g')
    const proc = new Uint8Array(wire.CPG_PROC_LENGTH)
    wire.writeCpgProc(wire.CpgFunction.procJoin, { group: Buffer.from('g'), pid: 66, reason: 1 }, proc, 0, true)
    world.inject(2, proc)
    // Node 2 took it for its own member too, and has to be another that does not know it.
    world.nodes[1] = new ServiceNode(2)
    const ring = world.cluster.node(2).ring
    world.cluster.add(world.nodes[1]!)
    world.cluster.node(2).ring = ring
    world.cluster.node(2).delivered = ring!.packets.length
    a.look()
    world.form([1, 2])
    assert.deepEqual(a.look(), ['g [1:10] -2:66:5', `ring 1.${world.ring.identity.seq} [1,2]`])
  })
})

describe('a peer that sends no more than it must', () => {
  it('is enough to finish the synchronisation', () => {
    // Service 5 is one that we do not have; the peer sends barriers for it like for the others.
    const cluster = new FakeCluster()
    const node = startNode(cluster, 1)
    cluster.add(new FakeNode(2)).upper = {
      tokenReceived() {},
      tokenSent() {},
      deliver() {},
      flushPacking() {},
      useTransitionalContexts() {},
      configurationChanged() {},
    }
    const ring = cluster.form([1, 2])
    const peer = new Peer(cluster, ring)
    peer.build([0, 2, 3, 5])
    for (let i = 0; i < 4; i++) {
      cluster.run(ring)
      assert.equal(node.executive.sync.running, true)
      peer.barrier()
    }
    assert.equal(node.executive.sync.running, false)
  })
})

/** Messages of group sync from node 2. */
class Peer {
  readonly #cluster: FakeCluster
  readonly #ring: Ring

  constructor(cluster: FakeCluster, ring: Ring) {
    this.#cluster = cluster
    this.#ring = ring
  }

  build(services: readonly number[]): void {
    const bytes = new Uint8Array(sync.SERVICE_BUILD_LENGTH)
    sync.writeServiceBuild({ ring: this.#ringId(), services: [...services] }, bytes, 0, true)
    this.#send(bytes)
  }

  barrier(): void {
    const bytes = new Uint8Array(sync.BARRIER_LENGTH)
    sync.writeBarrier({ ring: this.#ringId() }, bytes, 0, true)
    this.#send(bytes)
  }

  #ringId() {
    const { nodeId, seq } = this.#ring.identity
    return { rep: nodeId, seq }
  }

  #send(message: Uint8Array): void {
    const bytes = packetOf([grouped(GROUP_SYNC, message)])
    this.#cluster.inject(this.#ring, { origin: 2, bytes, little: true })
  }
}
