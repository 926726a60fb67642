// A node on the fake ring with the services of a daemon: cmap, cpg, quorum, and votequorum where the map says so.

import type { LogLevel } from '../../src/log/types.js'
import { LiveMap } from '../../src/services/cmap/live-map.js'
import { CmapService } from '../../src/services/cmap/service.js'
import { CpgService } from '../../src/services/cpg/service.js'
import { Executive } from '../../src/services/executive.js'
import { quorumProvider } from '../../src/services/quorum/provider.js'
import { QuorumService } from '../../src/services/quorum/service.js'
import { VotequorumService } from '../../src/services/votequorum/service.js'
import { type FakeCluster, FakeNode, NET_MTU } from './fake-ring.js'

export interface ServiceNodeOptions {
  /** totem.config_version. */
  readonly configVersion?: bigint
  readonly reusableHandles?: boolean
  readonly littleEndian?: boolean
  /** The configuration map; with quorum.provider in it there is votequorum. */
  readonly map?: LiveMap
}

export class ServiceNode extends FakeNode {
  readonly executive: Executive
  readonly cpg: CpgService
  readonly cmap: CmapService
  readonly quorum: QuorumService
  readonly votequorum: VotequorumService | undefined
  readonly map: LiveMap
  now = 0
  readonly logged: string[] = []
  readonly shutdowns: string[] = []
  readyCalls = 0
  onReady: () => void = () => {}
  #messagesBefore = 0

  constructor(id: number, options: ServiceNodeOptions = {}) {
    super(id)
    this.queue.littleEndian = options.littleEndian ?? true
    const log = (level: LogLevel, subsystem: string, message: string) => {
      this.logged.push(`${level} ${subsystem} ${message}`)
    }
    this.executive = new Executive({
      nodeId: id,
      queue: this.queue,
      netMtu: NET_MTU,
      log,
      ready: () => {
        this.readyCalls++
        this.cmap.retry()
        this.onReady()
      },
    })
    const { port } = this.executive
    this.map = options.map ?? new LiveMap()
    if (options.configVersion !== undefined) {
      this.map.set('totem.config_version', { type: 'u64', value: options.configVersion })
    }
    this.cmap = new CmapService({
      port,
      map: this.map,
      log,
      shutdown: reason => this.shutdowns.push(reason),
      // Every node has two links, the ones with numbers 0 and 2.
      addressesOf: node => [`10.0.0.${node}`, '', `fd00::${node}`],
    })
    this.cpg = new CpgService({ port, log, reusableHandles: options.reusableHandles ?? true })
    const provider = quorumProvider(this.map.getString('quorum.provider') ?? '', log)
    this.quorum = new QuorumService({ log, provider })
    if (provider === 'votequorum') {
      this.votequorum = new VotequorumService({
        port,
        map: this.map,
        log,
        now: () => this.now,
        report: view => this.quorum.report(view),
      })
      this.executive.register(this.votequorum)
    }
    if (provider === 'ykd') {
      this.executive.useYkd({ nodeId: id, log, report: view => this.quorum.report(view) })
    }
    // Not in the order of their ids: the barrier has to sort.
    this.executive.register(this.quorum)
    this.executive.register(this.cpg)
    this.executive.register(this.cmap)
    this.upper = this.executive
  }

  override packetBegins(): void {
    this.#messagesBefore = this.executive.groups.stats.receivedMessages
  }

  /** Place in the total order of what is being delivered: ring, packet, message in the packet. */
  get place(): { readonly ring: string; readonly packet: number; readonly message: number } {
    const { nodeId, seq } = this.ring!.identity
    const message = this.executive.groups.stats.receivedMessages - this.#messagesBefore
    return { ring: `${nodeId}.${seq}`, packet: this.delivered, message }
  }
}

/** Adds the node and has it form a ring of its own, as after start. */
export function startNode(cluster: FakeCluster, id: number, options: ServiceNodeOptions = {}): ServiceNode {
  const node = new ServiceNode(id, options)
  cluster.add(node)
  node.executive.table.start()
  cluster.run(cluster.form([id]))
  return node
}
