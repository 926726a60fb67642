// A ring of bytes between one writer and one reader, which may be two threads that share the memory. In: messages as
// (kind, three words, bytes); out: the same messages, whole and in order. A message of up to a quarter of the ring lies in
// it in one piece and is read in place; a longer one travels in chunks while the reader makes room, and is put together
// on the reader's side. Neither side ever waits: who waits for what, and who wakes whom, is decided by the owner.

/** Bytes before the data: the two positions, each on a cache line of its own so that the sides do not slow each other. */
const CONTROL_BYTES = 128
const HEAD_WORD = 0
const TAIL_WORD = 16

// A chunk:  +0 length of the bytes that follow | +4 kind, flags << 8 | +8 length of the whole message | +12 a | +16 b | +20 c
const CHUNK_HEADER_BYTES = 24
const LENGTH = 0
const KIND = 1
const TOTAL = 2
const A = 3
const B = 4
const C = 5
const FIRST = 0x100
const LAST = 0x200
const KIND_MASK = 0xff
/** The rest of the ring up to its end is unused; the next chunk stands at the beginning. Kinds of messages are not 0. */
const SKIP = 0

/** Smallest data area; a power of two, as every size is. */
export const MIN_RING_BYTES = 1024
/** Positions are compared as 32-bit differences. */
export const MAX_RING_BYTES = 1 << 30
/** Assembly space of up to this size is kept for the next long message. */
const KEPT_ASSEMBLY_BYTES = 1 << 20

export function ringBytes(dataBytes: number): number {
  if (dataBytes < MIN_RING_BYTES || dataBytes > MAX_RING_BYTES || (dataBytes & (dataBytes - 1)) !== 0) {
    throw new RangeError(`ring size ${dataBytes} is not a power of two from ${MIN_RING_BYTES} to ${MAX_RING_BYTES}`)
  }
  return CONTROL_BYTES + dataBytes
}

function align8(n: number): number {
  return (n + 7) & ~7
}

export class RingWriter {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #size: number
  /** Longest run of message bytes that one chunk carries. */
  readonly maxChunk: number

  constructor(memory: ArrayBuffer | SharedArrayBuffer, offset: number, dataBytes: number) {
    ringBytes(dataBytes)
    this.#control = new Int32Array(memory, offset, CONTROL_BYTES / 4)
    this.#words = new Uint32Array(memory, offset + CONTROL_BYTES, dataBytes / 4)
    this.#bytes = new Uint8Array(memory, offset + CONTROL_BYTES, dataBytes)
    this.#size = dataBytes
    this.maxChunk = dataBytes / 4 - CHUNK_HEADER_BYTES
  }

