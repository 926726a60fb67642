// The IPC server and programs linked with the stock libqb, over both transports.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, describe, it } from 'node:test'
import type { IpcStatistics, IpcTransport } from '../../src/ipc/types.js'
import { Child } from '../support/child.js'
import { compileClient } from '../support/clients.js'
import type { EchoOptions } from '../support/ipc-echo.js'
import { EchoProcess } from '../support/ipc-echo-process.js'
import { interopSkip, until } from '../support/testbed.js'

const PROGRAM_MS = 60_000
const GONE_MS = 5000
const EAGAIN = 11
const EACCES = 13
const EMFILE = 24
const ENOSPC = 28
const ECONNREFUSED = 111
const NOBODY = 65534

let sequence = 0

/** A name that no other test uses. */
function serviceName(): string {
  return `ipc-${process.pid}-${++sequence}`
}

describe('programs linked with libqb', { skip: interopSkip() }, () => {
  let qb: string
  const started: { stop(): Promise<void>; directory: string }[] = []
  const children: Child[] = []

  before(() => {
    qb = compileClient('qb')
  })

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const { stop, directory } of started.splice(0)) {
      await stop()
      rmSync(directory, { recursive: true, force: true })
    }
  })

  interface Served {
    readonly server: EchoProcess
    readonly name: string
    readonly directory: string
  }

  async function serve(options: Partial<EchoOptions> = {}, command: readonly string[] = []): Promise<Served> {
    const service = serviceName()
    const directory = mkdtempSync(join(tmpdir(), 'corosync-ts-ipc-'))
    spawnSync('chmod', ['755', directory])
    const server = await EchoProcess.start({ service, directory, ...options }, command)
    started.push({ stop: () => server.stop(), directory })
    return { server, name: (options.prefix ?? '') + service, directory }
  }

  /** Runs it to its end: what it wrote, and its status. */
  async function run(name: string, args: readonly (string | number)[], ids: { uid?: number; gid?: number } = {}) {
    const child = new Child(qb, [name, ...args.map(String)], ids)
    children.push(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), PROGRAM_MS)
    const { code } = await child.ended
    clearTimeout(timer)
    return { code, text: child.stdout.trim() + child.stderr }
  }

  /** Nothing of programs is left. */
  async function untilClean({ server, directory }: Served): Promise<void> {
    await until('nothing to be left', GONE_MS, async () => {
      const { active, descriptors } = await server.report()
      return active === 0 && descriptors === 1 && readdirSync(directory).length === 0 ? true : undefined
    })
  }

  for (const transport of ['shm', 'socket'] as const satisfies readonly IpcTransport[]) {
    describe(`over ${transport}`, () => {
      it('get messages of every length back, wherever in the ring they lie', async () => {
        const served = await serve({ transport })
        assert.deepEqual(await run(served.name, ['echo', 3000]), { code: 0, text: `echoed ${3000 * 49}` })
        await untilClean(served)
        const { statistics } = await served.server.until(({ event }) => event === 'disconnected')
        const { requests, responses, processName } = statistics as IpcStatistics
        assert.deepEqual([requests, responses, processName], [3000 * 49, 3000 * 49, 'qb'])
      })

      it('get large messages back', async () => {
        const served = await serve({ transport })
        const size = transport === 'shm' ? 1 << 20 : 1 << 17
        assert.deepEqual(await run(served.name, ['large', size, 200]), { code: 0, text: 'echoed 200' })
      })

      it('get 100,000 events in order though they are slow, and then nothing more', async () => {
        const served = await serve({ transport })
        const { code, text } = await run(served.name, ['events', 100_000, 200, 5000])
        assert.deepEqual([code, text], [0, `100000 events, then ${-EAGAIN}, readable 0`])
        await untilClean(served)
      })

      it('lose no message that was accepted, while requests cannot be taken or the rate forbids it', async () => {
        const served = await serve({ transport })
        served.server.say('busy')
        const flood = run(served.name, ['flood', 60_000])
        for (const line of ['resume', 'rate off', 'rate slow', 'rate off2', 'busy', 'rate fast', 'resume']) {
          // Each for as long as it takes the program to notice.
          await new Promise(resolve => setTimeout(resolve, 50))
          served.server.say(line)
        }
        const { code, text } = await flood
        assert.equal(code, 0)
        assert.match(text, /^60000 taken/)
      })

      it('see the level of flow control, also those that come later', async () => {
        const served = await serve({ transport })
        const first = new Child(qb, [served.name, 'flow'])
        children.push(first)
        await first.until(/^0 0\n$/)
        served.server.say('rate off')
        await first.until(/^0 0\n-11 -11\n$/)
        served.server.say('rate off2')
        await first.until(/^0 0\n-11 -11\n0 -11\n$/)
        const second = new Child(qb, [served.name, 'flow'])
        children.push(second)
        await second.until(/^0 -11\n$/)
        served.server.say('rate slow')
        // What passes at the second level is not read; where that fills a queue of datagrams, nothing passes for a while.
        await first.until(/^0 0\n-11 -11\n(0 -11\n(-11 -11\n)?)+0 0\n$/)
        await second.until(/^0 -11\n0 0\n$/)
        const { statistics } = await served.server.report()
        assert.deepEqual(
          statistics.map(({ flowControl, flowControlCount }) => [flowControl, flowControlCount]),
          [
            [0, 3],
            [0, 1],
          ],
        )
      })

      it('are told why they are refused', async () => {
        for (const error of [EAGAIN, EACCES]) {
          const served = await serve({ transport, admit: -error })
          assert.deepEqual(await run(served.name, ['echo', 1]), { code: 1, text: `refused ${error}` })
          await untilClean(served)
        }
      })

      for (const phase of ['connected', 'requests', 'waiting', 'events']) {
        it(`leave nothing behind when they are killed (${phase})`, async () => {
          const served = await serve({ transport })
          const { openFiles } = await served.server.report()
          if (phase === 'requests') served.server.say('rate off2')
          if (phase === 'waiting') served.server.say('busy')
          const victim = new Child(qb, [served.name, 'phase', phase])
          children.push(victim)
          await victim.until(new RegExp(`^${phase}$`, 'm'))
          victim.kill('SIGKILL')
          await untilClean(served)
          assert.equal((await served.server.report()).openFiles, openFiles)
        })
      }
      it('are many at once', async () => {
        const served = await serve({ transport })
        assert.deepEqual(await run(served.name, ['many', 200]), { code: 0, text: '200 connections' })
        await untilClean(served)
      })

      it('are refused when there is no descriptor left, and let in again afterwards', async () => {
        // Fifty are kept by the daemon for itself, some two dozen are in use by Node.
        const served = await serve({ transport }, ['sh', '-c', 'ulimit -n 90; exec "$@"', 'sh'])
        assert.deepEqual(await run(served.name, ['many', 60]), { code: 1, text: `refused ${EMFILE}` })
        assert.match(served.server.logs.join('\n'), /^Few descriptors left: refusing new connections$/m)
        await untilClean(served)
        assert.equal((await run(served.name, ['echo', 1])).code, 0)
      })

      it('may be of another user, whose files are his', async () => {
        const served = await serve({ transport })
        const ids = { uid: NOBODY, gid: NOBODY }
        assert.deepEqual(await run(served.name, ['echo', 10], ids), { code: 0, text: 'echoed 490' })
        const child = new Child(qb, [served.name, 'phase', 'connected'], ids)
        children.push(child)
        await child.until(/connected/)
        const [own = ''] = readdirSync(served.directory)
        const path = join(served.directory, own)
        assert.match(own, new RegExp(`^qb-${served.server.process.pid}-${child.process.pid}-[0-9]+-[A-Za-z0-9]{6}$`))
        const { uid, gid, mode } = statSync(path)
        assert.deepEqual([uid, gid, mode & 0o7777], [NOBODY, NOBODY, 0o770])
        const files = readdirSync(path)
        assert.equal(files.length, transport === 'shm' ? 6 : 1)
        for (const file of files) {
          const found = statSync(join(path, file))
          assert.deepEqual([file, found.uid, found.gid, found.mode & 0o7777], [file, NOBODY, NOBODY, 0o600])
        }
      })
    })
  }

  it('find a service behind a prefix, and not without it', async () => {
    const served = await serve({ prefix: 'b-' })
    assert.equal((await run(served.name, ['echo', 1])).code, 0)
    assert.deepEqual(await run(served.name.slice(2), ['echo', 1]), { code: 1, text: `refused ${ECONNREFUSED}` })
  })

  it('are told that there is no space, and others do not suffer', async () => {
    const mount = 'mount -t tmpfs -o size=5m tmpfs /dev/shm && exec "$@"'
    const served = await serve({ directory: '/dev/shm' }, ['unshare', '--mount', 'sh', '-c', mount, 'sh'])
    const inside = ['-t', String(served.server.process.pid), '-m', '--', qb, served.name]
    const first = new Child('nsenter', [...inside, 'phase', 'connected'])
    children.push(first)
    await first.until(/connected/)
    const second = new Child('nsenter', [...inside, 'echo', '1'])
    children.push(second)
    assert.equal((await second.ended).code, 1)
    assert.equal(second.stdout, `refused ${ENOSPC}\n`)
    assert.match(served.server.logs.join('\n'), /^Cannot connect process [0-9]+ to .*: posix_fallocate: No space left/m)
    first.kill('SIGKILL')
    await until('the first to be gone', GONE_MS, async () =>
      (await served.server.report()).active === 0 ? true : undefined,
    )
    const third = new Child('nsenter', [...inside, 'echo', '1'])
    children.push(third)
    assert.equal((await third.ended).code, 0)
  })

  it('find a service in the file system where the host says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'corosync-ts-libqb-'))
    started.push({ stop: async () => {}, directory: folder })
    const served = await serve({ socketDirectory: '/tmp' })
    const path = join('/tmp', served.name)
    assert.equal(statSync(path).mode & 0o777, 0o777)
    // libqb looks for the file in /etc: here in a view of the file system of its own.
    const look = `mount --bind ${folder} /etc/libqb && touch /etc/libqb/force-filesystem-sockets && exec "$@"`
    const prepared = `mkdir -p /etc/libqb && ${look}`
    const child = new Child('unshare', ['--mount', 'sh', '-c', prepared, 'sh', qb, served.name, 'echo', '1'])
    children.push(child)
    assert.equal((await child.ended).code, 0, child.stdout + child.stderr)
    assert.deepEqual(await run(served.name, ['echo', 1]), { code: 1, text: `refused ${ECONNREFUSED}` })
    await served.server.stop()
    assert.equal(existsSync(path), false)
  })
})
