// A host for configurations: its addresses are the loopback ones, its only user and group is root, its resolver knows what
// the test tells it. No test of a configuration depends on the machine it runs on.

import { readdirSync, readFileSync } from 'node:fs'
import type { HostInfo, LoadOptions, LoadResult } from '../../src/config/index.js'
import { type Configuration, loadConfiguration } from '../../src/config/index.js'

export interface FakeHostOptions {
  readonly hostname?: string
  /** Numeric addresses by name. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  /** Names by numeric address. */
  readonly reverse?: Readonly<Record<string, string>>
  /** Addresses with prefix length, on one interface each. */
  readonly interfaces?: readonly string[]
}

export function fakeHost(options: FakeHostOptions = {}): HostInfo {
  const interfaces = options.interfaces ?? ['127.0.0.1/8', '::1/128']
  const id = (name: string) => (name === 'root' ? 0 : undefined)
  return {
    hostname: options.hostname ?? 'testhost.example.org',
    interfaces: interfaces.map((text, i) => {
      const [address = '', prefix] = text.split('/')
      return { name: `if${i}`, family: address.includes(':') ? 6 : 4, address, prefix: Number(prefix) }
    }),
    resolve: name => options.names?.[name] ?? [],
    reverse: address => options.reverse?.[address],
    userId: id,
    groupId: id,
  }
}

/** What the tests of configurations hand in when nothing else is said. */
export function optionsFor(path: string, host: HostInfo = fakeHost()): LoadOptions {
  return { path, read: file => readFileSync(file), list: listDirectory, host, environment: {} }
}

/** Loads a text as the file `corosync.conf`. */
export function loadText(text: string, host: HostInfo = fakeHost(), more: Partial<LoadOptions> = {}): LoadResult {
  return loadConfiguration({
    path: 'corosync.conf',
    read: file => {
      if (file === 'corosync.conf') return Buffer.from(text)
      throw Object.assign(new Error('no such file'), { code: 'ENOENT', errno: -2, syscall: 'open' })
    },
    list: () => [],
    host,
    environment: {},
    ...more,
  })
}

/** The configuration of a text that has to be good. */
export function configured(text: string, host: HostInfo = fakeHost()): Configuration {
  const result = loadText(text, host)
  if (!result.ok) throw new Error(`unexpected: ${result.problems.map(problem => problem.message).join('; ')}`)
  return result.configuration
}

/** The first problem of a text that has to be bad. */
export function firstProblem(text: string, host: HostInfo = fakeHost(), more: Partial<LoadOptions> = {}) {
  const result = loadText(text, host, more)
  const [problem] = result.ok ? [] : result.problems
  if (result.ok || problem === undefined) throw new Error('the text was accepted')
  return { ...problem, exitCode: result.exitCode }
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
