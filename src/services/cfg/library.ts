// What the configuration service offers to programs: requests and answers as bytes (spec: services 6.1). In: requests.
// Out: calls of the service, answers, the one event. Must not know: what a request leads to.

import * as ipc from '../../wire/cfg-ipc.js'
import { SERVICE_HEADER_LENGTH } from '../../wire/service.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { Client, LibraryInterface, LibraryRequest } from '../library.js'
import type { CfgService } from './service.js'
import type { CfgProgram } from './types.js'

const NOTHING = new Uint8Array(0)
/** What a program votes when it is asked whether the node may go. */
const VOTE_YES = 1

const { CfgResponse } = ipc

export class CfgLibrary implements LibraryInterface {
  readonly name = 'cfg'
  readonly requests: readonly LibraryRequest[]
  readonly #service: CfgService
  readonly #programs = new Map<Client, Program>()
  /** Room for the longest answer; every answer is made here and copied by the connection. */
  readonly #bytes = new Uint8Array(ipc.CFG_RING_STATUS_LENGTH)

  constructor(service: CfgService) {
    this.#service = service
    const bytes = this.#bytes
    // In the order of their numbers.
    this.requests = [
      controlled('ringstatusget', SERVICE_HEADER_LENGTH, client => this.#ringStatus(client)),
      controlled('ringreenable', SERVICE_HEADER_LENGTH, client =>
        this.#answer(client, CfgResponse.ringReenable, CsError.NOT_SUPPORTED),
      ),
      controlled('killnode', ipc.CFG_KILL_REQUEST_LENGTH, (client, buf, off) => {
        const result = service.killNode(ipc.readWordRequest(buf, off), ipc.readKillReason(buf, off))
        this.#answer(client, CfgResponse.killNode, result)
      }),
      controlled('tryshutdown', ipc.CFG_WORD_REQUEST_LENGTH, (client, buf, off) =>
        service.shutdown.request(this.#program(client), ipc.readWordRequest(buf, off)),
      ),
      controlled('replytoshutdown', ipc.CFG_WORD_REQUEST_LENGTH, (client, buf, off) => {
        const yes = ipc.readWordRequest(buf, off) === VOTE_YES
        this.#answer(client, CfgResponse.replyToShutdown, service.shutdown.reply(this.#program(client), yes))
      }),
      free('get_node_addrs', ipc.CFG_WORD_REQUEST_LENGTH, (client, buf, off) => {
        const addresses = service.nodeAddresses(ipc.readWordRequest(buf, off))
        const result = addresses.length > 0 ? CsError.OK : CsError.NOT_EXIST
        client.respond(bytes, 0, ipc.writeNodeAddresses(addresses, result, bytes, 0))
      }),
      free('local_get', SERVICE_HEADER_LENGTH, client =>
        client.respond(bytes, 0, ipc.writeWordResponse(CfgResponse.localGet, CsError.OK, service.nodeId, bytes, 0)),
      ),
      controlled('reload_config', SERVICE_HEADER_LENGTH, client => service.reloadConfiguration(this.#program(client))),
      free('reopen_log_files', SERVICE_HEADER_LENGTH, client => service.reopenLogFiles(this.#program(client))),
      free('nodestatusget', ipc.CFG_NODE_STATUS_REQUEST_LENGTH, (client, buf, off) =>
        this.#nodeStatus(client, ipc.readWordRequest(buf, off), ipc.readStatusVersion(buf, off)),
      ),
      controlled('trackstart', SERVICE_HEADER_LENGTH, client => {
        service.shutdown.track(this.#program(client))
        this.#answer(client, CfgResponse.trackStart, CsError.OK)
      }),
      controlled('trackstop', SERVICE_HEADER_LENGTH, client => {
        service.shutdown.untrack(this.#program(client))
        this.#answer(client, CfgResponse.trackStop, CsError.OK)
      }),
    ]
  }

  connected(client: Client): void {
    this.#programs.set(client, new Program(client, this.#bytes))
  }

  disconnected(client: Client): void {
    const program = this.#programs.get(client)
    if (program === undefined) return
    this.#programs.delete(client)
    this.#service.disconnected(program)
  }

  #program(client: Client): Program {
    const program = this.#programs.get(client)
    if (program === undefined) throw new Error('a request of a program that has not connected')
    return program
  }

  #answer(client: Client, id: number, result: CsErrorCode): void {
    client.respond(this.#bytes, 0, ipc.writePlainResponse(id, result, this.#bytes, 0))
  }

  #ringStatus(client: Client): void {
    const bytes = this.#bytes
    const fits = ipc.writeRingStatus(this.#service.ringStatus(), CsError.OK, bytes, 0)
    if (!fits) ipc.writeRingStatus([], CsError.NAME_TOO_LONG, bytes, 0)
    client.respond(bytes, 0, ipc.CFG_RING_STATUS_LENGTH)
  }

  #nodeStatus(client: Client, nodeId: number, version: number): void {
    const bytes = this.#bytes
    const known = version === ipc.CFG_NODE_STATUS_VERSION
    const status = known ? this.#service.nodeStatus(nodeId) : undefined
    const length =
      status === undefined
        ? ipc.writeNodeStatusRefused(known ? CsError.FAILED_OPERATION : CsError.NOT_SUPPORTED, bytes, 0)
        : ipc.writeNodeStatus(nodeId, status, CsError.OK, bytes, 0)
    client.respond(bytes, 0, length)
  }
}

/** A connected program, as the service sees it. */
class Program implements CfgProgram {
  readonly #client: Client
  readonly #bytes: Uint8Array

  constructor(client: Client, bytes: Uint8Array) {
    this.#client = client
    this.#bytes = bytes
  }

  testShutdown(flags: number): void {
    const length = ipc.writeTestShutdown(flags, CsError.OK, this.#bytes, 0)
    this.#client.notify(this.#bytes, 0, length, NOTHING, 0, 0)
  }

  shutdownDecided(result: CsErrorCode): void {
    this.#answer(CfgResponse.tryShutdown, result)
  }

  reloaded(result: CsErrorCode): void {
    this.#answer(CfgResponse.reloadConfig, result)
  }

  logFilesReopened(result: CsErrorCode): void {
    this.#answer(CfgResponse.reopenLogFiles, result)
  }

  #answer(id: number, result: CsErrorCode): void {
    this.#client.respond(this.#bytes, 0, ipc.writePlainResponse(id, result, this.#bytes, 0))
  }
}

function controlled(name: string, minLength: number, handle: LibraryRequest['handle']): LibraryRequest {
  return { name, minLength, flowControl: true, handle }
}

function free(name: string, minLength: number, handle: LibraryRequest['handle']): LibraryRequest {
  return { name, minLength, flowControl: false, handle }
}
