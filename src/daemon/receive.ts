// The way in: takes what waits in the ring's sockets, checks where it comes from, takes joined datagrams apart and hands
// each to the node. With udp a token is acted on only after the multicasts that were sent before it (spec: totem 7.2).

import { RateLimitedLog } from '../log/rate-limit.js'
import type { LogSink } from '../log/types.js'
import type { AddressBook } from '../net/members.js'
import { senderOfJoin } from '../net/open-membership.js'
import type { TransportStats } from '../net/stats.js'
import type { DrivenNode } from '../node/types.js'
import { ReceiveBatch } from '../sys/datagrams.js'
import type { NativeMemory } from '../sys/native.js'
import { sockaddrAddressOffset } from '../sys/sockaddr.js'
import type { WireGeneration } from '../wire/generation.js'
import type { RingSockets } from './ring-sockets.js'

/** Messages taken per system call; each may hold up to 64 datagrams. */
const BATCH_MESSAGES = 16
/** Tokens come one at a time; a few places more for repeated ones. */
const TOKEN_BATCH_MESSAGES = 4
/** Calls per readable socket and turn, so that other work gets its share. */
const ROUNDS_PER_TURN = 4
/** Calls to empty the multicast socket before a token, and datagrams: more than a window of messages, less than a flood. */
const DRAIN_ROUNDS_MAX = 512
const DRAIN_DATAGRAMS_MAX = 16384
/** When input is thrown away, this many bytes of each datagram are looked at (none). */
const DISCARD_SLOT_BYTES = 64
const DISCARD_MESSAGES = 64
const DISCARD_ROUNDS_MAX = 1024

export interface ReceiverOptions {
  readonly book: AddressBook
  readonly wire: WireGeneration
  readonly nodeId: number
  /** Source addresses must be members' (udpu with block_unlisted_ips). */
  readonly blockUnlisted: boolean
  /** Addresses are learned from join messages (udp without a nodelist). */
  readonly learn: boolean
  readonly stats: TransportStats
  readonly log: LogSink
  readonly clock: () => number
}

export class Receiver {
  readonly #options: ReceiverOptions
  #blockUnlisted: boolean
  readonly #stats: TransportStats
  readonly #main = new ReceiveBatch(BATCH_MESSAGES)
  readonly #rejections: RateLimitedLog
  #tokens: ReceiveBatch | undefined
  #discards: ReceiveBatch | undefined
  #node: DrivenNode | undefined
  #sockets: RingSockets | undefined
  #own: Uint8Array | undefined
  /** Where handing in stands, so that the rest can be discarded from inside the node. */
  #handing: ReceiveBatch | undefined
  #message = 0
  #messages = 0
  #offset = 0
  /** Tokens read that wait for the multicast socket to be emptied. */
  #waitingTokens = 0
  #discardings = 0

  constructor(options: ReceiverOptions) {
    this.#options = options
    this.#blockUnlisted = options.blockUnlisted
    this.#stats = options.stats
    this.#rejections = new RateLimitedLog(options.log, 'debug', 'TOTEM')
  }

  /** Memory that the way in touches at every turn. */
  get arenas(): readonly NativeMemory[] {
    return this.#tokens === undefined ? [this.#main.slab] : [this.#main.slab, this.#tokens.slab]
  }

  attach(node: DrivenNode): void {
    this.#node = node
  }

  /** The sockets to read; undefined while the link is down. `own`: the address of this node. */
  use(sockets: RingSockets | undefined, own: Uint8Array | undefined): void {
    this.#sockets = sockets
    this.#own = own
    if (sockets?.group !== undefined) this.#tokens ??= new ReceiveBatch(TOKEN_BATCH_MESSAGES)
  }

  blockUnlisted(block: boolean): void {
    this.#blockUnlisted = block
  }

