// Every packet of the captures of unencrypted 3.x rings decodes down to totem, process groups and synchronisation, and
// encodes back to the same bytes. Service messages have their header checked, those of cpg and cmap their body too.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCmapMcast, writeCmapMcast } from '../../../src/wire/cmap.js'
import * as cpg from '../../../src/wire/cpg.js'
import {
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createTokenHoldCancel,
  MessageType,
} from '../../../src/wire/generation.js'
import { createGeneration3 } from '../../../src/wire/generation3.js'
import * as pg from '../../../src/wire/pg.js'
import { checkServiceMessage, functionOf, messageSize, ServiceId, serviceOf } from '../../../src/wire/service.js'
import {
  checkSyncMessage,
  createBarrier,
  createServiceBuild,
  readBarrier,
  readServiceBuild,
  SyncMessage,
  writeBarrier,
  writeServiceBuild,
} from '../../../src/wire/sync.js'
import { loadCapture, totemOverKnet, totemOverUdp } from '../../support/captures.js'
import { CAPTURES, type Tally } from './captures.expected.js'

/** All captures were made on little-endian machines. */
const LITTLE = true
const wire = createGeneration3({ littleEndian: LITTLE })
const token = createOrfToken()
const merge = createMergeDetect()
const join = createJoin()
const commit = createCommitToken()
const cancel = createTokenHoldCancel()

/** The captures of service messages were taken on knet. */
const OVER_KNET = ['exec-messages-3n', 'ykd-3n']

interface Packet {
  readonly originator: number
  readonly ringSeq: number
  readonly seq: number
  readonly bytes: Uint8Array
}

/** Decodes a message, encodes what was found, compares; hands out the process-group packets. */
function roundTrip(bytes: Uint8Array, tally: Tally, packets: Map<string, Packet>): void {
  const type = wire.open(bytes, 0, bytes.length)
  if (typeof type === 'string') assert.fail(`refused: ${type}`)
  const out = new Uint8Array(bytes.length)
  let length: number
  switch (type) {
    case MessageType.orfToken:
      assert.ok(wire.readToken(bytes, 0, bytes.length, token))
      length = wire.writeToken(token, out, 0)
      break
    case MessageType.mcast:
      length = roundTripMcast(bytes, tally, packets, out)
      break
    case MessageType.mergeDetect:
      assert.ok(wire.readMergeDetect(bytes, 0, bytes.length, merge))
      length = wire.writeMergeDetect(merge, out, 0)
      break
    case MessageType.join:
      assert.ok(wire.readJoin(bytes, 0, bytes.length, join))
      length = wire.writeJoin(join, out, 0)
      assert.equal(length, wire.joinLength(join.procList.length, join.failedList.length))
      break
    case MessageType.commitToken:
      assert.ok(wire.readCommitToken(bytes, 0, bytes.length, commit))
      length = wire.writeCommitToken(commit, out, 0)
      assert.equal(length, wire.commitTokenLength(commit.members.length))
      break
    case MessageType.tokenHoldCancel:
      assert.ok(wire.readTokenHoldCancel(bytes, 0, bytes.length, cancel))
      length = wire.writeTokenHoldCancel(cancel, out, 0)
      break
  }
  tally.types[type]!++
  assert.equal(length, bytes.length)
  assert.deepEqual(out, new Uint8Array(bytes))
}

function roundTripMcast(bytes: Uint8Array, tally: Tally, packets: Map<string, Packet>, out: Uint8Array): number {
  const mcast = createMcastHeader()
  assert.ok(wire.readMcast(bytes, 0, bytes.length, mcast))
  const length = wire.writeMcast(mcast, out, 0)
  assert.equal(length, wire.mcastHeaderLength)
  const payload = bytes.subarray(length)
  if (mcast.encapsulated === 1) {
    tally.wrapped++
    const inner = new Uint8Array(payload.length)
    assert.equal(wire.open(payload, 0, payload.length), MessageType.mcast)
    assert.equal(wire.header.encapsulated, 2)
    const innerLength = roundTripMcast(payload, tally, packets, inner)
    out.set(inner.subarray(0, innerLength), length)
    return length + innerLength
  }
  assert.equal(mcast.encapsulated, 2)
  assert.equal(mcast.nodeId, mcast.systemFrom)
  const { rep, seq } = mcast.ring
  packets.set(`${rep} ${seq} ${mcast.seq}`, {
    originator: mcast.nodeId,
    ringSeq: seq,
    seq: mcast.seq,
    bytes: payload,
  })
  return length + roundTripPacket(payload, out, length)
}

