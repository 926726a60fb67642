// Votequorum where programs, peers or the configuration do what is not in the recorded behaviour.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CsError } from '../../../../src/services/errors.js'
import { QuorumConfigurationError, quorumProvider } from '../../../../src/services/quorum/provider.js'
import { NodeState } from '../../../../src/services/votequorum/state.js'
import { QDEVICE_NODE_ID, writeNodeInfo } from '../../../../src/wire/votequorum.js'
import {
  InfoFlag,
  VOTEQUORUM_NODES_MAX,
  VotequorumRequest,
  type VotequorumRequestFields,
  writeVotequorumRequest,
} from '../../../../src/wire/votequorum-ipc.js'
import { FakeCluster } from '../../../support/fake-ring.js'
import { errorOf, LibraryClient } from '../../../support/library-client.js'
import { ServiceNode } from '../../../support/service-node.js'
import { VoteCluster } from '../../../support/votequorum-cluster.js'
import { votequorumMap } from '../../../support/votequorum-map.js'

const name = 'QD'
const DEVICE = { 'device.model': 'net', 'device.votes': 1, 'device.timeout': 2000, 'device.sync_timeout': 4000 }

/** The error of the answer, if there is one yet. */
function ask(client: LibraryClient, request: number, fields: VotequorumRequestFields = {}): number | undefined {
  const before = client.answers.length
  client.send(writeVotequorumRequest(request, fields))
  const answer = client.answers[before]
  return answer && errorOf(new DataView(answer.buffer))
}

function info(client: LibraryClient, nodeId: number): DataView {
  const bytes = writeVotequorumRequest(VotequorumRequest.getInfo, { nodeId })
  client.send(bytes)
  return new DataView(client.answers.at(-1)!.buffer)
}

function kinds(client: LibraryClient): number[] {
  return client.look().map(event => event[0]!)
}

