// A node on the fake ring with the configuration service, a map, and surroundings that only write down what they are
// asked.

import type { LogLevel } from '../../src/log/types.js'
import { CfgService } from '../../src/services/cfg/service.js'
import type { CfgHost, LinkStatusSource, ValidConfiguration } from '../../src/services/cfg/types.js'
import { LiveMap, type MapChange } from '../../src/services/cmap/live-map.js'
import { CmapService } from '../../src/services/cmap/service.js'
import { Executive } from '../../src/services/executive.js'
import { type FakeCluster, FakeNode, NET_MTU } from './fake-ring.js'
import { LibraryClient } from './library-client.js'

const NO_LINKS: LinkStatusSource = { ringStatus: () => [], nodeStatus: () => undefined, nodeAddresses: () => [] }

export interface CfgNodeOptions {
  readonly links?: LinkStatusSource
  readonly littleEndian?: boolean
  /** Without surroundings, as in a simulation. */
  readonly bare?: boolean
  /** Others than the node itself. */
  readonly host?: (cfg: () => CfgService) => CfgHost
}

const HEADER_LENGTH = 16

/** A request with its header: `fields` go behind it, `length` bytes in all. */
export function request(id: number, length = HEADER_LENGTH, fields: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = Buffer.alloc(length)
  bytes.writeInt32LE(id, 0)
  bytes.writeInt32LE(length, 8)
  fields(bytes)
  return bytes
}

export class CfgClient extends LibraryClient {
  /** Takes the oldest answer; what it says about its length is checked. */
  answer(): Buffer {
    const bytes = this.answers.shift()
    if (bytes === undefined) throw new Error('no answer')
    const answer = Buffer.from(bytes.buffer)
    if (answer.readInt32LE(8) !== answer.length) throw new Error('an answer that lies about its length')
    return answer
  }

  /** Takes id and error of the oldest answer. */
  result(): readonly [id: number, error: number] {
    const answer = this.answer()
    return [answer.readInt32LE(0), answer.readInt32LE(16)]
  }
}

export class CfgNode extends FakeNode implements CfgHost {
  readonly executive: Executive
  readonly cfg: CfgService
  readonly map = new LiveMap()
  readonly logged: string[] = []
  /** What the surroundings were asked, in order. */
  readonly asked: string[] = []
  readonly applied: ValidConfiguration[] = []
  readonly links: LinkStatusSource
  /** What `refuses` answers. */
  refusal: string | undefined

  constructor(id: number, options: CfgNodeOptions = {}) {
    super(id)
    this.queue.littleEndian = options.littleEndian ?? true
    this.links = options.links ?? NO_LINKS
    const log = (level: LogLevel, subsystem: string, message: string) => {
      this.logged.push(`${level} ${subsystem} ${message}`)
    }
    this.executive = new Executive({ nodeId: id, queue: this.queue, netMtu: NET_MTU, log, ready: () => {} })
    const { port } = this.executive
    const host = options.bare === true ? undefined : (options.host?.(() => this.cfg) ?? this)
    this.cfg = new CfgService({ port, map: this.map, log, host })
    this.executive.register(new CmapService({ port, map: this.map, log, shutdown: () => {} }))
    this.executive.register(this.cfg)
    this.upper = this.executive
  }

  connect(): CfgClient {
    return new CfgClient(this.cfg.library)
  }

  /** Takes what was logged by the service, without the lines of others. */
  lines(): string[] {
    return this.logged.splice(0).filter(line => line.split(' ')[1] === 'CFG')
  }

  /** Changes of the map as one line each, from now on. */
  watch(): string[] {
    const seen: string[] = []
    const kinds = { 1: 'delete', 2: 'modify', 4: 'add' } as const
    const listener = ({ event, key, after }: MapChange) => {
      seen.push(`${kinds[event]} ${key}${after === undefined ? '' : ` = ${after.value}`}`)
    }
    this.map.track('', listener, { prefix: true })
    return seen
  }

  killed(reason: string): void {
    this.asked.push(`killed: ${reason}`)
  }

  shutdown(reason: string): void {
    this.asked.push(`shutdown: ${reason}`)
  }

  readConfiguration(): void {
    this.asked.push('readConfiguration')
  }

  refuses(): string | undefined {
    return this.refusal
  }

  apply(configuration: ValidConfiguration): void {
    this.asked.push('apply')
    this.applied.push(configuration)
  }

  reopenLogFiles(): void {
    this.asked.push('reopenLogFiles')
  }

  activateCrypto(): void {
    this.asked.push('activateCrypto')
  }

  cleanUpCrypto(): void {
    this.asked.push('cleanUpCrypto')
  }
}

/** Nodes 1 to `count` on one ring that is at rest. */
export function cfgNodes(cluster: FakeCluster, count: number, options: CfgNodeOptions = {}): CfgNode[] {
  const nodes = Array.from({ length: count }, (_, i) => new CfgNode(i + 1, options))
  for (const node of nodes) cluster.add(node)
  cluster.run(cluster.form(nodes.map(node => node.id)))
  for (const node of nodes) node.logged.length = 0
  return nodes
}