function roundTripPacket(packet: Uint8Array, out: Uint8Array, off: number): number {
  const count = pg.checkPacket(packet, 0, packet.length, LITTLE)
  assert.ok(count > 0)
  const fragmented = pg.packetFragmented(packet, 0)
  const continuation = pg.packetContinuation(packet, 0)
  pg.writePacketHeader(out, off, fragmented, continuation, count, LITTLE)
  let at = pg.packetDataOffset(count)
  for (let i = 0; i < count; i++) {
    const length = pg.pieceLength(packet, 0, i, LITTLE)
    pg.writePieceLength(out, off, i, length, LITTLE)
    const piece = packet.subarray(at, at + length)
    const starts = i > 0 || continuation === 0
    const ends = i < count - 1 || fragmented === 0
    out.set(starts ? roundTripPiece(piece, ends) : piece, off + at)
    at += length
  }
  return at
}

/** A piece that begins a message: its group header written anew, and with it all of a synchronisation message. */
function roundTripPiece(piece: Uint8Array, whole: boolean): Uint8Array {
  const headerLength = pg.checkGroupHeader(piece, 0, piece.length, LITTLE)
  assert.ok(headerLength > 0)
  const group = groupOf(piece, headerLength)
  const out = new Uint8Array(piece.length)
  assert.equal(pg.writeGroupHeader(group, out, 0, LITTLE), headerLength)
  const message = piece.subarray(headerLength)
  out.set(message, headerLength)
  if (whole && Buffer.from(group).equals(pg.GROUP_SYNC)) {
    out.fill(0, headerLength)
    assert.equal(encodeSync(message, out, headerLength), message.length)
  }
  return out
}

/** The captures know three groups, and one in each message. */
function groupOf(piece: Uint8Array, headerLength: number): Uint8Array {
  const known = [pg.GROUP_SERVICES, pg.GROUP_SYNC, Buffer.from('ykd')]
  const named = known.filter(group => pg.addressesGroup(piece, 0, group, LITTLE))
  assert.equal(named.length, 1)
  assert.equal(pg.groupHeaderLength(named[0]!), headerLength)
  return named[0]!
}

function encodeSync(message: Uint8Array, out: Uint8Array, off: number): number {
  if (checkSyncMessage(message, 0, message.length, LITTLE) === SyncMessage.barrier) {
    const barrier = createBarrier()
    assert.ok(readBarrier(message, 0, message.length, LITTLE, barrier))
    return writeBarrier(barrier, out, off, LITTLE)
  }
  const build = createServiceBuild()
  assert.ok(readServiceBuild(message, 0, message.length, LITTLE, build))
  return writeServiceBuild(build, out, off, LITTLE)
}

/** Follows each originator's packets in the order of the ring, joins what was fragmented, and reads every message. */
function readMessages(packets: Map<string, Packet>, tally: Tally): void {
  const ordered = [...packets.values()].sort((a, b) => a.ringSeq - b.ringSeq || a.seq - b.seq)
  /** Beginnings of messages, by originator and the number of the fragment that comes next. */
  const begun = new Map<string, Uint8Array>()
  for (const { originator, bytes } of ordered) {
    tally.packets++
    const count = pg.checkPacket(bytes, 0, bytes.length, LITTLE)
    const fragmented = pg.packetFragmented(bytes, 0)
    const continuation = pg.packetContinuation(bytes, 0)
    let at = pg.packetDataOffset(count)
    for (let i = 0; i < count; i++) {
      const length = pg.pieceLength(bytes, 0, i, LITTLE)
      let message: Uint8Array | undefined = bytes.subarray(at, at + length)
      at += length
      if (i === 0 && continuation !== 0) {
        const key = `${originator} ${continuation}`
        const head = begun.get(key)
        begun.delete(key)
        if (head === undefined) tally.headless++
        message = head && Buffer.concat([head, message])
      }
      if (message === undefined) continue
      if (i === count - 1 && fragmented !== 0) {
        const key = `${originator} ${fragmented}`
        if (begun.has(key)) tally.unfinished++
        begun.set(key, message)
      } else readMessage(message, tally)
    }
  }
  tally.unfinished += begun.size
}

function readMessage(message: Uint8Array, tally: Tally): void {
  const headerLength = pg.checkGroupHeader(message, 0, message.length, LITTLE)
  const group = groupOf(message, headerLength)
  const body = message.subarray(headerLength)
  if (group === pg.GROUP_SYNC) {
    if (checkSyncMessage(body, 0, body.length, LITTLE) === SyncMessage.barrier) tally.barriers++
    else tally.builds++
  } else if (group === pg.GROUP_SERVICES) readServiceMessage(body, tally)
  else {
    const name = Buffer.from(group).toString()
    tally.otherGroups[name] = (tally.otherGroups[name] ?? 0) + 1
  }
}

function readServiceMessage(body: Uint8Array, tally: Tally): void {
  const id = checkServiceMessage(body, 0, body.length, LITTLE)
  assert.ok(id >= 0)
  assert.equal(messageSize(body, 0, LITTLE), body.length)
  const key = `${serviceOf(id)}.${functionOf(id)}`
  tally.services[key] = (tally.services[key] ?? 0) + 1
  const encode = serviceOf(id) === ServiceId.cmap ? encodeCmap : serviceOf(id) === ServiceId.cpg && CPG[functionOf(id)]
  if (!encode) return
  const out = new Uint8Array(body.length)
  const undefinedBytes = encode(body, out)
  // What C nodes leave in padding is nothing anyone means; all other bytes have to be the same.
  const expected = new Uint8Array(body)
  for (const [from, to] of [HEADER_PADDING, HEADER_PADDING_2, ...undefinedBytes]) expected.fill(0, from, to)
  assert.deepEqual(out, expected)
}

