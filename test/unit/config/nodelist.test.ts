import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configured, fakeHost, firstProblem } from '../../support/config-host.js'

interface Node {
  readonly [key: string]: string | number
}

/** A file with a nodelist: lines for the totem section, one record per node. */
function file(totem: string, ...nodes: readonly Node[]): string {
  const node = (keys: Node) =>
    `  node {\n${Object.entries(keys)
      .map(([key, value]) => `    ${key}: ${value}\n`)
      .join('')}  }\n`
  return `totem {\n  version: 2\n${totem}\n}\nnodelist {\n${nodes.map(node).join('')}}\n`
}

const ONE = { ring0_addr: '127.0.0.1' }
const TWO = { ring0_addr: '203.0.113.2' }

describe('a udpu file', () => {
  it('gives members with generated ids, the network byte order of their address', () => {
    const configuration = configured(file('transport: udpu', ONE, { ...TWO, name: 'beta' }))
    assert.equal(configuration.nodeId, 2130706433)
    assert.equal(configuration.localNodePosition, 0)
    assert.equal(configuration.localAddress, '127.0.0.1')
    assert.equal(configuration.mcastPort, 5405)
    assert.deepEqual(configuration.members, [
      { nodeId: 2130706433, addresses: ['127.0.0.1'], family: 4 },
      { nodeId: 3405803778, name: 'beta', addresses: ['203.0.113.2'], family: 4 },
    ])
    assert.deepEqual(configuration.refusals, [])
  })

  it('clears the high bit of generated ids when asked', () => {
    const { members } = configured(file('transport: udpu\nclear_node_high_bit: yes', ONE, TWO))
    assert.deepEqual(
      members.map(member => member.nodeId),
      [2130706433, 1258320130],
    )
  })

  it('keeps members in the order of the map from eleven nodes on', () => {
    const nodes = Array.from({ length: 11 }, (_, i) => ({ ring0_addr: `127.0.0.${i + 1}`, nodeid: i + 1 }))
    const { members } = configured(file('transport: udpu', ...nodes))
    assert.deepEqual(
      members.map(member => member.nodeId),
      [1, 2, 11, 3, 4, 5, 6, 7, 8, 9, 10],
    )
  })

  it('runs on IPv6 with explicit ids, and with frames that fit a packet', () => {
    const configuration = configured(
      file('transport: udpu', { ring0_addr: '::1', nodeid: 1 }, { ring0_addr: '2001:DB8:0::2', nodeid: 2 }),
    )
    assert.equal(configuration.family, 6)
    assert.equal(configuration.members[1]?.addresses[0], '2001:db8::2')
    assert.equal(configuration.netMtu, 1500)
    assert.equal(configuration.totem.netMtu, 1452)
  })

  it('leaves out nodes without an address', () => {
    const configuration = configured(file('transport: udpu', ONE, { nodeid: 9 }))
    assert.equal(configuration.members.length, 1)
    assert.match(configuration.warnings[0]?.message ?? '', /node 9 of the nodelist has no ring0_addr/)
  })
})

