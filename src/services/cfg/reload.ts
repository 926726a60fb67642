// What a reload does to the configuration map, step by step in the order that programs watch (spec: services 6.4,
// configuration 13). In: what the file of this node says now. Out: changes of the map, log lines, a result. Must not
// know: who asked, how files are read.
//
// Where the C daemon leaves things half done this one does not: a file that cannot be used changes nothing, not even the
// keys that it lacks, and a flag that was set falls again.

import { unchangeableKeys } from '../../config/keys.js'
import { type MapValue, sameValue } from '../../config/map.js'
import type { LogSink } from '../../log/types.js'
import type { LiveMap } from '../cmap/live-map.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { CfgHost, ConfigurationRead, ValidConfiguration } from './types.js'

export const RELOAD_TOTEM_KEY = 'config.totemconfig_reload_in_progress'
export const RELOAD_KEY = 'config.reload_in_progress'
export const RELOAD_STATUS_KEY = 'config.reload_status'

/** Keys that start like this belong to the file: those that it lacks go. In the order in which they are looked at. */
const OWNED_PREFIXES = ['logging.', 'totem.', 'nodelist.', 'quorum.', 'uidgid.config.', 'nozzle.']

export interface ReloadOptions {
  readonly map: LiveMap
  readonly log: LogSink
  readonly host: Pick<CfgHost, 'refuses' | 'apply'>
}

/** From here on the map says that it is about to change. */
export function beginReload(map: LiveMap): void {
  map.set(RELOAD_TOTEM_KEY, u8(1))
}

/** The result is OK or INVALID_PARAM, and the map has settled when this returns. */
export function finishReload(read: ConfigurationRead, options: ReloadOptions): CsErrorCode {
  const { map, log } = options
  if (read.kind === 'unreadable') {
    log('error', 'CFG', `Unable to reload config file: ${read.problem}`)
    map.set(RELOAD_TOTEM_KEY, u8(0))
    return CsError.INVALID_PARAM
  }
  map.set(RELOAD_KEY, u8(1))
  const result = accept(read, options)
  map.set(RELOAD_STATUS_KEY, { type: 'i32', value: result })
  // Votes and logging take their part of the map when the first falls, everything else with the second.
  map.set(RELOAD_TOTEM_KEY, u8(0))
  map.set(RELOAD_KEY, u8(0))
  return result
}

function accept(read: ConfigurationRead, { map, log, host }: ReloadOptions): CsErrorCode {
  if (read.kind !== 'valid') {
    if (read.kind === 'invalid') log('error', 'CFG', `Configuration is not valid: ${read.problem}`)
    return CsError.INVALID_PARAM
  }
  const refused = host.refuses(read)
  if (refused !== undefined) {
    log('error', 'CFG', `Cannot configure new interface definitions: ${refused}`)
    return CsError.INVALID_PARAM
  }
  const file = new Map(read.file.map(entry => [entry.key, entry.value]))
  const kept = new Set<string>()
  for (const key of unchangeableKeys()) {
    if (!map.has(key) && !file.has(key)) continue
    kept.add(key)
    if (differs(map.get(key), file.get(key))) {
      log('notice', 'CFG', `Modified entry '${key}' in corosync.conf cannot be changed at run-time`)
    }
  }
  for (const prefix of OWNED_PREFIXES) {
    for (const key of map.keys(prefix)) if (!file.has(key) && !kept.has(key)) map.delete(key)
  }
  copy(read, kept, map)
  host.apply(read)
  return CsError.OK
}

/** Everything that the file says and that follows from it, in the order of the keys. */
function copy(read: ValidConfiguration, kept: ReadonlySet<string>, map: LiveMap): void {
  const all = new Map<string, MapValue>()
  for (const { key, value } of read.file) all.set(key, value)
  for (const { key, value } of read.derived) all.set(key, value)
  for (const key of [...all.keys()].sort()) {
    const value = all.get(key)
    if (value !== undefined && !kept.has(key)) map.set(key, value)
  }
}

function differs(a: MapValue | undefined, b: MapValue | undefined): boolean {
  if (a === undefined || b === undefined) return a !== b
  return !sameValue(a, b)
}

function u8(value: number): MapValue {
  return { type: 'u8', value }
}
