// The binding to the C library: loaded at the first call, one function per system call, and memory with an address.
// Results below zero are turned into SysError by `check`, or read with `errno` by callers for whom a failure is
// ordinary. Pointers are numbers (every user-space address fits a double) or, where koffi wants them, bigints that were
// made once. Nothing here is allocated per call.

import { createRequire } from 'node:module'
import { SysError } from './errno.js'

type Pointer = bigint | Uint8Array | null

export interface Native {
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: Pointer): number
  epoll_wait(epoll: number, events: Pointer, count: number, timeoutMs: number): number
  ppoll(fds: Pointer, count: number, timeout: Pointer, mask: Pointer): number
  eventfd(initial: number, flags: number): number
  close(fd: number): number
  read(fd: number, buffer: Pointer, count: number): number
  write(fd: number, buffer: Pointer, count: number): number
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Pointer, length: number): number
  setsockopt(fd: number, level: number, name: number, value: Pointer, length: number): number
  getsockopt(fd: number, level: number, name: number, value: Pointer, length: Pointer): number
  getsockname(fd: number, address: Pointer, length: Pointer): number
  sendmsg(fd: number, message: Pointer, flags: number): number
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: Pointer): number
  send(fd: number, buffer: Pointer, length: number, flags: number): number
  recv(fd: number, buffer: Pointer, length: number, flags: number): number
  fcntl(fd: number, command: number, argument: Pointer): number
  sched_setscheduler(pid: number, policy: number, parameters: Pointer): number
  sched_getscheduler(pid: number): number
  sched_get_priority_max(policy: number): number
  setpriority(which: number, who: number, priority: number): number
  prctl(option: number, argument: Pointer): number
  setrlimit(resource: number, limits: Pointer): number
  getrlimit(resource: number, limits: Pointer): number
  listen(fd: number, backlog: number): number
  accept4(fd: number, address: Pointer, length: Pointer, flags: number): number
  connect(fd: number, address: Pointer, length: number): number
  recvmsg(fd: number, message: Pointer, flags: number): number
  /** The address, or -1. */
  mmap(address: Pointer, length: number, protection: number, flags: number, fd: number, offset: number): number
  mprotect(address: Pointer, length: number, protection: number): number
  /** An error number, not -1. */
  posix_fallocate(fd: number, offset: number, length: number): number
  openat(directory: number, path: string, flags: number, mode: number): number
  unlinkat(directory: number, path: string, flags: number): number
  sem_init(semaphore: Pointer, shared: number, value: number): number
  sem_post(semaphore: Pointer): number
  sem_trywait(semaphore: Pointer): number
  sem_getvalue(semaphore: Pointer, value: Pointer): number
  sysconf(name: number): number
  syscall(number: number, a: number, b: Pointer, c: Pointer, d: number): number
  /** These two are missing from C libraries that do not know them. */
  sem_clockwait: ((semaphore: Pointer, clock: number, until: Pointer) => number) | undefined
  mlock2: ((address: Pointer, length: number, flags: number) => number) | undefined
  strerror(errno: number): string
}

const OPTIONAL = {
  sem_clockwait: ['int', ['void *', 'int', 'void *']],
  mlock2: ['int', ['void *', 'size_t', 'int']],
} as const

const SIGNATURES: Readonly<Record<Exclude<keyof Native, keyof typeof OPTIONAL>, readonly [string, readonly string[]]>> =
  {
    epoll_create1: ['int', ['int']],
    epoll_ctl: ['int', ['int', 'int', 'int', 'void *']],
    epoll_wait: ['int', ['int', 'void *', 'int', 'int']],
    ppoll: ['int', ['void *', 'ulong', 'void *', 'void *']],
    eventfd: ['int', ['uint', 'int']],
    close: ['int', ['int']],
    read: ['int', ['int', 'void *', 'size_t']],
    write: ['int', ['int', 'void *', 'size_t']],
    socket: ['int', ['int', 'int', 'int']],
    bind: ['int', ['int', 'void *', 'uint']],
    setsockopt: ['int', ['int', 'int', 'int', 'void *', 'uint']],
    getsockopt: ['int', ['int', 'int', 'int', 'void *', 'void *']],
    getsockname: ['int', ['int', 'void *', 'void *']],
    sendmsg: ['int', ['int', 'void *', 'int']],
    recvmmsg: ['int', ['int', 'void *', 'uint', 'int', 'void *']],
    send: ['int', ['int', 'void *', 'size_t', 'int']],
    recv: ['int', ['int', 'void *', 'size_t', 'int']],
    fcntl: ['int', ['int', 'int', 'void *']],
    sched_setscheduler: ['int', ['int', 'int', 'void *']],
    sched_getscheduler: ['int', ['int']],
    sched_get_priority_max: ['int', ['int']],
    setpriority: ['int', ['int', 'uint', 'int']],
    prctl: ['int', ['int', 'void *']],
    setrlimit: ['int', ['int', 'void *']],
    getrlimit: ['int', ['int', 'void *']],
    listen: ['int', ['int', 'int']],
    accept4: ['int', ['int', 'void *', 'void *', 'int']],
    connect: ['int', ['int', 'void *', 'uint']],
    recvmsg: ['int', ['int', 'void *', 'int']],
    mmap: ['int64_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']],
    mprotect: ['int', ['void *', 'size_t', 'int']],
    posix_fallocate: ['int', ['int', 'int64_t', 'int64_t']],
    openat: ['int', ['int', 'str', 'int', 'uint']],
    unlinkat: ['int', ['int', 'str', 'int']],
    sem_init: ['int', ['void *', 'int', 'uint']],
    sem_post: ['int', ['void *']],
    sem_trywait: ['int', ['void *']],
    sem_getvalue: ['int', ['void *', 'void *']],
    sysconf: ['long', ['int']],
    syscall: ['long', ['long', 'long', 'void *', 'void *', 'long']],
    strerror: ['str', ['int']],
  }