describe('a udp file', () => {
  const udp = (more: string, ...nodes: readonly Node[]) => configured(file(`transport: udp\n${more}`, ...nodes))

  it('makes its group of the cluster name, the last part modulo 255', () => {
    const groups = { demo: '239.192.5.3', tools: '239.192.13.204', old: '239.192.2.250', tatest: '239.192.27.57' }
    for (const [name, group] of Object.entries(groups)) {
      const configuration = udp(`cluster_name: ${name}`, ONE)
      assert.equal(configuration.mcastAddress, group)
      assert.equal(configuration.map.getString('totem.interface.0.mcastaddr'), group)
    }
    const ipv6 = udp('cluster_name: demo\nip_version: ipv6', { ring0_addr: '::1', nodeid: 1 })
    assert.equal(ipv6.mcastAddress, 'ff15::5fd')
  })

  it('takes bytes of the name as signed', () => {
    assert.equal(udp('cluster_name: ü', ONE).mcastAddress, '239.192.255.66')
  })

  it('takes address, port and ttl from the interface section, or broadcasts', () => {
    const configuration = udp('interface {\nmcastaddr: 239.1.2.3\nmcastport: 6000\nttl: 4\n}', ONE)
    assert.deepEqual(
      [configuration.mcastAddress, configuration.mcastPort, configuration.ttl, configuration.broadcast],
      ['239.1.2.3', 6000, 4, false],
    )
    const broadcast = udp('interface {\nbroadcast: yes\n}', ONE)
    assert.deepEqual([broadcast.mcastAddress, broadcast.broadcast], ['255.255.255.255', true])
  })

  it('refuses what is no group of its family', () => {
    const message = (more: string, node: Node = ONE) => firstProblem(file(`transport: udp\n${more}`, node)).message
    assert.match(message(''), /No multicast address specified for interface 0$/)
    assert.match(message('interface {\nmcastaddr: 10.0.0.1\n}'), /not a correct multicast address for interface 0$/)
    const mixed = 'ip_version: ipv6-4\ninterface {\nmcastaddr: 239.1.1.1\n}'
    assert.match(message(mixed, { ring0_addr: '::1', nodeid: 1 }), /family does not match bind address family/)
  })
})

describe('names', () => {
  const names = { here: ['127.0.0.1', '::1'], there: ['2001:db8::2', '203.0.113.2'] }

  it('become addresses of the preferred family, else of the other one', () => {
    const families = (version: string) =>
      configured(
        file(`transport: udpu\n${version}`, { ring0_addr: 'here', nodeid: 1 }, { ring0_addr: 'there', nodeid: 2 }),
        fakeHost({ names }),
      ).members.map(member => member.addresses[0])
    assert.deepEqual(families(''), ['::1', '2001:db8::2'])
    assert.deepEqual(families('ip_version: ipv4-6'), ['127.0.0.1', '203.0.113.2'])
    assert.deepEqual(families('ip_version: ipv6'), ['::1', '2001:db8::2'])
  })

  it('have to resolve', () => {
    const host = fakeHost({ names })
    const message = (...nodes: readonly Node[]) => firstProblem(file('transport: udpu', ...nodes), host).message
    assert.equal(
      message({ ring0_addr: 'nowhere', name: 'testhost', nodeid: 1 }),
      "failed to parse bindnet address 'nowhere'",
    )
    assert.equal(message(ONE, { ring0_addr: 'nowhere', nodeid: 2 }), "failed to parse node address 'nowhere'")
  })
})

describe('a knet file', () => {
  it('is read completely, but not run', () => {
    const text = file(
      'link_mode: active\ninterface {\nlinknumber: 1\nknet_transport: sctp\nknet_pong_count: 3\nmcastport: 7000\n}',
      { ring0_addr: '127.0.0.1', ring1_addr: '127.0.0.1', nodeid: 1, name: 'a' },
      { ring0_addr: '203.0.113.2', ring1_addr: '198.51.100.2', nodeid: 2, name: 'b' },
    )
    const { links, members, refusals, netMtu } = configured(text)
    assert.equal(netMtu, 65536)
    assert.deepEqual(members[1]?.addresses, ['203.0.113.2', '198.51.100.2'])
    assert.deepEqual(
      links.map(link => [link.number, link.mcastPort, link.knet.transport, link.knet.pingTimeoutMs]),
      [
        [0, 5405, 'udp', 1500],
        [1, 7000, 'sctp', 1000],
      ],
    )
    assert.deepEqual(
      refusals.map(refusal => refusal.key),
      ['totem.transport', 'nodelist.node.0.ring1_addr'],
    )
  })

  it('needs explicit ids below 65536', () => {
    assert.equal(firstProblem(file('', ONE)).message, 'Knet requires an explicit nodeid for the local node')
    assert.match(
      firstProblem(file('', { ...ONE, nodeid: 65536 })).message,
      /^Knet requires nodeid to be less than 65536/,
    )
    assert.equal(configured(file('', { ...ONE, nodeid: 65535 })).nodeId, 65535)
  })
})

