// The quorum service, service 3: says whether this node is in the primary component, as its provider reports, and which
// nodes came and went with each ring (spec: services 3). It sends nothing to other nodes. In: the members of each ring,
// reports of the provider. Out: calls of the library's trackers, log lines. Must not know: how votes are counted.

import type { LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import type { RingIdentity } from '../../totem/types.js'
import type { QuorumNodeList, QuorumView } from '../../wire/quorum-ipc.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { RingHandler, Service } from '../types.js'
import { QuorumLibrary } from './library.js'
import type { QuorumProvider } from './provider.js'

export interface QuorumServiceOptions {
  readonly log: LogSink
  /** Left out: none. */
  readonly provider?: QuorumProvider
}

const NO_RING: RingIdentity = { nodeId: 0, seq: 0 }

export class QuorumService implements Service {
  readonly id = ServiceId.quorum
  readonly name = SERVICE_DISPLAY_NAMES.quorum
  readonly priority = 1
  readonly handlers: readonly RingHandler[] = []
  readonly sync: SyncSteps
  readonly library: QuorumLibrary
  readonly provider: QuorumProvider
  readonly #log: LogSink
  /** Membership of the last finished synchronisation. */
  #members: readonly number[] = []
  #ring: RingIdentity = NO_RING
  /** That of the round under way. */
  #coming: QuorumNodeList = { ring: NO_RING, members: [], joined: [], left: [] }
  /** The provider's last word; without provider there never is one. */
  #view: QuorumView

  constructor(options: QuorumServiceOptions) {
    const { log, provider = 'none' } = options
    this.#log = log
    this.provider = provider
    this.#view = { quorate: provider === 'none', ring: NO_RING, members: [] }
    this.library = new QuorumLibrary(this)
    this.sync = {
      init: (transitional, members, ring) => this.#begin(transitional, members, ring),
      process: () => true,
      activate: () => {
        this.#members = this.#coming.members
        this.#ring = this.#coming.ring
        this.library.membershipChanged(this.#coming)
      },
      abort() {},
    }
  }

  /** Nodes of the last synchronised ring. */
  get members(): readonly number[] {
    return this.#members
  }

  get quorate(): boolean {
    return this.#view.quorate
  }

  get view(): QuorumView {
    return this.#view
  }

  /** The membership as it stands, without anybody who came or went. */
  get nodeList(): QuorumNodeList {
    return { ring: this.#ring, members: this.#members, joined: [], left: [] }
  }

  /** The provider's answer for a ring; trackers are told even if it is what they know. */
  report(view: QuorumView): void {
    if (view.quorate !== this.#view.quorate) {
      const text = view.quorate
        ? 'This node is within the primary component and will provide service.'
        : 'This node is within the non-primary component and will NOT provide any services.'
      this.#log('notice', 'QUORUM', text)
    }
    this.#view = view
    logNodes(this.#log, 'Members', view.members)
    this.library.quorumReported(view)
  }

  #begin(transitional: readonly number[], members: readonly number[], ring: RingIdentity): void {
    const before = this.#members
    // In `transitional` but not in the ring: came along from the old ring, and was lost again on the way to this one.
    const left = before.filter(node => !(transitional.includes(node) && members.includes(node)))
    // One that has been away and is back is both: it left, and it joined.
    const joined = members.filter(node => !before.includes(node) || left.includes(node))
    this.#coming = { ring, members, joined, left }
    logNodes(this.#log, 'Sync members', members)
    if (joined.length > 0) logNodes(this.#log, 'Sync joined', joined)
    if (left.length > 0) logNodes(this.#log, 'Sync left', left)
  }
}

function logNodes(log: LogSink, what: string, nodes: readonly number[]): void {
  log('notice', 'QUORUM', `${what}[${nodes.length}]: ${nodes.join(' ')}`)
}
