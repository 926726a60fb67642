import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Logger, RECENT_RECORDS_MAX } from '../../../src/log/logger.js'
import type { LogRecord } from '../../../src/log/record.js'
import { LINES_WAITING_MAX, RemoteLog } from '../../../src/log/remote.js'
import { DEFAULT_LOGGING } from '../../../src/log/settings.js'
import { LogFileError, SYSLOG_LINES_WAITING_MAX, Syslog } from '../../../src/log/targets.js'

const { global } = DEFAULT_LOGGING
const base = { ...DEFAULT_LOGGING, timestamp: 'off' } as const

describe('the logger', () => {
  let folder: string
  let terminal: string[]
  let datagrams: string[]
  let logger: Logger

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'corosync-log-'))
    terminal = []
    datagrams = []
    logger = new Logger({
      speaker: { pid: 42, host: 'node2' },
      now: () => 0,
      writeTerminal: line => terminal.push(line),
      openSyslog: () => ({
        send(datagram) {
          datagrams.push(datagram)
          return 'sent'
        },
        close: () => {},
      }),
    })
  })

  afterEach(() => {
    logger.close()
    rmSync(folder, { recursive: true })
  })

  function file(name: string): string {
    return readFileSync(join(folder, name), 'utf8')
  }

  it('gives each destination what its level lets through, the terminal by the level of the log file', () => {
    logger.configure({ ...base, global: { ...global, syslogLevel: 'error', fileLevel: 'warning' } })
    logger.log('warning', 'MAIN', 'one')
    logger.log('error', 'MAIN', 'two')
    logger.log('notice', 'MAIN', 'three')
    assert.deepEqual(terminal, ['warning [MAIN  ] one', 'error   [MAIN  ] two'])
    assert.equal(datagrams.length, 1)
    assert.match(datagrams[0] ?? '', /corosync\[42\]: {2}\[MAIN {2}\] two$/)
  })

  it('writes to the log file, and leaves the terminal out when it is off', () => {
    logger.configure({ ...base, toStderr: false, global: { ...global, toFile: true, logFile: join(folder, 'log') } })
    logger.log('notice', 'CFG', 'x')
    assert.equal(file('log'), '[42] node2 corosyncnotice  [CFG   ] x\n')
    assert.deepEqual(terminal, [])
  })

  it('opens the log file even when nothing is to be written to it', () => {
    logger.configure({ ...base, global: { ...global, logFile: join(folder, 'log') } })
    logger.log('notice', 'CFG', 'x')
    assert.equal(file('log'), '')
  })

  it('writes the lines of a subsystem with its own file there instead', () => {
    const toFile = { ...global, toFile: true, logFile: join(folder, 'log') }
    const subsystems = new Map([['CPG', { ...toFile, logFile: join(folder, 'cpg') }]])
    logger.configure({ ...base, global: toFile, subsystems })
    logger.log('notice', 'CPG', 'of cpg')
    logger.log('notice', 'MAIN', 'of main')
    assert.match(file('cpg'), /^.*of cpg\n$/)
    assert.match(file('log'), /^.*of main\n$/)
  })

  it('refuses a file that cannot be opened in the words of the engine, and keeps the settings it had', () => {
    logger.configure({ ...base, global: { ...global, toFile: true, logFile: join(folder, 'log') } })
    const path = join(folder, 'missing', 'log')
    assert.throws(
      () => logger.configure({ ...base, toStderr: false, global: { ...global, logFile: path } }),
      (error: unknown) =>
        error instanceof LogFileError &&
        error.message === `Can't open logfile '${path}' for reason: No such file or directory (2)`,
    )
    logger.log('notice', 'MAIN', 'still here')
    assert.equal(terminal.length, 1)
    assert.match(file('log'), /still here/)
  })

  it('goes on in a new file after a rotation', () => {
    logger.configure({ ...base, global: { ...global, toFile: true, logFile: join(folder, 'log') } })
    logger.log('notice', 'MAIN', 'before')
    renameSync(join(folder, 'log'), join(folder, 'log.1'))
    logger.log('notice', 'MAIN', 'between')
    assert.equal(existsSync(join(folder, 'log')), false)
    logger.reopen()
    logger.log('notice', 'MAIN', 'after')
    assert.match(file('log.1'), /before\n.*between\n$/)
    assert.match(file('log'), /^.*after\n$/)
  })

  it('says bare text on the terminal and to syslog before it is configured', () => {
    logger.plain('error', 'parser error: a.conf:2: Line too long')
    assert.deepEqual(terminal, ['parser error: a.conf:2: Line too long'])
    assert.match(datagrams[0] ?? '', /^<27>.* corosync\[42\]: parser error: a\.conf:2: Line too long$/)
  })

  it('remembers the last lines, oldest first', () => {
    logger.configure(base)
    for (let i = 0; i < RECENT_RECORDS_MAX + 3; i++) logger.log('notice', 'MAIN', `line ${i}`)
    const lines = logger.recentLines()
    assert.equal(lines.length, RECENT_RECORDS_MAX)
    assert.match(lines[0] ?? '', / line 3$/)
    assert.match(lines.at(-1) ?? '', new RegExp(` line ${RECENT_RECORDS_MAX + 2}$`))
  })
})

