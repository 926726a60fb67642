// What changes a running executive, with a loop and a node that only record.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MapValue } from '../../../src/config/map.js'
import { Reconfiguration } from '../../../src/daemon/reconfiguration.js'
import { RELOAD_TOTEM_KEY } from '../../../src/services/cfg/reload.js'
import type { MapEntry, ValidConfiguration } from '../../../src/services/cfg/types.js'
import { LiveMap } from '../../../src/services/cmap/live-map.js'
import type { TotemParameters } from '../../../src/totem/parameters.js'
import { keptLog } from '../../support/fake-node.js'

const str = (value: string): MapValue => ({ type: 'str', value })
const u32 = (value: number): MapValue => ({ type: 'u32', value })
const u8 = (value: number): MapValue => ({ type: 'u8', value })

function nodes(...ids: readonly number[]): ValidConfiguration {
  const listed = ids.map(nodeId => ({ nodeId, addresses: [`10.0.0.${nodeId}`] }))
  return { kind: 'valid', file: [], derived: [], nodes: listed, cryptoChanged: false }
}

class Scene {
  readonly map = new LiveMap()
  readonly log = keptLog()
  now = 1000
  /** Members told to the loop, one line each time. */
  readonly members: string[] = []
  readonly tuned: [boolean, number][] = []
  readonly parameters: TotemParameters[] = []
  readonly logging: (readonly MapEntry[])[] = []
  /** Whether the node has nothing more to send. */
  sent = true
  readonly reconfiguration: Reconfiguration

  constructor(map: Readonly<Record<string, MapValue>> = {}) {
    for (const [key, value] of Object.entries(map)) this.map.set(key, value)
    this.reconfiguration = new Reconfiguration({
      nodeId: 1,
      map: this.map,
      loop: {
        linkUp: true,
        addressesOf: nodeId => (nodeId < 4 ? [`10.0.0.${nodeId}`] : []),
        now: () => this.now,
        setMembers: members =>
          this.members.push(
            members
              .map(member => member.nodeId)
              .sort()
              .join(' '),
          ),
        tune: (block, downcheckMs) => this.tuned.push([block, downcheckMs]),
      },
      log: this.log.log,
      facts: { transport: 'udpu', family: 4, netMtu: 1500, defaults: '3', legacy: false },
      members: [1, 2, 3].map(nodeId => ({ nodeId, address: `10.0.0.${nodeId}` })),
      main: {
        readConfiguration: () => {},
        reopenLogFiles: () => {},
        loggingChanged: entries => this.logging.push(entries),
        leaveWanted: () => {},
        killed: () => {},
      },
    })
    const scene = this
    this.reconfiguration.attach({
      ring: { members: [1, 2], frameRoom: 1410 },
      executive: {
        get sent() {
          return scene.sent
        },
      },
      setTotemParameters: (_now, parameters) => this.parameters.push(parameters),
    })
  }
}

