// The timers and log settings that follow from the map as it is now (spec: configuration 11.1 and 13.4): programs may write totem.token and
// its like at run time. In: the map, what cannot change. Out: the parameters of the ring and the keys that show them, or
// why they cannot be used. Applies nothing.

import type { TotemParameters } from '../totem/parameters.js'
import { checkTimers, deriveTimers, publishTimers, totemParameters } from './derive.js'
import { readLogging } from './logging.js'
import { ConfigMap } from './map.js'
import { createReadState } from './read.js'
import type { Entry } from './reload.js'
import { Settings } from './settings.js'
import {
  type AddressFamily,
  type DefaultsGeneration,
  InvalidConfiguration,
  type LoggingConfiguration,
  type Transport,
} from './types.js'

/** What the timers depend on besides the map, for the life of the daemon. */
export interface TuningFacts {
  readonly transport: Transport
  readonly family: AddressFamily
  /** totem.netmtu in force. */
  readonly netMtu: number
  readonly defaults: DefaultsGeneration
  /** A file of the old style: its nodes are not counted. */
  readonly legacy: boolean
}

export type Tuning =
  | {
      readonly ok: true
      readonly totem: TotemParameters
      readonly blockUnlistedIps: boolean
      /** The keys below runtime.config.totem. */
      readonly published: readonly Entry[]
    }
  | { readonly ok: false; readonly problem: string }

/** Where the map is read: whatever has keys and values. */
export interface ReadableMap {
  keys(prefix: string): readonly string[]
  get(key: string): ReturnType<ConfigMap['get']>
}

export function tune(map: ReadableMap, facts: TuningFacts): Tuning {
  const copy = new ConfigMap()
  for (const key of map.keys('totem.')) {
    const value = map.get(key)
    if (value !== undefined) copy.set(key, value)
  }
  const settings = new Settings({ ...createReadState(), map: copy, legacy: facts.legacy }, '', facts.defaults)
  const nodes = facts.legacy ? 0 : nodesOnLinkZero(map)
  const timers = deriveTimers(settings, nodes)
  try {
    checkTimers(settings, timers)
  } catch (error) {
    if (!(error instanceof InvalidConfiguration)) throw error
    return { ok: false, problem: error.message }
  }
  publishTimers(settings, timers, nodes)
  return {
    ok: true,
    totem: totemParameters(timers, facts.netMtu, facts.transport, facts.family),
    blockUnlistedIps: timers.blockUnlistedIps,
    published: copy.keys('runtime.config.totem.').map(key => [key, copy.get(key)!]),
  }
}

export type LoggingTuning =
  | { readonly ok: true; readonly logging: LoggingConfiguration }
  | { readonly ok: false; readonly problem: string }

/** Log settings that follow from the keys below `logging.`. Log files are tried by `openLogFile`. */
export function tuneLogging(
  entries: readonly Entry[],
  defaults: DefaultsGeneration,
  openLogFile: (path: string) => void,
): LoggingTuning {
  const map = new ConfigMap()
  for (const [key, value] of entries) map.set(key, value)
  try {
    const settings = new Settings({ ...createReadState(), map }, '', defaults)
    return { ok: true, logging: readLogging(settings, openLogFile) }
  } catch (error) {
    if (!(error instanceof InvalidConfiguration)) throw error
    return { ok: false, problem: error.message }
  }
}

function nodesOnLinkZero(map: ReadableMap): number {
  return map.keys('nodelist.node.').filter(key => /^nodelist\.node\.\d+\.ring0_addr$/.test(key)).length
}
