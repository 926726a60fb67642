import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EventQueue } from '../../../src/ipc/event-queue.js'

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i + seed)
}

describe('a queue of events', () => {
  it('gives back what was put in, in order, whatever the sizes', () => {
    const lengths = fc.oneof(fc.nat(100), fc.nat(200_000))
    const step = fc.oneof(fc.constant('take' as const), fc.tuple(lengths, lengths))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const queue = new EventQueue()
        const expected: Buffer[] = []
        let number = 0
        const take = () => {
          const wanted = expected.shift()
          assert.equal(queue.peek(), wanted !== undefined)
          if (wanted === undefined) return
          assert.equal(Buffer.compare(queue.buf.subarray(queue.off, queue.off + queue.len), wanted), 0)
          queue.shift()
        }
        for (const action of steps) {
          if (action === 'take') take()
          else {
            const head = bytes(action[0] + 3, ++number)
            const body = bytes(action[1] + 3, number)
            queue.push(head, 1, action[0], body, 2, action[1])
            expected.push(Buffer.concat([head.subarray(1, 1 + action[0]), body.subarray(2, 2 + action[1])]))
          }
          assert.equal(queue.length, expected.length)
        }
        while (expected.length > 0) take()
        assert.equal(queue.peek(), false)
      }),
      { numRuns: 50 },
    )
  })

  it('lets go of memory as it is read, and of all of it when cleared', () => {
    const queue = new EventQueue()
    const event = bytes(1000, 0)
    for (let i = 0; i < 1000; i++) queue.push(event, 0, 24, event, 24, 976)
    assert.ok(queue.bytes >= 1_004_000 && queue.bytes < 1_200_000, `${queue.bytes}`)
    for (let i = 0; i < 900; i++) {
      queue.peek()
      queue.shift()
    }
    assert.ok(queue.bytes < 200_000, `${queue.bytes}`)
    queue.clear()
    assert.deepEqual([queue.bytes, queue.length, queue.peek()], [0, 0, false])
    queue.push(event, 0, 10, event, 10, 0)
    assert.equal(queue.peek(), true)
  })
})