  /** The token socket is readable. */
  readToken(): void {
    const sockets = this.#sockets
    if (sockets === undefined) return
    if (sockets.group === undefined) {
      this.#read(sockets.token.fd, ROUNDS_PER_TURN)
      return
    }
    const tokens = this.#tokens!
    this.#stats.receiveCalls++
    const count = tokens.receive(sockets.token.fd)
    if (count <= 0) return
    const discardings = this.#discardings
    this.#waitingTokens = count
    this.#read(sockets.group.fd, DRAIN_ROUNDS_MAX)
    this.#waitingTokens = 0
    if (discardings === this.#discardings) this.#hand(tokens, count)
  }

  /** The multicast socket is readable (udp). */
  readGroup(): void {
    const group = this.#sockets?.group
    if (group !== undefined) this.#read(group.fd, ROUNDS_PER_TURN)
  }

  /** Throws away what was read but not handed in, and what the sockets hold; the number of datagrams. */
  discard(): number {
    this.#discardings++
    let count = 0
    if (this.#handing !== undefined) {
      const batch = this.#handing
      count += datagramsIn(batch.length(this.#message) - this.#offset, batch.segmentOf(this.#message))
      for (let i = this.#message + 1; i < this.#messages; i++) count += datagramsIn(batch.length(i), batch.segmentOf(i))
    }
    if (this.#waitingTokens > 0) count += this.#waitingTokens
    const sockets = this.#sockets
    if (sockets !== undefined) {
      count += this.#drop(sockets.token.fd)
      if (sockets.group !== undefined) count += this.#drop(sockets.group.fd)
    }
    this.#stats.discarded += count
    return count
  }

  #drop(fd: number): number {
    // Never the batch that is being handed in: the node still looks at its bytes.
    this.#discards ??= new ReceiveBatch(DISCARD_MESSAGES, DISCARD_SLOT_BYTES)
    const batch = this.#discards
    let dropped = 0
    for (let round = 0; round < DISCARD_ROUNDS_MAX; round++) {
      const count = batch.receive(fd)
      for (let i = 0; i < count; i++) dropped += datagramsIn(batch.length(i), batch.segmentOf(i))
      if (count < batch.size) return dropped
    }
    return dropped
  }

  #read(fd: number, rounds: number): void {
    const batch = this.#main
    const discardings = this.#discardings
    const limit = this.#stats.receivedDatagrams + DRAIN_DATAGRAMS_MAX
    for (let round = 0; round < rounds; round++) {
      this.#stats.receiveCalls++
      const count = batch.receive(fd)
      // Errors that the kernel reports here are about datagrams sent before; there is nothing to do about them.
      if (count <= 0) return
      this.#hand(batch, count)
      if (count < batch.size || discardings !== this.#discardings || this.#sockets === undefined) return
      if (this.#stats.receivedDatagrams > limit) return
    }
  }

  #hand(batch: ReceiveBatch, count: number): void {
    const now = this.#options.clock()
    const node = this.#node!
    const discardings = this.#discardings
    this.#messages = count
    for (let i = 0; i < count; i++) {
      const from = this.#sourceText(batch, i, now)
      if (from === undefined) continue
      const length = batch.length(i)
      if (batch.truncated(i)) {
        this.#stats.truncated++
        continue
      }
      if (length === 0) {
        this.#stats.empty++
        continue
      }
      const segment = batch.segmentOf(i) || length
      const start = batch.offset(i)
      this.#message = i
      for (let at = 0; at < length; at += segment) {
        const size = Math.min(length - at, segment)
        this.#stats.receivedDatagrams++
        this.#stats.receivedBytes += size
        if (this.#options.learn) this.#learn(batch, i, start + at, size)
        this.#offset = at + size
        this.#handing = batch
        node.receive(now, batch.slab.bytes, start + at, size, from)
        this.#handing = undefined
        if (discardings !== this.#discardings) return
      }
    }
  }

  /** Text of the source of a message, or undefined when it has to be dropped. */
  #sourceText(batch: ReceiveBatch, index: number, now: number): string | undefined {
    const { book } = this.#options
    const sources = batch.sources.bytes
    const off = batch.sourceOffset(index)
    if (this.#isOwn(sources, off)) {
      this.#stats.rejectedOwn++
      return undefined
    }
    const member = book.bySource(sources, off)
    if (member !== undefined) return member.address.text
    if (this.#blockUnlisted) {
      this.#stats.rejectedSource++
      if (this.#rejections.ready(now))
        this.#rejections.write(now, `Packet rejected from ${book.strangerText(sources, off)}`)
      return undefined
    }
    return book.strangerText(sources, off)
  }

  #isOwn(sources: Uint8Array, off: number): boolean {
    const own = this.#own
    const at = sockaddrAddressOffset(sources, off)
    if (own === undefined || at < 0) return false
    for (let i = 0; i < own.length; i++) if (sources[at + i] !== own[i]) return false
    return true
  }

  #learn(batch: ReceiveBatch, index: number, off: number, len: number): void {
    const nodeId = senderOfJoin(this.#options.wire, batch.slab.bytes, off, len)
    if (nodeId !== 0 && nodeId !== this.#options.nodeId) {
      this.#options.book.learn(nodeId, batch.sources.bytes, batch.sourceOffset(index))
    }
  }
}

function datagramsIn(length: number, segment: number): number {
  if (length <= 0) return 0
  return segment === 0 ? 1 : Math.ceil(length / segment)
}
