// Realtime scheduling for the executive's thread, by the engine's rules (spec: configuration 14.3): round robin with the
// highest priority; where that fails, the highest ordinary priority. Runs on the thread that it is about.
// In: the wish, and the calls. Out: log lines for what could not be had. Memory is not locked here: see docs/architecture.md.

import { existsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { errnoText } from '../log/system-error.js'
import type { LogSink } from '../log/types.js'

/** The lowest nice number, the highest ordinary priority. */
const NICE_HIGHEST = -20
const NICE_LOWEST = 19
/** The priority that the engine asks for: the top of SCHED_RR. */
const ROUND_ROBIN_PRIORITY = 99

export interface SchedulingWish {
  readonly schedRr: boolean
  readonly moveToRootCgroup: 'yes' | 'no' | 'auto'
  /** `max`, `min` or a nice number; used only without round robin. */
  readonly priority: number | 'max' | 'min'
}

/** The calls, each for the calling thread, except the cgroup, which is the process's. */
export interface SchedulingCalls {
  /** 0 or an errno. */
  setRoundRobin(): number
  /** False when there is no such group or it may not be written. */
  moveToRootCgroup(): boolean
  /** 0 or an errno. */
  setNice(nice: number): number
}

/** True when the thread runs round robin now. */
export function applyScheduling(wish: SchedulingWish, calls: SchedulingCalls, log: LogSink): boolean {
  if (!wish.schedRr) {
    const nice = wish.priority === 'max' ? NICE_HIGHEST : wish.priority === 'min' ? NICE_LOWEST : wish.priority
    if (nice !== 0) setNice(nice, calls, log)
    return false
  }
  if (wish.moveToRootCgroup === 'yes') move(calls, log)
  let errno = calls.setRoundRobin()
  if (errno !== 0 && wish.moveToRootCgroup === 'auto') {
    move(calls, log)
    errno = calls.setRoundRobin()
  }
  if (errno === 0) return true
  log('warning', 'MAIN', `Could not set SCHED_RR at priority ${ROUND_ROBIN_PRIORITY}: ${errnoText(errno)} (${errno})`)
  setNice(NICE_HIGHEST, calls, log)
  return false
}

function move(calls: SchedulingCalls, log: LogSink): void {
  if (!calls.moveToRootCgroup()) log('warning', 'MAIN', "Can't open cgroups tasks file for writing")
}

function setNice(nice: number, calls: SchedulingCalls, log: LogSink): void {
  const errno = calls.setNice(nice)
  if (errno !== 0) log('warning', 'MAIN', `Could not set priority ${nice}: ${errnoText(errno)} (${errno})`)
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

/** Node sets the nice value of a thread when it is called there with 0. */
export function setNiceOfThread(nice: number): number {
  try {
    os.setPriority(0, nice)
    return 0
  } catch (error) {
    const info = error instanceof Error && 'info' in error ? (error.info as { errno?: number }) : undefined
    return info?.errno === undefined ? os.constants.errno.EPERM : -info.errno
  }
}
