import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LEAVE_TIMEOUT_MS, STOP_TIMEOUT_MS } from '../../../src/daemon/daemon.js'
import { Child } from '../../support/child.js'
import type { Script } from '../../support/scripted-executive.js'

const program = fileURLToPath(new URL('../../support/scripted-daemon.js', import.meta.url))
/** Time for a process to start and end on a busy machine. */
const SLACK_MS = 4000

let folder: string
let child: Child | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'corosync-ways-'))
  writeFileSync(join(folder, 'pid'), '')
})

afterEach(async () => {
  await child?.stop()
  rmSync(folder, { recursive: true })
})

function start(script: Script): Child {
  child = new Child(process.execPath, [program, script, folder, join(folder, 'pid')])
  return child
}

function flightRecord(): Record<string, unknown> {
  const names = readdirSync(folder).filter(name => name.startsWith('flight-'))
  assert.equal(names.length, 1, `flight records: ${names.join(' ')}`)
  return JSON.parse(readFileSync(join(folder, names[0] ?? ''), 'utf8'))
}

/** Without what a daemon rightly says on a machine that is too busy to let its executive run. */
function withoutStalls(text: string): string {
  return text.replace(/^.*(was not scheduled|The executive runs again).*\n/gm, '')
}

describe('a daemon that runs', () => {
  it('writes what its executive says, and tells the service manager when it is ready', async () => {
    const daemon = start('obey')
    await daemon.until(/READY=1/)
    assert.equal(withoutStalls(daemon.stderr), 'notice  [SERV  ] Service engine loaded: test [2]\n')
    assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), `${daemon.process.pid}\n`)
  })

  it('does nothing about USR2 and PIPE', async () => {
    const daemon = start('obey')
    await daemon.until(/READY=1/)
    daemon.kill('SIGUSR2')
    daemon.kill('SIGPIPE')
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
  })
})

describe('a signal', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1'] as const) {
    it(`${signal} ends it in order, with status 0 and without its pid file`, async () => {
      const daemon = start('obey')
      await daemon.until(/READY=1/)
      const before = daemon.stderr.length
      daemon.kill(signal)
      assert.equal((await daemon.ended).code, 0)
      assert.equal(
        withoutStalls(daemon.stderr.slice(before)),
        'notice  [MAIN  ] Node was shut down by a signal\n' +
          'notice  [SERV  ] Unloading all Corosync service engines.\n' +
          'notice  [MAIN  ] Corosync Cluster Engine exiting normally\n',
      )
      assert.equal(existsSync(join(folder, 'pid')), false)
    })
  }

  it('that comes twice is said once', async () => {
    const daemon = start('obey')
    await daemon.until(/READY=1/)
    daemon.kill('SIGTERM')
    daemon.kill('SIGINT')
    assert.equal((await daemon.ended).code, 0)
    assert.equal(daemon.stderr.match(/shut down by a signal/g)?.length, 1)
  })

  it('that the executive does not follow ends the process all the same, in bounded time, with a flight record', async () => {
    const daemon = start('ignore the wish to leave')
    await daemon.until(/READY=1/)
    const asked = performance.now()
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 15)
    assert.ok(performance.now() - asked < LEAVE_TIMEOUT_MS + STOP_TIMEOUT_MS + SLACK_MS)
    assert.match(daemon.stderr, /error {3}\[MAIN {2}\] The executive did not leave the ring within 5000 ms\.\n/)
    assert.match(daemon.stderr, /exiting with status 15 at daemon\.js:\d+\.\n$/)
    assert.equal(flightRecord().reason, 'the executive did not leave the ring')
    assert.equal(existsSync(join(folder, 'pid')), true)
  })
})

describe('an executive that ends by itself', () => {
  it('with an exception leaves a flight record, and the status 15', async () => {
    const daemon = start('throw')
    assert.equal((await daemon.ended).code, 15)
    assert.match(daemon.stderr, /crit {4}\[MAIN {2}\] The executive died: scripted failure\n/)
    assert.match(daemon.stderr, /Flight record written to .*flight-.*\.json\n/)
    const record = flightRecord()
    assert.equal(record.reason, 'The executive died: scripted failure')
    assert.match((record.error as { stack: string }).stack, /scripted-executive/)
    assert.equal(record.exitCode, 15)
    assert.equal(record.pid, daemon.process.pid)
    assert.ok((record.lines as string[]).some(line => line.includes('Service engine loaded')))
    assert.equal(existsSync(join(folder, 'pid')), true)
  })

  it('by process.exit in its thread is noticed, too', async () => {
    const daemon = start('exit')
    assert.equal((await daemon.ended).code, 15)
    assert.match(daemon.stderr, /The executive died: thread exit code 3\n/)
    assert.equal(flightRecord().reason, 'The executive died: thread exit code 3')
  })

  it('with a reason gives that as status', async () => {
    const daemon = start('fatal')
    assert.equal((await daemon.ended).code, 21)
    assert.match(daemon.stderr, /error {3}\[MAIN {2}\] Unable to store new ring id\n/)
    assert.match(daemon.stderr, /Corosync Cluster Engine exiting with status 21 at daemon\.js:\d+\.\n$/)
  })
})

describe('a main thread that ends by itself', () => {
  it('with an exception says so, records it, stops the executive and exits with 15', async () => {
    const daemon = start('main throws')
    assert.equal((await daemon.ended).code, 15)
    assert.match(daemon.stderr, /crit {4}\[MAIN {2}\] The main thread failed: scripted failure on main\n/)
    assert.match((flightRecord().error as { message: string }).message, /scripted failure on main/)
  })

  it('with a rejection that nobody handles does the same', async () => {
    const daemon = start('main rejects')
    assert.equal((await daemon.ended).code, 15)
    assert.match(daemon.stderr, /The main thread failed: scripted rejection on main\n/)
  })

  it('by process.exit does not hang, and keeps its status', async () => {
    const daemon = start('main exits')
    const end = await daemon.ended
    assert.equal(end.code, 5)
    assert.ok(end.afterMs < SLACK_MS)
  })

  it('while the executive hears nothing does not wait for it for long', async () => {
    const daemon = start('main throws, executive deaf')
    const end = await daemon.ended
    assert.equal(end.code, 15)
    assert.ok(end.afterMs < STOP_TIMEOUT_MS + SLACK_MS)
  })
})

describe('an executive that stands still', () => {
  it('is logged, and logged again when it goes on', async () => {
    const daemon = start('stall')
    await daemon.until(/The executive runs again/)
    assert.match(
      daemon.stderr,
      /warning \[MAIN {2}\] Corosync main process was not scheduled \(@\d+\) for \d+\.\d{4} ms \(threshold is 500\.0000 ms\)\. Consider token timeout increase\. stalls=1\n/,
    )
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
  })
})

describe('a flight record that cannot be written', () => {
  it('is said, and changes nothing else', async () => {
    child = new Child(process.execPath, [program, 'throw', join(folder, 'missing')])
    assert.equal((await child.ended).code, 15)
    assert.match(child.stderr, /Flight record could not be written: ENOENT/)
  })
})
