// A node that is nothing but the single-ring machine: raw packets in, raw packets out, no process groups, no services.
// The laboratory runs it to look at the protocol alone, with more packets per second than a whole node could take.

import { Loopback } from '../node/loopback.js'
import { TotemLog } from '../node/totem-log.js'
import { SingleRing } from '../totem/single-ring.js'
import type { HostServices, SimNode, SimNodeConfig } from './sim-node.js'

export interface RingNodeOptions {
  /** Sequence number from which every ring counts; near 2^32 it brings the wrap into reach. */
  readonly firstSeq?: number
}

export class RingNode implements SimNode {
  readonly ring: SingleRing
  readonly #loopback = new Loopback()
  readonly #room: number
  #now = 0
  /** False from the installation of a ring until the next token: there are no services to synchronise. */
  #open = false

  constructor(config: SimNodeConfig, services: HostServices, options: RingNodeOptions = {}) {
    const { output } = services
    const log = new TotemLog(output.log)
    this.ring = new SingleRing({
      nodeId: config.nodeId,
      wire: config.wire,
      parameters: config.totem,
      random: services.random,
      observer: services.observer,
      firstSeq: options.firstSeq ?? 0,
      event: event => log.write(this.#now, event, () => 'nobody'),
      lower: {
        unicast: (nodeId, buf, off, len) => {
          if (nodeId === config.nodeId) this.#loopback.push(buf, off, len)
          else output.unicast(nodeId, buf, off, len)
        },
        multicast: (buf, off, len, loopback) => {
          output.multicast(buf, off, len)
          if (loopback) this.#loopback.push(buf, off, len)
        },
        discardInput: output.discardInput,
        persistRingSequence: output.persistRingSequence,
      },
      upper: {
        tokenReceived() {},
        tokenSent: () => {
          if (this.#open) return
          this.#open = true
          this.ring.transitionalAck()
        },
        deliver() {},
        flushPacking() {},
        useTransitionalContexts() {},
        configurationChanged: change => {
          if (change.kind === 'regular') this.#open = false
        },
      },
    })
    this.#room = this.ring.pool.frameSize - 2 * this.ring.headerLength
  }

  start(now: number, ringSequence: number): void {
    this.#now = now
    this.ring.start(now, ringSequence)
    this.#drain()
  }

  receive(now: number, buf: Uint8Array, off: number, len: number, from: string): void {
    this.#now = now
    this.ring.receive(now, buf, off, len, from)
    this.#drain()
  }

  expire(now: number): void {
    this.#now = now
    this.ring.expire(now)
    this.#drain()
  }

  nextDeadline(): number {
    return this.#loopback.pending ? 0 : this.ring.nextDeadline()
  }

  interfaceChanged(now: number): void {
    this.#now = now
    this.ring.interfaceChanged(now)
    this.#drain()
  }

  leave(now: number): void {
    this.#now = now
    this.ring.leave(now)
  }

  sendRaw(buf: Uint8Array, off: number, len: number): boolean {
    if (!this.#open || len > this.#room || this.ring.available() < 1) return false
    const frame = this.ring.pool.take()
    const header = this.ring.headerLength
    for (let i = 0; i < len; i++) frame.buf[frame.off + header + i] = buf[off + i]!
    frame.len = header + len
    this.ring.queue(frame)
    this.ring.requestToken()
    return true
  }

  #drain(): void {
    if (this.#loopback.pending) this.#loopback.drain(this.#receiveOwn)
  }

  readonly #receiveOwn = (buf: Uint8Array, len: number): void => {
    this.ring.receive(this.#now, buf, 0, len, 'self')
  }
}
