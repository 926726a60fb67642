// Address space in which other programs' files are mapped. In: sizes, descriptors. Out: slots, whose bytes are JavaScript
// views made once; what is mapped behind them changes from one program to the next. The reason: a view of mapped memory
// can never be taken back, and touching it when nothing is mapped there ends the process. A slot is therefore never
// unmapped, only mapped over. Knows nothing of what the files hold.

import { BusGuard } from './bus-guard.js'
import { check, errno, native, sysError, viewMemory } from './native.js'

const PROT_NONE = 0
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
const MAP_NORESERVE = 0x4000
const SC_PAGESIZE = 30

/** Address space only, nothing is allocated. Ten thousand connections of 1 MiB rings fit. */
const RESERVED_BYTES = 64 * 2 ** 30

let pageBytes = 0

/** Bytes of a page of memory. */
export function pageSize(): number {
  if (pageBytes === 0) pageBytes = native().sysconf(SC_PAGESIZE)
  return pageBytes
}

export function roundToPages(bytes: number): number {
  const page = pageSize()
  return Math.ceil(bytes / page) * page
}

/** A piece of the arena. `words` and `bytes` show the same memory. */
export class ArenaSlot {
  readonly size: number
  readonly address: number
  readonly bytes: Uint8Array
  readonly words: Int32Array

  constructor(address: number, size: number) {
    this.address = address
    this.size = size
    // Mapped before the view is made, so that the view can never be touched without something behind it.
    this.clear()
    const memory = viewMemory(BigInt(address), size)
    this.bytes = new Uint8Array(memory)
    this.words = new Int32Array(memory)
  }

  /** Where the C library is told to look. Not for hot paths: each is a new bigint. */
  pointer(offset: number): bigint {
    return BigInt(this.address + offset)
  }

  /** Shows the file's first `length` bytes at `offset` (a multiple of the page size). Throws SysError. */
  map(offset: number, length: number, fd: number): void {
    const at = native().mmap(this.pointer(offset), length, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd, 0)
    if (at === -1) throw sysError(errno(), 'mmap')
  }

  /** Lets go of every file; the slot reads as zeros. Throws SysError. */
  clear(): void {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED
    if (native().mmap(this.pointer(0), this.size, PROT_READ_WRITE, flags, -1, 0) === -1) throw sysError(errno(), 'mmap')
  }
}

/** Made once per thread that maps files of others, and never given back. */
export class Arena {
  readonly #guard: BusGuard
  readonly #end: number
  #next: number
  /** Slots that nobody uses, by size. */
  readonly #free = new Map<number, ArenaSlot[]>()
  #claimed = 0

  /** Throws SysError where so much address space cannot be had. */
  constructor(bytes = RESERVED_BYTES) {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    const at = native().mmap(null, bytes, PROT_NONE, flags, -1, 0)
    check(at, 'mmap')
    this.#next = at
    this.#end = at + bytes
    this.#guard = new BusGuard(at, bytes, pageSize())
  }

  /**
   * Times that a file was touched behind its end and nobody has said yet whose it was. Whoever touches a file compares
   * before and after, and claims the difference, so that it is not laid at another's door.
   */
  get unclaimedFaults(): number {
    return (this.#guard.faults - this.#claimed) >>> 0
  }

  claimFaults(count: number): void {
    this.#claimed += count
  }

  /** A slot of exactly `size` bytes (whole pages); undefined when the arena is full. Ask for few different sizes. */
  take(size: number): ArenaSlot | undefined {
    const free = this.#free.get(size)?.pop()
    if (free !== undefined) return free
    if (this.#next + size > this.#end) return undefined
    const slot = new ArenaSlot(this.#next, size)
    this.#next += size
    return slot
  }

  /** The slot is cleared and may be handed out again at once: nobody may look at it any more. */
  giveBack(slot: ArenaSlot): void {
    slot.clear()
    const free = this.#free.get(slot.size)
    if (free === undefined) this.#free.set(slot.size, [slot])
    else free.push(slot)
  }
}

let shared: Arena | undefined

/** The arena of this thread. */
export function sharedArena(): Arena {
  shared ??= new Arena()
  return shared
}
