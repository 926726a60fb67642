// What programs can ask of the quorum service (IPC name `quorum`; spec: services 3.1, 3.2). In: requests as bytes, news of
// the service. Out: answers and events as bytes. A program speaks model 0, which knows notifications only, or model 1,
// which learns of memberships as well and of those first.

import {
  QUORUM_MESSAGE_MAX,
  QUORUM_MODEL_0,
  QUORUM_MODEL_1,
  QUORUM_REQUEST_LENGTH,
  QUORUM_VALUE_REQUEST_LENGTH,
  type QuorumNodeList,
  QuorumResponse,
  type QuorumView,
  readQuorumValue,
  TrackFlag,
  writeQuorumNotification,
  writeQuorumResult,
  writeQuorumV1NodeList,
  writeQuorumV1Quorum,
  writeQuorumValue,
} from '../../wire/quorum-ipc.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { Client, LibraryInterface, LibraryRequest } from '../library.js'

const NOTHING = new Uint8Array(0)

/** Answers to GETTYPE: what `libquorum` calls FREE and SET. */
const QuorumType = { FREE: 0, SET: 1 } as const

/** What the library looks at in the service. */
export interface QuorumState {
  readonly provider: string
  readonly quorate: boolean
  readonly view: QuorumView
  readonly nodeList: QuorumNodeList
}

interface Program {
  readonly client: Client
  model: typeof QUORUM_MODEL_0 | typeof QUORUM_MODEL_1
  tracking: boolean
}

export class QuorumLibrary implements LibraryInterface {
  readonly name = 'quorum'
  readonly requests: readonly LibraryRequest[]
  readonly #state: QuorumState
  readonly #programs = new Map<Client, Program>()
  /** Those who want to know of changes, newest first. Replaced as a whole. */
  #trackers: readonly Program[] = []
  readonly #bytes = new Uint8Array(QUORUM_MESSAGE_MAX)

  constructor(state: QuorumState) {
    this.#state = state
    this.requests = [
      request('getquorate', QUORUM_REQUEST_LENGTH, client => this.#getQuorate(client)),
      request('trackstart', QUORUM_VALUE_REQUEST_LENGTH, (client, buf, off) => {
        this.#respond(client, QuorumResponse.trackStart, this.#trackStart(client, readQuorumValue(buf, off)))
      }),
      request('trackstop', QUORUM_REQUEST_LENGTH, client => {
        this.#trackStop(client)
        this.#respond(client, QuorumResponse.trackStop, CsError.OK)
      }),
      request('gettype', QUORUM_REQUEST_LENGTH, client => {
        this.#respondType(client, QuorumResponse.getType, CsError.OK)
      }),
      request('model_gettype', QUORUM_VALUE_REQUEST_LENGTH, (client, buf, off) => {
        const error = this.#setModel(client, readQuorumValue(buf, off))
        this.#respondType(client, QuorumResponse.modelGetType, error)
      }),
    ]
  }

  connected(client: Client): void {
    this.#programs.set(client, { client, model: QUORUM_MODEL_0, tracking: false })
  }

  disconnected(client: Client): void {
    this.#trackStop(client)
    this.#programs.delete(client)
  }

  /** A new membership is synchronised: before whatever the provider says of it. */
  membershipChanged(list: QuorumNodeList): void {
    if (!this.#trackers.some(({ model }) => model === QUORUM_MODEL_1)) return
    const length = writeQuorumV1NodeList(list, CsError.OK, this.#bytes)
    for (const { client, model } of this.#trackers) if (model === QUORUM_MODEL_1) this.#notify(client, length)
  }

  quorumReported(view: QuorumView): void {
    for (const program of this.#trackers) this.#tellQuorum(program, view)
  }

  #getQuorate(client: Client): void {
    const quorate = this.#state.quorate ? 1 : 0
    const length = writeQuorumValue(QuorumResponse.getQuorate, CsError.OK, quorate, this.#bytes)
    client.respond(this.#bytes, 0, length)
  }

  /** What there is comes before the answer, also when the program tracks already and is told so. */
  #trackStart(client: Client, flags: number): CsErrorCode {
    const program = this.#programs.get(client)
    if (program === undefined) return CsError.BAD_HANDLE
    if ((flags & (TrackFlag.CURRENT | TrackFlag.CHANGES)) !== 0) {
      if (program.model === QUORUM_MODEL_1) {
        this.#notify(client, writeQuorumV1NodeList(this.#state.nodeList, CsError.OK, this.#bytes))
      }
      this.#tellQuorum(program, this.#state.view)
    }
    if (program.tracking) return CsError.EXIST
    if ((flags & (TrackFlag.CHANGES | TrackFlag.CHANGES_ONLY)) !== 0) {
      program.tracking = true
      this.#trackers = [program, ...this.#trackers]
    }
    return CsError.OK
  }

  #trackStop(client: Client): void {
    const program = this.#programs.get(client)
    if (!program?.tracking) return
    program.tracking = false
    this.#trackers = this.#trackers.filter(other => other !== program)
  }

  /** A model that nobody knows changes nothing. */
  #setModel(client: Client, model: number): CsErrorCode {
    const program = this.#programs.get(client)
    if (program === undefined) return CsError.BAD_HANDLE
    if (model !== QUORUM_MODEL_0 && model !== QUORUM_MODEL_1) return CsError.INVALID_PARAM
    program.model = model
    return CsError.OK
  }

  #tellQuorum({ client, model }: Program, view: QuorumView): void {
    const write = model === QUORUM_MODEL_1 ? writeQuorumV1Quorum : writeQuorumNotification
    this.#notify(client, write(view, CsError.OK, this.#bytes))
  }

  #notify(client: Client, length: number): void {
    client.notify(this.#bytes, 0, length, NOTHING, 0, 0)
  }

  #respond(client: Client, id: number, error: CsErrorCode): void {
    client.respond(this.#bytes, 0, writeQuorumResult(id, error, this.#bytes))
  }

  #respondType(client: Client, id: number, error: CsErrorCode): void {
    const type = this.#state.provider === 'none' ? QuorumType.FREE : QuorumType.SET
    client.respond(this.#bytes, 0, writeQuorumValue(id, error, type, this.#bytes))
  }
}

function request(
  name: string,
  minLength: number,
  handle: (client: Client, buf: Uint8Array, off: number) => void,
): LibraryRequest {
  return { name, minLength, flowControl: false, handle }
}
