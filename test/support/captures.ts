// The captures in test/data/captures, as the totem messages in them. See the README there.
import { fileURLToPath } from 'node:url'
import { type Capture, readCapture } from './pcap.js'

export function loadCapture(name: string): Capture {
  return readCapture(fileURLToPath(new URL(`../../../test/data/captures/${name}.pcap`, import.meta.url)))
}

export interface TotemMessage {
  /** Number of the frame that completed it, as Wireshark counts. */
  readonly frame: number
  readonly bytes: Buffer
}

/** The messages of a capture of udp or udpu: one in each datagram. */
export function totemOverUdp(capture: Capture): TotemMessage[] {
  return capture.datagrams.map(datagram => ({ frame: datagram.frame, bytes: datagram.payload }))
}

const KNET_DATA = 0
const KNET_DATA_HEADER_LENGTH = 14

/**
 * The messages of a capture of knet without encryption and compression: what its data packets hold, put together where
 * they are fragments. Pings and the like are left out.
 */
export function totemOverKnet(capture: Capture): TotemMessage[] {
  const messages: TotemMessage[] = []
  const partial = new Map<string, (Buffer | undefined)[]>()
  for (const { frame, from, to, payload } of capture.datagrams) {
    if (payload[0] !== 1) throw new Error(`frame ${frame} is not knet`)
    if (payload[1] !== KNET_DATA) continue
    if (payload[8] !== 0) throw new Error(`frame ${frame} is compressed`)
    const data = payload.subarray(KNET_DATA_HEADER_LENGTH)
    const count = payload[11]!
    if (count === 1) {
      messages.push({ frame, bytes: data })
      continue
    }
    const key = `${from} ${to} ${payload.readUInt16BE(6)}`
    const parts = partial.get(key) ?? new Array<Buffer | undefined>(count).fill(undefined)
    partial.set(key, parts)
    parts[payload[12]! - 1] = data
    if (parts.includes(undefined)) continue
    partial.delete(key)
    messages.push({ frame, bytes: Buffer.concat(parts as Buffer[]) })
  }
  return messages
}
