// Runs the tiers of tests named on the command line (unit, sim, interop) with node's own test runner, and says what was skipped.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const args = process.argv.slice(2)
const tiers = args.filter(arg => !arg.startsWith('-'))
const options = args.filter(arg => arg.startsWith('-'))

function testFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .flatMap(entry =>
      entry.isDirectory()
        ? testFiles(join(folder, entry.name))
        : entry.name.endsWith('.test.js')
          ? [join(folder, entry.name)]
          : [],
    )
    .sort()
}

const files = tiers.flatMap(tier => testFiles(join(root, 'dist', 'test', tier)))
if (files.length === 0) {
  console.error(`no tests found for: ${tiers.join(' ') || '(no tier named)'}`)
  process.exit(1)
}
// Interoperation tests share the machine's two cores and its namespaces: one file at a time.
const concurrency = tiers.includes('interop') ? 1 : 2
const done = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', `--test-concurrency=${concurrency}`, ...options, ...files],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)
process.exit(done.status ?? 1)
