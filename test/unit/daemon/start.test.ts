import assert from 'node:assert/strict'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isSupportedPlatform } from '../../../src/sys/layout.js'
import { Child } from '../../support/child.js'
import { UnixReceiver } from '../../support/unix-receiver.js'

const program = fileURLToPath(new URL('../../support/scripted-corosync.js', import.meta.url))
const isRoot = process.geteuid?.() === 0
const NOBODY = 65534
const END_TIMEOUT_MS = 10_000

let folder: string
let children: Child[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'corosync-start-'))
  mkdirSync(join(folder, 'state'))
  children = []
})

afterEach(async () => {
  for (const child of children) await child.stop()
  rmSync(folder, { recursive: true })
})

interface Parts {
  readonly totem?: string
  readonly system?: string
  readonly logging?: string
}

function configuration(parts: Parts = {}): string {
  const path = join(folder, 'corosync.conf')
  writeFileSync(
    path,
    `totem {
version: 2
transport: udpu
${parts.totem ?? ''}
}
nodelist {
node {
nodeid: 7
ring0_addr: 127.0.0.1
}
}
system {
${parts.system ?? `state_dir: ${join(folder, 'state')}`}
}
logging {
to_syslog: no
timestamp: off
${parts.logging ?? ''}
}
`,
  )
  return path
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly script?: string
}

/** With a lock file of its own unless the arguments name one. */
function run(args: readonly string[], { env = {}, uid, script = 'obey' }: RunOptions = {}): Child {
  const lock = args.includes('-l') || uid !== undefined ? [] : ['-l', join(folder, 'pid')]
  const child = new Child(process.execPath, [program, ...args, ...lock], {
    env: { PATH: process.env.PATH, SCRIPT: script, ...env },
    cwd: folder,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  children.push(child)
  return child
}

async function refused(
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ code: number | null; text: string }> {
  const child = run(['-f', ...args], options)
  const { code } = await child.ended
  return { code, text: child.stderr }
}

describe('a start', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  it('says who it is, what it speaks and what it does not do, holds its pid file and becomes ready', async () => {
    const path = configuration()
    const notify = new UnixReceiver(join(folder, 'notify'))
    const daemon = run(['-f', '-c', path], { env: { NOTIFY_SOCKET: join(folder, 'notify') } })
    await daemon.until(/Service engine loaded/)
    const [first, second, third, fourth] = daemon.stderr.split('\n')
    assert.match(
      first ?? '',
      /^notice {2}\[MAIN {2}\] Corosync Cluster Engine 3\.1\.7 starting up implementation=corosync-ts version=\S+ node=\S+$/,
    )
    assert.match(second ?? '', /^info {4}\[MAIN {2}\] Corosync built-in features: /)
    assert.match(third ?? '', /^notice {2}\[TOTEM \] .* wire=3 transport=udpu nodeid=7$/)
    assert.match(fourth ?? '', /^info {4}\[MAIN {2}\] Locking only the buffers/)
    assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), `${daemon.process.pid}\n`)
    assert.equal(readFileSync(`/proc/${daemon.process.pid}/comm`, 'utf8'), 'corosync\n')
    assert.match(readFileSync(`/proc/${daemon.process.pid}/cmdline`, 'utf8'), /corosync\.conf/)
    for (let waited = 0; waited < END_TIMEOUT_MS; waited += 20) {
      const got = notify.take()
      if (got.length > 0) {
        assert.deepEqual(got, ['READY=1'])
        break
      }
      assert.ok(waited + 20 < END_TIMEOUT_MS, 'no word to the service manager')
      await delay(20)
    }
    notify.close()
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    assert.equal(existsSync(join(folder, 'pid')), false)
  })

  it('that is ended while it starts ends in order', async () => {
    const daemon = run(['-f', '-c', configuration()])
    await daemon.until(/Locking only the buffers/)
    daemon.kill('SIGTERM')
    const { code, signal } = await daemon.ended
    // Before the handlers stand the default action ends the process; afterwards the orderly way out.
    assert.ok(code === 0 || signal === 'SIGTERM', `code ${code}, signal ${signal}`)
  })

  it('reads the file that the environment names, and rather the one of -c', async () => {
    const path = configuration()
    const env = { COROSYNC_MAIN_CONFIG_FILE: path }
    const daemon = run(['-f'], { env })
    await daemon.until(/nodeid=7/)
    daemon.kill('SIGTERM')
    await daemon.ended
    const { code, text } = await refused(['-c', '/nonexistent/corosync.conf'], { env })
    assert.equal(code, 8)
    assert.match(text, /^Can't read file \/nonexistent\/corosync\.conf: No such file or directory\n/)
  })

  it('beside another one is refused', async () => {
    const path = configuration()
    const first = run(['-f', '-c', path])
    await first.until(/Service engine loaded/)
    const { code, text } = await refused(['-c', path])
    assert.equal(code, 18)
    assert.match(text, /error {3}\[MAIN {2}\] Another Corosync instance is already running\.\n/)
    assert.match(text, /Corosync Cluster Engine exiting with status 18 at start\.js:\d+\.\n$/)
    first.kill('SIGKILL')
    await first.ended
    // The lock went with the process, though the file stays.
    assert.equal(existsSync(join(folder, 'pid')), true)
    const next = run(['-f', '-c', path])
    await next.until(/Service engine loaded/)
  })

  it('writes to its log file, though the state directory became the current one', async () => {
    const daemon = run(['-f', '-c', configuration({ logging: 'to_logfile: yes\nlogfile: log' })])
    await daemon.until(/Service engine loaded/)
    const lines = readFileSync(join(folder, 'log'), 'utf8').split('\n')
    assert.match(lines[0] ?? '', /^\[\d+\] \S+ corosyncnotice {2}\[MAIN {2}\] Corosync Cluster Engine/)
  })
})

