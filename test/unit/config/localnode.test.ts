import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  findLocalNode,
  type HostInfo,
  matchInterface,
  type NodeCandidate,
  namesToResolve,
} from '../../../src/config/localnode.js'
import { fakeHost } from '../../support/config-host.js'

/** One candidate per text, at positions 0, 1, ... */
function candidates(...texts: string[]): NodeCandidate[] {
  return texts.map((text, position) => ({ position, text }))
}

function found(texts: readonly string[], host: HostInfo): number | undefined {
  return findLocalNode(candidates(...texts), host)
}

describe('the local node', () => {
  it('is the one with the name of the host', () => {
    assert.equal(found(['a.example.org', 'b.example.org'], fakeHost({ hostname: 'b.example.org' })), 1)
  })

  it('is found by the name without its last labels, longest first', () => {
    const host = fakeHost({ hostname: 'b.cluster.example.org' })
    assert.equal(found(['b', 'b.cluster'], host), 1)
    assert.equal(found(['a', 'b'], host), 1)
  })

  it('is found by the first label of the candidates', () => {
    assert.equal(found(['a.lan', 'b.lan'], fakeHost({ hostname: 'b' })), 1)
    // An address is cut, too: an accident of the reference.
    assert.equal(found(['10.0.0.1'], fakeHost({ hostname: '10' })), 0)
  })

  it('is compared with case', () => {
    assert.equal(found(['Beta'], fakeHost({ hostname: 'beta' })), undefined)
  })

  it('is found by the reverse name of an address, by an IPv4 address, and then by resolving', () => {
    const reverse = { '192.0.2.7': 'b.storage.lan' }
    assert.equal(found(['x', 'b'], fakeHost({ interfaces: ['192.0.2.7/24'], reverse })), 1)
    assert.equal(found(['192.0.2.8', '192.0.2.7'], fakeHost({ interfaces: ['192.0.2.7/24'] })), 1)
    const names = { two: ['192.0.2.7'] }
    assert.equal(found(['one', 'two'], fakeHost({ interfaces: ['192.0.2.7/24'], names })), 1)
    assert.equal(found(['2001:DB8:0::1'], fakeHost({ interfaces: ['2001:db8::1/64'] })), 0)
  })

  it('is the node with the name of the host even when another one has its address', () => {
    assert.equal(found(['192.0.2.7', 'here'], fakeHost({ hostname: 'here', interfaces: ['192.0.2.7/24'] })), 1)
  })

  it('may be nobody', () => {
    assert.equal(found(['203.0.113.1', 'elsewhere'], fakeHost()), undefined)
  })
})

describe('the interface of a bindnetaddr', () => {
  const { interfaces } = fakeHost({ interfaces: ['127.0.0.1/8', '10.0.0.1/24', '10.0.0.7/16', '2001:db8::7/64'] })
  const match = (text: string) => matchInterface(text, interfaces)?.address

  it('is the one with exactly that address, else the first one in the network', () => {
    assert.equal(match('10.0.0.7'), '10.0.0.7')
    assert.equal(match('10.0.0.0'), '10.0.0.1')
    assert.equal(match('10.0.9.0'), '10.0.0.7')
    assert.equal(match('127.0.0.0'), '127.0.0.1')
    assert.equal(match('10.1.0.0'), undefined)
  })

  it('has to be exact for IPv6', () => {
    assert.equal(match('2001:db8:0::7'), '2001:db8::7')
    assert.equal(match('2001:db8::'), undefined)
  })
})

describe('the names to resolve', () => {
  const text = `
totem {
  interface {
    mcastaddr: group.lan
    member {
      memberaddr: m1.lan
    }
  }
}
nodelist {
  node {
    ring0_addr: one.lan
    ring1_addr: 10.0.0.1
    name: one
  }
  node {
    ring0_addr: 127.0.0.1
    name: two
  }
}
`
  it('are those of addresses when the host is found by its name or address', () => {
    const addresses = ['group.lan', 'm1.lan', 'one.lan']
    assert.deepEqual(namesToResolve(Buffer.from(text), fakeHost()), { names: addresses, reverse: false })
    assert.deepEqual(namesToResolve(Buffer.from(text), fakeHost({ hostname: 'two', interfaces: [] })).reverse, false)
  })

  it('are also those of nodes, and of own addresses, when it is not', () => {
    const stranger = fakeHost({ interfaces: ['192.0.2.1/24'] })
    assert.deepEqual(namesToResolve(Buffer.from(text), stranger), {
      names: ['group.lan', 'm1.lan', 'one.lan', 'one', 'two'],
      reverse: true,
    })
  })

  it('are those of members in an old file', () => {
    const old = 'network {\ninterface {\nbindnetaddr: 10.0.0.0\nmember {\nmemberaddr: peer\n}\n}\n}\n'
    assert.deepEqual(namesToResolve(Buffer.from(old), fakeHost()), { names: ['peer'], reverse: false })
  })
})
