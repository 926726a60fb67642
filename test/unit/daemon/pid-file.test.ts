import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { PidFile } from '../../../src/daemon/pid-file.js'
import { isSupportedPlatform } from '../../../src/sys/layout.js'
import { lockFile } from '../../../src/sys/thread.js'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'corosync-pid-'))
  path = join(folder, 'corosync.pid')
})
afterEach(() => rmSync(folder, { recursive: true }))

const unlocked = () => true

describe('the pid file', () => {
  it('holds the process id alone, whatever stood there before, and is removed at the end', () => {
    writeFileSync(path, 'something longer\n')
    const result = PidFile.acquire(path, 42, unlocked)
    assert.equal(result.kind, 'held')
    assert.equal(readFileSync(path, 'utf8'), '42\n')
    if (result.kind === 'held') result.file.remove()
    assert.equal(existsSync(path), false)
  })
  it('is made for owner and group alone', () => {
    PidFile.acquire(path, 42, unlocked)
    assert.equal(statSync(path).mode & 0o137, 0)
  })
  it('that another process holds is left as it is', () => {
    writeFileSync(path, '7\n')
    assert.deepEqual(
      PidFile.acquire(path, 42, () => false),
      { kind: 'taken' },
    )
    assert.equal(readFileSync(path, 'utf8'), '7\n')
  })
  it('that cannot be created is failed, with the reason', () => {
    assert.deepEqual(PidFile.acquire(join(folder, 'missing', 'x'), 42, unlocked), {
      kind: 'failed',
      reason: 'No such file or directory',
    })
    mkdirSync(path)
    assert.deepEqual(PidFile.acquire(path, 42, unlocked), { kind: 'failed', reason: 'Is a directory' })
  })
})

describe('its lock', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  it('keeps another process out for as long as this one holds it', () => {
    const tryLock = () => {
      const program = `
        import { openSync } from 'node:fs'
        import { lockFile } from ${JSON.stringify(new URL('../../../src/sys/thread.js', import.meta.url).href)}
        process.stdout.write(String(lockFile(openSync(process.argv[1], 'r+'))))`
      return spawnSync(process.execPath, ['--input-type=module', '-e', program, path], { encoding: 'utf8' }).stdout
    }
    const result = PidFile.acquire(path, process.pid, lockFile)
    assert.equal(result.kind, 'held')
    assert.equal(tryLock(), 'false')
    if (result.kind === 'held') result.file.remove()
    writeFileSync(path, '')
    assert.equal(tryLock(), 'true')
  })
})
