// Where a benchmark says what it ran on, and puts its figures into a page of docs/ in place of those of the last run.

import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'

export function machine(): string {
  const cpu = cpus()
  return `${cpu.length} x ${cpu[0]?.model.trim() ?? 'unknown processor'}, Linux ${release()}, Node.js ${process.versions.node}`
}

/** Replaces what stands between the comments `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` of a page. */
export function record(page: string, name: string, text: string): void {
  const path = fileURLToPath(new URL(`../../docs/${page}`, import.meta.url))
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const old = readFileSync(path, 'utf8')
  if (!old.includes(begin) || !old.includes(end))
    throw new Error(`${path} has no place for the tables (${begin} ... ${end})`)
  const [head, tail] = [old.slice(0, old.indexOf(begin)), old.slice(old.indexOf(end))]
  writeFileSync(path, `${head}${begin}\n${text}\n${tail}`)
}
