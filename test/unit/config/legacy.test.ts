import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configured, fakeHost, firstProblem, loadText } from '../../support/config-host.js'

const host = fakeHost({ interfaces: ['127.0.0.1/8', '10.70.0.1/24', '2001:db8::1/64'] })

function file(totem: string, rest = ''): string {
  return `totem {\n  version: 2\n${totem}\n}\n${rest}`
}

function members(...addresses: string[]): string {
  return addresses.map(address => `member {\nmemberaddr: ${address}\n}\n`).join('')
}

const SEED = file(
  `  secauth: off
  transport: udpu
  interface {
    ringnumber: 0
    bindnetaddr: 10.70.0.0
    mcastport: 5405
    ttl: 1
    ${members('10.70.0.1', '10.70.0.2')}
  }`,
  'service {\n  name: pacemaker\n  ver: 0\n}\n',
)

describe('the old two-node file', () => {
  it('can be started: peers from the member list, ids as 1.x makes them, defaults of 1.x', () => {
    const configuration = configured(SEED, host)
    assert.equal(configuration.legacy, true)
    assert.equal(configuration.wire, '3')
    assert.equal(configuration.nodeId, 0x0100460a)
    assert.deepEqual(configuration.members, [
      { nodeId: 0x0100460a, addresses: ['10.70.0.1'], family: 4 },
      { nodeId: 0x0200460a, addresses: ['10.70.0.2'], family: 4 },
    ])
    assert.equal(configuration.localAddress, '10.70.0.1')
    assert.equal(configuration.bindAddress, '10.70.0.0')
    assert.equal(configuration.bindNetwork, '10.70.0.1/24')
    assert.equal(configuration.totem.tokenTimeoutMs, 1000)
    assert.equal(configuration.totem.tokenRetransmitMs, 238)
    assert.equal(configuration.totem.holdMs, 180)
    assert.equal(configuration.logging.timestamp, 'off')
    assert.deepEqual(configuration.refusals, [])
  })

  it('says once that it is old, and nothing about pacemaker, which is started', () => {
    const messages = configured(SEED, host).warnings.map(warning => warning.message)
    assert.equal(messages.length, 1)
    assert.match(messages[0] ?? '', /Please migrate config file to nodelist/)
  })

  it('says that other services have to be started otherwise', () => {
    const { warnings } = configured(SEED.replace('name: pacemaker', 'name: openais_ckpt'), host)
    assert.match(warnings.at(-1)?.message ?? '', /^service openais_ckpt: .* start it as its own program/)
  })

  it('has members without duplicates, in the order of the file, this node among them', () => {
    const configuration = configured(
      file(
        `secauth: off\ntransport: udpu\ninterface {\nbindnetaddr: 10.70.0.1\n${members('10.70.0.3', '10.70.0.2', '10.70.0.3')}}`,
      ),
      host,
    )
    assert.deepEqual(
      configuration.members.map(member => member.addresses[0]),
      ['10.70.0.3', '10.70.0.2', '10.70.0.1'],
    )
    assert.ok(configuration.warnings.some(({ message }) => /10\.70\.0\.1 is not among the members/.test(message)))
  })

  it('may leave bindnetaddr out when a member is this host', () => {
    const text = file(`secauth: off\ntransport: udpu\ninterface {\n${members('10.70.0.2', '10.70.0.1')}}`)
    assert.equal(configured(text, host).localAddress, '10.70.0.1')
    const foreign = file(`secauth: off\ntransport: udpu\ninterface {\n${members('10.70.0.2')}}`)
    assert.match(firstProblem(foreign, host).message, /No bind network specified/)
  })

  it('may call its section network', () => {
    assert.equal(configured(SEED.replace('totem {', 'network {'), host).nodeId, 0x0100460a)
  })

  it('reads clear_node_high_bit', () => {
    const text = file(
      `secauth: off\ntransport: udpu\nclear_node_high_bit: yes\ninterface {\nbindnetaddr: 10.70.0.1\n${members('10.70.0.1', '10.70.0.200')}}`,
    )
    assert.equal(configured(text, host).members[1]?.nodeId, 0x4800460a)
  })
})

