// Who is in which group, cluster-wide, as the daemon of this host knows it (spec: services 2.4, 2.9). In: questions. Out: names
// and members, as of one moment.

import { CPG_MAX_NAME_LENGTH } from '../services/cpg/types.js'
import { CsError } from '../services/errors.js'
import {
  CpgRequest,
  iterationHandleRequest,
  iterationRequest,
  membershipRequest,
  readIterationEntry,
  readIterationHandle,
  readMembership,
} from '../wire/cpg-ipc.js'
import { ClusterError, callError } from './errors.js'
import type { GroupMember, Member } from './events.js'
import { toMember } from './events.js'
import { type ServiceAccess, ServiceLink } from './service-link.js'

/** What an iteration goes over. */
const Iteration = { NAMES: 1, ALL: 3 } as const

export class GroupDirectory {
  readonly #link: ServiceLink

  constructor(access: ServiceAccess) {
    this.#link = new ServiceLink('cpg', access)
  }

  async groups(): Promise<readonly string[]> {
    return (await this.#iterate(Iteration.NAMES)).map(({ group }) => group)
  }

  processes(): Promise<readonly GroupMember[]> {
    return this.#iterate(Iteration.ALL)
  }

  async members(group: string): Promise<readonly Member[]> {
    const name = new TextEncoder().encode(group)
    if (name.length > CPG_MAX_NAME_LENGTH) throw callError(CsError.NAME_TOO_LONG, `the members of '${group}'`)
    return readMembership(await this.#link.call(`the members of '${group}'`, membershipRequest(name))).map(toMember)
  }

  close(error?: ClusterError): void {
    this.#link.close(error)
  }

  async #iterate(type: number): Promise<GroupMember[]> {
    const what = 'iterating over groups'
    const request = iterationRequest(new Uint8Array(0), type)
    const handle = readIterationHandle(await this.#link.call(what, request))
    const found: GroupMember[] = []
    try {
      const next = iterationHandleRequest(CpgRequest.iterationNext, handle)
      for (;;) {
        const entry = readIterationEntry(await this.#link.call(what, next))
        if (entry === undefined) throw callError(CsError.MESSAGE_ERROR, what)
        found.push({ group: new TextDecoder().decode(entry.group), nodeId: entry.nodeId, pid: entry.pid })
      }
    } catch (error) {
      if (!(error instanceof ClusterError) || error.number !== CsError.NO_SECTIONS) throw error
    } finally {
      await this.#link.call(what, iterationHandleRequest(CpgRequest.iterationFinalize, handle)).catch(() => {})
    }
    return found
  }
}
