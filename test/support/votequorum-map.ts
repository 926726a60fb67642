// Configuration maps for votequorum: a node list and what stands in the quorum section.

import type { MapValue } from '../../src/config/map.js'
import { LiveMap } from '../../src/services/cmap/live-map.js'

export interface VotequorumConfig {
  /** Ids of the nodes in the list; their votes where they are not 1. */
  readonly nodes: readonly number[]
  readonly votes?: Readonly<Record<number, number>>
  /** Keys below `quorum.`: numbers are u8, or u32 where votes and times are counted. */
  readonly quorum?: Readonly<Record<string, number | string>>
}

const U32 = /votes$|window$|timeout$/

export function quorumValue(key: string, value: number | string): MapValue {
  if (typeof value === 'string') return { type: 'str', value }
  return U32.test(key) ? { type: 'u32', value } : { type: 'u8', value }
}

/** The map of node `nodeId`. */
export function votequorumMap(nodeId: number, config: VotequorumConfig): LiveMap {
  const map = new LiveMap()
  map.set('quorum.provider', { type: 'str', value: 'corosync_votequorum' })
  for (const [key, value] of Object.entries(config.quorum ?? {})) map.set(`quorum.${key}`, quorumValue(key, value))
  config.nodes.forEach((id, position) => {
    const prefix = `nodelist.node.${position}.`
    map.set(`${prefix}nodeid`, { type: 'u32', value: id })
    map.set(`${prefix}ring0_addr`, { type: 'str', value: `10.77.0.${id}` })
    const votes = config.votes?.[id]
    if (votes !== undefined) map.set(`${prefix}quorum_votes`, { type: 'u32', value: votes })
    if (id === nodeId) map.set('nodelist.local_node_pos', { type: 'u32', value: position })
  })
  return map
}
