// The main thread's part in changes of a running daemon, with real files.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { absoluteLogFiles, LiveConfiguration } from '../../../src/daemon/live-configuration.js'
import { LogFilter } from '../../../src/log/filter.js'
import { Logger } from '../../../src/log/logger.js'
import type { MapEntry } from '../../../src/services/cfg/types.js'
import { configured } from '../../support/config-host.js'

let folder: string
let logger: Logger
let live: LiveConfiguration
let terminal: string[]

function text(more = ''): string {
  return `totem {
version: 2
transport: udpu
token: 1000
}
nodelist {
node {
ring0_addr: 127.0.0.1
nodeid: 1
}
}
logging {
logfile: log
to_logfile: yes
to_syslog: no
timestamp: off
${more}}
`
}

function logging(values: Readonly<Record<string, string>>): MapEntry[] {
  const whole = { to_logfile: 'yes', to_syslog: 'no', timestamp: 'off', logfile: 'log', ...values }
  return Object.entries(whole).map(([name, value]) => ({ key: `logging.${name}`, value: { type: 'str', value } }))
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'corosync-live-'))
  terminal = []
  logger = new Logger({
    speaker: { pid: 7, host: 'h' },
    now: Date.now,
    writeTerminal: line => terminal.push(line),
  })
  const start = configured(text())
  logger.configure(absoluteLogFiles(start.logging, folder))
  const path = join(folder, 'corosync.conf')
  writeFileSync(path, text())
  live = new LiveConfiguration({ start, path, directory: folder, environment: {}, logger })
})

afterEach(() => {
  logger.close()
  rmSync(folder, { recursive: true })
})

const logged = (name = 'log') => readFileSync(join(folder, name), 'utf8')

describe('the file of a running daemon', () => {
  it('is read again', async () => {
    writeFileSync(join(folder, 'corosync.conf'), text().replace('token: 1000', 'token: 2000'))
    const read = await live.read()
    assert.ok(read.kind === 'valid')
    const token = read.file.find(entry => entry.key === 'totem.token')
    assert.deepEqual(token?.value, { type: 'u32', value: 2000 })
    assert.deepEqual(read.nodes, [{ nodeId: 1, addresses: ['127.0.0.1'] }])
    // It goes to another thread.
    assert.deepEqual(structuredClone(read), read)
  })

  it('that is broken, or asks for a log that cannot be, is told as such', async () => {
    writeFileSync(join(folder, 'corosync.conf'), 'totem {\n')
    assert.equal((await live.read()).kind, 'unreadable')
    writeFileSync(join(folder, 'corosync.conf'), text('logfile: no/such/folder\n'))
    const read = await live.read()
    assert.ok(read.kind === 'invalid')
    assert.match(read.problem, /Can't open logfile/)
  })
})

describe('the log of a running daemon', () => {
  it('takes other settings', () => {
    logger.log('debug', 'CPG', 'before')
    const state = live.changeLogging(logging({ debug: 'on' }))
    logger.log('debug', 'CPG', 'after')
    assert.ok(state !== undefined && new LogFilter(state).enabled('debug', 'CPG'))
    assert.match(logged(), /CPG {3}\] after/)
    assert.doesNotMatch(logged(), /before/)
  })

  it('goes to another file', () => {
    live.changeLogging(logging({ logfile: 'other' }))
    logger.log('notice', 'MAIN', 'where')
    assert.match(logged('other'), /where/)
    assert.doesNotMatch(logged(), /where/)
  })

  it('goes on as before when settings cannot be, and says so', () => {
    for (const values of [{ debug: 'maybe' }, { logfile: 'no/such/folder' }]) {
      assert.equal(live.changeLogging(logging(values)), undefined)
      assert.match(terminal.at(-1) ?? '', /Logging goes on as before/)
      assert.match(logged(), /Logging goes on as before/)
    }
  })

  it('is opened again by its name after a rotation', () => {
    logger.log('notice', 'MAIN', 'old')
    renameSync(join(folder, 'log'), join(folder, 'log.1'))
    assert.equal(live.reopenLogFiles(), true)
    logger.log('notice', 'MAIN', 'new')
    assert.match(logged(), /new/)
    assert.doesNotMatch(logged('log.1'), /new/)
  })

  it('that cannot be opened again goes on to the old file', () => {
    renameSync(folder, `${folder}-moved`)
    try {
      assert.equal(live.reopenLogFiles(), false)
      logger.log('notice', 'MAIN', 'still')
      assert.match(readFileSync(join(`${folder}-moved`, 'log'), 'utf8'), /still/)
      assert.equal(existsSync(folder), false)
    } finally {
      renameSync(`${folder}-moved`, folder)
    }
  })
})
