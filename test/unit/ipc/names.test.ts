import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FORCE_FILESYSTEM_FILE, hostSocketDirectory, serviceAddress } from '../../../src/ipc/names.js'

describe('the place where programs look for a daemon', () => {
  it('is the abstract name space unless the host says otherwise', () => {
    assert.equal(
      hostSocketDirectory(() => false),
      undefined,
    )
    assert.equal(
      hostSocketDirectory(path => path === FORCE_FILESYSTEM_FILE),
      '/var/run',
    )
    assert.equal(
      hostSocketDirectory(() => true),
      '/tmp',
    )
  })

  it('carries the prefix', () => {
    assert.deepEqual(serviceAddress('cmap', '', undefined), { abstract: true, name: 'cmap' })
    assert.deepEqual(serviceAddress('cmap', 'b-', undefined), { abstract: true, name: 'b-cmap' })
    assert.deepEqual(serviceAddress('cmap', 'b-', '/tmp'), { abstract: false, name: '/tmp/b-cmap' })
  })
})
