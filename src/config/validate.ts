// The checks of a configuration in the order of the reference (spec: config 12.1, steps 3 to 16), and the configuration that
// comes out of them. The first check that fails ends it; each step stands in a file of its own.

import { readCrypto } from './crypto.js'
import { checkTimers, deriveTimers, netMtuOf, publishTimers, totemParameters, warnAboutHeartbeat } from './derive.js'
import { noteNetwork, noteSystem } from './effective.js'
import { errorText } from './errors.js'
import { schemaOf } from './keys.js'
import { readLegacy } from './legacy.js'
import { finishLinks, type Network } from './links.js'
import type { LoadOptions } from './load.js'
import { noteLogging } from './logging.js'
import { readNodelist } from './nodelist.js'
import type { ReadState } from './read.js'
import { collectRefusals, readPriority, warnAboutOldKeys } from './refusals.js'
import { PARSE_ERROR, type Settings } from './settings.js'
import {
  type Configuration,
  type DefaultsGeneration,
  ExitCode,
  type IpVersion,
  type LoggingConfiguration,
  type Transport,
  type WireName,
} from './types.js'

/** Longest link mode that is looked at. */
const LINK_MODE_MAX = 63
/** The name of a local socket has 106 characters at most, that of a service's is short. */
const IPC_PREFIX_MAX = 64

function wireOf(state: ReadState): WireName | undefined {
  return state.map.getString('totem.wire') as WireName | undefined
}

/** Whose defaults apply. */
export function generationOf(state: ReadState): DefaultsGeneration {
  const wire = wireOf(state)
  if (state.legacy) return wire === '2.4' ? '2.4' : '1.4'
  return wire ?? '3'
}

export function validate(
  settings: Settings,
  state: ReadState,
  options: LoadOptions,
  logging: LoggingConfiguration,
): Configuration {
  const { environment, host } = options
  const stateDir = enterStateDirectory(settings, options)
  const ipcPrefix = readIpcPrefix(settings, environment)
  const transport = readTransport(settings)
  const crypto = readCrypto(settings, options.read, environment.COROSYNC_TOTEM_AUTHKEY_FILE)
  checkLinkModeLength(settings)
  let network: Network
  let finishNodes = (): void => {}
  if (settings.legacy) network = readLegacy(settings, transport, host)
  else {
    const draft = readNodelist(settings, transport, ipVersionOf(settings, transport), host)
    network = draft.network
    finishNodes = draft.finish
  }
  if (settings.map.getNumber('totem.version', 'u32') !== 2) {
    settings.fail(
      'totem.version',
      `${PARSE_ERROR}This totem parser can only parse version 2 configurations.`,
      '"version: 2" in the totem section',
    )
  }
  const timers = deriveTimers(settings, network.nodesOnLinkZero)
  checkTimers(settings, timers)
  finishNodes()
  checkTransport(settings, network, crypto !== undefined)
  warnAboutHeartbeat(settings, timers)
  warnAboutOldKeys(settings, state.services, environment)

  const wire = wireOf(state) ?? '3'
  noteNetwork(settings, network, wire)
  noteSystem(settings, stateDir, environment)
  publishTimers(settings, timers, network.nodesOnLinkZero)
  const links = finishLinks(settings, network.links, timers.token)
  noteLogging(settings, logging)
  const first = links[0]!
  const netMtu = netMtuOf(settings, transport)
  const clusterName = settings.given('totem.cluster_name')
  const quorumProvider = settings.given('quorum.provider')
  return {
    file: options.path,
    legacy: settings.legacy,
    defaults: settings.generation,
    wire,
    nodeId: network.nodeId,
    ...(network.localNodePosition === undefined ? {} : { localNodePosition: network.localNodePosition }),
    ...(network.localName === undefined ? {} : { localName: network.localName }),
    ...(clusterName === undefined ? {} : { clusterName }),
    transport,
    ipVersion: network.ipVersion,
    family: first.family,
    members: network.members,
    links,
    localAddress: first.localAddress,
    bindAddress: network.bindAddress,
    ...(network.bindNetwork === undefined ? {} : { bindNetwork: network.bindNetwork }),
    ...(first.mcastAddress === undefined ? {} : { mcastAddress: first.mcastAddress }),
    mcastPort: first.mcastPort,
    ttl: first.ttl,
    broadcast: first.broadcast,
    netMtu,
    blockUnlistedIps: timers.blockUnlistedIps,
    udpOffload: settings.text('system.udp_offload') === 'yes',
    ipDscp: settings.number('totem.ip_dscp'),
    ...(crypto === undefined
      ? {}
      : { crypto: { model: crypto.model, cipher: crypto.cipher, hash: crypto.hash, key: crypto.key } }),
    totem: totemParameters(timers, netMtu, transport, first.family),
    configVersion: settings.map.getBigInt('totem.config_version', 'u64') ?? 0n,
    stateDir,
    scheduling: {
      roundRobin: settings.text('system.sched_rr') === 'yes',
      priority: readPriority(settings.text('system.priority')) ?? 0,
      moveToRootCgroup: settings.text('system.move_to_root_cgroup') as 'yes' | 'no' | 'auto',
    },
    ipcType: ipcTypeOf(settings),
    ipcPrefix,
    logging,
    ...(quorumProvider === undefined ? {} : { quorumProvider }),
    services: state.services,
    warnings: settings.warnings,
    refusals: collectRefusals(settings, network, wire, crypto),
    effective: settings.effective,
    map: settings.map,
    origins: settings.origins,
  }
}

