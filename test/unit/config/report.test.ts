import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { testConfiguration } from '../../../src/cli/corosync-test-config.js'
import { effectiveTable, failureLines, successLines } from '../../../src/config/index.js'
import { configured, fakeHost, loadText } from '../../support/config-host.js'

const GOOD = `totem {
  version: 2
  transport: udpu
  cluster_name: demo
  token: 1000
}
nodelist {
  node {
    ring0_addr: 127.0.0.1
    name: alpha
  }
  node {
    ring0_addr: 203.0.113.2
    name: beta
  }
}
mystuff {
  answer: 42
}
`

function failure(text: string): string {
  const result = loadText(text)
  assert.ok(!result.ok)
  return failureLines(result)
    .map(({ level, text: line }) => (level === undefined ? line : `<${level}> ${line}`))
    .join('\n')
}

describe('what is said of a bad file', () => {
  it('begins as the parser of the reference does, with the column, and says what would be right', () => {
    assert.equal(
      failure(GOOD.replace('1000', '1s')),
      'parser error: corosync.conf:5:10: Value of key "totem.token" is expected to be integer in range (0..4294967295), but "1s" was given\n' +
        '    help: a whole number from 0 to 4294967295, digits only, without a unit; left out, it is 3000',
    )
  })

  it('is a line of the log where the reference logs, then the place, then the help', () => {
    assert.equal(
      failure(GOOD.replace('1000', '125')),
      '<error> parse error in config: Not appropriate token or token_retransmits_before_loss_const value set\n' +
        '    corosync.conf:5:10: totem.token\n' +
        '    help: token / (token_retransmits_before_loss_const + 0.2) has to be at least 30 ms, but is 29 ms; raise token to 126 or more\n' +
        '<error> Corosync Cluster Engine exiting with status 8 at corosync.conf:5.',
    )
  })

  it('names the file that cannot be read', () => {
    const result = loadText('', fakeHost(), { path: '/etc/nothing.conf' })
    assert.ok(!result.ok)
    assert.equal(result.exitCode, 8)
    assert.equal(failureLines(result)[0]?.text, "Can't read file /etc/nothing.conf: No such file or directory")
  })

  it('is complete even when the file sends nothing to the terminal', () => {
    assert.match(failure(`${GOOD.replace('1000', '125')}logging {\nto_stderr: no\n}\n`), /Not appropriate token/)
  })
})

describe('what is said of a good file', () => {
  const said = (text: string) => successLines(configured(text)).map(({ level, text: line }) => `${level} ${line}`)

  it('is that the engine ends normally', () => {
    assert.deepEqual(said(GOOD), ['notice Corosync Cluster Engine exiting normally'])
  })

  it('is nothing when the file sends nothing to the terminal', () => {
    assert.deepEqual(said(`${GOOD}logging {\nto_stderr: no\n}\n`), [])
    assert.deepEqual(said(`${GOOD}logging {\nlogfile_priority: warning\n}\n`), [])
  })

  it('is also what keeps it from being run', () => {
    const knet = GOOD.replace('udpu', 'knet').replaceAll(/name: (alpha|beta)/g, (_, name) =>
      name === 'alpha' ? 'nodeid: 1' : 'nodeid: 2',
    )
    assert.match(said(knet)[0] ?? '', /^warning this node cannot be started yet: totem\.transport: knet/)
  })
})

describe('the table of effective values', () => {
  const table = effectiveTable(configured(GOOD))
  const row = (key: string) => table.split('\n').find(line => line.trim().startsWith(`${key} `)) ?? ''

  it('says of every value whether it is from the file, a default or derived', () => {
    assert.match(row('totem.token'), /1000 ms +corosync\.conf:5$/)
    assert.match(row('totem.join'), /50 ms +default$/)
    assert.match(row('totem.consensus'), /1200 ms +derived: totem\.token 1000 x 1\.2$/)
    assert.match(row('own node id'), /2130706433 +derived: address 127\.0\.0\.1$/)
    assert.match(row('member 3405803778'), /203\.0\.113\.2 beta +corosync\.conf:1[34]$/)
    assert.match(row('link 0 own address'), /127\.0\.0\.1 +corosync\.conf:9$/)
  })

  it('says so of old files too, and of what the environment gives', () => {
    const member = (address: string) => `member {\nmemberaddr: ${address}\n}\n`
    const text = `totem {\nversion: 2\nsecauth: off\ntransport: udpu\ntoken: 0\ninterface {\nbindnetaddr: 127.0.0.0\n${member('127.0.0.1')}${member('203.0.113.2')}}\n}\n`
    const result = loadText(text, fakeHost(), { environment: { STATE_DIRECTORY: '/state' } })
    assert.ok(result.ok)
    const old = effectiveTable(result.configuration)
    assert.match(old, /member 16777343 +127\.0\.0\.1 +corosync\.conf:9\n/)
    assert.match(old, /system\.state_dir +\/state +derived: environment STATE_DIRECTORY\n/)
    // A 0 in the file stands for the default.
    assert.match(old, /totem\.token +1000 ms +default\n/)
  })

  it('lists the keys that nobody knows', () => {
    assert.match(table, /without effect\):\n {2}mystuff\.answer = 42 {2}corosync\.conf:18\n$/)
    assert.doesNotMatch(table, /alpha = /)
  })
})

describe('the test option', () => {
  let folder = ''
  let back = ''
  before(() => {
    back = process.cwd()
    folder = mkdtempSync(join(tmpdir(), 'corosync-test-'))
  })
  after(() => {
    process.chdir(back)
    rmSync(folder, { recursive: true })
  })

  /** Exit status, standard output and standard error of a check of the text. */
  function check(text: string, verbose = false, environment: Record<string, string> = { STATE_DIRECTORY: folder }) {
    const path = join(folder, 'corosync.conf')
    writeFileSync(path, text)
    let stdout = ''
    let stderr = ''
    const status = testConfiguration({
      path,
      verbose,
      environment,
      host: fakeHost(),
      now: new Date(2026, 0, 5, 7, 8, 9, 45).getTime(),
      stdout: chunk => {
        stdout += chunk
      },
      stderr: chunk => {
        stderr += chunk
      },
    })
    return { status, stdout, stderr }
  }

  it('prints in the configured format of log lines', () => {
    assert.deepEqual(check(GOOD), {
      status: 0,
      stdout: '',
      stderr: 'Jan 05 07:08:09.045 notice  [MAIN  ] Corosync Cluster Engine exiting normally\n',
    })
    const off = check(`${GOOD}logging {\ntimestamp: off\n}\n`)
    assert.equal(off.stderr, 'notice  [MAIN  ] Corosync Cluster Engine exiting normally\n')
  })

  it('prints the table with -v', () => {
    assert.match(check(GOOD, true).stdout, /totem\.token_retransmit +238 ms +derived/)
  })

  it('ends with the status of the mistake', () => {
    assert.equal(check(GOOD.replace('1000', 'x')).status, 8)
    assert.equal(check(`${GOOD}logging {\ndebug: x\n}\n`).status, 7)
    const lost = check(GOOD, false, { STATE_DIRECTORY: join(folder, 'missing') })
    assert.equal(lost.status, 16)
    assert.match(lost.stderr, /Cannot chdir to state directory .*missing\. No such file or directory/)
  })

  it('creates the log file', () => {
    const log = join(folder, 'new.log')
    assert.equal(check(`${GOOD}logging {\nlogfile: ${log}\n}\n`).status, 0)
    rmSync(log)
  })
})
