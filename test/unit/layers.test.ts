// The layering of src/: dependencies point downward only. Reads the import statements of every source file and holds
// them against the table below. A layer that needs another one gets it here, in a change that says why.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url))

/** The pure files of recorder/. */
const RECORDINGS = ['recorder/format', 'recorder/payload-hash', 'recorder/reader']

/**
 * What each folder of src/ may import besides itself: folders, or single files of them. `log/types` is the vocabulary
 * of log lines; the rest of log/ writes them, and is not for cores. `config/types` is what a configuration comes to,
 * `config/errors` the words of the C library.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  wire: [],
  sys: [],
  totem: ['wire', 'log/types'],
  pg: ['totem', 'wire', 'log/types'],
  sync: ['pg', 'totem', 'wire', 'log/types'],
  // The store of the configuration map and what the table of keys says about them are as pure as the services.
  services: ['sync', 'pg', 'totem', 'wire', 'log/types', 'log/rate-limit', 'config/map', 'config/keys'],
  node: ['services', 'sync', 'pg', 'totem', 'wire', 'log/types'],
  // From above the node only what is as pure as it is and runs on it in every program: the library's replicas, and the
  // executive's side of a channel.
  sim: [
    'node',
    'services',
    'sync',
    'pg',
    'totem',
    'wire',
    'log/types',
    'config',
    'knet',
    'rrp',
    ...RECORDINGS,
    'client/replica-core',
    'client/errors',
    'client/events',
    'daemon/channel',
    'daemon/local-members',
    'ipc/ring-buffer',
  ],

  log: ['config/types', 'config/errors', 'sys'],
  config: ['totem', 'wire', 'log/types'],
  crypto: ['wire', 'log/types', 'sys'],
  rrp: ['wire', 'totem', 'log/types'],
  knet: ['wire', 'totem', 'log/types', 'crypto', 'sys'],
  net: ['wire', 'totem', 'node', 'log', 'config', 'crypto', 'knet', 'rrp', 'sys'],
  ipc: ['wire', 'log', 'sys'],
  recorder: ['totem', 'ipc'],
  observe: ['node', 'services', 'totem', 'wire', 'log', 'sys'],

  daemon: [
    'node',
    'services',
    'sync',
    'pg',
    'totem',
    'wire',
    'net',
    'ipc',
    'config',
    'crypto',
    'log',
    'observe',
    'recorder',
    'sys',
  ],
  client: ['daemon', 'node', 'services', 'totem', 'wire', 'net', 'ipc', 'config', 'log', 'recorder', 'sys'],
  cli: ['client', 'daemon', 'services', 'config', 'ipc', 'log', 'recorder', 'sim', 'sys'],
}

/** Entry points at the top of src/ collect what users see and may import anything; nothing may import them. */
const ENTRY_POINTS = ''

/** Sans-IO: no module of Node at all, so neither clocks nor sockets nor files. */
const CORES = ['wire', 'totem', 'pg', 'sync', 'services', 'node', 'sim', 'rrp']

/** Globals by which a core would get at a clock, chance or the process behind its caller's back. */
const AMBIENT =
  /(?<![\w.])(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process\.(?:env|argv|exit|on|nextTick|hrtime|uptime|stdout|stderr|kill|cwd|platform|memoryUsage))\b/

interface Import {
  /** Relative to src/, without extension: 'wire/pg'. */
  readonly file: string
  readonly target: string
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm, '')
}

/** Static imports and re-exports, of types too, and dynamic ones with a literal. */
function importsOf(source: string): string[] {
  const text = withoutComments(source)
  const forms = [
    /\b(?:import|export)\s[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ]
  return forms.flatMap(form => [...text.matchAll(form)].map(match => match[1]!))
}

/** A path within src/, relative to it, or the module's name as it stands. */
function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return join(file, '..', specifier).replace(/\.js$/, '')
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ENTRY_POINTS
}

/** Why an import is against the rules; undefined when it is not. */
function objection({ file, target }: Import, specifier: string): string | undefined {
  const folder = folderOf(file)
  if (!specifier.startsWith('.')) {
    if (CORES.includes(folder)) return 'a core imports no module from outside'
    if (specifier === 'koffi' && folder !== 'sys') return 'koffi belongs to sys/'
    return undefined
  }
  if (target.startsWith('..')) return 'leads out of src/'
  const other = folderOf(target)
  if (folder === ENTRY_POINTS || other === folder) return undefined
  const allowed = ALLOWED[folder]
  if (allowed === undefined) return `folder ${folder}/ is not in the table of layers`
  return allowed.includes(other) || allowed.includes(target) ? undefined : `${folder}/ must not know ${target}`
}

