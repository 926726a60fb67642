// IP addresses as configuration needs them: what a text of the file stands for, generated node ids, generated multicast
// groups (spec: config 10.2, 10.4, 11.2). Pure; names are resolved by what the caller hands in.

import { type IpAddress, parseIp, sameIp } from './ip.js'
import type { AddressFamily, IpVersion } from './types.js'

export interface ResolvedAddress {
  /** Canonical numeric text. */
  readonly address: string
  readonly family: AddressFamily
}

/** The 4 or 16 bytes of a numeric address, or undefined. A zone (`%eth0`) is not part of it. */
export function addressBytes(text: string): Uint8Array | undefined {
  return parseNumeric(text)?.bytes
}

export function numericAddress(text: string): ResolvedAddress | undefined {
  const parsed = parseNumeric(text)
  return parsed === undefined ? undefined : { address: parsed.text, family: parsed.family }
}

export function sameAddress(a: string, b: string): boolean {
  const left = addressBytes(a)
  const right = addressBytes(b)
  return left !== undefined && right !== undefined && sameIp(left, right)
}

function parseNumeric(text: string): IpAddress | undefined {
  const zone = text.indexOf('%')
  return parseIp(zone < 0 ? text : text.slice(0, zone))
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
