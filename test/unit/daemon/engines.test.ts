import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadedLines, unloadedLines } from '../../../src/daemon/engines.js'

const all = [0, 1, 2, 3, 4, 5, 6, 7]

describe('the lines about services', () => {
  it('announce them in start order, quorum behind votequorum', () => {
    assert.deepEqual(loadedLines(all), [
      'Service engine loaded: corosync configuration map access [0]',
      'Service engine loaded: corosync configuration service [1]',
      'Service engine loaded: corosync cluster closed process group service v1.01 [2]',
      'Service engine loaded: corosync profile loading service [4]',
      'Service engine loaded: corosync resource monitoring service [6]',
      'Service engine loaded: corosync watchdog service [7]',
      'Service engine loaded: corosync vote quorum service v1.0 [5]',
      'Service engine loaded: corosync cluster quorum service v0.1 [3]',
    ])
  })
  it('follow their end in the order of a shutdown', () => {
    assert.deepEqual(unloadedLines(all), [
      'Service engine unloaded: corosync vote quorum service v1.0',
      'Service engine unloaded: corosync configuration map access',
      'Service engine unloaded: corosync configuration service',
      'Service engine unloaded: corosync cluster closed process group service v1.01',
      'Service engine unloaded: corosync cluster quorum service v0.1',
      'Service engine unloaded: corosync profile loading service',
      'Service engine unloaded: corosync resource monitoring service',
      'Service engine unloaded: corosync watchdog service',
    ])
  })
  it('speak of those alone that run', () => {
    assert.deepEqual(loadedLines([2]), [
      'Service engine loaded: corosync cluster closed process group service v1.01 [2]',
    ])
    assert.deepEqual(unloadedLines([]), [])
  })
})