function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .sort()
}

describe('the layers of src/', () => {
  const files = sourceFiles().map(name => ({
    file: name.replace(/\.ts$/, ''),
    source: readFileSync(join(SRC, name), 'utf8'),
  }))

  it('import downward only', () => {
    let seen = 0
    const objections: string[] = []
    for (const { file, source } of files) {
      for (const specifier of importsOf(source)) {
        seen++
        const why = objection({ file, target: resolve(file, specifier) }, specifier)
        if (why !== undefined) objections.push(`src/${file}.ts imports '${specifier}': ${why}`)
      }
    }
    assert.deepEqual(objections, [])
    // A parser that finds nothing would pass everything.
    assert.ok(files.some(({ file }) => file === 'wire/generation3'))
    assert.ok(seen >= 15, `${seen} imports`)
  })

  it('name every folder in the table', () => {
    const folders = new Set(files.map(({ file }) => folderOf(file)))
    folders.delete(ENTRY_POINTS)
    assert.deepEqual(
      [...folders].filter(folder => !(folder in ALLOWED)),
      [],
    )
  })

  it('have no cycle in the table', () => {
    const state = new Map<string, 'open' | 'done'>()
    const visit = (folder: string, path: readonly string[]): void => {
      assert.notEqual(state.get(folder), 'open', `cycle: ${[...path, folder].join(' -> ')}`)
      if (state.get(folder) === 'done') return
      state.set(folder, 'open')
      for (const other of ALLOWED[folder] ?? []) if (!other.includes('/')) visit(other, [...path, folder])
      state.set(folder, 'done')
    }
    for (const folder of Object.keys(ALLOWED)) visit(folder, [])
  })

  it('keep clocks, chance and the process out of the cores', () => {
    const found = files
      .filter(({ file }) => CORES.includes(folderOf(file)))
      .flatMap(({ file, source }) => {
        const match = AMBIENT.exec(withoutComments(source))
        return match ? [`src/${file}.ts uses ${match[1]}`] : []
      })
    assert.deepEqual(found, [])
  })
})

describe('the reading of imports', () => {
  it('finds every form', () => {
    const source = `
      // import { no } from '../no.js'
      /* export * from '../neither.js' */
      import a, {
        type B,
      } from '../a.js'
      import type { C } from "./c.js"
      import './d.js'
      export { e } from '../../e.js'
      export * from '../f.js'
      const g = await import('../g.js')
      const text = 'https://example.org' // import '../comment.js'
      export const h = from('x')`
    assert.deepEqual(importsOf(source).sort(), ['../../e.js', '../a.js', '../f.js', '../g.js', './c.js', './d.js'])
  })

  it('objects to what goes up, out or sideways', () => {
    const why = (file: string, specifier: string) =>
      objection({ file, target: resolve(file, specifier) }, specifier) ?? 'fine'
    assert.equal(why('wire/a', '../totem/b.js'), 'wire/ must not know totem/b')
    assert.equal(why('services/cpg/a', '../../totem/types.js'), 'fine')
    assert.equal(why('totem/a', '../log/types.js'), 'fine')
    assert.equal(why('totem/a', '../log/logger.js'), 'totem/ must not know log/logger')
    assert.equal(why('totem/a', 'node:fs'), 'a core imports no module from outside')
    assert.equal(why('sim/a', '../sys/epoll.js'), 'sim/ must not know sys/epoll')
    assert.equal(why('daemon/a', 'koffi'), 'koffi belongs to sys/')
    assert.equal(why('sys/a', 'koffi'), 'fine')
    assert.equal(why('wire/a', '../../test/b.js'), 'leads out of src/')
    assert.equal(why('wire/a', '../index.js'), 'wire/ must not know index')
    assert.equal(why('strange/a', '../wire/b.js'), 'folder strange/ is not in the table of layers')
    assert.equal(why('index', './client/a.js'), 'fine')
  })
})
