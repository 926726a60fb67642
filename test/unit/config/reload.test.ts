// Files that are read again, and timers and log settings of a map that changes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { unchangeableKeys } from '../../../src/config/keys.js'
import { ConfigMap, type MapValue } from '../../../src/config/map.js'
import { type Reread, rereadConfiguration } from '../../../src/config/reload.js'
import { SCHEMA } from '../../../src/config/schema.js'
import { type TuningFacts, tune, tuneLogging } from '../../../src/config/tuning.js'
import type { Configuration } from '../../../src/config/types.js'
import { configured, fakeHost } from '../../support/config-host.js'

function node(i: number, address = `127.0.0.${i}`): string {
  return `node {\nring0_addr: ${address}\nnodeid: ${i}\n}\n`
}

function file(totem = '', list = node(1) + node(2), more = ''): string {
  return `totem {\nversion: 2\ncluster_name: one\ntransport: udpu\n${totem}}\nnodelist {\n${list}}\n${more}`
}

const START = configured(file('token: 1000\n'))

function reread(text: string, start: Configuration = START): Reread {
  const options = {
    path: 'corosync.conf',
    read: (name: string) => {
      if (name === 'corosync.conf' && text !== '') return Buffer.from(text)
      throw Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2, syscall: 'open' })
    },
    list: () => [],
    host: fakeHost(),
    environment: {},
  }
  return rereadConfiguration(options, start)
}

function good(text: string, start?: Configuration) {
  const result = reread(text, start)
  assert.ok(result.ok, result.ok ? '' : result.problem)
  return result
}

function bad(text: string, start?: Configuration) {
  const result = reread(text, start)
  assert.ok(!result.ok)
  return result
}

const shown = (entries: readonly (readonly [string, MapValue])[]) =>
  Object.fromEntries(entries.map(([key, value]) => [key, value.value]))

describe('a file that is read again', () => {
  it('says what it says, and what follows from it', () => {
    const { file: said, derived, configuration } = good(file('token: 2000\n'))
    assert.deepEqual(shown(said), {
      'nodelist.node.0.nodeid': 1,
      'nodelist.node.0.ring0_addr': '127.0.0.1',
      'nodelist.node.1.nodeid': 2,
      'nodelist.node.1.ring0_addr': '127.0.0.2',
      'totem.cluster_name': 'one',
      'totem.token': 2000,
      'totem.transport': 'udpu',
      'totem.version': 2,
    })
    const follows = shown(derived)
    assert.equal(follows['nodelist.local_node_pos'], 0)
    assert.equal(follows['runtime.config.totem.token'], 2000)
    assert.equal(follows['runtime.config.totem.consensus'], 2400)
    assert.equal(configuration.totem.tokenTimeoutMs, 2000)
  })

  it('does not bring back what only the start writes', () => {
    assert.ok(START.map.has('totem.interface.0.bindnetaddr'))
    assert.ok(!('totem.interface.0.bindnetaddr' in shown(good(file()).derived)))
  })

  it('is judged with what cannot change, whatever it says about that', () => {
    const changed = file()
      .replace('transport: udpu', 'transport: knet')
      .replace('cluster_name: one', 'cluster_name: two')
    const { file: said, configuration } = good(changed)
    assert.equal(configuration.transport, 'udpu')
    // Whoever compares it with the map will say so.
    assert.deepEqual([shown(said)['totem.transport'], shown(said)['totem.cluster_name']], ['knet', 'two'])
    const dropped = good(file().replace('transport: udpu\n', ''))
    assert.equal(dropped.configuration.transport, 'udpu')
    assert.ok(!('totem.transport' in shown(dropped.file)) && !('totem.transport' in shown(dropped.derived)))
    assert.equal(good(file('netmtu: 9000\n')).configuration.totem.netMtu, START.totem.netMtu)
  })

  it('generates node ids as the start does', () => {
    const list = 'node {\nring0_addr: 127.0.0.1\nnodeid: 1\n}\nnode {\nring0_addr: 127.0.0.9\n}\n'
    assert.equal(shown(good(file('', list)).derived)['nodelist.node.1.nodeid'], 0x7f000009)
  })

  it('counts nodes anew', () => {
    const { configuration } = good(file('token: 1000\n', node(1) + node(2) + node(3)))
    assert.equal(configuration.totem.tokenTimeoutMs, 1650)
    assert.deepEqual(
      configuration.members.map(member => member.nodeId),
      [1, 2, 3],
    )
  })

  it('that cannot be understood says where', () => {
    assert.deepEqual(bad(file('token: 2s\n')), {
      ok: false,
      readable: false,
      problem:
        'parser error: corosync.conf:5: Value of key "totem.token" is expected to be integer in range (0..4294967295), but "2s" was given',
    })
    assert.match(bad(`${file()}x {\n`).problem, /^parser error: corosync\.conf:\d+: Missing closing brace$/)
  })

  it('that is not there says so', () => {
    assert.deepEqual(bad(''), {
      ok: false,
      readable: false,
      problem: "Can't read file corosync.conf: No such file or directory",
    })
  })

  it('that cannot be used says why', () => {
    const warning = bad(file('token_warning: 200\n'))
    assert.deepEqual(
      [warning.readable, warning.problem],
      [true, 'parse error in config: The token warning parameter (200%) must be between 0 (disabled) and 100.'],
    )
    const logging = bad(file('', undefined, 'logging {\ntimestamp: sometimes\n}\n'))
    assert.deepEqual([logging.readable, logging.problem], [true, 'parse error in config: unknown value for timestamp.'])
  })

  it('cannot make it another node, or one that does not run', () => {
    assert.match(bad(file('', node(1).replace('nodeid: 1', 'nodeid: 7') + node(2))).problem, /id of this node is 1/)
    assert.match(bad(file('', node(3, '10.1.1.1'))).problem, /No valid name found for local host/)
    const legacy = 'totem {\nversion: 2\nsecauth: off\ntransport: udpu\ninterface {\nbindnetaddr: 127.0.0.1\n}\n}\n'
    assert.match(bad(legacy).problem, /no nodelist any more/)
    assert.match(bad(file(), configured(legacy)).problem, /has a nodelist/)
  })
})

