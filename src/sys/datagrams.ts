// Datagrams in bulk: one sendmsg for a run of equal-sized segments (UDP_SEGMENT), one recvmmsg for whatever waits in a
// socket, each message possibly many datagrams that the kernel joined (UDP_GRO). All structures are laid out once;
// calls only change lengths and pointers.

import { LAYOUT, Socket, SocketOption } from './layout.js'
import { errno, type Native, NativeMemory, native } from './native.js'
import { SOCKADDR_SIZE } from './sockaddr.js'

const { msghdr, mmsghdr, iovec, cmsghdr } = LAYOUT

/** The largest datagram, joined or not, that UDP can carry. */
export const DATAGRAM_SIZE_MAX = 65536

export class DatagramSender {
  /** Where callers put what they send. */
  readonly slab: NativeMemory
  readonly #addresses: NativeMemory
  readonly #lengths: Uint8Array
  readonly #header: NativeMemory
  readonly #libc: Native
  readonly #iov = msghdr.size
  readonly #control = msghdr.size + iovec.size

  /** Destinations are socket addresses at fixed places, SOCKADDR_SIZE bytes each, so that a send only names one. */
  constructor(slab: NativeMemory, addresses: NativeMemory, lengths: Uint8Array) {
    this.slab = slab
    this.#addresses = addresses
    this.#lengths = lengths
    this.#libc = native()
    const header = new NativeMemory(msghdr.size + iovec.size + LAYOUT.cmsgSpaceInt)
    header.setPointer(msghdr.iov, header.address + this.#iov)
    header.setSize(msghdr.iovLength, 1)
    header.setPointer(msghdr.control, header.address + this.#control)
    header.setSize(this.#control + cmsghdr.length, cmsghdr.data + 2)
    header.words[(this.#control + cmsghdr.level) >> 2] = SocketOption.SOL_UDP
    header.words[(this.#control + cmsghdr.type) >> 2] = SocketOption.UDP_SEGMENT
    this.#header = header
  }

  /**
   * Sends `length` bytes of the slab to the address at a place, cut by the kernel into datagrams of `segment` bytes
   * (0: one datagram). 0, or the error number negated.
   */
  send(fd: number, place: number, offset: number, length: number, segment: number): number {
    const header = this.#header
    header.setPointer(msghdr.name, this.#addresses.address + place * SOCKADDR_SIZE)
    header.words[msghdr.nameLength >> 2] = this.#lengths[place]!
    header.setPointer(this.#iov + iovec.base, this.slab.address + offset)
    header.words[(this.#iov + iovec.length) >> 2] = length
    header.words[msghdr.controlLength >> 2] = segment === 0 ? 0 : LAYOUT.cmsgSpaceInt
    header.words[(this.#control + cmsghdr.data) >> 2] = segment
    const sent = this.#libc.sendmsg(fd, header.pointer, Socket.MSG_NOSIGNAL)
    return sent < 0 ? -errno() : 0
  }
}

/** A batch of received messages. One batch serves any number of sockets, one after the other. */
export class ReceiveBatch {
  readonly size: number
  readonly slab: NativeMemory
  /** Source socket addresses, SOCKADDR_STRIDE bytes apart. */
  readonly sources: NativeMemory
  readonly #slot: number
  readonly #headers: NativeMemory
  readonly #controls: NativeMemory
  readonly #libc: Native
  #received = 0

  /** `slotSize`: bytes kept of each message; the rest is cut off. */
  constructor(size: number, slotSize = DATAGRAM_SIZE_MAX) {
    this.size = size
    this.#slot = slotSize
    this.#libc = native()
    this.slab = new NativeMemory(size * slotSize)
    this.sources = new NativeMemory(size * SOCKADDR_STRIDE)
    this.#controls = new NativeMemory(size * CONTROL_SIZE)
    this.#headers = new NativeMemory(size * (mmsghdr.size + iovec.size))
    for (let i = 0; i < size; i++) {
      const at = i * mmsghdr.size
      const iov = size * mmsghdr.size + i * iovec.size
      this.#headers.setPointer(at + msghdr.name, this.sources.address + i * SOCKADDR_STRIDE)
      this.#headers.setPointer(at + msghdr.iov, this.#headers.address + iov)
      this.#headers.setSize(at + msghdr.iovLength, 1)
      this.#headers.setPointer(at + msghdr.control, this.#controls.address + i * CONTROL_SIZE)
      this.#headers.setPointer(iov + iovec.base, this.slab.address + i * slotSize)
      this.#headers.setSize(iov + iovec.length, slotSize)
      this.#prepare(i)
    }
  }

  /** Takes what waits, without waiting; the number of messages, or the error number negated (EAGAIN: none). */
  receive(fd: number): number {
    // The kernel wrote over the room it was told of.
    for (let i = 0; i < this.#received; i++) this.#prepare(i)
    this.#received = 0
    // With MSG_TRUNC the length reported is that of the message, even where the slot held less.
    const flags = Socket.MSG_DONTWAIT | Socket.MSG_TRUNC
    const count = this.#libc.recvmmsg(fd, this.#headers.pointer, this.size, flags, null)
    if (count < 0) return -errno()
    this.#received = count
    return count
  }

  /** Size of the datagrams that the kernel joined into this message (the last may be shorter); 0: it is one datagram. */
  segmentOf(index: number): number {
    const at = index * mmsghdr.size
    // One control message at most is enabled on our sockets.
    if (this.#headers.words[(at + msghdr.controlLength) >> 2]! < cmsghdr.data + 4) return 0
    const control = (index * CONTROL_SIZE) >> 2
    const found = this.#controls.words
    if (found[control + (cmsghdr.level >> 2)] !== SocketOption.SOL_UDP) return 0
    if (found[control + (cmsghdr.type >> 2)] !== SocketOption.UDP_GRO) return 0
    return found[control + (cmsghdr.data >> 2)]!
  }

  offset(index: number): number {
    return index * this.#slot
  }

  /** Length of the message, which is more than the slot holds when it was cut off. */
  length(index: number): number {
    return this.#headers.words[(index * mmsghdr.size + mmsghdr.length) >> 2]!
  }

  /** Whether the message was longer than its slot. */
  truncated(index: number): boolean {
    return this.length(index) > this.#slot
  }

  sourceOffset(index: number): number {
    return index * SOCKADDR_STRIDE
  }

  #prepare(index: number): void {
    const at = index * mmsghdr.size
    this.#headers.words[(at + msghdr.nameLength) >> 2] = SOCKADDR_STRIDE
    this.#headers.words[(at + msghdr.controlLength) >> 2] = CONTROL_SIZE
  }
}

const SOCKADDR_STRIDE = 32
const CONTROL_SIZE = 32
