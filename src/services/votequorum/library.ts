// What programs can ask of the vote quorum service (IPC name `votequorum`; spec: services 4.1, 4.5). In: requests as bytes,
// news of the service. Out: answers and events as bytes. It is served while services synchronise: the device has to vote
// then.

import type { RingIdentity } from '../../totem/types.js'
import { TrackFlag } from '../../wire/quorum-ipc.js'
import { NodeFlag } from '../../wire/votequorum.js'
import {
  InfoFlag,
  isPollRing,
  readFirstField,
  readMasterWinsAllow,
  readPollCastVote,
  readRequestName,
  readSetVotesNodeId,
  readTrackContext,
  readTrackFlags,
  readUpdateNewName,
  type TrackContext,
  VOTEQUORUM_IPC_MAX,
  VOTEQUORUM_REQUEST_LENGTHS,
  type VotequorumInfo,
  VotequorumRequest,
  writeVotequorumExpected,
  writeVotequorumInfo,
  writeVotequorumNodeList,
  writeVotequorumQuorum,
  writeVotequorumStatus,
} from '../../wire/votequorum-ipc.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { Client, LibraryInterface, LibraryRequest } from '../library.js'
import type { Device, PendingRegistration } from './device.js'
import type { VoteState } from './state.js'

const NOTHING = new Uint8Array(0)
/** State of the device's own entry among the nodes: C nodes never set one. */
const DEVICE_STATE = 0

/** What the library looks at, and asks, in the service. */
export interface VotequorumHost {
  readonly state: VoteState
  readonly device: Device
  readonly ring: RingIdentity
  readonly lastManStanding: boolean
  setExpected(expected: number): CsErrorCode
  setVotes(nodeId: number, votes: number): CsErrorCode
}

interface Program {
  readonly client: Client
  /** Undefined while it does not track. */
  context: TrackContext | undefined
  registration: PendingRegistration | undefined
}

type Handle = (client: Client, buf: Uint8Array, off: number) => CsErrorCode

export class VotequorumLibrary implements LibraryInterface {
  readonly name = 'votequorum'
  readonly servesDuringSync = true
  readonly requests: readonly LibraryRequest[]
  readonly #host: VotequorumHost
  readonly #programs = new Map<Client, Program>()
  /** Those who want to know of changes, newest first. Replaced as a whole. */
  #trackers: readonly Program[] = []
  readonly #bytes = new Uint8Array(VOTEQUORUM_IPC_MAX)

