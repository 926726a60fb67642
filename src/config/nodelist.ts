// Files with a nodelist: who this node is, which links and members there are (spec: config 10 and 12.1, steps 8 to 15). The
// checks stand in the order of the reference; the first one that fails ends the start.

import { generateNodeId, type ResolvedAddress, resolveAddress } from './addresses.js'
import {
  groupOf,
  interfaceLinks,
  isBroadcast,
  LINK_MAX,
  type LinkDraft,
  linkKey,
  type Network,
  portOf,
  ttlOf,
} from './links.js'
import { findLocalNode, type HostInfo, type NodeCandidate } from './localnode.js'
import { PARSE_ERROR, type Settings } from './settings.js'
import type { IpVersion, Member, Transport } from './types.js'

/** Node ids of knet stay below this. */
const KNET_NODE_ID_LIMIT = 65536

interface NodeEntry {
  readonly position: number
  readonly name?: string
  nodeId: number
  /** Address texts by link number. */
  readonly rings: ReadonlyMap<number, { readonly key: string; readonly text: string }>
  readonly addresses: Map<number, ResolvedAddress>
}

interface NodelistDraft {
  readonly network: Network
  /** Steps 14 and 15, which come after the timers. */
  readonly finish: () => void
}

export function readNodelist(
  settings: Settings,
  transport: Transport,
  ipVersion: IpVersion,
  host: HostInfo,
): NodelistDraft {
  const nodes = collectNodes(settings)
  const local = nodes.find(node => node.position === findLocalNode(candidatesOf(nodes), host))
  const bindGiven = [...interfaceLinks(settings)].some(
    link => settings.given(linkKey(link, 'bindnetaddr')) !== undefined,
  )
  const resolve = (text: string) => resolveAddress(text, ipVersion, name => host.resolve(name))

  // Step 8: the addresses of the local node take the place of bindnetaddr.
  if (local !== undefined) {
    settings.write('nodelist.local_node_pos', { type: 'u32', value: local.position })
    for (const [link, ring] of local.rings) {
      settings.write(linkKey(link, 'bindnetaddr'), { type: 'str', value: ring.text })
    }
  }
  // udp looks only at links that have an address to bind to.
  const described = interfaceLinks(settings).filter(
    link => transport !== 'udp' || settings.given(linkKey(link, 'bindnetaddr')) !== undefined,
  )
  const bound = new Map<number, ResolvedAddress>()
  const groups = new Map<number, ResolvedAddress>()
  for (const link of described) {
    if (link > LINK_MAX) linkTooHigh(settings, link, anyKeyOf(settings, link))
    const bind = settings.given(linkKey(link, 'bindnetaddr'))
    if (bind !== undefined) {
      const found = resolve(bind)
      const key = local?.rings.get(link)?.key ?? linkKey(link, 'bindnetaddr')
      if (found === undefined) settings.fail(key, `failed to parse bindnet address '${bind}'`, addressHelp(ipVersion))
      bound.set(link, found)
    }
    const group = settings.given(linkKey(link, 'mcastaddr'))
    if (group !== undefined) {
      const found = resolve(group)
      if (found === undefined) {
        settings.fail(linkKey(link, 'mcastaddr'), `failed to parse mcast address '${group}'`, addressHelp(ipVersion))
      }
      groups.set(link, found)
    }
    checkKnetTransport(settings, link)
  }

  // Step 9 and 10: node ids and addresses.
  if (local !== undefined) localNodeId(settings, transport, local, bound)
  for (const node of nodes) readNode(settings, transport, node, ipVersion, host)

  // Step 11.
  warnAboutOldStyle(settings, bindGiven)

  // Step 12: links.
  const links = configuredLinks(nodes, described)
  if (links.length === 0) {
    settings.fail(
      undefined,
      `${PARSE_ERROR}No interfaces defined`,
      'list the nodes in a nodelist section: node { ring0_addr: <address> nodeid: <number> }',
    )
  }
  if (local === undefined) {
    settings.fail(
      nodes.length > 0 ? 'nodelist.node.0.ring0_addr' : undefined,
      `${PARSE_ERROR}No valid name found for local host`,
      `one node of the nodelist has to be this host: by its name (${host.hostname}) or by an address of it ` +
        `(${host.interfaces.map(own => own.address).join(', ')})`,
    )
  }
  const drafts = links.map(link => checkLink(settings, transport, link, described, bound, groups))

  const first = drafts[0]!
  const present = nodes.filter(node => node.addresses.size > 0)
  for (const node of nodes) {
    if (node.addresses.size === 0) {
      settings.warn(`node ${node.nodeId || node.position} of the nodelist has no ring0_addr and is left out.`)
    }
  }
  const network: Network = {
    transport,
    ipVersion,
    nodeId: local.nodeId,
    localNodePosition: local.position,
    ...(local.name === undefined ? {} : { localName: local.name }),
    members: present.map(node => memberOf(node, links, first.number)),
    memberKeys: present.map(node => [...node.rings.values()][0]?.key ?? ''),
    links: drafts,
    bindAddress: first.localAddress,
    nodesOnLinkZero: nodes.filter(node => node.addresses.has(0)).length,
  }
  return { network, finish: () => checkNodes(settings, nodes, links) }
}

