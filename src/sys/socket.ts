// A UDP socket and its options. Addresses are bytes made with sockaddr.ts. Sending and receiving in bulk is datagrams.ts.

import { Socket, SocketOption } from './layout.js'
import { check, NativeMemory, native } from './native.js'
import { encodeSockaddr, SOCKADDR_SIZE } from './sockaddr.js'

export class UdpSocket {
  readonly fd: number
  readonly family: 4 | 6
  readonly #scratch = new NativeMemory(64)
  #closed = false

  /** A non-blocking, close-on-exec socket. */
  constructor(family: 4 | 6) {
    this.family = family
    const domain = family === 4 ? Socket.AF_INET : Socket.AF_INET6
    this.fd = check(native().socket(domain, Socket.DGRAM | Socket.NONBLOCK | Socket.CLOEXEC, 0), 'socket')
  }

  /** `scope`: interface index for link-local IPv6 addresses. */
  bind(address: Uint8Array, port: number, scope = 0): void {
    const length = encodeSockaddr(this.#scratch.bytes, 0, address, port, scope)
    check(native().bind(this.fd, this.#scratch.pointer, length), 'bind')
  }

  /** The port the socket is bound to. */
  get port(): number {
    this.#scratch.words[8] = SOCKADDR_SIZE
    check(native().getsockname(this.fd, this.#scratch.pointer, this.#scratch.pointer + 32n), 'getsockname')
    return (this.#scratch.bytes[2]! << 8) | this.#scratch.bytes[3]!
  }

  setInt(level: number, name: number, value: number): void {
    this.#scratch.view.setInt32(0, value, true)
    check(native().setsockopt(this.fd, level, name, this.#scratch.pointer, 4), 'setsockopt')
  }

  /** As setInt; false where the kernel or the permissions do not allow it. */
  trySetInt(level: number, name: number, value: number): boolean {
    this.#scratch.view.setInt32(0, value, true)
    return native().setsockopt(this.fd, level, name, this.#scratch.pointer, 4) === 0
  }

  getInt(level: number, name: number): number {
    this.#scratch.words[8] = 4
    check(native().getsockopt(this.fd, level, name, this.#scratch.pointer, this.#scratch.pointer + 32n), 'getsockopt')
    return this.#scratch.view.getInt32(0, true)
  }

  /** Asks for buffer space beyond the system's limit, within it where that is not allowed; the bytes granted. */
  growReceiveBuffer(bytes: number): number {
    return this.#grow(SocketOption.SO_RCVBUFFORCE, SocketOption.SO_RCVBUF, bytes)
  }

  growSendBuffer(bytes: number): number {
    return this.#grow(SocketOption.SO_SNDBUFFORCE, SocketOption.SO_SNDBUF, bytes)
  }

  /** Multicasts leave through this interface, `hops` far, and do not come back to this host. */
  sendMulticastThrough(address: Uint8Array, interfaceIndex: number, hops: number): void {
    if (this.family === 4) {
      this.#setMembership(SocketOption.IP_MULTICAST_IF, undefined, address, interfaceIndex)
      this.setInt(SocketOption.SOL_IP, SocketOption.IP_MULTICAST_TTL, hops)
      this.setInt(SocketOption.SOL_IP, SocketOption.IP_MULTICAST_LOOP, 0)
    } else {
      this.setInt(SocketOption.SOL_IPV6, SocketOption.IPV6_MULTICAST_IF, interfaceIndex)
      this.setInt(SocketOption.SOL_IPV6, SocketOption.IPV6_MULTICAST_HOPS, hops)
      this.setInt(SocketOption.SOL_IPV6, SocketOption.IPV6_MULTICAST_LOOP, 0)
    }
  }

  /** Receives what is sent to `group` on this interface, and no group that another program joined. */
  joinGroup(group: Uint8Array, address: Uint8Array, interfaceIndex: number): void {
    if (this.family === 4) {
      this.trySetInt(SocketOption.SOL_IP, SocketOption.IP_MULTICAST_ALL, 0)
      this.#setMembership(SocketOption.IP_ADD_MEMBERSHIP, group, address, interfaceIndex)
    } else {
      this.trySetInt(SocketOption.SOL_IPV6, SocketOption.IPV6_MULTICAST_ALL, 0)
      // struct ipv6_mreq: group, interface index.
      this.#scratch.bytes.set(group, 0)
      this.#scratch.view.setUint32(16, interfaceIndex, true)
      const pointer = this.#scratch.pointer
      check(
        native().setsockopt(this.fd, SocketOption.SOL_IPV6, SocketOption.IPV6_JOIN_GROUP, pointer, 20),
        'setsockopt',
      )
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    native().close(this.fd)
  }

  /** struct ip_mreqn: group, local address, interface index. */
  #setMembership(name: number, group: Uint8Array | undefined, address: Uint8Array, interfaceIndex: number): void {
    this.#scratch.bytes.fill(0, 0, 12)
    if (group !== undefined) this.#scratch.bytes.set(group, 0)
    this.#scratch.bytes.set(address, 4)
    this.#scratch.view.setUint32(8, interfaceIndex, true)
    check(native().setsockopt(this.fd, SocketOption.SOL_IP, name, this.#scratch.pointer, 12), 'setsockopt')
  }

  #grow(force: number, ordinary: number, bytes: number): number {
    if (!this.trySetInt(SocketOption.SOL_SOCKET, force, bytes)) this.trySetInt(SocketOption.SOL_SOCKET, ordinary, bytes)
    // The kernel reports twice what it granted, its own bookkeeping included.
    return this.getInt(SocketOption.SOL_SOCKET, ordinary) / 2
  }
}
