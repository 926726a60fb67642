// The link to a node that a daemon of this host runs: a connection for each membership, and one that watches the ring. The
// end of that one is the end of the daemon.

import type { RingIdentity } from '../totem/types.js'
import { daemonAccess } from './daemon-access.js'
import type { Tracking } from './event-stream.js'
import { IpcMemberChannel, type IpcMemberOptions } from './ipc-member.js'
import type { EngineLink, EngineListener } from './link.js'
import type { MemberChannel } from './member-channel.js'
import type { QuorumTrackEvent } from './quorum.js'
import type { ServiceAccess } from './service-link.js'

/** What follows the ring for the link. */
export interface RingWatch {
  readonly first: { readonly ring: RingIdentity; readonly members: readonly number[] }
  readonly events: Tracking<QuorumTrackEvent>
}

export class DaemonLink implements EngineLink {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly services: ServiceAccess
  readonly #options: IpcMemberOptions
  readonly #listener: EngineListener
  readonly #watch: RingWatch
  readonly #channels = new Set<IpcMemberChannel>()
  #ended = false

  constructor(
    options: IpcMemberOptions,
    configuredNodeIds: readonly number[],
    watch: RingWatch,
    listener: EngineListener,
  ) {
    this.nodeId = options.nodeId
    this.configuredNodeIds = configuredNodeIds
    this.services = daemonAccess(options)
    this.#options = options
    this.#listener = listener
    this.#watch = watch
  }

  /** Begins to tell of the ring. */
  start(): void {
    this.#listener.ringChanged(this.#watch.first.ring, this.#watch.first.members)
    this.#follow().then(
      () => this.#end(undefined),
      error => this.#end(error as Error),
    )
  }

  open(): MemberChannel {
    for (const channel of this.#channels) if (channel.ended) this.#channels.delete(channel)
    const channel = new IpcMemberChannel(this.#options, () => this.#listener.rung())
    this.#channels.add(channel)
    return channel
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#channels].map(channel => channel.closed))
    await this.#watch.events.stop()
    this.#end(undefined)
  }

  async #follow(): Promise<void> {
    for await (const event of this.#watch.events) {
      if (event.type === 'nodes') this.#listener.ringChanged(event.ring, event.members)
    }
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#listener.ended(error)
  }
}
