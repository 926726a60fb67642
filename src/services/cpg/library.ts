// What programs can ask of closed process groups (IPC name `cpg`; spec: services 2.2, 2.4, 2.9, 2.10). In: requests as
// bytes. Out: answers and events as bytes. All that happens to groups is in service.ts and connection.ts; here is only
// the translation, one connection of the service per program's connection.

import type { RingIdentity } from '../../totem/types.js'
import {
  CpgRequest,
  CpgRequestLength,
  CpgResponse,
  DELIVER_DATA,
  ITERATION_ANSWER_HANDLE,
  ITERATION_HANDLE,
  ITERATION_LENGTH,
  ITERATION_TYPE,
  JOIN_FLAGS,
  JOIN_PID,
  LEAVE_PID,
  LOCAL_GET_LENGTH,
  LOCAL_GET_NODE,
  MCAST_DATA,
  MCAST_DATA_LENGTH,
  MEMBERSHIP_LENGTH,
  membershipEvent,
  NEXT_LENGTH,
  PARTIAL_DATA,
  PARTIAL_DATA_LENGTH,
  PARTIAL_EVENT_DATA,
  PARTIAL_TOTAL,
  PARTIAL_TYPE,
  plainResponse,
  readRequestName,
  ringEvent,
  setDeliver,
  setPartial,
  writeDeliverHead,
  writeIterationEnd,
  writeIterationEntry,
  writeMembership,
  writePartialHead,
} from '../../wire/cpg-ipc.js'
import { readU32, writeU32 } from '../../wire/cursor.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_HEADER_LENGTH, writeResponseHeader } from '../../wire/service.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { Client, LibraryInterface, LibraryRequest } from '../library.js'
import { CpgIteration, type CpgIterationEntry, type CpgIterationType } from './iteration.js'
import type { CpgService } from './service.js'
import {
  type CpgConnection,
  type CpgListener,
  type CpgMembershipChange,
  CpgPartial,
  type CpgPartialType,
} from './types.js'

const NOTHING = new Uint8Array(0)
const NO_GROUP = new Uint8Array()

/** Iterations that one program may have open; libraries close theirs. */
export const ITERATIONS_MAX = 1024

interface Iteration {
  readonly owner: Client
  readonly entries: readonly CpgIterationEntry[]
  next: number
}

/** The ears of one program: events as bytes. */
class ProgramListener implements CpgListener {
  readonly #client: Client
  readonly #deliverHead = new Uint8Array(DELIVER_DATA)
  readonly #partialHead = new Uint8Array(PARTIAL_EVENT_DATA)

  constructor(client: Client) {
    this.#client = client
  }

