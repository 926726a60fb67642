import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { RingIdFile, RingIdFileError } from '../../../src/daemon/ring-id-file.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(os.tmpdir(), 'corosync-ts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const hex = (path: string) => readFileSync(path).toString('hex')

describe('the ring-id file', () => {
  it('is created at once, for its owner alone, with sequence 0', () => {
    const file = new RingIdFile(folder, 4000000000)
    assert.equal(file.sequence, 0)
    assert.equal(file.path, join(folder, 'ringid_4000000000'))
    assert.equal(hex(file.path), '0000000000000000')
    assert.equal(statSync(file.path).mode & 0o777, 0o600)
    file.close()
  })

  it('holds eight bytes in the order of this host', () => {
    const file = new RingIdFile(folder, 1)
    file.write(0x15)
    assert.equal(hex(file.path), '1500000000000000')
    file.write(2 ** 40 + 9)
    assert.equal(hex(file.path), '0900000000010000')
    file.close()
    const again = new RingIdFile(folder, 1)
    assert.equal(again.sequence, 2 ** 40 + 9)
    again.close()
  })

  for (const [what, content] of [
    ['empty', ''],
    ['short', '15000000000000'],
    ['beyond what can be counted', 'ffffffffffffffff'],
  ] as const) {
    it(`that is ${what} counts as 0 and is made good`, () => {
      const path = join(folder, 'ringid_1')
      writeFileSync(path, Buffer.from(content, 'hex'))
      const file = new RingIdFile(folder, 1)
      assert.equal(file.sequence, 0)
      assert.equal(hex(path), '0000000000000000')
      file.close()
    })
  }

  it('that cannot be created is fatal, with the exit code of the C daemon', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const stateDir of [join(folder, 'missing'), file]) {
      assert.throws(
        () => new RingIdFile(stateDir, 1),
        (error: unknown) =>
          error instanceof RingIdFileError && error.exitCode === 21 && error.message.includes(`${stateDir}/ringid_1`),
      )
    }
  })

  it('in a directory that is read-only is fatal', () => {
    const stateDir = join(folder, 'state')
    mkdirSync(stateDir)
    chmodSync(stateDir, 0o555)
    chmodSync(folder, 0o755)
    // The superuser may write anywhere.
    const wasRoot = process.geteuid?.() === 0
    if (wasRoot) process.seteuid?.(65534)
    try {
      assert.throws(() => new RingIdFile(stateDir, 1), RingIdFileError)
    } finally {
      if (wasRoot) process.seteuid?.(0)
    }
  })

  it('that cannot be written any more is fatal', () => {
    symlinkSync('/dev/full', join(folder, 'ringid_1'))
    assert.throws(() => new RingIdFile(folder, 1), { code: 'RING_ID_FILE' })
  })
})
