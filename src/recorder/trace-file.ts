// A file that a recording goes to. In: lines. Out: lines of the file, behind those of an earlier life if there are any.
// A file that cannot be opened is thrown; one that cannot be written later is reported once, and the recording is over.

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'

const NEWLINE = 0x0a
/** Lines are collected up to this size. */
const CHUNK_CHARS = 1 << 16

export class TraceFile {
  readonly path: string
  readonly #onError: (error: Error) => void
  #fd: number
  #text = ''

  /** Throws when the file cannot be opened. `onError` is called at most once. */
  constructor(path: string, onError: (error: Error) => void) {
    this.path = path
    this.#onError = onError
    this.#fd = openSync(path, 'a+')
    // The last life may have been cut off in the middle of a line.
    const last = new Uint8Array(1)
    const { size } = fstatSync(this.#fd)
    if (size > 0 && readSync(this.#fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE) this.#text = '\n'
  }

  /** Written at the next `flush`, or earlier. */
  line(text: string): void {
    if (this.#fd < 0) return
    this.#text += `${text}\n`
    if (this.#text.length >= CHUNK_CHARS) this.flush()
  }

  flush(): void {
    if (this.#fd < 0 || this.#text === '') return
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    } catch (error) {
      this.#close()
      this.#onError(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** False once it is closed or could not be written. */
  get open(): boolean {
    return this.#fd >= 0
  }

  close(): void {
    this.flush()
    this.#close()
  }

  #close(): void {
    if (this.#fd < 0) return
    const fd = this.#fd
    this.#fd = -1
    try {
      closeSync(fd)
    } catch {
      // What could be written is written.
    }
  }
}
