// The executive's half of a recording: watches the single-ring machine and leaves what it sees in a ring of messages in
// shared memory, for the thread that writes files. Never waits and never throws: what finds no room is counted, and the
// count goes before the next event that finds some. The layout of an event in that ring is known to this file alone.

import { RingReader, RingWriter, ringBytes } from '../ipc/ring-buffer.js'
import type { ConfigurationChange, RingIdentity, TotemObserver } from '../totem/types.js'
import type { EngineEvent } from './format.js'
import { hashBytes } from './payload-hash.js'

/** A second of some 60 000 packets: longer than the main thread should ever be busy. */
export const DEFAULT_RECORDING_BYTES = 4 << 20
/** A configuration of every node that a ring can have (384) is far shorter. */
const MAX_EVENT_BYTES = 16 << 10

// An event: kind | a, b, c | bytes
const Kind = {
  /** a: how many. */
  GAP: 1,
  /** a: sequence number, b: origin, c: hash; bytes: time, ring, length. */
  NUMBERED: 2,
  DELIVERED: 3,
  /** bytes: time, ring, unused, previous ring, members. */
  TRANSITIONAL: 4,
  REGULAR: 5,
} as const

// The bytes:  +0 time f64 | +8 ring seq f64 | +16 ring node u32 | +20 length u32 | +24 previous seq f64 |
//             +32 previous node u32 | +36 members u32 each
const TIME = 0
const RING_SEQ = 8
const RING_NODE = 16
const LENGTH = 20
const PACKET_BYTES = 24
const PREVIOUS_SEQ = 24
const PREVIOUS_NODE = 32
const MEMBERS = 36

export function createRecordingMemory(dataBytes: number = DEFAULT_RECORDING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(ringBytes(dataBytes))
}

function dataBytesOf(memory: SharedArrayBuffer): number {
  return memory.byteLength - (ringBytes(DEFAULT_RECORDING_BYTES) - DEFAULT_RECORDING_BYTES)
}

export class EngineRecorder implements TotemObserver {
  readonly #ring: RingWriter
  readonly #now: () => number
  readonly #bytes = new Uint8Array(MAX_EVENT_BYTES)
  readonly #view = new DataView(this.#bytes.buffer)
  #lost = 0

  /** `now`: ms since 1970, steady. */
  constructor(memory: SharedArrayBuffer, now: () => number) {
    this.#ring = new RingWriter(memory, 0, dataBytesOf(memory))
    this.#now = now
  }

  numbered(ring: RingIdentity, seq: number, buf: Uint8Array, off: number, len: number): void {
    this.#packet(Kind.NUMBERED, ring, seq, 0, buf, off, len)
  }

  delivered(ring: RingIdentity, seq: number, originNodeId: number, buf: Uint8Array, off: number, len: number): void {
    this.#packet(Kind.DELIVERED, ring, seq, originNodeId, buf, off, len)
  }

  configured(change: ConfigurationChange): void {
    const view = this.#view
    const { members, previous } = change
    this.#begin(change.ring, 0)
    view.setFloat64(PREVIOUS_SEQ, previous.seq, true)
    view.setUint32(PREVIOUS_NODE, previous.nodeId, true)
    for (let i = 0; i < members.length; i++) view.setUint32(MEMBERS + i * 4, members[i]!, true)
    const kind = change.kind === 'regular' ? Kind.REGULAR : Kind.TRANSITIONAL
    this.#write(kind, 0, 0, 0, MEMBERS + members.length * 4)
  }

  #packet(
    kind: number,
    ring: RingIdentity,
    seq: number,
    origin: number,
    buf: Uint8Array,
    off: number,
    len: number,
  ): void {
    this.#begin(ring, len)
    this.#write(kind, seq, origin, hashBytes(buf, off, len), PACKET_BYTES)
  }

  #begin(ring: RingIdentity, length: number): void {
    const view = this.#view
    view.setFloat64(TIME, this.#now(), true)
    view.setFloat64(RING_SEQ, ring.seq, true)
    view.setUint32(RING_NODE, ring.nodeId, true)
    view.setUint32(LENGTH, length, true)
  }

  #write(kind: number, a: number, b: number, c: number, length: number): void {
    if (this.#lost > 0) {
      if (this.#ring.write(Kind.GAP, this.#lost, 0, 0, this.#bytes, 0, PACKET_BYTES, 0) < 0) {
        this.#lost++
        return
      }
      this.#lost = 0
    }
    if (this.#ring.write(kind, a, b, c, this.#bytes, 0, length, 0) < 0) this.#lost = 1
  }
}

/** The other end: takes out what the recorder has left. */
export class RecordedEvents {
  readonly #ring: RingReader
  readonly #started: number

  /** `started`: as in the header of the recording; times count from it. */
  constructor(memory: SharedArrayBuffer, started: number) {
    this.#ring = new RingReader(memory, 0, dataBytesOf(memory), MAX_EVENT_BYTES)
    this.#started = started
  }

  /** The oldest event; undefined when there is none. */
  next(): EngineEvent | undefined {
    const ring = this.#ring
    if (!ring.peek()) return undefined
    const event = this.#read(ring)
    ring.consume()
    return event
  }

  #read(reader: RingReader): EngineEvent {
    const { a, b, c, buf, off, len } = reader
    const view = new DataView(buf.buffer, buf.byteOffset + off, len)
    const t = view.getFloat64(TIME, true) - this.#started
    if (reader.kind === Kind.GAP) return { t, event: 'gap', lost: a }
    const ring = { nodeId: view.getUint32(RING_NODE, true), seq: view.getFloat64(RING_SEQ, true) }
    const bytes = view.getUint32(LENGTH, true)
    if (reader.kind === Kind.NUMBERED) return { t, event: 'numbered', ring, seq: a, hash: c, bytes }
    if (reader.kind === Kind.DELIVERED) return { t, event: 'delivered', ring, seq: a, origin: b, hash: c, bytes }
    const previous = { nodeId: view.getUint32(PREVIOUS_NODE, true), seq: view.getFloat64(PREVIOUS_SEQ, true) }
    const members: number[] = []
    for (let at = MEMBERS; at < len; at += 4) members.push(view.getUint32(at, true))
    const event = reader.kind === Kind.REGULAR ? 'regular' : 'transitional'
    return { t, event, ring, previous: previous.nodeId === 0 ? null : previous, members }
  }
}