describe('registering a quorum device', () => {
  const start = () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: DEVICE })
    cluster.startAll()
    return { cluster, one: cluster.program(1), other: cluster.program(1), remote: cluster.program(2) }
  }

  it('is answered when it has come round; meanwhile nobody else can', () => {
    const { cluster, one, other } = start()
    assert.equal(ask(one, VotequorumRequest.qdeviceRegister, { name }), undefined)
    assert.equal(ask(other, VotequorumRequest.qdeviceRegister, { name }), CsError.TRY_AGAIN)
    cluster.rest()
    assert.equal(errorOf(new DataView(one.answers.at(-1)!.buffer)), CsError.OK)
    assert.equal(ask(other, VotequorumRequest.qdeviceRegister, { name }), CsError.OK)
    assert.equal(ask(other, VotequorumRequest.qdeviceRegister, { name: 'QX' }), CsError.EXIST)
  })

  it('under other names, as often as a program likes, fills no log', () => {
    const { cluster, one, other } = start()
    ask(one, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    const lines = () => cluster.node(1).logged.filter(line => line.includes('trying to re-register'))
    for (let i = 0; i < 1000; i++) ask(other, VotequorumRequest.qdeviceRegister, { name: 'QX' })
    const line = 'warning VOTEQ A new qdevice with different name (new: QX old: QD) is trying to re-register!'
    assert.deepEqual(lines(), [line])
    cluster.advance(1000)
    ask(other, VotequorumRequest.qdeviceRegister, { name: 'QX' })
    assert.deepEqual(lines(), [line, `${line} suppressed=999`])
  })

  it('under another name than that of a peer is refused', () => {
    const { cluster, one, remote } = start()
    ask(one, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    ask(remote, VotequorumRequest.qdeviceRegister, { name: 'QX' })
    cluster.rest()
    assert.equal(errorOf(new DataView(remote.answers.at(-1)!.buffer)), CsError.EXIST)
    assert.ok(!cluster.service(2).device.registered)
  })

  it('ends with the program that asked for it', () => {
    const { cluster, one, other } = start()
    ask(one, VotequorumRequest.qdeviceRegister, { name })
    one.disconnect()
    assert.equal(ask(other, VotequorumRequest.qdeviceRegister, { name }), undefined)
    cluster.rest()
    assert.equal(one.answers.length, 0)
    assert.equal(errorOf(new DataView(other.answers.at(-1)!.buffer)), CsError.OK)
  })

  it('is not possible where the configuration contradicts it', () => {
    const { cluster, one } = start()
    cluster.node(1).map.set('quorum.two_node', { type: 'u8', value: 1 })
    cluster.rest()
    for (const request of ['qdeviceRegister', 'qdevicePoll', 'qdeviceMasterWins'] as const) {
      assert.equal(ask(one, VotequorumRequest[request], { name }), CsError.ACCESS)
    }
  })

  it('is possible with no device in the configuration', () => {
    const cluster = new VoteCluster({ nodes: [1, 2] })
    cluster.startAll()
    const client = cluster.program(1)
    ask(client, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    assert.ok(cluster.service(1).device.registered)
    assert.equal(cluster.status(1), '2/2/2 Q')
  })

  it('lets the name go with the last who uses it', () => {
    const { cluster, one, remote } = start()
    for (const client of [one, remote]) ask(client, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    assert.equal(ask(one, VotequorumRequest.qdeviceUnregister, { name }), CsError.OK)
    cluster.rest()
    assert.equal(cluster.service(1).device.name, name)
    assert.equal(ask(remote, VotequorumRequest.qdeviceUnregister, { name }), CsError.OK)
    cluster.rest()
    assert.deepEqual([cluster.service(1).device.name, cluster.service(2).device.name], [undefined, undefined])
  })
})

describe('a poll while other nodes still synchronise', () => {
  it('is told to the others when all of them agree', () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: DEVICE })
    cluster.startAll()
    const programs = [1, 2].map(id => cluster.program(id))
    for (const client of programs) ask(client, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    const poll = (node: number, value: number) => {
      const { ring } = cluster.service(node)
      assert.equal(ask(programs[node - 1]!, VotequorumRequest.qdevicePoll, { name, value, ring }), CsError.OK)
      cluster.rest()
    }
    poll(1, 1)
    poll(2, 1)
    cluster.rings([1, 2])
    poll(1, 1)
    // Node 1 has said all that belongs to the synchronisation; node 2 has not.
    poll(1, 0)
    assert.ok(cluster.node(1).executive.sync.running)
    assert.equal(cluster.node(1).executive.drained, false)
    poll(2, 1)
    assert.ok(!cluster.node(1).executive.sync.running)
    assert.equal(cluster.status(1), '3/2/2 Q')
    assert.equal(info(programs[1]!, 1).getUint32(52, true) & InfoFlag.QDEVICE_CAST_VOTE, 0)
  })
})

describe('programs that track', () => {
  it('are told newest first, until they stop or go', () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3] })
    cluster.startAll()
    const heard: number[] = []
    const clients = [1, 2, 3].map(low => {
      const client = cluster.program(1)
      ask(client, VotequorumRequest.trackStart, { context: { low, high: 0 }, flags: 4 })
      client.notify = (head, headOff) => {
        if (head[headOff] === 5) heard.push(head[headOff + 24]!)
      }
      return client
    })
    cluster.rings([1, 2], [3])
    assert.deepEqual(heard.splice(0), [3, 2, 1])
    assert.equal(ask(clients[2]!, VotequorumRequest.trackStop), CsError.OK)
    assert.equal(ask(clients[2]!, VotequorumRequest.trackStop), CsError.NOT_EXIST)
    clients[1]!.disconnect()
    cluster.rings([1, 2, 3])
    assert.deepEqual(heard, [1])
  })

  it('see the device behind the nodes', () => {
    const cluster = new VoteCluster({ nodes: [1], quorum: DEVICE })
    cluster.startAll()
    const client = cluster.program(1)
    ask(client, VotequorumRequest.qdeviceRegister, { name })
    cluster.rest()
    ask(client, VotequorumRequest.trackStart, { flags: 1 })
    assert.deepEqual(kinds(client), [5, 3])
    assert.equal(ask(client, VotequorumRequest.trackStop), CsError.NOT_EXIST)
  })
})

describe('votes beyond 255', () => {
  it('need more than half of them, too', () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3], votes: { 1: 200, 2: 200, 3: 200 } })
    cluster.startAll()
    assert.equal(cluster.statusOf(1, 2, 3), '600/600/301 Q')
    cluster.rings([1], [2, 3])
    assert.equal(cluster.status(1), '600/200/301')
    assert.equal(cluster.status(2), '600/400/301 Q')
  })
})

