// What is worth saying at all: per subsystem the most verbose level that any destination takes. The executive holds a
// copy, so that a line nobody would see is never formatted, nor sent to the main thread.
// In: the logging settings. Out: yes or no. Knows no destinations' details.

import type { LoggingConfiguration, SubsystemLogging } from '../config/types.js'
import { levelRank } from './settings.js'
import type { LogLevel } from './types.js'

/** The filter as a plain value, for the way to a worker thread. Ranks are places in LOG_LEVELS; -1 passes nothing. */
export interface LogFilterState {
  readonly otherwise: number
  readonly ranks: Readonly<Record<string, number>>
}

export class LogFilter {
  readonly state: LogFilterState

  constructor(state: LogFilterState) {
    this.state = state
  }

  static of(settings: LoggingConfiguration): LogFilter {
    const ranks: Record<string, number> = {}
    for (const [name, rule] of settings.subsystems) ranks[name] = mostVerbose(settings, rule)
    return new LogFilter({ otherwise: mostVerbose(settings, settings.global), ranks })
  }

  enabled(level: LogLevel, subsystem: string): boolean {
    return levelRank(level) <= (this.state.ranks[subsystem] ?? this.state.otherwise)
  }
}

function mostVerbose(settings: LoggingConfiguration, rule: SubsystemLogging): number {
  const toFile = rule.toFile && rule.logFile !== undefined
  return Math.max(
    settings.toStderr || toFile ? levelRank(rule.fileLevel) : -1,
    settings.toSyslog ? levelRank(rule.syslogLevel) : -1,
  )
}
