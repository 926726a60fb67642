// The words of the C library for a failed system call, so that messages read as the engine's do.

import { getSystemErrorMap } from 'node:util'

/** Where libuv words an error otherwise than the C library. */
const C_WORDING: Readonly<Record<string, string>> = {
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
  ELOOP: 'Too many levels of symbolic links',
  EROFS: 'Read-only file system',
  ENAMETOOLONG: 'File name too long',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EMFILE: 'Too many open files',
  ENOSPC: 'No space left on device',
}

/** The sentence for an errno (positive). */
export function errnoText(errno: number): string {
  const entry = getSystemErrorMap().get(-errno)
  if (entry === undefined) return `Unknown error ${errno}`
  const [name, words] = entry
  return C_WORDING[name] ?? words.charAt(0).toUpperCase() + words.slice(1)
}

/** The sentence for a failed call of node or of sys/ (whose numbers differ in sign); any other error says its message. */
export function systemErrorText(error: unknown): string {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number')
    return errnoText(Math.abs(error.errno))
  return error instanceof Error ? error.message : String(error)
}
