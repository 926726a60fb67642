// The handle on a node, be it inside this program or a daemon of this host: which nodes form the ring, the groups that this
// process has joined, the node's services, the end. In: what the node reports through its link. Out: groups, ring changes.

import { EventEmitter } from 'node:events'
import type { RingIdentity } from '../totem/types.js'
import { ClusterConfiguration } from './cfg.js'
import { ConfigurationMap } from './cmap.js'
import { AlreadyJoinedError, ClosedError, ClusterError, ConnectionLostError } from './errors.js'
import type { GroupMember, Member, RingEvent } from './events.js'
import { Group, type JoinOptions } from './group.js'
import { GroupDirectory } from './group-directory.js'
import type { EngineLink, EngineListener } from './link.js'
import { Quorum } from './quorum.js'
import { VoteQuorum } from './votequorum.js'

export interface ClusterEvents {
  /** The nodes that can reach each other have changed. */
  ring: [event: RingEvent]
  /** The node has stopped: by `close`, or by itself and then with the reason. */
  end: [error: Error | undefined]
}

/** Closed process groups of this node. */
export interface ProcessGroups {
  /** Joins a group; resolves when all members have seen it. Rejects with AlreadyJoinedError when this process is in it. */
  join(name: string, options?: JoinOptions): Promise<Group>
  /** Names of all groups that have a member anywhere. */
  groups(): Promise<readonly string[]>
  /** Everyone in a group, on whichever node; whether or not this process is. */
  members(name: string): Promise<readonly Member[]>
  /** All members of all groups. */
  processes(): Promise<readonly GroupMember[]>
}

export class Cluster extends EventEmitter<ClusterEvents> {
  readonly cpg: ProcessGroups
  /** The configuration map of this node. */
  readonly cmap: ConfigurationMap
  /** Its map of statistics. */
  readonly stats: ConfigurationMap
  readonly cfg: ClusterConfiguration
  readonly quorum: Quorum
  /** Where the provider of quorum is corosync_votequorum; elsewhere calls reject. */
  readonly votequorum: VoteQuorum
  readonly #directory: GroupDirectory
  readonly #link: EngineLink
  readonly #groups = new Set<Group>()
  #ring: RingEvent = { type: 'ring', ring: { nodeId: 0, seq: 0 }, members: [] }
  #end: { readonly error: Error | undefined } | undefined
  #closing: Promise<void> | undefined

  /** Made by `startNode` and `connect`. `attach` gives the link the listener that the cluster is. */
  constructor(attach: (listener: EngineListener) => EngineLink) {
    super()
    this.cpg = {
      join: (name, options = {}) => this.#join(name, options),
      groups: () => this.#directory.groups(),
      members: name => this.#directory.members(name),
      processes: () => this.#directory.processes(),
    }
    this.#link = attach({
      rung: () => this.#rung(),
      ringChanged: (ring, members) => this.#ringChanged(ring, members),
      ended: error => this.#ended(error),
    })
    const { services } = this.#link
    this.cmap = new ConfigurationMap('default', services)
    this.stats = new ConfigurationMap('stats', services)
    this.cfg = new ClusterConfiguration(services)
    this.quorum = new Quorum(services)
    this.votequorum = new VoteQuorum(services)
    this.#directory = new GroupDirectory(services)
  }

  /** What the program is done with, or the reason why it has to be. */
  #closeServices(error: Error | undefined): void {
    const reason = error === undefined || error instanceof ClusterError ? error : new ConnectionLostError(error.message)
    const { cmap, stats, cfg, quorum, votequorum } = this
    for (const service of [cmap, stats, cfg, quorum, votequorum, this.#directory]) service.close(reason)
  }

  get nodeId(): number {
    return this.#link.nodeId
  }

  /** Node ids of the configuration. */
  get nodes(): readonly number[] {
    return this.#link.configuredNodeIds
  }

  /** Node ids of the ring, ascending. */
  get members(): readonly number[] {
    return this.#ring.members
  }

  get ring(): RingIdentity {
    return this.#ring.ring
  }

  /**
   * Leaves every group. A node inside the program leaves the ring and stops; a daemon goes on. What is still to be sent is not
   * sent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#closeServices(undefined)
    for (const group of this.#groups) group.close()
    this.#groups.clear()
    if (this.#end === undefined) await this.#link.stop()
  }

  async #join(name: string, options: JoinOptions): Promise<Group> {
    if (this.#end !== undefined) throw this.#end.error ?? new ClosedError('the cluster')
    if (this.#closing !== undefined) throw new ClosedError('the cluster')
    for (const group of this.#groups) {
      if (group.name === name && !group.released) throw new AlreadyJoinedError(name)
    }
    const group = new Group(this.#link, name, options)
    this.#groups.add(group)
    try {
      await group.start()
    } catch (error) {
      this.#groups.delete(group)
      throw error
    }
    return group
  }

  #rung(): void {
    for (const group of this.#groups) {
      group.service()
      if (group.finished) this.#groups.delete(group)
    }
  }

  #ringChanged(ring: RingIdentity, members: readonly number[]): void {
    this.#ring = { type: 'ring', ring, members }
    this.emit('ring', this.#ring)
  }

  #ended(error: Error | undefined): void {
    this.#end = { error }
    this.#closeServices(error)
    for (const group of this.#groups) group.cut(error ?? new ClosedError('the cluster'))
    this.emit('end', error)
  }
}
