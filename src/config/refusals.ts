// What a correct file may ask for that a node cannot do yet, or does not do (start only; the test option accepts it), and
// the 1.x keys that are ignored with a warning (spec: config 9).

import type { CryptoRequest } from './crypto.js'
import { integer } from './keys.js'
import type { Network } from './links.js'
import { linkKey } from './links.js'
import type { Settings } from './settings.js'
import {
  ExitCode,
  type Refusal,
  type SchedulingConfiguration,
  type ServiceDeclaration,
  type WireName,
} from './types.js'

/** Services that every daemon has, by the names that old files use. */
const BUILT_IN_SERVICES = [
  'corosync_evs',
  'corosync_cfg',
  'corosync_cpg',
  'corosync_confdb',
  'corosync_cmap',
  'corosync_pload',
  'corosync_quorum',
  'corosync_votequorum',
  'corosync_mon',
  'corosync_wd',
]

/** Programs that the daemon starts for a service section with `ver: 0`, by the name of the service. */
export const STARTED_PROGRAMS: ReadonlyMap<string, string> = new Map([['pacemaker', 'pacemakerd']])

const QUORUM_PROVIDERS = ['corosync_votequorum']
const OLD_QUORUM_PROVIDERS = ['corosync_quorum_ykd', 'corosync_ykd', 'testquorum']

export function collectRefusals(
  settings: Settings,
  network: Network,
  wire: WireName,
  crypto: CryptoRequest | undefined,
): Refusal[] {
  const refusals: Refusal[] = []
  const refuse = (key: string, message: string, help: string, exitCode: number = ExitCode.configuration) =>
    refusals.push({ ...settings.problem(key, message, help), key, exitCode })

  if (wire !== '3') {
    refuse('totem.wire', `totem.wire: ${wire} does not run yet`, 'wire: 3, or leave it out')
  }
  if (network.transport === 'knet') {
    const left = settings.origins.has('totem.transport') ? '' : ' (the default when totem.transport is left out)'
    refuse('totem.transport', `totem.transport: knet${left} does not run yet`, 'transport: udpu, or transport: udp')
  }
  if (crypto !== undefined) {
    const left = settings.origins.has(crypto.because) ? '' : ' (on by default in files without a nodelist)'
    refuse(
      crypto.because,
      `${crypto.because}${left}: packet security does not run yet`,
      'secauth: off, without crypto_cipher and crypto_hash',
    )
  }
  if (network.links.length > 1) {
    const second = network.links[1]!.number
    const key = settings.legacy ? 'totem.rrp_mode' : secondLinkKey(settings, second)
    const what = settings.legacy ? 'two rings (totem.rrp_mode) do' : `more than one link (${key}) does`
    refuse(key, `${what} not run yet`, 'one link: ring0_addr only, one interface section')
  }
  const generated = network.members.length > 1 && settings.legacy && settings.givenNumber('totem.nodeid') !== undefined
  if (generated) {
    refuse(
      'totem.nodeid',
      'totem.nodeid together with a member list: the other nodes have ids of their own that this file does not tell',
      'leave nodeid out on every node, or write a nodelist with a nodeid for each node',
    )
  }
  const priority = settings.text('system.priority')
  if (readPriority(priority) === undefined) {
    refuse('system.priority', `Priority value ${priority} is invalid`, 'a number from -20 to 19, max, or min')
  }
  const provider = settings.given('quorum.provider')
  if (provider !== undefined && !QUORUM_PROVIDERS.includes(provider) && !OLD_QUORUM_PROVIDERS.includes(provider)) {
    refuse(
      'quorum.provider',
      `quorum.provider: there is no quorum provider ${provider}`,
      `provider: ${QUORUM_PROVIDERS.join(', ')}`,
      ExitCode.service,
    )
  }
  return refusals
}

function secondLinkKey(settings: Settings, link: number): string {
  const ring = settings.map.keys('nodelist.node.').find(key => key.endsWith(`.ring${link}_addr`))
  return ring ?? linkKey(link, 'bindnetaddr')
}

/** Undefined when the text is no priority; otherwise as the start uses it. */
export function readPriority(text: string): SchedulingConfiguration['priority'] | undefined {
  if (text === 'max' || text === 'min') return text
  return integer(text, -0x80000000, 0x7fffffff)
}

/** One line for each thing of an old file, or of its environment, that has no effect here. */
export function warnAboutOldKeys(
  settings: Settings,
  services: readonly ServiceDeclaration[],
  environment: Readonly<Record<string, string | undefined>>,
): void {
  const parser = environment.COROSYNC_DEFAULT_CONFIG_IFACE
  if (parser !== undefined && parser !== 'corosync_parser') {
    settings.warn(`COROSYNC_DEFAULT_CONFIG_IFACE=${parser} is ignored: there are no configuration plug-ins.`)
  }
  const ignored = (key: string, unless: readonly string[], why: string) => {
    const value = settings.given(key)
    if (value !== undefined && !unless.includes(value)) settings.warn(`${key}: ${value} is ignored: ${why}.`, key)
  }
  ignored('totem.crypto_type', [], 'it chose the cipher of 1.x and 2.x; use crypto_cipher')
  ignored('totem.crypto_accept', [], 'it is about keys of 1.x')
  ignored('totem.vsftype', ['ykd', 'none'], 'the filter is unused since 1.0')
  ignored('aisexec.defaultservices', ['yes'], 'the built-in services are always there')
  ignored('amf.mode', ['disabled'], 'there is no application management framework')
  const provider = settings.given('quorum.provider')
  if (provider !== undefined && OLD_QUORUM_PROVIDERS.includes(provider)) {
    settings.warn(`quorum.provider: ${provider} is not supported; this node runs without quorum.`, 'quorum.provider')
  }
  for (const service of services) {
    if (BUILT_IN_SERVICES.includes(service.name) || STARTED_PROGRAMS.has(service.name)) continue
    settings.warnings.push({
      message: `service ${service.name}: service sections are not supported, start it as its own program.`,
      key: 'service.name',
      place: service.place,
    })
  }
}
