// The logging section of the configuration as values: what config/ hands over, what the targets and the filter are made
// from, and the rules by which a logger_subsys section changes them (spec: configuration, sections 7 and 16.2).
// Knows nothing of files, sockets or terminals.

import { LOG_LEVELS, type LogLevel } from './types.js'

export const SYSLOG_FACILITIES = [
  'kern',
  'user',
  'mail',
  'daemon',
  'auth',
  'syslog',
  'lpr',
  'news',
  'uucp',
  'cron',
  'authpriv',
  'ftp',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const
export type SyslogFacility = (typeof SYSLOG_FACILITIES)[number]

/** `off`, milliseconds (`hires`, the default) or whole seconds (`on`). */
export type TimestampMode = 'off' | 'on' | 'hires'
export type DebugMode = 'off' | 'on' | 'trace'

/** One logger_subsys section as it is written; what it leaves out is undefined. */
export interface SubsystemSection {
  readonly subsys: string
  readonly debug?: DebugMode | undefined
  readonly syslogFacility?: SyslogFacility | undefined
  readonly syslogPriority?: LogLevel | undefined
  readonly logfilePriority?: LogLevel | undefined
  readonly logfile?: string | undefined
  readonly toLogfile?: boolean | undefined
}

export interface LoggingSettings {
  readonly fileline: boolean
  readonly functionName: boolean
  readonly timestamp: TimestampMode
  readonly blackbox: boolean
  readonly toStderr: boolean
  readonly toSyslog: boolean
  readonly toLogfile: boolean
  readonly logfile?: string | undefined
  readonly syslogFacility: SyslogFacility
  readonly syslogPriority: LogLevel
  readonly logfilePriority: LogLevel
  readonly debug: DebugMode
  /** In alphabetical order of their names, the order in which they take effect. */
  readonly subsystems: readonly SubsystemSection[]
}

export const DEFAULT_LOGGING_SETTINGS: LoggingSettings = {
  fileline: false,
  functionName: false,
  timestamp: 'hires',
  blackbox: true,
  toStderr: true,
  toSyslog: true,
  toLogfile: false,
  syslogFacility: 'daemon',
  syslogPriority: 'info',
  logfilePriority: 'info',
  debug: 'off',
  subsystems: [],
}

/** What holds for the lines of one subsystem once its section, if any, is laid over the top level. */
export interface SubsystemRule {
  /** Least severe levels that pass, as places in LOG_LEVELS. The terminal follows the log file's level. */
  readonly syslogRank: number
  readonly fileRank: number
  readonly toLogfile: boolean
  readonly logfile: string | undefined
}

export function levelRank(level: LogLevel): number {
  return LOG_LEVELS.indexOf(level)
}

/** The most verbose of the priority and what `debug` opens. */
function rank(priority: LogLevel, debug: DebugMode): number {
  return levelRank(debug === 'trace' ? 'trace' : debug === 'on' ? 'debug' : priority)
}

/** The rule of a subsystem. One that has a section without `debug` is back to `off`; priorities and files are inherited. */
export function ruleOf(settings: LoggingSettings, subsystem: string): SubsystemRule {
  const section = settings.subsystems.find(s => s.subsys === subsystem)
  const debug = section === undefined ? settings.debug : (section.debug ?? 'off')
  return {
    syslogRank: rank(section?.syslogPriority ?? settings.syslogPriority, debug),
    fileRank: rank(section?.logfilePriority ?? settings.logfilePriority, debug),
    toLogfile: section?.toLogfile ?? settings.toLogfile,
    logfile: section?.logfile ?? settings.logfile,
  }
}

/** There is one facility for all: every logger_subsys section without the key sets it back to `daemon`. */
export function facilityOf(settings: LoggingSettings): SyslogFacility {
  const last = settings.subsystems.at(-1)
  return last === undefined ? settings.syslogFacility : (last.syslogFacility ?? 'daemon')
}
