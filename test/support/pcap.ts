// Captures of network traffic: reads classic pcap files of Ethernet frames down to UDP datagrams, putting IP fragments
// together, and writes datagrams out as such a file for other programs to read. Plain and slow; for tests only.
// Malformed files are a fault of the test data and throw.

import { readFileSync } from 'node:fs'

const MAGIC_MICROSECONDS = 0xa1b2c3d4
const MAGIC_NANOSECONDS = 0xa1b23c4d
const FILE_HEADER_LENGTH = 24
const RECORD_HEADER_LENGTH = 16
const LINKTYPE_ETHERNET = 1

const ETHERNET_LENGTH = 14
const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_IPV6 = 0x86dd
const PROTOCOL_UDP = 17
const IPV6_HEADER_LENGTH = 40
const IPV6_HOP_BY_HOP = 0
const IPV6_ROUTING = 43
const IPV6_FRAGMENT = 44
const IPV6_DESTINATION = 60
const UDP_LENGTH = 8

export interface Frame {
  /** Number in the file, from 1, as Wireshark counts. */
  readonly number: number
  readonly timeMs: number
  readonly bytes: Buffer
}

export interface Datagram {
  /** Of the frame that completed it. */
  readonly frame: number
  readonly timeMs: number
  readonly from: string
  readonly to: string
  readonly fromPort: number
  readonly toPort: number
  readonly payload: Buffer
}

export interface Capture {
  readonly frames: readonly Frame[]
  readonly datagrams: readonly Datagram[]
  /** Frames that hold no UDP: address resolution and such. */
  readonly otherFrames: number
  /** Datagrams of which not all fragments are in the file. */
  readonly incomplete: number
}

export function readCapture(path: string): Capture {
  const frames = readFrames(readFileSync(path))
  const datagrams: Datagram[] = []
  const fragments = new Map<string, FragmentedPacket>()
  let otherFrames = 0
  for (const frame of frames) {
    const packet = ipPacket(frame.bytes)
    if (packet === undefined || packet.protocol !== PROTOCOL_UDP) {
      otherFrames++
      continue
    }
    const payload = packet.fragment === undefined ? packet.payload : addFragment(fragments, packet)
    if (payload === undefined) continue
    const length = payload.readUInt16BE(4)
    if (length < UDP_LENGTH || length > payload.length) throw new Error(`frame ${frame.number}: bad UDP length`)
    datagrams.push({
      frame: frame.number,
      timeMs: frame.timeMs,
      from: packet.from,
      to: packet.to,
      fromPort: payload.readUInt16BE(0),
      toPort: payload.readUInt16BE(2),
      payload: payload.subarray(UDP_LENGTH, length),
    })
  }
  return { frames, datagrams, otherFrames, incomplete: fragments.size }
}

function readFrames(file: Buffer): Frame[] {
  const littleEndian = file[0] === 0xd4 || file[0] === 0x4d
  const u32 = (at: number) => (littleEndian ? file.readUInt32LE(at) : file.readUInt32BE(at))
  const magic = u32(0)
  if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) throw new Error('not a pcap file')
  if (u32(20) !== LINKTYPE_ETHERNET) throw new Error('not captured on Ethernet')
  const unitsPerMs = magic === MAGIC_MICROSECONDS ? 1e3 : 1e6
  const frames: Frame[] = []
  let at = FILE_HEADER_LENGTH
  while (at < file.length) {
    const captured = u32(at + 8)
    if (captured !== u32(at + 12)) throw new Error(`frame ${frames.length + 1} was cut when captured`)
    const begin = at + RECORD_HEADER_LENGTH
    if (begin + captured > file.length) throw new Error('the file ends within a frame')
    frames.push({
      number: frames.length + 1,
      timeMs: u32(at) * 1e3 + u32(at + 4) / unitsPerMs,
      bytes: file.subarray(begin, begin + captured),
    })
    at = begin + captured
  }
  return frames
}

interface IpPacket {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly payload: Buffer
  readonly fragment: { readonly id: number; readonly offset: number; readonly more: boolean } | undefined
}

function ipPacket(frame: Buffer): IpPacket | undefined {
  const type = frame.readUInt16BE(12)
  if (type === ETHERTYPE_IPV4) return ipv4Packet(frame.subarray(ETHERNET_LENGTH))
  if (type === ETHERTYPE_IPV6) return ipv6Packet(frame.subarray(ETHERNET_LENGTH))
  return undefined
}

function ipv4Packet(ip: Buffer): IpPacket {
  const flags = ip.readUInt16BE(6)
  const more = (flags & 0x2000) !== 0
  const offset = (flags & 0x1fff) * 8
  return {
    from: [...ip.subarray(12, 16)].join('.'),
    to: [...ip.subarray(16, 20)].join('.'),
    protocol: ip[9]!,
    payload: ip.subarray((ip[0]! & 0x0f) * 4, ip.readUInt16BE(2)),
    fragment: more || offset > 0 ? { id: ip.readUInt16BE(4), offset, more } : undefined,
  }
}

