// The logging part of the configuration (spec: config 7 and 16.2): words checked in the order of the reference, everything
// inherited filled in, so that the log system only has to look values up. Log files are opened by the caller's hook.

import type { LogLevel } from '../log/types.js'
import { errorNumber, errorText } from './errors.js'
import { schemaOf } from './keys.js'
import { type KeySchema, SCHEMA } from './schema.js'
import type { Settings } from './settings.js'
import { type Debug, ExitCode, type LoggingConfiguration, type SubsystemLogging } from './types.js'

/** Longest name of a subsystem. */
export const SUBSYSTEM_NAME_MAX = 63

const SUBSYS_PREFIX = 'logging.logger_subsys.'

/** The keys that only the top level has, then the ones that sections may repeat; both in the order of the table. */
const TOP_KEYS = ['fileline', 'function_name', 'timestamp', 'blackbox']
const LEVEL_KEYS = SCHEMA.filter(
  schema => /^logging\.[a-z_]+$/.test(schema.path) && !TOP_KEYS.includes(schema.path.slice('logging.'.length)),
).map(schema => schema.path.slice('logging.'.length))

/** What the sections say on one level, before anything is inherited. */
interface Level {
  readonly prefix: string
  syslogPriority?: LogLevel
  filePriority?: LogLevel
  toFile?: boolean
  logFile?: string
  debug?: Debug
  facility?: string
  toStderr?: boolean
  toSyslog?: boolean
}

export function readLogging(settings: Settings, openLogFile?: (path: string) => void): LoggingConfiguration {
  for (const name of TOP_KEYS) checkWord(settings, `logging.${name}`, schemaOf(`logging.${name}`))
  const top = readLevel(settings, 'logging.', openLogFile)
  const global: SubsystemLogging = merge(top, {
    syslogLevel: levelOf(settings.default('logging.syslog_priority')),
    fileLevel: levelOf(settings.default('logging.logfile_priority')),
    toFile: isOn(settings.default('logging.to_logfile')),
    debug: 'off',
  })
  let syslogFacility = top.facility ?? settings.default('logging.syslog_facility')
  const subsystems = new Map<string, SubsystemLogging>()
  for (const name of subsystemNames(settings)) {
    const prefix = `${SUBSYS_PREFIX}${name}.`
    if (Buffer.byteLength(name) > SUBSYSTEM_NAME_MAX) {
      fail(
        settings,
        `${prefix}subsys`,
        'unable to create new logging subsystem',
        `at most ${SUBSYSTEM_NAME_MAX} characters`,
      )
    }
    const level = readLevel(settings, prefix, openLogFile)
    // The facility is one for all; each section sets it, to the default when it names none.
    syslogFacility = level.facility ?? settings.default('logging.syslog_facility')
    subsystems.set(name, merge(level, inherited(top, global)))
  }
  const switchOn = (name: string) => settings.text(`logging.${name}`) === 'on'
  return {
    timestamp: settings.text('logging.timestamp') as LoggingConfiguration['timestamp'],
    fileLine: switchOn('fileline'),
    functionName: switchOn('function_name'),
    blackbox: switchOn('blackbox'),
    toStderr: top.toStderr ?? isOn(settings.default('logging.to_stderr')),
    toSyslog: top.toSyslog ?? isOn(settings.default('logging.to_syslog')),
    syslogFacility,
    global,
    subsystems,
  }
}

/** Adds the logging settings to the table of effective values. */
export function noteLogging(settings: Settings, logging: LoggingConfiguration): void {
  const yes = (value: boolean) => (value ? 'yes' : 'no')
  settings.note('logging.to_stderr', yes(logging.toStderr))
  settings.note('logging.to_syslog', yes(logging.toSyslog))
  settings.note('logging.to_logfile', yes(logging.global.toFile))
  if (logging.global.logFile !== undefined) settings.note('logging.logfile', logging.global.logFile)
  settings.note('logging.syslog_facility', logging.syslogFacility)
  settings.note('logging.syslog_priority', logging.global.syslogLevel)
  settings.note('logging.logfile_priority', logging.global.fileLevel)
  settings.note('logging.debug', logging.global.debug)
  settings.note('logging.timestamp', logging.timestamp)
  for (const [name, level] of logging.subsystems) {
    const text = `syslog ${level.syslogLevel}, file ${level.fileLevel}${level.toFile ? ` to ${level.logFile}` : ''}`
    settings.note(`${SUBSYS_PREFIX}${name}`, text, settings.origin(`${SUBSYS_PREFIX}${name}.subsys`))
  }
}