  /** The group of all deliveries from here on. */
  joined(group: Uint8Array): void {
    writeDeliverHead(group, this.#deliverHead)
    writePartialHead(group, this.#partialHead)
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    setDeliver(this.#deliverHead, nodeId, pid, len)
    this.#client.notify(this.#deliverHead, 0, DELIVER_DATA, buf, off, len)
  }

  deliverPartial(
    nodeId: number,
    pid: number,
    type: CpgPartialType,
    total: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void {
    setPartial(this.#partialHead, nodeId, pid, type, total, len)
    this.#client.notify(this.#partialHead, 0, PARTIAL_EVENT_DATA, buf, off, len)
  }

  membershipChanged(change: CpgMembershipChange): void {
    this.#tell(membershipEvent(change.group, change.members, change.left, change.joined))
  }

  ringChanged(ring: RingIdentity, members: readonly number[]): void {
    this.#tell(ringEvent(ring.nodeId, ring.seq, members))
  }

  #tell(event: Uint8Array): void {
    this.#client.notify(event, 0, event.length, NOTHING, 0, 0)
  }
}

interface Program {
  readonly connection: CpgConnection
  readonly listener: ProgramListener
}

export class CpgLibrary implements LibraryInterface {
  readonly name = 'cpg'
  readonly requests: readonly LibraryRequest[]
  readonly #service: CpgService
  readonly #programs = new Map<Client, Program>()
  /** Shared by all programs, as the handles are. */
  readonly #iterations = new Map<number, Iteration>()
  #lastIteration = 0
  readonly #answer = new Uint8Array(MEMBERSHIP_LENGTH)

  constructor(service: CpgService) {
    this.#service = service
    const notSupported = (name: string): LibraryRequest =>
      request(name, SERVICE_HEADER_LENGTH, true, client =>
        this.#respond(client, CpgResponse.zeroCopy, CsError.NOT_SUPPORTED),
      )
    const table: Record<(typeof CpgRequest)[keyof typeof CpgRequest], LibraryRequest> = {
      [CpgRequest.join]: request('join', CpgRequestLength.join, true, (client, buf, off) => {
        this.#join(client, buf, off)
      }),
      [CpgRequest.leave]: request('leave', CpgRequestLength.leave, true, (client, buf, off) => {
        this.#leave(client, buf, off)
      }),
      [CpgRequest.mcast]: {
        name: 'mcast',
        minLength: CpgRequestLength.mcast,
        flowControl: true,
        silent: true,
        handle: (client, buf, off, len) => this.#mcast(client, buf, off, len),
      },
      [CpgRequest.membership]: request('membership', CpgRequestLength.membership, false, (client, buf, off) => {
        const name = readRequestName(buf, off)
        writeMembership(name === undefined ? [] : this.#service.members(name), this.#answer)
        client.respond(this.#answer, 0, MEMBERSHIP_LENGTH)
      }),
      [CpgRequest.localGet]: request('local_get', CpgRequestLength.localGet, false, client => {
        writeResponseHeader(this.#answer, 0, CpgResponse.localGet, LOCAL_GET_LENGTH, CsError.OK, true)
        writeU32(this.#answer, LOCAL_GET_NODE, this.#service.port.nodeId, true)
        writeU32(this.#answer, LOCAL_GET_NODE + 4, 0, true)
        client.respond(this.#answer, 0, LOCAL_GET_LENGTH)
      }),
      [CpgRequest.iterationInitialize]: request(
        'iteration_initialize',
        CpgRequestLength.iterationInitialize,
        false,
        (client, buf, off) => {
          this.#iterationInitialize(client, buf, off)
        },
      ),
      [CpgRequest.iterationNext]: request(
        'iteration_next',
        CpgRequestLength.iterationNext,
        false,
        (client, buf, off) => {
          this.#iterationNext(client, buf, off)
        },
      ),
      [CpgRequest.iterationFinalize]: request(
        'iteration_finalize',
        CpgRequestLength.iterationFinalize,
        false,
        (client, buf, off) => {
          const known = this.#iterations.delete(this.#iterationHandle(buf, off))
          this.#respond(client, CpgResponse.iterationFinalize, known ? CsError.OK : CsError.LIBRARY)
        },
      ),
      [CpgRequest.finalize]: request('finalize', CpgRequestLength.finalize, true, client => {
        // From here on no events; members see the process gone, as they would when it disconnects in a moment.
        this.#programs.get(client)?.connection.close()
        this.#respond(client, CpgResponse.finalize, CsError.OK)
      }),
      [CpgRequest.zeroCopyAlloc]: notSupported('zc_alloc'),
      [CpgRequest.zeroCopyFree]: notSupported('zc_free'),
      [CpgRequest.zeroCopyExecute]: notSupported('zc_execute'),
      [CpgRequest.partialMcast]: request(
        'partial_mcast',
        CpgRequestLength.partialMcast,
        true,
        (client, buf, off, len) => {
          this.#respond(client, CpgResponse.partialMcast, this.#partialMcast(client, buf, off, len))
        },
      ),
    }
    this.requests = Object.values(table)
  }

  connected(client: Client): void {
    const listener = new ProgramListener(client)
    this.#programs.set(client, { listener, connection: this.#service.connect(listener) })
  }

  disconnected(client: Client): void {
    this.#programs.get(client)?.connection.close()
    this.#programs.delete(client)
    for (const [handle, iteration] of this.#iterations) if (iteration.owner === client) this.#iterations.delete(handle)
  }

  #join(client: Client, buf: Uint8Array, off: number): void {
    const program = this.#programs.get(client)
    const name = readRequestName(buf, off)
    if (program === undefined) return
    if (name === undefined) {
      this.#respond(client, CpgResponse.join, CsError.NAME_TOO_LONG)
      return
    }
    const pid = readU32(buf, off + JOIN_PID, true)
    const result = program.connection.join(name, pid, readU32(buf, off + JOIN_FLAGS, true))
    if (result === CsError.OK) program.listener.joined(name)
    this.#respond(client, CpgResponse.join, result)
  }

  #leave(client: Client, buf: Uint8Array, off: number): void {
    const name = readRequestName(buf, off)
    const connection = this.#programs.get(client)?.connection
    if (connection === undefined) return
    const result =
      name === undefined ? CsError.NAME_TOO_LONG : connection.leave(name, readU32(buf, off + LEAVE_PID, true))
    this.#respond(client, CpgResponse.leave, result)
  }

  /** Never answered: a program that is no member is not told, as in the C engine. */
  #mcast(client: Client, buf: Uint8Array, off: number, len: number): void {
    const length = readU32(buf, off + MCAST_DATA_LENGTH, true)
    if (length > len - MCAST_DATA) client.drop('sent a multicast that is longer than its request')
    else this.#programs.get(client)?.connection.mcast(buf, off + MCAST_DATA, length)
  }

  #partialMcast(client: Client, buf: Uint8Array, off: number, len: number): CsErrorCode {
    const length = readU32(buf, off + PARTIAL_DATA_LENGTH, true)
    const type = readU32(buf, off + PARTIAL_TYPE, true)
    if (length > len - PARTIAL_DATA || type < CpgPartial.FIRST || type > CpgPartial.LAST) return CsError.INVALID_PARAM
    const connection = this.#programs.get(client)?.connection
    if (connection === undefined) return CsError.BAD_HANDLE
    const total = readU32(buf, off + PARTIAL_TOTAL, true)
    return connection.mcastPartial(type as CpgPartialType, total, buf, off + PARTIAL_DATA, length)
  }

  #iterationInitialize(client: Client, buf: Uint8Array, off: number): void {
    const error = this.#openIteration(client, readRequestName(buf, off), readU32(buf, off + ITERATION_TYPE, true))
    writeResponseHeader(this.#answer, 0, CpgResponse.iterationInitialize, ITERATION_LENGTH, error, true)
    writeU32(this.#answer, ITERATION_ANSWER_HANDLE, error === CsError.OK ? this.#lastIteration : 0, true)
    writeU32(this.#answer, ITERATION_ANSWER_HANDLE + 4, 0, true)
    client.respond(this.#answer, 0, ITERATION_LENGTH)
  }

  #openIteration(client: Client, name: Uint8Array | undefined, type: number): CsErrorCode {
    if (!isIterationType(type)) return CsError.INVALID_PARAM
    // The library sends whatever was in its memory where no group was given.
    const group = type === CpgIteration.ONE_GROUP ? name : NO_GROUP
    if (group === undefined) return CsError.NAME_TOO_LONG
    let open = 0
    for (const iteration of this.#iterations.values()) if (iteration.owner === client) open++
    if (open >= ITERATIONS_MAX) return CsError.NO_RESOURCES
    this.#iterations.set(++this.#lastIteration, { owner: client, entries: this.#service.iterate(type, group), next: 0 })
    return CsError.OK
  }

  #iterationNext(client: Client, buf: Uint8Array, off: number): void {
    const iteration = this.#iterations.get(this.#iterationHandle(buf, off))
    const entry = iteration?.entries[iteration.next]
    if (iteration === undefined) writeIterationEnd(CsError.LIBRARY, this.#answer)
    else if (entry === undefined) writeIterationEnd(CsError.NO_SECTIONS, this.#answer)
    else {
      iteration.next++
      writeIterationEntry(entry, this.#answer)
    }
    client.respond(this.#answer, 0, NEXT_LENGTH)
  }

  /** Handles are counted from 1 and stay below 2^32; anything else names none. */
  #iterationHandle(buf: Uint8Array, off: number): number {
    return readU32(buf, off + ITERATION_HANDLE + 4, true) === 0 ? readU32(buf, off + ITERATION_HANDLE, true) : 0
  }

  #respond(client: Client, id: number, error: CsErrorCode): void {
    plainResponse(id, error, this.#answer)
    client.respond(this.#answer, 0, RESPONSE_HEADER_LENGTH)
  }
}

function request(
  name: string,
  minLength: number,
  flowControl: boolean,
  handle: LibraryRequest['handle'],
): LibraryRequest {
  return { name, minLength, flowControl, handle }
}

function isIterationType(type: number): type is CpgIterationType {
  return type === CpgIteration.NAME_ONLY || type === CpgIteration.ONE_GROUP || type === CpgIteration.ALL
}
