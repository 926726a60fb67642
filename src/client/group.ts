// A process's membership in a closed process group: one stream of messages and membership changes, in the order that all
// members see, taken by an async iterator or a callback; and sending. In: events from the channel to the node; out:
// requests to it. What is not taken waits in the channel or behind it; when it is too much, the membership ends.

import { Fifo } from '../ipc/fifo.js'
import { CPG_DELIVER_INITIAL_TOTEM_CONF, CPG_MAX_NAME_LENGTH } from '../services/cpg/types.js'
import { CsError, type CsErrorCode } from '../services/errors.js'
import { MAX_MESSAGE_BYTES } from './assembly.js'
import { WAITING_LIMIT } from './channel-client.js'
import { ClosedError, ClusterError, NotJoinedError, QueueFullError, SlowConsumerError, serviceError } from './errors.js'
import type { GroupEvent, Member, MembershipEvent } from './events.js'
import type { EngineLink } from './link.js'
import type { MemberChannel } from './member-channel.js'

export interface JoinOptions {
  /** Called with every event, in order, from when `join` resolves; the group then has no iterator. */
  readonly onEvent?: (event: GroupEvent) => void
  /** With `onEvent`: nothing more comes. An error when the membership did not end by `leave` or `close`. */
  readonly onEnd?: (error: Error | undefined) => void
}

/** Events given to a callback at a stretch, before other work of the thread has its turn. */
const EVENTS_PER_TURN = 512

export class Group implements AsyncIterable<GroupEvent> {
  readonly name: string
  readonly #nameBytes: Uint8Array
  readonly #link: EngineLink
  readonly #options: JoinOptions
  readonly #channel: MemberChannel
  /** Taken from the channel while joining, not given to the program yet. */
  readonly #early = new Fifo<GroupEvent>()
  #state: 'joining' | 'joined' | 'leaving' | 'ended' = 'joining'
  #members: readonly Member[] = []
  /** What ended the membership, when it was not the program. */
  #endError: Error | undefined
  /** The engine is gone or the membership abandoned: what the channel holds is all there is. */
  #cut = false
  #iterating = false
  #scheduled = false
  /** The program has called `leave`. */
  #left = false
  /** Wakes whoever waits for something to change: the iterator, a joiner, a leaver. */
  #wake: (() => void)[] = []

  /** Made by `cluster.cpg.join`. */
  constructor(link: EngineLink, name: string, options: JoinOptions) {
    this.name = name
    this.#nameBytes = new TextEncoder().encode(name)
    if (this.#nameBytes.length > CPG_MAX_NAME_LENGTH) {
      throw new ClusterError(CsError.NAME_TOO_LONG, `group names have at most ${CPG_MAX_NAME_LENGTH} bytes`)
    }
    this.#link = link
    this.#options = options
    this.#channel = link.open()
  }

  /** Everyone in the group, as of the event taken last. */
  get members(): readonly Member[] {
    return this.#members
  }

