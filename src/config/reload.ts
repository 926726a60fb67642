// A file read again while the daemon runs (spec: configuration 13). Keys that cannot change keep what they were at the
// start, whatever the file says, and everything else is judged with that. In: the file, the configuration of the start. Out:
// what the file says and what follows from it, or why it cannot be used. Applies nothing.

import { unchangeableKeys } from './keys.js'
import { type LoadOptions, loadConfiguration } from './load.js'
import { ConfigMap, type MapValue, sameValue } from './map.js'
import type { ConfigProblem, Configuration, Place } from './types.js'

export type Entry = readonly [key: string, value: MapValue]

export type Reread =
  | {
      readonly ok: true
      readonly file: readonly Entry[]
      readonly derived: readonly Entry[]
      readonly configuration: Configuration
    }
  /** `readable`: it was understood, but it cannot be used. */
  | { readonly ok: false; readonly readable: boolean; readonly problem: string }

/** Keys of the start that a reload takes away and does not bring back, as in the C daemon. */
const START_ONLY_PREFIX = 'totem.interface.'

/** Log files are opened and the state directory is left alone; otherwise as at the start. */
export function rereadConfiguration(options: LoadOptions, start: Configuration): Reread {
  const file = new ConfigMap()
  const result = loadConfiguration({
    ...options,
    afterReading: map => {
      for (const key of map.keys()) file.set(key, map.get(key)!)
      for (const key of unchangeableKeys()) {
        const value = start.map.get(key)
        if (value === undefined) map.delete(key)
        else map.set(key, value)
      }
    },
  })
  if (!result.ok) {
    const [problem] = result.problems
    const readable = problem?.stage !== 'parser'
    return { ok: false, readable, problem: problem === undefined ? 'no reason was found' : problemText(problem) }
  }
  const { configuration } = result
  const obstacle = obstacleTo(configuration, start)
  if (obstacle !== undefined) return { ok: false, readable: true, problem: obstacle }
  return { ok: true, file: entries(file), derived: derivedFrom(file, configuration.map), configuration }
}

/** What makes it another node, or something that cannot run. */
function obstacleTo(configuration: Configuration, start: Configuration): string | undefined {
  if (configuration.legacy !== start.legacy) {
    return `the file ${start.legacy ? 'has a nodelist and had none' : 'has no nodelist any more'} when this node started`
  }
  if (configuration.nodeId !== start.nodeId) {
    return `the id of this node is ${start.nodeId} until it is started again, and not ${configuration.nodeId}`
  }
  return configuration.refusals[0]?.message
}

function derivedFrom(file: ConfigMap, whole: ConfigMap): Entry[] {
  const fixed = new Set(unchangeableKeys())
  return entries(whole).filter(([key, value]) => {
    if (fixed.has(key) || key.startsWith(START_ONLY_PREFIX)) return false
    const given = file.get(key)
    return given === undefined || !sameValue(given, value)
  })
}

function entries(map: ConfigMap): Entry[] {
  return map.keys().map(key => [key, map.get(key)!])
}

/** One line, in the words of the C daemon. */
function problemText(problem: ConfigProblem): string {
  const { stage, message } = problem
  return stage === 'parser' && problem.line > 0 ? `parser error: ${place(problem)}: ${message}` : message
}

function place({ file, line }: Place): string {
  return `${file}:${line}`
}
