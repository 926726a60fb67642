// One ring of libqb in shared memory, from either end (spec: ipc 7.5 to 7.8). One process writes, the other reads, and
// the other side may be hostile: it can change every byte at any moment. So sizes and this side's own position are kept
// here and never read back, and what is read from the memory is looked at once and checked.
// The data is mapped twice in a row: a chunk that runs over the end goes on in the second mapping.

import type { ArenaSlot } from '../sys/arena.js'
import { SharedSemaphore } from '../sys/semaphore.js'
import { CHUNK_HEADER_WORDS, CHUNK_MARGIN_BYTES, ChunkMagic, RequestHeader, RingHeader } from '../wire/ipc-transport.js'
import { copyBytes } from './copy.js'

/** Where a ring lies in a slot, in bytes, and how large its data is. */
export interface RingPlace {
  readonly header: number
  readonly data: number
  readonly dataBytes: number
  /** Longest message. */
  readonly maxMessage: number
}

function chunkWords(length: number): number {
  return CHUNK_HEADER_WORDS + ((length + 3) >>> 2)
}

/** The side that writes. */
export class ShmRingWriter {
  readonly semaphore: SharedSemaphore
  readonly #bytes: Uint8Array
  readonly #words: Int32Array
  readonly #headerWord: number
  readonly #dataWord: number
  readonly #wordSize: number
  readonly #maxMessage: number
  #write = 0

  constructor(slot: ArenaSlot, place: RingPlace) {
    this.#bytes = slot.bytes
    this.#words = slot.words
    this.#headerWord = place.header >> 2
    this.#dataWord = place.data >> 2
    this.#wordSize = place.dataBytes >> 2
    this.#maxMessage = place.maxMessage
    this.semaphore = new SharedSemaphore(slot.pointer(place.header + RingHeader.semaphore))
  }

  /**
   * A message of two parts. 'full' when there is no room, 'long' when it is longer than was agreed, 'invalid' when the reader
   * has written a position that does not exist; nothing has changed then.
   */
  write(
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): 'written' | 'full' | 'long' | 'invalid' {
    const length = headLen + bodyLen
    if (length > this.#maxMessage) return 'long'
    const free = this.#freeWords()
    if (free < 0) return 'invalid'
    if (free * 4 < length + CHUNK_MARGIN_BYTES) return 'full'
    const words = this.#words
    const at = this.#dataWord + this.#write
    words[at] = 0
    Atomics.store(words, at + 1, ChunkMagic.ALLOCATED)
    const payload = (at + CHUNK_HEADER_WORDS) * 4
    copyBytes(this.#bytes, payload, head, headOff, headLen)
    if (bodyLen > 0) copyBytes(this.#bytes, payload + headLen, body, bodyOff, bodyLen)
    words[at] = length
    this.#write = (this.#write + chunkWords(length)) % this.#wordSize
    Atomics.store(words, this.#headerWord, this.#write)
    Atomics.store(words, at + 1, ChunkMagic.VALID)
    this.semaphore.post()
    return 'written'
  }

  /** Below zero: the reader's position is not in the ring. */
  #freeWords(): number {
    const read = Atomics.load(this.#words, this.#headerWord + (RingHeader.readPosition >> 2))
    if (read < 0 || read >= this.#wordSize) return -1
    const write = this.#write
    if (write > read) return read - write + this.#wordSize - 1
    if (write < read) return read - write - 1
    return this.semaphore.value > 0 ? 0 : this.#wordSize
  }
}

/** The side that reads, in place. */
export class ShmRingReader {
  readonly semaphore: SharedSemaphore
  /** Of the message shown by `next`: its place in `bytes` and its length, as its header says. */
  off = 0
  len = 0
  readonly bytes: Uint8Array
  readonly #words: Int32Array
  readonly #headerWord: number
  readonly #dataWord: number
  readonly #wordSize: number
  readonly #maxMessage: number
  #read = 0
  #shownWords = 0

  constructor(slot: ArenaSlot, place: RingPlace) {
    this.bytes = slot.bytes
    this.#words = slot.words
    this.#headerWord = place.header >> 2
    this.#dataWord = place.data >> 2
    this.#wordSize = place.dataBytes >> 2
    this.#maxMessage = place.maxMessage
    this.semaphore = new SharedSemaphore(slot.pointer(place.header + RingHeader.semaphore))
  }

  /**
   * The next message, to be given back by `reclaim` or `unread`. 'none': there is none. Any other text says what is wrong with the
   * ring, of which nothing more can be read.
   */
  next(): 'message' | 'none' | RingFault {
    return this.semaphore.tryTake() ? this.#show() : 'none'
  }

  /** As `next`; blocks the thread for at most so many microseconds while there is none. */
  nextWithin(microseconds: number): 'message' | 'none' | RingFault {
    return this.semaphore.take(microseconds) ? this.#show() : 'none'
  }

  /** The message has not been read after all. */
  unread(): void {
    this.semaphore.post()
  }

  /** Gives the message's room back to the writer. */
  reclaim(): void {
    const words = this.#words
    const at = this.#dataWord + this.#read
    // Cleared before the position is published: a fast writer may be here again at once.
    words[at] = 0
    Atomics.store(words, at + 1, ChunkMagic.DEAD)
    this.#read = (this.#read + this.#shownWords) % this.#wordSize
    Atomics.store(words, this.#headerWord + (RingHeader.readPosition >> 2), this.#read)
  }

  #show(): 'message' | RingFault {
    const at = this.#dataWord + this.#read
    if (Atomics.load(this.#words, at + 1) !== ChunkMagic.VALID) return 'a chunk without its mark'
    const length = this.#words[at]!
    if (length < RequestHeader.bytes || length > this.#maxMessage) return 'a message of impossible length'
    const payload = at + CHUNK_HEADER_WORDS
    const size = this.#words[payload + (RequestHeader.size >> 2)]!
    if (size < RequestHeader.bytes || size > length) return 'a header that contradicts the length'
    this.#shownWords = chunkWords(length)
    this.off = payload * 4
    this.len = size
    return 'message'
  }
}

export type RingFault =
  | 'a chunk without its mark'
  | 'a message of impossible length'
  | 'a header that contradicts the length'
