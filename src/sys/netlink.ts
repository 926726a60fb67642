// The host's addresses and the state of the interfaces that carry them, from rtnetlink: a list on request and a
// descriptor that becomes readable when something about them changed. Unlike node:os this also shows an interface's
// administrative state apart from its cable.

import { Errno } from './errno.js'
import { Socket } from './layout.js'
import { check, errno, NativeMemory, native, sysError } from './native.js'

export interface InterfaceAddress {
  readonly name: string
  readonly index: number
  /** Administratively up (IFF_UP); a cable that is out does not count. */
  readonly up: boolean
  readonly family: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly prefixLength: number
}

const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_GETADDR = 22
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST_DUMP = 0x301
/** RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR */
const GROUPS = 0x1 | 0x10 | 0x100
const IFF_UP = 0x1
const IFLA_IFNAME = 3
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8
/** An IPv6 address still being checked for duplicates cannot be bound to. */
const IFA_F_TENTATIVE = 0x40

const HEADER = 16
const LINK_MESSAGE = 16
const ADDRESS_MESSAGE = 8
/** What the kernel fills per read of a dump at most. */
const BUFFER_SIZE = 32768
/** Interfaces and addresses kept of one host; more are ignored. */
const ENTRIES_MAX = 65536
/** Set on messages of a dump during which something changed: it may be incomplete. */
const NLM_F_DUMP_INTR = 0x10
/** An interrupted dump is asked for again this often. */
const DUMP_ATTEMPTS_MAX = 5

interface Link {
  readonly name: string
  readonly up: boolean
}

/** What is being read of the kernel's answers. Pure. */
export class InterfaceDump {
  readonly #links = new Map<number, Link>()
  readonly #addresses: Omit<InterfaceAddress, 'name' | 'up'>[] = []
  /** Something changed while the kernel wrote: ask again. */
  interrupted = false

  /** Takes one read's worth of messages; false at the end of the answer. */
  read(bytes: Uint8Array, length: number): boolean {
    const view = new DataView(bytes.buffer, bytes.byteOffset, length)
    let at = 0
    while (at + HEADER <= length) {
      const size = view.getUint32(at, true)
      const type = view.getUint16(at + 4, true)
      if ((view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) !== 0) this.interrupted = true
      if (type === NLMSG_DONE || type === NLMSG_ERROR || size < HEADER || at + size > length) return false
      if (type === RTM_NEWLINK && size >= HEADER + LINK_MESSAGE) this.#readLink(bytes, view, at, at + size)
      else if (type === RTM_NEWADDR && size >= HEADER + ADDRESS_MESSAGE) this.#readAddress(bytes, view, at, at + size)
      at += (size + 3) & ~3
    }
    return true
  }

  list(): InterfaceAddress[] {
    return this.#addresses.map(entry => {
      const link = this.#links.get(entry.index)
      return { ...entry, name: link?.name ?? '', up: link?.up ?? false }
    })
  }

  #readLink(bytes: Uint8Array, view: DataView, at: number, end: number): void {
    if (this.#links.size >= ENTRIES_MAX) return
    const index = view.getInt32(at + HEADER + 4, true)
    const up = (view.getUint32(at + HEADER + 8, true) & IFF_UP) !== 0
    let name = ''
    forEachAttribute(view, at + HEADER + LINK_MESSAGE, end, (kind, off, len) => {
      if (kind === IFLA_IFNAME) name = new TextDecoder().decode(bytes.subarray(off, off + Math.max(len - 1, 0)))
    })
    this.#links.set(index, { name, up })
  }

  #readAddress(bytes: Uint8Array, view: DataView, at: number, end: number): void {
    if (this.#addresses.length >= ENTRIES_MAX) return
    const family = bytes[at + HEADER]!
    const prefixLength = bytes[at + HEADER + 1]!
    let flags = bytes[at + HEADER + 2]!
    const index = view.getUint32(at + HEADER + 4, true)
    const wanted = family === Socket.AF_INET ? 4 : family === Socket.AF_INET6 ? 16 : 0
    let address: Uint8Array | undefined
    let local: Uint8Array | undefined
    forEachAttribute(view, at + HEADER + ADDRESS_MESSAGE, end, (kind, off, len) => {
      if (kind === IFA_FLAGS && len >= 4) flags = view.getUint32(off, true)
      if (len !== wanted) return
      // On point-to-point links IFA_ADDRESS is the other end.
      if (kind === IFA_LOCAL) local = bytes.slice(off, off + len)
      if (kind === IFA_ADDRESS) address = bytes.slice(off, off + len)
    })
    const own = local ?? address
    if (own !== undefined && (flags & IFA_F_TENTATIVE) === 0) {
      this.#addresses.push({ index, family: wanted === 4 ? 4 : 6, address: own, prefixLength })
    }
  }
}

