// The life of the link with a hand-turned clock and invented interfaces.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIp } from '../../../src/config/ip.js'
import { LinkState, selectAddress } from '../../../src/net/link-state.js'
import { packingMtu } from '../../../src/net/transport.js'
import type { InterfaceAddress } from '../../../src/sys/netlink.js'

function on(name: string, index: number, cidr: string, up = true): InterfaceAddress {
  const [text, prefix] = cidr.split('/') as [string, string]
  const { family, bytes } = parseIp(text)!
  return { name, index, up, family, address: bytes, prefixLength: Number(prefix) }
}

const lo = on('lo', 1, '127.0.0.1/8')
const eth0 = on('eth0', 2, '10.77.0.3/24')

function select(
  bind: string,
  exact: boolean,
  list: InterfaceAddress[],
  current?: InterfaceAddress,
): string | undefined {
  const chosen = selectAddress(list, parseIp(bind)!, exact, current)
  return chosen === undefined ? undefined : `${chosen.name} ${chosen.address.join('.')}`
}

describe('the choice of an interface', () => {
  it('prefers the very address to a network', () => {
    const list = [on('eth1', 3, '10.77.0.9/24'), eth0]
    assert.equal(select('10.77.0.3', false, list), 'eth0 10.77.0.3')
    assert.equal(select('10.77.0.0', false, list), 'eth1 10.77.0.9')
  })

  it('takes no network where the very address is wanted', () => {
    assert.equal(select('10.77.0.4', true, [lo, eth0]), undefined)
    assert.equal(select('10.77.0.4', false, [lo, eth0]), 'eth0 10.77.0.3')
  })

  it('passes over interfaces that are down and over the other family', () => {
    assert.equal(select('10.77.0.3', true, [on('eth0', 2, '10.77.0.3/24', false)]), undefined)
    assert.equal(select('fd77::', false, [eth0, on('eth0', 2, 'fd78::3/64')]), undefined)
    assert.equal(select('fd77::', false, [eth0, on('eth1', 3, 'fd77::3/64')])?.slice(0, 4), 'eth1')
  })

  it('stays with what it has when a further address of the network appears', () => {
    const second = on('eth0', 2, '10.77.0.2/24')
    assert.equal(select('10.77.0.0', false, [second, eth0], eth0), 'eth0 10.77.0.3')
    assert.equal(select('10.77.0.0', false, [second], eth0), 'eth0 10.77.0.2')
  })

  it('knows that all of 127.0.0.0/8 is this host', () => {
    assert.equal(select('127.0.0.3', true, [lo]), 'lo 127.0.0.3')
    assert.equal(select('127.0.0.0', false, [lo]), 'lo 127.0.0.1')
  })
})

/** A link, what it did, and an environment that can be changed under it. */
function linkOf(mayStartDown: boolean, bind = '10.77.0.3', bindExact = true) {
  const did: string[] = []
  const world = { list: [lo, eth0], problem: undefined as string | undefined }
  const link = new LinkState(
    { bind: parseIp(bind)!, bindExact, mayStartDown, downcheckMs: 1000 },
    {
      open: at => {
        did.push(`open ${at.address.join('.')}`)
        return world.problem
      },
      close: () => did.push('close'),
      started: now => did.push(`started @${now}`),
      changed: now => did.push(`changed @${now}`),
      fatal: reason => did.push(`fatal ${reason}`),
      log: (level, message) => {
        if (level !== 'debug') did.push(message)
      },
    },
  )
  /** Goes on to `until`, updating as often as the link wants. */
  const run = (from: number, until: number) => {
    for (let now = from; now <= until; now += 10) if (now >= link.nextCheck()) link.update(now, world.list)
  }
  const happened = () => did.splice(0)
  return { link, world, run, happened }
}

