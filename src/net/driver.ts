// What every driver of a node is given, and how it fails. A driver is what stands between a node and a network.

import type { LogSink } from '../log/types.js'
import type { TransportConfig } from './transport.js'

/** Exit code of a daemon whose sockets cannot be had. */
export const TRANSPORT_EXIT_CODE = 1

/** The ring cannot be reached: sockets that cannot be bound, an interface that is not there. */
export class TransportError extends Error {
  readonly code = 'TRANSPORT'
  readonly exitCode = TRANSPORT_EXIT_CODE

  constructor(message: string) {
    super(message)
    this.name = 'TransportError'
  }
}

/** Where the ring sequence number is kept (RingIdFile, or memory where nothing need be remembered). */
export interface RingIdStore {
  /** What was stored at the start; 0 for none. */
  readonly sequence: number
  write(sequence: number): void
}

export interface DriverOptions {
  readonly transport: TransportConfig
  readonly ringId: RingIdStore
  readonly log: LogSink
  /** The node wants to end. */
  readonly shutdownRequested: (reason: string) => void
  /** Milliseconds, monotonic; performance.now by default. */
  readonly clock?: () => number
}
