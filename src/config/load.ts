// The way from a file to a configuration, in the order in which the reference finds mistakes (spec: config 12.1): read the
// files, logging, state directory, transport, security, network, timers, the rest. Files, directories and the host are what
// the caller hands in; nothing here touches the system.

import { readCrypto } from './crypto.js'
import { checkTimers, deriveTimers, netMtuOf, publishTimers, totemParameters, warnAboutHeartbeat } from './derive.js'
import { errorText } from './errors.js'
import { schemaOf } from './keys.js'
import { readLegacy } from './legacy.js'
import { finishLinks, type Network } from './links.js'
import type { HostInfo } from './localnode.js'
import { noteLogging, readLogging } from './logging.js'
import { readNodelist } from './nodelist.js'
import { createReadState, type ReadState, readIdFile, readMainFile, readServiceFile } from './read.js'
import { collectRefusals, readPriority, warnAboutOldKeys } from './refusals.js'
import { PARSE_ERROR, Settings } from './settings.js'
import {
  type ConfigProblem,
  type Configuration,
  type DefaultsGeneration,
  ExitCode,
  InvalidConfiguration,
  type IpVersion,
  type LoadResult,
  type LoggingConfiguration,
  type Transport,
  type WireName,
} from './types.js'

/** Longest link mode that is looked at. */
const LINK_MODE_MAX = 63

export interface LoadOptions {
  /** The main file. `uidgid.d` (and, for old files, `service.d`) beside it is read too. */
  readonly path: string
  /** Content of a file; throws a system error with a `code`, as `readFileSync` does. */
  readonly read: (file: string) => Uint8Array
  /** Names of the regular files in a directory; empty when there is none. */
  readonly list: (directory: string) => readonly string[]
  readonly host: HostInfo
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Opens (creates) a log file; throws a system error. Left out: log files are not tried. */
  readonly openLogFile?: (path: string) => void
  /** Changes into the state directory; throws a system error. Left out: it is not tried. */
  readonly enterDirectory?: (path: string) => void
}

export function loadConfiguration(options: LoadOptions): LoadResult {
  const state = createReadState()
  let logging: LoggingConfiguration | undefined
  try {
    readFiles(state, options)
    const settings = new Settings(state, options.path, generationOf(state))
    logging = readLogging(settings, options.openLogFile)
    return { ok: true, configuration: validate(settings, state, options, logging) }
  } catch (error) {
    if (!(error instanceof InvalidConfiguration)) throw error
    return {
      ok: false,
      problems: error.problems,
      exitCode: error.exitCode,
      warnings: state.warnings,
      ...(logging === undefined ? {} : { logging }),
    }
  }
}

/** `-c`, else the environment, else the usual place (spec: config 1.2). */
export function mainFilePath(
  option: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return option ?? (environment.COROSYNC_MAIN_CONFIG_FILE || '/etc/corosync/corosync.conf')
}

function readFiles(state: ReadState, options: LoadOptions): void {
  const { path, read, host } = options
  const slash = path.lastIndexOf('/')
  const directory = slash < 0 ? '' : path.slice(0, slash + 1)
  const end = (problems: readonly ConfigProblem[]): never => {
    throw new InvalidConfiguration(problems, ExitCode.configuration)
  }
  const readOne = (file: string): Uint8Array => {
    try {
      return read(file)
    } catch (error) {
      return end([
        {
          stage: 'parser',
          file,
          line: 0,
          column: 0,
          message: `Can't read file ${file}: ${errorText(error)}`,
          help: 'a file that exists and may be read; -c names another one',
        },
      ])
    }
  }
  readMainFile(state, path, readOne(path), host)
  if (state.problems.length > 0) end(state.problems)
  for (const name of options.list(`${directory}uidgid.d`)) {
    const file = `${directory}uidgid.d/${name}`
    readIdFile(state, file, readOne(file), host)
    if (state.problems.length > 0) end(state.problems)
  }
  if (!state.legacy) return
  for (const name of options.list(`${directory}service.d`)) {
    const file = `${directory}service.d/${name}`
    readServiceFile(state, file, readOne(file))
  }
}

