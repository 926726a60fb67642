// The edges of the process-group layer: the queue of the ring below (FrameQueue) and the receiver of messages above.

import type { Frame, FramePool } from '../totem/frame.js'

/** What the single-ring machine offers to whoever fills its frames. */
export interface FrameQueue {
  /** Pool of frames; a payload goes at `frame.off + headerLength`, and `frame.len` counts the header too. */
  readonly pool: FramePool
  /** The byte order in which this node writes. */
  readonly littleEndian: boolean
  /** Length of the multicast header: 45 in 3.x. */
  readonly headerLength: number
  /** Size of one send queue in frames. */
  readonly queueSize: number
  /** Free places in the send queue in use (size - used - 2). */
  available(): number
  /** Queues a filled frame for the next token; ownership passes. */
  queue(frame: Frame): void
  /** Somebody wants the token: cancels a hold if there is one (spec: totem 4.8). */
  requestToken(): void
  /** Ends the transitional phase: sending goes on from the ordinary queue (spec: totem 10.4). */
  transitionalAck(): void
}

/** The groups that messages are addressed to, as bits of a mask. */
export const Group = { services: 1, sync: 2, ykd: 4 } as const
export type GroupBit = (typeof Group)[keyof typeof Group]

export interface MessageReceiver {
  /**
   * A whole message in total order. `groups` has the bits of the groups that it names; `little` is the byte order in
   * which its origin wrote it. The bytes are valid for the length of the call and must not be changed: the ring may
   * have to send the frame again as it is.
   */
  receive(groups: number, buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void
}

/** Counters, all since start. */
export interface ProcessGroupStats {
  sentMessages: number
  sentPackets: number
  /** Messages that did not fit at the moment. */
  refusedMessages: number
  receivedPackets: number
  /** Whole messages handed up. */
  receivedMessages: number
  /** Packets whose counts and lengths do not agree. */
  malformedPackets: number
  /** Messages without a proper group header. */
  malformedMessages: number
  /** Messages to groups that nobody here knows. */
  unknownGroups: number
  /** Packets thrown away because the beginning of their first message is missing (spec: totem 6.4). */
  thrownAwayPackets: number
  /** Messages that grew beyond what may be put together. */
  oversizedMessages: number
}

export function createProcessGroupStats(): ProcessGroupStats {
  return {
    sentMessages: 0,
    sentPackets: 0,
    refusedMessages: 0,
    receivedPackets: 0,
    receivedMessages: 0,
    malformedPackets: 0,
    malformedMessages: 0,
    unknownGroups: 0,
    thrownAwayPackets: 0,
    oversizedMessages: 0,
  }
}
