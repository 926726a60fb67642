// Local sockets as libqb uses them: streams on which programs arrive, with the credentials of the sender, and pairs of
// datagram sockets. Nothing blocks. Results of calls for which failure is ordinary are error numbers, negated.

import { Errno } from './errno.js'
import { LAYOUT, Socket, SocketOption } from './layout.js'
import { check, errno, NativeMemory, native, sysError } from './native.js'

const { sockaddrUn, msghdr, iovec, cmsghdr, ucred } = LAYOUT
const SCM_CREDENTIALS = 2
const RLIMIT_NOFILE = 7
const MSG_CMSG_CLOEXEC = 0x40000000
/** CMSG_SPACE of struct ucred. Descriptors that a program sends along find no room behind it and are closed. */
const CREDENTIALS_SPACE = 32
/** Longest name: the first byte is the mark of the abstract name space, the last a NUL. */
export const ABSTRACT_NAME_MAX = 106
/** Programs that have connected and are not accepted yet (spec: ipc 3.2). */
const BACKLOG = 128
/** Notification bytes read or written by one call; more wait for the next. */
export const NOTIFICATION_BYTES_MAX = 4096

/** Where a socket is: a path, or a name that no file has. */
export interface UnixAddress {
  readonly abstract: boolean
  readonly name: string
}

interface SocketAddress {
  readonly memory: NativeMemory
  readonly length: number
}

/**
 * Throws SysError for a path that does not fit. Abstract names are cut, as libqb does, or padded with NULs, which count, to
 * the full length.
 */
function socketAddress(address: UnixAddress): SocketAddress {
  const encoded = new TextEncoder().encode(address.name)
  if (!address.abstract && encoded.length >= sockaddrUn.pathSize) throw sysError(Errno.ENAMETOOLONG, 'bind')
  const name = address.abstract ? encoded.subarray(0, ABSTRACT_NAME_MAX) : encoded
  const memory = new NativeMemory(sockaddrUn.size)
  memory.view.setUint16(0, Socket.AF_UNIX, true)
  memory.bytes.set(name, sockaddrUn.path + (address.abstract ? 1 : 0))
  return { memory, length: address.abstract ? sockaddrUn.size : sockaddrUn.path + name.length + 1 }
}

function setOption(fd: number, name: number, value: number): number {
  const memory = new NativeMemory(8)
  memory.words[0] = value
  return native().setsockopt(fd, SocketOption.SOL_SOCKET, name, memory.pointer, 4)
}

/** A listening stream socket; what is sent to those accepted carries its sender's credentials. Throws SysError. */
export function listenUnix(address: UnixAddress): number {
  const libc = native()
  const { memory, length } = socketAddress(address)
  const type = Socket.STREAM | Socket.NONBLOCK | Socket.CLOEXEC
  const fd = check(libc.socket(Socket.AF_UNIX, type, 0), 'socket')
  try {
    check(libc.bind(fd, memory.pointer, length), 'bind')
    check(setOption(fd, SocketOption.SO_PASSCRED, 1), 'setsockopt')
    check(libc.listen(fd, BACKLOG), 'listen')
  } catch (error) {
    libc.close(fd)
    throw error
  }
  return fd
}

/** A connected stream. Throws SysError: ECONNREFUSED or ENOENT when nobody listens, EAGAIN when too many wait there. */
export function connectUnix(address: UnixAddress): number {
  const libc = native()
  const { memory, length } = socketAddress(address)
  const type = Socket.STREAM | Socket.NONBLOCK | Socket.CLOEXEC
  const fd = check(libc.socket(Socket.AF_UNIX, type, 0), 'socket')
  if (libc.connect(fd, memory.pointer, length) === 0) return fd
  const reason = errno()
  libc.close(fd)
  throw sysError(reason, 'connect')
}