function wireOf(state: ReadState): WireName | undefined {
  return state.map.getString('totem.wire') as WireName | undefined
}

function generationOf(state: ReadState): DefaultsGeneration {
  const wire = wireOf(state)
  if (state.legacy) return wire === '2.4' ? '2.4' : '1.4'
  return wire ?? '3'
}

function validate(
  settings: Settings,
  state: ReadState,
  options: LoadOptions,
  logging: LoggingConfiguration,
): Configuration {
  const { environment, host } = options
  const stateDir = enterStateDirectory(settings, options)
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
  warnAboutOldKeys(settings, state.services)

  const wire = wireOf(state) ?? '3'
  noteNetwork(settings, network, wire, stateDir)
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

function noteNetwork(settings: Settings, network: Network, wire: WireName, stateDir: string): void {
  const note = (key: string, value: string | number) => settings.note(key, value)
  note('totem.wire', wire)
  note('totem.transport', network.transport)
  note('totem.ip_version', network.ipVersion)
  const name = settings.given('totem.cluster_name')
  if (name !== undefined) note('totem.cluster_name', name)
  note('totem.config_version', String(settings.map.getBigInt('totem.config_version', 'u64') ?? 0n))
  const local = network.localNodePosition
  const idKey = local === undefined ? 'totem.nodeid' : `nodelist.node.${local}.nodeid`
  settings.note(
    'own node id',
    network.nodeId,
    settings.origins.has(idKey)
      ? settings.origin(idKey)
      : { kind: 'derived', from: `IPv4 address ${network.links[0]?.localAddress}` },
  )
  for (const link of network.links) {
    const prefix = `link ${link.number}`
    const own =
      local === undefined
        ? `totem.interface.${link.number}.bindnetaddr`
        : `nodelist.node.${local}.ring${link.number}_addr`
    settings.note(`${prefix} own address`, link.localAddress, settings.origin(own))
    settings.note(`${prefix} port`, link.mcastPort, settings.origin(`totem.interface.${link.number}.mcastport`))
    if (link.mcastAddress !== undefined) {
      const key = `totem.interface.${link.number}.${link.broadcast ? 'broadcast' : 'mcastaddr'}`
      const origin = settings.origins.has(key)
        ? settings.origin(key)
        : { kind: 'derived' as const, from: 'totem.cluster_name' }
      settings.note(`${prefix} group`, link.mcastAddress, origin)
      settings.note(`${prefix} ttl`, link.ttl, settings.origin(`totem.interface.${link.number}.ttl`))
    }
  }
  network.members.forEach(member => {
    const label = member.name === undefined ? '' : ` ${member.name}`
    const value = `${member.addresses.filter(address => address !== '').join(' ')}${label}`
    const key = settings.map.keys('nodelist.node.').find(each => {
      return each.endsWith('.nodeid') && settings.map.getNumber(each, 'u32') === member.nodeId
    })
    const place = key === undefined ? undefined : settings.map.keys(key.slice(0, -'nodeid'.length))[0]
    settings.note(`member ${member.nodeId}`, value, place === undefined ? { kind: 'default' } : settings.origin(place))
  })
  const netMtu = netMtuOf(settings, network.transport)
  settings.note('totem.netmtu', `${netMtu} bytes`)
  note('system.state_dir', stateDir)
  note('system.sched_rr', settings.text('system.sched_rr'))
  note('system.priority', settings.text('system.priority'))
  note('system.move_to_root_cgroup', settings.text('system.move_to_root_cgroup'))
  note('system.udp_offload', settings.text('system.udp_offload'))
  note('quorum.provider', settings.given('quorum.provider') ?? '(none)')
}
