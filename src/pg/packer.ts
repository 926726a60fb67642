// The sending half of the process-group layer: packs messages into frames and cuts those that are larger than a frame
// (spec: totem 6.1 to 6.3). In: messages in two parts (a service's header and a user's bytes). Out: filled frames.
// Bytes are written straight to their place in the frame. Must not know: who receives, when the token comes.
//
// Rules of our sender, beyond what the format asks for:
// - A message that fits a frame whole is never cut, so small ones cost no packet of their own for a tail.
// - The last fragment of a message travels alone. A node that joined in the middle of the message throws that
//   packet away as a whole (6.4); alone, it takes nothing with it that the joiner should have had.
// - All packets of a long message but the last are exactly full, so that they can leave in one segmented send.

import type { Frame } from '../totem/frame.js'
import { PG_HEADER_LENGTH, PG_PIECE_LENGTH, writePacketHeader, writePieceLength } from '../wire/pg.js'
import { copyBytes } from './copy.js'
import type { FrameQueue, ProcessGroupStats } from './types.js'

/** Fragments are numbered 1 to this, then 1 again: 0 stands for "whole". */
export const FRAGMENT_NUMBER_MAX = 255
/** Places for lengths added at once when a packet turns out to hold more messages than its first one let expect. */
const LENGTHS_STEP = 8

const NOTHING: Uint8Array = new Uint8Array(0)

export class Packer {
  readonly #queue: FrameQueue
  readonly #stats: ProcessGroupStats
  /** Longest packet, header included. */
  readonly #packetSize: number

  // The open packet. The lengths stand before the data and their number is not known beforehand: places are reserved
  // for as many messages as would fit if all were like the first, and the data is moved when that was wrong.
  #frame: Frame | null = null
  #count = 0
  #reserved = 0
  #dataLength = 0

  // The message being packed.
  #group: Uint8Array = NOTHING
  #head: Uint8Array = NOTHING
  #headOff = 0
  #headLen = 0
  #body: Uint8Array = NOTHING
  #bodyOff = 0

  constructor(queue: FrameQueue, packetSize: number, stats: ProcessGroupStats) {
    this.#queue = queue
    this.#packetSize = packetSize
    this.#stats = stats
  }

  /** Whether a packet is open: it needs one place in the queue. */
  get open(): boolean {
    return this.#frame !== null
  }

  /** Packs a message: `group` is its group header. The caller has made sure that the queue has room for it. */
  append(
    group: Uint8Array,
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): void {
    this.#group = group
    this.#head = head
    this.#headOff = headOff
    this.#headLen = headLen
    this.#body = body
    this.#bodyOff = bodyOff
    const total = group.length + headLen + bodyLen
    if (total > this.#packetSize - PG_HEADER_LENGTH - PG_PIECE_LENGTH) {
      this.#appendCut(total)
    } else {
      if (total > this.#room()) this.flush()
      this.#appendWhole(total)
    }
    this.#stats.sentMessages++
    // No reference to a caller's buffer outlives the call.
    this.#head = NOTHING
    this.#body = NOTHING
  }

  /** Queues the open packet, if there is one. */
  flush(): void {
    if (this.#frame !== null) this.#close(0, 0)
  }

  /** Bytes of one further message that the open packet can take. */
  #room(): number {
    return this.#packetSize - PG_HEADER_LENGTH - PG_PIECE_LENGTH * (this.#count + 1) - this.#dataLength
  }

  #appendWhole(total: number): void {
    const frame = this.#frame ?? this.#openFor(total)
    if (this.#count === this.#reserved) {
      const spare = Math.floor((this.#room() - total) / PG_PIECE_LENGTH)
      this.#reserve(this.#count + Math.min(LENGTHS_STEP, spare + 1))
    } else if (this.#end() + total > this.#packetSize) {
      this.#reserve(this.#count + 1)
    }
    const packet = frame.off + this.#queue.headerLength
    this.#gather(0, total, frame.buf, packet + this.#end())
    writePieceLength(frame.buf, packet, this.#count, total, this.#queue.littleEndian)
    this.#count++
    this.#dataLength += total
  }

  #appendCut(total: number): void {
    let done = 0
    let continuation = 0
    while (done < total) {
      if (this.#frame !== null && this.#room() <= 0) this.flush()
      const frame = this.#frame ?? this.#openFor(this.#packetSize)
      this.#reserve(this.#count + 1)
      const length = Math.min(this.#room(), total - done)
      const packet = frame.off + this.#queue.headerLength
      this.#gather(done, length, frame.buf, packet + this.#end())
      writePieceLength(frame.buf, packet, this.#count, length, this.#queue.littleEndian)
      this.#count++
      this.#dataLength += length
      done += length
      const fragment = done === total ? 0 : continuation === FRAGMENT_NUMBER_MAX ? 1 : continuation + 1
      this.#close(fragment, continuation)
      continuation = fragment
    }
  }

  #openFor(messageLength: number): Frame {
    const frame = this.#queue.pool.take()
    this.#frame = frame
    this.#count = 0
    this.#dataLength = 0
    const alike = Math.floor((this.#packetSize - PG_HEADER_LENGTH) / (messageLength + PG_PIECE_LENGTH))
    this.#reserved = Math.max(1, alike)
    return frame
  }

  /** Where the next piece goes, from the start of the packet. */
  #end(): number {
    return PG_HEADER_LENGTH + PG_PIECE_LENGTH * this.#reserved + this.#dataLength
  }

  /** Makes room for exactly that many lengths. */
  #reserve(lengths: number): void {
    if (lengths === this.#reserved) return
    if (this.#dataLength > 0) {
      const frame = this.#frame as Frame
      const data = frame.off + this.#queue.headerLength + PG_HEADER_LENGTH
      const from = data + PG_PIECE_LENGTH * this.#reserved
      frame.buf.copyWithin(data + PG_PIECE_LENGTH * lengths, from, from + this.#dataLength)
    }
    this.#reserved = lengths
  }

  #close(fragmented: number, continuation: number): void {
    const frame = this.#frame as Frame
    this.#reserve(this.#count)
    const packet = frame.off + this.#queue.headerLength
    writePacketHeader(frame.buf, packet, fragmented, continuation, this.#count, this.#queue.littleEndian)
    frame.len = this.#queue.headerLength + this.#end()
    this.#frame = null
    this.#count = 0
    this.#dataLength = 0
    this.#stats.sentPackets++
    this.#queue.queue(frame)
  }

  /** Copies `length` bytes of the message, from `from` on, wherever they come from. */
  #gather(from: number, length: number, to: Uint8Array, toOff: number): void {
    const groupLength = this.#group.length
    const bodyStart = groupLength + this.#headLen
    const end = from + length
    let at = from
    if (at < groupLength) {
      const n = Math.min(end, groupLength) - at
      copyBytes(this.#group, at, to, toOff, n)
      at += n
    }
    if (at < bodyStart && at < end) {
      const n = Math.min(end, bodyStart) - at
      copyBytes(this.#head, this.#headOff + at - groupLength, to, toOff + at - from, n)
      at += n
    }
    if (at < end) copyBytes(this.#body, this.#bodyOff + at - bodyStart, to, toOff + at - from, end - at)
  }
}