function enterStateDirectory(settings: Settings, options: LoadOptions): string {
  const { environment } = options
  const directory =
    settings.given('system.state_dir') ??
    (environment.STATE_DIRECTORY || environment.COROSYNC_RUN_DIR || settings.default('system.state_dir'))
  try {
    options.enterDirectory?.(directory)
  } catch (error) {
    settings.fail(
      settings.origins.has('system.state_dir') ? 'system.state_dir' : undefined,
      `Cannot chdir to state directory ${directory}. ${errorText(error)}`,
      'a directory that exists; system.state_dir or STATE_DIRECTORY names another one',
      ExitCode.stateDirectory,
    )
  }
  return directory
}

function readIpcPrefix(settings: Settings, environment: LoadOptions['environment']): string {
  const given = settings.given('system.ipc_prefix')
  const prefix = given ?? environment.COROSYNC_IPC_PREFIX ?? ''
  if (prefix.length > IPC_PREFIX_MAX || !/^[!-.0-~]*$/.test(prefix)) {
    settings.fail(
      given === undefined ? undefined : 'system.ipc_prefix',
      `Invalid IPC name prefix: '${prefix}'`,
      `at most ${IPC_PREFIX_MAX} visible characters, none of them a slash`,
    )
  }
  return prefix
}

function readTransport(settings: Settings): Transport {
  const text = settings.text('totem.transport')
  const rule = schemaOf('totem.transport').words!
  if (!rule.words.includes(text)) settings.fail('totem.transport', rule.reason, `one of: ${rule.words.join(', ')}`)
  return text as Transport
}

function ipVersionOf(settings: Settings, transport: Transport): IpVersion {
  return (settings.given('totem.ip_version') as IpVersion | undefined) ?? (transport === 'udp' ? 'ipv4' : 'ipv6-4')
}

function checkLinkModeLength(settings: Settings): void {
  const mode = settings.given('totem.link_mode')
  if (mode === undefined || Buffer.byteLength(mode) <= LINK_MODE_MAX) return
  settings.fail('totem.link_mode', 'totem.link_mode is too long', 'one of: passive, active, rr')
}

/** Step 16: what only some transports can do. */
function checkTransport(settings: Settings, network: Network, crypto: boolean): void {
  const rule = schemaOf('totem.link_mode').words!
  const mode = settings.text('totem.link_mode')
  if (!settings.legacy && !rule.words.includes(mode)) {
    const reason = rule.reason.replace('<value>', mode)
    settings.fail('totem.link_mode', PARSE_ERROR + reason, `one of: ${rule.words.join(', ')}`)
  }
  // Redundant rings and secauth of old files are refused at start instead.
  if (network.transport === 'knet' || settings.generation !== '3') return
  if (network.links.length > 1) {
    const second = network.links[1]!.number
    settings.fail(
      settings.map.keys('nodelist.node.').find(key => key.endsWith(`.ring${second}_addr`)),
      `${PARSE_ERROR}${network.links.length} is too many configured interfaces for non-Knet transport.`,
      `one link with ${network.transport}, or transport: knet`,
    )
  }
  if (crypto) {
    const key = ['totem.secauth', 'totem.crypto_cipher', 'totem.crypto_hash'].find(name => settings.origins.has(name))
    settings.fail(
      key,
      `${PARSE_ERROR}crypto_cipher & crypto_hash are only valid for the Knet transport.`,
      `leave them out (and secauth off) with ${network.transport}`,
    )
  }
}

function ipcTypeOf(settings: Settings): Configuration['ipcType'] {
  const old = settings.given('qb.ipc_type')
  const own = settings.given('system.qb_ipc_type')
  if (old !== undefined) settings.warn('qb.ipc_type is an old name; write system.qb_ipc_type.', 'qb.ipc_type')
  return (own ?? old ?? settings.default('system.qb_ipc_type')) as Configuration['ipcType']
}
