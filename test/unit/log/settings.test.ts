import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LogFilter } from '../../../src/log/filter.js'
import { DEFAULT_LOGGING_SETTINGS, facilityOf, levelRank, ruleOf } from '../../../src/log/settings.js'

const base = DEFAULT_LOGGING_SETTINGS

describe('the levels of a subsystem', () => {
  it('are the top level ones without a section', () => {
    const rule = ruleOf({ ...base, syslogPriority: 'warning', logfilePriority: 'error' }, 'TOTEM')
    assert.equal(rule.syslogRank, levelRank('warning'))
    assert.equal(rule.fileRank, levelRank('error'))
  })
  it('both become debug with debug on, trace with trace', () => {
    const debug = ruleOf({ ...base, debug: 'on' }, 'TOTEM')
    assert.deepEqual([debug.syslogRank, debug.fileRank], [levelRank('debug'), levelRank('debug')])
    assert.equal(ruleOf({ ...base, debug: 'trace' }, 'TOTEM').fileRank, levelRank('trace'))
  })
  it('fall back from debug in a section that does not say so', () => {
    const settings = { ...base, debug: 'on', subsystems: [{ subsys: 'TOTEM' }] } as const
    assert.equal(ruleOf(settings, 'TOTEM').fileRank, levelRank('info'))
    assert.equal(ruleOf(settings, 'CPG').fileRank, levelRank('debug'))
  })
  it('are inherited by a section that names none', () => {
    const settings = { ...base, logfilePriority: 'error', subsystems: [{ subsys: 'TOTEM' }] } as const
    assert.equal(ruleOf(settings, 'TOTEM').fileRank, levelRank('error'))
  })
  it('take the section over the top level', () => {
    const settings = {
      ...base,
      subsystems: [{ subsys: 'TOTEM', syslogPriority: 'crit', logfilePriority: 'debug' }],
    } as const
    const rule = ruleOf(settings, 'TOTEM')
    assert.deepEqual([rule.syslogRank, rule.fileRank], [levelRank('crit'), levelRank('debug')])
  })
  it('apply to the exact name only', () => {
    const settings = { ...base, subsystems: [{ subsys: 'totem', debug: 'on' }] } as const
    assert.equal(ruleOf(settings, 'TOTEM').fileRank, levelRank('info'))
  })
})

describe('the file of a subsystem', () => {
  it('is its own when it has one, else that of the top level', () => {
    const settings = {
      ...base,
      toLogfile: true,
      logfile: '/a',
      subsystems: [{ subsys: 'CPG', logfile: '/b' }, { subsys: 'MAIN' }, { subsys: 'TOTEM', toLogfile: false }],
    } as const
    assert.equal(ruleOf(settings, 'CPG').logfile, '/b')
    assert.equal(ruleOf(settings, 'MAIN').logfile, '/a')
    assert.equal(ruleOf(settings, 'TOTEM').toLogfile, false)
  })
})

describe('the syslog facility', () => {
  it('is that of the top level while no subsystem has a section', () => {
    assert.equal(facilityOf({ ...base, syslogFacility: 'local3' }), 'local3')
  })
  it('is daemon again after a section without one', () => {
    assert.equal(facilityOf({ ...base, syslogFacility: 'local3', subsystems: [{ subsys: 'CPG' }] }), 'daemon')
  })
  it('is that of the last section', () => {
    const subsystems = [
      { subsys: 'CPG', syslogFacility: 'local1' },
      { subsys: 'TOTEM', syslogFacility: 'local2' },
    ] as const
    assert.equal(facilityOf({ ...base, syslogFacility: 'local3', subsystems }), 'local2')
  })
})

describe('the filter', () => {
  it('passes what the most verbose destination takes', () => {
    const filter = LogFilter.of({ ...base, syslogPriority: 'debug', logfilePriority: 'error' })
    assert.equal(filter.enabled('debug', 'TOTEM'), true)
    assert.equal(filter.enabled('trace', 'TOTEM'), false)
  })
  it('does not count a destination that is off', () => {
    const filter = LogFilter.of({ ...base, toSyslog: false, syslogPriority: 'debug', logfilePriority: 'error' })
    assert.equal(filter.enabled('warning', 'TOTEM'), false)
    assert.equal(filter.enabled('error', 'TOTEM'), true)
  })
  it('passes nothing when everything is off', () => {
    const filter = LogFilter.of({ ...base, toSyslog: false, toStderr: false, toLogfile: true })
    assert.equal(filter.enabled('emerg', 'MAIN'), false)
  })
  it('counts the log file of one subsystem for that one', () => {
    const subsystems = [{ subsys: 'CPG', toLogfile: true, logfile: '/x', debug: 'on' }] as const
    const filter = LogFilter.of({ ...base, toSyslog: false, toStderr: false, subsystems })
    assert.equal(filter.enabled('debug', 'CPG'), true)
    assert.equal(filter.enabled('emerg', 'TOTEM'), false)
  })
  it('survives the way to another thread', () => {
    const filter = LogFilter.of({ ...base, subsystems: [{ subsys: 'CPG', debug: 'trace' }] })
    const copy = new LogFilter(structuredClone(filter.state))
    assert.equal(copy.enabled('trace', 'CPG'), true)
    assert.equal(copy.enabled('debug', 'TOTEM'), false)
  })
})
