import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CsError } from '../../../src/services/errors.js'
import { CpgClient } from '../../support/cpg-client.js'
import { FakeCluster } from '../../support/fake-ring.js'
import { ServiceNode, startNode } from '../../support/service-node.js'

function three() {
  const cluster = new FakeCluster()
  const nodes = [1, 2, 3].map(id => startNode(cluster, id))
  const ring = cluster.form([1, 2, 3])
  cluster.run(ring)
  const clients = nodes.map(node => new CpgClient(node, 10 * node.id))
  for (const client of clients) {
    assert.equal(client.join('g'), CsError.OK)
    cluster.run(ring)
  }
  for (const client of clients) client.look()
  return { cluster, ring, nodes, clients }
}

function says(client: CpgClient): string[] {
  return client.look().filter(line => line.includes('says'))
}

describe('the way to the ring while a synchronisation runs', () => {
  it('is closed to multicasts, joins and leaves: try again', () => {
    const { cluster, clients } = three()
    const late = new CpgClient(clients[0]!.node, 99)
    const next = cluster.form([1, 2])
    assert.equal(clients[0]!.mcast('too early'), CsError.TRY_AGAIN)
    assert.equal(late.join('g'), CsError.TRY_AGAIN)
    assert.equal(clients[0]!.leave('g'), CsError.TRY_AGAIN)
    cluster.run(next)
    assert.equal(clients[0]!.mcast('in time'), CsError.OK)
    cluster.run(next)
    assert.deepEqual(says(clients[1]!), ['1:10 says in time'])
  })

  it('is closed before the first ring', () => {
    const node = new ServiceNode(1)
    const client = new CpgClient(node, 5)
    assert.equal(client.join('g'), CsError.TRY_AGAIN)
    const cluster = new FakeCluster()
    cluster.add(node)
    cluster.run(cluster.form([1]))
    assert.equal(node.readyCalls, 1)
    assert.equal(client.join('g'), CsError.OK)
  })

  it('keeps the leave of a client that goes away, and sends it first thing after', () => {
    const { cluster, clients } = three()
    const next = cluster.form([1, 2])
    clients[1]!.connection.close()
    assert.equal(cluster.node(2).queue.normal.length, 0)
    const before = cluster.node(2).queue.transitional.length
    cluster.visit(2)
    assert.ok(before <= 1, 'only the list of services waits')
    cluster.run(next)
    assert.deepEqual(clients[0]!.look(), [
      'g [1:10,2:20] -3:30:3',
      `ring 1.${next.identity.seq} [1,2]`,
      'g [1:10] -2:20:5',
    ])
    // The transitional queue had nothing of it: all that went through it was delivered before the end.
    assert.equal(cluster.node(2).queue.transitional.length, 0)
  })

  it('says once when it opens to those that were refused', () => {
    const { cluster, clients, nodes } = three()
    const calls = nodes[0]!.readyCalls
    const next = cluster.form([1, 2])
    clients[0]!.mcast('too early')
    clients[0]!.mcast('still too early')
    assert.equal(nodes[0]!.readyCalls, calls)
    const sent: number[] = []
    nodes[0]!.onReady = () => sent.push(clients[0]!.mcast('now'))
    cluster.run(next)
    assert.deepEqual(sent, [CsError.OK])
    assert.deepEqual(says(clients[1]!), ['1:10 says now'])
    assert.equal(nodes[1]!.readyCalls, 0, 'nobody there was refused')
  })
})

describe('a full queue', () => {
  it('refuses, keeps order, and says when it has room again', () => {
    const { cluster, ring, clients, nodes } = three()
    let sent = 0
    let refused = 0
    const pump = () => {
      while (sent < 8000) {
        if (clients[0]!.mcast(`${sent} ${'.'.repeat(1000)}`) !== CsError.OK) {
          refused++
          return
        }
        sent++
      }
    }
    nodes[0]!.onReady = pump
    pump()
    assert.ok(refused === 1 && sent > 2000)
    let received = 0
    clients[2]!.onLine = () => {
      received++
    }
    cluster.run(ring)
    assert.equal(sent, 8000)
    assert.equal(received, 8000)
    assert.ok(nodes[0]!.readyCalls > 10)
  })

  it('does not lose the leave of a client that goes away, nor lets a later message pass it', () => {
    const { cluster, ring, clients } = three()
    const second = new CpgClient(clients[0]!.node, 11)
    second.join('g')
    cluster.run(ring)
    while (clients[0]!.mcast(new Uint8Array(5000)) === CsError.OK);
    while (clients[0]!.mcast('x') === CsError.OK);
    second.connection.close()
    assert.equal(clients[0]!.mcast('behind'), CsError.TRY_AGAIN)
    for (const client of clients) client.look()
    // The first delivery comes when the queue has room again, and before what is kept could go.
    const answers: number[] = []
    clients[0]!.onLine = () => {
      if (answers.length === 0) answers.push(clients[0]!.mcast('overtaking'))
    }
    cluster.run(ring)
    assert.deepEqual(answers, [CsError.TRY_AGAIN])
    assert.equal(clients[2]!.look().at(-1), 'g [1:10,2:20,3:30] -1:11:5')
  })
})

