// Old messages that come in wrappers: what is taken out of them when a ring is installed.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FramePool } from '../../../src/totem/frame.js'
import { ORDINARY, ReceiveLog, WRAPPER } from '../../../src/totem/receive-log.js'
import { createMcastHeader, type RingId } from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'

const wire = createGeneration3()
const OLD_RING = { rep: 1, seq: 4 }
const NEW_RING = { rep: 1, seq: 8 }

function header(encapsulated: number, from: number, seq: number, ring: RingId) {
  return { ...createMcastHeader(), encapsulated, nodeId: from, systemFrom: from, seq, ring }
}

describe('wrappers', () => {
  it('bring old messages of members, not of anybody else', () => {
    const log = new ReceiveLog(new FramePool(1500), wire, 0, () => {})
    log.takeSnapshot()
    log.beginRecovery(OLD_RING)
    for (const [i, origin] of [2, 9, 3].entries()) {
      const bytes = new Uint8Array(2 * wire.mcastHeaderLength)
      const outer = header(WRAPPER, 2, i + 1, NEW_RING)
      wire.writeMcast(outer, bytes, 0)
      wire.writeMcast(header(ORDINARY, origin, i + 1, OLD_RING), bytes, wire.mcastHeaderLength)
      log.add(outer, false, bytes, 0, bytes.length)
    }
    assert.equal(
      log.unwrap(inner => [1, 2, 3].includes(inner.systemFrom)),
      3,
    )
    assert.deepEqual(
      [1, 2, 3].map(seq => log.regular.get(seq)?.origin),
      [2, undefined, 3],
    )
  })
})
