// Looking things up in the schema table: the row of a path, the conversion of a text to the type of its row, what clients
// of the map may not write. Pure functions over schema.ts.

import type { MapValue } from './map.js'
import { INTEGER_RANGE } from './map.js'
import { type KeySchema, READ_ONLY_KEYS, READ_ONLY_PREFIXES, SCHEMA } from './schema.js'
import type { DefaultsGeneration } from './types.js'

const exact = new Map<string, KeySchema>()
const patterns: { readonly schema: KeySchema; readonly expression: RegExp }[] = []
for (const schema of SCHEMA) {
  if (schema.path.includes('*')) patterns.push({ schema, expression: wildcard(schema.path) })
  else exact.set(schema.path, schema)
}

const readOnlyExact = new Set<string>(READ_ONLY_KEYS)
for (const schema of SCHEMA) if (schema.readOnly && schema.cmap === undefined) readOnlyExact.add(schema.path)

function wildcard(path: string): RegExp {
  const parts = path.split(/(\*\*|\*)/).map(part => {
    if (part === '**') return '.*'
    if (part === '*') return '[^.]*'
    return part.replaceAll('.', '\\.')
  })
  return new RegExp(`^${parts.join('')}$`, 's')
}

/** The row of a key as it stands in a file, or undefined for a key that nobody knows. */
export function findKey(path: string): KeySchema | undefined {
  return exact.get(path) ?? patterns.find(({ expression }) => expression.test(path))?.schema
}

/** The row of a key that is certainly in the table. */
export function schemaOf(path: string): KeySchema {
  const found = exact.get(path)
  if (found === undefined) throw new Error(`no such key in the schema: ${path}`)
  return found
}

/** The default of a generation as text; a key that a generation lacks takes the newest default. */
export function defaultOf(schema: KeySchema, generation: DefaultsGeneration): string {
  const own = schema.defaults[generation === '1.4' ? 0 : generation === '2.4' ? 1 : 2]
  return own === '-' ? schema.defaults[2] : own
}

/** In the order in which the C daemon speaks of them. */
const SPOKEN_OF_FIRST = [
  'totem.version',
  'totem.threads',
  'totem.ip_version',
  'totem.rrp_mode',
  'totem.netmtu',
  'totem.transport',
  'totem.cluster_name',
  'quorum.provider',
]
const refusedPaths = SCHEMA.filter(schema => schema.reload === 'refused').map(schema => schema.path)
const unchangeable = [...SPOKEN_OF_FIRST, ...refusedPaths.filter(path => !SPOKEN_OF_FIRST.includes(path))]

/** Keys that keep the value of the start for the life of the daemon (spec: config 13.2). */
export function unchangeableKeys(): readonly string[] {
  return unchangeable
}

/** May a client of the map not write this key? (spec: config 13.3) */
export function isReadOnly(cmapKey: string): boolean {
  return readOnlyExact.has(cmapKey) || READ_ONLY_PREFIXES.some(prefix => cmapKey.startsWith(prefix))
}

export type Conversion =
  | { readonly ok: true; readonly value: MapValue }
  | { readonly ok: false; readonly reason: string; readonly help: string }

/** Text of a file to the value of the map, with the checks that the parser makes. `path` is for the message only. */
export function convert(schema: KeySchema | undefined, path: string, text: string): Conversion {
  if (schema === undefined) return { ok: true, value: { type: 'str', value: text } }
  const rule = schema.words
  if (rule?.check === 'parser' && !rule.words.includes(text)) {
    return { ok: false, reason: rule.reason, help: `one of: ${rule.words.join(', ')}${leftOut(schema)}` }
  }
  if (schema.path === 'totem.ip_dscp') return convertDscp(text)
  const type = schema.type
  if (type === 'str') return { ok: true, value: { type, value: text } }
  if (type === 'u64') {
    const value = unsigned64(text)
    if (value !== undefined) return { ok: true, value: { type, value } }
    return {
      ok: false,
      reason: `Value of key "${path}" is expected to be unsigned integer, but "${text}" was given`,
      help: `a whole number from 0 to ${2n ** 64n - 1n}${leftOut(schema)}`,
    }
  }
  const [min, max] = INTEGER_RANGE[type]
  const value = integer(text, min, max)
  if (value !== undefined) return { ok: true, value: { type, value } }
  return {
    ok: false,
    reason: `Value of key "${path}" is expected to be integer in range (${min}..${max}), but "${text}" was given`,
    help: `a whole number from ${min} to ${max}, digits only, without a unit${leftOut(schema)}`,
  }
}

function leftOut(schema: KeySchema): string {
  const value = schema.defaults[2]
  return value === '' || value === '-' ? '' : `; left out, it is ${value}`
}

// Decimal as in C: white space in front, a sign, digits, nothing behind (spec: config 2.3).
const DECIMAL = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/

/** A decimal number within the range, or undefined. */
export function integer(text: string, min: number, max: number): number | undefined {
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const value = match[1] === '-' ? -Number(match[2]) : Number(match[2])
  return value >= min && value <= max ? value + 0 : undefined
}

/** A minus wraps around, as in C: -1 is the largest number. */
export function unsigned64(text: string): bigint | undefined {
  const match = DECIMAL.exec(text)
  if (match === null) return undefined
  const magnitude = BigInt(match[2]!)
  if (magnitude >= 2n ** 64n) return undefined
  return match[1] === '-' ? BigInt.asUintN(64, -magnitude) : magnitude
}

const DSCP_NAMES: ReadonlyMap<string, number> = new Map([
  ...Array.from({ length: 8 }, (_, i): [string, number] => [`cs${i}`, i * 8]),
  ...[1, 2, 3, 4].flatMap(c => [1, 2, 3].map((d): [string, number] => [`af${c}${d}`, c * 8 + d * 2])),
  ['ef', 46],
])

const DSCP_MAX = 63

function convertDscp(text: string): Conversion {
  const named = DSCP_NAMES.get(text)
  const number = /^0[xX][0-9a-fA-F]+$/.test(text)
    ? Number.parseInt(text, 16)
    : /^0[0-7]*$/.test(text)
      ? Number.parseInt(text, 8)
      : integer(text, 0, DSCP_MAX)
  const value = named ?? number
  if (value !== undefined && value <= DSCP_MAX) return { ok: true, value: { type: 'u8', value } }
  return {
    ok: false,
    reason: 'Invalid ip_dscp value',
    help: `a number from 0 to ${DSCP_MAX}, or cs0 to cs7, af11 to af43, ef`,
  }
}
