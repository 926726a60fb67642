import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { ExpectedVotesFile, ExpectedVotesFileError } from '../../../src/daemon/expected-votes-file.js'

let folder = ''
let logged: string[] = []
beforeEach(() => {
  folder = mkdtempSync(join(os.tmpdir(), 'corosync-ts-'))
  logged = []
})
afterEach(() => rmSync(folder, { recursive: true }))

const open = (path = folder) => new ExpectedVotesFile(path, (level, _, message) => logged.push(`${level} ${message}`))
const hex = (path: string) => readFileSync(path).toString('hex')

describe('the file of expected votes', () => {
  it('is not there before somebody asks', () => {
    const file = open()
    assert.ok(!existsSync(file.path))
    assert.equal(file.barrier, 0)
    assert.equal(file.path, join(folder, 'ev_tracking'))
    assert.equal(hex(file.path), '00000000')
    assert.equal(statSync(file.path).mode & 0o777, 0o600)
    file.close()
  })

  it('keeps the number, in the order of this host', () => {
    const file = open()
    assert.equal(file.barrier, 0)
    file.write(300)
    assert.equal(hex(file.path), '2c010000')
    file.close()
    assert.equal(open().barrier, 300)
  })

  it('counts from 0 again where it was cut short', () => {
    writeFileSync(join(folder, 'ev_tracking'), 'abc')
    assert.equal(open().barrier, 0)
    assert.equal(hex(join(folder, 'ev_tracking')), '00000000')
  })

  it('that cannot be read ends the start', () => {
    mkdirSync(join(folder, 'ev_tracking'))
    assert.throws(
      () => open().barrier,
      (error: unknown) => error instanceof ExpectedVotesFileError && error.exitCode === 20,
    )
  })

  it('that cannot be written is a warning: the ring goes on', () => {
    open(join(folder, 'nowhere')).write(3)
    assert.match(logged.join(), /^warning Unable to update ev_tracking_barrier on disk data!!! path=.*nowhere/)
  })
})
