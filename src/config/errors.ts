// Errors of the system in the words that C programs print.

/** The part of Node's system errors that is used here. */
export interface SystemError {
  readonly code: string
  readonly errno: number
  readonly syscall: string
}

// errno and text as on Linux.
const KNOWN: Readonly<Record<string, readonly [number, string]>> = {
  EPERM: [1, 'Operation not permitted'],
  ENOENT: [2, 'No such file or directory'],
  EIO: [5, 'Input/output error'],
  EACCES: [13, 'Permission denied'],
  ENOTDIR: [20, 'Not a directory'],
  EISDIR: [21, 'Is a directory'],
  EMFILE: [24, 'Too many open files'],
  ENOSPC: [28, 'No space left on device'],
  EROFS: [30, 'Read-only file system'],
  ENAMETOOLONG: [36, 'File name too long'],
  ELOOP: [40, 'Too many levels of symbolic links'],
}

export function asSystemError(error: unknown): SystemError {
  const found = error as Partial<SystemError> | undefined
  return { code: found?.code ?? 'EIO', errno: Math.abs(found?.errno ?? 5), syscall: found?.syscall ?? '' }
}

/** `No such file or directory` */
export function errorText(error: unknown): string {
  const { code } = asSystemError(error)
  return KNOWN[code]?.[1] ?? code
}

export function errorNumber(error: unknown): number {
  const { code, errno } = asSystemError(error)
  return KNOWN[code]?.[0] ?? errno
}
