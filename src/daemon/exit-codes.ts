// What the daemon's exit status tells (spec: configuration 15.2).

export const ExitCode = {
  NORMAL: 0,
  /** A bad option, a path that is too long. */
  USAGE: 1,
  /** The sockets of the ring cannot be bound. */
  SOCKETS: 1,
  /** No background process could be made. */
  FORK: 4,
  LOGGING: 7,
  CONFIGURATION: 8,
  /** The executive failed, or the main thread did. */
  FATAL: 15,
  /** The file of --record cannot be opened. */
  RECORDING: 15,
  STATE_DIRECTORY: 16,
  LOCK_FILE: 17,
  ALREADY_RUNNING: 18,
  /** A service could not start. */
  SERVICE: 20,
  RING_ID_FILE: 21,
  KILLED_BY_NODE: 255,
} as const
