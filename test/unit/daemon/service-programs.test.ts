// Programs that live with the daemon: shell scripts stand in for pacemakerd.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { programPath, ServicePrograms } from '../../../src/daemon/service-programs.js'
import { Logger } from '../../../src/log/logger.js'
import { DEFAULT_LOGGING } from '../../../src/log/settings.js'
import { Child } from '../../support/child.js'

const scriptedDaemon = fileURLToPath(new URL('../../support/scripted-daemon.js', import.meta.url))
const PLACE = { file: 'corosync.conf', line: 1, column: 1 }

/** Ends when it is told to, with a word in the file `story`. */
const OBEDIENT = "trap 'echo stopped >> story; exit 0' TERM\necho started >> story\nwhile :; do sleep 0.05; done\n"
/** Ends by itself when a file `go` is there, and never otherwise. */
const STUBBORN = "trap '' TERM\necho started >> story\nuntil [ -e go ]; do sleep 0.05; done\n"

let folder: string
let lines: string[]
let programs: ServicePrograms | undefined
let daemon: Child | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'corosync-programs-'))
  writeFileSync(join(folder, 'story'), '')
  lines = []
})

afterEach(async () => {
  writeFileSync(join(folder, 'go'), '')
  await programs?.stop()
  await daemon?.stop()
  programs = undefined
  daemon = undefined
  rmSync(folder, { recursive: true })
})

function install(script: string): void {
  const file = join(folder, 'pacemakerd')
  writeFileSync(file, `#!/bin/sh\ncd ${folder}\n${script}`)
  chmodSync(file, 0o755)
}

function create(services: readonly (readonly [name: string, version: number])[], stopMs?: number): ServicePrograms {
  const logger = new Logger({
    speaker: { pid: 1, host: 'test' },
    now: Date.now,
    writeTerminal: line => lines.push(line.replace(/pid=\d+/, 'pid=N')),
  })
  logger.configure({ ...DEFAULT_LOGGING, timestamp: 'off', toSyslog: false })
  programs = new ServicePrograms({
    services: services.map(([name, version]) => ({ name, version, place: PLACE })),
    path: folder,
    logger,
    ...(stopMs === undefined ? {} : { stopMs }),
  })
  return programs
}

const story = () => readFileSync(join(folder, 'story'), 'utf8')

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise(resolve => setTimeout(resolve, 25))
  assert.ok(condition())
}

describe('a program of a service section', () => {
  it('is started once, and ended with the daemon', async () => {
    install(OBEDIENT)
    const started = create([['pacemaker', 0]])
    started.start()
    started.start()
    await until(() => story() === 'started\n')
    assert.equal(started.running, true)
    await started.stop()
    assert.equal(story(), 'started\nstopped\n')
    assert.equal(started.running, false)
    assert.deepEqual(lines, [
      `notice  [MAIN  ] Started ${folder}/pacemakerd. pid=N`,
      'notice  [MAIN  ] Stopping pacemakerd before this node leaves. pid=N',
      'notice  [MAIN  ] pacemakerd ended with status 0. pid=N',
    ])
  })

  it('is not started where the host does it, nor are services that are no programs', () => {
    install(OBEDIENT)
    const none = create([
      ['pacemaker', 1],
      ['corosync_cpg', 0],
      ['something', 0],
    ])
    none.start()
    assert.deepEqual([none.running, lines], [false, []])
  })

  it('that is not installed is told', () => {
    create([['pacemaker', 0]]).start()
    assert.deepEqual(lines, [
      'error   [MAIN  ] service pacemaker: pacemakerd is not installed here, and is not started.',
    ])
  })

  it('is looked for where administrators have their programs, too', () => {
    assert.match(programPath('/opt/bin'), /^\/opt\/bin:.*:\/usr\/sbin:/)
    assert.match(programPath(undefined), /^\/usr\/local\/sbin:/)
  })

  it('that ends by itself is missed, and not started again', async () => {
    install('exit 7\n')
    const started = create([['pacemaker', 0]])
    started.start()
    await until(() => lines.length === 2)
    assert.equal(lines[1], 'error   [MAIN  ] pacemakerd ended with status 7. pid=N')
    started.start()
    assert.equal(started.running, false)
  })

  it('that cannot be started is told', async () => {
    install('')
    writeFileSync(join(folder, 'pacemakerd'), '#!/no/such/interpreter\n')
    create([['pacemaker', 0]]).start()
    await until(() => lines.length > 0)
    assert.match(lines[0] ?? '', /^error {3}\[MAIN {2}\] pacemakerd could not be started: .*ENOENT/)
  })

  it('is waited for, but not for ever', async () => {
    install(STUBBORN)
    const started = create([['pacemaker', 0]], 300)
    started.start()
    await until(() => story() === 'started\n')
    await started.stop()
    assert.match(lines.at(-1) ?? '', /^error .* pacemakerd has not ended within 300 ms; this node leaves without it/)
    writeFileSync(join(folder, 'go'), '')
    await until(() => !started.running)
  })
})

describe('a daemon with a program', () => {
  const run = () => {
    daemon = new Child(process.execPath, [scriptedDaemon, 'obey', folder], {
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, SERVICES: 'pacemaker:0' },
    })
    return daemon
  }

  it('starts it when it provides its services, and ends it before it leaves', async () => {
    install(OBEDIENT)
    const started = run()
    await until(() => story() === 'started\n')
    started.kill('SIGTERM')
    assert.equal((await started.ended).code, 0)
    assert.equal(story(), 'started\nstopped\n')
    const order = ['Node was shut down', 'Stopping pacemakerd', 'pacemakerd ended', 'Unloading all', 'exiting normally']
    const places = order.map(text => started.stderr.indexOf(text))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      started.stderr,
    )
  })
})
