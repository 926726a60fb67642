// Connects to a daemon of this host, this project's or the C one. In: where it is, if not where it always is. Out: a cluster
// handle as an embedded node gives it, and the daemon's services.

import { hostSocketDirectory } from '../ipc/names.js'
import { ClusterConfiguration } from './cfg.js'
import { Cluster } from './cluster.js'
import { ConfigurationMap } from './cmap.js'
import { DaemonLink, type RingWatch } from './daemon-link.js'
import { ClosedError, ClusterError, ConnectionLostError } from './errors.js'
import type { EngineLink, EngineListener } from './link.js'
import { Quorum } from './quorum.js'
import type { DaemonOptions } from './service-link.js'
import { VoteQuorum } from './votequorum.js'

export interface ConnectOptions {
  /** Put before the names of the daemon's sockets; by default what COROSYNC_IPC_PREFIX says, or nothing. */
  readonly prefix?: string
  /**
   * Directory of the daemon's sockets, or 'abstract' for names without a file. By default as libqb has it: abstract, unless
   * /etc/libqb/force-filesystem-sockets exists.
   */
  readonly sockets?: string
  /** How long a daemon that is starting, or too busy for a call, is asked again (10 000 ms). */
  readonly timeoutMs?: number
  /** What a group's events may take up, untaken, before the membership is ended (64 MiB). */
  readonly maxQueuedBytes?: number
}

const TIMEOUT_MS = 10_000
const MAX_QUEUED_BYTES = 64 << 20

/** A cluster of which a daemon of this host runs the node. */
export class DaemonCluster extends Cluster {
  /** The daemon's configuration map. */
  readonly cmap: ConfigurationMap
  /** Its map of statistics. */
  readonly stats: ConfigurationMap
  readonly cfg: ClusterConfiguration
  readonly quorum: Quorum
  readonly votequorum: VoteQuorum

  /** Made by `connect`. */
  constructor(options: DaemonOptions, attach: (listener: EngineListener) => EngineLink) {
    super(attach)
    this.cmap = new ConfigurationMap('default', options)
    this.stats = new ConfigurationMap('stats', options)
    this.cfg = new ClusterConfiguration(options)
    this.quorum = new Quorum(options)
    this.votequorum = new VoteQuorum(options)
    this.once('end', error => this.#closeServices(error))
  }

  /** Leaves every group (which shows as `procdown`) and cuts all connections. The daemon goes on. */
  override async close(): Promise<void> {
    this.#closeServices(undefined)
    await super.close()
  }

  #closeServices(error: Error | undefined): void {
    const reason = error === undefined || error instanceof ClusterError ? error : new ConnectionLostError(error.message)
    for (const service of [this.cmap, this.stats, this.cfg, this.quorum, this.votequorum]) service.close(reason)
  }
}

/**
 * Connects to the daemon of this host; resolves when it serves programs. Rejects with ConnectionError: LIBRARY or NOT_EXIST
 * when there is none, ACCESS when it does not want this user, TRY_AGAIN when it has not become ready in time.
 */
export async function connect(options: ConnectOptions = {}): Promise<DaemonCluster> {
  const daemon = daemonOptions(options)
  const nodeId = await localNodeId(daemon)
  const [nodes, watch] = await Promise.all([configuredNodes(daemon, nodeId), watchRing(daemon)])
  const member = { ...daemon, nodeId, maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES }
  let link: DaemonLink | undefined
  const cluster = new DaemonCluster(daemon, listener => {
    link = new DaemonLink(member, nodes, watch, listener)
    return link
  })
  link?.start()
  return cluster
}

function daemonOptions({ prefix, sockets, timeoutMs = TIMEOUT_MS }: ConnectOptions): DaemonOptions {
  return {
    prefix: prefix ?? process.env.COROSYNC_IPC_PREFIX ?? '',
    directory: sockets === undefined ? hostSocketDirectory() : sockets === 'abstract' ? undefined : sockets,
    timeoutMs,
  }
}

async function localNodeId(options: DaemonOptions): Promise<number> {
  const cfg = new ClusterConfiguration(options)
  try {
    return await cfg.localNodeId()
  } finally {
    cfg.close()
  }
}

/** Node ids of the daemon's list of nodes; of this node alone where there is no list. */
async function configuredNodes(options: DaemonOptions, nodeId: number): Promise<number[]> {
  const map = new ConfigurationMap('default', options)
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

async function watchRing(options: DaemonOptions): Promise<RingWatch> {
  const quorum = new Quorum(options)
  const events = await quorum.track()
  for await (const event of events) if (event.type === 'nodes') return { first: event, events }
  throw new ClosedError('the daemon')
}
