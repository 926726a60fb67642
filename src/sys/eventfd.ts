// A counter in the kernel that wakes a waiting thread. Any thread of the process may write to it by number.

import { Errno } from './errno.js'
import { check, errno, NativeMemory, native, sysError } from './native.js'

const EFD_NONBLOCK = 0x800
const EFD_CLOEXEC = 0x80000

let scratch: NativeMemory | undefined

export function openEventFd(): number {
  return check(native().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd')
}

/** Wakes whoever waits for this descriptor; from any thread. */
export function signalEventFd(fd: number): void {
  scratch ??= new NativeMemory(8)
  scratch.setSize(0, 1)
  // A full counter (EAGAIN) is as awake as can be.
  if (native().write(fd, scratch.pointer, 8) < 0 && errno() !== Errno.EAGAIN) throw sysError(errno(), 'write')
}

/** Takes the count back to zero. */
export function clearEventFd(fd: number): void {
  scratch ??= new NativeMemory(8)
  native().read(fd, scratch.pointer, 8)
}

export function closeFd(fd: number): void {
  native().close(fd)
}
