import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isSupportedPlatform } from '../../../src/sys/layout.js'
import { UNIX_DATAGRAM_BYTES_MAX, UnixDatagramSender } from '../../../src/sys/unix-datagram.js'
import { UnixReceiver } from '../../support/unix-receiver.js'

describe('datagrams to a local socket', { skip: isSupportedPlatform() ? false : 'needs the binding' }, () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'corosync-unix-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  it('arrive whole, and again after the receiver has gone and come', () => {
    const path = join(folder, 'log')
    const sender = new UnixDatagramSender(path)
    assert.equal(sender.send('nobody yet'), 'failed')
    for (const text of ['<27>one', 'zwei ä']) {
      const receiver = new UnixReceiver(path)
      assert.equal(sender.send(text), 'sent')
      assert.deepEqual(receiver.take(), [text])
      receiver.close()
    }
    assert.equal(sender.send('gone'), 'failed')
    sender.close()
  })

  it('reach a name in the abstract name space', () => {
    const name = `@corosync-ts-test-${process.pid}`
    const receiver = new UnixReceiver(name)
    const sender = new UnixDatagramSender(name)
    assert.equal(sender.send('READY=1'), 'sent')
    assert.deepEqual(receiver.take(), ['READY=1'])
    sender.close()
    receiver.close()
  })

  it('are cut at the bound', () => {
    const path = join(folder, 'long')
    const receiver = new UnixReceiver(path)
    const sender = new UnixDatagramSender(path)
    assert.equal(sender.send('x'.repeat(UNIX_DATAGRAM_BYTES_MAX + 1)), 'sent')
    assert.equal(receiver.take()[0]?.length, UNIX_DATAGRAM_BYTES_MAX)
    sender.close()
    receiver.close()
  })

  it('are refused, not waited for, while nobody reads', () => {
    const path = join(folder, 'full')
    const receiver = new UnixReceiver(path)
    const sender = new UnixDatagramSender(path)
    let taken = 0
    while (taken < 100_000 && sender.send('x') === 'sent') taken++
    assert.ok(taken > 0 && taken < 100_000)
    assert.equal(sender.send('x'), 'full')
    assert.equal(receiver.take().length, taken)
    assert.equal(sender.send('x'), 'sent')
    sender.close()
    receiver.close()
  })

  it('need a path that a socket can have', () => {
    assert.throws(() => new UnixDatagramSender(''), RangeError)
    assert.throws(() => new UnixDatagramSender('x'.repeat(108)), RangeError)
    new UnixDatagramSender('x'.repeat(107)).close()
  })
})
