// The directory of one connection, where its files are (spec: ipc 4.5, 5.4, 10.4). It is made and filled while it is
// ours alone, and handed to the program afterwards: from then on the program may do in it what it likes, so that what
// is removed later is looked at first.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmdirSync,
} from 'node:fs'
import { basename } from 'node:path'
import { native, sysError } from '../sys/native.js'
import type { Credentials } from './types.js'

const DIRECTORY_MODE = 0o770
const FILE_MODE = 0o600

export class PrivateDirectory {
  readonly path: string
  readonly #identity: string
  /** Names of files, in the order of their making. */
  readonly #files: string[] = []

  /** `start`: path up to six random characters. Throws the error of node:fs. */
  constructor(start: string) {
    this.path = mkdtempSync(start)
    const fd = openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    this.#identity = identity(fd)
    closeSync(fd)
  }

  /**
   * A new file with room for `size` bytes, zeros. The descriptor is the caller's to close. Throws the error of node:fs, or
   * SysError (ENOSPC) when there is no room.
   */
  createFile(path: string, size: number, owner: Credentials): number {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, FILE_MODE)
    this.#files.push(basename(path))
    try {
      ftruncateSync(fd, size)
      // Now rather than as a SIGBUS when a page is touched for which there is no memory.
      const refused = native().posix_fallocate(fd, 0, size)
      if (refused !== 0) throw sysError(refused, 'posix_fallocate')
      allowed(() => fchownSync(fd, owner.uid, owner.gid))
      fchmodSync(fd, FILE_MODE)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return fd
  }

  /** The program may come in. */
  handOver(owner: Credentials): void {
    chmodSync(this.path, DIRECTORY_MODE)
    allowed(() => chownSync(this.path, owner.uid, owner.gid))
  }

  /** Removes the files, the latest ring first, data before header, and the directory. What is gone is no error. */
  remove(): void {
    let fd: number
    try {
      fd = openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    } catch {
      return
    }
    try {
      // A program may have put another directory of its choice in this place.
      if (identity(fd) !== this.#identity) return
      for (const name of this.#files.toReversed()) native().unlinkat(fd, name, 0)
    } finally {
      closeSync(fd)
    }
    try {
      rmdirSync(this.path)
    } catch {
      // Gone, or the program keeps something in it.
    }
  }
}

function identity(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}

/** A daemon of an ordinary user serves its own user only, and cannot give files away. */
function allowed(change: () => void): void {
  try {
    change()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
}
