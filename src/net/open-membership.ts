// Where membership is open, the first message that names a node and its address is its join.

import { MessageType, type WireGeneration } from '../wire/generation.js'

/** The node that sent this join message; 0 for anything else, leave messages included. */
export function senderOfJoin(wire: WireGeneration, buf: Uint8Array, off: number, len: number): number {
  return wire.open(buf, off, len) === MessageType.join ? wire.header.nodeId : 0
}
