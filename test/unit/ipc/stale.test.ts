// What a killed daemon leaves in shared memory, and what its successor may remove of it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { removeStaleDirectories } from '../../../src/ipc/stale.js'
import { RingHeader } from '../../../src/wire/ipc-transport.js'
import { EchoProcess } from '../../support/ipc-echo-process.js'
import { abstractName, RawClient } from '../../support/ipc-raw-client.js'

let sequence = 0

describe('the directories of connections', () => {
  let directory: string
  let server: EchoProcess
  let client: RawClient

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'corosync-ts-stale-'))
    const service = `ipc-stale-${process.pid}-${++sequence}`
    server = await EchoProcess.start({ service, directory })
    client = await RawClient.connect(abstractName(service))
  })

  afterEach(async () => {
    client?.close()
    server?.process.kill('SIGKILL')
    await server?.ended
    rmSync(directory, { recursive: true, force: true })
  })

  async function kill(): Promise<void> {
    server.process.kill('SIGKILL')
    await server.ended
  }

  /** The header by which a directory is judged. */
  function header(): string {
    return `${client.handshake.request}-header`
  }

  it('stay while their daemon runs', () => {
    assert.equal(removeStaleDirectories(directory), 0)
    assert.equal(readdirSync(dirname(header())).length, 6)
  })

  it('are removed when it was killed', async () => {
    await kill()
    assert.equal(readdirSync(directory).length, 1)
    assert.equal(removeStaleDirectories(directory), 1)
    assert.deepEqual(readdirSync(directory), [])
  })

  it('are removed by the next daemon, which says so', async () => {
    await kill()
    const next = await EchoProcess.start({ service: `ipc-stale-${process.pid}-${++sequence}`, directory })
    assert.deepEqual(readdirSync(directory), [])
    assert.match(next.logs.join(), /Removed what a former daemon left in .*, connections=1/)
    await next.stop()
  })

  it('stay when their mark is of another container, of another process, or missing', async () => {
    await kill()
    const path = header()
    const bytes = readFileSync(path)
    const mark = bytes.toString('latin1', RingHeader.daemonMark).replace(/\0.*$/s, '')
    assert.match(mark, /^corosync-ts pid:\[[0-9]+\] [0-9]+ [0-9]+$/)
    for (const other of [mark.replace(/pid:\[/, 'pid:[9'), mark.replace(/\] [0-9]+/, '] 999999'), '']) {
      bytes.fill(0, RingHeader.daemonMark, RingHeader.dataPath)
      bytes.write(other, RingHeader.daemonMark, 'latin1')
      writeFileSync(path, bytes)
      assert.equal(removeStaleDirectories(directory), 0, other)
    }
    assert.equal(readdirSync(dirname(path)).length, 6)
  })

  it('stay when something else is in the place of the header, or beside the rings', async () => {
    await kill()
    const path = header()
    const foreign = join(dirname(path), 'precious')
    writeFileSync(foreign, '')
    assert.equal(removeStaleDirectories(directory), 0)
    assert.deepEqual(readdirSync(dirname(path)), ['precious'])
    // Opening a pipe must not wait for its other end.
    assert.equal(spawnSync('mkfifo', [path]).status, 0)
    assert.equal(removeStaleDirectories(directory), 0)
  })

  it('are removed when the program has emptied them, but not while a server may be about to fill them', async () => {
    const own = dirname(header())
    for (const file of readdirSync(own)) rmSync(join(own, file))
    const minuteAgo = Date.now() / 1000 - 60
    utimesSync(own, minuteAgo, minuteAgo)
    assert.equal(removeStaleDirectories(directory), 0, 'its daemon runs')
    await kill()
    utimesSync(own, Date.now() / 1000, Date.now() / 1000)
    assert.equal(removeStaleDirectories(directory), 0, 'it is new')
    utimesSync(own, minuteAgo, minuteAgo)
    assert.equal(removeStaleDirectories(directory), 1)
    assert.deepEqual(readdirSync(directory), [])
  })

  it('of other servers stay', async () => {
    const other = join(directory, 'qb-999999-1-10-abcdef')
    mkdirSync(other)
    writeFileSync(join(other, 'qb-request-cmap-header'), Buffer.alloc(RingHeader.bytes))
    assert.equal(removeStaleDirectories(directory), 0)
    assert.equal(readdirSync(directory).length, 2)
  })
})
