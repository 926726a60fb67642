// The attacker: makes datagrams out of what was captured and out of nothing, in four tempers.
//
//   garbage    no member can take it for legal at any moment: what is wrong is known by construction, no decoder is asked
//   replay     what an honest member has sent, to the letter, to somebody it was sent to
//   outsider   hearsay about membership from anybody in any name, and messages of rings that nobody is in
//   insider    anything about the rings that live: tokens, multicasts, commit tokens of theirs, spliced, flipped, altered
//
// In: chance, captures. Out: one datagram after another, in a buffer that is used again. Must not know: nodes, judges.

import {
  copyRingId,
  createCommitEntry,
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createTokenHoldCancel,
  FRAME_SIZE_MAX,
  MessageType,
  PROCESSOR_COUNT_MAX,
  type WireGeneration,
} from '../../wire/generation.js'
import type { Prng } from '../prng.js'
import { type Captured, type Captures, EVERYBODY, KINDS, type Kind } from './captures.js'
import { type Layout, layoutOf, setCount } from './layout.js'
import type { Payload, PayloadForge } from './payload.js'
import type { Values } from './values.js'

/** What the attack counts datagrams by: their kind, or that of the one they were made from. */
export type Label = Kind | Payload

/** A datagram, valid until the next one is made. */
export interface Shot {
  label: Label
  readonly buf: Uint8Array
  len: number
  /** Index of the receiving host, or EVERYBODY. */
  to: number
}

export interface AttackerOptions {
  readonly prng: Prng
  /** One for each byte order. */
  readonly wires: readonly [WireGeneration, WireGeneration]
  readonly captures: Captures
  readonly values: Values
  readonly payloads: PayloadForge
  readonly hosts: number
  /** Longest datagram that members send. */
  readonly frameSize: number
}

const BUFFER_LENGTH = FRAME_SIZE_MAX + 4096
/** The largest datagram of UDP over IPv4. */
const LONGEST = 65507
const WRAPPER = 1
const ORDINARY = 2
/** Fields of one message that a forger changes at once. */
const CHANGES_MAX = 3

type Flaw = 'truncated' | 'header' | 'type' | 'count' | 'number' | 'nobody' | 'stranger'

/** What can be wrong with which message, so that it is legal for nobody. */
const FLAWS: Readonly<Record<Kind, readonly Flaw[]>> = {
  orf_token: ['truncated', 'header', 'type', 'count', 'count', 'number'],
  mcast: ['truncated', 'header', 'type', 'number', 'nobody', 'stranger'],
  'mcast (wrapper)': ['truncated', 'header', 'type', 'number', 'nobody', 'stranger'],
  memb_merge_detect: ['truncated', 'header', 'type', 'number', 'nobody'],
  memb_join: ['truncated', 'header', 'type', 'count', 'count', 'number', 'nobody'],
  'memb_join (leave)': ['truncated', 'header', 'type', 'count', 'number', 'nobody'],
  memb_commit_token: ['truncated', 'header', 'type', 'count', 'count', 'number', 'nobody'],
  token_hold_cancel: ['truncated', 'header', 'type', 'number'],
}

const TASTES: readonly (readonly Kind[])[] = [
  ...KINDS.map(kind => [kind]),
  ['orf_token', 'mcast'],
  ['orf_token', 'mcast', 'mcast (wrapper)', 'token_hold_cancel'],
  ['memb_join', 'memb_commit_token'],
  ['memb_commit_token', 'orf_token', 'mcast (wrapper)'],
]

export class Attacker {
  readonly #prng: Prng
  readonly #wires: readonly [WireGeneration, WireGeneration]
  readonly #layouts: readonly [Layout, Layout]
  readonly #captures: Captures
  readonly #values: Values
  readonly #payloads: PayloadForge
  readonly #hosts: number
  readonly #frameSize: number
  readonly #shot: Shot = { label: 'orf_token', buf: new Uint8Array(BUFFER_LENGTH), len: 0, to: 0 }
  #order: 0 | 1 = 0
  /** Kinds that an insider forges at present. */
  #taste: readonly Kind[] = KINDS

  readonly #token = createOrfToken()
  readonly #mcast = createMcastHeader()
  readonly #merge = createMergeDetect()
  readonly #join = createJoin()
  readonly #commit = createCommitToken()
  readonly #cancel = createTokenHoldCancel()

  constructor(options: AttackerOptions) {
    this.#prng = options.prng
    this.#wires = options.wires
    this.#layouts = [layoutOf(options.wires[0]), layoutOf(options.wires[1])]
    this.#captures = options.captures
    this.#values = options.values
    this.#payloads = options.payloads
    this.#hosts = options.hosts
    this.#frameSize = options.frameSize
  }