describe('a timer that a program writes into the map', () => {
  it('applies at once, with all that follows from it', () => {
    const scene = new Scene({ 'totem.token': u32(1000) })
    scene.map.set('totem.token', u32(2000))
    const [parameters] = scene.parameters
    assert.deepEqual(
      [parameters?.tokenTimeoutMs, parameters?.tokenRetransmitMs, parameters?.holdMs, parameters?.consensusMs],
      [2000, 476, 370, 2400],
    )
    assert.equal(scene.map.getNumber('runtime.config.totem.token', 'u32'), 2000)
    assert.equal(scene.map.getNumber('runtime.config.totem.consensus', 'u32'), 2400)
  })

  it('counts the nodes of the list', () => {
    const scene = new Scene()
    for (let i = 0; i < 4; i++) scene.map.set(`nodelist.node.${i}.ring0_addr`, str(`10.0.0.${i}`))
    scene.map.set('totem.token', u32(1000))
    assert.equal(scene.parameters.at(-1)?.tokenTimeoutMs, 1000 + 2 * 650)
  })

  it('that is deleted, or has the wrong type, is the default again', () => {
    const scene = new Scene({ 'totem.token': u32(1000) })
    scene.map.set('totem.token', str('2000'))
    scene.map.set('totem.token', u32(2000))
    scene.map.delete('totem.token')
    assert.deepEqual(
      scene.parameters.map(parameters => parameters.tokenTimeoutMs),
      [3000, 2000, 3000],
    )
  })

  it('that cannot be is told, and changes nothing', () => {
    const scene = new Scene({ 'totem.token': u32(1000) })
    scene.map.set('totem.token', u32(50))
    assert.deepEqual(scene.parameters, [])
    assert.equal(scene.map.has('runtime.config.totem.token'), false)
    assert.deepEqual(scene.log.lines, [
      'error [TOTEM] parse error in config: Not appropriate token or token_retransmits_before_loss_const value set',
    ])
  })

  it('waits until a reload is over', () => {
    const scene = new Scene()
    scene.map.set(RELOAD_TOTEM_KEY, u8(1))
    scene.map.set('totem.token', u32(1500))
    scene.map.set('totem.join', u32(60))
    assert.deepEqual(scene.parameters, [])
    scene.map.set(RELOAD_TOTEM_KEY, u8(0))
    assert.deepEqual(
      scene.parameters.map(({ tokenTimeoutMs, joinMs }) => [tokenTimeoutMs, joinMs]),
      [[1500, 60]],
    )
  })

  it('of the transport goes to the transport', () => {
    const scene = new Scene()
    scene.map.set('totem.block_unlisted_ips', str('no'))
    scene.map.set('totem.downcheck', u32(200))
    assert.deepEqual(scene.tuned, [
      [false, 1000],
      [false, 200],
    ])
  })
})

describe('log settings in the map', () => {
  const told = (scene: Scene) => scene.logging.map(entries => entries.map(({ key, value }) => `${key}=${value.value}`))

  it('are told once per turn, all of them', () => {
    const scene = new Scene({ 'logging.to_syslog': str('no') })
    assert.equal(scene.reconfiguration.nextDeadline(), Number.POSITIVE_INFINITY)
    scene.map.set('logging.debug', str('on'))
    scene.map.set('logging.timestamp', str('off'))
    assert.deepEqual(told(scene), [])
    assert.ok(scene.reconfiguration.nextDeadline() < scene.now)
    assert.equal(scene.reconfiguration.work(scene.now), true)
    assert.equal(scene.reconfiguration.work(scene.now), false)
    assert.deepEqual(told(scene), [['logging.debug=on', 'logging.timestamp=off', 'logging.to_syslog=no']])
  })

  it('that are as before are not told, nor are values of other types', () => {
    const scene = new Scene({ 'logging.debug': str('off') })
    scene.map.set('logging.debug', str('on'))
    scene.map.set('logging.debug', str('off'))
    scene.map.set('logging.number', u32(1))
    scene.reconfiguration.work(scene.now)
    assert.deepEqual(told(scene), [])
  })

  it('wait until a reload is over', () => {
    const scene = new Scene()
    scene.map.set(RELOAD_TOTEM_KEY, u8(1))
    scene.map.set('logging.debug', str('on'))
    scene.reconfiguration.work(scene.now)
    assert.deepEqual(told(scene), [])
    scene.map.set(RELOAD_TOTEM_KEY, u8(0))
    scene.reconfiguration.work(scene.now)
    assert.deepEqual(told(scene), [['logging.debug=on']])
  })
})

