// Where the kernel and the C library put things in memory. One table; the only place that knows an architecture.
// Both supported architectures are 64-bit and little endian, so almost everything is common to them.

interface ArchitectureLayout {
  /** struct epoll_event: packed on x86-64 alone. */
  readonly epollEventSize: number
  readonly epollEventData: number
  /** Number of the system call. */
  readonly sysRtSigaction: number
}

const ARCHITECTURES: Readonly<Record<string, ArchitectureLayout>> = {
  x64: { epollEventSize: 12, epollEventData: 4, sysRtSigaction: 13 },
  arm64: { epollEventSize: 16, epollEventData: 8, sysRtSigaction: 134 },
}

/** Whether the binding works here at all; elsewhere the node:dgram driver does. */
export function isSupportedPlatform(): boolean {
  return process.platform === 'linux' && ARCHITECTURES[process.arch] !== undefined
}

export const LAYOUT = {
  ...(ARCHITECTURES[process.arch] ?? ARCHITECTURES.arm64!),
  /** struct iovec: base, length. */
  iovec: { size: 16, base: 0, length: 8 },
  /** struct msghdr. */
  msghdr: {
    size: 56,
    name: 0,
    nameLength: 8,
    iov: 16,
    iovLength: 24,
    control: 32,
    controlLength: 40,
    flags: 48,
  },
  /** struct mmsghdr: a msghdr and the length received. */
  mmsghdr: { size: 64, length: 56 },
  /** struct cmsghdr; data follows the header and is padded to eight bytes. */
  cmsghdr: { length: 0, level: 8, type: 12, data: 16 },
  /** CMSG_SPACE of a small integer. */
  cmsgSpaceInt: 24,
  /** struct ucred: pid, uid, gid. */
  ucred: { size: 12, pid: 0, uid: 4, gid: 8 },
  /** struct sockaddr_un: family, path. */
  sockaddrUn: { size: 110, path: 2, pathSize: 108 },
  /** struct sigaction as the kernel has it (not the C library): handler, flags, restorer, mask. */
  kernelSigaction: { size: 32, handler: 0, flags: 8, restorer: 16, mask: 24 },
  /** struct flock. */
  flock: { size: 32, type: 0, whence: 2, start: 8, length: 16, pid: 24 },
  /** struct sockaddr_in and sockaddr_in6. */
  sockaddrIn: { size: 16, port: 2, address: 4 },
  sockaddrIn6: { size: 28, port: 2, flow: 4, address: 8, scope: 24 },
  /** struct rlimit: two u64. */
  rlimit: { size: 16, current: 0, maximum: 8 },
} as const

export const Epoll = {
  IN: 0x1,
  OUT: 0x4,
  ERR: 0x8,
  HUP: 0x10,
  ONESHOT: 0x40000000,
  CTL_ADD: 1,
  CTL_DEL: 2,
  CTL_MOD: 3,
  CLOEXEC: 0x80000,
} as const

export const Socket = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  STREAM: 1,
  DGRAM: 2,
  RAW: 3,
  NONBLOCK: 0x800,
  CLOEXEC: 0x80000,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
} as const

export const SocketOption = {
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_BROADCAST: 6,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_PRIORITY: 12,
  SO_PASSCRED: 16,
  SO_PEERCRED: 17,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  SOL_IP: 0,
  IP_TOS: 1,
  IP_MULTICAST_IF: 32,
  IP_MULTICAST_TTL: 33,
  IP_MULTICAST_LOOP: 34,
  IP_ADD_MEMBERSHIP: 35,
  IP_MULTICAST_ALL: 49,
  SOL_IPV6: 41,
  IPV6_MULTICAST_IF: 17,
  IPV6_MULTICAST_HOPS: 18,
  IPV6_MULTICAST_LOOP: 19,
  IPV6_JOIN_GROUP: 20,
  IPV6_V6ONLY: 26,
  IPV6_MULTICAST_ALL: 29,
  IPV6_TCLASS: 67,
  SOL_UDP: 17,
  UDP_SEGMENT: 103,
  UDP_GRO: 104,
} as const
