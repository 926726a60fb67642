// What is written for users about configuration is kept true: the examples and the reference.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Configuration, loadConfiguration } from '../../../src/config/index.js'
import { fakeHost, optionsFor } from '../../support/config-host.js'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const PREFIX = 'corosync.conf.example.'

/** The first node of every example. */
const host = fakeHost({ hostname: 'node1', interfaces: ['192.0.2.1/24', '2001:db8::1/64', '198.51.100.1/24'] })

function example(name: string): Configuration {
  const result = loadConfiguration(optionsFor(join(ROOT, 'conf', PREFIX + name), host))
  assert.ok(result.ok, name)
  return result.configuration
}

describe('the example files', () => {
  it('are these', () => {
    const names = readdirSync(join(ROOT, 'conf')).filter(name => name.startsWith(PREFIX))
    assert.deepEqual(names.map(name => name.slice(PREFIX.length)).sort(), [
      'knet',
      'legacy-udpu',
      'udp',
      'udp-broadcast',
      'udpu',
      'udpu-ipv6',
    ])
  })

  for (const name of ['udpu', 'udp', 'udp-broadcast', 'udpu-ipv6']) {
    it(`${name} can be started, without a warning`, () => {
      const configuration = example(name)
      assert.deepEqual(configuration.refusals, [])
      assert.deepEqual(configuration.warnings, [])
      assert.equal(configuration.nodeId, 1)
      assert.equal(configuration.transport, name.startsWith('udpu') ? 'udpu' : 'udp')
    })
  }

  it('show what their names say', () => {
    assert.equal(example('udp').mcastAddress, '239.255.1.1')
    assert.equal(example('udp-broadcast').broadcast, true)
    assert.equal(example('udpu-ipv6').family, 6)
  })

  it('of the old style can be started', () => {
    const configuration = example('legacy-udpu')
    assert.equal(configuration.legacy, true)
    assert.deepEqual(configuration.refusals, [])
    assert.deepEqual(
      configuration.members.map(member => member.nodeId),
      [0x010200c0, 0x020200c0],
    )
  })

  it('for knet is good, and says itself that it cannot be started yet', () => {
    assert.deepEqual(
      example('knet').refusals.map(refusal => refusal.key),
      ['totem.transport', 'nodelist.node.0.ring1_addr'],
    )
  })
})

describe('docs/configuration.md', () => {
  it('is what the table of keys gives', () => {
    const script = join(ROOT, 'scripts', 'generate-config-doc.mjs')
    const done = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
  })
})