describe('nodes of either byte order', () => {
  it('count the same', () => {
    const cluster = new FakeCluster()
    const nodes = [1, 2, 3].map(id => {
      const map = votequorumMap(id, { nodes: [1, 2, 3], votes: { 2: 3 }, quorum: DEVICE })
      const node = new ServiceNode(id, { littleEndian: id !== 2, map })
      cluster.add(node)
      node.executive.table.start()
      cluster.run(cluster.form([id]))
      return node
    })
    cluster.run(cluster.form([1, 2, 3]))
    const client = new LibraryClient(nodes[1]!.votequorum!.library)
    ask(client, VotequorumRequest.setExpected, { value: 8 })
    ask(client, VotequorumRequest.qdeviceRegister, { name })
    cluster.run(cluster.rings.at(-1)!)
    for (const { votequorum } of nodes) {
      const { state, device } = votequorum!
      assert.deepEqual([state.us.expected, state.quorum, state.quorate, device.name], [8, 5, true, name])
      assert.equal(state.find(2)?.votes, 3)
    }
  })
})

describe('what peers may not do', () => {
  const lonely = () => {
    const cluster = new VoteCluster({ nodes: [1] })
    cluster.startAll()
    const service = cluster.service(1)
    const hear = (nodeId: number, votes: number, origin = nodeId) => {
      const bytes = new Uint8Array(32)
      writeNodeInfo({ nodeId, votes, expected: 1, flags: 0 }, bytes, 0, true)
      service.handlers[0]!.receive(bytes, 0, bytes.length, origin, true)
    }
    return { service, hear }
  }

  it('is to bring more nodes than a ring can have', () => {
    const { service, hear } = lonely()
    for (let id = 2; id < VOTEQUORUM_NODES_MAX + 50; id++) hear(id, 0)
    assert.equal(service.state.nodes.length, VOTEQUORUM_NODES_MAX)
  })

  it('is to speak of the device before they have spoken of themselves', () => {
    const { service, hear } = lonely()
    hear(QDEVICE_NODE_ID, 7, 2)
    assert.equal(service.state.deviceVotes, 0)
    hear(2, 1)
    hear(QDEVICE_NODE_ID, 7, 2)
    assert.equal(service.state.deviceVotes, 7)
  })

  it('is to ask for what nobody knows', () => {
    const { service } = lonely()
    const before = { ...service.state.us }
    const bytes = new Uint8Array(32)
    bytes[24] = 9
    service.handlers[1]!.receive(bytes, 0, bytes.length, 2, true)
    assert.deepEqual(service.state.us, before)
  })
})

