// POSIX semaphores in memory that two processes share. The C library's own functions, because the words inside belong to
// it; a call costs some 35 ns, so there is nothing to gain by touching them.

import { Errno } from './errno.js'
import { check, errno, NativeMemory, native, sysError } from './native.js'

const scratch: { value?: NativeMemory; until?: NativeMemory } = {}
const CLOCK_MONOTONIC = 1

export class SharedSemaphore {
  readonly #pointer: bigint

  /** `pointer`: 32 bytes of mapped memory, initialised by `init` of either side. */
  constructor(pointer: bigint) {
    this.#pointer = pointer
  }

  /** Zero, nobody waiting. Throws SysError. */
  init(): void {
    check(native().sem_init(this.#pointer, 1, 0), 'sem_init')
  }

  /** One more; wakes who waits. An overflow can only be the other side's doing and is left to it. */
  post(): void {
    native().sem_post(this.#pointer)
  }

  /** One less, unless there is none. */
  tryTake(): boolean {
    return native().sem_trywait(this.#pointer) === 0
  }

  /**
   * One less; blocks the thread for at most so many microseconds while there is none. Does not block where the C library
   * cannot wait by the clock that is never set.
   */
  take(microseconds: number): boolean {
    const { sem_clockwait } = native()
    if (sem_clockwait === undefined) return this.tryTake()
    scratch.until ??= new NativeMemory(16)
    const [seconds, nanoseconds] = process.hrtime()
    const until = nanoseconds + microseconds * 1000
    scratch.until.setSize(0, seconds + Math.floor(until / 1e9))
    scratch.until.setSize(8, until % 1e9)
    if (sem_clockwait(this.#pointer, CLOCK_MONOTONIC, scratch.until.pointer) === 0) return true
    const reason = errno()
    if (reason === Errno.ETIMEDOUT || reason === Errno.EINTR) return false
    throw sysError(reason, 'sem_clockwait')
  }

  get value(): number {
    scratch.value ??= new NativeMemory(8)
    native().sem_getvalue(this.#pointer, scratch.value.pointer)
    return scratch.value.view.getInt32(0, true)
  }
}
