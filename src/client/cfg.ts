// The configuration service for programs: state of links and nodes, reloading, ends of nodes and of the cluster's part on this
// one (spec: services 6). In: calls. Out: promises; questions whether the daemon may end.

import { formatIp } from '../config/ip.js'
import { CsError } from '../services/errors.js'
import {
  CFG_REASON_LENGTH_MAX,
  CfgRequest,
  CfgResponse,
  cfgKillRequest,
  cfgNodeStatusRequest,
  cfgRequest,
  cfgWordRequest,
  type NodeStatus,
  type RingStatusText,
  readCfgWord,
  readNodeAddresses,
  readNodeStatus,
  readRingStatus,
  ShutdownFlag,
} from '../wire/cfg-ipc.js'
import { HOST_LITTLE_ENDIAN, readS32 } from '../wire/cursor.js'
import { type ClusterError, callError } from './errors.js'
import { EventStream, type Tracking } from './event-stream.js'
import { type ServiceAccess, ServiceLink } from './service-link.js'

/**
 * `request`: programs that follow shutdowns may refuse. `regardless`: they are told, and asked, but cannot refuse.
 * `immediate`: nobody is asked.
 */
export type ShutdownKind = keyof typeof ShutdownFlag

/** Somebody wants the daemon of this host to end. Who does not answer in time (5 s by default) counts as refusing. */
export interface ShutdownQuestion {
  readonly kind: ShutdownKind
  /** Rejects with ACCESS when the question is settled already. */
  reply(agree: boolean): Promise<void>
}

export class ClusterConfiguration {
  readonly #link: ServiceLink
  #questions: EventStream<ShutdownQuestion> | undefined

  /** Made by `connect`. */
  constructor(access: ServiceAccess) {
    this.#link = new ServiceLink('cfg', access, {
      event: (buf, off, len) => this.#asked(buf, off, len),
      lost: error => this.#questions?.end(error),
    })
  }

  async localNodeId(): Promise<number> {
    const answer = await this.#bare(CfgRequest.localGet, 'asking for the node id')
    return sound(readCfgWord(answer, 0, answer.length), 'asking for the node id')
  }

  /** The links of this node: number and address; a text about their state, per node with knet. */
  async ringStatus(): Promise<readonly RingStatusText[]> {
    const what = 'asking for the state of the links'
    return sound(readRingStatus(await this.#bare(CfgRequest.ringStatusGet, what)), what)
  }

  /** A node as this one sees it. Rejects with FAILED_OPERATION for a node that knet does not know. */
  async nodeStatus(nodeId: number): Promise<NodeStatus> {
    const what = `asking for the state of node ${nodeId}`
    return sound(readNodeStatus(await this.#link.call(what, cfgNodeStatusRequest(nodeId))), what)
  }

  /** Addresses of a node, one per link; of this node without an id. Rejects with NOT_EXIST. */
  async addresses(nodeId = 0): Promise<readonly string[]> {
    const what = `asking for the addresses of node ${nodeId}`
    return sound(readNodeAddresses(await this.#word(CfgRequest.getNodeAddresses, nodeId, what)), what).map(formatIp)
  }

  /** Every node reads its configuration file again. Resolves when this one has; rejects with INVALID_PARAM when its file is wrong. */
  async reload(): Promise<void> {
    await this.#bare(CfgRequest.reloadConfig, 'reloading the configuration')
  }

  async reopenLogFiles(): Promise<void> {
    await this.#bare(CfgRequest.reopenLogFiles, 'reopening the log files')
  }

  /** The daemon of that node exits on the spot. Rejects with NOT_EXIST when it is no member. `reason` is logged there. */
  async kill(nodeId: number, reason: string): Promise<void> {
    const bytes = new TextEncoder().encode(reason)
    if (bytes.length > CFG_REASON_LENGTH_MAX) throw callError(CsError.NAME_TOO_LONG, 'the reason is too long')
    await this.#link.call(`killing node ${nodeId}`, cfgKillRequest(nodeId, bytes))
  }

  /**
   * Ends the daemon of this host. Rejects with BUSY when somebody refuses, EXIST when somebody else has asked for the same. The
   * daemon may be gone before it has answered: then it rejects with ConnectionLostError.
   */
  async tryShutdown(kind: ShutdownKind = 'request'): Promise<void> {
    await this.#word(CfgRequest.tryShutdown, ShutdownFlag[kind], 'asking for shutdown')
  }

  /** From now on this program is asked before the daemon ends, unless it is this program that wants it. Once at a time. */
  async trackShutdown(): Promise<Tracking<ShutdownQuestion>> {
    if (this.#questions !== undefined) throw callError(CsError.EXIST, 'following shutdowns')
    const stream = new EventStream<ShutdownQuestion>('following shutdowns', async () => {
      if (this.#questions === stream) this.#questions = undefined
      await this.#bare(CfgRequest.trackStop, 'the end of following shutdowns')
    })
    this.#questions = stream
    try {
      await this.#word(CfgRequest.trackStart, 0, 'following shutdowns')
    } catch (error) {
      this.#questions = undefined
      throw error
    }
    return stream
  }

  /** What waits is rejected, what is tracked ends; with `error` when it is not the program that ends it. */
  close(error?: ClusterError): void {
    this.#questions?.end(error)
    this.#questions = undefined
    this.#link.close(error)
  }

  #asked(buf: Uint8Array, off: number, len: number): void {
    if (readS32(buf, off, HOST_LITTLE_ENDIAN) !== CfgResponse.testShutdown) return
    const flags = readCfgWord(buf, off, len)
    this.#questions?.push({
      kind: flags === ShutdownFlag.regardless ? 'regardless' : 'request',
      reply: async agree => {
        await this.#word(CfgRequest.replyToShutdown, agree ? 1 : 0, 'answering about shutdown')
      },
    })
  }

  #bare(id: number, what: string): Promise<Uint8Array> {
    return this.#link.call(what, cfgRequest(id))
  }

  #word(id: number, word: number, what: string): Promise<Uint8Array> {
    return this.#link.call(what, cfgWordRequest(id, word))
  }
}

function sound<T>(answer: T | undefined, what: string): T {
  if (answer === undefined) throw callError(CsError.MESSAGE_ERROR, what)
  return answer
}
