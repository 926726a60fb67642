// What clusters of C nodes were seen to do (spec: services 4.6), row by row: expected votes, total votes, quorum, and Q where
// the node is quorate.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CsError } from '../../../../src/services/errors.js'
import { errorOf, type LibraryClient } from '../../../support/library-client.js'
import { VoteCluster } from '../../../support/votequorum-cluster.js'

const NAME = Buffer.from('QD')

function registerDevice(client: LibraryClient): void {
  client.request(5, 272, (_, bytes) => bytes.set(NAME, 16))
}

function poll(cluster: VoteCluster, client: LibraryClient, node: number, castVote: boolean): number {
  const { nodeId, seq } = cluster.service(node).ring
  return errorOf(
    client.request(8, 296, (view, bytes) => {
      bytes.set(NAME, 16)
      view.setInt32(272, castVote ? 1 : 0, true)
      view.setUint32(280, nodeId, true)
      view.setBigUint64(288, BigInt(seq), true)
    }),
  )
}

function setExpected(client: LibraryClient, votes: number): number {
  return errorOf(client.request(1, 24, view => view.setUint32(16, votes, true)))
}

/** With the context 0, from now on; what there is at the beginning is thrown away. */
function track(client: LibraryClient): void {
  assert.equal(errorOf(client.request(3, 32, view => view.setUint32(24, 2, true))), CsError.OK)
  client.look()
}

/** Expected votes that a program was told of. */
function expectedEvents(client: LibraryClient): number[] {
  return client
    .look()
    .map(event => new DataView(event.buffer))
    .filter(view => view.getInt32(0, true) === 4)
    .map(view => view.getUint32(32, true))
}

describe('three nodes', () => {
  const start = () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3] })
    cluster.startAll()
    assert.equal(cluster.statusOf(1, 2, 3), '3/3/2 Q')
    return cluster
  }

  it('node 3 isolated: the others go on, it does not', () => {
    const cluster = start()
    cluster.rings([1, 2], [3])
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
    assert.equal(cluster.status(3), '3/1/2')
  })

  it('nodes 1 and 2 killed, 1 restarted', () => {
    const cluster = start()
    cluster.kill(1, 2)
    cluster.rings([3])
    assert.equal(cluster.status(3), '3/1/2')
    cluster.start(1)
    cluster.rings([1, 3])
    assert.equal(cluster.statusOf(1, 3), '3/2/2 Q')
  })
})

describe('two_node', () => {
  const two = () => new VoteCluster({ nodes: [1, 2], quorum: { two_node: 1 } })

  it('node 1 alone at start waits for all', () => {
    const cluster = two()
    cluster.start(1)
    assert.equal(cluster.status(1), '2/1/1')
    const { state } = cluster.service(1)
    assert.ok(state.twoNode && state.waitForAll && state.waiting)
    assert.equal(cluster.node(1).map.getNumber('runtime.votequorum.wait_for_all_status', 'u8'), 1)
  })

  it('node 2 joins, dies, rejoins, and both halves of a split go on', () => {
    const cluster = two()
    cluster.startAll()
    assert.equal(cluster.statusOf(1, 2), '2/2/1 Q')
    cluster.kill(2)
    cluster.rings([1])
    assert.equal(cluster.status(1), '2/1/1 Q')
    cluster.start(2)
    cluster.rings([1, 2])
    assert.equal(cluster.statusOf(1, 2), '2/2/1 Q')
    cluster.rings([1], [2])
    assert.equal(cluster.statusOf(1, 2), '2/1/1 Q')
  })

  it('cancel_wait_for_all on a node that is alone', () => {
    const cluster = two()
    cluster.startAll()
    cluster.kill(1, 2)
    cluster.start(1)
    assert.equal(cluster.status(1), '2/1/1')
    cluster.node(1).map.set('quorum.cancel_wait_for_all', { type: 'u8', value: 1 })
    assert.equal(cluster.node(1).map.getNumber('quorum.cancel_wait_for_all', 'u8'), 0)
    cluster.rest()
    assert.equal(cluster.status(1), '2/1/1 Q')
  })
})

