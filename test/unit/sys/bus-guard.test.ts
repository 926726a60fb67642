// The guard against files that others cut off: what it survives, and what still ends the process.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { handlerCode } from '../../../src/sys/bus-guard.js'

const PROGRAM = fileURLToPath(new URL('../../support/bus-fault.js', import.meta.url))
const TIMEOUT_MS = 20_000

function run(what: string) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, what], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  })
  return { status, signal, stdout, stderr }
}

describe('a page of a mapped file that is gone', () => {
  it('reads as zeros, takes what is written, and is counted', () => {
    assert.deepEqual(run('arena'), { status: 0, signal: null, stdout: 'alive 1\n', stderr: '' })
  })

  it('does no harm in two arenas of one process', () => {
    assert.deepEqual(run('two arenas'), { status: 0, signal: null, stdout: 'alive 2\n', stderr: '' })
  })

  it('does no harm in another thread with an arena of its own', () => {
    const stdout = 'alive 1\nalive 1\n'
    assert.deepEqual(run('worker'), { status: 0, signal: null, stdout, stderr: '' })
  })
})

describe('SIGBUS for another reason', () => {
  for (const what of ['outside', 'two arenas, outside', 'signal']) {
    it(`ends the process (${what})`, () => {
      assert.deepEqual(run(what), { status: null, signal: 'SIGBUS', stdout: '', stderr: '' })
    })
  }
})

describe('the handler', () => {
  it('is there for both architectures and fits before its data', () => {
    for (const architecture of ['x64', 'arm64']) {
      const code = handlerCode(architecture)
      assert.ok(code !== undefined && code.length > 100 && code.length < 4096, architecture)
    }
    assert.equal(handlerCode('riscv64'), undefined)
  })
})