function ipv6Packet(ip: Buffer): IpPacket {
  const end = IPV6_HEADER_LENGTH + ip.readUInt16BE(4)
  let protocol = ip[6]!
  let at = IPV6_HEADER_LENGTH
  let fragment: IpPacket['fragment']
  for (;;) {
    if (protocol === IPV6_FRAGMENT) {
      const field = ip.readUInt16BE(at + 2)
      fragment = { id: ip.readUInt32BE(at + 4), offset: field & 0xfff8, more: (field & 1) !== 0 }
      protocol = ip[at]!
      at += 8
    } else if (protocol === IPV6_HOP_BY_HOP || protocol === IPV6_ROUTING || protocol === IPV6_DESTINATION) {
      protocol = ip[at]!
      at += (ip[at + 1]! + 1) * 8
    } else break
  }
  return { from: ipv6Text(ip, 8), to: ipv6Text(ip, 24), protocol, payload: ip.subarray(at, end), fragment }
}

/** All eight groups, none left out; enough to tell addresses apart. */
function ipv6Text(ip: Buffer, at: number): string {
  return Array.from({ length: 8 }, (_, i) => ip.readUInt16BE(at + i * 2).toString(16)).join(':')
}

interface FragmentedPacket {
  readonly parts: { readonly offset: number; readonly bytes: Buffer }[]
  /** Known once the last fragment is there. */
  length: number | undefined
}

/** The whole payload once every fragment of it has been seen. */
function addFragment(pending: Map<string, FragmentedPacket>, packet: IpPacket): Buffer | undefined {
  const { id, offset, more } = packet.fragment!
  const key = `${packet.from} ${packet.to} ${id}`
  const whole = pending.get(key) ?? { parts: [], length: undefined }
  pending.set(key, whole)
  whole.parts.push({ offset, bytes: packet.payload })
  if (!more) whole.length = offset + packet.payload.length
  whole.parts.sort((a, b) => a.offset - b.offset)
  let reached = 0
  for (const part of whole.parts) {
    if (part.offset > reached) return undefined
    reached = Math.max(reached, part.offset + part.bytes.length)
  }
  if (whole.length === undefined || reached < whole.length) return undefined
  pending.delete(key)
  const payload = Buffer.alloc(whole.length)
  for (const part of whole.parts) part.bytes.copy(payload, part.offset)
  return payload
}

/** A capture file of these payloads, each as one UDP datagram over IPv4 and Ethernet, a millisecond apart. */
export function writeCapture(payloads: readonly Uint8Array[], port: number): Buffer {
  const header = Buffer.alloc(FILE_HEADER_LENGTH)
  header.writeUInt32LE(MAGIC_MICROSECONDS, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(262144, 16)
  header.writeUInt32LE(LINKTYPE_ETHERNET, 20)
  const parts: Uint8Array[] = [header]
  payloads.forEach((payload, index) => {
    const frame = ethernetFrame(payload, port, index)
    const record = Buffer.alloc(RECORD_HEADER_LENGTH)
    record.writeUInt32LE(Math.floor(index / 1000), 0)
    record.writeUInt32LE((index % 1000) * 1000, 4)
    record.writeUInt32LE(frame.length, 8)
    record.writeUInt32LE(frame.length, 12)
    parts.push(record, frame)
  })
  return Buffer.concat(parts)
}

const IPV4_LENGTH = 20

function ethernetFrame(payload: Uint8Array, port: number, id: number): Buffer {
  const frame = Buffer.alloc(ETHERNET_LENGTH + IPV4_LENGTH + UDP_LENGTH + payload.length)
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], 0)
  frame.writeUInt16BE(ETHERTYPE_IPV4, 12)
  const ip = frame.subarray(ETHERNET_LENGTH)
  ip[0] = 0x45
  ip.writeUInt16BE(ip.length, 2)
  ip.writeUInt16BE(id & 0xffff, 4)
  ip[8] = 64
  ip[9] = PROTOCOL_UDP
  ip.set([10, 77, 0, 1, 10, 77, 0, 2], 12)
  ip.writeUInt16BE(ipv4Checksum(ip.subarray(0, IPV4_LENGTH)), 10)
  const udp = ip.subarray(IPV4_LENGTH)
  udp.writeUInt16BE(port, 0)
  udp.writeUInt16BE(port, 2)
  udp.writeUInt16BE(udp.length, 4)
  udp.set(payload, UDP_LENGTH)
  return frame
}

function ipv4Checksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
