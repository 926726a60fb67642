import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  cutLine,
  fileLine,
  LINE_BYTES_MAX,
  type LineStyle,
  syslogEnvelope,
  syslogLine,
  terminalLine,
} from '../../../src/log/format.js'
import type { LogRecord } from '../../../src/log/record.js'

const style: LineStyle = { timestamp: 'hires', fileLine: false, functionName: false }
const speaker = { pid: 12035, host: 'node2' }
/** In local time, whatever the zone of the machine. */
const timeMs = new Date(2025, 10, 20, 11, 37, 15, 541).getTime()

function record(parts: Partial<LogRecord>): LogRecord {
  return { timeMs, level: 'notice', subsystem: 'MAIN', message: 'Corosync Cluster Engine 3.1.7 starting up', ...parts }
}

describe('a line for the terminal', () => {
  it('has milliseconds, level and subsystem in columns', () => {
    assert.equal(
      terminalLine(record({}), style),
      'Nov 20 11:37:15.541 notice  [MAIN  ] Corosync Cluster Engine 3.1.7 starting up',
    )
  })
  it('has whole seconds with timestamp on', () => {
    assert.equal(
      terminalLine(record({ level: 'warning', subsystem: 'TOTEM', message: 'text' }), { ...style, timestamp: 'on' }),
      'Nov 20 11:37:15 warning [TOTEM ] text',
    )
  })
  it('begins with the level with timestamp off', () => {
    assert.equal(
      terminalLine(record({ level: 'error', subsystem: 'QUORUM', message: 'text' }), { ...style, timestamp: 'off' }),
      'error   [QUORUM] text',
    )
  })
  it('pads the day and the hour with zeros', () => {
    const early = new Date(2025, 0, 2, 3, 4, 5, 6).getTime()
    assert.equal(terminalLine(record({ timeMs: early, message: 'x' }), style), 'Jan 02 03:04:05.006 notice  [MAIN  ] x')
  })
  it('names the folder of the source with fileline or function_name', () => {
    const line = 'Nov 20 11:37:15.541 notice  [SYNC  ] sync text'
    const sync = record({ subsystem: 'SYNC', message: 'text' })
    assert.equal(terminalLine(sync, { ...style, fileLine: true }), line)
    assert.equal(terminalLine(sync, { ...style, functionName: true }), line)
    assert.equal(terminalLine(sync, { ...style, fileLine: true, functionName: true }), line)
  })
  it('drops one newline at the end of the text', () => {
    assert.equal(terminalLine(record({ message: 'x\n' }), { ...style, timestamp: 'off' }), 'notice  [MAIN  ] x')
  })
  it('stays one line, whatever the text holds', () => {
    const message = 'named a\nNov 20 b\r\x1b[2J\0\x7f\u0085\tä\n'
    const line = 'notice  [MAIN  ] named a\\x0aNov 20 b\\x0d\\x1b[2J\\x00\\x7f\\x85\tä'
    assert.equal(terminalLine(record({ message }), { ...style, timestamp: 'off' }), line)
  })
})

describe('a line for a log file', () => {
  it('names process, host and program', () => {
    const line = fileLine(record({ timeMs: new Date(2025, 10, 20, 11, 56, 17, 677).getTime() }), style, speaker)
    assert.equal(
      line,
      'Nov 20 11:56:17.677 [12035] node2 corosync notice  [MAIN  ] Corosync Cluster Engine 3.1.7 starting up',
    )
  })
  it('without a timestamp has no blank before the level', () => {
    const line = fileLine(record({ subsystem: 'CFG', message: 'x' }), { ...style, timestamp: 'off' }, speaker)
    assert.equal(line, '[12035] node2 corosyncnotice  [CFG   ] x')
  })
})

describe('a datagram for syslog', () => {
  it('keeps the blanks around the time and level that are left out', () => {
    const failure = record({ level: 'error', message: 'Cannot chdir' })
    assert.equal(
      syslogLine(failure, style, 'daemon', 8808),
      '<27>Nov 20 11:37:15 corosync[8808]:   [MAIN  ] Cannot chdir',
    )
    assert.equal(
      syslogLine(failure, { ...style, timestamp: 'off' }, 'daemon', 8808),
      '<27>Nov 20 11:37:15 corosync[8808]:  [MAIN  ] Cannot chdir',
    )
  })
  it('carries the facility', () => {
    assert.match(syslogLine(record({ level: 'error' }), style, 'local3', 1), /^<155>/)
    assert.match(syslogLine(record({ level: 'emerg' }), style, 'kern', 1), /^<0>/)
    assert.match(syslogLine(record({ level: 'info' }), style, 'ftp', 1), /^<94>/)
  })
  it('sends debug as info and trace as debug', () => {
    assert.match(syslogLine(record({ level: 'debug' }), style, 'daemon', 1), /^<30>/)
    assert.match(syslogLine(record({ level: 'trace' }), style, 'daemon', 1), /^<31>/)
  })
  it('pads the day with a blank', () => {
    const early = new Date(2025, 0, 2, 3, 4, 5).getTime()
    assert.equal(syslogEnvelope(early, 'error', 'daemon', 7, 'bare'), '<27>Jan  2 03:04:05 corosync[7]: bare')
  })
  it('is cut without counting the envelope', () => {
    const datagram = syslogLine(record({ level: 'error', message: 'x'.repeat(600) }), style, 'daemon', 8809)
    assert.equal(datagram.length, LINE_BYTES_MAX + '<27>Nov 20 11:37:15 corosync[8809]: '.length)
  })
})

describe('a long line', () => {
  it('is cut at 511 bytes, prefix included', () => {
    assert.equal(Buffer.byteLength(terminalLine(record({ message: 'x'.repeat(600) }), style)), LINE_BYTES_MAX)
    assert.equal(Buffer.byteLength(fileLine(record({ message: 'x'.repeat(600) }), style, speaker)), LINE_BYTES_MAX)
  })
  it('of exactly 511 bytes is left alone, one of 512 loses one', () => {
    assert.equal(cutLine('x'.repeat(511)).length, 511)
    assert.equal(cutLine('x'.repeat(512)).length, 511)
  })
  it('is not cut inside a character', () => {
    // Two bytes each: 511 is in the middle of the 256th.
    assert.equal(cutLine('ä'.repeat(300)), 'ä'.repeat(255))
    assert.equal(cutLine('😀'.repeat(200)), '😀'.repeat(127))
  })
})
