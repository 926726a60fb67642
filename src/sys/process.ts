// What a daemon asks of the kernel about itself: its name, its scheduling class, a record lock on its pid file.
// Linux on 64-bit little-endian machines. Functions return 0 or the errno; nothing here logs or decides.

import koffi from 'koffi'

const libc = koffi.load(null)
const prctl = libc.func('int prctl(int option, const char *name, long a, long b, long c)')
const schedGetPriorityMax = libc.func('int sched_get_priority_max(int policy)')
const schedSetScheduler = libc.func('int sched_setscheduler(int pid, int policy, const void *param)')
const fcntl = libc.func('int fcntl(int fd, int command, ...)')

const PR_SET_NAME = 15
const SCHED_RR = 2
const F_SETLK = 6
const F_WRLCK = 1

/** struct flock: i16 type, i16 whence, pad 4, i64 start, i64 length, i32 pid, pad 4. The same on every 64-bit Linux. */
const FLOCK_BYTES = 32

/**
 * Names the calling thread, at most 15 bytes; on the main thread that is the name of the process for ps, pgrep and top.
 * Unlike `process.title` it leaves the command line alone, which administrators search.
 */
export function setThreadName(name: string): void {
  prctl(PR_SET_NAME, name, 0, 0, 0)
}

/** Round-robin realtime scheduling with the highest priority for the calling thread. */
export function setRoundRobin(): number {
  const param = Buffer.alloc(4)
  param.writeInt32LE(schedGetPriorityMax(SCHED_RR))
  return schedSetScheduler(0, SCHED_RR, param) === 0 ? 0 : koffi.errno()
}

/**
 * A POSIX write lock over the whole file, without waiting: EAGAIN or EACCES when another process holds one. The kernel
 * drops it when this process closes any descriptor of the same file, so the file must not be opened a second time.
 */
export function lockWholeFile(fd: number): number {
  const flock = Buffer.alloc(FLOCK_BYTES)
  flock.writeInt16LE(F_WRLCK, 0)
  return fcntl(fd, F_SETLK, 'void *', flock) === 0 ? 0 : koffi.errno()
}
