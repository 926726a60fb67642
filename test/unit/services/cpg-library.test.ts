// What programs send to and get from the closed-process-group service, as bytes (spec: services 2.2, 2.3).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ITERATIONS_MAX } from '../../../src/services/cpg/library.js'
import { CsError } from '../../../src/services/errors.js'
import { readDelivery, readMembershipEvent, readRingEvent } from '../../../src/wire/cpg-ipc.js'
import { FakeCluster } from '../../support/fake-ring.js'
import { errorOf, hex, LibraryClient } from '../../support/library-client.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'

class World {
  readonly cluster = new FakeCluster()
  readonly nodes: readonly ServiceNode[]
  readonly ring

  constructor(count: number) {
    const ids = Array.from({ length: count }, (_, i) => i + 1)
    this.nodes = ids.map(id => startNode(this.cluster, id))
    this.ring = this.cluster.form(ids)
    this.rest()
  }

  rest(): void {
    this.cluster.run(this.ring)
  }

  program(node: number, pid: number): LibraryClient {
    const { executive, cpg } = this.nodes[node - 1]!
    return new LibraryClient(cpg.library, { pid, port: executive.port })
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function setName(bytes: Uint8Array, name: string): void {
  new DataView(bytes.buffer).setUint32(16, name.length, true)
  bytes.set(new TextEncoder().encode(name), 24)
}

function join(client: LibraryClient, name: string, flags = 0): number {
  const answer = client.request(0, 168, (view, bytes) => {
    setName(bytes, name)
    view.setUint32(152, client.pid, true)
    view.setUint32(160, flags, true)
  })
  assert.equal(answer?.byteLength, 24)
  return errorOf(answer)
}

function mcast(client: LibraryClient, data: string): void {
  const answer = client.request(2, 40 + data.length, (view, bytes) => {
    view.setUint32(24, 2, true)
    view.setUint32(32, data.length, true)
    bytes.set(new TextEncoder().encode(data), 40)
  })
  assert.equal(answer, undefined, 'a multicast is never answered')
}

describe('a program that joins a group', () => {
  it('is answered, then told the membership, then the ring if it wants that', () => {
    const world = new World(3)
    const others = [world.program(1, 0xd8), world.program(2, 0xe1)]
    for (const other of others) join(other, 'g')
    world.rest()
    const program = world.program(1, 0x67f7)
    assert.equal(join(program, 'g', 1), CsError.OK)
    assert.deepEqual(program.events, [])
    world.rest()
    const [change, ring] = program.look()
    // The recorded event of a C daemon (spec: services 2.3), with other process ids.
    const recorded = hex(`
      04 00 00 00 .. .. .. .. 18 01 00 00 .. .. .. .. 01 00 00 00 .. .. .. .. 01 00 00 00 00 00 00 00 67`)
    assert.deepEqual(change?.subarray(0, recorded.length), recorded)
    assert.equal(change?.length, 184 + 4 * 24)
    const seen = readMembershipEvent(change, 0, change.length)
    assert.deepEqual(seen?.members, [
      { nodeId: 1, pid: 0xd8, reason: 0 },
      { nodeId: 1, pid: 0x67f7, reason: 0 },
      { nodeId: 2, pid: 0xe1, reason: 0 },
    ])
    assert.deepEqual(seen?.joined, [{ nodeId: 1, pid: 0x67f7, reason: 1 }])
    assert.deepEqual(seen?.left, [])
    assert.equal(ring?.length, 48 + 3 * 4, 'four bytes more than the list needs')
    assert.deepEqual(readRingEvent(ring, 0, ring.length)?.members, [1, 2, 3])
  })

  it('is told why it cannot', () => {
    const world = new World(1)
    const program = world.program(1, 5)
    const tooLong = program.request(0, 168, view => view.setUint32(16, 129, true))
    assert.equal(errorOf(tooLong), CsError.NAME_TOO_LONG)
    assert.equal(join(program, 'g', 2), CsError.INVALID_PARAM)
    assert.equal(join(program, 'g'), CsError.OK)
    assert.equal(join(program, 'g'), CsError.EXIST)
    assert.equal(join(world.program(1, 5), 'g'), CsError.EXIST)
  })
})

describe('a multicast of a program', () => {
  it('reaches all members as the bytes that were sent', () => {
    const world = new World(2)
    const [a, b] = [world.program(1, 10), world.program(2, 20)]
    for (const program of [a, b]) {
      join(program, 'g')
      world.rest()
    }
    for (const program of [a, b]) program.look()
    mcast(a, 'hi')
    world.rest()
    for (const program of [a, b]) {
      const [event] = program.look()
      assert.equal(event?.length, 186)
      const into = { nodeId: 0, pid: 0, dataOff: 0, dataLength: 0, type: 0, total: 0 }
      assert.ok(readDelivery(event, 0, event.length, false, into))
      assert.deepEqual(into, { nodeId: 1, pid: 10, dataOff: 184, dataLength: 2, type: 0, total: 2 })
      assert.equal(text(event.subarray(184)), 'hi')
    }
  })

  it('ends the connection when it claims to be longer than its request', () => {
    const world = new World(1)
    const program = world.program(1, 10)
    program.request(2, 42, view => view.setUint32(32, 3, true))
    assert.equal(program.dropped, 'sent a multicast that is longer than its request')
  })

  it('waits in the ring of the program while the ring of the cluster is full, and none is lost', () => {
    const world = new World(1)
    const program = world.program(1, 10)
    join(program, 'g')
    world.rest()
    program.look()
    const bytes = new Uint8Array(40 + 60_000)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, 2, true)
    view.setInt32(8, bytes.length, true)
    view.setUint32(32, 60_000, true)
    let taken = 0
    while (program.send(bytes) === 'handled') assert.ok(++taken < 1000, 'the queue has a bound')
    const node = world.nodes[0]!
    const before = node.readyCalls
    world.rest()
    assert.ok(node.readyCalls > before, 'somebody is told when to offer it again')
    assert.equal(program.send(bytes), 'handled')
    world.rest()
    assert.equal(program.look().length, taken + 1)
  })
})

describe('requests that a service does not have', () => {
  it('are refused with number 0', () => {
    const program = new World(1).program(1, 10)
    for (const id of [13, 99, -1]) {
      const answer = program.request(id, 16)
      assert.equal(answer?.byteLength, 24)
      assert.equal(answer?.getInt32(0, true), 0)
      assert.equal(errorOf(answer), CsError.INVALID_PARAM)
    }
    assert.equal(errorOf(program.request(0, 100)), CsError.INVALID_PARAM, 'too short for a join')
  })

  it('zero copy is not supported', () => {
    const program = new World(1).program(1, 10)
    for (const id of [9, 10, 11]) {
      const answer = program.request(id, 152)
      assert.equal(answer?.getInt32(0, true), 14)
      assert.equal(errorOf(answer), CsError.NOT_SUPPORTED)
    }
  })
})

describe('questions of programs', () => {
  it('about members, of any group', () => {
    const world = new World(1)
    join(world.program(1, 10), 'g')
    world.rest()
    const ask = (name: string) => world.program(1, 11).request(3, 152, (_, bytes) => setName(bytes, name))
    const known = ask('g')
    assert.equal(known?.byteLength, 9248)
    assert.equal(known?.getUint32(24, true), 1)
    assert.equal(known?.getUint32(40, true), 10)
    assert.equal(ask('h')?.getUint32(24, true), 0)
  })

  it('about this node', () => {
    const answer = new World(1).program(1, 10).request(4, 16)
    assert.equal(answer?.getInt32(0, true), 7)
    assert.equal(answer?.byteLength, 32)
    assert.equal(answer?.getUint32(24, true), 1)
  })

  it('by iteration, until there is no more', () => {
    const world = new World(1)
    const program = world.program(1, 10)
    join(program, 'g')
    world.rest()
    const opened = program.request(5, 160, view => view.setUint32(152, 3, true))
    assert.equal(opened?.byteLength, 32)
    const handle = opened?.getUint32(24, true) ?? 0
    const next = () => program.request(6, 24, view => view.setUint32(16, handle, true))
    const entry = next()
    assert.equal(entry?.byteLength, 168)
    assert.equal(entry?.getUint32(160, true), 1)
    assert.equal(entry?.getUint32(164, true), 10)
    const end = next()
    assert.equal(errorOf(end), CsError.NO_SECTIONS)
    assert.equal(end?.byteLength, 168)
    const close = () => errorOf(program.request(7, 24, view => view.setUint32(16, handle, true)))
    assert.equal(close(), CsError.OK)
    assert.equal(close(), CsError.LIBRARY)
    assert.equal(errorOf(next()), CsError.LIBRARY)
    assert.equal(errorOf(program.request(5, 160, view => view.setUint32(152, 4, true))), CsError.INVALID_PARAM)
  })

  it('by iteration over all, whatever stands where a group would', () => {
    const program = new World(1).program(1, 10)
    const open = (type: number) =>
      program.request(5, 160, view => {
        // The length of the name, as the library leaves it.
        view.setUint32(16, 0xdeadbeef, true)
        view.setUint32(152, type, true)
      })
    assert.equal(errorOf(open(1)), CsError.OK)
    assert.equal(errorOf(open(2)), CsError.NAME_TOO_LONG)
    assert.equal(errorOf(open(3)), CsError.OK)
  })

  it('by so many iterations and not more; those of a program that has gone are closed', () => {
    const world = new World(1)
    const program = world.program(1, 10)
    const open = (of: LibraryClient) => of.request(5, 160, view => view.setUint32(152, 1, true))
    for (let i = 0; i < ITERATIONS_MAX; i++) assert.equal(errorOf(open(program)), CsError.OK)
    assert.equal(errorOf(open(program)), CsError.NO_RESOURCES)
    const other = world.program(1, 11)
    const handle = open(other)?.getUint32(24, true) ?? 0
    other.disconnect()
    const next = program.request(6, 24, view => view.setUint32(16, handle, true))
    assert.equal(errorOf(next), CsError.LIBRARY)
  })
})

describe('a program that goes', () => {
  it('is reported down, whether it says so or just disappears', () => {
    const world = new World(2)
    const [polite, rude, witness] = [world.program(1, 10), world.program(1, 11), world.program(2, 20)]
    for (const program of [polite, rude, witness]) {
      join(program, 'g')
      world.rest()
    }
    witness.look()
    polite.look()
    assert.equal(errorOf(polite.request(8, 16)), CsError.OK)
    world.rest()
    polite.disconnect()
    rude.disconnect()
    world.rest()
    const left = witness.look().map(event => readMembershipEvent(event, 0, event.length)?.left)
    assert.deepEqual(left, [[{ nodeId: 1, pid: 10, reason: 5 }], [{ nodeId: 1, pid: 11, reason: 5 }]])
    assert.deepEqual(polite.look(), [], 'nothing after its end')
  })
})
