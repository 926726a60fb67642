// Everything above the single ring, assembled: process groups, the synchronisation barrier and the services
// (spec: totem 11). In: what the ring delivers (TotemUpper). Out: frames to the ring's queue, calls of the services.
// Must not know: how the ring works, which services there are.

import type { LogSink } from '../log/types.js'
import { ProcessGroups } from '../pg/process-groups.js'
import { type FrameQueue, Group, type MessageReceiver } from '../pg/types.js'
import { Synchronisation } from '../sync/sync.js'
import type { ConfigurationChange, TotemUpper } from '../totem/types.js'
import type { GatePort } from './gate.js'
import { Outbox } from './outbox.js'
import { ServiceTable } from './table.js'
import type { RingPort, Service } from './types.js'
import { Ykd, type YkdOptions } from './ykd/ykd.js'

const NOTHING = new Uint8Array(0)
/** Places of a send queue that its free places never include (spec: totem 6.5). */
const QUEUE_SPARE = 2

export interface ExecutiveOptions {
  readonly nodeId: number
  readonly queue: FrameQueue
  /** Largest frame that a link carries, in bytes (TotemParameters.netMtu). */
  readonly netMtu: number
  readonly log: LogSink
  /**
   * Sends that were refused (TRY_AGAIN) are worth another try. Called after a token or at the end of a
   * synchronisation.
   */
  readonly ready: () => void
  /** A synchronisation is complete; called after services may send again. */
  readonly completed?: () => void
}

export class Executive implements TotemUpper {
  readonly groups: ProcessGroups
  readonly sync: Synchronisation
  readonly table: ServiceTable
  readonly #outbox: Outbox
  readonly #queue: FrameQueue
  #ykd: Ykd | undefined

  constructor(options: ExecutiveOptions) {
    const { nodeId, queue, netMtu, log, ready } = options
    this.#queue = queue
    this.table = new ServiceTable(log)
    const receiver: MessageReceiver = {
      receive: (groups, buf, off, len, origin, little) => {
        if ((groups & Group.services) !== 0) this.table.receive(buf, off, len, origin, little)
        if ((groups & Group.sync) !== 0) this.sync.receive(buf, off, len, origin, little)
        if ((groups & Group.ykd) !== 0) this.#ykd?.receive(buf, off, len, origin, little)
      },
    }
    this.groups = new ProcessGroups({ queue, netMtu, receiver })
    this.#outbox = new Outbox({
      nodeId,
      littleEndian: queue.littleEndian,
      groups: this.groups,
      table: this.table,
      ready,
    })
    this.sync = new Synchronisation({
      littleEndian: queue.littleEndian,
      send: (buf, off, len) => this.groups.send(Group.sync, buf, off, len, NOTHING, 0, 0),
      requestToken: () => this.groups.requestToken(),
      completed: () => {
        this.groups.transitionalPhaseEnds()
        this.#outbox.open()
        options.completed?.()
      },
      log,
    })
  }

  /** What services send by, and what says whether a request of a program can be handled now. */
  get port(): RingPort & GatePort {
    return this.#outbox
  }

  /** Adds a service; all of them before the first ring. */
  register(service: Service): void {
    this.table.register(service)
    if (service.sync !== null) this.sync.register({ id: service.id, name: service.name, sync: service.sync })
  }

  /** The quorum provider that has a group of its own and takes no part in synchronisations. */
  useYkd(options: Omit<YkdOptions, 'send' | 'requestToken' | 'littleEndian'>): void {
    this.#ykd = new Ykd({
      ...options,
      littleEndian: this.#queue.littleEndian,
      send: (buf, off, len) => this.groups.send(Group.ykd, buf, off, len, NOTHING, 0, 0),
      requestToken: () => this.groups.requestToken(),
    })
  }

  /** The node is about to leave in order: services say their last words. Leave when `drained`. */
  exit(): void {
    this.table.exit()
  }

  /** Whether everything handed over has left, and what services said at their exit has been delivered here. */
  get drained(): boolean {
    return this.sent && this.table.exited()
  }

  /** Whether everything handed over has left. */
  get sent(): boolean {
    const waiting = this.#queue.queueSize - QUEUE_SPARE - this.#queue.available()
    return waiting <= 0 && !this.groups.packing && this.#outbox.heldMessages === 0
  }

  tokenReceived(): void {
    this.groups.flush()
  }

  tokenSent(): void {
    this.#ykd?.tokenSent()
    this.sync.tokenSent()
    this.#outbox.tokenSent()
  }

  flushPacking(): void {
    this.groups.flush()
  }

  useTransitionalContexts(): void {
    this.groups.transitionalPhaseBegins()
  }

  deliver(buf: Uint8Array, off: number, len: number, originNodeId: number, foreign: boolean): void {
    this.groups.receive(buf, off, len, originNodeId, foreign)
  }

  configurationChanged(change: ConfigurationChange): void {
    this.groups.nodesLeft(change.left)
    this.#outbox.close()
    this.table.configurationChanged(change)
    if (change.kind === 'transitional') this.sync.transitional(change.members)
    else {
      this.sync.regular(change.members, change.ring)
      this.#ykd?.configurationChanged(change.members, change.ring)
    }
  }
}
