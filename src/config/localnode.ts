// Which node of the nodelist is this host, and which interface does an old bindnetaddr mean (spec: config 10.1, legacy
// mode). Pure functions over what the caller tells about the host; nothing is looked up here.

import { addressBytes, sameAddress } from './addresses.js'
import { parseText } from './grammar.js'
import { sameNetwork } from './ip.js'
import type { AddressFamily } from './types.js'

export interface HostInterface {
  readonly name: string
  readonly family: AddressFamily
  readonly address: string
  /** Length of the network prefix in bits. */
  readonly prefix: number
  /** IPv6 scope id, where there is one. */
  readonly scope?: number
}

export interface HostInfo {
  /** The kernel's node name. */
  readonly hostname: string
  readonly interfaces: readonly HostInterface[]
  /** Numeric addresses of a name, in the order of the resolver; empty when it is unknown. */
  resolve(name: string): readonly string[]
  /** The name of an address, where reverse resolution was done. */
  reverse?(address: string): string | undefined
  userId(name: string): number | undefined
  groupId(name: string): number | undefined
}

/** What finding the local node looks at: the names and link-0 addresses, in map order, name before address. */
export interface NodeCandidate {
  readonly position: number
  readonly text: string
}

/** The position of this host in the nodelist, or undefined. The first rule that hits wins. */
export function findLocalNode(candidates: readonly NodeCandidate[], host: HostInfo): number | undefined {
  return findByName(candidates, host) ?? findByResolution(candidates, host)
}

/** The rules that need no resolution of names. */
export function findByName(
  candidates: readonly NodeCandidate[],
  host: Pick<HostInfo, 'hostname' | 'interfaces' | 'reverse'>,
): number | undefined {
  const equal = (text: string) => candidates.find(candidate => candidate.text === text)?.position
  // The whole name, then without its last label, and so on.
  for (let name = host.hostname; name !== ''; ) {
    const found = equal(name)
    if (found !== undefined) return found
    const dot = name.lastIndexOf('.')
    if (dot < 0) break
    name = name.slice(0, dot)
  }
  const short = firstLabel(host.hostname)
  const byShort = candidates.find(candidate => firstLabel(candidate.text) === short)?.position
  if (byShort !== undefined) return byShort
  for (const own of host.interfaces) {
    const name = host.reverse?.(own.address)
    const found =
      (name === undefined ? undefined : (equal(name) ?? equal(firstLabel(name)))) ??
      (own.family === 4 ? equal(own.address) : undefined)
    if (found !== undefined) return found
  }
  return undefined
}

function findByResolution(candidates: readonly NodeCandidate[], host: HostInfo): number | undefined {
  return candidates.find(({ text }) => {
    const addresses = addressBytes(text) === undefined ? host.resolve(text) : [text]
    return addresses.some(address => host.interfaces.some(own => sameAddress(own.address, address)))
  })?.position
}

function firstLabel(name: string): string {
  const dot = name.indexOf('.')
  return dot < 0 ? name : name.slice(0, dot)
}

/**
 * The interface that a bindnetaddr means: the one with exactly this address, else the first IPv4 one whose network
 * contains it. IPv6 needs the exact address.
 */
export function matchInterface(bindnetaddr: string, interfaces: readonly HostInterface[]): HostInterface | undefined {
  const wanted = addressBytes(bindnetaddr)
  if (wanted === undefined) return undefined
  const exact = interfaces.find(own => sameAddress(own.address, bindnetaddr))
  if (exact !== undefined || wanted.length !== 4) return exact
  return interfaces.find(own => {
    const bytes = addressBytes(own.address)
    return bytes !== undefined && sameNetwork(bytes, wanted, own.prefix)
  })
}

/** What has to be looked up before a file can be judged. */
export interface NamesToResolve {
  readonly names: readonly string[]
  /** Whether the names of the host's own addresses matter. */
  readonly reverse: boolean
}

/** Whatever the bytes, this never throws. */
export function namesToResolve(bytes: Uint8Array, host: Pick<HostInfo, 'hostname' | 'interfaces'>): NamesToResolve {
  const addresses = new Set<string>()
  const names = new Set<string>()
  const candidates: NodeCandidate[] = []
  const path: string[] = []
  let position = -1
  for (const event of parseText(bytes).events) {
    if (event.kind === 'open') {
      path.push(event.name)
      if (path.join('.') === 'nodelist.node') position++
      continue
    }
    if (event.kind === 'close') {
      path.pop()
      continue
    }
    const key = `${path.join('.')}.${event.key}`.replace(/^network\./, 'totem.')
    if (key === 'nodelist.node.name') names.add(event.value)
    if (key === 'nodelist.node.name' || key === 'nodelist.node.ring0_addr')
      candidates.push({ position, text: event.value })
    if (ADDRESS_KEYS.test(key)) addresses.add(event.value)
  }
  // The names of nodes are resolved only when nothing else tells which one this host is.
  const found = candidates.length === 0 || findByName(candidates, host) !== undefined
  if (!found) for (const name of names) addresses.add(name)
  return { names: [...addresses].filter(text => text !== '' && addressBytes(text) === undefined), reverse: !found }
}

const ADDRESS_KEYS = /^(nodelist\.node\.ring\d+_addr|totem\.interface\.(mcastaddr|bindnetaddr|member\.memberaddr))$/
