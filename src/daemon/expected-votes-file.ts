// The highest expected votes that the cluster has ever had, on disk (spec: services 4.3): four bytes in this host's order, in
// `ev_tracking` of the state directory. The C engine means to keep it, and always loses it. In: what is to be remembered.
// Out: what was. Without the file a ring goes on; without what it says at start a node might count too few votes.

import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import type { LogSink } from '../log/types.js'
import type { TrackingStore } from '../services/votequorum/service.js'

const LENGTH = 4
/** Exit code of a daemon that cannot start a service. */
const SERVICE_EXIT_CODE = 20

const littleEndian = os.endianness() === 'LE'

export class ExpectedVotesFileError extends Error {
  readonly code = 'EXPECTED_VOTES_FILE'
  readonly exitCode = SERVICE_EXIT_CODE

  constructor(path: string, cause: unknown) {
    super(`Unable to load ev_tracking file! (${path}: ${cause instanceof Error ? cause.message : String(cause)})`, {
      cause,
    })
    this.name = 'ExpectedVotesFileError'
  }
}

/** Nothing is opened before somebody asks for the number. */
export class ExpectedVotesFile implements TrackingStore {
  readonly path: string
  readonly #log: LogSink
  readonly #view = new DataView(new ArrayBuffer(LENGTH))
  #fd: number | undefined

  constructor(stateDir: string, log: LogSink) {
    this.path = join(stateDir, 'ev_tracking')
    this.#log = log
  }

  /** What was stored; 0 in a new or short file. Throws ExpectedVotesFileError. */
  get barrier(): number {
    try {
      this.#fd ??= openForUpdate(this.path)
      if (readSync(this.#fd, this.#view, 0, LENGTH, 0) === LENGTH) return this.#view.getUint32(0, littleEndian)
    } catch (error) {
      throw new ExpectedVotesFileError(this.path, error)
    }
    this.write(0)
    return 0
  }

  write(barrier: number): void {
    this.#view.setUint32(0, barrier, littleEndian)
    try {
      this.#fd ??= openForUpdate(this.path)
      const written = writeSync(this.#fd, this.#view, 0, LENGTH, 0)
      if (written !== LENGTH) throw new Error(`${written} of ${LENGTH} bytes written`)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#log(
        'warning',
        'VOTEQ',
        `Unable to update ev_tracking_barrier on disk data!!! path=${this.path} error=${why}`,
      )
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
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
