// The quorum service's part in synchronisation, service 3: it sends nothing and keeps the last membership, to say who
// has come and who has gone (spec: services 3.2). In: the members of each ring. Out: log lines. Must not know: votes.

import type { LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { RingHandler, Service } from '../types.js'

export class QuorumService implements Service {
  readonly id = ServiceId.quorum
  readonly name = SERVICE_DISPLAY_NAMES.quorum
  readonly priority = 1
  readonly handlers: readonly RingHandler[] = []
  readonly sync: SyncSteps
  /** Membership of the last finished synchronisation. */
  #members: readonly number[] = []
  /** That of the round under way. */
  #coming: readonly number[] = []

  constructor(log: LogSink) {
    this.sync = {
      init: (transitional, members) => {
        this.#coming = members
        const left = this.#members.filter(node => !transitional.includes(node))
        // One that has been away and is back is both: it left, and it joined.
        const joined = members.filter(node => !this.#members.includes(node) || left.includes(node))
        logNodes(log, 'members', members)
        if (joined.length > 0) logNodes(log, 'joined', joined)
        if (left.length > 0) logNodes(log, 'left', left)
      },
      process: () => true,
      activate: () => {
        this.#members = this.#coming
      },
      abort() {},
    }
  }

  get members(): readonly number[] {
    return this.#members
  }
}

function logNodes(log: LogSink, what: string, nodes: readonly number[]): void {
  log('notice', 'QUORUM', `Sync ${what}[${nodes.length}]: ${nodes.join(' ')}`)
}
