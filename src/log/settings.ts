// The logging section of the configuration as the log uses it. Inheritance between the top level and the logger_subsys
// sections is resolved in config/; here stand the words that the lines are made of, and their order.

import type { LoggingConfiguration, SubsystemLogging } from '../config/types.js'
import { LOG_LEVELS, type LogLevel } from './types.js'

/** Facilities in the order of their numbers; local0 to local7 are 16 to 23. */
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
] as const

/** The number of a facility; that of `daemon` for a word that names none. */
export function facilityNumber(facility: string): number {
  const local = /^local([0-7])$/.exec(facility)
  if (local !== null) return 16 + Number(local[1])
  const place = (SYSLOG_FACILITIES as readonly string[]).indexOf(facility)
  return place < 0 ? SYSLOG_FACILITIES.indexOf('daemon') : place
}

/** What holds before a file has been read. */
export const DEFAULT_LOGGING: LoggingConfiguration = {
  timestamp: 'hires',
  fileLine: false,
  functionName: false,
  blackbox: true,
  toStderr: true,
  toSyslog: true,
  syslogFacility: 'daemon',
  global: { syslogLevel: 'info', fileLevel: 'info', toFile: false, debug: 'off' },
  subsystems: new Map(),
}

/** The place of a level in LOG_LEVELS: the larger, the more verbose. */
export function levelRank(level: LogLevel): number {
  return LOG_LEVELS.indexOf(level)
}

/** What holds for the lines of one subsystem. Names are matched exactly. */
export function ruleOf(settings: LoggingConfiguration, subsystem: string): SubsystemLogging {
  return settings.subsystems.get(subsystem) ?? settings.global
}
