// The link to a node that runs on this very thread: the same channels as between threads, over ordinary memory, and rings
// that are turns of Node's event loop. A program that blocks holds up such a node; the worker thread exists for that reason.

import type { SharedMemory } from '../daemon/channel.js'
import { type CpgService, LocalMembers } from '../daemon/local-members.js'
import type { EngineLink, EngineListener } from './link.js'
import type { MemberChannel } from './member-channel.js'
import { type ChannelMemory, MemoryMemberChannel } from './memory-channel.js'

export interface InlineLinkOptions {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly cpg: CpgService
  readonly maxQueuedBytes?: number
  /** The node was called on behalf of members: its deadlines may have changed. */
  readonly served?: () => void
  /** Leaves the ring and ends; resolves when that is done. */
  readonly stop: () => Promise<void>
}

export class InlineLink implements EngineLink, ChannelMemory {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly #options: InlineLinkOptions
  readonly #listener: EngineListener
  readonly #members: LocalMembers
  #executiveRung = false
  #userRung = false

  constructor(options: InlineLinkOptions, listener: EngineListener) {
    this.nodeId = options.nodeId
    this.configuredNodeIds = options.configuredNodeIds
    this.#options = options
    this.#listener = listener
    this.#members = new LocalMembers({
      cpg: options.cpg,
      nodeId: options.nodeId,
      ringUser: () => this.#ringUser(),
      ...(options.maxQueuedBytes === undefined ? {} : { maxQueuedBytes: options.maxQueuedBytes }),
    })
  }

  allocate(bytes: number): SharedMemory {
    return new ArrayBuffer(bytes)
  }

  /** Ordinary memory: the collector sees when nobody holds it. */
  release(): void {}

  addMember(memory: SharedMemory): void {
    this.#members.add(memory)
    this.#options.served?.()
  }

  ring(): void {
    if (this.#executiveRung) return
    this.#executiveRung = true
    setImmediate(() => {
      this.#executiveRung = false
      this.#members.service()
      this.#options.served?.()
    })
  }

  open(): MemberChannel {
    return new MemoryMemberChannel(this)
  }

  stop(): Promise<void> {
    this.#members.closeAll()
    return this.#options.stop()
  }

  /** To be called whenever the node has worked. */
  worked(): void {
    this.#members.worked()
  }

  #ringUser(): void {
    if (this.#userRung) return
    this.#userRung = true
    setImmediate(() => {
      this.#userRung = false
      this.#listener.rung()
    })
  }
}
