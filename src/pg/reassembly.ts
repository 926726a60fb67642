// The receiving half of the process-group layer: takes packets apart and puts cut messages together again, per
// originating node (spec: totem 6.4, 6.6). In: packets in total order. Out: whole messages, in place where they
// arrived whole. Must not know: groups, services, why a configuration changed.
//
// A node that joins in the middle of a message throws away every packet up to and including the one that holds the
// message's end. All joiners do the same, so what else that packet holds is lost to all of them alike.

import { PROCESSOR_COUNT_MAX } from '../wire/generation.js'
import { checkPacket, packetContinuation, packetDataOffset, packetFragmented, pieceLength } from '../wire/pg.js'
import { copyBytes } from './copy.js'
import type { ProcessGroupStats } from './types.js'

/** The longest message that a sender may send, group header aside. */
export const MESSAGE_SIZE_MAX = 1024 * 1024
/** What a receiver puts together at most: the longest message and one frame of the largest kind. */
export const ASSEMBLY_SIZE_MAX = MESSAGE_SIZE_MAX + 65536
/** The first buffer of an assembly; it doubles from there. */
const ASSEMBLY_SIZE_START = 4096

const NOTHING = new Uint8Array(0)

/** One origin's half message. */
class Assembly {
  buf = NOTHING
  length = 0
  /** Number of the fragment seen last; 0: no message is under way. */
  lastFragment = 0
  throwAway = false

  reset(): void {
    this.length = 0
    this.lastFragment = 0
    this.throwAway = false
  }

  append(from: Uint8Array, off: number, len: number): boolean {
    const length = this.length + len
    if (length > ASSEMBLY_SIZE_MAX) return false
    if (length > this.buf.length) {
      const size = Math.min(ASSEMBLY_SIZE_MAX, Math.max(length, 2 * this.buf.length, ASSEMBLY_SIZE_START))
      const grown = new Uint8Array(size)
      grown.set(this.buf.subarray(0, this.length))
      this.buf = grown
    }
    copyBytes(from, off, this.buf, this.length, len)
    this.length = length
    return true
  }
}

/** Takes whole messages, group header first. */
export type WholeMessage = (buf: Uint8Array, off: number, len: number, origin: number, little: boolean) => void

export class Reassembly {
  // Messages of the transitional phase overtake those that were half sent before it, so each phase has its own halves.
  readonly #normal = new Map<number, Assembly>()
  readonly #transitional = new Map<number, Assembly>()
  #current = this.#normal
  readonly #deliver: WholeMessage
  readonly #stats: ProcessGroupStats
  readonly #littleEndian: boolean

  /** `littleEndian`: the byte order of this node, against which packets are `foreign`. */
  constructor(littleEndian: boolean, deliver: WholeMessage, stats: ProcessGroupStats) {
    this.#littleEndian = littleEndian
    this.#deliver = deliver
    this.#stats = stats
  }

  useNormal(): void {
    this.#current = this.#normal
  }

  useTransitional(): void {
    this.#current = this.#transitional
  }

  /** Forgets what nodes that have gone left half sent. */
  drop(nodes: readonly number[]): void {
    for (const node of nodes) {
      this.#normal.delete(node)
      this.#transitional.delete(node)
    }
  }

  /** Origins whose half messages are kept in either phase, or were. */
  get heldOrigins(): number {
    return Math.max(this.#normal.size, this.#transitional.size)
  }

  /** Bytes held for half messages, buffers grown earlier included. */
  get heldBytes(): number {
    let sum = 0
    for (const assembly of this.#normal.values()) sum += assembly.buf.length
    for (const assembly of this.#transitional.values()) sum += assembly.buf.length
    return sum
  }

  receive(buf: Uint8Array, off: number, len: number, origin: number, foreign: boolean): void {
    this.#stats.receivedPackets++
    const little = this.#littleEndian !== foreign
    const count = checkPacket(buf, off, len, little)
    if (count < 0) {
      this.#stats.malformedPackets++
      return
    }
    const fragmented = packetFragmented(buf, off)
    const continuation = packetContinuation(buf, off)
    let assembly = this.#current.get(origin)
    if (assembly === undefined) {
      // More origins than a ring can have members: somebody makes them up.
      if (this.#current.size >= PROCESSOR_COUNT_MAX) {
        this.#stats.malformedPackets++
        return
      }
      assembly = new Assembly()
      this.#current.set(origin, assembly)
    }
    if (assembly.throwAway || continuation !== assembly.lastFragment) {
      this.#stats.thrownAwayPackets++
      assembly.reset()
      assembly.throwAway = fragmented !== 0
      return
    }
    this.#takeApart(assembly, count, fragmented, buf, off, origin, little)
  }

  #takeApart(
    assembly: Assembly,
    count: number,
    fragmented: number,
    buf: Uint8Array,
    off: number,
    origin: number,
    little: boolean,
  ): void {
    // Delivery may switch the phase but never comes back to this assembly; its state is settled before all the same.
    const continued = assembly.lastFragment !== 0
    assembly.lastFragment = fragmented
    const complete = fragmented === 0 ? count : count - 1
    let at = off + packetDataOffset(count)
    for (let i = 0; i < count; i++) {
      const length = pieceLength(buf, off, i, little)
      const first = continued && i === 0
      if (first || i === complete) {
        if (!assembly.append(buf, at, length)) {
          this.#stats.oversizedMessages++
          assembly.reset()
          assembly.throwAway = fragmented !== 0
          return
        }
      }
      if (i < complete) {
        this.#stats.receivedMessages++
        if (first) {
          const whole = assembly.length
          assembly.length = 0
          this.#deliver(assembly.buf, 0, whole, origin, little)
        } else {
          this.#deliver(buf, at, length, origin, little)
        }
      }
      at += length
    }
  }
}
