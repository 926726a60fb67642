// Stands in for the system's log or the service manager: a local datagram socket that remembers what it got.

import { rmSync } from 'node:fs'
import { check, NativeMemory, native } from '../../src/sys/native.js'

const AF_UNIX = 1
const SOCK_DGRAM_NONBLOCK = 2 | 0x800
const DATAGRAM_BYTES_MAX = 8192

export class UnixReceiver {
  readonly #path: string
  readonly #fd: number
  readonly #bytes = new NativeMemory(DATAGRAM_BYTES_MAX)

  /** '@name' is the abstract name space. */
  constructor(path: string) {
    this.#path = path
    const abstract = path.startsWith('@')
    const name = Buffer.from(path)
    const address = new NativeMemory(110)
    address.view.setUint16(0, AF_UNIX, true)
    address.bytes.set(name, 2)
    if (abstract) address.bytes[2] = 0
    this.#fd = check(native().socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0), 'socket')
    check(native().bind(this.#fd, address.pointer, 2 + name.length + (abstract ? 0 : 1)), 'bind')
  }

  /** Everything that has come since the last call. */
  take(): string[] {
    const got: string[] = []
    for (;;) {
      const length = native().recv(this.#fd, this.#bytes.pointer, DATAGRAM_BYTES_MAX, 0)
      if (length < 0) return got
      got.push(Buffer.from(this.#bytes.bytes.subarray(0, length)).toString())
    }
  }

  close(): void {
    native().close(this.#fd)
    if (!this.#path.startsWith('@')) rmSync(this.#path, { force: true })
  }
}
