// Legacy mode (spec: config 9): files of the 1.x style, interface sections with bindnetaddr or members instead of a
// nodelist. Local address from the host's interfaces, node ids by the rule of the generation, peers from the member list.
// The messages are those of 1.4, which name no interface.

import { generateNodeId, type NodeIdRule, type ResolvedAddress, resolveAddress, sameAddress } from './addresses.js'
import { schemaOf } from './keys.js'
import { groupOf, interfaceLinks, isBroadcast, type LinkDraft, linkKey, type Network, portOf, ttlOf } from './links.js'
import { type HostInfo, type HostInterface, matchInterface } from './localnode.js'
import { PARSE_ERROR, type Settings } from './settings.js'
import type { IpVersion, Member, Transport } from './types.js'

/** Old files have at most two rings. */
export const RING_MAX = 1
/** Old daemons take an address of either family as it is written. */
export const LEGACY_IP_VERSION: IpVersion = 'ipv4-6'

interface Ring {
  readonly draft: LinkDraft
  readonly bindAddress: string
  readonly interface: HostInterface
}

interface FoundMember {
  readonly member: Member
  readonly key: string
}

export function readLegacy(settings: Settings, transport: Transport, host: HostInfo): Network {
  if (transport === 'knet') {
    settings.fail(
      'totem.transport',
      `${PARSE_ERROR}No valid name found for local host`,
      'knet needs a nodelist; interface sections alone go with udp and udpu',
    )
  }
  checkCompatibility(settings)
  checkRrpMode(settings)
  const numbers = interfaceLinks(settings)
  for (const number of numbers) {
    if (number > RING_MAX) {
      settings.fail(
        settings.map.keys(linkKey(number, '')).find(key => settings.origins.has(key)),
        `${PARSE_ERROR}interface ring number ${number} is bigger than allowed maximum ${RING_MAX}`,
        'files without a nodelist have rings 0 and 1',
      )
    }
  }
  const rings = numbers.map(number => readRing(settings, transport, number, host))
  const first = rings[0]
  if (first === undefined) {
    return settings.fail(undefined, `${PARSE_ERROR}No interfaces defined`, 'add an interface section, or a nodelist')
  }
  if (first.draft.number !== 0) {
    settings.fail(
      linkKey(first.draft.number, 'bindnetaddr'),
      `${PARSE_ERROR}No interface has ring number 0`,
      'rings are numbered from 0',
    )
  }
  checkRings(settings, rings)

  const rule: NodeIdRule = settings.generation === '1.4' ? 'little-endian' : 'big-endian'
  const idOf = (address: string) => generateNodeId(address, rule, settings.text('totem.clear_node_high_bit') === 'yes')
  const nodeId = settings.givenNumber('totem.nodeid') ?? idOf(first.draft.localAddress)
  if (nodeId === undefined) {
    settings.fail(
      linkKey(first.draft.number, 'bindnetaddr'),
      `${PARSE_ERROR}An IPV6 network requires that a node ID be specified.`,
      'add "nodeid: <number>" to the totem section',
    )
  }
  const found = transport === 'udpu' ? readMembers(settings, first, nodeId, idOf, name => host.resolve(name)) : []
  settings.warn(
    `${settings.file} has interface sections and no nodelist, as files of corosync 1.x have. Please migrate config file to nodelist.`,
  )
  return {
    transport,
    ipVersion: LEGACY_IP_VERSION,
    nodeId,
    members: found.map(({ member }) => member),
    memberKeys: found.map(({ key }) => key),
    links: rings.map(ring => ring.draft),
    bindAddress: first.bindAddress,
    bindNetwork: `${first.interface.address}/${first.interface.prefix}`,
    nodesOnLinkZero: 0,
  }
}

function readRing(settings: Settings, transport: Transport, number: number, host: HostInfo): Ring {
  const key = linkKey(number, 'bindnetaddr')
  const resolve = (text: string) => resolveAddress(text, LEGACY_IP_VERSION, name => host.resolve(name))
  const bindnetaddr = settings.given(key)
  const bind = bindnetaddr === undefined ? localMember(settings, number, host) : resolve(bindnetaddr)
  if (bind === undefined) {
    return bindnetaddr === undefined
      ? settings.fail(
          undefined,
          `${PARSE_ERROR}No bind network specified`,
          'add "bindnetaddr: <address or network of this host>" to the interface section',
        )
      : settings.fail(key, `failed to parse bindnet address '${bindnetaddr}'`, 'a numeric address or network')
  }
  const own = matchInterface(bind.address, host.interfaces)
  if (own === undefined) {
    return settings.fail(
      key,
      `${PARSE_ERROR}No interface of this host matches bindnetaddr ${bind.address}`,
      `the address or network of one of: ${host.interfaces.map(each => `${each.address}/${each.prefix}`).join(', ')}`,
    )
  }
  const ttl = ttlOf(settings, number)
  if (transport !== 'udp' && ttl !== 1) {
    settings.fail(
      linkKey(number, 'ttl'),
      `${PARSE_ERROR}Can only set ttl on multicast transport types`,
      'leave ttl out, or use transport: udp',
    )
  }
  if (transport === 'udp' && bind.family === 6 && settings.givenNumber('totem.nodeid') === undefined) {
    settings.fail(
      key,
      `${PARSE_ERROR}An IPV6 network requires that a node ID be specified.`,
      'add "nodeid: <number>" to the totem section',
    )
  }
  const mcastAddress = transport === 'udp' ? legacyGroup(settings, number, bind, resolve) : undefined
  const draft: LinkDraft = {
    number,
    localAddress: own.address,
    family: own.family,
    mcastPort: portOf(settings, number, 2),
    ...(mcastAddress === undefined ? {} : { mcastAddress }),
    broadcast: isBroadcast(settings, number, transport),
    ttl,
  }
  return { draft, bindAddress: bind.address, interface: own }
}

