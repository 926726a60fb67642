// The vote quorum service for programs: who has how many votes, how many it takes, and the calls of a quorum device (spec:
// services 4). In: calls. Out: promises, events. It exists where the provider of quorum is corosync_votequorum; elsewhere calls
// reject with ConnectionError.

import { CsError } from '../services/errors.js'
import { HOST_LITTLE_ENDIAN, readS32 } from '../wire/cursor.js'
import { TrackFlag } from '../wire/quorum-ipc.js'
import { QDEVICE_NAME_FIELD } from '../wire/votequorum.js'
import {
  InfoFlag,
  readVotequorumExpected,
  readVotequorumInfo,
  readVotequorumNodeList,
  readVotequorumQuorum,
  VotequorumEvent,
  VotequorumRequest,
  type VotequorumRequestFields,
  writeVotequorumRequest,
} from '../wire/votequorum-ipc.js'
import { type ClusterError, callError } from './errors.js'
import { EventStream, type Tracking } from './event-stream.js'
import type { RingId } from './quorum.js'
import { type ServiceAccess, ServiceLink } from './service-link.js'

/** `none`: the quorum device has no state. */
export type VoterState = 'member' | 'dead' | 'leaving' | 'none'

export interface VoteInfo {
  readonly nodeId: number
  readonly state: VoterState
  /** Of this node. */
  readonly votes: number
  readonly expectedVotes: number
  /** Highest of what the members expect. */
  readonly highestExpected: number
  /** Of all members, and of the device if it casts its vote. */
  readonly totalVotes: number
  /** How many votes it takes. */
  readonly quorum: number
  readonly quorate: boolean
  /** Settings of the node that is asked. */
  readonly twoNode: boolean
  readonly waitForAll: boolean
  readonly lastManStanding: boolean
  readonly autoTieBreaker: boolean
  readonly allowDownscale: boolean
  readonly device: {
    /** Empty when there is none. */
    readonly name: string
    readonly votes: number
    readonly registered: boolean
    readonly alive: boolean
    readonly castsVote: boolean
    readonly masterWins: boolean
  }
}

/** The decision, and every node that is known, in the service's own order; the device, if registered, as node 0. */
export interface VoteDecision {
  readonly type: 'quorum'
  readonly quorate: boolean
  readonly nodes: readonly { readonly nodeId: number; readonly state: VoterState }[]
}

/** The expected votes have changed. */
export interface ExpectedVotesChange {
  readonly type: 'expected'
  readonly votes: number
}

/** The nodes that can reach each other; during the synchronisation, before the decision. */
export interface VoterMembership {
  readonly type: 'nodes'
  readonly ring: RingId
  readonly members: readonly number[]
}

export type VoteTrackEvent = VoteDecision | ExpectedVotesChange | VoterMembership

const STATES: Readonly<Record<number, VoterState>> = { 1: 'member', 2: 'dead', 3: 'leaving' }

export class VoteQuorum {
  /** Calls of the program that is the quorum device of this node. */
  readonly device: QuorumDevice
  readonly #access: ServiceAccess
  readonly #link: ServiceLink
  readonly #trackings = new Set<EventStream<VoteTrackEvent>>()

  /** Made by `connect`. */
  constructor(access: ServiceAccess) {
    this.#access = access
    this.#link = new ServiceLink('votequorum', access)
    this.device = new QuorumDevice((what, request, fields) => this.#call(what, request, fields))
  }

  /** About a node; about this one without an id. Rejects with NOT_EXIST for a node that was never seen. */
  async info(nodeId = 0): Promise<VoteInfo> {
    const what = `asking for the votes of node ${nodeId}`
    const info = readVotequorumInfo(await this.#call(what, VotequorumRequest.getInfo, { nodeId }))
    if (info === undefined) throw callError(CsError.MESSAGE_ERROR, what)
    const { flags, state, qdeviceName, qdeviceVotes, ...counts } = info
    const has = (flag: number): boolean => (flags & flag) !== 0
    return {
      ...counts,
      state: STATES[state] ?? 'none',
      quorate: has(InfoFlag.QUORATE),
      twoNode: has(InfoFlag.TWO_NODE),
      waitForAll: has(InfoFlag.WAIT_FOR_ALL),
      lastManStanding: has(InfoFlag.LAST_MAN_STANDING),
      autoTieBreaker: has(InfoFlag.AUTO_TIE_BREAKER),
      allowDownscale: has(InfoFlag.ALLOW_DOWNSCALE),
      device: {
        name: qdeviceName,
        votes: qdeviceVotes,
        registered: has(InfoFlag.QDEVICE_REGISTERED),
        alive: has(InfoFlag.QDEVICE_ALIVE),
        castsVote: has(InfoFlag.QDEVICE_CAST_VOTE),
        masterWins: has(InfoFlag.QDEVICE_MASTER_WINS),
      },
    }
  }

  /** Changes the expected votes of the cluster. Rejects with INVALID_PARAM when too low, or when quorum would be lost. */
  async setExpected(votes: number): Promise<void> {
    await this.#call('setting the expected votes', VotequorumRequest.setExpected, { value: votes })
  }

  /** Changes the votes of a node. Rejects with NAME_NOT_FOUND for an unknown node, INVALID_PARAM when quorum would be lost. */
  async setVotes(nodeId: number, votes: number): Promise<void> {
    await this.#call(`setting the votes of node ${nodeId}`, VotequorumRequest.setVotes, { nodeId, value: votes })
  }

  /** Follows decisions, memberships and changes of the expected votes; begins with how things stand unless told not to. */
  async track({ current = true }: { readonly current?: boolean } = {}): Promise<Tracking<VoteTrackEvent>> {
    const link = new ServiceLink('votequorum', this.#access, {
      event: (buf, off, len) => {
        const event = readEvent(buf, off, len)
        if (event !== undefined) stream.push(event)
      },
      lost: error => stream.end(error),
    })
    const stream = new EventStream<VoteTrackEvent>('tracking votes', async () => {
      this.#trackings.delete(stream)
      link.close()
    })
    const flags = TrackFlag.CHANGES | (current ? TrackFlag.CURRENT : TrackFlag.CHANGES_ONLY)
    try {
      await link.call('tracking votes', writeVotequorumRequest(VotequorumRequest.trackStart, { flags }))
    } catch (error) {
      link.close()
      throw error
    }
    this.#trackings.add(stream)
    return stream
  }

  /** What waits is rejected, what is tracked ends; with `error` when it is not the program that ends it. */
  close(error?: ClusterError): void {
    for (const stream of this.#trackings) {
      if (error !== undefined) stream.end(error)
      stream.stop().catch(() => {})
    }
    this.#link.close(error)
  }

  #call(what: string, request: number, fields: VotequorumRequestFields): Promise<Uint8Array> {
    return this.#link.call(what, writeVotequorumRequest(request, fields))
  }
}

