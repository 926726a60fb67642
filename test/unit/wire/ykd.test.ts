// The messages of dynamic linear voting: both byte orders, and what is refused. Their bytes are held against a capture in
// services/captured.test.ts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import * as ykd from '../../../src/wire/ykd.js'

const node = fc.integer({ min: 1, max: 0xffffffff })
const session = fc.record(
  { members: fc.array(node, { maxLength: ykd.YKD_PROCESSORS_MAX }), id: fc.integer({ min: 0, max: 0x7fffffff }) },
  { noNullPrototype: true },
)
const state = fc.record(
  {
    lastPrimary: session,
    ambiguous: fc.array(session, { maxLength: ykd.YKD_PROCESSORS_MAX }),
    sessionId: fc.integer({ min: 0, max: 0x7fffffff }),
  },
  { noNullPrototype: true },
)

describe('a state', () => {
  it('keeps all fields in either byte order', () => {
    fc.assert(
      fc.property(state, fc.boolean(), (before, little) => {
        const buf = new Uint8Array(ykd.YKD_STATE_LENGTH + 5).fill(0xaa)
        assert.equal(ykd.writeYkdState(before, buf, 5, little), ykd.YKD_STATE_LENGTH)
        assert.deepEqual(ykd.readYkdMessage(buf, 5, ykd.YKD_STATE_LENGTH, little), { kind: 'state', state: before })
      }),
    )
  })

  it('is refused when short, or with more members or sessions than it can hold', () => {
    const buf = new Uint8Array(ykd.YKD_STATE_LENGTH)
    const empty = { members: [], id: 0 }
    ykd.writeYkdState({ lastPrimary: empty, ambiguous: [empty], sessionId: 0 }, buf, 0, true)
    const read = (length = buf.length) => ykd.readYkdMessage(buf, 0, length, true)
    assert.ok(read() !== undefined)
    for (const length of [0, 3, 4, ykd.YKD_STATE_LENGTH - 1]) assert.equal(read(length), undefined)
    for (const off of [132, 4624, 8848]) {
      for (const count of [33, 0xffffffff]) {
        const view = new DataView(buf.buffer)
        const before = view.getUint32(off, true)
        view.setUint32(off, count, true)
        assert.equal(read(), undefined, `${count} at ${off}`)
        view.setUint32(off, before, true)
      }
    }
    assert.ok(read() !== undefined)
  })
})

describe('an attempt', () => {
  it('is four bytes', () => {
    for (const little of [true, false]) {
      const buf = new Uint8Array(8).fill(0xaa)
      assert.equal(ykd.writeYkdAttempt(buf, 2, little), 4)
      assert.deepEqual(ykd.readYkdMessage(buf, 2, 4, little), { kind: 'attempt' })
      assert.equal(ykd.readYkdMessage(buf, 2, 4, !little), undefined)
    }
  })
})
