import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DaemonOptions, parseCommandLine, USAGE } from '../../../src/daemon/options.js'

const none: DaemonOptions = {
  foreground: false,
  test: false,
  verbose: false,
  configFile: undefined,
  lockFile: undefined,
  recordFile: undefined,
  schedRr: undefined,
  moveToRootCgroup: undefined,
  priority: undefined,
}

const STARTS: readonly (readonly [string, Partial<DaemonOptions>])[] = [
  ['', {}],
  ['-f', { foreground: true }],
  ['-t', { test: true }],
  ['-c /x/y', { configFile: '/x/y' }],
  ['-c/x/y', { configFile: '/x/y' }],
  ['-ftc /x', { foreground: true, test: true, configFile: '/x' }],
  ['-f -c a -c b', { foreground: true, configFile: 'b' }],
  ['-p', { schedRr: 'no' }],
  ['-r', { schedRr: 'yes' }],
  ['-R', { moveToRootCgroup: 'no' }],
  ['-P max', { priority: 'max' }],
  ['-P -5', { priority: '-5' }],
  ['-l /run/x.pid', { lockFile: '/run/x.pid' }],
  ['--record /x/y', { recordFile: '/x/y' }],
  ['--record=/x/y -f', { recordFile: '/x/y', foreground: true }],
  ['word -f word', { foreground: true }],
  ['-- -f', {}],
  ['-t -v', { test: true, verbose: true }],
  ['-tv', { test: true, verbose: true }],
]

describe('the command line', () => {
  for (const [line, expected] of STARTS) {
    it(`takes '${line}'`, () => {
      const args = line.split(' ').filter(word => word !== '')
      assert.deepEqual(parseCommandLine(args), { kind: 'start', options: { ...none, ...expected } })
    })
  }
  it('shows the version at once, whatever stands behind it', () => {
    assert.deepEqual(parseCommandLine(['-f', '-v', '-x']), { kind: 'version' })
    assert.deepEqual(parseCommandLine(['-v', '-t']), { kind: 'version' })
  })
  it('refuses what it does not know, help included, in the words of getopt', () => {
    for (const letter of ['x', 'h', '-']) {
      const message = `corosync: invalid option -- '${letter}'\n${USAGE}`
      assert.deepEqual(parseCommandLine([`-${letter}help`]), { kind: 'wrong', message })
    }
  })
  it('refuses an option without its argument', () => {
    const message = `corosync: option requires an argument -- 'c'\n${USAGE}`
    assert.deepEqual(parseCommandLine(['-f', '-c']), { kind: 'wrong', message })
  })
  it('refuses a recording without a file', () => {
    const message = `corosync: option '--record' requires an argument\n${USAGE}`
    for (const args of [['-f', '--record'], ['--record=']]) {
      assert.deepEqual(parseCommandLine(args), { kind: 'wrong', message })
    }
    assert.deepEqual(parseCommandLine(['--record', 'x'.repeat(4096)]), {
      kind: 'wrong',
      message: 'Record file path too long.',
    })
  })
  it('takes a path of 4095 bytes, and none of 4096', () => {
    assert.equal(parseCommandLine(['-c', 'x'.repeat(4095)]).kind, 'start')
    assert.deepEqual(parseCommandLine(['-t', '-c', 'x'.repeat(4096)]), {
      kind: 'wrong',
      message: 'Config file path too long.',
    })
  })
})
