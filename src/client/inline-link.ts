// The link to a node that runs on this very thread: the same channels as between threads, over ordinary memory, and rings
// that are turns of Node's event loop. A program that blocks holds up such a node; the worker thread exists for that reason.

import type { SharedMemory } from '../daemon/channel.js'
import { type CpgService, LocalMembers } from '../daemon/local-members.js'
import type { FromService, LocalPrograms, ToService } from '../daemon/local-programs.js'
import type { EngineLink, EngineListener } from './link.js'
import { LocalAccess } from './local-access.js'
import type { MemberChannel } from './member-channel.js'
import { type ChannelMemory, MemoryMemberChannel } from './memory-channel.js'

export interface InlineLinkOptions {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly cpg: CpgService
  /** The node's services; none where they are not of interest. */
  readonly programs?: (tell: (message: FromService) => boolean) => LocalPrograms
  readonly maxQueuedBytes?: number
  /** The node was called on behalf of members: its deadlines may have changed. */
  readonly served?: () => void
  /** Leaves the ring and ends; resolves when that is done. */
  readonly stop: () => Promise<void>
}

export class InlineLink implements EngineLink, ChannelMemory {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly services: LocalAccess
  readonly #programs: LocalPrograms | undefined
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
    this.#programs = options.programs?.(message => {
      this.services.take(message)
      return true
    })
    this.services = new LocalAccess(message => this.#ask(message))
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

  /** The node's services have begun or ended to agree with those of the others. */
  synchronised(done: boolean): void {
    if (done) this.#programs?.synchronised()
    else this.#programs?.synchronising()
  }

  /** The ring can take more. */
  ready(): void {
    this.#programs?.resume()
  }

  /** The node has ended. */
  ended(): void {
    this.services.end()
  }

  /** To be called whenever the node has worked. */
  worked(): void {
    this.#members.worked()
  }

  /** In a turn of its own, as a request that crosses threads would be. */
  #ask(message: ToService): void {
    setImmediate(() => {
      if (this.#programs !== undefined) this.#programs.take(message)
      else if (message.kind === 'open') this.services.take({ kind: 'opened', id: message.id, known: false })
      this.#options.served?.()
    })
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
