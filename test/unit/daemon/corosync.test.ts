import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { check } from '../../../src/cli/check.js'
import { isSupportedPlatform } from '../../../src/sys/layout.js'
import { Child } from '../../support/child.js'
import { freeUdpPort } from '../../support/free-port.js'

const corosync = fileURLToPath(new URL('../../../../bin/corosync', import.meta.url))
const rash = fileURLToPath(new URL('../../support/real-corosync.js', import.meta.url))
const READY = /Completed service synchronization, ready to provide service\./
/** From the wish to the end of the process, on a busy machine. */
const END_MS = 3000
/** Ten attempts with growing pauses, as the C daemon makes. */
const BIND_MS = 15_000

const skip = isSupportedPlatform() ? false : 'needs the binding'

describe('the program corosync', { skip }, () => {
  let folder: string
  let port: number
  let child: Child | undefined

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'corosync-program-'))
    mkdirSync(join(folder, 'state'))
    port = await freeUdpPort()
  })
  afterEach(async () => {
    await child?.stop()
    child = undefined
    rmSync(folder, { recursive: true })
  })

  const tail = () => `system {
state_dir: ${join(folder, 'state')}
sched_rr: no
}
logging {
to_syslog: no
timestamp: off
}
`

  function configuration(text = ''): string {
    const path = join(folder, 'corosync.conf')
    const nodelist = `totem {
version: 2
transport: udpu
interface {
mcastport: ${port}
}
}
nodelist {
node {
nodeid: 7
ring0_addr: 127.0.0.1
}
}
`
    writeFileSync(path, (text || nodelist) + tail())
    return path
  }

  function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
    child = new Child(process.execPath, [program, ...args, '-l', join(folder, 'pid')], {
      env: { PATH: process.env.PATH, COROSYNC_IPC_PREFIX: `corosync-test-${process.pid}-`, ...env },
    })
    return child
  }

  it("forms a ring, says so in the engine's words, and leaves it when asked to", async () => {
    const daemon = run(corosync, ['-f', '-c', configuration()])
    await daemon.until(READY)
    const asked = performance.now()
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    assert.ok(performance.now() - asked < END_MS)
    const lines = daemon.stderr.split('\n').map(line => line.replace(/ (implementation|wire)=.*/, ''))
    assert.deepEqual(lines, [
      'notice  [MAIN  ] Corosync Cluster Engine 3.1.7 starting up',
      'info    [MAIN  ] Corosync built-in features: systemd',
      'notice  [TOTEM ] Speaking the wire protocol of corosync 3.',
      'info    [MAIN  ] Locking only the buffers of the ring in memory: V8 cannot run with locked pages. MemorySwapMax=0 in the unit keeps the rest from swapping.',
      'notice  [SERV  ] Service engine loaded: corosync configuration map access [0]',
      'notice  [SERV  ] Service engine loaded: corosync configuration service [1]',
      'notice  [SERV  ] Service engine loaded: corosync cluster closed process group service v1.01 [2]',
      'notice  [SERV  ] Service engine loaded: corosync profile loading service [4]',
      'notice  [SERV  ] Service engine loaded: corosync resource monitoring service [6]',
      'warning [WD    ] Watchdog not enabled by configuration',
      'warning [WD    ] resource load_15min missing a recovery key.',
      'warning [WD    ] resource memory_used missing a recovery key.',
      'info    [WD    ] no resources configured.',
      'notice  [SERV  ] Service engine loaded: corosync watchdog service [7]',
      'notice  [SERV  ] Service engine loaded: corosync cluster quorum service v0.1 [3]',
      'info    [QB    ] server name: cmap',
      'info    [QB    ] server name: cfg',
      'info    [QB    ] server name: cpg',
      'info    [QB    ] server name: quorum',
      ...lines.filter(line => /Receive buffer|lock the ring's buffers/.test(line)),
      'notice  [TOTEM ] The network interface [127.0.0.1] is now up.',
      'notice  [QUORUM] Sync members[1]: 7',
      'notice  [QUORUM] Sync joined[1]: 7',
      'notice  [TOTEM ] A new membership (7.5) was formed. Members joined: 7',
      'notice  [MAIN  ] Completed service synchronization, ready to provide service.',
      'notice  [MAIN  ] Node was shut down by a signal',
      'notice  [SERV  ] Unloading all Corosync service engines.',
      'notice  [SERV  ] Service engine unloaded: corosync configuration map access',
      'notice  [SERV  ] Service engine unloaded: corosync configuration service',
      'notice  [SERV  ] Service engine unloaded: corosync cluster closed process group service v1.01',
      'notice  [SERV  ] Service engine unloaded: corosync cluster quorum service v0.1',
      'notice  [SERV  ] Service engine unloaded: corosync profile loading service',
      'notice  [SERV  ] Service engine unloaded: corosync resource monitoring service',
      'notice  [SERV  ] Service engine unloaded: corosync watchdog service',
      'notice  [MAIN  ] Corosync Cluster Engine exiting normally',
      '',
    ])
    assert.equal(existsSync(join(folder, 'pid')), false)
  })

  it('runs a file of the old style without packet security, and advises to migrate it', async () => {
    const path = configuration(`totem {
version: 2
secauth: off
transport: udpu
interface {
member {
memberaddr: 127.0.0.1
}
member {
memberaddr: 127.0.0.2
}
ringnumber: 0
bindnetaddr: 127.0.0.1
mcastport: ${port}
}
}
service {
name: pacemaker
ver: 1
}
`)
    const daemon = run(corosync, ['-f', '-c', path])
    await daemon.until(READY)
    assert.match(daemon.stderr, /warning \[MAIN {2}\] .*migrate/)
    daemon.kill('SIGINT')
    assert.equal((await daemon.ended).code, 0)
  })

  it('ends with 21 when it cannot keep its ring id', async () => {
    mkdirSync(join(folder, 'state', 'ringid_7'))
    const daemon = run(corosync, ['-f', '-c', configuration()])
    assert.equal((await daemon.ended).code, 21)
    assert.match(daemon.stderr, /error {3}\[MAIN {2}\] Unable to store new ring id in .*ringid_7/)
    assert.match(daemon.stderr, /Corosync Cluster Engine exiting with status 21 at daemon\.js:\d+\.\n$/)
  })

  it('ends with 1 when its port is in use, after some attempts', async () => {
    const other = dgram.createSocket('udp4')
    await new Promise<void>(resolve => other.bind(port, '127.0.0.1', resolve))
    try {
      const daemon = run(corosync, ['-f', '-c', configuration()])
      const end = await daemon.ended
      assert.equal(end.code, 1)
      assert.ok(end.afterMs < BIND_MS)
      assert.match(daemon.stderr, /Address already in use/)
    } finally {
      other.close()
    }
  })

  it('ends with 20 when programs would find another daemon under its names, and says what to do', async () => {
    const prefix = `corosync-test-taken-${process.pid}-`
    const other = net.createServer()
    // Every byte of an abstract name counts, and programs look for one that fills the address.
    await new Promise<void>(resolve => other.listen(`\0${prefix}cmap`.padEnd(108, '\0'), resolve))
    try {
      const daemon = run(corosync, ['-f', '-c', configuration()], { COROSYNC_IPC_PREFIX: prefix })
      assert.equal((await daemon.ended).code, 20)
      assert.match(
        daemon.stderr,
        /error {3}\[MAIN {2}\] Can't initialize IPC: .*Address already in use.*system\.ipc_prefix/,
      )
    } finally {
      other.close()
    }
  })

  it('that is asked to end while it starts ends in order', async () => {
    const daemon = run(corosync, ['-f', '-c', configuration()])
    await daemon.until(/Locking only the buffers/)
    daemon.kill('SIGTERM')
    const { code, signal, afterMs } = await daemon.ended
    assert.ok(code === 0 || signal === 'SIGTERM', `code ${code}, signal ${signal}`)
    assert.ok(afterMs < 2 * END_MS)
  })

  it('does not hang in process.exit while the executive waits for the network', async () => {
    const daemon = run(rash, ['-f', '-c', configuration()], { ACT: 'exit' })
    await daemon.until(/acting/)
    const acted = performance.now()
    assert.equal((await daemon.ended).code, 5)
    assert.ok(performance.now() - acted < END_MS)
  })

  for (const [act, words] of [
    ['throw', 'thrown by the test'],
    ['reject', 'rejected by the test'],
  ] as const) {
    it(`ends with 15 and a flight record when its main thread fails (${act})`, async () => {
      const daemon = run(rash, ['-f', '-c', configuration()], { ACT: act })
      await daemon.until(/acting/)
      const acted = performance.now()
      assert.equal((await daemon.ended).code, 15)
      assert.ok(performance.now() - acted < END_MS)
      assert.match(daemon.stderr, new RegExp(`crit {4}\\[MAIN {2}\\] The main thread failed: ${words}\\n`))
      const [name = ''] = readdirSync(join(folder, 'state')).filter(each => each.startsWith('flight-'))
      const record = JSON.parse(readFileSync(join(folder, 'state', name), 'utf8'))
      assert.equal(record.error.message, words)
      assert.ok(record.heartbeat > 0)
    })
  }

  it('ends with 15 and a flight record when its executive trips', async () => {
    const daemon = run(rash, ['-f', '-c', configuration()], { ACT: 'break' })
    assert.equal((await daemon.ended).code, 15)
    assert.match(daemon.stderr, /crit {4}\[MAIN {2}\] The executive died: Cannot read properties of undefined/)
    assert.match(daemon.stderr, /Flight record written to .*\n/)
    assert.match(daemon.stderr, /Corosync Cluster Engine exiting with status 15 at daemon\.js:\d+\.\n$/)
  })

  it('shows its version, and its usage where it is told something else', async () => {
    const version = new Child(process.execPath, [corosync, '-v', '-x'])
    assert.equal((await version.ended).code, 0)
    assert.match(
      version.stdout,
      /^Corosync Cluster Engine, version '3\.1\.7'\nImplementation: corosync-ts \S+ on Node\.js v/,
    )
    const usage = new Child(process.execPath, [corosync, '-h'])
    assert.equal((await usage.ended).code, 1)
    assert.match(usage.stderr, /^corosync: invalid option -- 'h'\nusage:\n {8}-c {5}: Corosync config file path\.\n/)
    assert.equal(usage.stdout, '')
  })

  it('records the ring when told to, and refuses to start where it cannot', async () => {
    const trace = join(folder, 'trace')
    const daemon = run(corosync, ['-f', '-c', configuration(), '--record', trace])
    await daemon.until(READY)
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    assert.match(daemon.stderr, /notice {2}\[MAIN {2}\] Recording the ring to .*trace\n/)
    const lines: string[] = []
    assert.equal(
      check([trace], line => lines.push(line), assert.fail),
      0,
    )
    assert.match(lines.join('\n'), /^engines of node 7\n/)
    assert.match(lines.join('\n'), /B1 +no invention +kept +[1-9]/)
    assert.match(readFileSync(trace, 'utf8'), /"event":"end","how":"left"\}\n$/)

    const refused = run(corosync, ['-f', '-c', configuration(), '--record', join(folder, 'none', 'trace')])
    assert.equal((await refused.ended).code, 15)
    assert.match(refused.stderr, /error {3}\[MAIN {2}\] Cannot record to .*none\/trace\. No such file or directory/)
  })

  it('goes on when the recording cannot', async () => {
    const daemon = run(corosync, ['-f', '-c', configuration(), '--record', '/dev/full'])
    await daemon.until(READY)
    daemon.kill('SIGTERM')
    assert.equal((await daemon.ended).code, 0)
    assert.equal(daemon.stderr.match(/Recording to \/dev\/full has ended\. No space left on device/g)?.length, 1)
  })

  it('tests a file without running it', async () => {
    const test = run(corosync, ['-t', '-c', configuration()])
    assert.equal((await test.ended).code, 0)
    assert.equal(test.stderr, 'notice  [MAIN  ] Corosync Cluster Engine exiting normally\n')
  })
})