describe('keys that cannot change', () => {
  it('are those of the table', () => {
    const refused = SCHEMA.filter(schema => schema.reload === 'refused').map(schema => schema.path)
    assert.deepEqual([...unchangeableKeys()].sort(), refused.sort())
  })

  it('are spoken of in the order of the C daemon', () => {
    const spoken = ['totem.netmtu', 'totem.transport', 'totem.cluster_name']
    assert.deepEqual(
      unchangeableKeys().filter(key => spoken.includes(key)),
      spoken,
    )
  })
})

const FACTS: TuningFacts = { transport: 'udpu', family: 4, netMtu: 1500, defaults: '3', legacy: false }

describe('timers of a map', () => {
  const mapOf = (values: Readonly<Record<string, MapValue>>) => {
    const map = new ConfigMap()
    for (const [key, value] of Object.entries(values)) map.set(key, value)
    return map
  }

  it('are those of a file that says the same', () => {
    const tuned = tune(START.map, FACTS)
    assert.ok(tuned.ok)
    assert.deepEqual(tuned.totem, START.totem)
    for (const [key, value] of tuned.published) assert.deepEqual(START.map.get(key), value, key)
    assert.equal(tuned.blockUnlistedIps, true)
  })

  it('leave the map as it is', () => {
    const map = mapOf({ 'totem.token': { type: 'u32', value: 1000 } })
    tune(map, FACTS)
    assert.deepEqual(map.keys(), ['totem.token'])
  })

  it('of old files count no nodes', () => {
    const map = mapOf({
      'totem.token': { type: 'u32', value: 1000 },
      ...Object.fromEntries([0, 1, 2].map(i => [`nodelist.node.${i}.ring0_addr`, { type: 'str', value: 'x' }])),
    })
    const [old, young] = [tune(map, { ...FACTS, defaults: '1.4', legacy: true }), tune(map, FACTS)]
    assert.ok(old.ok && young.ok)
    assert.deepEqual([old.totem.tokenTimeoutMs, young.totem.tokenTimeoutMs], [1000, 1650])
  })

  it('that cannot be are not', () => {
    const tuned = tune(mapOf({ 'totem.join': { type: 'u32', value: 29 } }), FACTS)
    assert.deepEqual(tuned, {
      ok: false,
      problem: 'parse error in config: The join timeout parameter (29 ms) may not be less than (30 ms).',
    })
  })
})

describe('log settings of a map', () => {
  const text = (value: string): MapValue => ({ type: 'str', value })

  it('are those of a file that says the same', () => {
    const tuned = tuneLogging([['logging.debug', text('on')]], '3', () => {})
    assert.ok(tuned.ok)
    assert.deepEqual(tuned.logging, configured(file('', undefined, 'logging {\ndebug: on\n}\n')).logging)
  })

  it('that cannot be are not', () => {
    assert.deepEqual(
      tuneLogging([['logging.debug', text('bad')]], '3', () => {}),
      {
        ok: false,
        problem: 'parse error in config: unknown value for debug.',
      },
    )
    const denied = () => {
      throw Object.assign(new Error('no'), { code: 'EACCES', errno: -13, syscall: 'open' })
    }
    const tuned = tuneLogging([['logging.logfile', text('/x')]], '3', denied)
    assert.ok(!tuned.ok && /Can't open logfile '\/x' for reason: Permission denied \(13\)/.test(tuned.problem))
  })
})