  constructor(host: VotequorumHost) {
    this.#host = host
    const { device } = host
    this.requests = [
      this.#request('getinfo', VotequorumRequest.getInfo, (client, buf, off) => this.#getInfo(client, buf, off)),
      this.#simple('setexpected', VotequorumRequest.setExpected, (_, buf, off) =>
        host.setExpected(readFirstField(buf, off)),
      ),
      this.#simple('setvotes', VotequorumRequest.setVotes, (_, buf, off) =>
        host.setVotes(readSetVotesNodeId(buf, off), readFirstField(buf, off)),
      ),
      this.#simple('trackstart', VotequorumRequest.trackStart, (client, buf, off) =>
        this.#trackStart(client, readTrackFlags(buf, off), readTrackContext(buf, off)),
      ),
      this.#simple('trackstop', VotequorumRequest.trackStop, client => this.#trackStop(client)),
      this.#request('qdevice_register', VotequorumRequest.qdeviceRegister, (client, buf, off) =>
        this.#register(client, readRequestName(buf, off)),
      ),
      this.#simple('qdevice_unregister', VotequorumRequest.qdeviceUnregister, (_, buf, off) =>
        device.unregister(readRequestName(buf, off)),
      ),
      this.#simple('qdevice_update', VotequorumRequest.qdeviceUpdate, (_, buf, off) =>
        device.rename(readRequestName(buf, off), readUpdateNewName(buf, off)),
      ),
      this.#simple('qdevice_poll', VotequorumRequest.qdevicePoll, (_, buf, off) => {
        const { nodeId, seq } = host.ring
        return device.poll(readRequestName(buf, off), readPollCastVote(buf, off), isPollRing(buf, off, nodeId, seq))
      }),
      this.#simple('qdevice_master_wins', VotequorumRequest.qdeviceMasterWins, (_, buf, off) =>
        device.masterWins(readRequestName(buf, off), readMasterWinsAllow(buf, off)),
      ),
    ]
  }

  connected(client: Client): void {
    this.#programs.set(client, { client, context: undefined, registration: undefined })
  }

  disconnected(client: Client): void {
    this.#trackStop(client)
    const registration = this.#programs.get(client)?.registration
    if (registration !== undefined) this.#host.device.forget(registration)
    this.#programs.delete(client)
  }

  /** A ring stands, and its nodes are telling each other their votes. */
  membershipChanged(): void {
    for (const { client, context } of this.#trackers) if (context !== undefined) this.#tellNodeList(client, context)
  }

  quorumChanged(): void {
    for (const { client, context } of this.#trackers) if (context !== undefined) this.#tellQuorum(client, context)
  }

  expectedVotesChanged(expected: number): void {
    for (const { client, context } of this.#trackers) {
      if (context === undefined) continue
      this.#notify(client, writeVotequorumExpected(expected, context, CsError.OK, this.#bytes))
    }
  }

  #getInfo(client: Client, buf: Uint8Array, off: number): void {
    const nodeId = readFirstField(buf, off)
    const info = this.#info(nodeId === 0 ? this.#host.state.us.nodeId : nodeId)
    const error = info === undefined ? CsError.NOT_EXIST : CsError.OK
    client.respond(this.#bytes, 0, writeVotequorumInfo(error, info, this.#bytes))
  }

  /** The device is seen from the node asked for, features and quorum are always those of this node. */
  #info(nodeId: number): VotequorumInfo | undefined {
    const { state, device, lastManStanding } = this.#host
    const node = state.find(nodeId)
    if (node === undefined) return undefined
    let flags = 0
    if (state.twoNode) flags |= InfoFlag.TWO_NODE
    if (state.quorate) flags |= InfoFlag.QUORATE
    if (state.waitForAll) flags |= InfoFlag.WAIT_FOR_ALL
    if (lastManStanding) flags |= InfoFlag.LAST_MAN_STANDING
    if (state.tieBreaker.kind !== 'none') flags |= InfoFlag.AUTO_TIE_BREAKER
    if (state.allowDownscale) flags |= InfoFlag.ALLOW_DOWNSCALE
    if ((node.flags & NodeFlag.QDEVICE_REGISTERED) !== 0) flags |= InfoFlag.QDEVICE_REGISTERED
    if ((node.flags & NodeFlag.QDEVICE_ALIVE) !== 0) flags |= InfoFlag.QDEVICE_ALIVE
    if ((node.flags & NodeFlag.QDEVICE_CAST_VOTE) !== 0) flags |= InfoFlag.QDEVICE_CAST_VOTE
    if ((node.flags & NodeFlag.QDEVICE_MASTER_WINS) !== 0) flags |= InfoFlag.QDEVICE_MASTER_WINS
    return {
      nodeId,
      state: node.state,
      votes: node.votes,
      expectedVotes: node.expected,
      highestExpected: state.highestExpected,
      totalVotes: state.totalVotes((node.flags & NodeFlag.QDEVICE_CAST_VOTE) !== 0),
      quorum: state.quorum,
      flags,
      qdeviceVotes: state.deviceVotes,
      qdeviceName: device.name ?? '',
    }
  }

  /** What there is comes before the answer, also when the program tracks already and is told so. */
  #trackStart(client: Client, flags: number, context: TrackContext): CsErrorCode {
    const program = this.#programs.get(client)
    if (program === undefined) return CsError.BAD_HANDLE
    if ((flags & (TrackFlag.CURRENT | TrackFlag.CHANGES)) !== 0) {
      this.#tellNodeList(client, context)
      this.#tellQuorum(client, context)
    }
    if (program.context !== undefined) return CsError.EXIST
    if ((flags & (TrackFlag.CHANGES | TrackFlag.CHANGES_ONLY)) !== 0) {
      program.context = context
      this.#trackers = [program, ...this.#trackers]
    }
    return CsError.OK
  }

  #trackStop(client: Client): CsErrorCode {
    const program = this.#programs.get(client)
    if (program?.context === undefined) return CsError.NOT_EXIST
    program.context = undefined
    this.#trackers = this.#trackers.filter(other => other !== program)
    return CsError.OK
  }

  /** Answered when the registration has come back from the cluster. */
  #register(client: Client, name: string): void {
    const program = this.#programs.get(client)
    if (program === undefined) return
    const registration: PendingRegistration = {
      name,
      answer: result => {
        program.registration = undefined
        this.#respond(client, result)
      },
    }
    const result = this.#host.device.register(registration)
    if (result === undefined) program.registration = registration
    else this.#respond(client, result)
  }

  #tellNodeList(client: Client, context: TrackContext): void {
    const { ring, state } = this.#host
    this.#notify(client, writeVotequorumNodeList(ring, state.members, context, CsError.OK, this.#bytes))
  }

  #tellQuorum(client: Client, context: TrackContext): void {
    const { state, device } = this.#host
    const nodes: { nodeId: number; state: number }[] = state.nodes.map(node => ({
      nodeId: node.nodeId,
      state: node.state,
    }))
    if (device.registered) nodes.push({ nodeId: 0, state: DEVICE_STATE })
    this.#notify(client, writeVotequorumQuorum(state.quorate, context, nodes, CsError.OK, this.#bytes))
  }

  #notify(client: Client, length: number): void {
    client.notify(this.#bytes, 0, length, NOTHING, 0, 0)
  }

  #respond(client: Client, error: CsErrorCode): void {
    client.respond(this.#bytes, 0, writeVotequorumStatus(error, this.#bytes))
  }

  #simple(name: string, number: number, handle: Handle): LibraryRequest {
    return this.#request(name, number, (client, buf, off) => this.#respond(client, handle(client, buf, off)))
  }

  #request(
    name: string,
    number: number,
    handle: (client: Client, buf: Uint8Array, off: number) => void,
  ): LibraryRequest {
    return { name, minLength: VOTEQUORUM_REQUEST_LENGTHS[number] ?? 0, flowControl: false, handle }
  }
}
