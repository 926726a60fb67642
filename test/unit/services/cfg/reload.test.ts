// A reload: who reads when, what becomes of the map and in which order, who is told what.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MapValue } from '../../../../src/config/map.js'
import { RELOADS_WAITING_MAX } from '../../../../src/services/cfg/service.js'
import type { ConfigurationRead, MapEntry, ValidConfiguration } from '../../../../src/services/cfg/types.js'
import { CsError } from '../../../../src/services/errors.js'
import * as wire from '../../../../src/wire/cfg.js'
import { type CfgNode, cfgNodes, request } from '../../../support/cfg-node.js'
import { FakeCluster } from '../../../support/fake-ring.js'

const RELOAD = request(7)
const RELOADED = 14

const str = (value: string): MapValue => ({ type: 'str', value })
const u32 = (value: number): MapValue => ({ type: 'u32', value })

function entries(values: Readonly<Record<string, MapValue>>): MapEntry[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }))
}

function valid(
  file: Readonly<Record<string, MapValue>>,
  derived: Readonly<Record<string, MapValue>> = {},
  more: Partial<ValidConfiguration> = {},
): ValidConfiguration {
  return {
    kind: 'valid',
    file: entries(file),
    derived: entries(derived),
    nodes: [],
    cryptoChanged: false,
    ...more,
  }
}

const UNREADABLE: ConfigurationRead = { kind: 'unreadable', problem: 'parser error: x:4: something' }

class Scene {
  readonly cluster = new FakeCluster()
  readonly nodes: CfgNode[]
  readonly node: CfgNode

  constructor(count = 1, map: Readonly<Record<string, MapValue>> = {}) {
    this.nodes = cfgNodes(this.cluster, count)
    this.node = this.nodes[0]!
    for (const node of this.nodes) for (const [key, value] of Object.entries(map)) node.map.set(key, value)
  }

  run(): void {
    this.cluster.run(this.cluster.rings.at(-1)!)
  }

  /** Orders a reload on the first node, up to the point where files are read. */
  order() {
    const program = this.node.connect()
    program.send(RELOAD)
    this.run()
    return program
  }
}