describe('last_man_standing with wait_for_all', () => {
  it('follows the cluster down to two, and nodes that come back wait', () => {
    const cluster = new VoteCluster({
      nodes: [1, 2, 3],
      quorum: { last_man_standing: 1, last_man_standing_window: 3000, wait_for_all: 1 },
    })
    cluster.startAll()
    cluster.kill(3)
    cluster.rings([1, 2])
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
    cluster.advance(2999)
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
    cluster.advance(1)
    assert.equal(cluster.statusOf(1, 2), '2/2/2 Q')
    cluster.kill(2)
    cluster.rings([1])
    cluster.advance(10_000)
    assert.equal(cluster.status(1), '2/1/2')
    cluster.start(2)
    cluster.rings([1, 2])
    assert.match(cluster.status(1), / Q$/)
    assert.doesNotMatch(cluster.status(2), / Q$/)
    const client = cluster.program(1)
    track(client)
    cluster.start(3)
    cluster.rings([1, 2, 3])
    assert.equal(cluster.statusOf(1, 2, 3), '3/3/2 Q')
    assert.deepEqual(expectedEvents(client), [3])
  })
})

describe('auto_tie_breaker', () => {
  const lowest = () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: { auto_tie_breaker: 1 } })
    cluster.startAll()
    assert.equal(cluster.statusOf(1, 2), '2/2/2 Q')
    return cluster
  }

  it('lowest: the side with node 1 goes on after a split', () => {
    const cluster = lowest()
    cluster.rings([1], [2])
    assert.equal(cluster.status(1), '2/1/2 Q')
    assert.equal(cluster.status(2), '2/1/2')
  })

  it('lowest: node 1 killed', () => {
    const cluster = lowest()
    cluster.kill(1)
    cluster.rings([2])
    assert.equal(cluster.status(2), '2/1/2')
  })

  const list = () => {
    const cluster = new VoteCluster({
      nodes: [1, 2, 3],
      quorum: { auto_tie_breaker: 1, auto_tie_breaker_node: '2 3', wait_for_all: 1 },
    })
    cluster.startAll()
    return cluster
  }

  it('a list: its first node that is left decides', () => {
    const cluster = list()
    cluster.rings([1], [2, 3])
    assert.equal(cluster.statusOf(2, 3), '3/2/2 Q')
    cluster.rings([2], [3])
    assert.equal(cluster.status(2), '3/1/2 Q')
    assert.equal(cluster.status(3), '3/1/2')
  })

  it('a list: too many gone at once', () => {
    const cluster = list()
    cluster.rings([1], [2], [3])
    assert.equal(cluster.statusOf(1, 2, 3), '3/1/2')
  })
})

describe('allow_downscale', () => {
  it('follows orderly stops', () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3], quorum: { allow_downscale: 1 } })
    cluster.startAll()
    cluster.stop(3)
    cluster.rings([1, 2])
    assert.equal(cluster.statusOf(1, 2), '2/2/2 Q')
    cluster.stop(2)
    cluster.rings([1])
    // The quorum is not lowered by a synchronisation.
    assert.equal(cluster.status(1), '1/1/2')
  })
})

