// What is worth saying at all: per subsystem the most verbose level that any destination takes. The executive holds a
// copy, so that a line nobody would see is never formatted, nor sent to the main thread.
// In: the logging settings. Out: yes or no. Knows no destinations' details.

import { type LoggingSettings, levelRank, ruleOf } from './settings.js'
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

  static of(settings: LoggingSettings): LogFilter {
    const ranks: Record<string, number> = {}
    for (const { subsys } of settings.subsystems) ranks[subsys] = mostVerbose(settings, subsys)
    return new LogFilter({ otherwise: mostVerbose(settings, ''), ranks })
  }

  enabled(level: LogLevel, subsystem: string): boolean {
    return levelRank(level) <= (this.state.ranks[subsystem] ?? this.state.otherwise)
  }
}

function mostVerbose(settings: LoggingSettings, subsystem: string): number {
  const rule = ruleOf(settings, subsystem)
  const toFile = rule.toLogfile && rule.logfile !== undefined
  return Math.max(settings.toStderr || toFile ? rule.fileRank : -1, settings.toSyslog ? rule.syslogRank : -1)
}
