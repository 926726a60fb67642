// Ends of the process-group layer for tests: one that collects what is delivered, and packets written by hand in
// either byte order.

import type { MessageReceiver } from '../../src/pg/types.js'
import {
  groupHeaderLength,
  packetDataOffset,
  writeGroupHeader,
  writePacketHeader,
  writePieceLength,
} from '../../src/wire/pg.js'

export interface Received {
  readonly groups: number
  readonly origin: number
  readonly bytes: Buffer
  readonly little: boolean
}

export class Collector implements MessageReceiver {
  readonly messages: Received[] = []

  receive(groups: number, buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    this.messages.push({ groups, origin, bytes: Buffer.from(buf.subarray(off, off + len)), little })
  }

  get texts(): string[] {
    return this.messages.map(message => message.bytes.toString('latin1'))
  }
}

/** A message with its group header. */
export function grouped(group: Uint8Array, payload: Uint8Array, little = true): Uint8Array {
  const message = new Uint8Array(groupHeaderLength(group) + payload.length)
  message.set(payload, writeGroupHeader(group, message, 0, little))
  return message
}

export interface PacketShape {
  readonly fragmented?: number
  readonly continuation?: number
  readonly little?: boolean
}

export function packetOf(pieces: readonly Uint8Array[], shape: PacketShape = {}): Uint8Array {
  const { fragmented = 0, continuation = 0, little = true } = shape
  const data = packetDataOffset(pieces.length)
  const packet = new Uint8Array(data + pieces.reduce((sum, piece) => sum + piece.length, 0))
  writePacketHeader(packet, 0, fragmented, continuation, pieces.length, little)
  let at = data
  pieces.forEach((piece, index) => {
    writePieceLength(packet, 0, index, piece.length, little)
    packet.set(piece, at)
    at += piece.length
  })
  return packet
}

export function text(value: string): Uint8Array {
  return Buffer.from(value, 'latin1')
}