function forEachAttribute(
  view: DataView,
  from: number,
  end: number,
  visit: (kind: number, off: number, len: number) => void,
): void {
  let at = from
  while (at + 4 <= end) {
    const size = view.getUint16(at, true)
    if (size < 4 || at + size > end) return
    visit(view.getUint16(at + 2, true), at + 4, size - 4)
    at += (size + 3) & ~3
  }
}

export class InterfaceMonitor {
  /** Readable when an interface or an address changed. */
  readonly fd: number
  readonly #dump: number
  readonly #memory = new NativeMemory(BUFFER_SIZE)

  constructor() {
    this.fd = openNetlink(GROUPS)
    this.#dump = openNetlink(0)
  }

  /** Takes the notifications that wait. What they say is not read: ask for the list. */
  drain(): void {
    const libc = native()
    // Bounded: a storm of notifications must not hold the loop; what is left makes the descriptor readable again.
    for (let i = 0; i < 256; i++) {
      if (libc.recv(this.fd, this.#memory.pointer, BUFFER_SIZE, Socket.MSG_DONTWAIT) < 0) {
        // ENOBUFS says that notifications were lost; there may be more behind it.
        if (errno() !== Errno.ENOBUFS) return
      }
    }
  }

  list(): InterfaceAddress[] {
    for (let attempt = 1; ; attempt++) {
      const dump = new InterfaceDump()
      this.#request(RTM_GETLINK, dump)
      this.#request(RTM_GETADDR, dump)
      // A list with a hole would make a healthy link look down.
      if (!dump.interrupted || attempt === DUMP_ATTEMPTS_MAX) return dump.list()
    }
  }

  close(): void {
    native().close(this.fd)
    native().close(this.#dump)
  }

  #request(type: number, dump: InterfaceDump): void {
    const libc = native()
    const { bytes, view, pointer } = this.#memory
    const size = HEADER + LINK_MESSAGE
    bytes.fill(0, 0, size)
    view.setUint32(0, size, true)
    view.setUint16(4, type, true)
    view.setUint16(6, NLM_F_REQUEST_DUMP, true)
    check(libc.send(this.#dump, pointer, size, 0), 'send(netlink)')
    for (;;) {
      // The kernel writes a dump while it is read, so there is never anything to wait for.
      const length = libc.recv(this.#dump, pointer, BUFFER_SIZE, Socket.MSG_DONTWAIT)
      if (length < 0) {
        const reason = errno()
        if (reason === Errno.EINTR) continue
        if (reason === Errno.EAGAIN) return
        throw sysError(reason, 'recv(netlink)')
      }
      if (!dump.read(bytes, length)) return
    }
  }
}

function openNetlink(groups: number): number {
  const libc = native()
  const fd = check(libc.socket(Socket.AF_NETLINK, Socket.RAW | Socket.NONBLOCK | Socket.CLOEXEC, 0), 'socket(netlink)')
  // struct sockaddr_nl: family, padding, port id (0: the kernel chooses), groups.
  const address = new NativeMemory(16)
  address.view.setUint16(0, Socket.AF_NETLINK, true)
  address.view.setUint32(8, groups, true)
  if (libc.bind(fd, address.pointer, 12) < 0) {
    const reason = errno()
    libc.close(fd)
    throw sysError(reason, 'bind(netlink)')
  }
  return fd
}
