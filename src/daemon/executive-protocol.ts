// What the main thread and the executive's worker share and say to each other. Events of groups do not pass here but
// through channels (channel.ts); these are the rare things: lines of the log, rings, the end.

import type { LogFilterState } from '../log/filter.js'
import type { LogRecord } from '../log/record.js'
import type { ConfigurationRead, MapEntry } from '../services/cfg/types.js'
import type { RingIdentity } from '../totem/types.js'
import type { SharedMemory } from './channel.js'
import type { ExecutiveSetup } from './executive-setup.js'
import type { FromService, ToService } from './local-programs.js'

/** Words of the memory that the two threads share, besides channels. */
export const SharedWord = {
  /** Advances at every turn of the executive's loop. */
  HEARTBEAT: 0,
  /** What the main thread wants: nothing, an orderly end, an end at once. */
  STOP: 1,
  /** Set when the executive has ended; the main thread may be waiting for it. */
  STOPPED: 2,
  /** The executive has been rung and has not looked yet. */
  TO_EXECUTIVE: 3,
  /** The main thread has been rung and has not looked yet. */
  TO_MAIN: 4,
  /** Lines of the log that the main thread has not written yet. */
  LINES_WAITING: 5,
  /** Answers and events of services that the main thread has not taken yet. */
  SERVICE_WAITING: 6,
} as const
export const SHARED_BYTES = 64

/** Beyond this a program that does not take what services tell it loses the connection. */
export const SERVICE_WAITING_MAX = 65_536

export const StopWish = { NONE: 0, LEAVE: 1, AT_ONCE: 2 } as const

export interface WorkerData {
  readonly setup: ExecutiveSetup
  readonly shared: SharedArrayBuffer
  /** Where to leave what a recording is made of. */
  readonly recording?: SharedArrayBuffer
  /** Event descriptor that wakes the executive; the main thread's, which closes it afterwards. */
  readonly wakerFd: number
}

/** To the executive. */
export type ToExecutive =
  | { readonly type: 'member'; readonly memory: SharedMemory }
  /** The program asks a service. */
  | { readonly type: 'program'; readonly message: ToService }
  /** Answers to what it asked. */
  | { readonly type: 'configuration'; readonly read: ConfigurationRead }
  | { readonly type: 'logFilesReopened'; readonly worked: boolean }
  | { readonly type: 'logFilter'; readonly filter: LogFilterState }

/** To the main thread. */
export type FromExecutive =
  | { readonly type: 'log'; readonly record: LogRecord }
  | { readonly type: 'ring'; readonly ring: RingIdentity; readonly members: readonly number[] }
  /** A service tells the program. */
  | { readonly type: 'service'; readonly message: FromService }
  /** A flight record is wanted. */
  | { readonly type: 'flightRecord' }
  /** Questions and wishes: see MainThreadTasks. */
  | { readonly type: 'readConfiguration' }
  | { readonly type: 'reopenLogFiles' }
  | { readonly type: 'loggingChanged'; readonly entries: readonly MapEntry[] }
  | { readonly type: 'leaveWanted'; readonly reason: string }
  | { readonly type: 'killed'; readonly reason: string }
  | { readonly type: 'left'; readonly reason: string | undefined }
  | { readonly type: 'fatal'; readonly code: number; readonly message: string }
