import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LoggingConfiguration, SubsystemLogging } from '../../../src/config/types.js'
import { LogFilter } from '../../../src/log/filter.js'
import { DEFAULT_LOGGING, facilityNumber, ruleOf } from '../../../src/log/settings.js'

const { global } = DEFAULT_LOGGING

function settings(parts: Partial<LoggingConfiguration>): LoggingConfiguration {
  return { ...DEFAULT_LOGGING, ...parts }
}

function sections(parts: Record<string, Partial<SubsystemLogging>>): ReadonlyMap<string, SubsystemLogging> {
  return new Map(Object.entries(parts).map(([name, part]) => [name, { ...global, ...part }]))
}

describe('the rule of a subsystem', () => {
  it('is that of its section, by the exact name, else that of the top level', () => {
    const subsystems = sections({ TOTEM: { fileLevel: 'debug' } })
    assert.equal(ruleOf(settings({ subsystems }), 'TOTEM').fileLevel, 'debug')
    assert.equal(ruleOf(settings({ subsystems }), 'totem').fileLevel, 'info')
  })
})

describe('the number of a facility', () => {
  it('is that of syslog', () => {
    const numbers = { kern: 0, daemon: 3, auth: 4, cron: 9, authpriv: 10, ftp: 11, local0: 16, local7: 23, nonsense: 3 }
    for (const [name, number] of Object.entries(numbers)) assert.equal(facilityNumber(name), number, name)
  })
})

describe('the filter', () => {
  it('passes what the most verbose destination takes', () => {
    const filter = LogFilter.of(settings({ global: { ...global, syslogLevel: 'debug', fileLevel: 'error' } }))
    assert.equal(filter.enabled('debug', 'TOTEM'), true)
    assert.equal(filter.enabled('trace', 'TOTEM'), false)
  })
  it('does not count a destination that is off', () => {
    const filter = LogFilter.of(
      settings({ toSyslog: false, global: { ...global, syslogLevel: 'debug', fileLevel: 'error' } }),
    )
    assert.equal(filter.enabled('warning', 'TOTEM'), false)
    assert.equal(filter.enabled('error', 'TOTEM'), true)
  })
  it('passes nothing when everything is off', () => {
    const filter = LogFilter.of(settings({ toSyslog: false, toStderr: false, global: { ...global, toFile: true } }))
    assert.equal(filter.enabled('emerg', 'MAIN'), false)
  })
  it('counts the log file of one subsystem for that one', () => {
    const subsystems = sections({ CPG: { toFile: true, logFile: '/x', fileLevel: 'debug' } })
    const filter = LogFilter.of(settings({ toSyslog: false, toStderr: false, subsystems }))
    assert.equal(filter.enabled('debug', 'CPG'), true)
    assert.equal(filter.enabled('emerg', 'TOTEM'), false)
  })
  it('survives the way to another thread', () => {
    const filter = LogFilter.of(settings({ subsystems: sections({ CPG: { fileLevel: 'trace' } }) }))
    const copy = new LogFilter(structuredClone(filter.state))
    assert.equal(copy.enabled('trace', 'CPG'), true)
    assert.equal(copy.enabled('debug', 'TOTEM'), false)
  })
})