/** Process id of who listens at the other end of a stream; 0 when it is not to be seen from here. Throws SysError. */
export function peerPid(fd: number): number {
  // The length that is asked for stands behind the credentials.
  const memory = new NativeMemory(ucred.size + 4)
  memory.words[ucred.size >> 2] = ucred.size
  const length = memory.pointer + BigInt(ucred.size)
  check(
    native().getsockopt(fd, SocketOption.SOL_SOCKET, SocketOption.SO_PEERCRED, memory.pointer, length),
    'getsockopt',
  )
  return memory.view.getInt32(ucred.pid, true)
}

/** A descriptor, or the error number negated (EAGAIN: nobody waits). */
export function acceptUnix(listener: number): number {
  const fd = native().accept4(listener, null, null, Socket.NONBLOCK | Socket.CLOEXEC)
  return fd < 0 ? -errno() : fd
}

/** The most descriptors that this process may have open. */
export function descriptorLimit(): number {
  const limits = new NativeMemory(LAYOUT.rlimit.size)
  check(native().getrlimit(RLIMIT_NOFILE, limits.pointer), 'getrlimit')
  const [low = 0, high = 0] = limits.words
  return high === 0 ? low : Number.MAX_SAFE_INTEGER
}

/** Receives messages together with who sent them. One serves any number of sockets. */
export class CredentialReceiver {
  readonly bytes: Uint8Array
  /** Of the sender, real ids, after a receipt that returned more than zero. `pid` is 0 where the kernel told nothing. */
  pid = 0
  uid = 0
  gid = 0
  readonly #memory: NativeMemory
  readonly #data: number
  readonly #control: number

