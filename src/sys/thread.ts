// What a thread may ask of the scheduler and of the memory manager, and a lock that a C daemon respects. Each call says
// in a word whether it was allowed; nothing here is needed to work.

import { Errno, type SysError } from './errno.js'
import { LAYOUT } from './layout.js'
import { check, errno, NativeMemory, native, sysError } from './native.js'

const SCHED_RR = 2
const PRIO_PROCESS = 0
const PR_SET_NAME = 15
const RLIMIT_MEMLOCK = 8
const MLOCK_ONFAULT = 1
const F_SETLK = 6
const F_WRLCK = 1
/** The kernel keeps fifteen bytes of a thread's name. */
const THREAD_NAME_MAX = 15

/** Round-robin scheduling at the highest priority, for the calling thread only; undefined or why not. */
export function setRoundRobin(): SysError | undefined {
  const priority = native().sched_get_priority_max(SCHED_RR)
  const parameters = new NativeMemory(8)
  parameters.words[0] = priority
  return attempt(native().sched_setscheduler(0, SCHED_RR, parameters.pointer), 'sched_setscheduler')
}

export function isRoundRobin(): boolean {
  return native().sched_getscheduler(0) === SCHED_RR
}

/** The nice value of the calling thread. */
export function setNice(value: number): SysError | undefined {
  return attempt(native().setpriority(PRIO_PROCESS, 0, value), 'setpriority')
}

/** Names the calling thread; on the main thread that is the process name that ps and top show. */
export function setThreadName(name: string): void {
  const memory = new NativeMemory(16)
  memory.bytes.set(new TextEncoder().encode(name).subarray(0, THREAD_NAME_MAX))
  native().prctl(PR_SET_NAME, memory.pointer)
}

/** Lifts the limit on locked memory for this process. */
export function liftLockedMemoryLimit(): SysError | undefined {
  const limits = new NativeMemory(LAYOUT.rlimit.size)
  limits.bytes.fill(0xff)
  return attempt(native().setrlimit(RLIMIT_MEMLOCK, limits.pointer), 'setrlimit')
}

/** Keeps these pages in memory from the moment they are touched. Only ever for memory of our own: V8's must not be locked. */
export function lockMemory(memory: NativeMemory): SysError | undefined {
  const { mlock2 } = native()
  if (mlock2 === undefined) return sysError(Errno.ENOSYS, 'mlock2')
  return attempt(mlock2(memory.pointer, memory.bytes.length, MLOCK_ONFAULT), 'mlock2')
}

/**
 * Takes the POSIX record lock on a whole file that is open for writing. False when another process, of whatever make,
 * holds it. The lock lasts until the process closes any descriptor of that file.
 */
export function lockFile(fd: number): boolean {
  const lock = new NativeMemory(LAYOUT.flock.size)
  lock.view.setInt16(LAYOUT.flock.type, F_WRLCK, true)
  if (native().fcntl(fd, F_SETLK, lock.pointer) === 0) return true
  const reason = errno()
  if (reason === Errno.EAGAIN || reason === Errno.EACCES) return false
  throw sysError(reason, 'fcntl')
}

function attempt(result: number, syscall: string): SysError | undefined {
  try {
    check(result, syscall)
    return undefined
  } catch (error) {
    return error as SysError
  }
}
