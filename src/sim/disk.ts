// The part of a simulated host's disk that a node uses: the record of its ring sequence number. Outlives crashes; can be
// lost, cut short, or found as it was some writes ago (the engine writes without fsync). Reads what a daemon would read.

import { RING_SEQUENCE_LENGTH, readRingSequence, writeRingSequence } from '../node/ring-sequence.js'

export type DiskDamage =
  | { readonly kind: 'lost' }
  /** So many bytes of the record are left. */
  | { readonly kind: 'torn'; readonly bytes: number }
  /** The last so many writes have not reached the disk. */
  | { readonly kind: 'old'; readonly writes: number }

/** Writes that can be undone; a host that lost more has lost the record. */
const WRITES_KEPT = 16

export class SimDisk {
  readonly #record = new DataView(new ArrayBuffer(RING_SEQUENCE_LENGTH))
  #length = 0
  /** The values written last, the newest at the end. */
  readonly #written: number[] = []

  write(sequence: number): void {
    this.#written.push(sequence)
    if (this.#written.length > WRITES_KEPT) this.#written.shift()
    this.#put(sequence)
  }

  read(): number {
    return readRingSequence(this.#record, this.#length, true)
  }

  damage(damage: DiskDamage): void {
    switch (damage.kind) {
      case 'lost':
        this.#length = 0
        break
      case 'torn':
        this.#length = Math.min(this.#length, damage.bytes)
        break
      case 'old': {
        this.#written.length = Math.max(0, this.#written.length - damage.writes)
        const last = this.#written.at(-1)
        if (last === undefined) this.#length = 0
        else this.#put(last)
        return
      }
    }
    this.#written.length = 0
  }

  #put(sequence: number): void {
    writeRingSequence(sequence, this.#record, true)
    this.#length = RING_SEQUENCE_LENGTH
  }
}

export function describeDamage(damage: DiskDamage): string {
  if (damage.kind === 'lost') return 'its ring-id file is lost'
  if (damage.kind === 'torn') return `its ring-id file is cut to ${damage.bytes} bytes`
  return `its ring-id file is ${damage.writes} writes old`
}
