// The edge between the daemon's main thread and its executive (the worker thread that runs the ring): what the executive
// reports and what it can be asked. The embedded library shares the executive; only what a process must know of it
// stands here. Life and death of the executive: docs/architecture.md.

import type { LogFilterState } from '../log/filter.js'
import type { LogRecord } from '../log/record.js'
import type { ConfigurationRead, MapEntry } from '../services/cfg/types.js'

/** How the executive ended. Reported once, after which nothing else comes. */
export type ExecutiveEnd =
  /**
   * It has left the ring and closed everything: it was asked to, or the node had a reason of its own not to stay (it has
   * been logged).
   */
  | { readonly kind: 'left'; readonly reason?: string | undefined }
  /** An administrator ended it from another node or here: at once, without a word to the others. It has been logged. */
  | { readonly kind: 'killed'; readonly reason: string }
  /** It stopped by itself and says why; `code` is the exit code that the condition has (spec: configuration 15.2). */
  | { readonly kind: 'fatal'; readonly code: number; readonly message: string }
  /** The worker ended without a word: an exception nobody caught, or the thread is gone. */
  | { readonly kind: 'died'; readonly error: Error | undefined; readonly exitCode: number }

/** What the executive has the main thread do, since it never waits itself. Called on the main thread. */
export interface MainThreadTasks {
  /** The node has to leave in order, for a reason that has been logged: `leave` follows when everything else is ready. */
  leaveWanted(reason: string): void
  readConfiguration(): Promise<ConfigurationRead>
  /** Whether they could be opened again. */
  reopenLogFiles(): boolean
  /** All keys below `logging.`, which have changed. What the log takes from now on; undefined when nothing changes. */
  loggingChanged(entries: readonly MapEntry[]): LogFilterState | undefined
}

/** What the executive tells the main thread. Called on the main thread. */
export interface ExecutiveListener {
  /** Left out by programs that embed the engine: it has no files, and leaves as soon as it wants to. */
  readonly tasks?: MainThreadTasks
  log(record: LogRecord): void
  /** A synchronisation was completed: the node provides its services. Once per membership. */
  synchronized(): void
  /** An administrator wants a flight record now. */
  flightRecordWanted?(): void
  ended(end: ExecutiveEnd): void
}

export interface ExecutiveHandle {
  /** A counter that the executive advances at every turn, shared memory; standing still is a stall. */
  readonly heartbeat: Int32Array
  /** Asks it to leave the ring in order; `ended` follows. Asking again changes nothing. */
  leave(): void
  /** For `exit` handlers: sets the stop flag, wakes it, waits at most `timeoutMs` blocking; true when it has stopped. */
  stopNow(timeoutMs: number): boolean
}
