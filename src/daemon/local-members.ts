// The executive's side of the library: serves the members of groups that live in this process. In: requests from each
// member's channel; out: calls on the closed-process-group service, and what the service tells, written to the channel.
// Never waits and never holds up the ring: what a member does not take in time waits in a queue of its own, and when that
// is full the membership ends. Knows nothing of threads; how the user's side is rung is given to it.

import { Fifo } from '../ipc/fifo.js'
import { RingReader, RingWriter } from '../ipc/ring-buffer.js'
import {
  type CpgConnection,
  type CpgListener,
  type CpgMembershipChange,
  CpgPartial,
  type CpgPartialType,
} from '../services/cpg/types.js'
import { CsError, type CsErrorCode } from '../services/errors.js'
import type { RingIdentity } from '../totem/types.js'
import {
  CHANNEL_WORDS,
  ChannelWord,
  channelLayoutOf,
  EventKind,
  encodeAddresses,
  encodeNodeIds,
  MAX_RECORD_BYTES,
  RequestKind,
  type SharedMemory,
} from './channel.js'

/** What a member of this process may leave untaken before its membership ends, besides its channel's ring. */
export const DEFAULT_MAX_QUEUED_BYTES = 64 << 20
/** Accounted for each queued event besides its bytes. */
const QUEUED_EVENT_OVERHEAD = 128

export interface CpgService {
  connect(listener: CpgListener): CpgConnection
}

interface QueuedEvent {
  readonly kind: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly bytes: Uint8Array
}

const EMPTY = new Uint8Array(0)

class LocalMember implements CpgListener {
  readonly #control: Int32Array
  readonly #requests: RingReader
  readonly #events: RingWriter
  readonly #connection: CpgConnection
  readonly #maxQueuedBytes: number
  readonly #nodeId: number
  readonly #queue = new Fifo<QueuedEvent>()
  #queuedBytes = 0
  /** How far the event at the front of the queue has been written. */
  #written = 0
  #pid = 0
  /** The membership is over: no request is performed and nothing more is told, but what is queued still goes out. */
  #ended = false
  #closed = false
  /** Something has changed that the user's side wants to know. */
  changed = false

  constructor(cpg: CpgService, nodeId: number, memory: SharedMemory, maxQueuedBytes: number) {
    const layout = channelLayoutOf(memory)
    this.#control = new Int32Array(memory, 0, CHANNEL_WORDS)
    this.#requests = new RingReader(memory, layout.requestRing, layout.ringDataBytes, MAX_RECORD_BYTES)
    this.#events = new RingWriter(memory, layout.eventRing, layout.ringDataBytes)
    this.#maxQueuedBytes = maxQueuedBytes
    this.#nodeId = nodeId
    this.#connection = cpg.connect(this)
  }

  /** The membership is over and the service is to be told that nobody listens. */
  get ended(): boolean {
    return this.#ended && !this.#closed
  }

  /** Nothing remains to be done for this member. */
  get finished(): boolean {
    return this.#closed && this.#queue.length === 0
  }