describe('an order to reload', () => {
  it('makes every node read its file, and the one who ordered it answer', () => {
    const scene = new Scene(3)
    const program = scene.order()
    for (const node of scene.nodes) {
      assert.deepEqual(node.asked, ['readConfiguration'])
      assert.deepEqual(node.lines(), ['notice CFG Config reload requested by node 1'])
    }
    scene.nodes[1]!.cfg.configurationRead(UNREADABLE)
    assert.equal(program.answers.length, 0)
    scene.node.cfg.configurationRead(valid({}))
    assert.deepEqual(program.result(), [RELOADED, CsError.OK])
  })

  it('is answered with the result of the own node', () => {
    for (const [read, result] of [
      [UNREADABLE, CsError.INVALID_PARAM],
      [{ kind: 'invalid', problem: 'x' }, CsError.INVALID_PARAM],
      [valid({}), CsError.OK],
    ] as const) {
      const scene = new Scene()
      const program = scene.order()
      scene.node.cfg.configurationRead(read)
      assert.deepEqual(program.result(), [RELOADED, result])
    }
  })

  it('waits while a file is being read, and all that wait are satisfied by the next reading', () => {
    const scene = new Scene(2)
    const [one, two, three] = [scene.order(), scene.order(), scene.order()]
    assert.deepEqual(scene.node.asked, ['readConfiguration'])
    scene.node.lines()
    scene.node.cfg.configurationRead(UNREADABLE)
    assert.deepEqual(one.result(), [RELOADED, CsError.INVALID_PARAM])
    assert.deepEqual(scene.node.asked, ['readConfiguration', 'readConfiguration'])
    assert.equal(two.answers.length + three.answers.length, 0)
    scene.node.cfg.configurationRead(valid({}))
    assert.deepEqual(two.result(), [RELOADED, CsError.OK])
    assert.deepEqual(three.result(), [RELOADED, CsError.OK])
    const requested = scene.node.lines().filter(line => line.endsWith('requested by node 1'))
    assert.equal(requested.length, 2)
  })

  it('of a program twice is answered twice', () => {
    const scene = new Scene()
    const program = scene.node.connect()
    program.send(RELOAD)
    program.send(RELOAD)
    scene.run()
    scene.node.cfg.configurationRead(valid({}))
    scene.node.cfg.configurationRead(valid({}))
    assert.deepEqual([program.result(), program.result()].flat(), [RELOADED, CsError.OK, RELOADED, CsError.OK])
    assert.equal(program.answers.length, 0)
  })

  it('of a program that has gone is carried out, and nobody else gets its answer', () => {
    for (const when of ['before it comes back', 'while the file is read'] as const) {
      const scene = new Scene()
      const program = scene.node.connect()
      program.send(RELOAD)
      if (when === 'while the file is read') scene.run()
      program.disconnect()
      scene.run()
      scene.node.cfg.configurationRead(valid({}))
      assert.deepEqual([scene.node.asked.at(-1), program.answers.length], ['apply', 0], when)
    }
  })

  it('cannot be given while the ring takes nothing', () => {
    const scene = new Scene(2)
    scene.cluster.form([1, 2])
    const program = scene.node.connect()
    program.send(RELOAD)
    assert.deepEqual(program.result(), [RELOADED, CsError.TRY_AGAIN])
  })

  it('that floods is bounded', () => {
    const scene = new Scene(2)
    const buf = new Uint8Array(64)
    const source = { nodeId: 2, connection: 1 }
    for (let i = 0; i < RELOADS_WAITING_MAX + 10; i++) {
      const length = wire.writeCfgSource(wire.CfgFunction.reloadConfig, source, buf, 0, true)
      assert.ok(scene.nodes[1]!.executive.port.send(buf, 0, length, buf, 0, 0))
    }
    scene.run()
    scene.node.lines()
    scene.node.cfg.configurationRead(valid({}))
    assert.equal(scene.node.lines().length, RELOADS_WAITING_MAX)
  })

  it('is answered before the node ends', () => {
    const scene = new Scene()
    const [reading, waiting] = [scene.order(), scene.order()]
    const sent = scene.node.connect()
    sent.send(RELOAD)
    scene.node.executive.exit()
    for (const program of [reading, waiting, sent]) {
      assert.deepEqual(program.result(), [RELOADED, CsError.TRY_AGAIN])
    }
    scene.node.cfg.configurationRead(valid({}))
    assert.equal(scene.node.applied.length, 0)
  })

  it('has nothing to reload in a simulation', () => {
    const [node] = cfgNodes(new FakeCluster(), 1, { bare: true })
    const program = node!.connect()
    program.send(RELOAD)
    assert.deepEqual(program.result(), [RELOADED, CsError.NOT_SUPPORTED])
  })
})

