// What replicas tell each other, as messages of their group. All numbers little-endian; every message begins with
//
//   +0 'R' 'M' | +2 version 1 | +3 type | +4 incarnation of the sender (u32, random per replica)
//
// A decoder returns undefined for whatever it does not understand: any process may send anything to a group.

import type { Member } from './events.js'

const MAGIC = 0x4d52
const VERSION = 1
const PREFIX_BYTES = 8

export const ReplicaMessage = { COMMAND: 1, COLLECT: 2, STATUS: 3, MARKER: 4, CHUNK: 5, READY: 6 } as const

/** A command of the program: number of the submission at its origin, and the bytes. */
export interface CommandMessage {
  readonly type: typeof ReplicaMessage.COMMAND
  readonly incarnation: number
  readonly seq: number
  readonly data: Uint8Array
}

/** Everybody tell your state, as of here; the sender sees these members. */
export interface CollectMessage {
  readonly type: typeof ReplicaMessage.COLLECT
  readonly incarnation: number
  readonly counter: number
  readonly members: readonly Member[]
}

/** The sender's state, in answer to a collect message. */
export interface StatusMessage {
  readonly type: typeof ReplicaMessage.STATUS
  readonly incarnation: number
  readonly round: RoundId
  /** False: it has no state, and nothing of what follows means anything but the term. */
  readonly held: boolean
  readonly term: number
  readonly count: number
  readonly hash: readonly [number, number]
}

export interface RoundId {
  readonly nodeId: number
  readonly pid: number
  readonly incarnation: number
  readonly counter: number
}

/** The sender's state as of here is what follows in chunks. */
export interface MarkerMessage {
  readonly type: typeof ReplicaMessage.MARKER
  readonly incarnation: number
  readonly counter: number
}

export interface ChunkMessage {
  readonly type: typeof ReplicaMessage.CHUNK
  readonly incarnation: number
  readonly counter: number
  readonly offset: number
  readonly total: number
  readonly data: Uint8Array
}

/** The sender's state follows the order from here on. */
export interface ReadyMessage {
  readonly type: typeof ReplicaMessage.READY
  readonly incarnation: number
}

export type AnyReplicaMessage =
  | CommandMessage
  | CollectMessage
  | StatusMessage
  | MarkerMessage
  | ChunkMessage
  | ReadyMessage

const COMMAND_HEADER_BYTES = PREFIX_BYTES + 8
const COLLECT_HEADER_BYTES = PREFIX_BYTES + 8
const MEMBER_BYTES = 8
const STATUS_BYTES = PREFIX_BYTES + 16 + 4 + 8 + 8 + 8
const MARKER_BYTES = PREFIX_BYTES + 4
const CHUNK_HEADER_BYTES = PREFIX_BYTES + 4 + 8 + 8

function begin(type: number, incarnation: number, bytes: number): [Uint8Array, DataView] {
  const message = new Uint8Array(bytes)
  const view = new DataView(message.buffer)
  view.setUint16(0, MAGIC, true)
  view.setUint8(2, VERSION)
  view.setUint8(3, type)
  view.setUint32(4, incarnation, true)
  return [message, view]
}