describe('a list of nodes that changes', () => {
  it('lets new nodes in at once', () => {
    const scene = new Scene()
    scene.reconfiguration.apply(nodes(1, 2, 3, 4))
    assert.deepEqual(scene.members, ['1 2 3 4'])
    scene.reconfiguration.work(scene.now)
    assert.deepEqual(scene.members, ['1 2 3 4'])
  })

  it('cuts off those who are not in it when this node has said what it had to say', () => {
    const scene = new Scene()
    scene.sent = false
    scene.reconfiguration.apply(nodes(1, 2, 4))
    assert.equal(scene.reconfiguration.work(scene.now), false)
    assert.deepEqual(scene.members, ['1 2 3 4'])
    scene.sent = true
    assert.equal(scene.reconfiguration.work(scene.now), true)
    assert.deepEqual(scene.members, ['1 2 3 4', '1 2 4'])
    assert.equal(scene.reconfiguration.nextDeadline(), Number.POSITIVE_INFINITY)
  })

  it('cuts them off after a moment when the ring takes nothing', () => {
    const scene = new Scene()
    scene.sent = false
    scene.reconfiguration.apply(nodes(1, 2))
    const until = scene.reconfiguration.nextDeadline()
    assert.ok(until > scene.now && until <= scene.now + 1000)
    scene.reconfiguration.work(until - 1)
    assert.deepEqual(scene.members, ['1 2 3'])
    scene.reconfiguration.work(until)
    assert.deepEqual(scene.members, ['1 2 3', '1 2'])
  })

  it('and changes back in between keeps everybody', () => {
    const scene = new Scene()
    scene.sent = false
    scene.reconfiguration.apply(nodes(1, 2))
    scene.reconfiguration.apply(nodes(1, 2, 3))
    scene.sent = true
    scene.reconfiguration.work(scene.now + 10_000)
    assert.deepEqual(scene.members.at(-1), '1 2 3')
  })

  it('is refused when a node in it would have another address', () => {
    const scene = new Scene()
    const moved = { ...nodes(1, 2, 3), nodes: [{ nodeId: 3, addresses: ['10.0.0.33'] }] }
    assert.match(scene.reconfiguration.refuses(moved) ?? '', /must be deleted and recreated/)
    assert.deepEqual(scene.log.lines, [
      'error [TOTEM] new config has different address for link 0 (addr changed from 10.0.0.3 to 10.0.0.33). Internal value was NOT changed.',
    ])
    assert.equal(scene.reconfiguration.refuses(nodes(1, 3, 9)), undefined)
  })

  it('forgets the address of a node that was not in it', () => {
    const scene = new Scene()
    scene.reconfiguration.apply(nodes(1, 2))
    const moved = { ...nodes(1, 2), nodes: [...nodes(1, 2).nodes, { nodeId: 3, addresses: ['10.0.0.33'] }] }
    assert.equal(scene.reconfiguration.refuses(moved), undefined)
  })

  it('that is empty leaves membership open', () => {
    const scene = new Scene()
    scene.reconfiguration.apply(nodes())
    assert.deepEqual(scene.members, [])
  })
})

describe('the status of a node', () => {
  const { links } = new Scene().reconfiguration

  it('is that of the membership, with the address of the node where C daemons have it', () => {
    assert.deepEqual(links.nodeStatus(2), {
      reachable: true,
      remote: false,
      external: false,
      onwireMin: 0,
      onwireMax: 0,
      onwire: 0,
      links: [
        {
          enabled: true,
          connected: true,
          dynamicallyConnected: false,
          mtu: 1410,
          source: '10.0.0.2',
          destination: '',
        },
      ],
    })
    const listed = links.nodeStatus(3)
    assert.deepEqual([listed.reachable, listed.links[0]?.connected], [false, false])
    assert.deepEqual(links.nodeStatus(9).links, [])
  })

  it('has addresses as bytes, and one link', () => {
    assert.deepEqual(links.nodeAddresses(3), [Uint8Array.of(10, 0, 0, 3)])
    assert.deepEqual(links.nodeAddresses(9), [])
    assert.deepEqual(links.ringStatus(), [{ name: '0 10.0.0.1', status: 'OK' }])
  })
})
