// Runs the tiers of tests named on the command line (unit, sim, mixed, interop) with node's own test runner, and says what was
// skipped and why. Where CI=true, an interoperation test that was skipped is a failure: nobody would notice otherwise.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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
// Tests on real rings share the machine's two cores and are sensitive to time: one file at a time.
const concurrency = tiers.includes('interop') ? 1 : 2
const folder = mkdtempSync(join(tmpdir(), 'corosync-test-'))
const protocol = join(folder, 'tap')
const reporters = ['spec', 'stdout', 'tap', protocol].map(
  (value, i) => `--test-reporter${i % 2 === 0 ? '' : '-destination'}=${value}`,
)
const done = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', `--test-concurrency=${concurrency}`, ...reporters, ...options, ...files],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)
const skipped = existsSync(protocol) ? (readFileSync(protocol, 'utf8').match(/^ *ok .* # SKIP.*$/gm) ?? []) : []
rmSync(folder, { recursive: true, force: true })
for (const line of skipped) console.log(`skipped: ${line.trim().replace(/^ok \d+ - /, '')}`)

let status = done.status ?? 1
if (status === 0 && skipped.length > 0 && tiers.includes('interop') && process.env.CI === 'true') {
  console.error('CI=true: a skipped interoperation test is a failure')
  status = 1
}
process.exit(status)
