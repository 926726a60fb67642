import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DiskDamage, describeDamage, SimDisk } from '../../../src/sim/disk.js'

function after(damage: DiskDamage, ...written: readonly number[]): number {
  const disk = new SimDisk()
  for (const sequence of written) disk.write(sequence)
  disk.damage(damage)
  return disk.read()
}

describe('the disk of a simulated host', () => {
  it('says 0 before anything was written', () => assert.equal(new SimDisk().read(), 0))

  it('keeps the last number, beyond 32 bits too', () => {
    const disk = new SimDisk()
    disk.write(8)
    disk.write(2 ** 40 + 4)
    assert.equal(disk.read(), 2 ** 40 + 4)
  })

  it('says 0 when it was lost, or is cut short by a single byte', () => {
    assert.equal(after({ kind: 'lost' }, 4, 8), 0)
    for (let bytes = 0; bytes < 8; bytes++) assert.equal(after({ kind: 'torn', bytes }, 4, 8), 0)
  })

  it('says what it said some writes ago, if that is what reached it', () => {
    assert.equal(after({ kind: 'old', writes: 1 }, 4, 8, 12), 8)
    assert.equal(after({ kind: 'old', writes: 2 }, 4, 8, 12), 4)
    assert.equal(after({ kind: 'old', writes: 3 }, 4, 8, 12), 0)
  })

  it('holds what is written after the damage', () => {
    const disk = new SimDisk()
    disk.write(8)
    disk.damage({ kind: 'torn', bytes: 3 })
    disk.write(5)
    assert.equal(disk.read(), 5)
    disk.damage({ kind: 'old', writes: 1 })
    assert.equal(disk.read(), 0, 'nothing from before the damage comes back')
  })

  it('is described', () => {
    assert.equal(describeDamage({ kind: 'lost' }), 'its ring-id file is lost')
    assert.equal(describeDamage({ kind: 'torn', bytes: 3 }), 'its ring-id file is cut to 3 bytes')
    assert.equal(describeDamage({ kind: 'old', writes: 2 }), 'its ring-id file is 2 writes old')
  })
})
