// The recorded answers of the real programs (test/data/config, see the README there): every case has to get the same
// exit status, message and line; every dump of the map the same keys, types and values.

import assert from 'node:assert/strict'
import { accessSync, closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { failureLines, type LoadResult, loadConfiguration, successLines } from '../../../src/config/index.js'
import { optionsFor } from '../../support/config-host.js'
import { mapLine } from '../../support/map-line.js'

const DATA = fileURLToPath(new URL('../../../../test/data/config/', import.meta.url))

interface Case {
  readonly id: string
  readonly expect_exit: number
  readonly error_line: number | null
  readonly stderr_must_mention: readonly string[]
  readonly stderr_reference: readonly string[]
}

interface LegacyCase {
  readonly id: string
  readonly started: boolean
  readonly exit: number | null
  readonly stderr_reference: readonly string[]
  readonly cfgtool_s?: readonly string[]
}

function readJson<T>(name: string): readonly T[] {
  return (JSON.parse(readFileSync(join(DATA, name), 'utf8')) as { cases: T[] }).cases
}

/** As the test option does it: log files are opened, the state directory is tried. */
function load(path: string, environment: Record<string, string> = {}): LoadResult {
  return loadConfiguration({
    ...optionsFor(path),
    environment: { STATE_DIRECTORY: tmpdir(), ...environment },
    openLogFile: file => closeSync(openSync(file, 'a')),
    enterDirectory: directory => accessSync(directory),
  })
}

function printed(result: LoadResult): string {
  const lines = result.ok ? successLines(result.configuration) : failureLines(result)
  return lines.map(line => line.text).join('\n')
}

/** The message of a recorded line: without level, subsystem and position. */
function recordedMessage(line: string): string {
  return line.replace(/^(?:error|warning|notice) +\[.{6}\] /, '').replace(/^parser error: @DIR@\/[^ ]+: /, '')
}

/** What keeps these good files from being started; all others of the corpus start. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'ok-secauth-inline-key': ['totem.transport', 'totem.secauth'],
  'ok-two-links': ['totem.transport', 'nodelist.node.0.ring1_addr'],
  'ok-udp-broadcast': [],
  'ok-udp-cluster-name': [],
  'ok-udpu-auto-nodeid': [],
}

/** Where a later version, which we follow, words it differently from 3.1.7 or where 3.1.7 crashes. */
const OWN_WORDING: Readonly<Record<string, string>> = {
  'bad-config-version-text':
    'Value of key "totem.config_version" is expected to be unsigned integer, but "1a" was given',
}

describe('the cases of corosync 3.1.7', () => {
  for (const expected of readJson<Case>('expected.json')) {
    it(expected.id, () => {
      const path = join(DATA, 'cases', expected.id, 'corosync.conf')
      const result = load(path)
      const text = printed(result)
      assert.equal(result.ok ? 0 : result.exitCode, expected.expect_exit, text)
      for (const mention of expected.stderr_must_mention) assert.ok(text.includes(mention), `${mention} in ${text}`)
      if (expected.error_line !== null) assert.match(text, new RegExp(`corosync\\.conf:${expected.error_line}:\\d+: `))
      if (result.ok) {
        const refused = result.configuration.refusals.map(refusal => refusal.key)
        assert.deepEqual(refused, REFUSED[expected.id] ?? ['totem.transport'])
        const warned = expected.stderr_reference.filter(line => line.startsWith('warning')).map(recordedMessage)
        for (const warning of warned) assert.ok(text.includes(warning), `${warning} in ${text}`)
      } else {
        const reference = OWN_WORDING[expected.id] ?? recordedMessage(expected.stderr_reference[0] ?? '')
        assert.equal(result.problems[0]?.message, reference)
      }
    })
  }
})

/** Refused by both, in other words or by another rule of ours (spec: config 9: one parser, one message for transports). */
const LEGACY_WORDING: Readonly<Record<string, string>> = {
  'l-transport-iba': 'Invalid transport type. Should be udpu, udp or knet',
  'l-brace-next-line': 'Line is not opening or closing section or key value',
}

describe('the cases of corosync 1.4.10', () => {
  for (const expected of readJson<LegacyCase>('expected-legacy.json')) {
    it(expected.id, () => {
      const path = join(DATA, 'legacy-cases', expected.id, 'corosync.conf')
      const result = load(path, { COROSYNC_TOTEM_AUTHKEY_FILE: '/nonexistent/authkey' })
      assert.equal(result.ok, expected.started, printed(result))
      if (!result.ok) {
        assert.equal(result.exitCode, expected.exit)
        const recorded = expected.stderr_reference.map(line =>
          line.replace(/^corosync \[.{6}\] (?:parser error: )?/, ''),
        )
        const message = result.problems[0]?.message ?? ''
        assert.ok(recorded.includes(message) || message === LEGACY_WORDING[expected.id], message)
        return
      }
      const recordedId = expected.cfgtool_s?.find(line => line.startsWith('Local node ID '))?.slice(14)
      assert.equal(String(result.configuration.nodeId), recordedId)
      const refused = result.configuration.refusals.map(refusal => refusal.key)
      assert.deepEqual(refused, expected.id === 'l-two-rings-passive' ? ['totem.rrp_mode'] : [])
    })
  }

  it('names secauth where the key is missing', () => {
    const result = load(join(DATA, 'legacy-cases', 'l-secauth-no-key', 'corosync.conf'), {
      COROSYNC_TOTEM_AUTHKEY_FILE: '/nonexistent/authkey',
    })
    assert.ok(!result.ok)
    assert.equal(result.problems[0]?.key, 'totem.secauth')
    assert.match(printed(result), /secauth/)
  })
})

/** Keys that the services write, not the configuration. */
const OF_SERVICES =
  /^(internal_configuration\.|runtime\.(?!config\.)|resources\.system\.\w+\.(state|poll_period) |resources\.watchdog_timeout \(u32\) = 6$)/

describe('the maps of a running corosync 3.1.7', () => {
  for (const id of readdirSync(join(DATA, 'dumps'))) {
    it(id, () => {
      const result = load(join(DATA, 'dumps', id, 'corosync.conf'))
      assert.ok(result.ok, printed(result))
      const { map } = result.configuration
      const ours = map.keys().map(key => mapLine(key, map.get(key)!))
      const recorded = readFileSync(join(DATA, 'dumps', id, 'cmap.txt'), 'utf8')
        .trimEnd()
        .split('\n')
      const belongs = (line: string) => !OF_SERVICES.test(line)
      assert.deepEqual(ours.filter(belongs), recorded.filter(belongs))
    })
  }
})
