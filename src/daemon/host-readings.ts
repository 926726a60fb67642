// Clocks, memory and load of this host, for the services that watch it.

import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import type { HostReadings } from '../services/host-readings.js'

export const HOST_READINGS: HostReadings = {
  timeOfDayMs: Date.now,
  monotonicNs: process.hrtime.bigint,
  memoryUsedPercent: () => readMemoryUsedPercent('/proc/meminfo'),
  load15: () => loadavg()[2] ?? 0,
}

/** 0 where it cannot be read: there may be no descriptor left, and the ring goes on without this number. */
export function readMemoryUsedPercent(path: string): number {
  try {
    return memoryUsedPercent(readFileSync(path, 'utf8'))
  } catch {
    return 0
  }
}

/** Memory that holds neither files nor nothing, and swap in use: percent of both, cut to a whole number as the C daemon does. */
export function memoryUsedPercent(meminfo: string): number {
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0)
  const swapTotal = kilobytes('SwapTotal')
  const total = kilobytes('MemTotal') + swapTotal
  if (total === 0) return 0
  const files = kilobytes('Buffers') + kilobytes('Cached') + kilobytes('SReclaimable')
  const used = kilobytes('MemTotal') - kilobytes('MemFree') - files + swapTotal - kilobytes('SwapFree')
  return Math.floor((100 * Math.max(0, used)) / total)
}