function legacyGroup(
  settings: Settings,
  number: number,
  bind: ResolvedAddress,
  resolve: (text: string) => ResolvedAddress | undefined,
): string {
  const text = settings.given(linkKey(number, 'mcastaddr'))
  const given = text === undefined ? undefined : resolve(text)
  if (text !== undefined && given === undefined) {
    settings.fail(linkKey(number, 'mcastaddr'), `failed to parse mcast address '${text}'`, 'a numeric group address')
  }
  return groupOf(settings, number, bind.family, given, given === undefined ? '' : suffixOf(given, bind))
}

/** 1.4 ends one of the messages with a full stop and the others not. */
function suffixOf(given: ResolvedAddress, bind: ResolvedAddress): string {
  return given.family === bind.family ? '.' : ''
}

/** Without bindnetaddr the member that is an address of this host says where to bind. */
function localMember(settings: Settings, number: number, host: HostInfo): ResolvedAddress | undefined {
  for (const { text } of memberTexts(settings, number)) {
    const found = resolveAddress(text, LEGACY_IP_VERSION, name => host.resolve(name))
    if (found !== undefined && host.interfaces.some(own => sameAddress(own.address, found.address))) return found
  }
  return undefined
}

/** Member addresses in the order of the file; the map numbers them backwards. */
function memberTexts(settings: Settings, number: number): { key: string; text: string }[] {
  const prefix = linkKey(number, 'member.')
  return settings.map
    .keys(prefix)
    .filter(key => /^\d+$/.test(key.slice(prefix.length)))
    .sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)))
    .map(key => ({ key, text: settings.given(key) ?? '' }))
}

function readMembers(
  settings: Settings,
  ring: Ring,
  localId: number,
  idOf: (address: string) => number | undefined,
  resolve: (name: string) => readonly string[],
): FoundMember[] {
  const own = ring.draft.localAddress
  const members: FoundMember[] = []
  const has = (address: string) => members.some(({ member }) => sameAddress(member.addresses[0]!, address))
  for (const { key, text } of memberTexts(settings, ring.draft.number)) {
    const found = resolveAddress(text, LEGACY_IP_VERSION, resolve)
    if (found === undefined) {
      settings.fail(key, `failed to parse node address '${text}'`, 'a numeric address, or a name that resolves')
    }
    if (has(found.address)) continue
    const nodeId = sameAddress(found.address, own) ? localId : idOf(found.address)
    if (nodeId === undefined) {
      settings.fail(
        key,
        `${PARSE_ERROR}An IPV6 network requires that a node ID be specified.`,
        'the ids of other nodes are made from IPv4 addresses; with IPv6 write a nodelist with a nodeid for each node',
      )
    }
    members.push({ member: { nodeId, addresses: [found.address], family: found.family }, key })
  }
  if (!has(own)) {
    settings.warn(`${own} is not among the members; it is added here, but the other nodes need it too.`)
    const member = { nodeId: localId, addresses: [own], family: ring.draft.family }
    members.push({ member, key: linkKey(ring.draft.number, 'bindnetaddr') })
  }
  return members
}

function checkRings(settings: Settings, rings: readonly Ring[]): void {
  const mode = settings.text('totem.rrp_mode')
  if (rings.length > 1 && mode === 'none') {
    settings.fail(
      settings.origins.has('totem.rrp_mode') ? 'totem.rrp_mode' : linkKey(1, 'bindnetaddr'),
      `${PARSE_ERROR}${rings.length} is too many configured interfaces for the rrp_mode setting none.`,
      'one interface, or rrp_mode: passive',
    )
  }
  const [a, b] = rings.map(ring => ring.draft)
  if (a?.mcastAddress === undefined || b?.mcastAddress === undefined) return
  if (a.mcastAddress === b.mcastAddress && Math.abs(a.mcastPort - b.mcastPort) < 2) {
    settings.fail(
      linkKey(b.number, 'mcastaddr'),
      `${PARSE_ERROR}Interfaces multicast address/port pair must differ`,
      'another mcastaddr for the second ring, or a port at least two away',
    )
  }
}

function checkRrpMode(settings: Settings): void {
  const key = 'totem.rrp_mode'
  const rule = schemaOf(key).words
  const mode = settings.text(key)
  if (rule === undefined || rule.words.includes(mode)) return
  settings.fail(key, PARSE_ERROR + rule.reason.replace('<value>', mode), `one of: ${rule.words.join(', ')}`)
}

function checkCompatibility(settings: Settings): void {
  const key = 'compatibility'
  const rule = schemaOf(key).words
  const value = settings.given(key)
  if (rule === undefined || value === undefined || rule.words.includes(value)) return
  settings.fail(key, rule.reason.replace('<value>', value), `one of: ${rule.words.join(', ')}; better left out`)
}