/** Nodes in map order: position 10 comes before position 2. */
function collectNodes(settings: Settings): NodeEntry[] {
  const positions = new Set<number>()
  for (const key of settings.map.keys('nodelist.node.')) {
    const match = /^nodelist\.node\.(\d+)\./.exec(key)
    if (match !== null) positions.add(Number(match[1]))
  }
  return [...positions].map(position => {
    const prefix = `nodelist.node.${position}.`
    const rings = new Map<number, { key: string; text: string }>()
    for (const key of settings.map.keys(`${prefix}ring`)) {
      const match = /^ring(\d{1,9})_addr$/.exec(key.slice(prefix.length))
      const text = settings.given(key)
      if (match !== null && text !== undefined) rings.set(Number(match[1]), { key, text })
    }
    const name = settings.given(`${prefix}name`)
    const nodeId = settings.givenNumber(`${prefix}nodeid`, 'nodelist.node.nodeid') ?? 0
    return { position, ...(name === undefined ? {} : { name }), nodeId, rings, addresses: new Map() }
  })
}

function candidatesOf(nodes: readonly NodeEntry[]): NodeCandidate[] {
  return nodes.flatMap(({ position, name, rings }) => {
    const texts = [name, rings.get(0)?.text]
    return texts.flatMap(text => (text === undefined ? [] : [{ position, text }]))
  })
}

function localNodeId(
  settings: Settings,
  transport: Transport,
  local: NodeEntry,
  bound: ReadonlyMap<number, ResolvedAddress>,
): void {
  if (local.nodeId !== 0) return
  const key = [...local.rings.values()][0]?.key
  if (transport === 'knet') {
    settings.fail(
      key,
      'Knet requires an explicit nodeid for the local node',
      'add "nodeid: <number from 1 to 65535>" to the node',
    )
  }
  const address = [...bound.values()][0]?.address
  const generated = address === undefined ? undefined : generatedId(settings, address)
  if (generated === undefined) {
    settings.fail(key, 'An IPV6 network requires that a node ID be specified', 'add "nodeid: <number>" to the node')
  }
  setNodeId(settings, local, generated)
}

