// Links (rings, in old files) as both styles of file describe them: which exist, their group, port and ttl, and the knet
// values that follow from the token timeout (spec: config 5, 10.3, 11.1).

import { textBytes } from '../wire/text.js'
import { addressBytes, generateGroup, isMulticast, type ResolvedAddress } from './addresses.js'
import { PARSE_ERROR, type Settings } from './settings.js'
import type { AddressFamily, IpVersion, LinkConfiguration, Member, Transport } from './types.js'

/** Highest link number. */
export const LINK_MAX = 7
const DEFAULT_PORT = 5405
const BROADCAST_ADDRESS = '255.255.255.255'

/** A link before the timers are known. */
export interface LinkDraft {
  readonly number: number
  readonly localAddress: string
  readonly family: AddressFamily
  readonly mcastPort: number
  readonly mcastAddress?: string
  readonly broadcast: boolean
  readonly ttl: number
}

/** What steps 8 to 12 of the validation find out about the network. */
export interface Network {
  readonly transport: Transport
  readonly ipVersion: IpVersion
  readonly nodeId: number
  readonly localNodePosition?: number
  readonly localName?: string
  readonly members: readonly Member[]
  /** The key that holds the first address of each member, in the same order. */
  readonly memberKeys: readonly string[]
  readonly links: readonly LinkDraft[]
  readonly bindAddress: string
  readonly bindNetwork?: string
  /** Nodes with an address on link 0, as the token coefficient counts them. */
  readonly nodesOnLinkZero: number
}

export function linkKey(link: number, name: string): string {
  return `totem.interface.${link}.${name}`
}

/** The links that have any key of their own, in map order; anything but a number up to 255 is no link. */
export function interfaceLinks(settings: Settings): number[] {
  const links = new Set<number>()
  for (const key of settings.map.keys('totem.interface.')) {
    const match = /^totem\.interface\.(\d{1,3})\./.exec(key)
    if (match !== null) links.add(Number(match[1]))
  }
  return [...links]
}

export function isBroadcast(settings: Settings, link: number, transport: Transport): boolean {
  return transport === 'udp' && settings.given(linkKey(link, 'broadcast')) === 'yes'
}

/** The port of the file, or the default where one applies. */
export function portOf(settings: Settings, link: number, step: 1 | 2): number {
  return settings.givenNumber(linkKey(link, 'mcastport'), 'totem.interface.mcastport') ?? DEFAULT_PORT + step * link
}

export function ttlOf(settings: Settings, link: number): number {
  return settings.number(linkKey(link, 'ttl'), 'totem.interface.ttl')
}

/**
 * The group of a udp link: broadcast, `given` (resolved already), or made from the cluster name. `suffix` ends the messages:
 * 3.x names the interface, 1.x does not.
 */
export function groupOf(
  settings: Settings,
  link: number,
  family: AddressFamily,
  given: ResolvedAddress | undefined,
  suffix: string,
): string {
  const key = linkKey(link, 'mcastaddr')
  if (isBroadcast(settings, link, 'udp')) return BROADCAST_ADDRESS
  const clusterName = settings.given('totem.cluster_name')
  if (given === undefined && clusterName !== undefined) {
    return generateGroup(textBytes(clusterName), link, family)
  }
  if (given === undefined) {
    return settings.fail(
      undefined,
      `${PARSE_ERROR}No multicast address specified${suffix}`,
      'set totem.cluster_name, from which an address is made, or mcastaddr in the interface section',
    )
  }
  if (given.family !== family) {
    settings.fail(
      key,
      `${PARSE_ERROR}Multicast address family does not match bind address family${suffix}`,
      `an IPv${family} group, as the node addresses are IPv${family}`,
    )
  }
  if (!isMulticast(addressBytes(given.address) ?? new Uint8Array(4))) {
    settings.fail(
      key,
      `${PARSE_ERROR}mcastaddr is not a correct multicast address${suffix}`,
      family === 4 ? 'an address from 224.0.0.0 to 239.255.255.255' : 'an address that begins with ff',
    )
  }
  return given.address
}

/** Adds the knet values, and publishes the two that the daemon publishes for every transport. */
export function finishLinks(settings: Settings, drafts: readonly LinkDraft[], token: number): LinkConfiguration[] {
  return drafts.map(draft => {
    const number = (name: string) => settings.number(linkKey(draft.number, name), `totem.interface.${name}`)
    const given = (name: string) => settings.givenNumber(linkKey(draft.number, name), `totem.interface.${name}`)
    const pongCount = number('knet_pong_count')
    const pingIntervalMs = given('knet_ping_interval') ?? Math.floor(token / (pongCount * 2))
    const pingTimeoutMs = given('knet_ping_timeout') ?? Math.floor(token / pongCount)
    const prefix = `runtime.config.${linkKey(draft.number, '')}`
    settings.write(`${prefix}knet_ping_interval`, { type: 'u32', value: pingIntervalMs })
    settings.write(`${prefix}knet_ping_timeout`, { type: 'u32', value: pingTimeoutMs })
    return {
      ...draft,
      knet: {
        transport: settings.given(linkKey(draft.number, 'knet_transport')) === 'sctp' ? 'sctp' : 'udp',
        priority: number('knet_link_priority'),
        pingIntervalMs,
        pingTimeoutMs,
        pingPrecision: number('knet_ping_precision'),
        pongCount,
      },
    }
  })
}
