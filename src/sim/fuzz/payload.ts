// Forged payloads of multicasts: packets of the process-group layer with counts, lengths and fragment numbers between
// true and absurd, and in them messages of the barrier and of every service, known or not. In: chance, names and rings
// that were seen. Out: bytes behind a multicast header. Must not know: how they get onto the ring.

import { CMAP_MCAST_LENGTH_MAX, CmapReason, writeCmapMcast } from '../../wire/cmap.js'
import {
  CPG_DOWN_LIST_LENGTH,
  CPG_NAME_MAX,
  CpgFunction,
  type CpgProcess,
  cpgJoinListLength,
  writeCpgDownList,
  writeCpgDownListOld,
  writeCpgJoinList,
  writeCpgMcastHeader,
  writeCpgPartialMcastHeader,
  writeCpgProc,
} from '../../wire/cpg.js'
import { writeU16, writeU32 } from '../../wire/cursor.js'
import { createRingId } from '../../wire/generation.js'
import {
  GROUP_SERVICES,
  GROUP_SYNC,
  packetDataOffset,
  writeGroupHeader,
  writePacketHeader,
  writePieceLength,
} from '../../wire/pg.js'
import { messageId, SERVICE_COUNT_MAX, SERVICE_HEADER_LENGTH, writeServiceHeader } from '../../wire/service.js'
import { SERVICE_BUILD_ENTRIES_MAX, writeBarrier, writeServiceBuild } from '../../wire/sync.js'
import type { Values } from './values.js'

/** What a forged packet is about, as the attack counts it. */
export const PAYLOADS = ['pg', 'sync', 'cpg', 'cmap', 'other service'] as const
export type Payload = (typeof PAYLOADS)[number]

const PIECES_MAX = 5
const ANY_LENGTH_MAX = 200
/** Beyond the header of any message: where a flipped byte still hits a field. */
const FIELDS_LENGTH = 240
const MESSAGE_ROOM = 8192

export class PayloadForge {
  /** What the payload written last was about. */
  about: Payload = 'pg'
  readonly #values: Values
  readonly #message = new Uint8Array(MESSAGE_ROOM)
  readonly #ring = createRingId()
  /** Groups that programs use. */
  readonly #groups: readonly Uint8Array[]
  readonly #pids: () => number

  constructor(values: Values, groups: readonly Uint8Array[], pids: () => number) {
    this.#values = values
    this.#groups = groups
    this.#pids = pids
  }

  /** Writes a payload of at most `room` bytes; its length. */
  write(buf: Uint8Array, off: number, room: number, little: boolean): number {
    const { prng } = this.#values
    const count = prng.chance(0.7) ? 1 : prng.int(PIECES_MAX)
    let data = off + packetDataOffset(count)
    this.about = 'pg'
    for (let i = 0; i < count; i++) {
      const length = Math.min(this.#writeMessage(little), off + room - data)
      if (length < 0) return this.#writeNoise(buf, off, room)
      buf.set(this.#message.subarray(0, length), data)
      writePieceLength(buf, off, i, length, little)
      data += length
    }
    const [fragmented, continuation] = this.#fragmentation()
    writePacketHeader(buf, off, fragmented, continuation, count, little)
    return this.#spoil(buf, off, data - off, room, count, little)
  }

  /** Mostly whole messages, since only those reach the services. */
  #fragmentation(): readonly [number, number] {
    const { prng } = this.#values
    if (prng.chance(0.8)) return [0, 0]
    return [prng.pick([0, 1, 2, 255, prng.int(256)]), prng.pick([0, 1, 2, 255, prng.int(256)])]
  }

  #spoil(buf: Uint8Array, off: number, length: number, room: number, count: number, little: boolean): number {
    const { prng } = this.#values
    if (prng.chance(0.75)) return length
    this.about = 'pg'
    switch (prng.int(4)) {
      case 0: // a number of pieces that are not there
        writeU16(buf, off + 6, this.#values.u32() & 0xffff, little)
        return length
      case 1: // a piece longer or shorter than it is
        if (count > 0) writePieceLength(buf, off, prng.int(count), this.#values.u32() & 0xffff, little)
        return length
      case 2:
        return prng.int(length + 1)
      default:
        return Math.min(room, length + prng.int(ANY_LENGTH_MAX))
    }
  }

  #writeNoise(buf: Uint8Array, off: number, room: number): number {
    const { prng } = this.#values
    const length = prng.int(Math.min(room, ANY_LENGTH_MAX))
    for (let i = 0; i < length; i++) buf[off + i] = prng.u32()
    return length
  }

  /** A message with its group header, in `#message`. */
  #writeMessage(little: boolean): number {
    const { prng } = this.#values
    const buf = this.#message
    const sync = prng.chance(0.3)
    const header = writeGroupHeader(sync === prng.chance(0.05) ? GROUP_SERVICES : GROUP_SYNC, buf, 0, little)
    const length = sync ? this.#writeSync(buf, header, little) : this.#writeService(buf, header, little)
    if (prng.chance(0.3)) this.#spoilMessage(buf, header, length, little)
    return prng.chance(0.1) ? prng.int(header + length + 1) : header + length
  }

