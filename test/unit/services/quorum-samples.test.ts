// What programs send to the services quorum and votequorum and what they get: a recording of C programs and a C daemon, played
// to ours. Also what the recording does not have.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CsError } from '../../../src/services/errors.js'
import type { LibraryInterface } from '../../../src/services/library.js'
import { FakeCluster } from '../../support/fake-ring.js'
import { HEADER_RANGES, meaning, type Ranges, readIpcSamples } from '../../support/ipc-samples.js'
import { errorOf, LibraryClient } from '../../support/library-client.js'
import { type ServiceNode, startNode } from '../../support/service-node.js'
import { votequorumMap } from '../../support/votequorum-map.js'

const FILE = 'ipc-quorum-samples.txt'
/** Header of a message with an answer's result other than OK: what else is in it means nothing. */
const FAILED: Ranges = HEADER_RANGES

class World {
  readonly cluster = new FakeCluster()
  readonly nodes: readonly ServiceNode[]
  ring

  constructor(provider = true) {
    this.nodes = [1, 2, 3].map(id =>
      startNode(
        this.cluster,
        id,
        provider ? { map: votequorumMap(id, { nodes: [1, 2, 3], quorum: { 'device.model': 'net' } }) } : {},
      ),
    )
    this.ring = this.cluster.form([1, 2, 3])
    this.rest()
  }

  rest(): void {
    this.cluster.run(this.ring)
  }

  form(members: readonly number[]): void {
    this.ring = this.cluster.form(members)
    this.rest()
  }

  /** A program on node 1. */
  program(service: 'quorum' | 'votequorum', node = 1): LibraryClient {
    const { quorum, votequorum } = this.nodes[node - 1]!
    const library: LibraryInterface | undefined = service === 'quorum' ? quorum.library : votequorum?.library
    assert.ok(library !== undefined)
    return new LibraryClient(library)
  }
}

function count(bytes: Uint8Array, off: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(off, true)
}

function quorumRanges(bytes: Uint8Array): Ranges {
  switch (count(bytes, 0)) {
    case 1:
    case 2:
      return HEADER_RANGES
    case 3:
      return [...HEADER_RANGES, [24, 28], [32, 44 + 4 * count(bytes, 40)]]
    case 6:
      return [...HEADER_RANGES, [24, 28], [32, 36], [40, 52 + 4 * count(bytes, 48)]]
    case 7: {
      const ids = count(bytes, 40) + count(bytes, 48) + count(bytes, 56)
      return [...HEADER_RANGES, [24, 28], [32, 44], [48, 52], [56, 60 + 4 * ids]]
    }
    default:
      return [...HEADER_RANGES, [24, 28]]
  }
}

function votequorumRanges(bytes: Uint8Array): Ranges {
  switch (count(bytes, 0)) {
    case 0:
      return HEADER_RANGES
    case 1:
      return [...HEADER_RANGES, [24, 60 + 255]]
    case 3:
      return [...HEADER_RANGES, [24, 28], [32, 44], [48, bytes.length]]
    case 4:
      return [...HEADER_RANGES, [24, 36]]
    case 5:
      return [...HEADER_RANGES, [24, 36], [40, 52], [56, bytes.length]]
    default:
      throw new Error('no such message')
  }
}

/** Plays the program's part; the recording's other half has to come out. */
function play(service: 'quorum' | 'votequorum', section: string, node = 1): number {
  const world = new World()
  const client = world.program(service, node)
  const ranges = service === 'quorum' ? quorumRanges : votequorumRanges
  const rangesOf = (bytes: Uint8Array) => (count(bytes, 16) === CsError.OK ? ranges(bytes) : FAILED)
  const show = (bytes: Uint8Array) => `${bytes.length} bytes\n${meaning(bytes, rangesOf(bytes))}`
  // Answers and events came by two ways, so that their order among each other was not recorded.
  const isEvent = (id: number, bytes: Uint8Array) =>
    service === 'quorum' ? id === 3 || id >= 6 : id >= 3 || bytes.length === 40
  const samples = readIpcSamples(FILE, section)
  for (const { fromProgram, bytes } of samples) {
    if (!fromProgram) continue
    client.send(bytes)
    world.rest()
  }
  const theirs = samples.filter(({ fromProgram }) => !fromProgram)
  const answers = theirs.filter(({ id, bytes }) => !isEvent(id, bytes)).map(({ bytes }) => show(bytes))
  const events = theirs.filter(({ id, bytes }) => isEvent(id, bytes)).map(({ bytes }) => show(bytes))
  assert.deepEqual(client.answers.map(show), answers)
  assert.deepEqual(client.events.map(show), events)
  return theirs.length
}

describe('recorded programs', () => {
  it('of quorum, model 0', () => assert.equal(play('quorum', 'quorum model 0'), 8))
  it('of quorum, model 1', () => assert.equal(play('quorum', 'quorum model 1'), 4))
  it('of votequorum', () => assert.ok(play('votequorum', 'votequorum: getinfo') > 15))
  it('of votequorum, with a quorum device', () => assert.ok(play('votequorum', 'votequorum qdevice') > 12))
})

describe('a program of quorum', () => {
  const value = (request: number, number: number) => {
    const bytes = new Uint8Array(24)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, request, true)
    view.setInt32(8, bytes.length, true)
    view.setUint32(16, number, true)
    return bytes
  }
  const error = (client: LibraryClient) => errorOf(new DataView(client.answers.at(-1)!.buffer))

  it('without a provider is always quorate, on no ring and with nobody; nodes come and go all the same', () => {
    const world = new World(false)
    const client = world.program('quorum')
    client.send(value(4, 1))
    assert.equal(new DataView(client.answers.at(-1)!.buffer).getUint32(24, true), 0)
    client.send(value(1, 2))
    const [nodes, quorum] = client.look().map(event => new DataView(event.buffer))
    assert.deepEqual([nodes?.getInt32(0, true), nodes?.getUint32(40, true)], [7, 3])
    assert.deepEqual([quorum?.getInt32(0, true), quorum?.getUint32(24, true)], [6, 1])
    assert.deepEqual([quorum?.getUint32(32, true), quorum?.getUint32(48, true)], [0, 0])
    world.form([1, 2])
    const events = client.look().map(event => new DataView(event.buffer))
    assert.deepEqual(
      events.map(event => event.getInt32(0, true)),
      [7],
    )
    assert.equal(events[0]?.getUint32(56, true), 1)
  })

  it('that asks for a model that nobody has keeps the one it has', () => {
    const client = new World().program('quorum')
    for (const model of [2, 0xffffffff]) {
      client.send(value(4, model))
      assert.equal(error(client), CsError.INVALID_PARAM)
    }
    client.send(value(1, 1))
    assert.deepEqual(
      client.look().map(event => event[0]),
      [3],
    )
  })

  it('is told of changes only, if that is what it wants, and not after it has gone', () => {
    const world = new World()
    const client = world.program('quorum')
    client.send(value(1, 4))
    assert.equal(error(client), CsError.OK)
    assert.deepEqual(client.look(), [])
    world.form([1, 2])
    assert.deepEqual(
      client.look().map(event => event[0]),
      [3],
    )
    client.disconnect()
    world.form([1, 2, 3])
    assert.deepEqual(client.look(), [])
  })
})
