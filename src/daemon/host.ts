// What configuration needs to know of this host, looked up for real: interfaces, names, users. Names are resolved
// beforehand and asynchronously, so that reading a configuration can stay synchronous.

import { spawnSync } from 'node:child_process'
import { lookup, lookupService } from 'node:dns/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { type HostInfo, type HostInterface, namesToResolve } from '../config/index.js'

/** A name server that does not answer must not hold up a start for longer than this. */
const LOOKUP_TIMEOUT_MS = 10_000
/** Answers of the user data base take no longer. */
const GETENT_TIMEOUT_MS = 5_000

/** The host without any name resolved. */
export function readHost(
  resolved: ReadonlyMap<string, readonly string[]> = new Map(),
  reversed: ReadonlyMap<string, string> = new Map(),
): HostInfo {
  return {
    hostname: hostname(),
    interfaces: readInterfaces(),
    resolve: name => resolved.get(name) ?? [],
    reverse: address => reversed.get(address),
    userId: name => userOrGroup('passwd', name),
    groupId: name => userOrGroup('group', name),
  }
}

/** The host with every name resolved that the configuration file needs. A file that cannot be read needs none. */
export async function resolveHost(path: string): Promise<HostInfo> {
  const plain = readHost()
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch {
    return plain
  }
  const { names, reverse } = namesToResolve(bytes, plain)
  const reversed = new Map<string, string>()
  if (reverse) {
    await Promise.all(
      plain.interfaces.map(async own => {
        const found = await bounded(lookupService(own.address, 0))
        if (found !== undefined && found.hostname !== own.address) reversed.set(own.address, found.hostname)
      }),
    )
  }
  const resolved = new Map<string, readonly string[]>()
  await Promise.all(
    names.map(async name => {
      const found = await bounded(lookup(name, { all: true, verbatim: true }))
      if (found !== undefined)
        resolved.set(
          name,
          found.map(each => each.address),
        )
    }),
  )
  return readHost(resolved, reversed)
}

/** The names of the regular files of a directory, in directory order; none when it does not exist. */
export function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap(entry => (entry.isFile() ? [entry.name] : []))
  } catch {
    return []
  }
}

async function bounded<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), LOOKUP_TIMEOUT_MS)
  })
  try {
    return await Promise.race([answer.catch(() => undefined), limit])
  } finally {
    clearTimeout(timer)
  }
}

function readInterfaces(): HostInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(own => ({
      name,
      family: own.family === 'IPv6' ? (6 as const) : (4 as const),
      address: own.address,
      prefix: Number(own.cidr?.split('/')[1] ?? (own.family === 'IPv6' ? 128 : 32)),
      ...(own.family === 'IPv6' && own.scopeid > 0 ? { scope: own.scopeid } : {}),
    })),
  )
}

/** The number of a user or group; the local file first, then whatever else the system asks. */
function userOrGroup(database: 'passwd' | 'group', name: string): number | undefined {
  if (name === '' || name.includes(':') || name.startsWith('-')) return undefined
  let text = ''
  try {
    text = readFileSync(`/etc/${database}`, 'utf8')
  } catch {
    // No such file here: getent may know more.
  }
  const local = entryNumber(text, name)
  if (local !== undefined) return local
  const asked = spawnSync('getent', [database, name], { encoding: 'utf8', timeout: GETENT_TIMEOUT_MS })
  return asked.status === 0 ? entryNumber(asked.stdout, name) : undefined
}

function entryNumber(text: string, name: string): number | undefined {
  for (const line of text.split('\n')) {
    const fields = line.split(':')
    if (fields[0] === name && /^\d+$/.test(fields[2] ?? '')) return Number(fields[2])
  }
  return undefined
}