  #spoilMessage(buf: Uint8Array, header: number, length: number, little: boolean): void {
    const { prng } = this.#values
    switch (prng.int(3)) {
      case 0: // the group header
        writeU16(buf, prng.pick([0, 2]), this.#values.u32() & 0xffff, little)
        return
      case 1: // the size that the message gives itself
        writeU32(buf, header + 8, this.#values.u32(), little)
        return
      default: {
        const at = header + prng.int(Math.min(length, FIELDS_LENGTH))
        writeU32(buf, Math.min(at, MESSAGE_ROOM - 4), this.#values.u32(), little)
      }
    }
  }

  #writeSync(buf: Uint8Array, off: number, little: boolean): number {
    const { prng } = this.#values
    this.about = 'sync'
    this.#values.ring(this.#ring)
    if (prng.chance(0.5)) return writeBarrier({ ring: this.#ring }, buf, off, little)
    const count = prng.pick([0, 1, 3, prng.int(SERVICE_BUILD_ENTRIES_MAX + 1)])
    const services = Array.from({ length: count }, () => prng.int(prng.chance(0.7) ? 8 : SERVICE_COUNT_MAX))
    return writeServiceBuild({ ring: this.#ring, services }, buf, off, little)
  }

  #writeService(buf: Uint8Array, off: number, little: boolean): number {
    const { prng } = this.#values
    const kind = prng.float()
    if (kind < 0.75) return this.#writeCpg(buf, off, little)
    if (kind < 0.85) {
      this.about = 'cmap'
      buf.fill(0, off, off + CMAP_MCAST_LENGTH_MAX)
      const configVersion = prng.pick([undefined, 0n, 1n, 2n ** 64n - 1n])
      return writeCmapMcast({ reason: prng.pick([CmapReason.sync, 77]), configVersion }, buf, off, little)
    }
    this.about = 'other service'
    const length = SERVICE_HEADER_LENGTH + prng.int(ANY_LENGTH_MAX)
    for (let i = SERVICE_HEADER_LENGTH; i < length; i++) buf[off + i] = prng.u32()
    const id = messageId(prng.int(prng.chance(0.8) ? 8 : 0x10000), prng.int(prng.chance(0.8) ? 8 : 0x10000))
    writeServiceHeader(buf, off, id, prng.chance(0.5) ? length : this.#values.u32(), little)
    return length
  }

  #writeCpg(buf: Uint8Array, off: number, little: boolean): number {
    const { prng } = this.#values
    this.about = 'cpg'
    const process = this.#process()
    const nodeId = this.#values.nodeId()
    switch (prng.int(7)) {
      case 0:
        return writeCpgProc(CpgFunction.procJoin, { ...process, reason: this.#values.u32() & 7 }, buf, off, little)
      case 1:
        return writeCpgProc(CpgFunction.procLeave, { ...process, reason: this.#values.u32() & 7 }, buf, off, little)
      case 2: {
        const most = Math.floor(
          (MESSAGE_ROOM / 2 - cpgJoinListLength(0)) / (cpgJoinListLength(1) - cpgJoinListLength(0)),
        )
        const list = Array.from({ length: prng.pick([0, 1, 3, prng.int(most)]) }, () => this.#process())
        return writeCpgJoinList(list, buf, off, little)
      }
      case 3:
        return this.#writeData(
          buf,
          off,
          writeCpgMcastHeader(process.group, process.pid, this.#dataLength(), nodeId, 1, buf, off, little),
        )
      case 4: {
        const total = this.#values.u32()
        const part = prng.pick([1, 2, 3, 0, 4])
        const { group, pid } = process
        const length = this.#dataLength()
        return this.#writeData(
          buf,
          off,
          writeCpgPartialMcastHeader(group, pid, part, total, length, nodeId, 1, buf, off, little),
        )
      }
      case 5: {
        const left = this.#values.processors()
        buf.fill(0, off, off + CPG_DOWN_LIST_LENGTH)
        return writeCpgDownList({ oldMembers: this.#values.u32(), left }, buf, off, little)
      }
      default:
        return writeCpgDownListOld(this.#values.processors(), buf, off, little)
    }
  }

  #dataLength(): number {
    const { prng } = this.#values
    return prng.chance(0.8) ? prng.int(ANY_LENGTH_MAX) : this.#values.u32()
  }

  /** As much data as there is room for, behind a header that may promise more. */
  #writeData(buf: Uint8Array, off: number, header: number): number {
    const length = this.#values.prng.int(ANY_LENGTH_MAX)
    buf.fill(0x41, off + header, off + header + length)
    return header + length
  }

  #process(): CpgProcess {
    const { prng } = this.#values
    if (prng.chance(0.6)) return { group: prng.pick(this.#groups), pid: this.#pids() }
    const group = new Uint8Array(prng.chance(0.5) ? prng.int(12) : prng.int(CPG_NAME_MAX + 1))
    for (let i = 0; i < group.length; i++) group[i] = prng.u32()
    return { group, pid: this.#values.u32() }
  }
}
