// The one place where the executive waits. Each registered descriptor carries a number chosen by the caller; `wait`
// leaves the ready ones in a table that is read by index.

import { Errno } from './errno.js'
import { Epoll, LAYOUT } from './layout.js'
import { check, errno, type Native, NativeMemory, native, sysError } from './native.js'

/** Events taken per wait; more stay ready for the next. */
export const EPOLL_EVENTS_MAX = 64
/** The longest wait: a thread that waits for ever cannot be stopped from outside. */
export const EPOLL_WAIT_MAX_MS = 250

export class EventPoll {
  readonly fd: number
  readonly #events = new NativeMemory(EPOLL_EVENTS_MAX * LAYOUT.epollEventSize)
  readonly #one = new NativeMemory(LAYOUT.epollEventSize)
  readonly #libc: Native

  /** A set of its own, or one that another thread has made. */
  constructor(fd?: number) {
    this.#libc = native()
    this.fd = fd ?? check(this.#libc.epoll_create1(Epoll.CLOEXEC), 'epoll_create1')
  }

  /** `tag` (below 2^32) comes back from `tagAt`. */
  add(fd: number, events: number, tag: number): void {
    this.#control(Epoll.CTL_ADD, fd, events, tag)
  }

  modify(fd: number, events: number, tag: number): void {
    this.#control(Epoll.CTL_MOD, fd, events, tag)
  }

  remove(fd: number): void {
    this.#control(Epoll.CTL_DEL, fd, 0, 0)
  }

  /** Waits for at most EPOLL_WAIT_MAX_MS; the number of ready descriptors. A signal counts as none. */
  wait(timeoutMs: number): number {
    const limit = Math.max(0, Math.min(timeoutMs, EPOLL_WAIT_MAX_MS))
    const ready = this.#libc.epoll_wait(this.fd, this.#events.pointer, EPOLL_EVENTS_MAX, limit)
    if (ready >= 0) return ready
    const reason = errno()
    if (reason === Errno.EINTR) return 0
    throw sysError(reason, 'epoll_wait')
  }

  tagAt(index: number): number {
    return this.#events.words[(index * LAYOUT.epollEventSize + LAYOUT.epollEventData) >> 2]!
  }

  eventsAt(index: number): number {
    return this.#events.words[(index * LAYOUT.epollEventSize) >> 2]!
  }

  close(): void {
    this.#libc.close(this.fd)
  }

  #control(operation: number, fd: number, events: number, tag: number): void {
    this.#one.words[0] = events
    this.#one.words[LAYOUT.epollEventData >> 2] = tag
    check(this.#libc.epoll_ctl(this.fd, operation, fd, this.#one.pointer), 'epoll_ctl')
  }
}
