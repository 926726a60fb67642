// The pid file, which is also what keeps a second daemon from running: a POSIX record lock over it, the same that the C
// daemon takes, so that neither starts beside the other (spec: configuration 14.2).
// In: a path. Out: the held file, or why not.

import { closeSync, constants, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { asSystemError, errorText } from '../config/errors.js'

const PID_FILE_MODE = 0o640

/** Takes a write lock on the whole file without waiting: false when another process holds it. Throws for any other reason. */
export type LockFunction = (fd: number) => boolean

export type PidFileResult =
  | { readonly kind: 'held'; readonly file: PidFile }
  | { readonly kind: 'taken' }
  | { readonly kind: 'denied' | 'failed'; readonly reason: string }

export class PidFile {
  readonly path: string
  /** Kept open for the life of the process. The file must not be opened again: closing that would drop the lock. */
  readonly #fd: number

  private constructor(path: string, fd: number) {
    this.path = path
    this.#fd = fd
  }

  static acquire(path: string, pid: number, lock: LockFunction): PidFileResult {
    let fd: number
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, PID_FILE_MODE)
    } catch (error) {
      const denied = ['EACCES', 'EPERM', 'EROFS'].includes(asSystemError(error).code)
      return { kind: denied ? 'denied' : 'failed', reason: errorText(error) }
    }
    try {
      if (!lock(fd)) {
        closeSync(fd)
        return { kind: 'taken' }
      }
      ftruncateSync(fd)
      writeSync(fd, `${pid}\n`)
    } catch (error) {
      closeSync(fd)
      return { kind: 'failed', reason: errorText(error) }
    }
    return { kind: 'held', file: new PidFile(path, fd) }
  }

  /** At a normal end only: after any other the file stays, and does no harm without its lock. */
  remove(): void {
    try {
      unlinkSync(this.path)
    } catch {
      // Somebody else has removed it.
    }
    closeSync(this.#fd)
  }
}