describe('the configuration map', () => {
  const start = (quorum: Record<string, number | string> = {}) => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum })
    cluster.startAll()
    return { cluster, map: cluster.node(1).map }
  }

  it('does not let programs write what is read at start only', () => {
    const { map } = start()
    for (const key of ['wait_for_all', 'last_man_standing', 'auto_tie_breaker', 'allow_downscale']) {
      assert.ok(map.isReadOnly(`quorum.${key}`), key)
    }
    assert.ok(!map.isReadOnly('quorum.expected_votes') && !map.isReadOnly('quorum.two_node'))
  })

  it('shows what features bring along, and nothing else', () => {
    const shown = (quorum: Record<string, number | string>) =>
      start(quorum)
        .map.keys('runtime.votequorum.')
        .map(key => key.slice('runtime.votequorum.'.length))
        .join(' ')
    assert.equal(shown({}), 'ev_barrier highest_node_id lowest_node_id this_node_id two_node')
    assert.match(shown({ wait_for_all: 1 }), /wait_for_all_status/)
    assert.match(shown({ auto_tie_breaker: 1 }), /^atb_type /)
    assert.match(shown({ expected_votes_tracking: 1 }), /ev_tracking_barrier/)
    assert.match(shown(DEVICE), /qdevice_can_operate/)
  })

  it('is read when a reload has succeeded, not while it goes on or when it has failed', () => {
    const { cluster, map } = start()
    const u8 = (key: string, value: number) => map.set(key, { type: 'u8', value })
    const votes = (value: number) => map.set('quorum.expected_votes', { type: 'u32', value })
    const status = (value: number) => map.set('config.reload_status', { type: 'i32', value })
    u8('config.totemconfig_reload_in_progress', 1)
    votes(3)
    cluster.rest()
    assert.equal(cluster.status(1), '2/2/2 Q')
    status(CsError.INVALID_PARAM)
    u8('config.totemconfig_reload_in_progress', 0)
    cluster.rest()
    assert.equal(cluster.status(1), '2/2/2 Q')
    u8('config.totemconfig_reload_in_progress', 1)
    status(CsError.OK)
    u8('config.totemconfig_reload_in_progress', 0)
    cluster.rest()
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
  })

  it('may lose a key: what it said is over at once', () => {
    const { cluster, map } = start()
    map.set('quorum.expected_votes', { type: 'u32', value: 3 })
    cluster.rest()
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
    map.delete('quorum.expected_votes')
    cluster.rest()
    assert.equal(cluster.statusOf(1, 2), '2/2/2 Q')
  })

  it('may become such that nothing can be read of it: then all stays as it was', () => {
    const { cluster, map } = start()
    map.delete('nodelist.local_node_pos')
    cluster.rest()
    assert.equal(cluster.statusOf(1, 2), '2/2/2 Q')
    assert.ok(
      cluster
        .node(1)
        .logged.includes('crit VOTEQ configuration error: nodelist or quorum.expected_votes must be configured!'),
    )
  })

  it('with two_node taken back waits for nobody any more', () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: { two_node: 1 } })
    cluster.start(1)
    assert.ok(cluster.service(1).state.waiting)
    cluster.node(1).map.set('quorum.two_node', { type: 'u8', value: 0 })
    cluster.rest()
    const { state } = cluster.service(1)
    assert.deepEqual([state.waitForAll, state.waiting, state.quorate], [false, false, false])
  })
})

describe('a node that ends in order', () => {
  it('says so where downscaling is allowed, and has heard itself before it goes', () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: { allow_downscale: 1 } })
    cluster.startAll()
    const node = cluster.node(2)
    node.executive.exit()
    assert.equal(node.executive.drained, false)
    cluster.rest()
    assert.equal(node.executive.drained, true)
    assert.equal(cluster.service(1).state.find(2)?.state, NodeState.LEAVING)
  })
})

describe('a start', () => {
  it('is refused with an unknown provider, or settings that contradict each other', () => {
    const lines: string[] = []
    const log = (level: string, subsystem: string, message: string) => lines.push(`${level} ${subsystem} ${message}`)
    const isRefusal = (error: unknown) => error instanceof QuorumConfigurationError && error.exitCode === 20
    assert.throws(() => quorumProvider('corosync_dice', log), isRefusal)
    assert.deepEqual(lines, [
      'notice QUORUM Using quorum provider corosync_dice',
      'crit QUORUM Quorum provider: corosync_dice failed to initialize.',
      "error SERV Service engine 'corosync_quorum' failed to load for reason 'Invalid quorum provider'",
    ])
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: { ...DEVICE, last_man_standing: 1 } })
    assert.throws(() => cluster.start(1), isRefusal)
  })
})

describe('a program that asks for votes faster than the ring takes orders', () => {
  it('waits, and is taken again when the ring has worked them off', () => {
    const cluster = new VoteCluster({ nodes: [1] })
    cluster.startAll()
    const node = cluster.node(1)
    const program = new LibraryClient(cluster.service(1).library, { port: node.executive.port })
    const order = writeVotequorumRequest(VotequorumRequest.setExpected, { value: 1 })
    let taken = 0
    while (taken < 500_000 && program.send(order) === 'handled') {
      taken++
      program.answers.length = 0
    }
    // The ring's queue, which holds 4 MiB, and what is kept for it.
    assert.ok(taken < 200_000, `${taken} orders taken`)
    assert.equal(program.answers.length, 0)
    const before = node.readyCalls
    cluster.rest()
    assert.equal(node.readyCalls, before + 1)
    assert.equal(program.send(order), 'handled')
  })
})