/** What a library needs that calls back. */
export interface CallbackBinding {
  load(path: string | null): { func(name: string, result: string, parameters: readonly string[]): unknown }
  struct(name: string, fields: Readonly<Record<string, string>>): unknown
  /** A type of functions, as a C declaration. */
  proto(declaration: string): unknown
  /** The address of a function of such a type. It may be called on this thread only, during calls into the library. */
  register(callback: (...args: never[]) => void, type: string): bigint
  unregister(callback: bigint): void
  /** A copy of numbers in memory. */
  decode(pointer: bigint, type: 'uint8_t', count: number): Uint8Array
  decode(pointer: bigint, type: 'uint32_t', count: number): Uint32Array
}

interface Koffi extends CallbackBinding {
  address(buffer: Uint8Array): bigint
  /** The memory itself, not a copy. It cannot be taken back. */
  view(pointer: bigint, length: number): ArrayBuffer
  errno(): number
}

let koffi: Koffi | undefined
let functions: Native | undefined

function library(): Koffi {
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi
  return koffi
}

export function callbackBinding(): CallbackBinding {
  return library()
}

/** The bound functions; the first call loads the binding. */
export function native(): Native {
  if (functions !== undefined) return functions
  const libc = library().load(null)
  const bound: Record<string, unknown> = {}
  for (const [name, [result, parameters]] of Object.entries(SIGNATURES)) {
    bound[name] = libc.func(name, result, parameters)
  }
  for (const [name, [result, parameters]] of Object.entries(OPTIONAL)) {
    try {
      bound[name] = libc.func(name, result, parameters)
    } catch {
      bound[name] = undefined
    }
  }
  functions = bound as unknown as Native
  return functions
}

/** The error number of the call just made on this thread. Read it before anything else happens. */
export function errno(): number {
  return library().errno()
}

export function sysError(errnoValue: number, syscall: string): SysError {
  return new SysError(errnoValue, syscall, native().strerror(errnoValue))
}

/** Passes a result through, or throws SysError when it is negative. */
export function check(result: number, syscall: string): number {
  if (result < 0) throw sysError(errno(), syscall)
  return result
}

/**
 * Memory at an address, for ever: what is mapped there may change, but reading where nothing is mapped ends the process.
 * To be made once per address, never per use.
 */
export function viewMemory(pointer: bigint, length: number): ArrayBuffer {
  return library().view(pointer, length)
}

/** Memory outside V8's heap whose address the kernel may be given; it stays in place for as long as this object lives. */
export class NativeMemory {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Unsigned words over the whole memory, for fields written on hot paths. */
  readonly words: Uint32Array
  readonly address: number
  readonly pointer: bigint

  /** `size` is rounded up to a multiple of eight. */
  constructor(size: number) {
    const buffer = new ArrayBuffer((size + 7) & ~7)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.words = new Uint32Array(buffer)
    this.pointer = library().address(this.bytes)
    this.address = Number(this.pointer)
  }

  /** Writes `address` as a pointer at byte offset `at` (a multiple of four). */
  setPointer(at: number, address: number): void {
    this.words[at >> 2] = address >>> 0
    this.words[(at >> 2) + 1] = Math.floor(address / 0x1_0000_0000)
  }

  /** Writes a size (a 64-bit number below 2^32) at byte offset `at`. */
  setSize(at: number, size: number): void {
    this.words[at >> 2] = size
    this.words[(at >> 2) + 1] = 0
  }
}
