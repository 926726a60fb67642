// The flight record: what is known when the daemon ends other than in order, or is asked for it, written to the state directory
// for whoever asks why. In: the circumstances. Out: a JSON file that only its owner reads. Must work when little else does:
// synchronous, and a failure to write is reported, not thrown.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const RECORD_MODE = 0o600

export interface FlightCircumstances {
  readonly reason: string
  readonly error: Error | undefined
  /** Undefined when the daemon goes on. */
  readonly exitCode: number | undefined
  readonly version: string
  readonly configFile: string
  readonly heartbeat: number | undefined
  readonly stalls: readonly { readonly at: number; readonly forMs: number }[]
  /** The last log lines, oldest first. */
  readonly lines: readonly string[]
}

/** `flight-2025-11-20T11:37:15-4711.json`, local time; the stamp and the process id as in the engine's `fdata` files. */
function fileName(timeMs: number, pid: number): string {
  const local = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000)
  return `flight-${local.toISOString().slice(0, 19)}-${pid}.json`
}

/** Returns the path, or the error that kept it from being written. */
export function writeFlightRecord(
  directory: string,
  timeMs: number,
  pid: number,
  circumstances: FlightCircumstances,
): string | Error {
  const { error } = circumstances
  const record = {
    ...circumstances,
    error: error === undefined ? undefined : { name: error.name, message: error.message, stack: error.stack },
    time: new Date(timeMs).toISOString(),
    pid,
    node: process.version,
    uptimeSeconds: process.uptime(),
    memory: process.memoryUsage(),
  }
  const path = join(directory, fileName(timeMs, pid))
  try {
    writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`, { mode: RECORD_MODE })
    return path
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure))
  }
}