  /** This process as the group sees it. */
  get self(): Member {
    return { nodeId: this.#link.nodeId, pid: process.pid }
  }

  /**
   * Sends to every member, this one included. Resolves when the ring has accepted the message, which then reaches every
   * member that stays connected; while the ring is busy it waits. Up to 256 MiB; the bytes must not change before it
   * resolves. Rejects with NotJoinedError after `leave`, ClosedError after `close`, QueueFullError when too much waits.
   */
  async send(data: Uint8Array | string): Promise<void> {
    if (this.#state !== 'joined') throw this.#endError ?? this.#notJoined()
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw new ClusterError(CsError.TOO_BIG, `messages have at most ${MAX_MESSAGE_BYTES} bytes`)
    }
    const code = await this.#channel.mcast(bytes)
    if (code !== CsError.OK) throw this.#failure(code, 'sending to')
  }

  /**
   * Leaves the group. Resolves when all members have been told. An iterator or callback still gets what came before, and
   * the event of leaving as the last one.
   */
  async leave(): Promise<void> {
    if (this.#state === 'joined') {
      this.#state = 'leaving'
      this.#left = true
      const code = await this.#channel.leave(this.#nameBytes, process.pid)
      if (code !== CsError.OK) throw this.#failure(code, 'leaving')
    }
    while (!this.released) await this.#change()
    if (!this.#iterating && this.#options.onEvent === undefined) this.#finish(undefined)
  }

  /** Events in order. One iterator at a time; leaving the loop does not leave the group. */
  async *[Symbol.asyncIterator](): AsyncGenerator<GroupEvent, void, undefined> {
    if (this.#iterating || this.#options.onEvent !== undefined) {
      throw new ClusterError(CsError.BUSY, `the events of the group '${this.name}' are being taken already`)
    }
    this.#iterating = true
    try {
      for (;;) {
        const event = this.#take()
        if (event !== undefined) yield event
        else if (this.#state !== 'ended') await this.#change()
        else if (this.#endError !== undefined) throw this.#endError
        else return
      }
    } finally {
      this.#iterating = false
    }
  }

  // What follows is for the cluster handle that made the group.

  /** The service has let go of this membership: the same name can be joined again. */
  get released(): boolean {
    return this.#state === 'ended' || this.#cut || this.#channel.ended
  }

  /** Nothing is left to be served. */
  get finished(): boolean {
    return this.#state === 'ended'
  }

  /** Joins; resolves when the group has seen it. */
  async start(): Promise<void> {
    const code = await this.#channel.join(this.#nameBytes, process.pid, CPG_DELIVER_INITIAL_TOTEM_CONF)
    if (code !== CsError.OK) {
      const failure = this.#failure(code, 'joining')
      this.#finish(failure)
      throw failure
    }
    while (this.#state === 'joining') {
      const event = this.#read()
      // The ring before one's own membership is of no use to the program: it is told again right after.
      if (event?.type === 'membership') {
        this.#state = 'joined'
        this.#members = event.members
      }
      if (event !== undefined && this.#state === 'joined') this.#early.push(event)
      if (event === undefined) await this.#change()
    }
    if (this.#state === 'ended') throw this.#endError ?? new ClosedError(`the group '${this.name}'`)
    this.service()
  }

  /** The node has rung. */
  service(): void {
    if (this.#state === 'ended') return
    this.#channel.service()
    // Ended, and not by the program: nothing that waits will be sent. The reason comes as the last event.
    if (this.#channel.ended && !this.#left) this.#channel.refuse(CsError.NO_RESOURCES)
    if (this.#options.onEvent !== undefined && this.#state !== 'joining') this.#callBack(this.#options.onEvent)
    this.#changed()
  }

  /** The engine is gone; what has arrived can still be taken. */
  cut(error: Error): void {
    if (this.#state === 'ended') return
    this.#endError ??= error
    this.#cut = true
    this.service()
    this.#channel.refuse(CsError.LIBRARY)
    if (this.#state === 'joining') this.#finish(error)
  }

  /** The program is done with the cluster. */
  close(): void {
    this.#finish(undefined)
  }

  #callBack(onEvent: (event: GroupEvent) => void): void {
    if (this.#scheduled) return
    for (let n = 0; n < EVENTS_PER_TURN; n++) {
      const event = this.#take()
      if (event === undefined) return
      try {
        onEvent(event)
      } catch (error) {
        // The program's mistake: reported as any other that nobody catches, and no other group suffers.
        queueMicrotask(() => {
          throw error
        })
      }
    }
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#callBack(onEvent)
    })
  }

  #take(): GroupEvent | undefined {
    if (this.#state === 'ended') return undefined
    const event = this.#early.shift() ?? this.#read()
    if (event?.type === 'membership') this.#apply(event)
    else if (event === undefined && this.#cut) this.#finish(this.#endError)
    return event
  }

  #apply(event: MembershipEvent): void {
    this.#members = event.members
    const { nodeId, pid } = this.self
    if (event.left.some(member => member.nodeId === nodeId && member.pid === pid)) this.#finish(undefined)
  }

  /** The next event of the channel. */
  #read(): GroupEvent | undefined {
    const event = this.#channel.next()
    if (event?.type !== 'end') return event
    this.#finish(event.reason === 'slow' ? new SlowConsumerError(this.name) : event.reason)
    return undefined
  }

  #finish(error: Error | undefined): void {
    if (this.#state === 'ended') return
    const joined = this.#state !== 'joining'
    this.#state = 'ended'
    this.#endError = error
    this.#channel.close(CsError.BAD_HANDLE)
    this.#changed()
    const { onEnd } = this.#options
    // After the event that is being handed over.
    if (onEnd !== undefined && joined) queueMicrotask(() => onEnd(error))
  }

  #notJoined(): Error {
    return this.#left ? new NotJoinedError(this.name) : new ClosedError(`the group '${this.name}'`)
  }

  #failure(code: CsErrorCode, what: string): Error {
    if (this.#endError !== undefined) return this.#endError
    if (code === CsError.BAD_HANDLE) return this.#notJoined()
    if (code === CsError.QUEUE_FULL) return new QueueFullError(WAITING_LIMIT)
    return serviceError(code, what, this.name)
  }

  #change(): Promise<void> {
    return new Promise(resolve => this.#wake.push(resolve))
  }

  #changed(): void {
    if (this.#wake.length === 0) return
    const waiting = this.#wake
    this.#wake = []
    for (const resolve of waiting) resolve()
  }
}
