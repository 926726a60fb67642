// The configuration service: what programs ask it by bytes, and what its cluster messages do on each node.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LinkStatusSource } from '../../../../src/services/cfg/types.js'
import { CsError } from '../../../../src/services/errors.js'
import * as wire from '../../../../src/wire/cfg.js'
import { CfgNode, cfgNodes, request } from '../../../support/cfg-node.js'
import { FakeCluster } from '../../../support/fake-ring.js'

const wordRequest = (id: number, word: number) => request(id, 24, bytes => bytes.writeUInt32LE(word, 16))
const statusRequest = (nodeId: number, version: number) =>
  request(9, 32, bytes => {
    bytes.writeUInt32LE(nodeId, 16)
    bytes.writeUInt32LE(version, 24)
  })
const killRequest = (nodeId: number, reason: string) =>
  request(2, 288, bytes => {
    bytes.writeUInt32LE(nodeId, 16)
    bytes.writeUInt16LE(reason.length + 1, 24)
    bytes.write(reason, 26)
  })

const LINKS: LinkStatusSource = {
  ringStatus: () => [{ name: '0 10.0.0.1', status: 'OK' }],
  nodeStatus: nodeId =>
    nodeId === 9
      ? undefined
      : { reachable: nodeId === 2, remote: false, external: false, onwireMin: 0, onwireMax: 0, onwire: 0, links: [] },
  nodeAddresses: nodeId => (nodeId < 3 ? [Uint8Array.of(10, 0, 0, nodeId)] : []),
}

function rest(cluster: FakeCluster): void {
  cluster.run(cluster.rings.at(-1)!)
}

describe('what a program asks the configuration service', () => {
  const cluster = new FakeCluster()
  const [node] = cfgNodes(cluster, 1, { links: LINKS })
  const program = node!.connect()

  it('its own node id', () => {
    program.send(request(6))
    const answer = program.answer()
    assert.deepEqual([answer.readInt32LE(0), answer.readInt32LE(16), answer.readUInt32LE(24)], [12, CsError.OK, 1])
  })

  it('the links', () => {
    program.send(request(0))
    const answer = program.answer()
    assert.deepEqual([answer.readInt32LE(0), answer.length, answer.readUInt32LE(24)], [0, 10272, 1])
    assert.equal(answer.toString('latin1', 32, 43), '0 10.0.0.1\0')
    assert.equal(answer.toString('latin1', 2080, 2083), 'OK\0')
  })

  it('to enable a ring again, which there is no such thing of', () => {
    program.send(request(1))
    assert.deepEqual(program.result(), [1, CsError.NOT_SUPPORTED])
  })

  it('the addresses of nodes; 0 is this one', () => {
    for (const [asked, found] of [
      [0, 1],
      [2, 2],
    ] as const) {
      program.send(wordRequest(5, asked))
      const answer = program.answer()
      assert.deepEqual([answer.readInt32LE(0), answer.readInt32LE(16), answer.length], [11, CsError.OK, 48])
      assert.deepEqual([...answer.subarray(32, 36)], [10, 0, 0, found])
    }
    program.send(wordRequest(5, 3))
    const unknown = program.answer()
    assert.deepEqual([unknown.readInt32LE(16), unknown.length], [CsError.NOT_EXIST, 32])
  })

  it('the status of nodes', () => {
    program.send(statusRequest(2, 1))
    const answer = program.answer()
    assert.deepEqual([answer.readInt32LE(0), answer.readInt32LE(16), answer.length], [16, CsError.OK, 4200])
    assert.deepEqual([answer.readUInt32LE(28), answer[32]], [2, 1])
    program.send(statusRequest(9, 1))
    const unknown = program.answer()
    assert.deepEqual([unknown.readInt32LE(16), unknown.length], [CsError.FAILED_OPERATION, 32])
    program.send(statusRequest(2, 2))
    const newer = program.answer()
    assert.deepEqual([newer.readInt32LE(16), newer.length], [CsError.NOT_SUPPORTED, 32])
  })

  it('too much for the answer to its question about links', () => {
    const crowded = { ...LINKS, ringStatus: () => [{ name: '0', status: 'n'.repeat(600) }] }
    const other = new CfgNode(1, { links: crowded }).connect()
    other.send(request(0))
    const answer = other.answer()
    assert.deepEqual([answer.readInt32LE(16), answer.length], [CsError.NAME_TOO_LONG, 10272])
  })

  it('only with flow control where the ring is needed', () => {
    const controlled = node!.cfg.library.requests.map(entry => entry.flowControl)
    const F = false
    assert.deepEqual(controlled, [true, true, true, true, true, F, F, true, F, F, true, true])
  })
})

