// A connection over shared memory, the server's end: three rings in six files of a private directory, mapped into one
// slot of the arena (spec: ipc 7). In: credentials, sizes. Out: a channel. The program owns the files and may do
// anything to them; what it does shows as a fault.

import { closeSync } from 'node:fs'
import { type Arena, type ArenaSlot, pageSize, roundToPages, sharedArena } from '../sys/arena.js'
import { Errno } from '../sys/errno.js'
import { sysError } from '../sys/native.js'
import { type Connected, ConnectionType, putString, RingHeader, ringDataBytes } from '../wire/ipc-transport.js'
import type { Channel, ChannelOptions, SendResult } from './channel.js'
import { RING_NAMES, type RingName, ringName } from './names.js'
import type { PrivateDirectory } from './private-directory.js'
import { type RingPlace, ShmRingReader, ShmRingWriter } from './shm-ring.js'
import { daemonMark } from './stale.js'

const LEVEL_WORD = RingHeader.level >> 2
const WORD_SIZE_WORD = RingHeader.wordSize >> 2
const REF_COUNT_WORD = RingHeader.refCount >> 2
const NOTHING = new Uint8Array(0)

/** Data sizes for which slots are made, so that few sizes serve every wish: powers of two, and a page. */
function dataCapacity(dataBytes: number): number {
  const page = pageSize()
  let capacity = 2 * page
  while (capacity + page < dataBytes) capacity *= 2
  return capacity + page
}

export class ShmChannel implements Channel {
  readonly connected: Connected
  readonly requestFd = -1
  readonly notifiesByStream = true
  readonly #directory: PrivateDirectory
  readonly #arena: Arena
  readonly #slot: ArenaSlot
  readonly #request: ShmRingReader
  readonly #response: ShmRingWriter
  readonly #event: ShmRingWriter
  readonly #levelWord: number
  #fault: string | undefined
  /** Faults on the memory before the request that is being handled; those of other connections meanwhile apart. */
  #faultsBefore = 0

  /** Throws SysError or an error of node:fs; whatever was made is gone then, except for the directory. */
  constructor(options: ChannelOptions) {
    const { directory, service, maxMessage, serial } = options
    this.#directory = directory
    this.#arena = sharedArena()
    const headerBytes = roundToPages(RingHeader.bytes)
    const dataBytes = ringDataBytes(maxMessage, pageSize())
    const capacity = dataCapacity(dataBytes)
    const slot = this.#arena.take(RING_NAMES.length * (headerBytes + 2 * capacity))
    if (slot === undefined) throw sysError(Errno.ENOMEM, 'mmap')
    this.#slot = slot
    const places = RING_NAMES.map((_, i): RingPlace => {
      const data = RING_NAMES.length * headerBytes + i * 2 * capacity
      return { header: i * headerBytes, data, dataBytes, maxMessage }
    })
    const [request, response, event] = places as [RingPlace, RingPlace, RingPlace]
    this.#request = new ShmRingReader(slot, request)
    this.#response = new ShmRingWriter(slot, response)
    this.#event = new ShmRingWriter(slot, event)
    this.#levelWord = (request.header >> 2) + LEVEL_WORD
    try {
      for (const [i, name] of RING_NAMES.entries()) this.#createRing(options, name, places[i]!)
    } catch (error) {
      this.#arena.giveBack(slot)
      throw error
    }
    for (const ring of [this.#request, this.#response, this.#event]) ring.semaphore.init()
    this.setLevel(options.level)
    const name = (ring: RingName) => ringName(directory.path, ring, service)
    this.connected = {
      type: ConnectionType.SHM,
      maxMessage,
      handle: serial,
      request: name('request'),
      response: name('response'),
      event: name('event'),
    }
  }

  get bytes(): Uint8Array {
    return this.#slot.bytes
  }

  get off(): number {
    return this.#request.off
  }

  get len(): number {
    return this.#request.len
  }

  get fault(): string | undefined {
    return this.#fault
  }

  next(): boolean {
    this.#faultsBefore = this.#arena.unclaimedFaults
    const found = this.#request.next()
    if (found === 'message') return true
    this.#claimFaults(this.#faultsBefore)
    if (found !== 'none') this.#fault = `wrote ${found}`
    return false
  }

  reclaim(): void {
    this.#request.reclaim()
    this.#claimFaults(this.#faultsBefore)
  }

  unread(): void {
    this.#request.unread()
    this.#claimFaults(this.#faultsBefore)
  }

  respond(buf: Uint8Array, off: number, len: number): SendResult {
    return this.#write(this.#response, buf, off, len, NOTHING, 0, 0)
  }

  notify(
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): SendResult {
    return this.#write(this.#event, head, headOff, headLen, body, bodyOff, bodyLen)
  }

  setLevel(level: number): void {
    const before = this.#arena.unclaimedFaults
    Atomics.store(this.#slot.words, this.#levelWord, level)
    this.#claimFaults(before)
  }

  close(): void {
    this.#directory.remove()
    this.#arena.giveBack(this.#slot)
  }

  #write(
    ring: ShmRingWriter,
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): SendResult {
    const before = this.#arena.unclaimedFaults
    const result = ring.write(head, headOff, headLen, body, bodyOff, bodyLen)
    this.#claimFaults(before)
    if (result === 'long') this.#fault ??= `cannot be sent ${headLen + bodyLen} bytes`
    if (result === 'invalid') this.#fault ??= 'wrote a position outside of its ring'
    if (this.#fault !== undefined) return 'failed'
    return result === 'full' ? 'full' : 'sent'
  }

  /** Faults since `before` were on this connection's files. */
  #claimFaults(before: number): void {
    const found = this.#arena.unclaimedFaults - before
    if (found === 0) return
    this.#arena.claimFaults(found)
    this.#fault ??= 'cut off its files'
  }

  #createRing(options: ChannelOptions, name: RingName, place: RingPlace): void {
    const { directory, service, program } = options
    const base = ringName(directory.path, name, service)
    const headerPath = `${base}-header`
    const dataPath = `${base}-data`
    const slot = this.#slot
    const header = directory.createFile(headerPath, RingHeader.bytes, program)
    try {
      slot.map(place.header, RingHeader.bytes, header)
    } finally {
      closeSync(header)
    }
    const data = directory.createFile(dataPath, place.dataBytes, program)
    try {
      slot.map(place.data, place.dataBytes, data)
      slot.map(place.data + place.dataBytes, place.dataBytes, data)
    } finally {
      closeSync(data)
    }
    const at = place.header >> 2
    slot.words[at + WORD_SIZE_WORD] = place.dataBytes >> 2
    slot.words[at + REF_COUNT_WORD] = 1
    putString(slot.bytes, place.header + RingHeader.headerPath, headerPath)
    putString(slot.bytes, place.header + RingHeader.dataPath, dataPath)
    putString(slot.bytes, place.header + RingHeader.daemonMark, daemonMark())
  }
}
