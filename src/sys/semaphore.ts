// POSIX semaphores in memory that two processes share. The C library's own functions, because the words inside belong to
// it; a call costs some 35 ns, so there is nothing to gain by touching them.

import { check, NativeMemory, native } from './native.js'

const scratch: { value?: NativeMemory } = {}

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

  get value(): number {
    scratch.value ??= new NativeMemory(8)
    native().sem_getvalue(this.#pointer, scratch.value.pointer)
    return scratch.value.view.getInt32(0, true)
  }
}
