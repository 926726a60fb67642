// What a service is to the executive, and what the ring is to a service.

import type { SyncSteps } from '../sync/types.js'
import type { ConfigurationChange } from '../totem/types.js'
import type { LibraryInterface } from './library.js'

/** One cluster message of a service. Its place in the service's table is its function number on the wire. */
export interface RingHandler {
  readonly name: string
  /** Shorter messages are dropped before they get here. */
  readonly minLength: number
  /**
   * The message, header first, in total order; the sender's own come the same way. `little` is the byte order that it
   * is written in. The bytes are valid for the length of the call and must not be changed: they may lie in a frame
   * that has to be sent again.
   */
  receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void
}

export interface Service {
  readonly id: number
  /** Name for logs and for the list of services. */
  readonly name: string
  /** Services end in descending order of priority. */
  readonly priority: number
  readonly handlers: readonly RingHandler[]
  /** Its part in each synchronisation; null when it has none. */
  readonly sync: SyncSteps | null
  /** What it offers to programs; left out: nothing, and no socket is opened. */
  readonly library?: LibraryInterface
  configurationChanged?(change: ConfigurationChange): void
  /** The node is about to look for others; what is sent here is in its first ring. */
  start?(): void
  /** When `expire` is wanted, in ms; Infinity for never. */
  nextDeadline?(): number
  /** Time has passed; a deadline may have. */
  expire?(now: number): void
  /** The node is about to leave in order: last messages go out now. */
  exit?(): void
  /** After exit: whether all that was to be said has been delivered. */
  exited?(): boolean
}

/** The way from a service to the ring. A message starts with its header, id and size filled in. */
export interface RingPort {
  readonly nodeId: number
  /** The byte order in which this node writes its messages. */
  readonly littleEndian: boolean
  /**
   * An ordinary message of two parts. False when it cannot go now, because the queue is full or a synchronisation
   * runs: the caller is to be told to try again, and `ready` of the executive says when.
   */
  send(head: Uint8Array, headOff: number, headLen: number, body: Uint8Array, bodyOff: number, bodyLen: number): boolean
  /** A message that is part of a synchronisation; false when the queue is full. */
  sendInSync(buf: Uint8Array, off: number, len: number): boolean
  /** A message that nobody could send again: it is kept until it can go. */
  sendSurely(buf: Uint8Array, off: number, len: number): void
  /** A synchronisation that waited for this service can go on; it is asked after the next token. */
  requestToken(): void
}
