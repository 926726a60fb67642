// A handful of single-ring machines on a lossless network in virtual time: enough to watch the protocol itself.
// The laboratory (src/sim) does the rest; this keeps unit tests of totem free of everything above it.

import type { TotemEvent } from '../../src/totem/events.js'
import { DEFAULT_TOTEM_PARAMETERS, type TotemParameters } from '../../src/totem/parameters.js'
import { SingleRing } from '../../src/totem/single-ring.js'
import type { ConfigurationChange, TotemUpper } from '../../src/totem/types.js'
import { createGeneration3 } from '../../src/wire/generation3.js'

export const FAST: TotemParameters = {
  ...DEFAULT_TOTEM_PARAMETERS,
  tokenTimeoutMs: 400,
  tokenWarningMs: 300,
  tokenRetransmitMs: 95,
  holdMs: 66,
  consensusMs: 480,
}

interface Datagram {
  readonly at: number
  readonly order: number
  readonly to: number
  readonly bytes: Uint8Array
}

export class Member {
  readonly nodeId: number
  readonly ring: SingleRing
  /** Deliveries and changes in order, as short texts. */
  readonly story: string[] = []
  /** What the layer above was told, in order, deliveries aside. */
  readonly calls: string[] = []
  readonly events: TotemEvent[] = []
  readonly changes: ConfigurationChange[] = []
  persisted: number
  up = true
  /** What a drain of the sockets would find. */
  waitingInput = 0
  /** Called when a token has come, before anything is sent. */
  onToken: () => void = () => {}

  constructor(network: RingNetwork, nodeId: number, persisted: number, firstSeq: number, parameters: TotemParameters) {
    this.nodeId = nodeId
    this.persisted = persisted
    const upper: TotemUpper = {
      tokenReceived: () => {
        this.calls.push('tokenReceived')
        this.onToken()
      },
      tokenSent: () => this.calls.push('tokenSent'),
      flushPacking: () => this.calls.push('flushPacking'),
      useTransitionalContexts: () => this.calls.push('useTransitionalContexts'),
      deliver: (buf, off, len, origin) => {
        this.story.push(`${origin}:${Buffer.from(buf.subarray(off, off + len)).toString()}`)
      },
      configurationChanged: change => {
        this.changes.push(change)
        this.calls.push(change.kind)
        this.story.push(`${change.kind} ${change.ring.nodeId}.${change.ring.seq.toString(16)} [${change.members}]`)
        // No services here, hence nothing to synchronise.
        if (change.kind === 'regular') network.later(() => this.ring.transitionalAck())
      },
    }
    this.ring = new SingleRing({
      nodeId,
      wire: createGeneration3(),
      parameters,
      upper,
      random: () => network.random(),
      event: event => this.events.push(event),
      firstSeq,
      lower: {
        unicast: (to, buf, off, len) => network.send(nodeId, to, buf, off, len),
        multicast: (buf, off, len, loopback) => {
          for (const other of network.members.values()) {
            if (other.nodeId !== nodeId || loopback) network.send(nodeId, other.nodeId, buf, off, len)
          }
        },
        discardInput: () => this.waitingInput,
        persistRingSequence: seq => {
          this.persisted = seq
        },
      },
    })
  }

  send(text: string): void {
    this.queue(text)
    this.ring.requestToken()
  }

  /** As what was packed while the token was not held yet. */
  queue(text: string): void {
    const bytes = Buffer.from(text)
    const frame = this.ring.pool.take()
    frame.buf.set(bytes, frame.off + this.ring.headerLength)
    frame.len = this.ring.headerLength + bytes.length
    this.ring.queue(frame)
  }
}

export class RingNetwork {
  readonly members = new Map<number, Member>()
  now = 0
  /** Return false to lose the datagram. */
  pass: (from: number, to: number, bytes: Uint8Array) => boolean = () => true
  random: () => number = () => 0.5
  readonly #firstSeq: number
  readonly #parameters: TotemParameters
  #flying: Datagram[] = []
  #order = 0
  #calls: (() => void)[] = []

  constructor(options: { firstSeq?: number; parameters?: TotemParameters } = {}) {
    this.#firstSeq = options.firstSeq ?? 0
    this.#parameters = options.parameters ?? FAST
  }

  start(nodeId: number, ringSequence = 0): Member {
    const member = new Member(this, nodeId, ringSequence, this.#firstSeq, this.#parameters)
    this.members.set(nodeId, member)
    member.ring.start(this.now, ringSequence)
    return member
  }

  kill(nodeId: number): void {
    this.members.delete(nodeId)
  }

  /** A datagram out of nowhere to one member, or to all when `to` is 0. */
  inject(bytes: Uint8Array, to = 0, delayMs = 0): void {
    for (const member of this.members.values()) {
      if (to === 0 || member.nodeId === to)
        this.#flying.push({ at: this.now + delayMs, order: this.#order++, to: member.nodeId, bytes })
    }
  }

  later(call: () => void): void {
    this.#calls.push(call)
  }

  send(from: number, to: number, buf: Uint8Array, off: number, len: number): void {
    const bytes = buf.slice(off, off + len)
    if (!this.pass(from, to, bytes)) return
    this.#flying.push({ at: this.now + 0.1, order: this.#order++, to, bytes })
  }

  /** Lets virtual time pass. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      for (const call of this.#calls.splice(0)) call()
      let next = Number.POSITIVE_INFINITY
      for (const datagram of this.#flying) next = Math.min(next, datagram.at)
      for (const member of this.members.values()) next = Math.min(next, member.ring.nextDeadline())
      if (next > end) break
      this.now = Math.max(this.now, next)
      const due = this.#flying.filter(datagram => datagram.at <= this.now).sort((a, b) => a.order - b.order)
      this.#flying = this.#flying.filter(datagram => datagram.at > this.now)
      for (const datagram of due) {
        this.members.get(datagram.to)?.ring.receive(this.now, datagram.bytes, 0, datagram.bytes.length, 'test')
      }
      for (const member of this.members.values()) member.ring.expire(this.now)
    }
    this.now = end
  }
}
