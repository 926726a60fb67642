import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { STALLS_KEPT, StallWatch, stallThresholdMs } from '../../../src/daemon/stall-watch.js'

describe('the threshold of a stall', () => {
  it('is half the token timeout, and never less than a sleep in good order', () => {
    assert.equal(stallThresholdMs(3000), 1500)
    assert.equal(stallThresholdMs(400), 500)
  })
})

describe('an executive that beats', () => {
  it('is never reported', () => {
    const watch = new StallWatch(500, 0, 0)
    for (let now = 100; now < 10_000; now += 100) assert.equal(watch.observe(now, now), undefined)
    assert.equal(watch.count, 0)
  })
})

describe('an executive that stands still', () => {
  it('is reported once, when the threshold has passed, and once when it goes on', () => {
    const watch = new StallWatch(500, 0, 7)
    assert.equal(watch.observe(500, 7), undefined)
    assert.deepEqual(watch.observe(501, 7), { kind: 'stalled', forMs: 501 })
    assert.equal(watch.observe(600, 7), undefined)
    assert.deepEqual(watch.observe(900, 8), { kind: 'resumed', afterMs: 900 })
    assert.equal(watch.observe(1000, 9), undefined)
    assert.equal(watch.count, 1)
    assert.deepEqual(watch.stalls, [{ at: 501, forMs: 900 }])
  })
  it('is noticed when the counter wraps', () => {
    const watch = new StallWatch(500, 0, 2 ** 31 - 1)
    assert.equal(watch.observe(100, -(2 ** 31)), undefined)
    assert.deepEqual(watch.observe(601, -(2 ** 31)), { kind: 'stalled', forMs: 501 })
  })
  it('has its last stalls remembered, newest first', () => {
    const watch = new StallWatch(500, 0, 0)
    for (let i = 1; i <= STALLS_KEPT + 2; i++) {
      watch.observe(i * 1000, i - 1)
      watch.observe(i * 1000 + 1, i)
    }
    assert.equal(watch.count, STALLS_KEPT + 2)
    assert.equal(watch.stalls.length, STALLS_KEPT)
    assert.equal(watch.stalls[0]?.at, (STALLS_KEPT + 2) * 1000)
  })
})
