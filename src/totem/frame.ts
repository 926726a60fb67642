// Frames: the fixed pieces of memory that messages travel in. A frame is taken from the pool, filled by process groups
// (or from the network), handed from the send queue to the sort queue without copying, and given back when the ring has
// let go of it. Nothing is allocated per message once the pool has grown to the working set.

export class Frame {
  readonly buf: Uint8Array
  readonly off: number
  /** Room in bytes from `off`. */
  readonly capacity: number
  /** Bytes in use from `off`. */
  len = 0
  /** For a frame that holds a multicast: who wrote it, whether in the other byte order, whether a recovery wrapper. */
  origin = 0
  originNodeId = 0
  foreign = false
  wrapper = false

  constructor(buf: Uint8Array, off: number, capacity: number) {
    this.buf = buf
    this.off = off
    this.capacity = capacity
  }
}

/** Frames per slab: a slab is allocated at once when the pool runs dry. */
const FRAMES_PER_SLAB = 64

export class FramePool {
  /** Capacity of an ordinary frame, in bytes. */
  readonly frameSize: number
  readonly #free: Frame[] = []
  #made = 0

  constructor(frameSize: number) {
    this.frameSize = frameSize
  }

  /** A frame of at least `capacity` bytes. One larger than `frameSize` is allocated singly and not kept. */
  take(capacity = this.frameSize): Frame {
    if (capacity > this.frameSize) return new Frame(new Uint8Array(capacity), 0, capacity)
    let frame = this.#free.pop()
    if (frame === undefined) {
      const slab = new Uint8Array(FRAMES_PER_SLAB * this.frameSize)
      for (let i = FRAMES_PER_SLAB - 1; i > 0; i--) this.#free.push(new Frame(slab, i * this.frameSize, this.frameSize))
      frame = new Frame(slab, 0, this.frameSize)
      this.#made += FRAMES_PER_SLAB
    }
    frame.len = 0
    frame.foreign = false
    frame.wrapper = false
    return frame
  }

  /** Returns a frame; the caller must not touch it afterwards. */
  give(frame: Frame): void {
    if (frame.capacity === this.frameSize) this.#free.push(frame)
  }

  get freeCount(): number {
    return this.#free.length
  }

  /** Ordinary frames that have been taken and not been given back. */
  get inUse(): number {
    return this.#made - this.#free.length
  }
}
