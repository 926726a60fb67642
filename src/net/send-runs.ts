// Frames on their way out, laid out back to back so that one system call can carry many: runs of equal-sized frames to
// the same receivers, only the last of a run shorter. Pure bookkeeping over memory that the driver brings.

/** What the kernel takes in one segmented send. */
export const RUN_SEGMENTS_MAX = 64
export const RUN_BYTES_MAX = 65507

export class SendRuns {
  readonly bytes: Uint8Array
  /** Parallel arrays, `count` in use: where a run starts, its length, the size of its segments and their number. */
  readonly starts: Uint32Array
  readonly lengths: Uint32Array
  readonly segments: Uint32Array
  readonly frames: Uint32Array
  count = 0
  #used = 0
  /** The last run takes further frames. */
  #open = false

  /** `bytes` holds the frames; at most `runsMax` runs are kept before the caller has to send. */
  constructor(bytes: Uint8Array, runsMax: number) {
    this.bytes = bytes
    this.starts = new Uint32Array(runsMax)
    this.lengths = new Uint32Array(runsMax)
    this.segments = new Uint32Array(runsMax)
    this.frames = new Uint32Array(runsMax)
  }

  get empty(): boolean {
    return this.count === 0
  }

  /** Whether a frame of this length can be added before the next `clear`. */
  fits(length: number): boolean {
    return this.#used + length <= this.bytes.length && this.count < this.starts.length
  }

  /** Whether a frame of this length can be the end of the last run. */
  extendsLast(length: number): boolean {
    const last = this.count - 1
    return (
      this.#open &&
      length <= this.segments[last]! &&
      this.frames[last]! < RUN_SEGMENTS_MAX &&
      this.lengths[last]! + length <= RUN_BYTES_MAX
    )
  }

  /** Puts a frame behind the others without making it one of them: for one destination alone. Where it is. */
  putBehind(buf: Uint8Array, off: number, len: number): number {
    this.bytes.set(buf.subarray(off, off + len), this.#used)
    return this.#used
  }

  /** Copies a frame in behind the others. The caller has asked `fits`. */
  add(buf: Uint8Array, off: number, len: number): void {
    this.bytes.set(off === 0 && len === buf.length ? buf : buf.subarray(off, off + len), this.#used)
    if (this.extendsLast(len)) {
      const last = this.count - 1
      this.lengths[last]! += len
      this.frames[last]!++
      if (len < this.segments[last]!) this.#open = false
    } else {
      this.starts[this.count] = this.#used
      this.lengths[this.count] = len
      this.segments[this.count] = len
      this.frames[this.count] = 1
      this.count++
      this.#open = true
    }
    this.#used += len
  }

  clear(): void {
    this.count = 0
    this.#used = 0
    this.#open = false
  }
}

/** Sizes remembered per destination; beyond that its runs are sent frame by frame altogether. */
const REFUSALS_MAX = 64

/** Destinations and segment sizes for which the kernel refused a segmented send. */
export class SegmentationMemory {
  readonly #refused = new Map<number, Set<number>>()

  allows(place: number, segment: number): boolean {
    const sizes = this.#refused.get(place)
    return sizes === undefined || (sizes.size < REFUSALS_MAX && !sizes.has(segment))
  }

  refuse(place: number, segment: number): void {
    let sizes = this.#refused.get(place)
    if (sizes === undefined) {
      sizes = new Set()
      this.#refused.set(place, sizes)
    }
    if (sizes.size < REFUSALS_MAX) sizes.add(segment)
  }

  /** The route or the interface changed: try again. */
  forget(): void {
    this.#refused.clear()
  }
}
