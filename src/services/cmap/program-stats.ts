// The statistics of programs: stats.ipcs.* (spec: services 7.6). In: connections as they come and go. Out: keys of the map of
// statistics, announced to whoever tracks them.

import type { MapValue } from '../../config/map.js'
import type { StatsMap } from './stats-map.js'

/** One program's connection, as far as it is counted. */
export interface CountedConnection {
  readonly serial: number
  readonly serviceId: number
  readonly pid: number
  readonly statistics: {
    readonly processName: string
    readonly queueing: number
    readonly queued: number
    readonly invalidRequest: number
    readonly overload: number
    readonly sent: number
    readonly requests: number
    readonly responses: number
    readonly dispatched: number
    readonly sendRetries: number
    readonly receiveRetries: number
    readonly flowControl: number
    readonly flowControlCount: number
  }
}

/** All connections together. */
export interface ConnectionCounts {
  readonly activeCount: number
  readonly closedCount: number
  clearStatistics(): void
}

type Statistics = CountedConnection['statistics']

/** In the order in which they are announced. */
const FIELDS: readonly (readonly [string, (statistics: Statistics) => MapValue])[] = [
  ['queueing', counts => ({ type: 'i32', value: counts.queueing })],
  ['queued', counts => ({ type: 'u32', value: counts.queued })],
  ['invalid_request', counts => u64(counts.invalidRequest)],
  ['overload', counts => u64(counts.overload)],
  ['sent', counts => ({ type: 'u32', value: counts.sent })],
  ['procname', counts => ({ type: 'str', value: counts.processName })],
  ['requests', counts => u64(counts.requests)],
  ['responses', counts => u64(counts.responses)],
  ['dispatched', counts => u64(counts.dispatched)],
  ['send_retries', counts => u64(counts.sendRetries)],
  ['recv_retries', counts => u64(counts.receiveRetries)],
  ['flow_control', counts => ({ type: 'u32', value: counts.flowControl })],
  ['flow_control_count', counts => u64(counts.flowControlCount)],
]

export class ProgramStats {
  readonly #map: StatsMap

  constructor(map: StatsMap, counts: ConnectionCounts) {
    this.#map = map
    map.define('stats.ipcs.global.active', () => u64(counts.activeCount))
    map.define('stats.ipcs.global.closed', () => u64(counts.closedCount))
    map.onClear('ipc', () => counts.clearStatistics())
  }

  connected(connection: CountedConnection): void {
    const { statistics } = connection
    for (const [name, read] of FIELDS) {
      this.#map.define(`${prefixOf(connection)}${name}`, () => read(statistics), true)
    }
  }

  disconnected(connection: CountedConnection): void {
    for (const [name] of FIELDS) this.#map.remove(`${prefixOf(connection)}${name}`)
  }
}

/** In the C daemon the last part is an address; tools take it for any word that is unique. */
function prefixOf({ serviceId, pid, serial }: CountedConnection): string {
  return `stats.ipcs.service${serviceId}.${pid}.0x${serial.toString(16)}.`
}

function u64(value: number): MapValue {
  return { type: 'u64', value: BigInt(value) }
}