  /** Performs what can be performed. False when the service asks to try again later. */
  service(): boolean {
    if (Atomics.load(this.#control, ChannelWord.ABANDONED) !== 0) {
      this.#ended = true
      this.#queue.clear()
    }
    this.#flush()
    if (this.#ended) {
      this.close()
      return true
    }
    let accepted = true
    while (!this.#ended && Atomics.load(this.#control, ChannelWord.FAILED) === 0 && this.#requests.peek()) {
      const code = this.#perform()
      if (code === CsError.TRY_AGAIN || code === CsError.BUSY) {
        accepted = false
        break
      }
      this.#requests.consume()
      if (code !== CsError.OK) {
        Atomics.store(this.#control, ChannelWord.FAILED_AT, this.#control[ChannelWord.COMPLETED]!)
        Atomics.store(this.#control, ChannelWord.FAILED, code)
      }
      Atomics.add(this.#control, ChannelWord.COMPLETED, 1)
      this.changed = true
    }
    if (Atomics.exchange(this.#control, ChannelWord.REQUEST_SPACE_WANTED, 0) !== 0) this.changed = true
    return accepted
  }

  /** The last touch of a finished member's channel. */
  release(): void {
    Atomics.store(this.#control, ChannelWord.RELEASED, 1)
  }

  /** Ends the membership if it has not ended; the others see reason PROCDOWN. */
  close(): void {
    this.#ended = true
    if (this.#closed) return
    this.#closed = true
    this.#connection.close()
    Atomics.store(this.#control, ChannelWord.ENDED, 1)
    this.changed = true
  }

  deliver(nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    this.#tell(EventKind.DELIVER, nodeId, pid, 0, buf, off, len)
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
    const kind =
      type === CpgPartial.FIRST
        ? EventKind.PARTIAL_FIRST
        : type === CpgPartial.LAST
          ? EventKind.PARTIAL_LAST
          : EventKind.PARTIAL_CONTINUED
    this.#tell(kind, nodeId, pid, total, buf, off, len)
  }

  membershipChanged(change: CpgMembershipChange): void {
    const { members, left, joined } = change
    const bytes = encodeAddresses(members, left, joined)
    this.#tell(EventKind.MEMBERSHIP, members.length, left.length, joined.length, bytes, 0, bytes.length)
    // The end of one's own membership is the end of the stream. The connection is closed later, not under the service's feet.
    if (left.some(address => address.nodeId === this.#nodeId && address.pid === this.#pid)) this.#ended = true
  }

  ringChanged(ring: RingIdentity, members: readonly number[]): void {
    const bytes = encodeNodeIds(members)
    const high = Math.floor(ring.seq / 0x1_0000_0000)
    this.#tell(EventKind.RING, ring.nodeId, ring.seq >>> 0, high, bytes, 0, bytes.length)
  }

  #perform(): CsErrorCode {
    const { buf, off, len, a, b } = this.#requests
    switch (this.#requests.kind) {
      case RequestKind.JOIN:
        this.#pid = a
        return this.#connection.join(buf.slice(off, off + len), a, b)
      case RequestKind.LEAVE:
        return this.#connection.leave(buf.slice(off, off + len), a)
      case RequestKind.MCAST:
        return this.#connection.mcast(buf, off, len)
      case RequestKind.PARTIAL:
        return this.#connection.mcastPartial(a as CpgPartialType, b, buf, off, len)
      default:
        return CsError.INVALID_PARAM
    }
  }

  #tell(kind: number, a: number, b: number, c: number, buf: Uint8Array, off: number, len: number): void {
    if (this.#ended) return
    this.changed = true
    if (this.#queue.length === 0) {
      const written = this.#events.write(kind, a, b, c, buf, off, len, 0)
      if (written === len) return
      this.#written = Math.max(written, 0)
    }
    this.#queuedBytes += len + QUEUED_EVENT_OVERHEAD
    if (this.#queuedBytes > this.#maxQueuedBytes) {
      // Readers accept the short message although a longer one is unfinished before it.
      this.#ended = true
      this.#queue.clear()
      this.#written = 0
      this.#queue.push({ kind: EventKind.DISCONNECTED, a: 0, b: 0, c: 0, bytes: EMPTY })
    } else this.#queue.push({ kind, a, b, c, bytes: buf.slice(off, off + len) })
    this.#flush()
  }

  /** Moves queued events to the ring, and leaves word that there are more when it is full. */
  #flush(): void {
    if (this.#queue.length === 0) return
    this.#moveQueued()
    if (this.#queue.length === 0) return
    // The user's side may have read everything since: look again after leaving word, or both sides sleep.
    Atomics.store(this.#control, ChannelWord.EVENT_SPACE_WANTED, 1)
    this.#moveQueued()
  }

  #moveQueued(): void {
    for (;;) {
      const event = this.#queue.peek()
      if (event === undefined) return
      const { kind, a, b, c, bytes } = event
      const written = this.#events.write(kind, a, b, c, bytes, 0, bytes.length, this.#written)
      if (written < 0) return
      this.changed = true
      this.#written = written
      if (written < bytes.length) return
      this.#queue.shift()
      this.#queuedBytes -= bytes.length + QUEUED_EVENT_OVERHEAD
      this.#written = 0
    }
  }
}

export interface LocalMembersOptions {
  readonly cpg: CpgService
  readonly nodeId: number
  /** Wakes the user's thread if it does not know already. */
  readonly ringUser: () => void
  readonly maxQueuedBytes?: number
}

export class LocalMembers {
  readonly #options: LocalMembersOptions
  readonly #maxQueuedBytes: number
  #members: LocalMember[] = []
  /** Whom to serve first: whoever comes first gets the room that the ring's queue has left. */
  #turn = 0
  #blocked = false

  constructor(options: LocalMembersOptions) {
    this.#options = options
    this.#maxQueuedBytes = options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES
  }

  get count(): number {
    return this.#members.length
  }

  /** To be called when the node has worked: performs what had to wait, and rings the user's side if there is news. */
  worked(): void {
    if (this.#blocked || this.#members.some(member => member.ended)) this.service()
    else this.notify()
  }

  add(memory: SharedMemory): void {
    const { cpg, nodeId } = this.#options
    this.#members.push(new LocalMember(cpg, nodeId, memory, this.#maxQueuedBytes))
    this.service()
  }

  /** Serves every member; to be called when the executive is rung, and when what was refused may succeed now. */
  service(): void {
    const members = this.#members
    this.#blocked = false
    let finished = false
    this.#turn = members.length === 0 ? 0 : (this.#turn + 1) % members.length
    for (let i = 0; i < members.length; i++) {
      const member = members[(this.#turn + i) % members.length]!
      if (!member.service()) this.#blocked = true
      finished ||= member.finished
    }
    this.notify()
    if (!finished) return
    for (const member of members) if (member.finished) member.release()
    this.#members = members.filter(member => !member.finished)
  }

  /** Rings the user's side if anything has changed since the last time. Once per turn. */
  notify(): void {
    let changed = false
    for (const member of this.#members) {
      changed ||= member.changed
      member.changed = false
    }
    if (changed) this.#options.ringUser()
  }

  closeAll(): void {
    for (const member of this.#members) member.close()
  }
}