describe('a start that cannot be', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  it('because of the grammar ends with 8 and the place', async () => {
    const path = join(folder, 'bad.conf')
    writeFileSync(path, 'totem {\n junk\n}\n')
    const { code, text } = await refused(['-c', path])
    assert.equal(code, 8)
    assert.ok(
      text.startsWith(`parser error: ${path}:2:2: Line is not opening or closing section or key value\n    help: `),
      text,
    )
  })
  it('because of a value ends with 8, in the format of the log', async () => {
    const { code, text } = await refused(['-c', configuration({ totem: 'token: 10' })])
    assert.equal(code, 8)
    assert.match(
      text,
      /\nerror {3}\[MAIN {2}\] parse error in config: The token timeout parameter \(10 ms\) may not be less than \(30 ms\)\.\n/,
    )
    assert.match(
      text,
      /\nerror {3}\[MAIN {2}\] {5}\S+corosync\.conf:4:\d+: totem\.token\nerror {3}\[MAIN {2}\] {5}help: /,
    )
    assert.match(text, /exiting with status 8 at start\.js:\d+\.\n$/)
  })
  it('because of the logging section ends with 7', async () => {
    const { code, text } = await refused(['-c', configuration({ logging: 'timestamp: sometimes' })])
    assert.equal(code, 7)
    assert.match(text, /^parse error in config: unknown value for timestamp\.\n/)
  })
  it('because of the log file ends with 7', async () => {
    const { code, text } = await refused(['-c', configuration({ logging: 'logfile: /nonexistent/x' })])
    assert.equal(code, 7)
    assert.match(
      text,
      /^parse error in config: Can't open logfile '\/nonexistent\/x' for reason: No such file or directory \(2\)\.\n/,
    )
  })
  it('because there is no state directory ends with 16', async () => {
    const { code, text } = await refused(['-c', configuration({ system: 'state_dir: /nonexistent' })])
    assert.equal(code, 16)
    assert.match(
      text,
      /error {3}\[MAIN {2}\] Cannot chdir to state directory \/nonexistent\. No such file or directory\n/,
    )
  })
  it('because the state directory is not writable ends with 16, and says what to set', async () => {
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    chmodSync(folder, 0o755)
    const path = configuration({ system: `state_dir: ${locked}` })
    const { code, text } = await refused(['-c', path, '-l', join(folder, 'pid')], isRoot ? { uid: NOBODY } : {})
    assert.equal(code, 16)
    assert.match(
      text,
      /Cannot write to state directory \S+\. Permission denied\. system\.state_dir names another one\.\n/,
    )
  })
  it('because of the lock file ends with 17', async () => {
    const { code, text } = await refused(['-c', configuration(), '-l', '/nonexistent/pid'])
    assert.equal(code, 17)
    assert.match(
      text,
      /Corosync Executive couldn't create lock file\. path=\/nonexistent\/pid reason=No such file or directory\n/,
    )
  })
  it('because of what is not built yet ends with 8 and names the key', async () => {
    const { code, text } = await refused(['-c', configuration({ totem: 'transport: knet' })])
    assert.equal(code, 8)
    assert.match(text, /error {3}\[MAIN {2}\] totem\.transport: knet/)
  })
  it('because of a priority that is none ends with 8', async () => {
    const { code, text } = await refused(['-c', configuration(), '-P', 'foo'])
    assert.equal(code, 8)
    assert.match(text, /error {3}\[MAIN {2}\] Priority value foo is invalid\n/)
  })
})

