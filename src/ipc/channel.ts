// What a connection needs of its transport: requests one at a time, answers, events, the flow-control level. Shared
// memory and datagram sockets are the two; a server uses one of them for all its connections.

import type { SysError } from '../sys/errno.js'
import type { Connected } from '../wire/ipc-transport.js'
import type { PrivateDirectory } from './private-directory.js'
import type { Credentials } from './types.js'

/** `full`: nothing happened, later it may go. `failed`: never; the connection is of no use any more. */
export type SendResult = 'sent' | 'full' | 'failed'

export interface ChannelOptions {
  /** Of this connection alone; the channel makes its files in it, and removes it when it is closed. */
  readonly directory: PrivateDirectory
  readonly service: string
  readonly program: Credentials
  /** Agreed size of messages, in each direction. */
  readonly maxMessage: number
  /** Flow-control level at the start. */
  readonly level: number
  readonly serial: number
}

export interface Channel {
  /** What the program is told so that it finds the channel. */
  readonly connected: Connected
  /** The request that `next` showed; valid until `reclaim` or `unread`. */
  readonly bytes: Uint8Array
  readonly off: number
  readonly len: number
  /** A descriptor to listen to for requests, besides the stream; -1 where there is none. */
  readonly requestFd: number
  /** Whether a byte on the stream goes with each event. */
  readonly notifiesByStream: boolean
  /** True: there is a request. False: there is none, or the channel is broken (see `fault`). */
  next(): boolean
  reclaim(): void
  /** Instead of `reclaim`: `next` is to show the same request again. */
  unread(): void
  /** What the program did to the channel that ends the connection; undefined while it is sound. */
  readonly fault: string | undefined
  respond(buf: Uint8Array, off: number, len: number): SendResult
  notify(
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): SendResult
  setLevel(level: number): void
  /** Gives back memory, descriptors, and files (those that the program has left). */
  close(): void
}

/** The error number, negated, of a call of node:fs or of sys/ that failed; any other error is thrown on. */
export function negativeErrno(error: unknown): number {
  const { errno } = error as Partial<SysError>
  if (!(error instanceof Error) || errno === undefined) throw error
  return -Math.abs(errno)
}