  /**
   * Writes a message, or goes on with one, from its byte `from` (0 at first). Returns how far it got: `len` when the
   * message is complete; less when the ring was full on the way; -1 when nothing at all could be written.
   */
  write(
    kind: number,
    a: number,
    b: number,
    c: number,
    buf: Uint8Array,
    off: number,
    len: number,
    from: number,
  ): number {
    let done = from
    let progress = -1
    do {
      const length = Math.min(len - done, this.maxChunk)
      const at = this.#claim(align8(CHUNK_HEADER_BYTES + length))
      if (at < 0) return progress
      const word = at >> 2
      const words = this.#words
      let flags = 0
      if (done === 0) flags |= FIRST
      if (done + length === len) flags |= LAST
      words[word + LENGTH] = length
      words[word + KIND] = kind | flags
      words[word + TOTAL] = len
      words[word + A] = a
      words[word + B] = b
      words[word + C] = c
      copy(this.#bytes, at + CHUNK_HEADER_BYTES, buf, off + done, length)
      this.#publish(align8(CHUNK_HEADER_BYTES + length))
      done += length
      progress = done
    } while (done < len)
    return progress
  }

  get empty(): boolean {
    return Atomics.load(this.#control, HEAD_WORD) === Atomics.load(this.#control, TAIL_WORD)
  }

  /** The offset of `size` bytes in one piece, or -1. A tail of the ring that is too short is skipped. */
  #claim(size: number): number {
    const head = Atomics.load(this.#control, HEAD_WORD) >>> 0
    const tail = Atomics.load(this.#control, TAIL_WORD) >>> 0
    const free = this.#size - ((head - tail) >>> 0)
    const at = head & (this.#size - 1)
    const toEnd = this.#size - at
    if (size <= toEnd) return size <= free ? at : -1
    if (toEnd + size > free) return -1
    this.#words[(at >> 2) + KIND] = SKIP
    this.#publish(toEnd)
    return 0
  }

  #publish(size: number): void {
    Atomics.store(this.#control, HEAD_WORD, (this.#control[HEAD_WORD]! + size) | 0)
  }
}

const NOTHING = new Uint8Array(0)

/** `peek` shows the oldest message in the fields, `consume` lets go of it. */
export class RingReader {
  readonly #control: Int32Array
  readonly #words: Uint32Array
  readonly #bytes: Uint8Array
  readonly #size: number
  /** Longest message that is accepted; anything else means that the ring is not what it claims to be. */
  readonly #maxMessage: number
  /** Bytes of the chunk shown, 0 when the message was assembled outside the ring or none is shown. */
  #shown = 0
  #ready = false
  #assembly = NOTHING
  #assembled = 0

  kind = 0
  a = 0
  b = 0
  c = 0
  /** The message's bytes; valid until `consume`. */
  buf: Uint8Array = NOTHING
  off = 0
  len = 0

  constructor(memory: ArrayBuffer | SharedArrayBuffer, offset: number, dataBytes: number, maxMessage: number) {
    ringBytes(dataBytes)
    this.#control = new Int32Array(memory, offset, CONTROL_BYTES / 4)
    this.#words = new Uint32Array(memory, offset + CONTROL_BYTES, dataBytes / 4)
    this.#bytes = new Uint8Array(memory, offset + CONTROL_BYTES, dataBytes)
    this.#size = dataBytes
    this.#maxMessage = maxMessage
  }

  /** True when a whole message is there. Chunks of one that is not complete are taken in, which makes room. */
  peek(): boolean {
    if (this.#ready) return true
    for (;;) {
      const tail = this.#control[TAIL_WORD]! >>> 0
      const head = Atomics.load(this.#control, HEAD_WORD) >>> 0
      if (head === tail) return false
      const at = tail & (this.#size - 1)
      const word = at >> 2
      const words = this.#words
      const kindAndFlags = words[word + KIND]!
      if (kindAndFlags === SKIP) {
        this.#release(this.#size - at)
        continue
      }
      const length = words[word + LENGTH]!
      const total = words[word + TOTAL]!
      if (length > total || total > this.#maxMessage || at + CHUNK_HEADER_BYTES + length > this.#size) {
        throw new Error(`ring buffer: a chunk of ${length} bytes of a message of ${total} bytes`)
      }
      const size = align8(CHUNK_HEADER_BYTES + length)
      if ((kindAndFlags & (FIRST | LAST)) === (FIRST | LAST)) {
        this.#show(kindAndFlags & KIND_MASK, word, this.#bytes, at + CHUNK_HEADER_BYTES, length)
        this.#shown = size
        return true
      }
      if ((kindAndFlags & FIRST) !== 0) {
        if (this.#assembly.length < total) this.#assembly = new Uint8Array(total)
        this.#assembled = 0
      }
      if (this.#assembled + length > total) throw new Error('ring buffer: chunks exceed their message')
      copy(this.#assembly, this.#assembled, this.#bytes, at + CHUNK_HEADER_BYTES, length)
      this.#assembled += length
      const last = (kindAndFlags & LAST) !== 0
      if (last) this.#show(kindAndFlags & KIND_MASK, word, this.#assembly, 0, total)
      this.#release(size)
      if (last) return true
    }
  }

  /** Bytes of the ring in use, chunk headers included; what the writer adds meanwhile may be missing. */
  get used(): number {
    return (Atomics.load(this.#control, HEAD_WORD) - this.#control[TAIL_WORD]!) >>> 0
  }

  consume(): void {
    if (!this.#ready) return
    this.#ready = false
    this.buf = NOTHING
    if (this.#shown > 0) {
      const size = this.#shown
      this.#shown = 0
      this.#release(size)
    } else if (this.#assembly.length > KEPT_ASSEMBLY_BYTES) this.#assembly = NOTHING
  }

  #show(kind: number, word: number, buf: Uint8Array, off: number, len: number): void {
    const words = this.#words
    this.kind = kind
    this.a = words[word + A]!
    this.b = words[word + B]!
    this.c = words[word + C]!
    this.buf = buf
    this.off = off
    this.len = len
    this.#ready = true
  }

  #release(size: number): void {
    Atomics.store(this.#control, TAIL_WORD, (this.#control[TAIL_WORD]! + size) | 0)
  }
}

/** Below this a plain loop beats the call that copies a block and the view it needs. */
const LOOP_COPY_BYTES = 48

function copy(to: Uint8Array, toOff: number, from: Uint8Array, fromOff: number, len: number): void {
  if (len <= LOOP_COPY_BYTES) for (let i = 0; i < len; i++) to[toOff + i] = from[fromOff + i]!
  else to.set(from.subarray(fromOff, fromOff + len), toOff)
}
