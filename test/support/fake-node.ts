// A node for tests of drivers: records what it is given, answers through functions that the test sets. Its clock is the
// driver's. Needs no ring.

import type { LogSink } from '../../src/log/types.js'
import type { TransportConfig } from '../../src/net/transport.js'
import type { DrivenNode } from '../../src/node/types.js'

export class FakeNode implements DrivenNode {
  startedWith: number | undefined
  interfaceChanges = 0
  left = 0
  expirations = 0
  /** What the driver's clock said at the last of them. */
  expiredAt = 0
  deadline = Number.POSITIVE_INFINITY
  onReceive: (buf: Uint8Array, off: number, len: number, from: string, now: number) => void = () => {}
  onExpire: (now: number) => void = () => {
    this.deadline = Number.POSITIVE_INFINITY
  }
  onLeave: () => void = () => {}

  start(_now: number, ringSequence: number): void {
    this.startedWith = ringSequence
  }
  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    this.onReceive(buf, off, len, from, now)
  }
  expire(now: number): void {
    this.expiredAt = now
    this.expirations++
    this.onExpire(now)
  }
  nextDeadline(): number {
    return this.deadline
  }
  interfaceChanged(): void {
    this.interfaceChanges++
  }
  leave(): void {
    this.left++
    this.onLeave()
  }
}

/** Keeps the ring sequence number in memory. */
export class MemoryRingId {
  sequence = 0
  write(sequence: number): void {
    this.sequence = sequence
  }
}

export function unicastTransport(nodeId: number, addresses: readonly string[], port: number): TransportConfig {
  return {
    transport: 'udpu',
    nodeId,
    bindAddress: addresses[nodeId - 1]!,
    bindExact: true,
    members: addresses.map((address, i) => ({ nodeId: i + 1, address })),
    port,
    ttl: 1,
    blockUnlistedIps: true,
    typeOfService: 0,
    offload: true,
    downcheckMs: 1000,
  }
}

/** A log that keeps its lines. */
export function keptLog(): { lines: string[]; log: LogSink } {
  const lines: string[] = []
  return { lines, log: (level, subsystem, message) => lines.push(`${level} [${subsystem}] ${message}`) }
}
