// The link to a node whose executive runs in a worker thread: channels over shared memory, rings over doorbells.

import { CHANNEL_WORDS, ChannelWord, type SharedMemory } from '../daemon/channel.js'
import { type EmbeddedListener, Executive } from '../daemon/executive-handle.js'
import type { ExecutiveSetup } from '../daemon/executive-setup.js'
import type { ExecutiveEnd } from '../daemon/types.js'
import type { LogRecord } from '../log/record.js'
import type { EngineRecording } from '../recorder/engine-recording.js'
import { EngineError } from './errors.js'
import type { EngineLink, EngineListener } from './link.js'
import { LocalAccess } from './local-access.js'
import type { MemberChannel } from './member-channel.js'
import { type ChannelMemory, MemoryMemberChannel } from './memory-channel.js'

/** How long a process that just exits waits for its node to say good-bye. */
const EXIT_TIMEOUT_MS = 500
/** Channels kept for later members; of more than that at once the collector takes care. */
const USED_MAX = 16

export class WorkerLink implements EngineLink, ChannelMemory {
  readonly nodeId: number
  readonly configuredNodeIds: readonly number[]
  readonly services: LocalAccess
  readonly #executive: Executive
  readonly #ended: Promise<void>
  /** Channels that the program is done with. */
  readonly #used: SharedArrayBuffer[] = []
  #stopping = false

  constructor(
    setup: ExecutiveSetup,
    listener: EngineListener,
    log: (record: LogRecord) => void,
    recording: EngineRecording | undefined,
  ) {
    this.nodeId = setup.nodeId
    this.configuredNodeIds = setup.memberNodeIds
    let ended: () => void = () => {}
    this.#ended = new Promise(resolve => {
      ended = resolve
    })
    const atExit = () => {
      this.#executive.stopNow(EXIT_TIMEOUT_MS)
    }
    const embedded: EmbeddedListener = {
      log,
      rung: () => listener.rung(),
      ringChanged: (ring, members) => listener.ringChanged(ring, members),
      synchronized: () => {},
      service: message => this.services.take(message),
      ended: end => {
        process.off('exit', atExit)
        listener.ended(this.#errorOf(end))
        this.services.end()
        ended()
      },
    }
    this.#executive = new Executive(setup, embedded, recording)
    this.services = new LocalAccess(message => this.#executive.program(message))
    process.on('exit', atExit)
  }

  /**
   * Memory of a member that has left is used again. Neither thread allocates much otherwise, so their collectors seldom
   * run, and a program that joins and leaves all the time would grow by a channel each time until they do.
   */
  allocate(bytes: number): SharedMemory {
    const at = this.#used.findIndex(memory => memory.byteLength === bytes && isReleased(memory))
    if (at < 0) return new SharedArrayBuffer(bytes)
    const memory = this.#used[at]!
    this.#used.splice(at, 1)
    new Uint8Array(memory).fill(0)
    return memory
  }

  release(memory: SharedMemory): void {
    if (this.#used.length < USED_MAX) this.#used.push(memory as SharedArrayBuffer)
  }

  addMember(memory: SharedMemory): void {
    this.#executive.addMember(memory as SharedArrayBuffer)
  }

  ring(): void {
    this.#executive.ring()
  }

  open(): MemberChannel {
    return new MemoryMemberChannel(this)
  }

  stop(): Promise<void> {
    this.#stopping = true
    this.#executive.leave()
    return this.#ended
  }

  #errorOf(end: ExecutiveEnd): Error | undefined {
    switch (end.kind) {
      case 'left':
        return this.#stopping || end.reason === undefined
          ? undefined
          : new EngineError(`the node has left: ${end.reason}`)
      case 'killed':
        return new EngineError(end.reason)
      case 'fatal':
        return new EngineError(end.message)
      case 'died':
        return new EngineError(`the thread of the node ended: ${end.error?.message ?? `exit code ${end.exitCode}`}`, {
          cause: end.error,
        })
    }
  }
}

function isReleased(memory: SharedArrayBuffer): boolean {
  return Atomics.load(new Int32Array(memory, 0, CHANNEL_WORDS), ChannelWord.RELEASED) !== 0
}