  get #wire(): WireGeneration {
    return this.#wires[this.#order]
  }

  get #layout(): Layout {
    return this.#layouts[this.#order]
  }

  /** Chooses anew what an insider forges: one kind alone meets states that a mixture breaks up at once. */
  choose(): void {
    this.#taste = this.#prng.chance(0.3) ? KINDS : this.#prng.pick(TASTES)
  }

  // ---- garbage ---------------------------------------------------------------------------------------------------

  /** `settled`: all members stand in the ring seen last, and stay there. */
  garbage(settled: boolean): Shot {
    const prng = this.#prng
    const shot = this.#begin(prng.pick(KINDS))
    this.#aim()
    const kind = shot.label as Kind
    this.#load(kind)
    let flaw = prng.pick(FLAWS[kind])
    if (flaw === 'stranger' && !settled) flaw = 'truncated'
    if (flaw === 'nobody') this.#nameNobody(kind)
    if (flaw === 'stranger') this.#asStranger()
    this.#encode(kind)
    switch (flaw) {
      case 'truncated':
        shot.len = prng.int(isMcast(kind) ? this.#wire.mcastHeaderLength : shot.len)
        break
      case 'header':
        shot.buf[prng.int(this.#layout.typeAt)]! ^= 1 + prng.int(255)
        break
      case 'type':
        shot.buf[this.#layout.typeAt] = 6 + prng.int(250)
        break
      case 'count':
        this.#miscount(kind)
        break
      case 'number':
        // Beyond what an integer holds; no ring has counted so far.
        shot.buf[this.#layout.ringSeqHigh[kind]] = 1 + prng.int(255)
        break
    }
    return shot
  }

  /** A count of what is not there; or of more than may be, and all of it there. */
  #miscount(kind: Kind): void {
    const prng = this.#prng
    const shot = this.#shot
    const field = prng.pick(this.#layout.counts[kind]!)
    if (field.entryLength === 0) {
      // An index: beyond the list.
      setCount(field, shot.buf, this.#commit.members.length + 1 + prng.int(1000), this.#wire.littleEndian)
    } else if (prng.chance(0.5)) {
      const most = Math.floor((LONGEST - shot.len) / field.entryLength)
      const count = PROCESSOR_COUNT_MAX + 1 + prng.int(most - 2 * PROCESSOR_COUNT_MAX)
      const end = Math.min(LONGEST, shot.len + count * field.entryLength)
      shot.buf.fill(1 + prng.int(255), shot.len, end)
      shot.len = end
      setCount(field, shot.buf, count, this.#wire.littleEndian)
    } else {
      const most = Math.ceil(shot.len / field.entryLength)
      setCount(
        field,
        shot.buf,
        most + prng.pick([1, 1000, 0x3fffffff, 0x7fffffff - most, 0xffffffff - most]),
        this.#wire.littleEndian,
      )
    }
  }

  #nameNobody(kind: Kind): void {
    const { prng } = this.#values
    switch (kind) {
      case 'mcast':
      case 'mcast (wrapper)':
        if (prng.chance(0.5)) this.#mcast.nodeId = 0
        else this.#mcast.systemFrom = 0
        break
      case 'memb_merge_detect':
        this.#merge.systemFrom = 0
        break
      case 'memb_join':
      case 'memb_join (leave)':
        if (prng.chance(0.5)) this.#join.systemFrom = 0
        else prng.pick([this.#join.procList, this.#join.failedList]).push(0)
        break
      case 'memb_commit_token':
        this.#commit.members.push(0)
        this.#commit.entries.push(createCommitEntry())
        break
    }
  }

  /** A multicast of this ring in the name of one that is not in it, or of two at once. */
  #asStranger(): void {
    const mcast = this.#mcast
    const stranger = this.#values.strangerId()
    copyRingId(this.#captures.rings[this.#captures.rings.length - 1]!, mcast.ring)
    mcast.nodeId = stranger
    if (this.#prng.chance(0.7)) mcast.systemFrom = this.#wire.processorOfNode(stranger)
    else mcast.systemFrom = this.#wire.processorOfNode(this.#values.memberId())
  }

  // ---- replay ----------------------------------------------------------------------------------------------------

  /** Undefined while there is nothing to replay. */
  replay(): Shot | undefined {
    const shot = this.#begin(this.#prng.pick(KINDS))
    const captured = this.#pick(shot.label as Kind)
    if (captured === undefined) return undefined
    shot.buf.set(captured.bytes)
    shot.len = captured.bytes.length
    shot.to = captured.to
    if (captured.to === EVERYBODY) {
      // To one of those whom it reached; the sender itself did not hear it.
      shot.to = (captured.from + 1 + this.#prng.int(this.#hosts - 1)) % this.#hosts
    }
    return shot
  }

  // ---- outsider --------------------------------------------------------------------------------------------------

  /** `oldest`: every ring with a smaller sequence number is gone for all members. */
  outsider(oldest: number): Shot {
    const prng = this.#prng
    const kind = prng.pick([...KINDS, 'memb_join', 'memb_join', 'memb_merge_detect'] as const)
    const shot = this.#begin(kind)
    this.#aim()
    this.#load(kind)
    this.#change(kind)
    switch (kind) {
      case 'orf_token':
        this.#values.deadRing(this.#token.ring, oldest)
        break
      case 'mcast':
      case 'mcast (wrapper)':
        this.#values.deadRing(this.#mcast.ring, oldest)
        break
      case 'memb_commit_token':
        // Whoever gathers would take a later one for a proposal.
        this.#values.deadRing(this.#commit.ring, oldest)
        this.#commit.ring.seq = prng.int(Math.max(1, oldest))
        break
    }
    this.#encode(kind)
    return shot
  }

  // ---- insider ---------------------------------------------------------------------------------------------------

  insider(): Shot {
    const prng = this.#prng
    const kind = prng.pick(this.#taste)
    const shot = this.#begin(kind)
    this.#aim()
    if (prng.chance(0.15)) {
      // True bytes to somebody they were not meant for, or not now.
      const captured = this.#pick(kind)
      if (captured !== undefined) {
        shot.buf.set(captured.bytes)
        shot.len = captured.bytes.length
        return shot
      }
    }
    this.#load(kind)
    this.#change(kind)
    this.#encode(kind)
    if (isMcast(kind) && prng.chance(0.6)) {
      const header = this.#wire.mcastHeaderLength
      const little = prng.chance(0.95) ? this.#wire.littleEndian : !this.#wire.littleEndian
      shot.len = header + this.#payloads.write(shot.buf, header, this.#frameSize - 2 * header, little)
      shot.label = this.#payloads.about
      if (kind === 'mcast (wrapper)') this.#wrap()
    }
    if (prng.chance(0.25)) this.#damage()
    return shot
  }

  /** Puts the multicast that stands in the buffer into another one. */
  #wrap(): void {
    const shot = this.#shot
    const header = this.#wire.mcastHeaderLength
    shot.buf.copyWithin(header, 0, shot.len)
    shot.len += header
    const mcast = this.#mcast
    this.#values.ring(mcast.ring)
    mcast.seq = this.#values.seq()
    mcast.encapsulated = WRAPPER
    this.#wire.writeMcast(mcast, shot.buf, 0)
  }

  /** Below the structure: bits, lengths, two halves of different datagrams. */
  #damage(): void {
    const prng = this.#prng
    const shot = this.#shot
    switch (prng.int(4)) {
      case 0:
        for (let i = 1 + prng.int(8); i > 0 && shot.len > 0; i--) shot.buf[prng.int(shot.len)]! ^= 1 << prng.int(8)
        break
      case 1:
        shot.len = prng.int(shot.len + 1)
        break
      case 2: {
        const end = Math.min(LONGEST, shot.len + (prng.chance(0.9) ? prng.int(400) : prng.int(LONGEST)))
        shot.buf.fill(prng.u32(), shot.len, end)
        shot.len = end
        break
      }
      default: {
        const tail = this.#pick(prng.pick(KINDS))?.bytes
        if (tail === undefined) break
        const at = prng.int(Math.min(shot.len, tail.length) + 1)
        shot.buf.set(tail.subarray(at), at)
        shot.len = tail.length
      }
    }
  }

  /** Whether a decoder takes the datagram for well formed. */
  isLegible(shot: Shot): boolean {
    const { buf, len } = shot
    const wire = this.#wires[0]
    switch (wire.open(buf, 0, len)) {
      case MessageType.orfToken:
        return wire.readToken(buf, 0, len, this.#token)
      case MessageType.mcast:
        return len <= FRAME_SIZE_MAX && wire.readMcast(buf, 0, len, this.#mcast)
      case MessageType.mergeDetect:
        return wire.readMergeDetect(buf, 0, len, this.#merge)
      case MessageType.join:
        return wire.readJoin(buf, 0, len, this.#join)
      case MessageType.commitToken:
        return wire.readCommitToken(buf, 0, len, this.#commit)
      case MessageType.tokenHoldCancel:
        return wire.readTokenHoldCancel(buf, 0, len, this.#cancel)
      default:
        return false
    }
  }

  // ---- the parts -------------------------------------------------------------------------------------------------

  #begin(kind: Kind): Shot {
    this.#order = this.#prng.chance(0.5) ? 0 : 1
    this.#shot.label = kind
    this.#shot.len = 0
    return this.#shot
  }

  #aim(): void {
    this.#shot.to = this.#prng.chance(0.5) ? EVERYBODY : this.#prng.int(this.#hosts)
  }

  #pick(kind: Kind): Captured | undefined {
    const recent = this.#captures.recent(kind)
    if (recent.length === 0) return undefined
    if (this.#prng.chance(0.3)) return this.#captures.latest(kind)
    return this.#prng.pick(this.#prng.chance(0.7) ? recent : this.#captures.old(kind))
  }

  /** Fills the record of the kind from a captured datagram, or from nothing; a multicast's payload stands in the buffer. */
  #load(kind: Kind): void {
    const captured = this.#prng.chance(0.85) ? this.#pick(kind) : undefined
    if (captured === undefined || !this.#decode(kind, captured.bytes)) this.#invent(kind)
  }

  #decode(kind: Kind, bytes: Uint8Array): boolean {
    const wire = this.#wires[0]
    const { length } = bytes
    if (typeof wire.open(bytes, 0, length) !== 'number') return false
    switch (kind) {
      case 'orf_token':
        return wire.readToken(bytes, 0, length, this.#token)
      case 'mcast':
      case 'mcast (wrapper)':
        this.#shot.buf.set(bytes)
        this.#shot.len = length
        return wire.readMcast(bytes, 0, length, this.#mcast)
      case 'memb_merge_detect':
        return wire.readMergeDetect(bytes, 0, length, this.#merge)
      case 'memb_join':
      case 'memb_join (leave)':
        return wire.readJoin(bytes, 0, length, this.#join)
      case 'memb_commit_token':
        return wire.readCommitToken(bytes, 0, length, this.#commit)
      case 'token_hold_cancel':
        return wire.readTokenHoldCancel(bytes, 0, length, this.#cancel)
    }
  }

  #invent(kind: Kind): void {
    const values = this.#values
    const prng = this.#prng
    switch (kind) {
      case 'orf_token':
        this.#changeToken(-1)
        break
      case 'mcast':
      case 'mcast (wrapper)': {
        const { buf } = this.#shot
        const header = this.#wire.mcastHeaderLength
        const mcast = this.#mcast
        mcast.nodeId = values.memberId()
        mcast.systemFrom = this.#wire.processorOfNode(mcast.nodeId)
        mcast.seq = values.seq()
        mcast.encapsulated = kind === 'mcast' ? ORDINARY : WRAPPER
        values.ring(mcast.ring)
        let at = header
        if (kind !== 'mcast') {
          this.#wire.writeMcast({ ...mcast, encapsulated: ORDINARY }, buf, at)
          at += header
        }
        this.#shot.len = at + this.#payloads.write(buf, at, this.#frameSize - 2 * header, this.#wire.littleEndian)
        break
      }
      case 'memb_merge_detect':
        this.#merge.nodeId = values.nodeId()
        this.#merge.systemFrom = values.processor()
        values.ring(this.#merge.ring)
        break
      case 'memb_join':
      case 'memb_join (leave)':
        this.#join.nodeId = values.nodeId()
        this.#join.systemFrom = values.processor()
        this.#join.procList = values.processors()
        this.#join.failedList = prng.chance(0.5) ? [] : values.processors()
        this.#join.ringSeq = values.ringSeq()
        break
      case 'memb_commit_token': {
        const commit = this.#commit
        commit.members = values.processors()
        commit.entries = commit.members.map(createCommitEntry)
        commit.memberIndex = prng.int(commit.members.length + 1)
        commit.tokenSeq = values.tokenSeq()
        values.ring(commit.ring)
        for (const entry of commit.entries) this.#changeEntry(entry)
        break
      }
      case 'token_hold_cancel':
        this.#cancel.nodeId = values.nodeId()
        values.ring(this.#cancel.ring)
        break
    }
  }

  #change(kind: Kind): void {
    for (let changes = 1 + this.#prng.int(CHANGES_MAX); changes > 0; changes--) this.#changeOne(kind)
  }

  #changeOne(kind: Kind): void {
    const values = this.#values
    const prng = this.#prng
    switch (kind) {
      case 'orf_token':
        this.#changeToken(prng.int(8))
        break
      case 'mcast':
      case 'mcast (wrapper)': {
        const mcast = this.#mcast
        const field = prng.int(5)
        if (field === 0) mcast.seq = values.seq()
        else if (field === 1) values.ring(mcast.ring)
        else if (field === 2) mcast.nodeId = values.nodeId()
        else if (field === 3) mcast.systemFrom = values.processor()
        else mcast.encapsulated = prng.pick([0, WRAPPER, ORDINARY, 3, 255])
        break
      }
      case 'memb_merge_detect':
        if (prng.chance(0.5)) values.ring(this.#merge.ring)
        else this.#merge.systemFrom = values.processor()
        break
      case 'memb_join':
      case 'memb_join (leave)': {
        const join = this.#join
        const field = prng.int(5)
        if (field === 0) join.procList = values.processors()
        else if (field === 1) join.failedList = values.processors()
        else if (field === 2) join.ringSeq = values.ringSeq()
        else if (field === 3) join.systemFrom = values.processor()
        else join.nodeId = values.nodeId()
        break
      }
      case 'memb_commit_token': {
        const commit = this.#commit
        const field = prng.int(6)
        if (field === 0) values.ring(commit.ring)
        else if (field === 1) commit.memberIndex = prng.int(commit.members.length + 1)
        else if (field === 2) commit.tokenSeq = values.tokenSeq()
        else if (field === 3 && commit.entries.length > 0) this.#changeEntry(prng.pick(commit.entries))
        else if (field === 4) commit.retransFlag = values.u32()
        else {
          commit.members = values.processors()
          commit.entries = commit.members.map((_, i) => commit.entries[i] ?? createCommitEntry())
          commit.memberIndex = Math.min(commit.memberIndex, commit.members.length)
        }
        break
      }
      case 'token_hold_cancel':
        values.ring(this.#cancel.ring)
        break
    }
  }

  /** -1: all of them. */
  #changeToken(field: number): void {
    const values = this.#values
    const token = this.#token
    if (field === 0 || field < 0) token.seq = values.seq()
    if (field === 1 || field < 0) token.tokenSeq = values.tokenSeq()
    if (field === 2 || field < 0) token.aru = values.seq()
    if (field === 3 || field < 0) token.aruAddr = this.#prng.chance(0.3) ? 0 : values.nodeId()
    if (field === 4 || field < 0) values.ring(token.ring)
    if (field === 5 || field < 0) token.backlog = values.u32()
    if (field === 6 || field < 0) token.fcc = values.u32()
    if (field === 7 || field < 0) {
      token.retransFlag = this.#prng.pick([0, 1, values.u32()])
      token.retransmitCount = this.#prng.pick([0, 1, 30])
      for (let i = 0; i < token.retransmitCount; i++) {
        values.ring(token.retransmitRings[i]!)
        token.retransmitSeqs[i] = values.seq()
      }
    }
  }

  #changeEntry(entry: {
    ring: { rep: number; seq: number }
    aru: number
    highDelivered: number
    receivedFlag: number
  }): void {
    this.#values.ring(entry.ring)
    entry.aru = this.#values.seq()
    entry.highDelivered = this.#values.seq()
    entry.receivedFlag = this.#prng.int(2)
  }

  #encode(kind: Kind): void {
    const shot = this.#shot
    const { buf } = shot
    const wire = this.#wire
    switch (kind) {
      case 'orf_token':
        shot.len = wire.writeToken(this.#token, buf, 0)
        break
      case 'mcast':
      case 'mcast (wrapper)':
        wire.writeMcast(this.#mcast, buf, 0)
        break
      case 'memb_merge_detect':
        shot.len = wire.writeMergeDetect(this.#merge, buf, 0)
        break
      case 'memb_join':
      case 'memb_join (leave)':
        this.#join.leave = kind === 'memb_join (leave)'
        shot.len = wire.writeJoin(this.#join, buf, 0)
        break
      case 'memb_commit_token':
        shot.len = wire.writeCommitToken(this.#commit, buf, 0)
        break
      case 'token_hold_cancel':
        shot.len = wire.writeTokenHoldCancel(this.#cancel, buf, 0)
        break
    }
  }
}

function isMcast(kind: Kind): boolean {
  return kind === 'mcast' || kind === 'mcast (wrapper)'
}

/** A datagram for a reader; the beginning of a long one. */
export function hexOf({ buf, len }: Shot): string {
  let text = ''
  for (let i = 0; i < Math.min(len, 1500); i++) text += buf[i]!.toString(16).padStart(2, '0')
  return len > 1500 ? `${text}... (${len} bytes)` : text
}