type Call = (what: string, request: number, fields: VotequorumRequestFields) => Promise<Uint8Array>

/**
 * A quorum device: a program that gives this node a vote more. It registers, and then polls more often than the timeout in the
 * configuration, or its vote is taken away. All calls reject with ACCESS where the configuration has no device, with NOT_EXIST
 * when none is registered, with INVALID_PARAM for another name than the registered one.
 */
export class QuorumDevice {
  readonly #call: Call

  /** Made by VoteQuorum. */
  constructor(call: Call) {
    this.#call = call
  }

  /** Resolves when the cluster knows. Rejects with EXIST when a device of another name is registered. */
  async register(name: string): Promise<void> {
    await this.#call(`registering the device '${name}'`, VotequorumRequest.qdeviceRegister, { name: checked(name) })
  }

  async unregister(name: string): Promise<void> {
    await this.#call(`unregistering the device '${name}'`, VotequorumRequest.qdeviceUnregister, { name: checked(name) })
  }

  async rename(name: string, newName: string): Promise<void> {
    const fields = { name: checked(name), newName: checked(newName) }
    await this.#call(`renaming the device '${name}'`, VotequorumRequest.qdeviceUpdate, fields)
  }

  /**
   * The device lives, and casts its vote or not. `ring` is the one that the last membership event told; a synchronisation waits
   * for this. Rejects with MESSAGE_ERROR when it is another one by now.
   */
  async poll(name: string, castVote: boolean, ring: RingId): Promise<void> {
    const fields = { name: checked(name), value: castVote ? 1 : 0, ring }
    await this.#call(`a poll of the device '${name}'`, VotequorumRequest.qdevicePoll, fields)
  }

  /** Whether a side that has the device's vote may go on without a majority. */
  async setMasterWins(name: string, allow: boolean): Promise<void> {
    const fields = { name: checked(name), value: allow ? 1 : 0 }
    await this.#call(`a setting of the device '${name}'`, VotequorumRequest.qdeviceMasterWins, fields)
  }
}

/** Names stand in a field of fixed length, with a zero behind. */
function checked(name: string): string {
  if (name.length === 0 || new TextEncoder().encode(name).length >= QDEVICE_NAME_FIELD) {
    throw callError(CsError.INVALID_PARAM, `'${name}' is no name of a device`)
  }
  return name
}

/** Undefined for what is unknown or malformed. */
function readEvent(buf: Uint8Array, off: number, len: number): VoteTrackEvent | undefined {
  switch (readS32(buf, off, HOST_LITTLE_ENDIAN)) {
    case VotequorumEvent.quorum: {
      const event = readVotequorumQuorum(buf, off, len)
      if (event === undefined) return undefined
      const nodes = event.nodes.map(({ nodeId, state }) => ({ nodeId, state: STATES[state] ?? 'none' }))
      return { type: 'quorum', quorate: event.quorate, nodes }
    }
    case VotequorumEvent.expectedVotes: {
      const votes = readVotequorumExpected(buf, off, len)
      return votes === undefined ? undefined : { type: 'expected', votes }
    }
    case VotequorumEvent.nodeList: {
      const event = readVotequorumNodeList(buf, off, len)
      return event === undefined ? undefined : { type: 'nodes', ...event }
    }
    default:
      return undefined
  }
}