function counts(tally: Record<string, number>): string {
  return Object.keys(tally)
    .sort()
    .map(key => `${key} ${tally[key]}`)
    .join(', ')
}

type Range = readonly [from: number, to: number]
const HEADER_PADDING: Range = [4, 8]
const HEADER_PADDING_2: Range = [12, 16]

/** Padding of a group name of which `used` bytes mean something. */
function namePadding(off: number, used: number): Range[] {
  return [
    [off + 4, off + 8],
    [off + 8 + used, off + 136],
  ]
}

function encodeCmap(body: Uint8Array, out: Uint8Array): Range[] {
  const message = readCmapMcast(body, 0, body.length, LITTLE)
  assert.ok(message)
  assert.equal(writeCmapMcast(message, out, 0, LITTLE), body.length)
  const key = 48
  return [
    [17, 24],
    [25, 32],
    [32, 48],
    [key + 2, key + 8],
    [key + 8 + 20, key + 264],
    [key + 265, key + 272],
  ]
}

/** Encoders by function; each returns the ranges that have no meaning. */
const CPG: Record<number, (body: Uint8Array, out: Uint8Array) => Range[]> = {
  [cpg.CpgFunction.procJoin]: (body, out) => encodeProc(cpg.CpgFunction.procJoin, body, out),
  [cpg.CpgFunction.procLeave]: (body, out) => encodeProc(cpg.CpgFunction.procLeave, body, out),
  [cpg.CpgFunction.joinList]: (body, out) => {
    const list = cpg.readCpgJoinList(body, 0, body.length, LITTLE)
    assert.ok(list)
    assert.equal(cpg.writeCpgJoinList(list, out, 0, LITTLE), body.length)
    const entries = list.flatMap(({ group }, i): Range[] => {
      const at = 24 + i * 144
      return [[at + 4, at + 8], ...namePadding(at + 8, group.length)]
    })
    return [[20, 24], ...entries]
  },
  [cpg.CpgFunction.mcast]: (body, out) => {
    const m = cpg.createCpgMulticast()
    assert.ok(cpg.readCpgMcast(body, 0, body.length, LITTLE, m))
    assert.deepEqual([m.part, m.dataOff + m.dataLength, m.totalLength], [0, body.length, m.dataLength])
    const group = body.subarray(m.groupOff, m.groupOff + m.groupLength)
    const conn = Number(Buffer.from(body).readBigUInt64LE(176))
    cpg.writeCpgMcastHeader(group, m.pid, m.dataLength, m.sourceNodeId, conn, out, 0, LITTLE)
    out.set(body.subarray(m.dataOff), m.dataOff)
    return [...namePadding(16, m.groupLength), [156, 160], [164, 168], [172, 176]]
  },
  [cpg.CpgFunction.downList]: (body, out) => {
    const list = cpg.readCpgDownList(body, 0, body.length, LITTLE)
    assert.ok(list)
    assert.equal(cpg.writeCpgDownList(list, out, 0, LITTLE), body.length)
    // Behind the ids in use stand those of earlier rounds.
    return [
      [20, 24],
      [28, 32],
      [32 + list.left.length * 4, body.length],
    ]
  },
}

function encodeProc(fn: 0 | 1, body: Uint8Array, out: Uint8Array): Range[] {
  const message = cpg.readCpgProc(body, 0, body.length, LITTLE)
  assert.ok(message)
  assert.equal(cpg.writeCpgProc(fn, message, out, 0, LITTLE), body.length)
  return [...namePadding(16, message.group.length), [156, 160], [164, 168]]
}

describe('captured packets of real 3.x nodes', () => {
  for (const { name, ...expected } of CAPTURES) {
    it(`${name} decodes and encodes back`, () => {
      const capture = loadCapture(name)
      assert.equal(capture.incomplete, 0)
      const messages = OVER_KNET.includes(name) ? totemOverKnet(capture) : totemOverUdp(capture)
      const tally: Tally = {
        types: [0, 0, 0, 0, 0, 0],
        wrapped: 0,
        packets: 0,
        barriers: 0,
        builds: 0,
        services: {},
        otherGroups: {},
        headless: 0,
        unfinished: 0,
      }
      const packets = new Map<string, Packet>()
      for (const { frame, bytes } of messages) {
        try {
          roundTrip(bytes, tally, packets)
        } catch (cause) {
          throw new Error(`frame ${frame}`, { cause })
        }
      }
      readMessages(packets, tally)
      const services = counts(tally.services)
      const otherGroups = counts(tally.otherGroups)
      assert.deepEqual({ ...tally, services, otherGroups }, { ...expected, headless: 0, unfinished: 0 })
    })
  }
})
