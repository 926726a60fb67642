// IP addresses as configuration needs them: numeric texts to bytes and back, networks, generated node ids, generated
// multicast groups (spec: config 10.2, 10.4, 11.2). Pure; names are resolved by what the caller hands in.

import { isIPv4, isIPv6 } from 'node:net'
import type { AddressFamily, IpVersion } from './types.js'

export interface ResolvedAddress {
  /** Canonical numeric text. */
  readonly address: string
  readonly family: AddressFamily
}

/** The 4 or 16 bytes of a numeric address, or undefined. A zone (`%eth0`) is not part of them. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text)) return undefined
  const [plain = ''] = text.split('%')
  const bytes = new Uint8Array(16)
  // An IPv4 tail is two groups.
  const groupsOnly = plain.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const high = Number(a) * 256 + Number(b)
    const low = Number(c) * 256 + Number(d)
    return `${high.toString(16)}:${low.toString(16)}`
  })
  const [head = '', tail] = groupsOnly.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const put = (groups: readonly string[], index: number) => {
    groups.forEach((group, i) => {
      const value = Number.parseInt(group, 16)
      bytes[(index + i) * 2] = value >> 8
      bytes[(index + i) * 2 + 1] = value & 0xff
    })
  }
  put(before, 0)
  put(after, 8 - after.length)
  return bytes
}

export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16))
  // The longest run of at least two zero groups is written as "::".
  let best = { start: 0, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === '0') length++
    if (length > best.length) best = { start, length }
  }
  if (best.length < 2) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}

/** A numeric address in its canonical text; the zone of a link-local address is kept. */
export function numericAddress(text: string): ResolvedAddress | undefined {
  const bytes = addressBytes(text)
  if (bytes === undefined) return undefined
  const zone = text.indexOf('%')
  const suffix = zone >= 0 ? text.slice(zone) : ''
  return { address: formatAddress(bytes) + suffix, family: bytes.length === 4 ? 4 : 6 }
}

export function sameAddress(a: string, b: string): boolean {
  const left = addressBytes(a)
  const right = addressBytes(b)
  return left !== undefined && right !== undefined && sameNetwork(left, right, left.length * 8)
}

/** Do the first `prefix` bits agree? Never for different families. */
export function sameNetwork(a: Uint8Array, b: Uint8Array, prefix: number): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    const bits = Math.min(8, Math.max(0, prefix - i * 8))
    const mask = (0xff00 >> bits) & 0xff
    if ((a[i]! & mask) !== (b[i]! & mask)) return false
  }
  return true
}

export function isMulticast(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? bytes[0]! >= 224 && bytes[0]! <= 239 : bytes[0] === 0xff
}

/**
 * The address that a text of the file stands for. The preferred family comes first, the other one where allowed; within
 * a family the first result counts.
 */
export function resolveAddress(
  text: string,
  version: IpVersion,
  resolve: (name: string) => readonly string[],
): ResolvedAddress | undefined {
  const own = numericAddress(text)
  const found = own !== undefined ? [own] : resolve(text).flatMap(address => numericAddress(address) ?? [])
  const first = (family: AddressFamily) => found.find(candidate => candidate.family === family)
  switch (version) {
    case 'ipv4':
      return first(4)
    case 'ipv6':
      return first(6)
    case 'ipv4-6':
      return first(4) ?? first(6)
    case 'ipv6-4':
      return first(6) ?? first(4)
  }
}

/** How a generation makes a node id of an IPv4 address: 1.x reads the bytes as a little-endian word. */
export type NodeIdRule = 'big-endian' | 'little-endian'

/** Undefined for IPv6, and for the addresses that the reference takes for a failure. */
export function generateNodeId(address: string, rule: NodeIdRule, clearHighBit: boolean): number | undefined {
  const bytes = addressBytes(address)
  if (bytes?.length !== 4) return undefined
  const word = new DataView(bytes.buffer).getUint32(0, rule === 'little-endian')
  const id = clearHighBit ? word & 0x7fffffff : word
  return id === 0 || id === 0xffffffff ? undefined : id
}

/** The multicast group of a cluster name on a link. The third part is modulo 256, the last one modulo 255. */
export function generateGroup(clusterName: Uint8Array, link: number, family: AddressFamily): string {
  let hash = 0
  for (const byte of clusterName) hash = (hash * 2 + ((byte << 24) >> 24)) | 0
  const id = ((hash & 0xffff) + link) & 0xffff
  return family === 4 ? `239.192.${id >> 8}.${id % 255}` : `ff15::${id.toString(16)}`
}
