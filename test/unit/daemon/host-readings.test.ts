// What the monitor reads of the host.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memoryUsedPercent, readMemoryUsedPercent } from '../../../src/daemon/host-readings.js'

const MEMINFO = `MemTotal:        1000 kB
MemFree:          300 kB
Buffers:           50 kB
Cached:           100 kB
SwapTotal:       1000 kB
SwapFree:         900 kB
SReclaimable:      50 kB
`

describe('memory in use', () => {
  it('is what holds neither files nor nothing, with the swap', () => {
    assert.equal(memoryUsedPercent(MEMINFO), 30)
    assert.equal(memoryUsedPercent(''), 0)
  })

  it('is 0 where it cannot be read', () => {
    assert.equal(readMemoryUsedPercent('/proc/no such file'), 0)
    const used = readMemoryUsedPercent('/proc/meminfo')
    assert.ok(used > 0 && used <= 100)
  })
})
