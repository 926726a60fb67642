// A connection over shared memory, the program's end (spec: ipc 7, 9, 18.2): three rings in files that the server has made,
// mapped into one slot of the arena. In: names from the handshake. Out: messages. Bytes on the stream socket say that there
// is something; the semaphores in the rings count it.

import { closeSync, constants, fstatSync, openSync, rmdirSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ArenaSlot, pageSize, roundToPages, sharedArena } from '../sys/arena.js'
import { Errno } from '../sys/errno.js'
import { native, sysError } from '../sys/native.js'
import { type Connected, getString, RingHeader, ringDataBytes } from '../wire/ipc-transport.js'
import type { ClientTransport, SendResult, ShownMessage } from './client-transport.js'
import { IpcError } from './errors.js'
import { type RingFault, type RingPlace, ShmRingReader, ShmRingWriter } from './shm-ring.js'

/** Both sides have the ring open. Anything else: the server has let go of it. */
const REFERENCES_CONNECTED = 2
const REFERENCES_WORD = RingHeader.refCount >> 2
const LEVEL_WORD = RingHeader.level >> 2
const WORD_SIZE_WORD = RingHeader.wordSize >> 2
/** What other programs of libqb's leave of a header. */
const HEADER_MIN_BYTES = 8248

/** Tells the server that a request is there. */
export type Knock = () => SendResult

export class ShmClientTransport implements ClientTransport {
  readonly maxMessage: number
  readonly #slot: ArenaSlot
  readonly #places: readonly RingPlace[]
  readonly #requests: ShmRingWriter
  readonly #answers: ShownRing
  readonly #events: ShownRing
  readonly #requestHeader: number
  readonly #files: string[] = []
  readonly #knock: Knock

  /** Throws IpcError, SysError or an error of node:fs; nothing is left then. */
  constructor(connected: Connected, knock: Knock) {
    const { maxMessage } = connected
    this.maxMessage = maxMessage
    this.#knock = knock
    const headerBytes = roundToPages(RingHeader.bytes)
    const dataBytes = ringDataBytes(maxMessage, pageSize())
    const ringBytes = headerBytes + 2 * dataBytes
    this.#places = [0, 1, 2].map(i => ({
      header: i * ringBytes,
      data: i * ringBytes + headerBytes,
      dataBytes,
      maxMessage,
    }))
    const slot = sharedArena().take(3 * ringBytes)
    if (slot === undefined) throw sysError(Errno.ENOMEM, 'mmap')
    this.#slot = slot
    const [request, response, event] = this.#places as [RingPlace, RingPlace, RingPlace]
    this.#requestHeader = request.header >> 2
    try {
      this.#open(connected.request, request)
      this.#open(connected.response, response)
      this.#open(connected.event, event)
    } catch (error) {
      sharedArena().giveBack(slot)
      throw error
    }
    for (const { header } of this.#places) Atomics.add(slot.words, (header >> 2) + REFERENCES_WORD, 1)
    this.#requests = new ShmRingWriter(slot, request)
    this.#answers = new ShownRing(new ShmRingReader(slot, response))
    this.#events = new ShownRing(new ShmRingReader(slot, event))
  }

  send(
    head: Uint8Array,
    headLength: number,
    body: Uint8Array,
    bodyOffset: number,
    bodyLength: number,
    threshold: number,
  ): SendResult {
    const { words } = this.#slot
    if (Atomics.load(words, this.#requestHeader + REFERENCES_WORD) !== REFERENCES_CONNECTED) return 'lost'
    const level = Atomics.load(words, this.#requestHeader + LEVEL_WORD)
    if (level > 0 && level <= threshold) return 'busy'
    switch (this.#requests.write(head, 0, headLength, body, bodyOffset, bodyLength)) {
      case 'written':
        return this.#knock()
      case 'full':
        return 'busy'
      case 'long':
        throw new IpcError(Errno.EMSGSIZE, `a message of ${headLength + bodyLength} bytes`)
      case 'invalid':
        throw new IpcError(Errno.EBADMSG, 'the daemon has written a position outside of its ring')
    }
  }

  awaitRoom(): boolean {
    return false
  }

  takeAnswer(waitUs: number): ShownMessage | undefined {
    return this.#answers.take(waitUs)
  }

  releaseAnswer(): void {
    this.#answers.release()
  }

  takeEvent(): ShownMessage | undefined {
    return this.#events.take(0)
  }

  releaseEvent(): void {
    this.#events.release()
  }

  close(serverGone: boolean): void {
    sharedArena().giveBack(this.#slot)
    if (serverGone) removeFiles(this.#files)
  }

  /** Maps both files of a ring; the path of the data is in the header. */
  #open(name: string, place: RingPlace): void {
    const { words, bytes } = this.#slot
    const headerPath = `${name}-header`
    withFile(headerPath, HEADER_MIN_BYTES, fd => this.#slot.map(place.header, RingHeader.bytes, fd))
    const wordSize = words[(place.header >> 2) + WORD_SIZE_WORD]!
    if (wordSize * 4 !== place.dataBytes) throw new IpcError(Errno.EBADMSG, `${headerPath} has ${wordSize} words`)
    const dataPath = getString(bytes, place.header + RingHeader.dataPath)
    withFile(dataPath, place.dataBytes, fd => {
      // A page that the file system has no room for cannot be written later.
      const failure = native().posix_fallocate(fd, 0, place.dataBytes)
      if (failure !== 0) throw sysError(failure, 'posix_fallocate')
      this.#slot.map(place.data, place.dataBytes, fd)
      this.#slot.map(place.data + place.dataBytes, place.dataBytes, fd)
    })
    this.#files.push(dataPath, headerPath)
  }
}

/** A ring that the program reads. */
class ShownRing implements ShownMessage {
  readonly #ring: ShmRingReader
  readonly buf: Uint8Array
  off = 0
  len = 0

  constructor(ring: ShmRingReader) {
    this.#ring = ring
    this.buf = ring.bytes
  }

  /** Throws IpcError when the ring is broken. */
  take(waitUs: number): this | undefined {
    const found = waitUs === 0 ? this.#ring.next() : this.#ring.nextWithin(waitUs)
    if (found === 'none') return undefined
    if (found !== 'message') throw broken(found)
    this.off = this.#ring.off
    this.len = this.#ring.len
    return this
  }

  release(): void {
    this.#ring.reclaim()
  }
}

function broken(fault: RingFault): IpcError {
  return new IpcError(Errno.EBADMSG, `the daemon has left ${fault}`)
}

function withFile(path: string, minBytes: number, use: (fd: number) => void): void {
  if (!path.startsWith('/')) throw new IpcError(Errno.EBADMSG, `'${path}' is not the path of a file`)
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(fd)
    if (size < minBytes) throw new IpcError(Errno.EBADMSG, `${path} has ${size} bytes`)
    use(fd)
  } finally {
    closeSync(fd)
  }
}

/** The files of a server that has died, and their directory. */
function removeFiles(files: readonly string[]): void {
  for (const file of files) quietly(() => unlinkSync(file))
  const [first] = files
  if (first !== undefined) quietly(() => rmdirSync(dirname(first)))
}

/** What is gone already, or belongs to somebody else, is not ours to remove. */
function quietly(remove: () => void): void {
  try {
    remove()
  } catch {}
}