function readNode(settings: Settings, transport: Transport, node: NodeEntry, version: IpVersion, host: HostInfo): void {
  for (const [link, { key, text }] of node.rings) {
    if (link > LINK_MAX) linkTooHigh(settings, link, key)
    if (transport === 'knet') {
      if (node.nodeId === 0) {
        settings.fail(
          key,
          `Knet requires an explicit nodeid to be specified for address '${text}'.`,
          'add "nodeid: <number from 1 to 65535>" to the node',
        )
      }
      if (node.nodeId >= KNET_NODE_ID_LIMIT) {
        settings.fail(
          `nodelist.node.${node.position}.nodeid`,
          `Knet requires nodeid to be less than ${KNET_NODE_ID_LIMIT} for address '${text}'.`,
          `a number from 1 to ${KNET_NODE_ID_LIMIT - 1}`,
        )
      }
    } else if (node.nodeId === 0 && link === Math.min(...node.rings.keys())) {
      const numeric = resolveAddress(text, 'ipv4', name => host.resolve(name))
      const generated = numeric === undefined ? undefined : generatedId(settings, numeric.address)
      if (generated === undefined) {
        settings.fail(
          key,
          `An IPV6 network requires that a node ID be specified for address '${text}'.`,
          'add "nodeid: <number>" to the node; ids are made from IPv4 addresses only',
        )
      }
      setNodeId(settings, node, generated)
    }
    const found = resolveAddress(text, version, name => host.resolve(name))
    if (found === undefined) settings.fail(key, `failed to parse node address '${text}'`, addressHelp(version))
    node.addresses.set(link, found)
  }
}

function generatedId(settings: Settings, address: string): number | undefined {
  return generateNodeId(address, 'big-endian', settings.text('totem.clear_node_high_bit') === 'yes')
}

function setNodeId(settings: Settings, node: NodeEntry, nodeId: number): void {
  node.nodeId = nodeId
  settings.write(`nodelist.node.${node.position}.nodeid`, { type: 'u32', value: nodeId })
}

function warnAboutOldStyle(settings: Settings, bindGiven: boolean): void {
  const member = settings.map.keys('totem.interface.').find(key => /^totem\.interface\.\d+\.member\./.test(key))
  const before = settings.warnings.length
  if (member !== undefined) {
    settings.warn('member section is used together with nodelist. Members ignored.', member)
  }
  if (settings.map.has('totem.nodeid')) {
    settings.warn(
      'nodeid in totem section is deprecated and ignored. Nodelist (or autogenerated) nodeid is going to be used.',
      'totem.nodeid',
    )
  }
  if (bindGiven) {
    settings.warn('interface section bindnetaddr is used together with nodelist. Nodelist one is going to be used.')
  }
  if (settings.warnings.length > before) settings.warn('Please migrate config file to nodelist.')
}

function configuredLinks(nodes: readonly NodeEntry[], described: readonly number[]): number[] {
  const links = new Set<number>(described)
  for (const node of nodes) for (const link of node.addresses.keys()) links.add(link)
  return [...links].sort((a, b) => a - b)
}

function checkLink(
  settings: Settings,
  transport: Transport,
  link: number,
  described: readonly number[],
  bound: ReadonlyMap<number, ResolvedAddress>,
  groups: ReadonlyMap<number, ResolvedAddress>,
): LinkDraft {
  const own = bound.get(link)
  const suffix = ` for interface ${link}`
  const family = own?.family ?? 4
  const broadcast = isBroadcast(settings, link, transport)
  // A link that only other nodes have gets no defaults.
  if (!described.includes(link)) {
    settings.fail(
      undefined,
      `${PARSE_ERROR}No multicast ${transport === 'udp' ? 'address' : 'port'} specified${suffix}`,
      `this node has no ring${link}_addr; every node needs an address on every link`,
    )
  }
  const mcastAddress = transport === 'udp' ? groupOf(settings, link, family, groups.get(link), suffix) : undefined
  const ttl = ttlOf(settings, link)
  if (transport !== 'udp' && ttl !== 1) {
    settings.fail(
      linkKey(link, 'ttl'),
      `${PARSE_ERROR}Can only set ttl on multicast transport types${suffix}`,
      'leave ttl out, or use transport: udp',
    )
  }
  const priority = settings.number(linkKey(link, 'knet_link_priority'), 'totem.interface.knet_link_priority')
  if (transport !== 'knet' && priority !== 1) {
    settings.fail(
      linkKey(link, 'knet_link_priority'),
      `${PARSE_ERROR}Can only set link priority on knet transport type${suffix}`,
      'leave knet_link_priority out, or use transport: knet',
    )
  }
  const mcastPort = portOf(settings, link, broadcast ? 2 : 1)
  if (transport === 'udp' && mcastAddress !== undefined) {
    settings.write(linkKey(link, 'mcastaddr'), { type: 'str', value: mcastAddress })
    settings.write(linkKey(link, 'mcastport'), { type: 'u16', value: mcastPort })
  }
  return {
    number: link,
    localAddress: own?.address ?? '',
    family,
    mcastPort,
    ...(mcastAddress === undefined ? {} : { mcastAddress }),
    broadcast,
    ttl,
  }
}

