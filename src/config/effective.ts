// The lines of the table of `-t -v` about the network and the system: what this node is, its links, its members, and where
// each of these comes from. Timers and logging add their own lines.

import { netMtuOf } from './derive.js'
import { linkKey, type Network } from './links.js'
import type { Settings } from './settings.js'
import type { ValueOrigin, WireName } from './types.js'

export function noteNetwork(settings: Settings, network: Network, wire: WireName): void {
  settings.note('totem.wire', wire)
  settings.note('totem.transport', network.transport)
  settings.note('totem.ip_version', network.ipVersion)
  const name = settings.given('totem.cluster_name')
  if (name !== undefined) settings.note('totem.cluster_name', name)
  settings.note('totem.config_version', String(settings.map.getBigInt('totem.config_version', 'u64') ?? 0n))

  const local = network.localNodePosition
  const idKey = local === undefined ? 'totem.nodeid' : `nodelist.node.${local}.nodeid`
  const generated: ValueOrigin = { kind: 'derived', from: `address ${network.links[0]?.localAddress}` }
  settings.note('own node id', network.nodeId, settings.origins.has(idKey) ? settings.origin(idKey) : generated)
  for (const link of network.links) {
    const { number, localAddress, mcastPort, mcastAddress, broadcast, ttl } = link
    const ownKey = local === undefined ? linkKey(number, 'bindnetaddr') : `nodelist.node.${local}.ring${number}_addr`
    settings.note(`link ${number} own address`, localAddress, settings.origin(ownKey))
    const portOrigin = settings.numberOrigin(linkKey(number, 'mcastport'), 'totem.interface.mcastport')
    settings.note(`link ${number} port`, mcastPort, portOrigin)
    if (mcastAddress === undefined) continue
    const groupKey = linkKey(number, broadcast ? 'broadcast' : 'mcastaddr')
    const hashed: ValueOrigin = { kind: 'derived', from: 'totem.cluster_name' }
    const groupOrigin = settings.origins.has(groupKey) ? settings.origin(groupKey) : hashed
    settings.note(`link ${number} group`, mcastAddress, groupOrigin)
    settings.note(`link ${number} ttl`, ttl, settings.origin(linkKey(number, 'ttl')))
  }
  network.members.forEach((member, i) => {
    const addresses = member.addresses.filter(address => address !== '')
    const value = [...addresses, member.name ?? ''].join(' ').trimEnd()
    settings.note(`member ${member.nodeId}`, value, settings.origin(network.memberKeys[i] ?? ''))
  })
  const netMtu = netMtuOf(settings, network.transport)
  settings.note('totem.netmtu', `${netMtu} bytes`, settings.numberOrigin('totem.netmtu'))
}

export function noteSystem(
  settings: Settings,
  stateDir: string,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const variable = ['STATE_DIRECTORY', 'COROSYNC_RUN_DIR'].find(name => environment[name])
  const ambient: ValueOrigin = { kind: 'derived', from: `environment ${variable}` }
  const known = settings.origins.has('system.state_dir') || variable === undefined
  settings.note('system.state_dir', stateDir, known ? settings.origin('system.state_dir') : ambient)
  for (const name of ['sched_rr', 'priority', 'move_to_root_cgroup', 'udp_offload']) {
    settings.note(`system.${name}`, settings.text(`system.${name}`))
  }
  settings.note('quorum.provider', settings.given('quorum.provider') ?? '(none)')
}
