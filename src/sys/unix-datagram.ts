// Datagrams to a local socket by its path: the system's log and the service manager listen on such, and node cannot
// send them. Never blocks. Each is addressed anew, so a receiver may come and go.
// In: a path ('@name' is the abstract name space), text. Out: whether it was taken.

import { Errno } from './errno.js'
import { closeFd } from './eventfd.js'
import { LAYOUT, Socket } from './layout.js'
import { check, errno, NativeMemory, native } from './native.js'

const AF_UNIX = 1
/** struct sockaddr_un: u16 family, then the path with its NUL. */
const PATH_OFFSET = 2
const PATH_BYTES_MAX = 108
/** Longer texts are cut: a log line is 511 bytes behind an envelope of some forty. */
export const UNIX_DATAGRAM_BYTES_MAX = 2048

export class UnixDatagramSender {
  readonly #fd: number
  readonly #text = new NativeMemory(UNIX_DATAGRAM_BYTES_MAX)
  readonly #message = new NativeMemory(LAYOUT.msghdr.size)
  readonly #iov = new NativeMemory(LAYOUT.iovec.size)
  /** Kept because the message points into it. */
  readonly #address = new NativeMemory(PATH_OFFSET + PATH_BYTES_MAX)

  /** Throws SysError when the process has no descriptor left, RangeError for a path that no socket can have. */
  constructor(path: string) {
    const name = Buffer.from(path)
    if (name.length === 0 || name.length >= PATH_BYTES_MAX) throw new RangeError(`not the path of a socket: ${path}`)
    this.#address.view.setUint16(0, AF_UNIX, true)
    this.#address.bytes.set(name, PATH_OFFSET)
    const abstract = path.startsWith('@')
    if (abstract) this.#address.bytes[PATH_OFFSET] = 0
    this.#iov.setPointer(LAYOUT.iovec.base, this.#text.address)
    this.#message.setPointer(LAYOUT.msghdr.name, this.#address.address)
    // The terminating NUL counts for a path; in the abstract name space every byte is part of the name.
    this.#message.setSize(LAYOUT.msghdr.nameLength, PATH_OFFSET + name.length + (abstract ? 0 : 1))
    this.#message.setPointer(LAYOUT.msghdr.iov, this.#iov.address)
    this.#message.setSize(LAYOUT.msghdr.iovLength, 1)
    this.#fd = check(native().socket(AF_UNIX, Socket.DGRAM | Socket.NONBLOCK | Socket.CLOEXEC, 0), 'socket')
  }

  /** `full`: the receiver has fallen behind, later may do. `failed`: nobody listens there, or not to this process. */
  send(text: string): 'sent' | 'full' | 'failed' {
    const { written } = new TextEncoder().encodeInto(text, this.#text.bytes)
    this.#iov.setSize(LAYOUT.iovec.length, written)
    if (native().sendmsg(this.#fd, this.#message.pointer, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL) >= 0) return 'sent'
    return errno() === Errno.EAGAIN ? 'full' : 'failed'
  }

  close(): void {
    closeFd(this.#fd)
  }
}
