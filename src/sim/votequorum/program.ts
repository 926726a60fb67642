// The one program of a node in a history: it asks, keeps results, and tracks. In: requests. Out: results, expected votes that it
// was told of.

import type { LiveMap } from '../../services/cmap/live-map.js'
import { CsError } from '../../services/errors.js'
import type { Client } from '../../services/library.js'
import type { VotequorumService } from '../../services/votequorum/service.js'
import { readS32, readU32 } from '../../wire/cursor.js'
import { TrackFlag } from '../../wire/quorum-ipc.js'
import { RESPONSE_HEADER_LENGTH, responseError } from '../../wire/service.js'
import { VotequorumEvent, VotequorumRequest, writeVotequorumRequest } from '../../wire/votequorum-ipc.js'
import type { Request } from './history.js'

const LITTLE = true
const DEVICE_NAME = 'qdevice'
/** Of an event about expected votes, behind its context. */
const EVENT_VALUE = RESPONSE_HEADER_LENGTH + 8

export class Program implements Client {
  readonly serial = 1
  readonly pid = 1
  readonly uid = 0
  readonly gid = 0
  /** Since the last step. */
  results: number[] = []
  told: number[] = []
  readonly #service: VotequorumService
  #asking = false

  constructor(service: VotequorumService) {
    this.#service = service
    service.library.connected(this)
    const { trackStart } = VotequorumRequest
    this.#send(trackStart, writeVotequorumRequest(trackStart, { flags: TrackFlag.CHANGES_ONLY }))
    this.results = []
  }

  /** A registration is answered later; until then it counts as granted. */
  ask(request: Request, map: LiveMap): void {
    const message = requestBytes(request, this.#service)
    if (message !== undefined) {
      this.#send(message[0], message[1])
      return
    }
    this.results.push(CsError.OK)
    map.set('quorum.cancel_wait_for_all', { type: 'u8', value: 1 })
  }

  respond(buf: Uint8Array, off: number): void {
    const error = responseError(buf, off, LITTLE)
    if (this.#asking) this.results[this.results.length - 1] = error
    else if (error !== CsError.OK) throw new Error(`a registration failed with ${error}`)
  }

  notify(head: Uint8Array, headOff: number): void {
    if (readS32(head, headOff, LITTLE) === VotequorumEvent.expectedVotes) {
      this.told.push(readU32(head, headOff + EVENT_VALUE, LITTLE))
    }
  }

  drop(): void {}

  #send(id: number, bytes: Uint8Array): void {
    this.results.push(CsError.OK)
    this.#asking = true
    this.#service.library.requests[id]!.handle(this, bytes, 0, bytes.length)
    this.#asking = false
  }
}

/** The number of the request and its bytes; undefined for what is asked through the configuration map. */
function requestBytes(request: Request, service: VotequorumService): [number, Uint8Array] | undefined {
  const name = DEVICE_NAME
  const write = (id: number, fields: Parameters<typeof writeVotequorumRequest>[1]): [number, Uint8Array] => [
    id,
    writeVotequorumRequest(id, fields),
  ]
  switch (request.ask) {
    case 'cancel':
      return undefined
    case 'expected':
      return write(VotequorumRequest.setExpected, { value: request.votes })
    case 'votes':
      return write(VotequorumRequest.setVotes, { value: request.votes, nodeId: request.of })
    case 'register':
      return write(VotequorumRequest.qdeviceRegister, { name })
    case 'unregister':
      return write(VotequorumRequest.qdeviceUnregister, { name })
    case 'poll': {
      const { nodeId, seq } = service.ring
      const ring = { nodeId, seq: request.stale ? seq + 1 : seq }
      return write(VotequorumRequest.qdevicePoll, { name, value: request.castVote ? 1 : 0, ring })
    }
    case 'master':
      return write(VotequorumRequest.qdeviceMasterWins, { name, value: request.allow ? 1 : 0 })
  }
}