export function encodeReplicaMessage(message: AnyReplicaMessage): Uint8Array {
  switch (message.type) {
    case ReplicaMessage.COMMAND: {
      const [bytes, view] = begin(message.type, message.incarnation, COMMAND_HEADER_BYTES + message.data.length)
      view.setFloat64(8, message.seq, true)
      bytes.set(message.data, COMMAND_HEADER_BYTES)
      return bytes
    }
    case ReplicaMessage.COLLECT: {
      const length = COLLECT_HEADER_BYTES + message.members.length * MEMBER_BYTES
      const [bytes, view] = begin(message.type, message.incarnation, length)
      view.setUint32(8, message.counter, true)
      view.setUint32(12, message.members.length, true)
      message.members.forEach((member, i) => {
        view.setUint32(COLLECT_HEADER_BYTES + i * MEMBER_BYTES, member.nodeId, true)
        view.setUint32(COLLECT_HEADER_BYTES + i * MEMBER_BYTES + 4, member.pid, true)
      })
      return bytes
    }
    case ReplicaMessage.STATUS: {
      const [bytes, view] = begin(message.type, message.incarnation, STATUS_BYTES)
      view.setUint32(8, message.round.nodeId, true)
      view.setUint32(12, message.round.pid, true)
      view.setUint32(16, message.round.incarnation, true)
      view.setUint32(20, message.round.counter, true)
      view.setUint32(24, message.held ? 1 : 0, true)
      view.setFloat64(28, message.term, true)
      view.setFloat64(36, message.count, true)
      view.setUint32(44, message.hash[0], true)
      view.setUint32(48, message.hash[1], true)
      return bytes
    }
    case ReplicaMessage.MARKER: {
      const [bytes, view] = begin(message.type, message.incarnation, MARKER_BYTES)
      view.setUint32(8, message.counter, true)
      return bytes
    }
    case ReplicaMessage.CHUNK: {
      const [bytes, view] = begin(message.type, message.incarnation, CHUNK_HEADER_BYTES + message.data.length)
      view.setUint32(8, message.counter, true)
      view.setFloat64(12, message.offset, true)
      view.setFloat64(20, message.total, true)
      bytes.set(message.data, CHUNK_HEADER_BYTES)
      return bytes
    }
    case ReplicaMessage.READY:
      return begin(message.type, message.incarnation, PREFIX_BYTES)[0]
  }
}

/** The message, with views of `bytes` where it has data. */
export function decodeReplicaMessage(bytes: Uint8Array): AnyReplicaMessage | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint16(0, true) !== MAGIC || view.getUint8(2) !== VERSION) return undefined
  const incarnation = view.getUint32(4, true)
  const type = view.getUint8(3)
  switch (type) {
    case ReplicaMessage.COMMAND:
      if (bytes.length < COMMAND_HEADER_BYTES) return undefined
      return { type, incarnation, seq: view.getFloat64(8, true), data: bytes.subarray(COMMAND_HEADER_BYTES) }
    case ReplicaMessage.COLLECT: {
      if (bytes.length < COLLECT_HEADER_BYTES) return undefined
      const count = view.getUint32(12, true)
      if (bytes.length !== COLLECT_HEADER_BYTES + count * MEMBER_BYTES) return undefined
      const members: Member[] = []
      for (let at = COLLECT_HEADER_BYTES; at < bytes.length; at += MEMBER_BYTES) {
        members.push({ nodeId: view.getUint32(at, true), pid: view.getUint32(at + 4, true) })
      }
      return { type, incarnation, counter: view.getUint32(8, true), members }
    }
    case ReplicaMessage.STATUS:
      if (bytes.length !== STATUS_BYTES) return undefined
      return {
        type,
        incarnation,
        round: {
          nodeId: view.getUint32(8, true),
          pid: view.getUint32(12, true),
          incarnation: view.getUint32(16, true),
          counter: view.getUint32(20, true),
        },
        held: view.getUint32(24, true) !== 0,
        term: view.getFloat64(28, true),
        count: view.getFloat64(36, true),
        hash: [view.getUint32(44, true), view.getUint32(48, true)],
      }
    case ReplicaMessage.MARKER:
      if (bytes.length !== MARKER_BYTES) return undefined
      return { type, incarnation, counter: view.getUint32(8, true) }
    case ReplicaMessage.CHUNK:
      if (bytes.length < CHUNK_HEADER_BYTES) return undefined
      return {
        type,
        incarnation,
        counter: view.getUint32(8, true),
        offset: view.getFloat64(12, true),
        total: view.getFloat64(20, true),
        data: bytes.subarray(CHUNK_HEADER_BYTES),
      }
    case ReplicaMessage.READY:
      if (bytes.length !== PREFIX_BYTES) return undefined
      return { type, incarnation }
    default:
      return undefined
  }
}
