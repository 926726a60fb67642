// A connection over datagram sockets, the program's end (spec: ipc 8): one socket for requests and answers, one for events, a
// file with the level of flow control. In: names from the handshake. Out: messages. One datagram is one message.

import { closeSync, constants, fstatSync, openSync, rmdirSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ArenaSlot, pageSize, sharedArena } from '../sys/arena.js'
import { Errno } from '../sys/errno.js'
import { closeFd } from '../sys/eventfd.js'
import { sysError } from '../sys/native.js'
import {
  bindDatagram,
  connectDatagram,
  datagramLimit,
  isRetry,
  PollFor,
  SocketBuffer,
  waitReady,
} from '../sys/unix-socket.js'
import { type Connected, ControlFile, RequestHeader } from '../wire/ipc-transport.js'
import type { ClientTransport, SendResult, ShownMessage } from './client-transport.js'
import { copyBytes } from './copy.js'
import { DatagramWatch } from './datagram-watch.js'
import { IpcError } from './errors.js'

const LEVEL_WORD = ControlFile.level >> 2
const REQUESTS_WORD = ControlFile.requests >> 2
const RESPONSES_WORD = ControlFile.responses >> 2
const EVENTS_WORD = ControlFile.events >> 2

/**
 * For what is copied at once, whichever connection it belongs to: requests, and answers. Events have a buffer per connection,
 * because who gets one may use other connections before it is done with it.
 */
const shared: { requests: SocketBuffer | undefined; answers: SocketBuffer | undefined } = {
  requests: undefined,
  answers: undefined,
}

function atLeast(buffer: SocketBuffer | undefined, bytes: number): SocketBuffer {
  return buffer !== undefined && buffer.memory.bytes.length >= bytes ? buffer : new SocketBuffer(bytes)
}

export class DatagramClientTransport implements ClientTransport {
  readonly maxMessage: number
  readonly #control: ArenaSlot
  readonly #controlPath: string
  readonly #requests: SocketBuffer
  readonly #answers: SocketBuffer
  readonly #events: SocketBuffer
  readonly #requestFd: number
  readonly #eventFd: number
  readonly #watch: DatagramWatch

  /** `readable`: there are events. Throws IpcError, SysError or an error of node:fs; nothing is left then. */
  constructor(connected: Connected, readable: () => void) {
    const base = connected.response
    this.#controlPath = connected.request
    this.#control = openControl(connected.request)
    const opened: number[] = []
    try {
      this.#requestFd = openSocket(`${base}-response`, `${base}-request`, connected.maxMessage)
      opened.push(this.#requestFd)
      this.#eventFd = openSocket(`${base}-event`, `${base}-event-tx`, connected.maxMessage)
      opened.push(this.#eventFd)
      // An ordinary user gets less room than the daemon thinks.
      this.maxMessage = Math.min(connected.maxMessage, datagramLimit(this.#requestFd))
      this.#watch = DatagramWatch.open(this.#eventFd, readable)
    } catch (error) {
      for (const fd of opened) closeFd(fd)
      sharedArena().giveBack(this.#control)
      throw error
    }
    const { maxMessage } = connected
    this.#requests = shared.requests = atLeast(shared.requests, maxMessage)
    this.#answers = shared.answers = atLeast(shared.answers, maxMessage)
    this.#events = new SocketBuffer(maxMessage)
  }

  send(
    head: Uint8Array,
    headLength: number,
    body: Uint8Array,
    bodyOffset: number,
    bodyLength: number,
    threshold: number,
  ): SendResult {
    const level = Atomics.load(this.#control.words, LEVEL_WORD)
    if (level > 0 && level <= threshold) return 'busy'
    const { bytes } = this.#requests.memory
    copyBytes(bytes, 0, head, 0, headLength)
    copyBytes(bytes, headLength, body, bodyOffset, bodyLength)
    const sent = this.#requests.send(this.#requestFd, headLength + bodyLength)
    if (sent < 0) return isRetry(sent) ? 'busy' : 'lost'
    this.#count(REQUESTS_WORD, 1)
    return 'sent'
  }

  awaitRoom(waitUs: number): boolean {
    return waitReady(this.#requestFd, PollFor.WRITING, waitUs)
  }

  takeAnswer(waitUs: number): ShownMessage | undefined {
    if (waitUs > 0 && !waitReady(this.#requestFd, PollFor.READING, waitUs)) return undefined
    return this.#take(this.#requestFd, this.#answers, RESPONSES_WORD)
  }

  releaseAnswer(): void {}

  takeEvent(): ShownMessage | undefined {
    const event = this.#take(this.#eventFd, this.#events, EVENTS_WORD)
    if (event === undefined) this.#watch.rearm()
    return event
  }

  releaseEvent(): void {}

  close(): void {
    this.#watch.close()
    closeFd(this.#requestFd)
    closeFd(this.#eventFd)
    sharedArena().giveBack(this.#control)
    // The program's to remove, whoever is left (spec: ipc 10.5); the server may have been faster.
    for (const remove of [() => unlinkSync(this.#controlPath), () => rmdirSync(dirname(this.#controlPath))]) {
      try {
        remove()
      } catch {}
    }
  }

  #take(fd: number, buffer: SocketBuffer, counter: number): ShownMessage | undefined {
    const { bytes, view } = buffer.memory
    const length = buffer.receive(fd, bytes.length)
    // Sockets that nobody is connected to any more say so; the stream's end will say it, too.
    if (length < 0) return undefined
    this.#count(counter, -1)
    if (length < RequestHeader.bytes || length > bytes.length) {
      throw new IpcError(Errno.EBADMSG, `the daemon has sent a message of ${length} bytes`)
    }
    const size = view.getInt32(RequestHeader.size, true)
    if (size < RequestHeader.bytes || size > length) {
      throw new IpcError(Errno.EBADMSG, `the daemon has sent ${length} bytes as a message of ${size}`)
    }
    return { buf: bytes, off: 0, len: size }
  }

  /** The counters tell libqb how much is under way; nothing here depends on them. */
  #count(word: number, change: number): void {
    Atomics.add(this.#control.words, word, change)
  }
}

function openControl(path: string): ArenaSlot {
  if (!path.startsWith('/')) throw new IpcError(Errno.EBADMSG, `'${path}' is not the path of a file`)
  const slot = sharedArena().take(pageSize())
  if (slot === undefined) throw sysError(Errno.ENOMEM, 'mmap')
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      const { size } = fstatSync(fd)
      if (size < ControlFile.bytes) throw new IpcError(Errno.EBADMSG, `${path} has ${size} bytes`)
      slot.map(0, ControlFile.bytes, fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    sharedArena().giveBack(slot)
    throw error
  }
  return slot
}

function openSocket(own: string, other: string, bytes: number): number {
  const fd = bindDatagram(own, bytes)
  const refused = connectDatagram(fd, other)
  if (refused === 0) return fd
  closeFd(fd)
  throw sysError(-refused, 'connect')
}
