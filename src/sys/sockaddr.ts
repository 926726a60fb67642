// Socket addresses as bytes (struct sockaddr_in, sockaddr_in6). Pure; ports and addresses are in network order there.

import { LAYOUT, Socket } from './layout.js'

/** Room for either family. */
export const SOCKADDR_SIZE = LAYOUT.sockaddrIn6.size

/** Writes a socket address at `off`; its length. `address` has 4 or 16 bytes; `scope` is an interface index or 0. */
export function encodeSockaddr(into: Uint8Array, off: number, address: Uint8Array, port: number, scope = 0): number {
  const view = new DataView(into.buffer, into.byteOffset)
  if (address.length === 4) {
    into.fill(0, off, off + LAYOUT.sockaddrIn.size)
    view.setUint16(off, Socket.AF_INET, true)
    view.setUint16(off + LAYOUT.sockaddrIn.port, port)
    into.set(address, off + LAYOUT.sockaddrIn.address)
    return LAYOUT.sockaddrIn.size
  }
  into.fill(0, off, off + LAYOUT.sockaddrIn6.size)
  view.setUint16(off, Socket.AF_INET6, true)
  view.setUint16(off + LAYOUT.sockaddrIn6.port, port)
  into.set(address, off + LAYOUT.sockaddrIn6.address)
  view.setUint32(off + LAYOUT.sockaddrIn6.scope, scope, true)
  return LAYOUT.sockaddrIn6.size
}

/** Where the address bytes are in a socket address at `off`, or -1 when the family is neither IPv4 nor IPv6. */
export function sockaddrAddressOffset(bytes: Uint8Array, off: number): number {
  const family = bytes[off]! | (bytes[off + 1]! << 8)
  if (family === Socket.AF_INET) return off + LAYOUT.sockaddrIn.address
  if (family === Socket.AF_INET6) return off + LAYOUT.sockaddrIn6.address
  return -1
}

export function sockaddrPort(bytes: Uint8Array, off: number): number {
  return (bytes[off + LAYOUT.sockaddrIn.port]! << 8) | bytes[off + LAYOUT.sockaddrIn.port + 1]!
}