describe('what nodes have to agree on', () => {
  const message = (...nodes: readonly Node[]) => firstProblem(file('transport: udpu', ...nodes)).message

  it('is the family of their addresses', () => {
    assert.equal(
      message(ONE, { ring0_addr: '2001:db8::1', nodeid: 4 }),
      'parse error in config: Nodes for link 0 have different IP families (compared 2001:db8::1 with 127.0.0.1)',
    )
  })

  it('is not their id, given or generated', () => {
    assert.equal(message(ONE, { ...TWO, nodeid: 2130706433 }), 'Nodeid 2130706433 appears twice in corosync.conf')
    assert.equal(message(ONE, ONE), 'Nodeid 2130706433 appears twice in corosync.conf')
  })

  it('is one link outside knet', () => {
    assert.equal(
      message({ ...ONE, ring1_addr: '127.0.0.2', name: 'a' }),
      'parse error in config: 2 is too many configured interfaces for non-Knet transport.',
    )
  })

  it('is that every one has every link', () => {
    assert.match(message(ONE, { ...TWO, ring1_addr: '198.51.100.2' }), /No multicast port specified for interface 1$/)
  })
})

describe('addresses that no id can be made of', () => {
  it('are IPv6 and the broadcast address', () => {
    const message = (...nodes: readonly Node[]) => firstProblem(file('transport: udpu', ...nodes)).message
    assert.equal(message({ ring0_addr: '::1' }), 'An IPV6 network requires that a node ID be specified')
    assert.equal(
      message(ONE, { ring0_addr: '255.255.255.255' }),
      "An IPV6 network requires that a node ID be specified for address '255.255.255.255'.",
    )
  })
})

describe('security', () => {
  const read = (key: Uint8Array) => (name: string) => {
    if (name === 'corosync.conf') return Buffer.from(file('transport: udpu\nsecauth: on\nkeyfile: /k', ONE))
    assert.equal(name, '/k')
    return key
  }
  const text = (totem: string) => file(totem, { ...ONE, nodeid: 1 })

  it('needs a key of 128 bytes, read before anything else is said about it', () => {
    const short = firstProblem('', fakeHost(), { read: read(new Uint8Array(127)) })
    assert.equal(short.message, 'Could only read 1016 bits of minimum 1024 bits from /k.')
    const udpu = firstProblem('', fakeHost(), { read: read(new Uint8Array(128)) })
    assert.match(udpu.message, /only valid for the Knet transport/)
    const missing = firstProblem(text('secauth: on'))
    assert.equal(missing.message, 'Could not open /etc/corosync/authkey: No such file or directory')
    assert.equal(missing.key, 'totem.secauth')
  })

  it('counts the terminator of an inline key, as the reference does', () => {
    assert.equal(firstProblem(text(`secauth: on\nkey: ${'k'.repeat(126)}`)).message, 'key is too short')
    const { crypto, refusals } = configured(text(`secauth: on\nkey: ${'k'.repeat(127)}`))
    assert.deepEqual([crypto?.cipher, crypto?.hash, crypto?.key.length], ['aes256', 'sha256', 127])
    assert.deepEqual(
      refusals.map(refusal => refusal.key),
      ['totem.transport', 'totem.secauth'],
    )
  })

  it('is off unless secauth is exactly "on" or a cipher or hash is named', () => {
    assert.equal(configured(text('secauth: yes')).crypto, undefined)
    assert.equal(configured(text('secauth: on\ncrypto_cipher: none\ncrypto_hash: none')).crypto, undefined)
    const hash = configured(text(`crypto_hash: md5\nkey: ${'k'.repeat(128)}`))
    assert.equal(hash.refusals[1]?.key, 'totem.crypto_hash')
  })
})

describe('a file that asks for another wire', () => {
  it('is accepted, has that generation’s defaults, and is not run', () => {
    const configuration = configured(
      file('transport: udpu\nwire: 2.4\nsecauth: off\ncrypto_cipher: none\ncrypto_hash: none', ONE),
    )
    assert.equal(configuration.wire, '2.4')
    assert.equal(configuration.totem.tokenTimeoutMs, 1000)
    assert.deepEqual(
      configuration.refusals.map(refusal => refusal.key),
      ['totem.wire'],
    )
    assert.match(configuration.refusals[0]?.message ?? '', /totem\.wire/)
  })
})