describe("the system's log", () => {
  /** A receiver with so many free places; undefined is one that is gone. */
  function receiver(places: number | undefined) {
    const state = { places, got: [] as string[] }
    const syslog = new Syslog({
      send(datagram) {
        if (state.places === undefined) return 'failed'
        if (state.places === 0) return 'full'
        state.places--
        state.got.push(datagram)
        return 'sent'
      },
      close: () => {},
    })
    return { state, syslog }
  }

  it('that has fallen behind gets every line later, in order', context => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const { state, syslog } = receiver(2)
    for (const line of ['a', 'b', 'c', 'd', 'e']) syslog.write(line)
    assert.deepEqual(state.got, ['a', 'b'])
    state.places = 2
    syslog.write('f')
    assert.deepEqual(state.got, ['a', 'b'])
    context.mock.timers.tick(20)
    assert.deepEqual(state.got, ['a', 'b', 'c', 'd'])
    state.places = 9
    context.mock.timers.tick(20)
    assert.deepEqual(state.got, ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.equal(syslog.lostLines, 0)
  })

  it('that is gone costs its lines, not those after it comes back', () => {
    const { state, syslog } = receiver(undefined)
    syslog.write('a')
    state.places = 9
    syslog.write('b')
    assert.deepEqual(state.got, ['b'])
    assert.equal(syslog.lostLines, 1)
  })

  it('that never reads costs the oldest lines, beyond the bound', () => {
    const { state, syslog } = receiver(0)
    for (let i = 0; i < SYSLOG_LINES_WAITING_MAX + 3; i++) syslog.write(String(i))
    assert.equal(syslog.lostLines, 3)
    state.places = SYSLOG_LINES_WAITING_MAX
    syslog.close()
    assert.equal(state.got.length, SYSLOG_LINES_WAITING_MAX)
    assert.equal(state.got[0], '3')
  })

  it('that never reads does not keep the process from its end', () => {
    const { syslog } = receiver(0)
    syslog.write('a')
    const began = performance.now()
    syslog.close()
    assert.ok(performance.now() - began < 2000)
  })
})

describe('the log of the executive', () => {
  function remote(fileLevel: 'info' | 'debug') {
    const waiting = new Int32Array(new SharedArrayBuffer(4))
    const posted: LogRecord[] = []
    const filter = new Logger({ speaker: { pid: 1, host: 'h' }, now: () => 0 })
    filter.configure({ ...base, global: { ...global, fileLevel } })
    return {
      waiting,
      posted,
      log: new RemoteLog(
        filter.filter,
        waiting,
        () => 7,
        record => posted.push(record),
      ),
    }
  }

  it('sends nothing that no destination takes', () => {
    const { posted, log } = remote('info')
    log.log('debug', 'TOTEM', 'x')
    assert.deepEqual(posted, [])
  })

  it('sends the record with its time', () => {
    const { posted, waiting, log } = remote('debug')
    log.log('debug', 'TOTEM', 'x')
    assert.deepEqual(posted, [{ timeMs: 7, level: 'debug', subsystem: 'TOTEM', message: 'x' }])
    assert.equal(waiting[0], 1)
  })

  it('stops at the bound, and says how much was lost when there is room again', () => {
    const { posted, waiting, log } = remote('info')
    for (let i = 0; i < LINES_WAITING_MAX + 5; i++) log.log('notice', 'TOTEM', 'x')
    assert.equal(posted.length, LINES_WAITING_MAX)
    waiting[0] = 0
    log.log('notice', 'TOTEM', 'y')
    const last = posted.slice(LINES_WAITING_MAX)
    assert.deepEqual(
      last.map(record => record.message),
      ['5 log messages were lost: the log is slower than the executive.', 'y'],
    )
  })
})