describe('a message that is half sent when the configuration changes', () => {
  it('is completed on the new ring, after the synchronisation', () => {
    const { cluster, clients } = three()
    const [a, b, c] = clients as [CpgClient, CpgClient, CpgClient]
    assert.equal(a.mcast(new Uint8Array(100_000)), CsError.OK)
    assert.equal(a.mcast('after it'), CsError.OK)
    cluster.visit(1)
    assert.ok(cluster.node(1).queue.normal.length > 50)
    const next = cluster.form([1, 2])
    cluster.run(next)
    assert.deepEqual(b.look(), [
      'g [1:10,2:20] -3:30:3',
      `ring 1.${next.identity.seq} [1,2]`,
      '1:10 says 100000 bytes',
      '1:10 says after it',
    ])
    assert.deepEqual(says(c), [])
  })

  it('is thrown away by those who join in its middle, and nothing else is', () => {
    const cluster = new FakeCluster()
    const [one, two, three] = [1, 2, 3].map(id => startNode(cluster, id)) as [ServiceNode, ServiceNode, ServiceNode]
    cluster.run(cluster.form([1, 2]))
    const [a, b, c] = [one, two, three].map(node => new CpgClient(node, 10 * node.id)) as [
      CpgClient,
      CpgClient,
      CpgClient,
    ]
    for (const client of [a, b, c]) {
      client.join('g')
      cluster.run(client.node.ring!)
    }
    assert.equal(a.mcast(new Uint8Array(50_000)), CsError.OK)
    for (const word of ['small', 'messages', 'behind it']) a.mcast(word)
    cluster.visit(1)
    cluster.run(cluster.form([1, 2, 3]))
    const expected = ['1:10 says small', '1:10 says messages', '1:10 says behind it']
    assert.deepEqual(says(b), ['1:10 says 50000 bytes', ...expected])
    assert.deepEqual(says(c), expected)
  })

  it('is forgotten with the node that sent it', () => {
    const { cluster, clients } = three()
    const [a, , c] = clients as [CpgClient, CpgClient, CpgClient]
    c.mcast(new Uint8Array(100_000))
    cluster.visit(3)
    cluster.run(cluster.form([1, 2]))
    const again = new CpgClient(startNode(cluster, 3), 31)
    const ring = cluster.form([1, 2, 3])
    cluster.run(ring)
    again.join('g')
    cluster.run(ring)
    again.mcast('here again')
    cluster.run(ring)
    assert.deepEqual(a.look().slice(-2), ['g [1:10,2:20,3:31] +3:31:1', '3:31 says here again'])
  })

  it('survives a change that aborts the synchronisation of another, wherever it was', () => {
    for (let visits = 0; visits < 25; visits++) {
      const { cluster, clients } = three()
      const [a, b] = clients as [CpgClient, CpgClient]
      a.mcast(new Uint8Array(100_000))
      cluster.visit(1)
      cluster.messagesPerVisit = 1
      const second = cluster.form([1, 2])
      for (let i = 0; i < visits; i++) cluster.visit(second.members[i % 2]!)
      cluster.run(cluster.form([1, 2]))
      const lines = b.look().filter(line => !line.startsWith('ring'))
      assert.deepEqual(lines, ['g [1:10,2:20] -3:30:3', '1:10 says 100000 bytes'], `after ${visits} visits`)
    }
  })
})

describe('a synchronisation that is interrupted anywhere', () => {
  it('ends with the same members on all nodes after the next change', () => {
    for (let visits = 0; visits < 40; visits++) {
      const { cluster, clients } = three()
      const [a, b, c] = clients as [CpgClient, CpgClient, CpgClient]
      // With one packet per visit a change also comes between the two packets of a downlist: the joiner gets a tail
      // first.
      cluster.messagesPerVisit = 1
      const alone = cluster.form([3])
      const pair = cluster.form([1, 2])
      for (let i = 0; i < visits; i++) cluster.visit(pair.members[i % 2]!)
      cluster.run(alone)
      cluster.run(cluster.form([1, 2, 3]))
      for (const client of clients) {
        const members = client.connection.membership().map(({ nodeId, pid }) => `${nodeId}:${pid}`)
        assert.deepEqual(members, ['1:10', '2:20', '3:30'], `after ${visits} visits`)
        assert.equal(client.mcast('hello'), CsError.OK)
      }
      cluster.run(cluster.node(1).ring!)
      assert.deepEqual(says(a), says(b))
      assert.equal(says(c).length, 3)
    }
  })
})

describe('the orderly end', () => {
  it('is drained when the leaves of its clients have come back', () => {
    const { cluster, ring, clients, nodes } = three()
    const younger = new CpgClient(nodes[1]!, 21)
    younger.join('g')
    cluster.run(ring)
    for (const client of clients) client.look()
    assert.equal(nodes[1]!.executive.drained, false, 'it has members')
    nodes[1]!.executive.exit()
    assert.equal(nodes[1]!.executive.drained, false)
    cluster.run(ring)
    assert.equal(nodes[1]!.executive.drained, true)
    assert.deepEqual(clients[0]!.look(), ['g [1:10,2:20,3:30] -2:21:5', 'g [1:10,3:30] -2:20:5'])
    assert.deepEqual(younger.look(), ['g [1:10,2:20,2:21,3:30] +2:21:1'], 'closed, so it is told nothing')
  })

  it('waits for the end of a synchronisation', () => {
    const { cluster, clients, nodes } = three()
    const next = cluster.form([1, 2])
    nodes[1]!.executive.exit()
    assert.equal(nodes[1]!.executive.drained, false)
    cluster.run(next)
    assert.equal(nodes[1]!.executive.drained, true)
    assert.equal(clients[0]!.look().at(-1), 'g [1:10] -2:20:5')
  })
})