function memberOf(node: NodeEntry, links: readonly number[], firstLink: number): Member {
  const length = (links[links.length - 1] ?? 0) + 1
  return {
    nodeId: node.nodeId,
    ...(node.name === undefined ? {} : { name: node.name }),
    addresses: Array.from({ length }, (_, link) => node.addresses.get(link)?.address ?? ''),
    family: node.addresses.get(firstLink)?.family ?? 4,
  }
}

function checkNodes(settings: Settings, nodes: readonly NodeEntry[], links: readonly number[]): void {
  const onLink = (link: number) => nodes.filter(node => node.addresses.has(link))
  const unnamed = onLink(links[0]!).find(node => node.name === undefined)
  if (links.length > 1 && unnamed !== undefined) {
    settings.fail(
      [...unnamed.rings.values()][0]?.key,
      `${PARSE_ERROR}for a multi-link configuration, all nodes must have a 'name' attribute`,
      'add "name: <host name>" to every node',
    )
  }
  for (const link of links) {
    if (onLink(link).length === onLink(links[0]!).length) continue
    const lacking = nodes.find(node => !node.addresses.has(link) && node.addresses.size > 0)
    settings.fail(
      lacking === undefined ? undefined : [...lacking.rings.values()][0]?.key,
      `${PARSE_ERROR}Not all nodes have the same number of links`,
      `give every node a ring${link}_addr, or none`,
    )
  }
  for (const link of links) {
    const [first, ...others] = onLink(link)
    for (const other of others) {
      const a = other.addresses.get(link)!
      const b = first!.addresses.get(link)!
      if (a.family === b.family) continue
      settings.fail(
        other.rings.get(link)?.key,
        `${PARSE_ERROR}Nodes for link ${link} have different IP families (compared ${a.address} with ${b.address})`,
        'addresses of one family for all nodes of a link; totem.ip_version chooses what names become',
      )
    }
  }
  const seen = new Map<number, NodeEntry>()
  for (const node of nodes) {
    const other = seen.get(node.nodeId)
    if (other !== undefined && node.nodeId !== 0) {
      const key = `nodelist.node.${node.position}.nodeid`
      settings.fail(
        settings.origins.has(key) ? key : [...node.rings.values()][0]?.key,
        `Nodeid ${node.nodeId} appears twice in corosync.conf`,
        `nodes ${other.position} and ${node.position} of the nodelist (counted from 0) need different ids`,
      )
    }
    seen.set(node.nodeId, node)
  }
}

function checkKnetTransport(settings: Settings, link: number): void {
  const key = linkKey(link, 'knet_transport')
  const text = settings.given(key)
  if (text === undefined || text === 'udp' || text === 'sctp') return
  settings.fail(key, "Unrecognised knet_transport. expected 'udp' or 'sctp'", 'udp or sctp')
}

function linkTooHigh(settings: Settings, link: number, key: string | undefined): never {
  return settings.fail(
    key,
    `${PARSE_ERROR}interface ring number ${link} is bigger than allowed maximum ${LINK_MAX}`,
    `links are numbered from 0 to ${LINK_MAX}`,
  )
}

function anyKeyOf(settings: Settings, link: number): string | undefined {
  const own = settings.map.keys(linkKey(link, '')).find(key => settings.origins.has(key))
  return own ?? settings.map.keys('nodelist.node.').find(key => key.endsWith(`.ring${link}_addr`))
}

function addressHelp(version: IpVersion): string {
  const families = { ipv4: 'IPv4', ipv6: 'IPv6', 'ipv4-6': 'IPv4 or IPv6', 'ipv6-4': 'IPv6 or IPv4' }[version]
  return `a numeric ${families} address, or a name that resolves to one (totem.ip_version: ${version})`
}
