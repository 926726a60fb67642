// What is looked up of the real host. Only what every host has: root, loopback, localhost.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { listFiles, readHost, resolveHost } from '../../../src/daemon/host.js'

describe('the host', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'corosync-host-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('has a name, a loopback interface and root', () => {
    const host = readHost()
    assert.equal(host.hostname, hostname())
    const loopback = host.interfaces.find(own => own.address === '127.0.0.1')
    assert.deepEqual([loopback?.family, loopback?.prefix], [4, 8])
    assert.equal(host.userId('root'), 0)
    assert.equal(host.groupId('root'), 0)
  })

  it('has no users of impossible names', () => {
    const host = readHost()
    for (const name of ['', '-V', 'root:x', 'no_such_user_x']) assert.equal(host.userId(name), undefined, name)
  })

  it('resolves the names of a file and nothing else', async () => {
    const path = join(folder, 'corosync.conf')
    writeFileSync(path, 'nodelist {\nnode {\nring0_addr: localhost\n}\nnode {\nring0_addr: 203.0.113.2\n}\n}\n')
    const host = await resolveHost(path)
    assert.ok(host.resolve('localhost').some(address => address === '127.0.0.1' || address === '::1'))
    assert.deepEqual(host.resolve('203.0.113.2'), [])
  })

  it('resolves nothing for a file that is not there', async () => {
    assert.deepEqual((await resolveHost(join(folder, 'missing'))).resolve('localhost'), [])
  })

  it('lists the regular files of a directory, none when there is none', () => {
    const directory = join(folder, 'uidgid.d')
    assert.deepEqual(listFiles(directory), [])
    mkdirSync(join(directory, 'sub'), { recursive: true })
    writeFileSync(join(directory, 'a'), '')
    assert.deepEqual(listFiles(directory), ['a'])
  })
})
