// Failures of system calls as errors: the name that people search for (EADDRINUSE), the number, the call. Knows nothing
// of who called.

import os from 'node:os'

const NAMES = new Map<number, string>()
for (const [name, value] of Object.entries(os.constants.errno)) if (!NAMES.has(value)) NAMES.set(value, name)

/** Error numbers that code in this project asks for by name (the same on every Linux architecture supported). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOSPC: 28,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  EBADMSG: 74,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
} as const

export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

/** A system call that failed. `code` is the symbolic name, as in errors of node:fs. */
export class SysError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string

  constructor(errno: number, syscall: string, reason: string) {
    super(`${syscall}: ${reason} (${errno})`)
    this.name = 'SysError'
    this.code = errnoName(errno)
    this.errno = errno
    this.syscall = syscall
  }
}
