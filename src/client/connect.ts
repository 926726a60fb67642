// Connects to a daemon of this host, this project's or the C one. In: where it is, if not where it always is. Out: a cluster
// handle as an embedded node gives it, and the daemon's services.

import { ClusterConfiguration } from './cfg.js'
import { Cluster } from './cluster.js'
import { ConfigurationMap } from './cmap.js'
import { type DaemonAddress, daemonAccess, daemonOptions } from './daemon-access.js'
import { DaemonLink, type RingWatch } from './daemon-link.js'
import { ClosedError } from './errors.js'
import { Quorum } from './quorum.js'
import type { ServiceAccess } from './service-link.js'

export interface ConnectOptions extends DaemonAddress {
  /** What a group's events may take up, untaken, before the membership is ended (64 MiB). */
  readonly maxQueuedBytes?: number
}

const MAX_QUEUED_BYTES = 64 << 20

/**
 * Connects to the daemon of this host; resolves when it serves programs. Rejects with ConnectionError: LIBRARY or NOT_EXIST
 * when there is none, ACCESS when it does not want this user, TRY_AGAIN when it has not become ready in time.
 */
export async function connect(options: ConnectOptions = {}): Promise<Cluster> {
  const daemon = daemonOptions(options)
  const access = daemonAccess(daemon)
  const nodeId = await localNodeId(access)
  const nodes = await configuredNodes(access, nodeId)
  const watch = await watchRing(access)
  const member = { ...daemon, nodeId, maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES }
  let link: DaemonLink | undefined
  const cluster = new Cluster(listener => {
    link = new DaemonLink(member, nodes, watch, listener)
    return link
  })
  link?.start()
  return cluster
}

async function localNodeId(access: ServiceAccess): Promise<number> {
  const cfg = new ClusterConfiguration(access)
  try {
    return await cfg.localNodeId()
  } finally {
    cfg.close()
  }
}

/** Node ids of the daemon's list of nodes; of this node alone where there is no list. */
async function configuredNodes(access: ServiceAccess, nodeId: number): Promise<number[]> {
  const map = new ConfigurationMap('default', access)
  try {
    const found: number[] = []
    for await (const [key, value] of map.entries('nodelist.node.')) {
      if (/^nodelist\.node\.\d+\.nodeid$/.test(key) && value.type === 'u32') found.push(value.value)
    }
    return found.length > 0 ? found : [nodeId]
  } finally {
    map.close()
  }
}

async function watchRing(access: ServiceAccess): Promise<RingWatch> {
  const quorum = new Quorum(access)
  const events = await quorum.track()
  for await (const event of events) if (event.type === 'nodes') return { first: event, events }
  throw new ClosedError('the daemon')
}
