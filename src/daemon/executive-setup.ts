// What an executive is made from: plain values that travel to a worker thread, read off a configuration. In: the
// configuration of the file. Out: the node's and the transport's parameters. Decides nothing by itself.

import type { ConfigMap, MapValue } from '../config/map.js'
import type { TuningFacts } from '../config/tuning.js'
import type { Configuration, SchedulingConfiguration } from '../config/types.js'
import type { IpcTransport } from '../ipc/types.js'
import type { LogFilterState } from '../log/filter.js'
import type { RingIdStore } from '../net/driver.js'
import { BROADCAST_ADDRESS, type TransportConfig } from '../net/transport.js'
import type { NodeConfig } from '../node/types.js'
import { LiveMap } from '../services/cmap/live-map.js'
import type { TotemParameters } from '../totem/parameters.js'
import { createGeneration3 } from '../wire/generation3.js'
import { RingIdFile } from './ring-id-file.js'

export interface ExecutiveSetup {
  readonly nodeId: number
  readonly memberNodeIds: readonly number[]
  /** The configuration map at start. */
  readonly map: readonly (readonly [string, MapValue])[]
  readonly totem: TotemParameters
  /** What timers depend on besides the map. */
  readonly tuning: TuningFacts
  readonly transport: TransportConfig
  /** Where the ring id is kept; undefined for nowhere. */
  readonly stateDir: string | undefined
  readonly logFilter: LogFilterState
  /** The daemon's: realtime scheduling, locked memory. The library leaves the thread as it is. */
  readonly scheduling?: SchedulingConfiguration
  /** The daemon's: programs of this host are served. */
  readonly ipc?: IpcSetup
  /** What a member in this process may leave untaken, in bytes. */
  readonly maxQueuedBytes?: number
}

export interface IpcSetup {
  readonly transport: IpcTransport
  /** In front of the names of services. */
  readonly prefix: string
}

export function executiveSetup(
  configuration: Configuration,
  logFilter: LogFilterState,
  more: Pick<ExecutiveSetup, 'scheduling' | 'maxQueuedBytes' | 'ipc'> & { readonly stateDir: string | undefined },
): ExecutiveSetup {
  const { nodeId, members, legacy, transport } = configuration
  if (transport === 'knet') throw new RangeError('transport knet')
  const group = configuration.broadcast ? BROADCAST_ADDRESS : configuration.mcastAddress
  return {
    nodeId,
    memberNodeIds: members.map(member => member.nodeId),
    map: mapEntries(configuration.map),
    totem: configuration.totem,
    tuning: {
      transport,
      family: configuration.family,
      netMtu: configuration.netMtu,
      defaults: configuration.defaults,
      legacy,
    },
    transport: {
      transport,
      nodeId,
      bindAddress: configuration.bindAddress,
      bindExact: !legacy,
      members: members.map(member => ({ nodeId: member.nodeId, address: member.addresses[0] ?? '' })),
      port: configuration.mcastPort,
      ...(transport === 'udp' && group !== undefined ? { group } : {}),
      ttl: configuration.ttl,
      blockUnlistedIps: configuration.blockUnlistedIps,
      typeOfService: configuration.ipDscp * 4,
      offload: configuration.udpOffload,
      downcheckMs: configuration.totem.downcheckMs,
    },
    logFilter,
    ...more,
  }
}

/** A map as plain data, which can go to another thread. */
export function mapEntries(map: ConfigMap): [string, MapValue][] {
  return map.keys().flatMap(key => {
    const value = map.get(key)
    return value === undefined ? [] : [[key, value] as [string, MapValue]]
  })
}

/** The live map of a node that starts with these entries. */
export function liveMap(entries: readonly (readonly [string, MapValue])[]): LiveMap {
  const map = new LiveMap()
  for (const [key, value] of entries) map.set(key, value)
  return map
}

export function nodeConfig(setup: ExecutiveSetup): NodeConfig {
  const { nodeId, memberNodeIds, totem } = setup
  return { nodeId, memberNodeIds, totem, wire: createGeneration3() }
}

/** A node that remembers nothing counts its rings from the time of day: ids grow from life to life all the same. */
const SEQUENCE_PER_SECOND = 4

export function openRingIdStore(setup: ExecutiveSetup): RingIdStore & { close(): void } {
  if (setup.stateDir !== undefined) return new RingIdFile(setup.stateDir, setup.nodeId)
  return { sequence: Math.floor(Date.now() / 1000) * SEQUENCE_PER_SECOND, write() {}, close() {} }
}
