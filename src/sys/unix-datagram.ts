// Datagrams to a local socket by its path: the system's log and the service manager listen on such, and node cannot
// send them. Never blocks: a full receiver loses the datagram.
// In: a path ('@name' is the abstract name space), text. Out: whether it was taken.

import { closeSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load(null)
const socket = libc.func('int socket(int domain, int type, int protocol)')
const connect = libc.func('int connect(int fd, const void *address, uint32_t length)')
const send = libc.func('long send(int fd, const void *bytes, size_t length, int flags)')

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const MSG_NOSIGNAL = 0x4000
/** sockaddr_un: u16 family, then the path with its NUL. */
const PATH_OFFSET = 2
const PATH_BYTES_MAX = 108

export class UnixDatagramSocket {
  readonly #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** Undefined when nobody listens there, or the path is too long to be one. */
  static connect(path: string): UnixDatagramSocket | undefined {
    const name = Buffer.from(path)
    if (name.length === 0 || name.length >= PATH_BYTES_MAX) return undefined
    const abstract = path.startsWith('@')
    const address = Buffer.alloc(PATH_OFFSET + name.length + (abstract ? 0 : 1))
    address.writeUInt16LE(AF_UNIX)
    name.copy(address, PATH_OFFSET)
    if (abstract) address[PATH_OFFSET] = 0
    const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if (fd < 0) return undefined
    if (connect(fd, address, address.length) !== 0) {
      closeSync(fd)
      return undefined
    }
    return new UnixDatagramSocket(fd)
  }

  send(text: string): boolean {
    const bytes = Buffer.from(text)
    return send(this.#fd, bytes, bytes.length, MSG_NOSIGNAL) === bytes.length
  }

  close(): void {
    closeSync(this.#fd)
  }
}
