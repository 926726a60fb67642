// The vocabulary of log lines, shared by everything that speaks. What a level or a subsystem tag means to syslog,
// files and terminals is decided in log/; the cores only name them (spec: configuration, section 16).

/** Severity, most severe first; the words of corosync.conf and of the log lines. */
export const LOG_LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Subsystem tags, as printed between brackets. */
export type Subsystem =
  | 'MAIN'
  | 'TOTEM'
  | 'KNET'
  | 'QB'
  | 'SERV'
  | 'CFG'
  | 'CMAP'
  | 'CPG'
  | 'QUORUM'
  | 'VOTEQ'
  | 'YKD'
  | 'SYNC'
  | 'STATS'
  | 'PLOAD'
  | 'MON'
  | 'WD'

/** Where a core's log lines go. Lines are formatted only when a caller has something to say, never per packet. */
export type LogSink = (level: LogLevel, subsystem: Subsystem, message: string) => void