describe('what a reload does to the map', () => {
  const BEFORE = {
    'totem.token': u32(1500),
    'totem.version': u32(2),
    'totem.interface.0.bindnetaddr': str('10.0.0.1'),
    'nodelist.local_node_pos': u32(0),
    'nodelist.node.0.nodeid': u32(1),
    'runtime.config.totem.token': u32(1500),
    'mine.key': str('x'),
    'totem.mykey': str('x'),
  }
  const FILE = { 'nodelist.node.0.nodeid': u32(1), 'totem.token': u32(1700), 'totem.version': u32(2) }
  const DERIVED = { 'nodelist.local_node_pos': u32(0), 'runtime.config.totem.token': u32(1700) }

  function reload(read: ConfigurationRead, before: Readonly<Record<string, MapValue>> = BEFORE) {
    const scene = new Scene(1, before)
    const seen = scene.node.watch()
    scene.order()
    scene.node.cfg.configurationRead(read)
    return { seen, node: scene.node, scene }
  }

  it('comes in the order of the C daemon', () => {
    const { seen } = reload(valid(FILE, DERIVED))
    assert.deepEqual(seen, [
      'add config.totemconfig_reload_in_progress = 1',
      'add config.reload_in_progress = 1',
      'delete totem.interface.0.bindnetaddr',
      'delete totem.mykey',
      'delete nodelist.local_node_pos',
      'add nodelist.local_node_pos = 0',
      'modify runtime.config.totem.token = 1700',
      'modify totem.token = 1700',
      'add config.reload_status = 1',
      'modify config.totemconfig_reload_in_progress = 0',
      'modify config.reload_in_progress = 0',
    ])
  })

  it('leaves what belongs to nobody of the file', () => {
    const { node } = reload(valid(FILE, DERIVED))
    assert.equal(node.map.getString('mine.key'), 'x')
  })

  it('is applied before the flags fall, once everything is in the map', () => {
    const scene = new Scene(1, BEFORE)
    const seen = scene.node.watch()
    let at = -1
    scene.node.apply = configuration => {
      at = seen.length
      assert.equal(scene.node.map.getNumber('totem.token', 'u32'), 1700)
      scene.node.applied.push(configuration)
    }
    scene.order()
    scene.node.cfg.configurationRead(valid(FILE, DERIVED))
    assert.deepEqual([at, seen[at]], [8, 'add config.reload_status = 1'])
  })

  it('is nothing when the file cannot be read, and the flag falls again', () => {
    const { seen, node } = reload(UNREADABLE)
    assert.deepEqual(seen, [
      'add config.totemconfig_reload_in_progress = 1',
      'modify config.totemconfig_reload_in_progress = 0',
    ])
    assert.ok(node.logged.includes('error CFG Unable to reload config file: parser error: x:4: something'))
    assert.ok(!node.asked.includes('apply'))
  })

  const REJECTED = [
    'add config.totemconfig_reload_in_progress = 1',
    'add config.reload_in_progress = 1',
    'add config.reload_status = 7',
    'modify config.totemconfig_reload_in_progress = 0',
    'modify config.reload_in_progress = 0',
  ]

  it('is nothing but a status when the file is not valid', () => {
    const { seen, node } = reload({ kind: 'invalid', problem: 'parse error in config: too much.' })
    assert.deepEqual(seen, REJECTED)
    assert.ok(node.logged.includes('error CFG Configuration is not valid: parse error in config: too much.'))
    assert.ok(!node.asked.includes('apply'))
  })

  it('is nothing but a status when links would have to change', () => {
    const scene = new Scene(1, BEFORE)
    const seen = scene.node.watch()
    scene.node.refusal = 'they are in use'
    scene.order()
    scene.node.cfg.configurationRead(valid(FILE, DERIVED))
    assert.deepEqual(seen, REJECTED)
    const line = 'error CFG Cannot configure new interface definitions: they are in use'
    assert.ok(scene.node.logged.includes(line))
    assert.ok(!scene.node.asked.includes('apply'))
  })

  it('leaves keys that cannot change as they are, and says so', () => {
    const before = { ...BEFORE, 'totem.cluster_name': str('one'), 'totem.transport': str('udpu') }
    const file = { ...FILE, 'totem.cluster_name': str('two'), 'totem.netmtu': u32(1400), 'quorum.provider': str('x') }
    const { node, seen } = reload(valid(file, DERIVED), before)
    const notices = node.logged.filter(line => line.includes('Modified entry'))
    assert.deepEqual(
      notices.map(line => /'(.*)'/.exec(line)?.[1]).toSorted(),
      // Changed, new, new, and gone.
      ['quorum.provider', 'totem.cluster_name', 'totem.netmtu', 'totem.transport'],
    )
    assert.equal(
      notices[0],
      `notice CFG Modified entry '${/'(.*)'/.exec(notices[0]!)?.[1]}' in corosync.conf cannot be changed at run-time`,
    )
    assert.ok(!seen.some(line => /cluster_name|netmtu|provider|transport/.test(line)))
    assert.ok(node.asked.includes('apply'))
  })

  it('goes on where it can also after one that could not', () => {
    const { scene, node } = reload(UNREADABLE)
    const seen = node.watch()
    const program = scene.order()
    node.cfg.configurationRead(valid(FILE, DERIVED))
    assert.deepEqual(program.result(), [RELOADED, CsError.OK])
    assert.equal(seen.at(-1), 'modify config.reload_in_progress = 0')
  })
})

describe('new keys of packets', () => {
  it('are used when every node has told that it knows them, and the old ones go afterwards', () => {
    const scene = new Scene(2)
    scene.order()
    const changed = valid({}, {}, { cryptoChanged: true })
    scene.node.cfg.configurationRead(changed)
    scene.run()
    assert.deepEqual(scene.node.asked.slice(-2), ['activateCrypto', 'cleanUpCrypto'])
    assert.ok(!scene.nodes[1]!.asked.includes('activateCrypto'))
    scene.nodes[1]!.cfg.configurationRead(changed)
    scene.run()
    assert.deepEqual(scene.nodes[1]!.asked.slice(-2), ['activateCrypto', 'cleanUpCrypto'])
    // Each sends two messages and gets four.
    for (const node of scene.nodes) {
      const counters = node.executive.table.counters.find(each => each.service === node.cfg)
      const { cryptoReconfig } = wire.CfgFunction
      assert.deepEqual([counters?.sent[cryptoReconfig], counters?.received[cryptoReconfig]], [2, 4])
    }
  })
})