describe('an old multicast file', () => {
  const udp = (more: string, totem = '') =>
    file(`secauth: off\n${totem}\ninterface {\nbindnetaddr: 10.70.0.0\n${more}\n}`)

  it('is udp by default and has an open membership', () => {
    const configuration = configured(udp('mcastaddr: 226.94.1.1\nmcastport: 5407\nttl: 3'), host)
    assert.equal(configuration.transport, 'udp')
    assert.deepEqual(configuration.members, [])
    assert.deepEqual(
      [configuration.mcastAddress, configuration.mcastPort, configuration.ttl, configuration.localAddress],
      ['226.94.1.1', 5407, 3, '10.70.0.1'],
    )
    assert.deepEqual(configuration.refusals, [])
  })

  it('takes an own id', () => {
    assert.equal(configured(udp('mcastaddr: 226.94.1.1', 'nodeid: 7'), host).nodeId, 7)
  })

  it('needs an interface of this host', () => {
    const problem = firstProblem(udp('mcastaddr: 226.94.1.1').replace('10.70.0.0', '192.0.2.0'), host)
    assert.match(problem.message, /No interface of this host matches bindnetaddr 192\.0\.2\.0/)
    assert.match(problem.help, /10\.70\.0\.1\/24/)
    assert.equal(problem.line, 6)
  })

  it('needs different groups or ports for two rings, and is then refused naming rrp_mode', () => {
    const ring = (number: number, port: number) =>
      `interface {\nringnumber: ${number}\nbindnetaddr: 10.70.0.0\nmcastaddr: 226.94.1.1\nmcastport: ${port}\n}\n`
    const text = (port: number) => file(`secauth: off\nrrp_mode: passive\n${ring(0, 5405)}${ring(1, port)}`)
    assert.match(firstProblem(text(5406), host).message, /Interfaces multicast address\/port pair must differ/)
    assert.deepEqual(
      configured(text(5407), host).refusals.map(refusal => refusal.key),
      ['totem.rrp_mode'],
    )
  })
})

describe('an old file with security, which is its default', () => {
  const text = file('interface {\nbindnetaddr: 10.70.0.0\nmcastaddr: 226.94.1.1\n}')
  const withKey = (key: Uint8Array) =>
    loadText('', host, {
      read: name => (name === 'corosync.conf' ? Buffer.from(text) : key),
      environment: { COROSYNC_TOTEM_AUTHKEY_FILE: '/key' },
    })

  it('is accepted with its key and refused at start, naming secauth', () => {
    const result = withKey(new Uint8Array(128))
    assert.ok(result.ok)
    const [refusal] = result.configuration.refusals
    assert.equal(refusal?.key, 'totem.secauth')
    assert.match(refusal?.message ?? '', /secauth/)
    assert.match(refusal?.help ?? '', /secauth: off/)
  })

  it('is an error without its key, and says how to do without', () => {
    const problem = firstProblem(text, host)
    assert.equal(problem.message, 'Could not open /etc/corosync/authkey: No such file or directory')
    assert.equal(problem.key, 'totem.secauth')
    assert.match(problem.help, /secauth: off/)
  })
})

describe('an old file that cannot be run', () => {
  it('is one whose nodes have ids that it does not tell', () => {
    const text = file(
      `secauth: off\ntransport: udpu\nnodeid: 5\ninterface {\nbindnetaddr: 10.70.0.1\n${members('10.70.0.1', '10.70.0.2')}}`,
    )
    assert.deepEqual(
      configured(text, host).refusals.map(refusal => refusal.key),
      ['totem.nodeid'],
    )
  })

  it('is one for knet', () => {
    const text = file('secauth: off\ntransport: knet\ninterface {\nbindnetaddr: 10.70.0.1\n}')
    assert.match(firstProblem(text, host).message, /No valid name found for local host/)
  })
})

describe('an interface section beside a nodelist', () => {
  it('is no old file', () => {
    const text = `${file('transport: udpu\ninterface {\nbindnetaddr: 10.70.0.0\n}')}nodelist {\nnode {\nring0_addr: 10.70.0.1\n}\n}\n`
    const configuration = configured(text, host)
    assert.equal(configuration.legacy, false)
    assert.equal(configuration.nodeId, 0x0a460001)
  })
})

describe('the service directory of 1.x', () => {
  it('is read, too', () => {
    const text = file('secauth: off\ninterface {\nbindnetaddr: 10.70.0.0\nmcastaddr: 226.94.1.1\n}')
    const result = loadText('', host, {
      list: directory => (directory === 'service.d' ? ['pcmk'] : []),
      read: name =>
        Buffer.from(
          name === 'corosync.conf' ? text : name === 'service.d/pcmk' ? 'service {\nname: pacemaker\nver: 1\n}\n' : '',
        ),
    })
    assert.ok(result.ok)
    assert.deepEqual(
      result.configuration.services.map(({ name, version, place }) => [name, version, place.file]),
      [['pacemaker', 1, 'service.d/pcmk']],
    )
  })
})
