// The record in which a host remembers its ring sequence number: eight bytes in the host's order (spec: totem 4.1). The
// ring-id file of the daemon and the disks of the simulator both hold it. Must not know: where it is kept.

export const RING_SEQUENCE_LENGTH = 8

export function writeRingSequence(sequence: number, into: DataView, littleEndian: boolean): void {
  into.setBigUint64(0, BigInt(sequence), littleEndian)
}

/** `length`: the bytes there are. A record that is absent, cut short, or beyond what can be counted says 0. */
export function readRingSequence(record: DataView, length: number, littleEndian: boolean): number {
  if (length !== RING_SEQUENCE_LENGTH) return 0
  const stored = record.getBigUint64(0, littleEndian)
  return stored <= Number.MAX_SAFE_INTEGER ? Number(stored) : 0
}
