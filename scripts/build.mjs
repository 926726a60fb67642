// Does the set-up that is missing, and nothing else: installs the packages when node_modules lacks what the lock file
// names, compiles when a source is newer than the last build. Plain Node, so that it runs in a fresh clone.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'dist', '.built')

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (done.error) throw done.error
  if (done.status !== 0) process.exit(done.status ?? 1)
}

function newest(path) {
  if (!existsSync(path)) return 0
  const info = statSync(path)
  if (!info.isDirectory()) return info.mtimeMs
  let latest = info.mtimeMs
  for (const entry of readdirSync(path)) latest = Math.max(latest, newest(join(path, entry)))
  return latest
}

function time(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

// Installed from the registry as a dependency: the package carries its build.
const packaged = !existsSync(join(root, 'tsconfig.json'))

if (!packaged) {
  // Compared by content: a checkout touches the lock file without changing it.
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const installed = join(root, 'node_modules', '.installed-lock.json')
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== lock) {
    console.error('corosync-ts: installing packages (once)')
    run('npm', ['ci', '--no-audit', '--no-fund'])
    writeFileSync(installed, lock)
  }
  const inputs = ['src', 'test', 'bench', 'examples', 'tsconfig.json', 'package-lock.json'].map(name =>
    join(root, name),
  )
  if (time(stamp) < Math.max(...inputs.map(newest))) {
    console.error('corosync-ts: compiling')
    const began = new Date()
    // A file that was removed or renamed must not live on in dist.
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    // The page of the timeline knows the browser and not Node: a project of its own.
    for (const project of [root, join(root, 'src', 'sim', 'timeline', 'page')]) {
      run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project])
    }
    writeFileSync(stamp, `${began.toISOString()}\n`)
  }
}
