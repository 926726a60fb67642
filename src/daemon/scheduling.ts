// Realtime scheduling for the executive's thread, by the engine's rules (spec: configuration 14.3): round robin with the
// highest priority; where that fails, the highest ordinary priority. Runs on the thread that it is about.
// In: the wish, and the calls. Out: log lines for what could not be had. Memory is not locked here: see docs/architecture.md.

import { existsSync, writeFileSync } from 'node:fs'
import { errorText } from '../config/errors.js'
import type { SchedulingConfiguration } from '../config/types.js'
import type { LogSink } from '../log/types.js'

/** The lowest nice number, the highest ordinary priority. */
const NICE_HIGHEST = -20
const NICE_LOWEST = 19
/** The priority that the engine asks for: the top of SCHED_RR. */
const ROUND_ROBIN_PRIORITY = 99

/** The system calls, each for the calling thread: undefined, or the failure. */
export interface SchedulingCalls {
  setRoundRobin(): SystemCallFailure | undefined
  setNice(nice: number): SystemCallFailure | undefined
  /** For the process; false when there is no such group or it may not be written. */
  moveToRootCgroup(): boolean
}

interface SystemCallFailure {
  readonly code: string
  readonly errno: number
}

/** True when the thread runs round robin now. */
export function applyScheduling(wish: SchedulingConfiguration, calls: SchedulingCalls, log: LogSink): boolean {
  if (!wish.roundRobin) {
    const nice = wish.priority === 'max' ? NICE_HIGHEST : wish.priority === 'min' ? NICE_LOWEST : wish.priority
    if (nice !== 0) setNice(nice, calls, log)
    return false
  }
  if (wish.moveToRootCgroup === 'yes') move(calls, log)
  let failure = calls.setRoundRobin()
  if (failure !== undefined && wish.moveToRootCgroup === 'auto') {
    move(calls, log)
    failure = calls.setRoundRobin()
  }
  if (failure === undefined) return true
  log('warning', 'MAIN', `Could not set SCHED_RR at priority ${ROUND_ROBIN_PRIORITY}: ${describe(failure)}`)
  setNice(NICE_HIGHEST, calls, log)
  return false
}

function move(calls: SchedulingCalls, log: LogSink): void {
  if (!calls.moveToRootCgroup()) log('warning', 'MAIN', "Can't open cgroups tasks file for writing")
}

function setNice(nice: number, calls: SchedulingCalls, log: LogSink): void {
  const failure = calls.setNice(nice)
  if (failure !== undefined) log('warning', 'MAIN', `Could not set priority ${nice}: ${describe(failure)}`)
}

function describe(failure: SystemCallFailure): string {
  return `${errorText(failure)} (${failure.errno})`
}

/** Version 1 of the control groups has a budget of realtime per group; version 2 has the file of the root group alone. */
export function moveToRootCgroup(pid: number): boolean {
  const cpu = '/sys/fs/cgroup/cpu'
  const file = existsSync(`${cpu}/cpu.rt_runtime_us`) ? `${cpu}/tasks` : '/sys/fs/cgroup/cgroup.procs'
  try {
    writeFileSync(file, `${pid}\n`, { flag: 'r+' })
    return true
  } catch {
    return false
  }
}
