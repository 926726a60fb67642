import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configured, fakeHost, firstProblem, loadText } from '../../support/config-host.js'

const GOOD = 'totem {\nversion: 2\ntransport: udpu\n}\nnodelist {\nnode {\nring0_addr: 127.0.0.1\n}\n}\n'

function logging(text: string) {
  return configured(`${GOOD}logging {\n${text}\n}\n`).logging
}

function message(text: string): string {
  const problem = firstProblem(`${GOOD}logging {\n${text}\n}\n`)
  assert.equal(problem.exitCode, 7)
  return problem.message.replace('parse error in config: ', '')
}

describe('logging', () => {
  it('has the defaults of 3.x', () => {
    const { global, subsystems, ...rest } = logging('')
    assert.deepEqual(rest, {
      timestamp: 'hires',
      fileLine: false,
      functionName: false,
      blackbox: true,
      toStderr: true,
      toSyslog: true,
      syslogFacility: 'daemon',
    })
    assert.deepEqual(global, { syslogLevel: 'info', fileLevel: 'info', toFile: false, debug: 'off' })
    assert.equal(subsystems.size, 0)
  })

  it('takes priorities in any case and the old names, with a warning', () => {
    const { global } = logging('syslog_priority: WARNING\nlogfile_priority: Err')
    assert.deepEqual([global.syslogLevel, global.fileLevel], ['warning', 'error'])
    const { warnings, logging: old } = configured(`${GOOD}logging {\nsyslog_level: crit\nto_file: yes\n}\n`)
    assert.deepEqual([old.global.syslogLevel, old.global.toFile], ['crit', true])
    assert.equal(warnings.length, 2)
  })

  it('goes down to debug or trace everywhere with debug', () => {
    assert.equal(logging('debug: on').global.fileLevel, 'debug')
    assert.equal(logging('debug: trace\nsyslog_priority: crit').global.syslogLevel, 'trace')
  })

  it('is inherited by subsystems, except for debug', () => {
    const { subsystems } = logging(
      'debug: on\nto_logfile: yes\nlogfile: /a\nlogfile_priority: notice\nlogger_subsys {\nsubsys: TOTEM\n}\nlogger_subsys {\nsubsys: CPG\ndebug: trace\nlogfile: /b\n}',
    )
    assert.deepEqual(subsystems.get('TOTEM'), {
      syslogLevel: 'info',
      fileLevel: 'notice',
      toFile: true,
      logFile: '/a',
      debug: 'off',
    })
    assert.deepEqual(subsystems.get('CPG'), {
      syslogLevel: 'trace',
      fileLevel: 'trace',
      toFile: true,
      logFile: '/b',
      debug: 'trace',
    })
  })

  it('has one facility, which every section without it sets back', () => {
    assert.equal(logging('syslog_facility: local5').syslogFacility, 'local5')
    const section = (more: string) => `syslog_facility: local5\nlogger_subsys {\nsubsys: TOTEM\n${more}}`
    assert.equal(logging(section('')).syslogFacility, 'daemon')
    assert.equal(logging(section('syslog_facility: local2\n')).syslogFacility, 'local2')
  })

  it('keeps its global switches whatever a section says', () => {
    assert.equal(logging('to_stderr: no\nlogger_subsys {\nsubsys: TOTEM\nto_stderr: yes\n}').toStderr, false)
  })

  it('tells the first bad word in the order of reading, and ends with 7', () => {
    assert.equal(message('timestamp: yes'), 'unknown value for timestamp.')
    assert.equal(message('timestamp: yes\nfileline: yes'), 'unknown value for fileline.')
    assert.equal(message('debug: yes\nto_stderr: x'), 'unknown value for to_stderr.')
    assert.equal(message('logfile_priority: trace'), 'unknown logfile priority specified.')
    assert.equal(message('syslog_facility: DAEMON'), 'unknown syslog facility specified.')
    assert.equal(message('logger_subsys {\nsubsys: A\nsyslog_priority: x\n}\ndebug: x'), 'unknown value for debug.')
    assert.equal(message('logger_subsys {\nsubsys: A\nsyslog_priority: x\n}'), 'unknown syslog priority specified.')
  })

  it('has subsystem names of at most 63 characters', () => {
    const section = (length: number) => `logger_subsys {\nsubsys: ${'k'.repeat(length)}\ndebug: on\n}`
    assert.equal(logging(section(63)).subsystems.size, 1)
    assert.equal(message(section(64)), 'unable to create new logging subsystem.')
  })

  it('opens log files even when nothing goes there, and tells which one fails', () => {
    const opened: string[] = []
    const openLogFile = (path: string) => {
      opened.push(path)
      if (path === '/bad') throw Object.assign(new Error('no'), { code: 'EACCES', errno: -13, syscall: 'open' })
    }
    const text = (path: string) => `${GOOD}logging {\nto_logfile: no\nlogfile: ${path}\n}\n`
    assert.ok(loadText(text('/good'), fakeHost(), { openLogFile }).ok)
    const problem = firstProblem(text('/bad'), fakeHost(), { openLogFile })
    assert.equal(
      problem.message,
      "parse error in config: Can't open logfile '/bad' for reason: Permission denied (13).",
    )
    assert.deepEqual(opened, ['/good', '/bad'])
  })
})
