// A connection over datagram sockets, the server's end (spec: ipc 8): one socket for requests and answers, one for
// events, a file of six words with the flow-control level. In: credentials, sizes. Out: a channel. One datagram is one
// message. Abstract names have no owner: who sends a request is looked at for each.

import { closeSync } from 'node:fs'
import { type Arena, type ArenaSlot, pageSize, sharedArena } from '../sys/arena.js'
import { Errno } from '../sys/errno.js'
import { closeFd } from '../sys/eventfd.js'
import { sysError } from '../sys/native.js'
import { bindDatagram, CredentialReceiver, connectDatagram, isRetry, SocketBuffer } from '../sys/unix-socket.js'
import { type Connected, ConnectionType, ControlFile, RequestHeader } from '../wire/ipc-transport.js'
import type { Channel, ChannelOptions, SendResult } from './channel.js'
import { copyBytes } from './copy.js'
import { controlName, socketsName } from './names.js'
import type { PrivateDirectory } from './private-directory.js'

const LEVEL_WORD = ControlFile.level >> 2
const REQUESTS_WORD = ControlFile.requests >> 2
const RESPONSES_WORD = ControlFile.responses >> 2
const EVENTS_WORD = ControlFile.events >> 2
/** Datagrams of strangers thrown away per look; more are thrown away at the next. */
const STRANGERS_PER_LOOK = 16
const NOTHING = new Uint8Array(0)

/** Shared by all connections of this thread, as one message is handled at a time; as large as the largest agreed size. */
const buffers: { size: number; receiver: CredentialReceiver | undefined; sender: SocketBuffer | undefined } = {
  size: 0,
  receiver: undefined,
  sender: undefined,
}

function growBuffers(size: number): void {
  if (size <= buffers.size) return
  buffers.size = size
  buffers.receiver = new CredentialReceiver(size)
  buffers.sender = new SocketBuffer(size)
}

export class SocketChannel implements Channel {
  readonly connected: Connected
  readonly requestFd: number
  readonly notifiesByStream = false
  bytes: Uint8Array = NOTHING
  off = 0
  len = 0
  fault: string | undefined
  readonly #directory: PrivateDirectory
  readonly #arena: Arena
  readonly #control: ArenaSlot
  readonly #eventFd: number
  readonly #name: string
  readonly #uid: number
  readonly #maxMessage: number
  #requestConnected = false
  #eventConnected = false
  /** `bytes` is a copy of a request that is to be shown again. */
  #kept = false

  /** Throws SysError or an error of node:fs; whatever was made is gone then, except for the directory. */
  constructor(options: ChannelOptions) {
    const { directory, service, program, maxMessage, serial } = options
    growBuffers(maxMessage)
    this.#directory = directory
    this.#uid = program.uid
    this.#maxMessage = maxMessage
    this.#arena = sharedArena()
    const control = this.#arena.take(pageSize())
    if (control === undefined) throw sysError(Errno.ENOMEM, 'mmap')
    this.#control = control
    const controlPath = controlName(directory.path, service)
    this.#name = socketsName(directory.path, service)
    try {
      const fd = directory.createFile(controlPath, ControlFile.bytes, program)
      try {
        control.map(0, ControlFile.bytes, fd)
      } finally {
        closeSync(fd)
      }
      this.requestFd = bindDatagram(`${this.#name}-request`, maxMessage)
    } catch (error) {
      this.#arena.giveBack(control)
      throw error
    }
    try {
      this.#eventFd = bindDatagram(`${this.#name}-event-tx`, maxMessage)
    } catch (error) {
      closeFd(this.requestFd)
      this.#arena.giveBack(control)
      throw error
    }
    this.setLevel(options.level)
    this.connected = {
      type: ConnectionType.SOCKET,
      maxMessage,
      handle: serial,
      request: controlPath,
      response: this.#name,
      event: '',
    }
  }

  next(): boolean {
    if (this.#kept) return true
    const { receiver } = buffers
    if (receiver === undefined || this.fault !== undefined) return false
    for (let i = 0; i < STRANGERS_PER_LOOK; i++) {
      const length = receiver.receive(this.requestFd)
      if (length < 0) return false
      if (receiver.pid <= 0 || (receiver.uid !== this.#uid && receiver.uid !== 0)) continue
      this.#count(REQUESTS_WORD, -1)
      return this.#show(receiver.bytes, length)
    }
    return false
  }

  reclaim(): void {
    this.#kept = false
    this.bytes = NOTHING
  }

  unread(): void {
    if (this.#kept) return
    // The buffer is everybody's.
    this.bytes = this.bytes.slice(this.off, this.off + this.len)
    this.off = 0
    this.#kept = true
  }

  respond(buf: Uint8Array, off: number, len: number): SendResult {
    if (!this.#requestConnected) {
      if (connectDatagram(this.requestFd, `${this.#name}-response`) < 0) return 'failed'
      this.#requestConnected = true
    }
    return this.#send(this.requestFd, RESPONSES_WORD, buf, off, len, NOTHING, 0, 0)
  }

  notify(
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): SendResult {
    if (!this.#eventConnected) {
      // Programs bind their socket after the handshake: until then events wait.
      if (connectDatagram(this.#eventFd, `${this.#name}-event`) < 0) return 'full'
      this.#eventConnected = true
    }
    return this.#send(this.#eventFd, EVENTS_WORD, head, headOff, headLen, body, bodyOff, bodyLen)
  }

  setLevel(level: number): void {
    const before = this.#arena.unclaimedFaults
    Atomics.store(this.#control.words, LEVEL_WORD, level)
    this.#claimFaults(before)
  }

  close(): void {
    closeFd(this.requestFd)
    closeFd(this.#eventFd)
    this.#directory.remove()
    this.#arena.giveBack(this.#control)
  }

  #show(bytes: Uint8Array, length: number): boolean {
    this.bytes = bytes
    this.off = 0
    this.len = 0
    if (length > this.#maxMessage || length < RequestHeader.bytes) {
      this.fault = 'sent a message of impossible length'
      return false
    }
    const at = RequestHeader.size
    const size = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    if (size < RequestHeader.bytes || size > length) {
      this.fault = 'sent a header that contradicts the length'
      return false
    }
    this.len = size
    return true
  }

  #send(
    fd: number,
    counter: number,
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): SendResult {
    const length = headLen + bodyLen
    const { sender } = buffers
    if (sender === undefined || length > this.#maxMessage) return 'failed'
    copyBytes(sender.memory.bytes, 0, head, headOff, headLen)
    copyBytes(sender.memory.bytes, headLen, body, bodyOff, bodyLen)
    const sent = sender.send(fd, length)
    if (sent < 0) {
      if (isRetry(sent)) return 'full'
      if (sent === -Errno.EMSGSIZE) this.fault ??= `cannot be sent ${length} bytes`
      return 'failed'
    }
    this.#count(counter, 1)
    return this.fault === undefined ? 'sent' : 'failed'
  }

  /** The counters tell libqb's tools how much is under way; nothing here depends on them. */
  #count(word: number, change: number): void {
    const before = this.#arena.unclaimedFaults
    Atomics.add(this.#control.words, word, change)
    this.#claimFaults(before)
  }

  #claimFaults(before: number): void {
    const found = this.#arena.unclaimedFaults - before
    if (found === 0) return
    this.#arena.claimFaults(found)
    this.fault ??= 'cut off its files'
  }
}
