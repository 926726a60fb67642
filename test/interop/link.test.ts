// The real loop on virtual cables: interfaces that go down and up, change their address, are taken away; IPv6; frames
// larger than the interface takes. Two network namespaces, each living as long as the process in it.

import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packingMtu, type TransportConfig } from '../../src/net/transport.js'
import { unicastTransport } from '../support/fake-node.js'
import type { LinkCommand, LinkReport } from '../support/link-process.js'

const program = fileURLToPath(new URL('../support/link-process.js', import.meta.url))
const mayMakeNamespaces = spawnSync('unshare', ['-n', 'true']).status === 0
const skip = mayMakeNamespaces ? false : 'needs to make network namespaces (root)'

const PORT = 5405
const V4 = ['10.99.0.1', '10.99.0.2']
const V6 = ['fd99::1', 'fd99::2']

class Host {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>

  constructor() {
    this.child = spawn('unshare', ['-n', process.execPath, program], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines: Interface = createInterface(this.child.stdout)
    this.#answers = lines[Symbol.asyncIterator]()
  }

  async do(command: LinkCommand): Promise<LinkReport> {
    this.child.stdin.write(`${JSON.stringify(command)}\n`)
    const { value, done } = await this.#answers.next()
    assert.ok(!done, 'the host ended')
    return JSON.parse(value as string) as LinkReport
  }

  async ip(command: string): Promise<void> {
    const { output } = await this.do({ run: ['ip', ...command.split(' ')] })
    assert.equal(output, '', command)
  }

  open(transport: TransportConfig): Promise<LinkReport> {
    return this.do({ open: transport })
  }
}

let a: Host
let b: Host

async function plugCable(): Promise<void> {
  await a.ip(`link add eth0 type veth peer name eth0 netns ${b.child.pid}`)
  for (const [i, host] of [a, b].entries()) {
    await host.ip(`addr add ${V4[i]}/24 dev eth0`)
    await host.ip(`-6 addr add ${V6[i]}/64 dev eth0 nodad`)
    await host.ip('link set eth0 up')
    await host.ip('link set lo up')
    await host.ip('route add 239.192.0.0/16 dev eth0')
  }
}

async function assertTalk(from: Host, to: Host, count = 20): Promise<LinkReport> {
  // Neighbour discovery may still be going on: what is sent meanwhile waits in the kernel, up to a second.
  await from.do({ send: { size: 500, count } })
  const report = await to.do({ until: { received: count, ms: 3000 } })
  assert.equal(report.received, count)
  return report
}

beforeEach(async () => {
  if (skip) return
  a = new Host()
  b = new Host()
  // Both have answered: both are in their namespaces.
  await a.do({})
  await b.do({})
  await plugCable()
})
afterEach(async () => {
  if (skip) return
  for (const { child } of [a, b]) {
    const ended = once(child, 'exit')
    child.stdin.end()
    child.kill('SIGKILL')
    await ended
  }
})

describe('an interface', { skip, timeout: 60_000 }, () => {
  it('that goes down is noticed at once; nothing is sent; when it is back so is the traffic', async () => {
    await a.open(unicastTransport(1, V4, PORT))
    await b.open(unicastTransport(2, V4, PORT))
    await assertTalk(a, b)
    await a.ip('link set eth0 down')
    const down = await a.do({ until: { state: 'down', ms: 500 } })
    assert.equal(down.state, 'down')
    assert.equal(down.interfaceChanges, 1)
    assert.ok(down.lines.includes('The network interface is down.'))
    const sent = await a.do({ send: { size: 500, count: 3 } })
    assert.equal(sent.stats.unsentLinkDown, 3)
    await a.ip('link set eth0 up')
    const up = await a.do({ until: { state: 'up', ms: 500 } })
    assert.equal(up.interfaceChanges, 2)
    assert.ok(up.lines.includes('The network interface [10.99.0.1] is now up.'))
    await assertTalk(a, b)
    await assertTalk(b, a)
  })

  it('whose cable is out stays as it is', async () => {
    await a.open(unicastTransport(1, V4, PORT))
    await b.ip('link set eth0 down')
    const report = await a.do({ until: { state: 'down', ms: 600 } })
    assert.equal(report.state, 'up')
    assert.equal(report.interfaceChanges, 0)
  })

  it('that loses the configured address is down until it is back, with a nodelist', async () => {
    await a.open(unicastTransport(1, V4, PORT))
    await b.open(unicastTransport(2, V4, PORT))
    await a.ip('addr add 10.99.0.77/24 dev eth0')
    await a.ip('addr del 10.99.0.1/24 dev eth0')
    assert.equal((await a.do({ until: { state: 'down', ms: 500 } })).state, 'down')
    await a.ip('addr add 10.99.0.1/24 dev eth0')
    assert.equal((await a.do({ until: { state: 'up', ms: 500 } })).interfaceChanges, 2)
    await assertTalk(a, b)
  })

  it('that changes its address is followed, with bindnetaddr', async () => {
    const open = { transport: 'udp', group: '239.192.77.1', bindAddress: '10.99.0.0', bindExact: false, members: [] }
    const transport = (nodeId: number) => ({ ...unicastTransport(nodeId, V4, PORT), ...open }) as TransportConfig
    await a.open(transport(1))
    await b.open(transport(2))
    assert.equal((await assertTalk(a, b)).from, '10.99.0.1')
    await a.ip('addr del 10.99.0.1/24 dev eth0')
    await a.ip('addr add 10.99.0.33/24 dev eth0')
    await a.ip('route replace 239.192.0.0/16 dev eth0')
    const between = await a.do({ until: { state: 'down', ms: 300 } })
    const moved = await a.do({ until: { state: 'up', ms: 500 } })
    const lines = [...between.lines, ...moved.lines]
    assert.ok(lines.includes('The network interface [10.99.0.33] is now up.'), lines.join('\n'))
    assert.equal((await assertTalk(a, b)).from, '10.99.0.33')
    await assertTalk(b, a)
  })

  it('that is taken away and made anew works again', async () => {
    await a.open(unicastTransport(1, V4, PORT))
    await b.open(unicastTransport(2, V4, PORT))
    await a.ip('link del eth0')
    assert.equal((await a.do({ until: { state: 'down', ms: 500 } })).state, 'down')
    assert.equal((await b.do({ until: { state: 'down', ms: 500 } })).state, 'down')
    await plugCable()
    assert.equal((await a.do({ until: { state: 'up', ms: 1500 } })).state, 'up')
    assert.equal((await b.do({ until: { state: 'up', ms: 1500 } })).state, 'up')
    await assertTalk(a, b)
    await assertTalk(b, a)
  })

  it('that is missing keeps udpu from starting, with a clear message', async () => {
    await a.ip('link set eth0 down')
    const opened = await a.open(unicastTransport(1, V4, PORT))
    assert.equal(opened.started, false)
    assert.equal(opened.state, 'starting')
    await a.ip('link set eth0 up')
    assert.equal((await a.do({ until: { state: 'up', ms: 1500 } })).started, true)
  })
})

describe('IPv6', { skip, timeout: 60_000 }, () => {
  it('carries everything that IPv4 does', async () => {
    await a.open(unicastTransport(1, V6, PORT))
    await b.open(unicastTransport(2, V6, PORT))
    assert.equal((await assertTalk(a, b)).from, 'fd99::1')
    await assertTalk(b, a)
  })

  it('carries multicast', async () => {
    const udp = { transport: 'udp' as const, group: 'ff15::77' }
    await a.open({ ...unicastTransport(1, V6, PORT), ...udp })
    await b.open({ ...unicastTransport(2, V6, PORT), ...udp })
    assert.equal((await assertTalk(a, b)).from, 'fd99::1')
    await assertTalk(b, a)
  })

  it('works between link-local addresses', async () => {
    await a.ip('-6 addr add fe80::a1/64 dev eth0 nodad')
    await b.ip('-6 addr add fe80::b2/64 dev eth0 nodad')
    const addresses = ['fe80::a1', 'fe80::b2']
    await a.open(unicastTransport(1, addresses, PORT))
    await b.open(unicastTransport(2, addresses, PORT))
    assert.equal((await assertTalk(a, b)).from, 'fe80::a1')
    await assertTalk(b, a)
  })

  it('waits for an address that is being checked for duplicates', async () => {
    await a.ip('-6 addr add fd99::5/64 dev eth0')
    const opened = await a.open(unicastTransport(1, ['fd99::5', 'fd99::2'], PORT))
    assert.equal(opened.started, false)
    const settled = await a.do({ until: { state: 'up', ms: 5000 } })
    assert.equal(settled.state, 'up')
    assert.equal(settled.started, true)
  })

  it('takes our own full frames whole, where the frames of the C engine are cut', async () => {
    await a.open(unicastTransport(1, V6, PORT))
    await b.open(unicastTransport(2, V6, PORT))
    await assertTalk(a, b)
    const ours = packingMtu(1500, 6) - 45
    const before = (await a.do({})).ipv6Fragments
    await a.do({ send: { size: ours, count: 17 } })
    const whole = await b.do({ until: { received: 17, ms: 2000 } })
    assert.equal(whole.received, 17)
    assert.equal((await a.do({})).ipv6Fragments, before)
    await a.do({ send: { size: 1500 - 45, count: 17 } })
    const cut = await b.do({ until: { received: 17, ms: 2000 } })
    assert.equal(cut.received, 17)
    assert.equal((await a.do({})).ipv6Fragments, before + 34)
  })
})

describe('frames larger than the interface takes', { skip, timeout: 60_000 }, () => {
  it('are refused as segments once, and then sent singly', async () => {
    await a.open(unicastTransport(1, V4, PORT))
    await b.open(unicastTransport(2, V4, PORT))
    for (const round of [1, 2, 3]) {
      const sent = await a.do({ send: { size: 4000, count: 10 } })
      assert.equal(sent.stats.segmentationRefused, 1, `round ${round}`)
      assert.equal(sent.stats.sendFailures, 0)
      assert.equal((await b.do({ until: { received: 10, ms: 3000 } })).received, 10)
    }
  })
})
