// The two messages of the synchronisation barrier, sent in group `sync` (spec: totem 10.2).
// In: bytes behind the group header and the originator's byte order. Out: records that are made once and filled again.
// Must not know: when they are sent. C nodes convert neither of them between byte orders; both are converted here.

import { readS32, readU32, readU64, writeU32, writeU64 } from './cursor.js'
import { createRingId, type RingId } from './generation.js'
import { checkServiceMessage, SERVICE_COUNT_MAX, writeServiceHeader } from './service.js'

export const SyncMessage = { barrier: 0, serviceBuild: 1 } as const
export type SyncMessageId = (typeof SyncMessage)[keyof typeof SyncMessage]

// Barrier:        0 header | 16 rep u32 | 20 seq u64 (packed) | 28 pad | 32
// Service build:  ... as above ...                            | 32 entries s32 | 36 pad | 40 ids s32[128] | 552
const SYNC_RING_REP = 16
const SYNC_RING_SEQ = 20
const SYNC_RING_END = 28
const BUILD_ENTRIES = 32
const BUILD_IDS = 40
export const BARRIER_LENGTH = 32
/** A service build always has full length: C nodes copy all of it. */
export const SERVICE_BUILD_LENGTH = 552
/** Room for service ids in a service build. */
export const SERVICE_BUILD_ENTRIES_MAX = 128

export interface Barrier {
  /** `rep` is a node id here, in every wire generation that has this layer. */
  ring: RingId
}

export interface ServiceBuild {
  ring: RingId
  services: number[]
}

export function createBarrier(): Barrier {
  return { ring: createRingId() }
}

export function createServiceBuild(): ServiceBuild {
  return { ring: createRingId(), services: [] }
}

/** Which of the two it is; -1 for anything else, or when it is too short. */
export function checkSyncMessage(buf: Uint8Array, off: number, len: number, little: boolean): SyncMessageId | -1 {
  const id = checkServiceMessage(buf, off, len, little)
  if (id === SyncMessage.barrier) return len >= BARRIER_LENGTH ? SyncMessage.barrier : -1
  if (id === SyncMessage.serviceBuild) return len >= SERVICE_BUILD_LENGTH ? SyncMessage.serviceBuild : -1
  return -1
}

export function readBarrier(buf: Uint8Array, off: number, len: number, little: boolean, into: Barrier): boolean {
  return checkSyncMessage(buf, off, len, little) === SyncMessage.barrier && readRing(buf, off, little, into.ring)
}

export function writeBarrier(barrier: Barrier, buf: Uint8Array, off: number, little: boolean): number {
  writeServiceHeader(buf, off, SyncMessage.barrier, BARRIER_LENGTH, little)
  writeRing(buf, off, barrier.ring, little)
  return BARRIER_LENGTH
}

export function readServiceBuild(
  buf: Uint8Array,
  off: number,
  len: number,
  little: boolean,
  into: ServiceBuild,
): boolean {
  if (checkSyncMessage(buf, off, len, little) !== SyncMessage.serviceBuild) return false
  if (!readRing(buf, off, little, into.ring)) return false
  const entries = readU32(buf, off + BUILD_ENTRIES, little)
  if (entries > SERVICE_BUILD_ENTRIES_MAX) return false
  into.services.length = entries
  for (let i = 0; i < entries; i++) {
    const id = readS32(buf, off + BUILD_IDS + i * 4, little)
    if (id < 0 || id >= SERVICE_COUNT_MAX) return false
    into.services[i] = id
  }
  return true
}

/** At most SERVICE_BUILD_ENTRIES_MAX services, each below SERVICE_COUNT_MAX. */
export function writeServiceBuild(build: ServiceBuild, buf: Uint8Array, off: number, little: boolean): number {
  writeServiceHeader(buf, off, SyncMessage.serviceBuild, SERVICE_BUILD_LENGTH, little)
  writeRing(buf, off, build.ring, little)
  buf.fill(0, off + BUILD_ENTRIES, off + SERVICE_BUILD_LENGTH)
  writeU32(buf, off + BUILD_ENTRIES, build.services.length, little)
  for (let i = 0; i < build.services.length; i++) writeU32(buf, off + BUILD_IDS + i * 4, build.services[i]!, little)
  return SERVICE_BUILD_LENGTH
}

function readRing(buf: Uint8Array, off: number, little: boolean, into: RingId): boolean {
  const seq = readU64(buf, off + SYNC_RING_SEQ, little)
  if (seq < 0) return false
  into.rep = readU32(buf, off + SYNC_RING_REP, little)
  into.seq = seq
  return true
}

function writeRing(buf: Uint8Array, off: number, ring: RingId, little: boolean): void {
  writeU32(buf, off + SYNC_RING_REP, ring.rep, little)
  writeU64(buf, off + SYNC_RING_SEQ, ring.seq, little)
  writeU32(buf, off + SYNC_RING_END, 0, little)
}
