// Failures of connections as a program sees them.

import { Errno } from '../sys/errno.js'

/** `errno` is the number by which C programs would know the failure. */
export class IpcError extends Error {
  readonly errno: number

  constructor(errno: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'IpcError'
    this.errno = errno
  }
}

/** Anything thrown by system calls or node as an IpcError; `what` was being done. */
export function asIpcError(error: unknown, what: string): IpcError {
  if (error instanceof IpcError) return error
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`
  const errno = (error as { errno?: unknown }).errno
  // Errors of node's own calls have the number negated.
  return new IpcError(typeof errno === 'number' ? Math.abs(errno) : Errno.EIO, message, { cause: error })
}
