// The edges of the single-ring machine: what it asks of the layer below (TotemLower), what it tells the layer above
// (TotemUpper), and what an observer (checker, recorder, metrics) may watch. No bytes of any wire generation here.

import type { OrfToken } from '../wire/generation.js'
import type { TotemEvent } from './events.js'

/** A ring id as the layers above see it: the representative's node id and the ring sequence number. */
export interface RingIdentity {
  readonly nodeId: number
  readonly seq: number
}

/** One of the two changes that every installation of a ring delivers (spec: totem 4.6). Lists hold node ids. */
export interface ConfigurationChange {
  readonly kind: 'transitional' | 'regular'
  /** Members in ring order (ascending). */
  readonly members: readonly number[]
  /** Those of the old ring that did not come along (transitional only). */
  readonly left: readonly number[]
  /** Those that were not in the old ring (regular only). */
  readonly joined: readonly number[]
  /** The ring being installed; both changes carry it. */
  readonly ring: RingIdentity
  /** The regular ring left behind; node id 0 when there was none. */
  readonly previous: RingIdentity
}

/** The layer below. Byte ranges are valid for the length of the call: whoever keeps them copies them. */
export interface TotemLower {
  /**
   * To one processor, named by node id: tokens only. Everything multicast before has to leave first.
   * The node itself may be the target (a ring of one).
   */
  unicast(nodeId: number, buf: Uint8Array, off: number, len: number): void
  /**
   * To all other processors. With `loopback`, also to this one, after the current call has returned
   * (joins and hold cancels need it, spec: totem 7.6).
   */
  multicast(buf: Uint8Array, off: number, len: number, loopback: boolean): void
  /** Throws away every datagram already received but not yet handed in; returns how many there were. */
  discardInput(): number
  /** Stores the ring sequence number before the ring is used. Synchronous; a failure is fatal and throws. */
  persistRingSequence(seq: number): void
}

/** The layer above. Called in the order that the ring determines. */
export interface TotemUpper {
  /** A token has arrived: whatever is being packed should be queued now (spec: totem 4.7 step 8). */
  tokenReceived(): void
  /** The token has left: one-shot work of the synchronisation barrier (spec: totem 4.7 step 18). */
  tokenSent(): void
  /** A packet in total order: the payload behind the multicast header. `foreign`: the originator's byte order differs. */
  deliver(buf: Uint8Array, off: number, len: number, originNodeId: number, foreign: boolean): void
  /** The transitional phase begins or ends: what is being packed must be queued before (spec: totem 6.6). */
  flushPacking(): void
  /** Reassembly switches to the contexts of the transitional phase (spec: totem 4.6 step 8). */
  useTransitionalContexts(): void
  configurationChanged(change: ConfigurationChange): void
}

/** Optional eyes on the machine: the checker of the laboratory, the recorder, tests. Never changes anything. */
export interface TotemObserver {
  /** A message of this processor got its number at the token. */
  numbered?(ring: RingIdentity, seq: number, buf: Uint8Array, off: number, len: number): void
  /** A packet is delivered. `ring` is the regular ring on which it was numbered. */
  delivered?(ring: RingIdentity, seq: number, originNodeId: number, buf: Uint8Array, off: number, len: number): void
  configured?(change: ConfigurationChange): void
  /**
   * A token of this processor's ring, neither old nor foreign, as it came. `ringNodeId`: the ring's representative. The
   * token is valid for the length of the call.
   */
  tokenAccepted?(ringNodeId: number, token: OrfToken): void
  /**
   * The token accepted last as it will leave (a held one does so later). `aru`, `high`: received here without a gap up
   * to, and at most. `multicasts`: sent in this visit, retransmissions included.
   */
  tokenSent?(token: OrfToken, aru: number, high: number, multicasts: number): void
  /** Messages of the installed ring up to and including `seq` have been let go of. */
  released?(seq: number): void
  /** The state machine moved; `cause` is the name of the reason. */
  entered?(state: TotemState, cause: string): void
  /** What the machine tells people; they get it too. */
  event?(event: TotemEvent): void
}

export type TotemState = 'operational' | 'gather' | 'commit' | 'recovery'
