// Every decoder of wire/ with a sample that it accepts, for tests that feed them broken bytes.
import { readCmapMcast } from '../../src/wire/cmap.js'
import * as cpg from '../../src/wire/cpg.js'
import {
  createCommitToken,
  createJoin,
  createMcastHeader,
  createMergeDetect,
  createOrfToken,
  createTokenHoldCancel,
  MessageType,
} from '../../src/wire/generation.js'
import { createGeneration3 } from '../../src/wire/generation3.js'
import * as pg from '../../src/wire/pg.js'
import { checkServiceMessage, messageSize } from '../../src/wire/service.js'
import * as sync from '../../src/wire/sync.js'
import * as samples from './wire-samples.js'

export interface Decoder {
  readonly name: string
  readonly sample: Uint8Array
  /** Whether the bytes were accepted; reads everything in them that a user of the decoder would read. */
  readonly decode: (buf: Uint8Array, off: number, len: number) => boolean
}

const LITTLE = true
const wire = createGeneration3({ littleEndian: LITTLE })
const token = createOrfToken()
const mcast = createMcastHeader()
const merge = createMergeDetect()
const join = createJoin()
const commit = createCommitToken()
const cancel = createTokenHoldCancel()
const barrier = sync.createBarrier()
const build = sync.createServiceBuild()
const multicast = cpg.createCpgMulticast()

/** As the ring does it: the header first, then what it says the message is. */
function decodeTotem(buf: Uint8Array, off: number, len: number): boolean {
  switch (wire.open(buf, off, len)) {
    case MessageType.orfToken:
      return wire.readToken(buf, off, len, token)
    case MessageType.mcast:
      return wire.readMcast(buf, off, len, mcast)
    case MessageType.mergeDetect:
      return wire.readMergeDetect(buf, off, len, merge)
    case MessageType.join:
      return wire.readJoin(buf, off, len, join)
    case MessageType.commitToken:
      return wire.readCommitToken(buf, off, len, commit)
    case MessageType.tokenHoldCancel:
      return wire.readTokenHoldCancel(buf, off, len, cancel)
    default:
      return false
  }
}

/** A packet with one piece in it, of one group, and its message if that is of the synchronisation. */
function decodePacket(buf: Uint8Array, off: number, len: number): boolean {
  const count = pg.checkPacket(buf, off, len, LITTLE)
  if (count < 0) return false
  pg.packetFragmented(buf, off)
  pg.packetContinuation(buf, off)
  let at = off + pg.packetDataOffset(count)
  for (let i = 0; i < count; i++) {
    const length = pg.pieceLength(buf, off, i, LITTLE)
    const header = pg.checkGroupHeader(buf, at, length, LITTLE)
    if (header < 0) return false
    if (pg.addressesGroup(buf, at, pg.GROUP_SYNC, LITTLE)) {
      if (!sync.readBarrier(buf, at + header, length - header, LITTLE, barrier)) return false
    }
    at += length
  }
  return true
}

/** Reads the ends of a part that is named by its place, too. */
function touch(buf: Uint8Array, off: number, len: number): void {
  if (len > 0) buf.subarray(off, off + len)
}

function decodeMulticast(read: typeof cpg.readCpgMcast) {
  return (buf: Uint8Array, off: number, len: number) => {
    if (!read(buf, off, len, LITTLE, multicast)) return false
    touch(buf, multicast.groupOff, multicast.groupLength)
    touch(buf, multicast.dataOff, multicast.dataLength)
    return true
  }
}

export const DECODERS: readonly Decoder[] = [
  { name: 'orf_token', sample: samples.TOKEN, decode: decodeTotem },
  { name: 'mcast', sample: samples.MCAST, decode: decodeTotem },
  { name: 'memb_merge_detect', sample: samples.MERGE_DETECT, decode: decodeTotem },
  { name: 'memb_join', sample: samples.JOIN, decode: decodeTotem },
  { name: 'memb_join, other byte order', sample: samples.JOIN_BIG_ENDIAN, decode: decodeTotem },
  { name: 'leave', sample: samples.LEAVE, decode: decodeTotem },
  { name: 'memb_commit_token', sample: samples.COMMIT_TOKEN, decode: decodeTotem },
  { name: 'token_hold_cancel', sample: samples.HOLD_CANCEL, decode: decodeTotem },
  { name: 'packet', sample: samples.MCAST.subarray(samples.MCAST_HEADER_LENGTH), decode: decodePacket },
  {
    name: 'group header',
    sample: samples.MCAST.subarray(samples.MCAST_HEADER_LENGTH + 10, samples.BARRIER_OFFSET),
    decode: (buf, off, len) =>
      pg.checkGroupHeader(buf, off, len, LITTLE) >= 0 && pg.addressesGroup(buf, off, pg.GROUP_SYNC, LITTLE),
  },
  {
    name: 'barrier',
    sample: samples.MCAST.subarray(samples.BARRIER_OFFSET),
    decode: (buf, off, len) => sync.readBarrier(buf, off, len, LITTLE, barrier),
  },
  {
    name: 'service build',
    sample: samples.SERVICE_BUILD,
    decode: (buf, off, len) => sync.readServiceBuild(buf, off, len, LITTLE, build),
  },
  {
    name: 'service header',
    sample: samples.CPG_MCAST,
    decode: (buf, off, len) => checkServiceMessage(buf, off, len, LITTLE) >= 0 && messageSize(buf, off, LITTLE) <= len,
  },
  {
    name: 'cpg procjoin',
    sample: samples.CPG_PROC_JOIN,
    decode: (buf, off, len) => cpg.readCpgProc(buf, off, len, LITTLE) !== undefined,
  },
  {
    name: 'cpg joinlist',
    sample: samples.CPG_JOIN_LIST,
    decode: (buf, off, len) => cpg.readCpgJoinList(buf, off, len, LITTLE) !== undefined,
  },
  { name: 'cpg mcast', sample: samples.CPG_MCAST, decode: decodeMulticast(cpg.readCpgMcast) },
  { name: 'cpg partial mcast', sample: samples.CPG_PARTIAL_MCAST, decode: decodeMulticast(cpg.readCpgPartialMcast) },
  {
    name: 'cpg downlist',
    sample: samples.CPG_DOWN_LIST,
    decode: (buf, off, len) => cpg.readCpgDownList(buf, off, len, LITTLE) !== undefined,
  },
  {
    name: 'cpg downlist of old',
    sample: samples.CPG_DOWN_LIST_OLD,
    decode: (buf, off, len) => cpg.readCpgDownListOld(buf, off, len, LITTLE) !== undefined,
  },
  {
    name: 'cmap mcast',
    sample: samples.CMAP_MCAST,
    decode: (buf, off, len) => readCmapMcast(buf, off, len, LITTLE) !== undefined,
  },
]