function readLevel(settings: Settings, prefix: string, openLogFile?: (path: string) => void): Level {
  const level: Level = { prefix }
  for (const name of LEVEL_KEYS) {
    const key = prefix + name
    const text = settings.given(key)
    if (text === undefined) continue
    checkWord(settings, key, schemaOf(`logging.${name}`))
    switch (name) {
      case 'to_stderr':
        level.toStderr = isOn(text)
        break
      case 'to_syslog':
        level.toSyslog = isOn(text)
        break
      case 'syslog_facility':
        level.facility = text
        break
      case 'syslog_level':
        settings.warn(`${key} is an old name; write syslog_priority.`, key)
        level.syslogPriority = levelOf(text)
        break
      case 'syslog_priority':
        level.syslogPriority = levelOf(text)
        break
      case 'logfile':
        openFile(settings, key, text, openLogFile)
        level.logFile = text
        break
      case 'to_file':
        settings.warn(`${key} is an old name; write to_logfile.`, key)
        level.toFile = isOn(text)
        break
      case 'to_logfile':
        level.toFile = isOn(text)
        break
      case 'logfile_priority':
        level.filePriority = levelOf(text)
        break
      case 'debug':
        level.debug = text as Debug
        break
    }
  }
  return level
}

/** What a section inherits: everything but `debug`, which it resets. The priorities are those without debug. */
function inherited(top: Level, global: SubsystemLogging): SubsystemLogging {
  return {
    ...global,
    syslogLevel: top.syslogPriority ?? 'info',
    fileLevel: top.filePriority ?? 'info',
    debug: 'off',
  }
}

function merge(own: Level, from: SubsystemLogging): SubsystemLogging {
  const debug = own.debug ?? 'off'
  const forced: LogLevel | undefined = debug === 'trace' ? 'trace' : debug === 'on' ? 'debug' : undefined
  const logFile = own.logFile ?? from.logFile
  return {
    syslogLevel: forced ?? own.syslogPriority ?? from.syslogLevel,
    fileLevel: forced ?? own.filePriority ?? from.fileLevel,
    toFile: own.toFile ?? from.toFile,
    ...(logFile === undefined ? {} : { logFile }),
    debug,
  }
}

function openFile(settings: Settings, key: string, path: string, openLogFile?: (path: string) => void): void {
  try {
    openLogFile?.(path)
  } catch (error) {
    const reason = `Can't open logfile '${path}' for reason: ${errorText(error)} (${errorNumber(error)})`
    fail(
      settings,
      key,
      reason,
      'a file in a directory that exists and may be written; it is opened even when to_logfile is no',
    )
  }
}

function subsystemNames(settings: Settings): string[] {
  return settings.map
    .keys(SUBSYS_PREFIX)
    .filter(key => key.endsWith('.subsys'))
    .map(key => key.slice(SUBSYS_PREFIX.length, -'.subsys'.length))
    .filter(name => name !== '')
}

function checkWord(settings: Settings, key: string, schema: KeySchema): void {
  const text = settings.given(key)
  const rule = schema.words
  if (text === undefined || rule === undefined) return
  if (rule.words.includes(rule.ignoreCase ? text.toLowerCase() : text)) return
  fail(settings, key, rule.reason, `one of: ${rule.words.join(', ')}`)
}

/** 3.1 exits 7 here, 1.4 exited 8. */
function fail(settings: Settings, key: string, reason: string, help: string): never {
  const exitCode = settings.legacy ? ExitCode.configuration : ExitCode.logging
  settings.fail(key, `parse error in config: ${reason}.`, help, exitCode, 'logging')
}

function isOn(word: string): boolean {
  return word === 'yes' || word === 'on'
}

function levelOf(word: string): LogLevel {
  const lower = word.toLowerCase()
  return lower === 'err' ? 'error' : (lower as LogLevel)
}