describe('a quorum device with one vote and two nodes', () => {
  const start = () => {
    const cluster = new VoteCluster({
      nodes: [1, 2],
      quorum: { 'device.model': 'net', 'device.votes': 1, 'device.timeout': 2000, 'device.sync_timeout': 4000 },
    })
    cluster.startAll()
    const programs = [1, 2].map(id => cluster.program(id)) as [LibraryClient, LibraryClient]
    for (const program of programs) registerDevice(program)
    cluster.rest()
    assert.deepEqual(
      programs.map(program => errorOf(new DataView(program.answers[0]!.buffer))),
      [CsError.OK, CsError.OK],
    )
    const polled = (castVote: readonly [boolean, boolean]) => {
      programs.forEach((program, i) => {
        assert.equal(poll(cluster, program, i + 1, castVote[i]!), CsError.OK)
      })
      cluster.rest()
    }
    polled([true, true])
    assert.equal(cluster.statusOf(1, 2), '3/3/2 Q')
    return { cluster, polled, programs }
  }

  it('a node whose device votes no counts without it', () => {
    const { cluster, polled } = start()
    polled([true, false])
    assert.equal(cluster.status(1), '3/3/2 Q')
    assert.equal(cluster.status(2), '3/2/2 Q')
  })

  it('without polls the device is gone after its timeout', () => {
    const { cluster } = start()
    cluster.advance(1999)
    assert.equal(cluster.statusOf(1, 2), '3/3/2 Q')
    cluster.advance(1)
    assert.equal(cluster.statusOf(1, 2), '3/2/2 Q')
  })

  it('a split with nobody polling: the synchronisation waits for sync_timeout, and then there is no quorum', () => {
    const { cluster } = start()
    cluster.rings([1], [2])
    assert.ok(cluster.node(1).executive.sync.running)
    assert.ok(cluster.node(1).logged.includes('info VOTEQ waiting for quorum device QD poll (but maximum for 4000 ms)'))
    cluster.advance(3999)
    assert.ok(cluster.node(1).executive.sync.running)
    cluster.advance(1)
    assert.ok(!cluster.node(1).executive.sync.running)
    assert.equal(cluster.statusOf(1, 2), '3/1/2')
  })

  it('a split while programs poll: it ends with the first poll that knows the new ring', () => {
    const { cluster, programs } = start()
    const { nodeId, seq } = cluster.service(1).ring
    cluster.rings([1], [2])
    const stale = programs[0].request(8, 296, (view, bytes) => {
      bytes.set(NAME, 16)
      view.setUint32(280, nodeId, true)
      view.setBigUint64(288, BigInt(seq), true)
    })
    assert.equal(errorOf(stale), CsError.MESSAGE_ERROR)
    cluster.rest()
    assert.ok(cluster.node(1).executive.sync.running)
    assert.equal(poll(cluster, programs[0], 1, true), CsError.OK)
    cluster.rest()
    assert.ok(!cluster.node(1).executive.sync.running)
    assert.equal(cluster.status(1), '3/2/2 Q')
    assert.ok(cluster.node(2).executive.sync.running)
  })
})

describe('setting expected votes where a device makes them five', () => {
  it('2 is refused, 4 and 3 last until the next count', () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3], quorum: { 'device.model': 'net' } })
    cluster.startAll()
    assert.equal(cluster.statusOf(1, 2, 3), '5/3/3 Q')
    const client = cluster.program(1)
    track(client)
    assert.equal(setExpected(client, 2), CsError.INVALID_PARAM)
    assert.equal(setExpected(client, 4), CsError.OK)
    cluster.rest()
    assert.deepEqual(expectedEvents(client), [4, 5])
    assert.equal(setExpected(client, 3), CsError.OK)
    cluster.rest()
    assert.deepEqual(expectedEvents(client), [3, 5])
    assert.equal(cluster.statusOf(1, 2, 3), '5/3/3 Q')
  })
})

describe('programs that track', () => {
  /** Kinds of events of both services, in the order in which they come to one host. */
  function listen(cluster: VoteCluster): string[] {
    const heard: string[] = []
    for (const service of ['quorum', 'votequorum'] as const) {
      const client = cluster.program(1, service)
      if (service === 'quorum') {
        client.request(4, 24, view => view.setUint32(16, 1, true))
        client.request(1, 24, view => view.setUint32(16, 2, true))
      } else track(client)
      client.notify = (head, headOff) => {
        heard.push(`${service} ${head[headOff]}`)
      }
    }
    return heard
  }

  it('hear of a lost node in order: nodes, nodes with votes, quorum, quorum with votes', () => {
    const cluster = new VoteCluster({ nodes: [1, 2, 3] })
    cluster.startAll()
    const heard = listen(cluster)
    cluster.kill(3)
    cluster.rings([1, 2])
    assert.deepEqual(heard, ['quorum 7', 'votequorum 5', 'quorum 6', 'votequorum 3'])
  })

  it('hear of quorum only when no ring is formed', () => {
    const cluster = new VoteCluster({ nodes: [1, 2], quorum: { two_node: 1 } })
    cluster.start(1)
    const heard = listen(cluster)
    cluster.node(1).map.set('quorum.cancel_wait_for_all', { type: 'u8', value: 1 })
    cluster.rest()
    assert.deepEqual(heard, ['quorum 6', 'votequorum 3'])
  })
})