describe('a link', () => {
  it('opens and starts the node once', () => {
    const { link, world, happened } = linkOf(false)
    link.update(0, world.list)
    link.update(10, world.list)
    assert.deepEqual(happened(), ['open 10.77.0.3', 'The network interface [10.77.0.3] is now up.', 'started @0'])
    assert.equal(link.state, 'up')
    assert.equal(link.nextCheck(), Number.POSITIVE_INFINITY)
  })

  it('goes down with its interface, looks again every downcheck, and comes back', () => {
    const { link, world, run, happened } = linkOf(false)
    link.update(0, world.list)
    happened()
    world.list = [lo, on('eth0', 2, '10.77.0.3/24', false)]
    link.update(100, world.list)
    assert.deepEqual(happened(), ['close', 'The network interface is down.', 'changed @100'])
    assert.equal(link.state, 'down')
    assert.equal(link.current, undefined)
    run(110, 3000)
    assert.deepEqual(happened(), [])
    world.list = [lo, eth0]
    run(3010, 4500)
    assert.deepEqual(happened(), ['open 10.77.0.3', 'The network interface [10.77.0.3] is now up.', 'changed @3100'])
  })

  it('never moves to loopback', () => {
    const { link, world, happened } = linkOf(true, '10.77.0.0', false)
    link.update(0, world.list)
    happened()
    world.list = [lo]
    link.update(100, world.list)
    assert.equal(link.state, 'down')
    assert.ok(!happened().some(line => line.startsWith('open')))
  })

  it('follows the address of its interface', () => {
    const { link, world, happened } = linkOf(true, '10.77.0.0', false)
    link.update(0, world.list)
    happened()
    world.list = [lo, on('eth0', 2, '10.77.0.33/24')]
    link.update(100, world.list)
    assert.deepEqual(happened(), [
      'close',
      'The network interface is down.',
      'open 10.77.0.33',
      'The network interface [10.77.0.33] is now up.',
      'changed @100',
    ])
  })

  it('opens anew on an interface that was taken away and came back', () => {
    const { link, world, happened } = linkOf(false)
    link.update(0, world.list)
    happened()
    link.update(100, [lo, on('eth0', 9, '10.77.0.3/24')])
    assert.ok(happened().includes('open 10.77.0.3'))
  })

  it('tries a taken port ten times, later and later, then gives up', () => {
    const { link, world, run, happened } = linkOf(false)
    world.problem = 'port taken'
    run(0, 10_000)
    const did = happened()
    assert.equal(did.filter(line => line.startsWith('open')).length, 10)
    assert.equal(did.at(-1), 'fatal port taken')
    assert.equal(link.state, 'failed')
  })

  it('does not use up its attempts on news of the interfaces', () => {
    const { link, world, happened } = linkOf(false)
    world.problem = 'address still settling'
    for (let now = 0; now < 90; now += 5) link.update(now, world.list)
    world.problem = undefined
    link.update(95, world.list)
    assert.equal(happened().at(-1), 'started @95')
  })

  it('without its interface does not start udpu', () => {
    const { world, run, happened } = linkOf(false)
    world.list = [lo]
    run(0, 10_000)
    assert.deepEqual(happened(), ['fatal no network interface that is up has the address 10.77.0.3'])
  })

  it('without its interface starts udp alone', () => {
    const { world, run, happened } = linkOf(true)
    world.list = [lo]
    run(0, 2000)
    assert.deepEqual(happened(), ['The network interface is down.', 'started @0'])
    world.list = [lo, eth0]
    run(2010, 4000)
    assert.deepEqual(happened(), ['open 10.77.0.3', 'The network interface [10.77.0.3] is now up.', 'changed @3000'])
  })
})

describe('the netmtu to pack for', () => {
  it('leaves room for the headers of IPv6 and stays as it is on IPv4', () => {
    assert.equal(packingMtu(1500, 4), 1500)
    // 1452 - 90 is the packet, 45 its header, 45 a recovery wrapper, 48 the headers of IPv6 and UDP: 1500 in all.
    assert.equal(packingMtu(1500, 6) - 90 + 45 + 45 + 48, 1500)
  })
})