  constructor(size: number) {
    this.#control = msghdr.size + iovec.size
    this.#data = this.#control + CREDENTIALS_SPACE
    const memory = new NativeMemory(this.#data + size)
    memory.setPointer(msghdr.iov, memory.address + msghdr.size)
    memory.setSize(msghdr.iovLength, 1)
    memory.setPointer(msghdr.control, memory.address + this.#control)
    memory.setPointer(msghdr.size + iovec.base, memory.address + this.#data)
    memory.setSize(msghdr.size + iovec.length, size)
    this.#memory = memory
    this.bytes = memory.bytes.subarray(this.#data, this.#data + size)
  }

  /** Bytes received, 0 at the end of a stream, or the error number negated. Of a datagram its whole length. */
  receive(fd: number): number {
    const { view } = this.#memory
    this.#memory.setSize(msghdr.controlLength, CREDENTIALS_SPACE)
    const flags = Socket.MSG_DONTWAIT | Socket.MSG_TRUNC | MSG_CMSG_CLOEXEC
    const length = native().recvmsg(fd, this.#memory.pointer, flags)
    if (length < 0) return -errno()
    this.pid = 0
    const told = view.getUint32(msghdr.controlLength, true)
    const type = view.getUint32(this.#control + cmsghdr.type, true)
    const level = view.getUint32(this.#control + cmsghdr.level, true)
    if (told >= cmsghdr.data + ucred.size && level === SocketOption.SOL_SOCKET && type === SCM_CREDENTIALS) {
      const at = this.#control + cmsghdr.data
      this.pid = view.getInt32(at + ucred.pid, true)
      this.uid = view.getUint32(at + ucred.uid, true)
      this.gid = view.getUint32(at + ucred.gid, true)
    }
    return length
  }
}

/** No more credentials with what follows: they cost the sender and the receiver time. */
export function stopCredentials(fd: number): void {
  setOption(fd, SocketOption.SO_PASSCRED, 0)
}

/** Memory through which bytes go to and from sockets, kept for the next call. */
export class SocketBuffer {
  readonly memory: NativeMemory

  constructor(size: number) {
    this.memory = new NativeMemory(size)
  }

  /** Bytes sent, or the error number negated. A stream may take fewer. */
  send(fd: number, length: number): number {
    const sent = native().send(fd, this.memory.pointer, length, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL)
    return sent < 0 ? -errno() : sent
  }

  /** Bytes received, 0 at the end of a stream, or the error number negated. Of a datagram, its whole length. */
  receive(fd: number, length: number): number {
    const received = native().recv(fd, this.memory.pointer, length, Socket.MSG_DONTWAIT | Socket.MSG_TRUNC)
    return received < 0 ? -errno() : received
  }
}

let notifications: SocketBuffer | undefined

/** Sends up to `count` bytes of no meaning; how many were taken, or the error number negated. */
export function sendNotifications(fd: number, count: number): number {
  notifications ??= new SocketBuffer(NOTIFICATION_BYTES_MAX)
  return notifications.send(fd, Math.min(count, NOTIFICATION_BYTES_MAX))
}

/** Reads bytes of no meaning away; how many, 0 when the other side has closed, or the error number negated. */
export function discardNotifications(fd: number): number {
  notifications ??= new SocketBuffer(NOTIFICATION_BYTES_MAX)
  return notifications.receive(fd, NOTIFICATION_BYTES_MAX)
}

/**
 * A datagram socket on an abstract name with room for messages of `bytes` where the system allows it. What it receives
 * carries its sender's credentials: anybody can send to such a name. Throws SysError.
 */
export function bindDatagram(name: string, bytes: number): number {
  const libc = native()
  const { memory, length } = socketAddress({ abstract: true, name })
  const type = Socket.DGRAM | Socket.NONBLOCK | Socket.CLOEXEC
  const fd = check(libc.socket(Socket.AF_UNIX, type, 0), 'socket')
  try {
    check(libc.bind(fd, memory.pointer, length), 'bind')
    check(setOption(fd, SocketOption.SO_PASSCRED, 1), 'setsockopt')
  } catch (error) {
    libc.close(fd)
    throw error
  }
  // Beyond the system's limit where that is allowed, else up to it.
  for (const [force, plain] of [
    [SocketOption.SO_SNDBUFFORCE, SocketOption.SO_SNDBUF],
    [SocketOption.SO_RCVBUFFORCE, SocketOption.SO_RCVBUF],
  ] as const) {
    if (setOption(fd, force, bytes) < 0) setOption(fd, plain, bytes)
  }
  return fd
}

/** What the kernel adds to a datagram in a sender's buffer. */
const DATAGRAM_OVERHEAD = 32

/** Longest datagram that can be sent. */
export function datagramLimit(fd: number): number {
  const memory = new NativeMemory(8)
  memory.words[1] = 4
  const length = memory.pointer + 4n
  check(native().getsockopt(fd, SocketOption.SOL_SOCKET, SocketOption.SO_SNDBUF, memory.pointer, length), 'getsockopt')
  return memory.view.getInt32(0, true) - DATAGRAM_OVERHEAD
}

export const PollFor = { READING: 1, WRITING: 4 } as const
const waiting: { poll?: NativeMemory } = {}

/** Blocks the thread for at most so many microseconds; whether the socket is ready, or the other side has gone. */
export function waitReady(fd: number, what: number, microseconds: number): boolean {
  // struct pollfd: fd, events u16, revents u16; struct timespec behind it.
  waiting.poll ??= new NativeMemory(24)
  const memory = waiting.poll
  memory.words[0] = fd
  memory.words[1] = what
  memory.setSize(8, Math.floor(microseconds / 1e6))
  memory.setSize(16, (microseconds % 1e6) * 1000)
  return native().ppoll(memory.pointer, 1, memory.pointer + 8n, null) > 0
}

/** 0, or the error number negated (ECONNREFUSED: not bound yet). */
export function connectDatagram(fd: number, name: string): number {
  const { memory, length } = socketAddress({ abstract: true, name })
  return native().connect(fd, memory.pointer, length) < 0 ? -errno() : 0
}

/** Whether an error number, negated, only means to try later. */
export function isRetry(result: number): boolean {
  return result === -Errno.EAGAIN || result === -Errno.EINTR || result === -Errno.ENOBUFS
}
