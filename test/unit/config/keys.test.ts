import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { convert, defaultOf, findKey, integer, isReadOnly, schemaOf, unsigned64 } from '../../../src/config/keys.js'
import { isKeyName } from '../../../src/config/map.js'
import { SCHEMA } from '../../../src/config/schema.js'

function converted(path: string, text: string): unknown {
  const result = convert(findKey(path), path, text)
  return result.ok ? result.value.value : result.reason
}

describe('numbers in the file', () => {
  it('are decimal, with white space in front and a sign', () => {
    for (const [text, value] of Object.entries({ '3000': 3000, '+3000': 3000, '03000': 3000, '\v\f12': 12, '-0': 0 })) {
      assert.equal(converted('totem.token', text), value, JSON.stringify(text))
    }
  })

  it('are nothing else', () => {
    for (const text of ['', '0x10', '1.5', '3 000', '3s', '1e3', '--1', '+', ' ', '１']) {
      assert.equal(integer(text, 0, 0xffffffff), undefined, JSON.stringify(text))
    }
  })

  it('keep to the range of their key', () => {
    assert.equal(converted('totem.token', '4294967295'), 4294967295)
    assert.equal(
      converted('totem.token', '4294967296'),
      'Value of key "totem.token" is expected to be integer in range (0..4294967295), but "4294967296" was given',
    )
    assert.match(String(converted('totem.token', '-1')), /in range \(0\.\.4294967295\), but "-1"/)
    assert.equal(converted('totem.knet_compression_level', '-2147483648'), -2147483648)
    assert.match(String(converted('totem.knet_compression_level', '2147483648')), /\(-2147483648\.\.2147483647\)/)
    assert.equal(converted('totem.interface.mcastport', '65535'), 65535)
    assert.match(String(converted('totem.interface.mcastport', '65536')), /\(0\.\.65535\)/)
    assert.match(String(converted('quorum.two_node', 'yes')), /\(0\.\.255\), but "yes"/)
    assert.match(String(converted('totem.token', '9'.repeat(400))), /in range/)
  })

  it('wrap around below zero where they have 64 bits', () => {
    assert.equal(unsigned64('-1'), 2n ** 64n - 1n)
    assert.equal(unsigned64('18446744073709551615'), 2n ** 64n - 1n)
    assert.equal(unsigned64('18446744073709551616'), undefined)
    assert.equal(
      converted('totem.config_version', '1a'),
      'Value of key "totem.config_version" is expected to be unsigned integer, but "1a" was given',
    )
  })

  it('may be names for ip_dscp', () => {
    const values = { '0': 0, '63': 63, '0x2e': 46, '056': 46, ef: 46, cs0: 0, cs7: 56, af11: 10, af43: 38 }
    for (const [text, value] of Object.entries(values)) assert.equal(converted('totem.ip_dscp', text), value, text)
    for (const text of ['64', 'af14', 'cs8', 'EF', '', '0x40', '-1']) {
      assert.equal(converted('totem.ip_dscp', text), 'Invalid ip_dscp value', text)
    }
  })
})

describe('words in the file', () => {
  it('are checked by the parser where the reference does so', () => {
    assert.equal(converted('totem.crypto_model', 'gcrypt'), 'Invalid crypto model. Should be nss or openssl')
    assert.equal(converted('totem.ip_version', 'IPv4'), 'Invalid ip_version type')
    assert.equal(
      converted('totem.knet_compression_model', 'none'),
      'Invalid compression model. Should be zlib, lz4, lz4hc, lzo2, lzma, bzip2 or zstd',
    )
    assert.equal(converted('totem.wire', '2.4'), '2.4')
    assert.match(String(converted('totem.wire', '2')), /Should be 3, 2\.4 or 1\.4/)
    assert.equal(converted('system.udp_offload', 'on'), 'Invalid system.udp_offload')
  })

  it('are left to later checks otherwise', () => {
    assert.equal(converted('totem.transport', 'iba'), 'iba')
    assert.equal(converted('logging.timestamp', 'yes'), 'yes')
    assert.equal(converted('totem.secauth', 'yes'), 'yes')
  })
})

describe('the table of keys', () => {
  it('finds keys with a number or a name in them', () => {
    assert.equal(findKey('nodelist.node.ring3_addr')?.path, 'nodelist.node.ring*_addr')
    assert.equal(findKey('nodelist.node.nodeid')?.type, 'u32')
    assert.equal(findKey('nodelist.node.rack')?.path, 'nodelist.node.**')
    assert.equal(findKey('resources.system.memory_used.poll_period')?.type, 'u64')
    assert.equal(findKey('totem.nosuch'), undefined)
    assert.equal(findKey('totemXtoken'), undefined)
  })

  it('has every key once, with a line of documentation and a usable default', () => {
    assert.equal(new Set(SCHEMA.map(schema => schema.path)).size, SCHEMA.length)
    for (const schema of SCHEMA) {
      assert.match(schema.doc, /\.$/, schema.path)
      assert.ok(schema.path.includes('*') || isKeyName(schema.path), schema.path)
      assert.ok(schema.generations.length > 0, schema.path)
      for (const value of schema.defaults) {
        if (['-', ''].includes(value) || value.startsWith('(')) continue
        if (schema.words !== undefined && schema.path !== 'totem.knet_compression_model') {
          assert.ok(schema.words.words.includes(value), `${schema.path} ${value}`)
        }
        if (schema.type !== 'str') assert.match(value, /^\d+$/, schema.path)
      }
    }
  })

  it('gives each generation its own default, and the newest where it has none', () => {
    assert.equal(defaultOf(schemaOf('totem.token'), '1.4'), '1000')
    assert.equal(defaultOf(schemaOf('totem.token'), '3'), '3000')
    assert.equal(defaultOf(schemaOf('totem.secauth'), '1.4'), 'on')
    assert.equal(defaultOf(schemaOf('totem.transport'), '2.4'), 'udp')
    assert.equal(defaultOf(schemaOf('totem.block_unlisted_ips'), '1.4'), 'yes')
    assert.equal(defaultOf(schemaOf('system.udp_offload'), '1.4'), 'yes')
  })

  it('knows what clients of the map may not write', () => {
    const readOnly = 'crypto_cipher crypto_hash crypto_model keyfile key secauth ip_version rrp_mode transport'
      .split(' ')
      .concat('cluster_name netmtu threads version nodeid clear_node_high_bit'.split(' '))
    for (const name of readOnly) assert.ok(isReadOnly(`totem.${name}`), name)
    for (const key of [
      'config.reload_in_progress',
      'nodelist.node.0.nodeid',
      'system.priority',
      'uidgid.config.uid.0',
    ]) {
      assert.ok(isReadOnly(key), key)
    }
    for (const key of ['totem.token', 'totem.config_version', 'logging.debug', 'quorum.two_node', 'uidgid.uid.0']) {
      assert.ok(!isReadOnly(key), key)
    }
  })
})
