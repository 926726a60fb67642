// Counters of one connection and the name of its program (spec: ipc 13.5).

import { readFileSync } from 'node:fs'
import type { IpcStatistics } from './types.js'

export function newStatistics(processName: string): IpcStatistics {
  return {
    processName,
    queueing: 0,
    queued: 0,
    invalidRequest: 0,
    overload: 0,
    sent: 0,
    requests: 0,
    responses: 0,
    dispatched: 0,
    sendRetries: 0,
    receiveRetries: 0,
    flowControl: 0,
    flowControlCount: 0,
  }
}

/** As the kernel knows it: at most 15 characters. Empty when the process has gone or lives in another name space. */
export function processName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\n$/, '')
  } catch {
    return ''
  }
}

/** As `stats.clear.ipc` wants it: what describes the present stays. */
export function clearStatistics(statistics: IpcStatistics): void {
  statistics.invalidRequest = 0
  statistics.overload = 0
  statistics.sent = 0
  statistics.requests = 0
  statistics.responses = 0
  statistics.dispatched = 0
  statistics.sendRetries = 0
  statistics.receiveRetries = 0
  statistics.flowControlCount = 0
}