describe('killing a node', () => {
  function killer(count: number) {
    const cluster = new FakeCluster()
    const nodes = cfgNodes(cluster, count)
    for (const node of nodes) nodes[0]!.map.set(`runtime.members.${node.id}.status`, { type: 'str', value: 'joined' })
    return { cluster, nodes, program: nodes[0]!.connect() }
  }

  it('ends that node, and says why', () => {
    const { cluster, nodes, program } = killer(3)
    program.send(killRequest(3, 'Killed by corosync-cfgtool'))
    assert.deepEqual(program.result(), [8, CsError.OK])
    rest(cluster)
    const reason = 'Killed by node 1 : Killed by corosync-cfgtool'
    assert.deepEqual(
      nodes.map(node => [node.asked, node.lines()]),
      [
        [[], []],
        [[], []],
        [[`killed: ${reason}`], [`notice CFG ${reason}`]],
      ],
    )
  })

  it('may be suicide', () => {
    const { cluster, nodes, program } = killer(1)
    program.send(killRequest(1, 'enough'))
    rest(cluster)
    assert.deepEqual(nodes[0]!.asked, ['killed: Killed by node 1 : enough'])
  })

  it('that is not a member is refused', () => {
    const { nodes, program } = killer(1)
    program.send(killRequest(2, 'x'))
    assert.deepEqual(program.result(), [8, CsError.NOT_EXIST])
    nodes[0]!.map.set('runtime.members.2.status', { type: 'str', value: 'left' })
    program.send(killRequest(2, 'x'))
    assert.deepEqual(program.result(), [8, CsError.NOT_EXIST])
  })

  it('cannot be ordered while the ring takes nothing', () => {
    const { cluster, program } = killer(2)
    cluster.form([1, 2])
    program.send(killRequest(2, 'x'))
    assert.deepEqual(program.result(), [8, CsError.TRY_AGAIN])
  })

  it('is understood in either byte order, and its reason cannot play with the terminal', () => {
    const cluster = new FakeCluster()
    const [node] = cfgNodes(cluster, 1)
    const big = cluster.add(new CfgNode(2, { littleEndian: false })) as CfgNode
    cluster.run(cluster.form([1, 2]))
    big.map.set('runtime.members.1.status', { type: 'str', value: 'joined' })
    big.connect().send(killRequest(1, 'a\u001b[2Jb'))
    rest(cluster)
    assert.deepEqual(node!.asked, ['killed: Killed by node 2 : a?[2Jb'])
  })

  it('without surroundings only logs', () => {
    const cluster = new FakeCluster()
    const [node] = cfgNodes(cluster, 1, { bare: true })
    node!.map.set('runtime.members.1.status', { type: 'str', value: 'joined' })
    node!.connect().send(killRequest(1, 'x'))
    rest(cluster)
    assert.deepEqual(node!.lines(), ['notice CFG Killed by node 1 : x'])
  })
})

describe('orders in the name of a node that has not given them', () => {
  /** A message of service 1 as node 1 would send it, behind the packet's and the group's header. */
  function forged(cluster: FakeCluster, write: (buf: Uint8Array, off: number) => number): void {
    const spy = new CfgNode(7)
    cluster.add(spy)
    const ring = cluster.form([7])
    cluster.run(ring)
    const buf = new Uint8Array(400)
    spy.executive.port.send(buf, 0, write(buf, 0), buf, 0, 0)
    const before = ring.packets.length
    cluster.run(ring)
    const packet = ring.packets[before]!
    cluster.inject(cluster.rings.find(each => each.members.includes(1))!, { ...packet, origin: 1 })
  }

  it('do not end it', () => {
    const cluster = new FakeCluster()
    const [node] = cfgNodes(cluster, 1)
    forged(cluster, (buf, off) => wire.writeCfgShutdown(buf, off, true))
    assert.deepEqual(node!.asked, [])
  })

  it('do not change its keys', () => {
    const cluster = new FakeCluster()
    const [node] = cfgNodes(cluster, 1)
    forged(cluster, (buf, off) => wire.writeCfgCrypto(wire.CryptoPhase.cleanUp, buf, off, true))
    assert.deepEqual(node!.asked, [])
  })
})

describe('log files', () => {
  it('are opened again, and the program is told how it went, in order', () => {
    const [node] = cfgNodes(new FakeCluster(), 1)
    const [one, two] = [node!.connect(), node!.connect()]
    one.send(request(8))
    two.send(request(8))
    assert.deepEqual(node!.asked, ['reopenLogFiles', 'reopenLogFiles'])
    node!.cfg.logFilesReopened(true)
    assert.deepEqual(one.result(), [15, CsError.OK])
    assert.equal(two.answers.length, 0)
    node!.cfg.logFilesReopened(false)
    assert.deepEqual(two.result(), [15, CsError.LIBRARY])
  })

  it('of a program that has gone meanwhile do not answer another one', () => {
    const [node] = cfgNodes(new FakeCluster(), 1)
    const [one, two] = [node!.connect(), node!.connect()]
    one.send(request(8))
    two.send(request(8))
    one.disconnect()
    node!.cfg.logFilesReopened(true)
    assert.deepEqual([one.answers.length, two.answers.length], [0, 0])
    node!.cfg.logFilesReopened(true)
    assert.deepEqual(two.result(), [15, CsError.OK])
  })

  it('there are none in a simulation', () => {
    const [node] = cfgNodes(new FakeCluster(), 1, { bare: true })
    const program = node!.connect()
    program.send(request(8))
    assert.deepEqual(program.result(), [15, CsError.NOT_SUPPORTED])
  })
})
