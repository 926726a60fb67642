// The quorum service for programs: is this partition the one that may act, and who belongs to it (spec: services 3). In:
// calls. Out: promises, events.

import { CsError } from '../services/errors.js'
import { HOST_LITTLE_ENDIAN, readS32 } from '../wire/cursor.js'
import {
  QUORUM_MODEL_0,
  QUORUM_MODEL_1,
  QuorumEvent,
  QuorumRequest,
  quorumRequest,
  quorumValueRequest,
  readQuorumAnswer,
  readQuorumNotification,
  readQuorumV1NodeList,
  readQuorumV1Quorum,
  TrackFlag,
} from '../wire/quorum-ipc.js'
import { type ClusterError, callError } from './errors.js'
import { EventStream, type Tracking } from './event-stream.js'
import { type ServiceAccess, ServiceLink } from './service-link.js'

export interface RingId {
  /** 0 where the daemon does not tell (model 0). */
  readonly nodeId: number
  readonly seq: number
}

/** What the provider of quorum has decided. */
export interface QuorumDecision {
  readonly type: 'quorum'
  readonly quorate: boolean
  /** 0.0 and nobody when there is no provider. */
  readonly ring: RingId
  readonly members: readonly number[]
}

/** The nodes that can reach each other. Comes before the decision about them. Model 1 only. */
export interface QuorumMembership {
  readonly type: 'nodes'
  readonly ring: RingId
  readonly members: readonly number[]
  /** Against the membership before; nobody in the first event. */
  readonly joined: readonly number[]
  readonly left: readonly number[]
}

export type QuorumTrackEvent = QuorumDecision | QuorumMembership

export interface QuorumTrackOptions {
  /** 1 (default) also tells who has come and gone; 0 is what older programs see: decisions without the ring's node. */
  readonly model?: 0 | 1
  /** Begin with how things stand (true). */
  readonly current?: boolean
}

export class Quorum {
  readonly #access: ServiceAccess
  readonly #link: ServiceLink
  readonly #trackings = new Set<EventStream<QuorumTrackEvent>>()

  /** Made by `connect`. */
  constructor(access: ServiceAccess) {
    this.#access = access
    this.#link = new ServiceLink('quorum', access)
  }

  /** May this side of a partition act? Without a provider every side may. */
  async isQuorate(): Promise<boolean> {
    return (await this.#value(QuorumRequest.getQuorate, 'asking for quorum')) !== 0
  }

  /** Does anything decide about quorum here? */
  async hasProvider(): Promise<boolean> {
    return (await this.#value(QuorumRequest.getType, 'asking for the provider of quorum')) !== 0
  }

  /** Follows decisions and memberships. */
  async track(options: QuorumTrackOptions = {}): Promise<Tracking<QuorumTrackEvent>> {
    const { model = 1, current = true } = options
    // A connection of its own: each can track once, in one model.
    const link = new ServiceLink('quorum', this.#access, {
      event: (buf, off, len) => {
        const event = readEvent(buf, off, len)
        if (event !== undefined) stream.push(event)
      },
      lost: error => stream.end(error),
    })
    const stream = new EventStream<QuorumTrackEvent>('tracking quorum', async () => {
      this.#trackings.delete(stream)
      link.close()
    })
    try {
      const number = model === 1 ? QUORUM_MODEL_1 : QUORUM_MODEL_0
      await link.call('choosing a model of quorum', quorumValueRequest(QuorumRequest.modelGetType, number))
      const flags = TrackFlag.CHANGES | (current ? TrackFlag.CURRENT : TrackFlag.CHANGES_ONLY)
      await link.call('tracking quorum', quorumValueRequest(QuorumRequest.trackStart, flags))
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

  async #value(id: number, what: string): Promise<number> {
    const value = readQuorumAnswer(await this.#link.call(what, quorumRequest(id)))
    if (value === undefined) throw callError(CsError.MESSAGE_ERROR, what)
    return value
  }
}

/** Undefined for what is unknown or malformed. */
function readEvent(buf: Uint8Array, off: number, len: number): QuorumTrackEvent | undefined {
  switch (readS32(buf, off, HOST_LITTLE_ENDIAN)) {
    case QuorumEvent.notification:
      return decision(readQuorumNotification(buf, off, len))
    case QuorumEvent.quorum:
      return decision(readQuorumV1Quorum(buf, off, len))
    case QuorumEvent.nodeList: {
      const list = readQuorumV1NodeList(buf, off, len)
      return list === undefined ? undefined : { type: 'nodes', ...list }
    }
    default:
      return undefined
  }
}

function decision(view: ReturnType<typeof readQuorumV1Quorum>): QuorumDecision | undefined {
  return view === undefined ? undefined : { type: 'quorum', ...view }
}
