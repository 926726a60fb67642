import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RUN_BYTES_MAX, RUN_SEGMENTS_MAX, SegmentationMemory, SendRuns } from '../../../src/net/send-runs.js'

function runsOf(sizes: readonly number[], bytes = 1 << 20): SendRuns {
  const runs = new SendRuns(new Uint8Array(bytes), 4096)
  for (const size of sizes) {
    assert.ok(runs.fits(size))
    runs.add(new Uint8Array(size), 0, size)
  }
  return runs
}

function shape(sizes: readonly number[]): string[] {
  const runs = runsOf(sizes)
  return Array.from({ length: runs.count }, (_, i) => `${runs.frames[i]}x${runs.segments[i]}=${runs.lengths[i]}`)
}

describe('runs of frames', () => {
  it('join frames of one size', () => {
    assert.deepEqual(shape([1400, 1400, 1400]), ['3x1400=4200'])
  })

  it('end with a shorter frame', () => {
    assert.deepEqual(shape([1400, 1400, 100, 100, 50]), ['3x1400=2900', '2x100=150'])
  })

  it('begin anew with a longer frame', () => {
    assert.deepEqual(shape([100, 1400, 1400]), ['1x100=100', '2x1400=2800'])
  })

  it('hold at most 64 segments', () => {
    const sizes = new Array<number>(RUN_SEGMENTS_MAX + 1).fill(100)
    assert.deepEqual(shape(sizes), ['64x100=6400', '1x100=100'])
  })

  it('hold at most 65507 bytes', () => {
    assert.deepEqual(shape([30000, 30000, 5507]), ['3x30000=65507'])
    assert.deepEqual(shape([30000, 30000, 5508]), ['2x30000=60000', '1x5508=5508'])
    assert.deepEqual(shape([RUN_BYTES_MAX, 1]), ['1x65507=65507', '1x1=1'])
  })

  it('say when no more fits', () => {
    const runs = runsOf([600, 300], 1000)
    assert.equal(runs.fits(100), true)
    assert.equal(runs.fits(101), false)
    runs.clear()
    assert.equal(runs.empty, true)
    assert.equal(runs.fits(1000), true)
  })

  it('keep every frame whole and in order, whatever the sizes', () => {
    const frame = fc.oneof(fc.constantFrom(1455, 1400, 64), fc.integer({ min: 1, max: 3000 }))
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 300 }), sizes => {
        const runs = new SendRuns(new Uint8Array(1 << 20), 4096)
        const source = new Uint8Array(4096)
        sizes.forEach((size, i) => {
          source.fill(i & 0xff, 10, 10 + size)
          runs.add(source, 10, size)
        })
        const seen: number[] = []
        let at = 0
        for (let r = 0; r < runs.count; r++) {
          assert.equal(runs.starts[r], at)
          assert.ok(runs.frames[r]! <= RUN_SEGMENTS_MAX && runs.lengths[r]! <= RUN_BYTES_MAX)
          assert.equal(Math.ceil(runs.lengths[r]! / runs.segments[r]!), runs.frames[r])
          const end = at + runs.lengths[r]!
          for (; at < end; at = Math.min(at + runs.segments[r]!, end)) {
            const size = Math.min(runs.segments[r]!, end - at)
            assert.equal(runs.bytes[at], seen.length & 0xff)
            assert.equal(runs.bytes[at + size - 1], seen.length & 0xff)
            seen.push(size)
          }
        }
        assert.deepEqual(seen, sizes)
      }),
    )
  })
})

describe('the memory of refused sizes', () => {
  it('is kept by destination and size', () => {
    const memory = new SegmentationMemory()
    memory.refuse(3, 9000)
    assert.equal(memory.allows(3, 9000), false)
    assert.equal(memory.allows(3, 1400), true)
    assert.equal(memory.allows(4, 9000), true)
    memory.forget()
    assert.equal(memory.allows(3, 9000), true)
  })

  it('has a bound, beyond which a destination gets single frames', () => {
    const memory = new SegmentationMemory()
    for (let size = 1; size <= 64; size++) memory.refuse(3, size)
    assert.equal(memory.allows(3, 5000), false)
    assert.equal(memory.allows(4, 5000), true)
  })
})
