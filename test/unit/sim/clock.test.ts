import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { describeRate, HostClock } from '../../../src/sim/clock.js'

/** A day: no scenario is as long. */
const LONGEST_MS = 86_400_000
const offset = fc.integer({ min: 0, max: 1_000_000 })
const rate = fc.double({ min: 0.9, max: 1.1, noNaN: true })
const moment = fc.double({ min: 0, max: LONGEST_MS, noNaN: true })

describe('the clock of a host', () => {
  it('shows a deadline as past, and by nothing that matters, at the virtual time that it gives for it', () => {
    fc.assert(
      fc.property(offset, rate, moment, (offsetMs, perMs, local) => {
        const clock = new HostClock(offsetMs, perMs)
        const shown = clock.local(clock.virtual(local))
        assert.ok(shown >= local)
        assert.ok(shown - local < 1e-6)
      }),
    )
  })

  it('gives a virtual time back that was converted, as closely as numbers go', () => {
    fc.assert(
      fc.property(offset, rate, moment, (offsetMs, perMs, virtual) => {
        const clock = new HostClock(offsetMs, perMs)
        assert.ok(Math.abs(clock.virtual(clock.local(virtual)) - virtual) < 1e-6)
      }),
    )
  })

  it('never goes backwards', () => {
    fc.assert(
      fc.property(offset, rate, moment, moment, (offsetMs, perMs, a, b) => {
        const clock = new HostClock(offsetMs, perMs)
        assert.ok(a > b || clock.local(a) <= clock.local(b))
      }),
    )
  })

  it('has no time for what never comes, and one long past for what is wanted at once', () => {
    const clock = new HostClock(1000, 1.1)
    assert.equal(clock.virtual(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
    assert.equal(clock.virtual(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY)
    assert.ok(clock.virtual(0) < 0)
  })

  it('runs forward only', () => {
    assert.throws(() => new HostClock(0, 0), RangeError)
    assert.throws(() => new HostClock(0, Number.NaN), RangeError)
  })

  it('is described by how far off it is', () => {
    assert.equal(describeRate(1.00025), '+250 ppm')
    assert.equal(describeRate(0.95), '-50000 ppm')
  })
})