describe('an ordinary user', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  it('holds the lock in the state directory, and is told', async () => {
    chmodSync(folder, 0o755)
    if (isRoot) chownSync(join(folder, 'state'), NOBODY, NOBODY)
    const path = configuration()
    const own = join(folder, 'state', 'corosync.pid')
    const daemon = run(['-f', '-c', path], { uid: isRoot ? NOBODY : (process.getuid?.() ?? 0) })
    await daemon.until(/Service engine loaded/)
    assert.match(
      daemon.stderr,
      /notice {2}\[MAIN {2}\] Cannot create lock file \/var\/run\/corosync\.pid: Permission denied\. Using \S+\/state\/corosync\.pid instead\.\n/,
    )
    assert.equal(readFileSync(own, 'utf8'), `${daemon.process.pid}\n`)
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    assert.equal(existsSync(own), false)
  })
})

describe('a start in the background', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  const logged = 'to_logfile: yes\nlogfile: log'

  it('ends at once with 0, and goes on in a session of its own', async () => {
    const parent = run(['-c', configuration({ logging: logged })])
    assert.equal((await parent.ended).code, 0)
    assert.match(parent.stderr, /Corosync Cluster Engine 3\.1\.7 starting up/)
    const pid = await backgroundPid()
    try {
      // Fields behind the name: state, parent, group, session.
      const session = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')[3]
      assert.equal(session, String(pid))
      const log = readFileSync(join(folder, 'log'), 'utf8')
      assert.equal(log.match(/starting up/g)?.length, 1)
    } finally {
      process.kill(pid, 'SIGTERM')
    }
    for (let waited = 0; existsSync(join(folder, 'pid')); waited += 20) {
      assert.ok(waited < END_TIMEOUT_MS, 'the background process goes on')
      await delay(20)
    }
  })

  it('that cannot be is refused before, with the status of the reason', async () => {
    const parent = run(['-c', configuration({ totem: 'transport: knet' })])
    assert.equal((await parent.ended).code, 8)
  })

  async function backgroundPid(): Promise<number> {
    for (let waited = 0; waited < END_TIMEOUT_MS; waited += 20) {
      const text = existsSync(join(folder, 'pid')) ? readFileSync(join(folder, 'pid'), 'utf8') : ''
      if (text.endsWith('\n') && /Service engine loaded/.test(readFileSync(join(folder, 'log'), 'utf8'))) {
        return Number(text)
      }
      await delay(20)
    }
    throw new Error('no process in the background')
  }
})
