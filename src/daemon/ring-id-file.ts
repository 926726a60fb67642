// The ring sequence number on disk (spec: totem 4.1): eight bytes in this host's order, named after the node id, kept
// open. Written before a ring is used, by one positioned write and without fsync, as the C engine does.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { RING_SEQUENCE_LENGTH, readRingSequence, writeRingSequence } from '../node/ring-sequence.js'

/** Exit code of a daemon that cannot keep its ring id. */
export const RING_ID_EXIT_CODE = 21

const littleEndian = os.endianness() === 'LE'

export class RingIdFileError extends Error {
  readonly code = 'RING_ID_FILE'
  readonly exitCode = RING_ID_EXIT_CODE

  constructor(path: string, cause: unknown) {
    super(`Unable to store new ring id in ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
    this.name = 'RingIdFileError'
  }
}

export class RingIdFile {
  readonly path: string
  /** What was stored when the file was opened; 0 for a new or unreadable file. */
  readonly sequence: number
  readonly #fd: number
  readonly #buffer = new ArrayBuffer(RING_SEQUENCE_LENGTH)
  readonly #view = new DataView(this.#buffer)
  readonly #bytes = new Uint8Array(this.#buffer)

  /** Opens or creates `<stateDir>/ringid_<nodeId>`. Throws RingIdFileError. */
  constructor(stateDir: string, nodeId: number) {
    this.path = join(stateDir, `ringid_${nodeId}`)
    try {
      this.#fd = openForUpdate(this.path)
      const length = readSync(this.#fd, this.#bytes, 0, RING_SEQUENCE_LENGTH, 0)
      this.sequence = readRingSequence(this.#view, length, littleEndian)
    } catch (error) {
      throw new RingIdFileError(this.path, error)
    }
    if (this.sequence === 0) this.write(0)
  }

  write(sequence: number): void {
    writeRingSequence(sequence, this.#view, littleEndian)
    try {
      const written = writeSync(this.#fd, this.#bytes, 0, RING_SEQUENCE_LENGTH, 0)
      if (written !== RING_SEQUENCE_LENGTH) throw new Error(`${written} of ${RING_SEQUENCE_LENGTH} bytes written`)
    } catch (error) {
      throw new RingIdFileError(this.path, error)
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function openForUpdate(path: string): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return openSync(path, 'wx+', 0o600)
  }
}
