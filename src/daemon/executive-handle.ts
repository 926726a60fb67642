// The main thread's hold on the executive: starts the worker, passes on what it says, wakes it, ends it. The daemon and the
// embedded library both use it. In: a setup and a listener. Out: a handle. Knows nothing of what runs inside.

import { Worker } from 'node:worker_threads'
import type { EngineRecording } from '../recorder/engine-recording.js'
import { closeFd, openEventFd, signalEventFd } from '../sys/eventfd.js'
import type { RingIdentity } from '../totem/types.js'
import {
  type FromExecutive,
  SHARED_BYTES,
  SharedWord,
  StopWish,
  type ToExecutive,
  type WorkerData,
} from './executive-protocol.js'
import type { ExecutiveSetup } from './executive-setup.js'
import type { FromService, ToService } from './local-programs.js'
import type { ExecutiveEnd, ExecutiveHandle, ExecutiveListener } from './types.js'

/** What the library wants to know besides. */
export interface EmbeddedListener extends ExecutiveListener {
  ringChanged(ring: RingIdentity, members: readonly number[]): void
  /** Channels have news. */
  rung(): void
  /** A service of the node has something to say. */
  service(message: FromService): void
}

/** Promises on shared memory: Node has them, the library of types for its oldest version does not. */
interface WaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    value: number,
  ): { readonly async: true; readonly value: Promise<string> } | { readonly async: false }
}

export class Executive implements ExecutiveHandle {
  readonly heartbeat: Int32Array
  readonly #worker: Worker
  readonly #words: Int32Array
  readonly #wakerFd: number
  readonly #listener: ExecutiveListener & Partial<EmbeddedListener>
  readonly #recording: EngineRecording | undefined
  #lastWord: ExecutiveEnd | undefined
  #error: Error | undefined
  #ended = false

  constructor(
    setup: ExecutiveSetup,
    listener: ExecutiveListener & Partial<EmbeddedListener>,
    recording?: EngineRecording,
  ) {
    const shared = new SharedArrayBuffer(SHARED_BYTES)
    this.#words = new Int32Array(shared)
    this.heartbeat = this.#words.subarray(SharedWord.HEARTBEAT, SharedWord.HEARTBEAT + 1)
    this.#listener = listener
    this.#recording = recording
    this.#wakerFd = openEventFd()
    const data: WorkerData = {
      setup,
      shared,
      wakerFd: this.#wakerFd,
      ...(recording === undefined ? {} : { recording: recording.memory }),
    }
    this.#worker = new Worker(new URL('./executive.js', import.meta.url), { workerData: data, name: 'corosync-ring' })
    this.#worker.on('message', (message: FromExecutive) => this.#take(message))
    this.#worker.on('error', error => {
      this.#error = error as Error
    })
    this.#worker.on('exit', code => this.#exited(code))
    if (listener.rung !== undefined) this.#awaitRing()
  }

  /** Wakes the executive if it does not know already. */
  ring(): void {
    if (this.#ended || Atomics.exchange(this.#words, SharedWord.TO_EXECUTIVE, 1) !== 0) return
    signalEventFd(this.#wakerFd)
  }

  /** Hands over the channel of a member. */
  addMember(memory: SharedArrayBuffer): void {
    if (this.#ended) return
    this.#post({ type: 'member', memory })
  }

  /** Asks a service of the node. */
  program(message: ToService): void {
    this.#post({ type: 'program', message })
  }

  leave(): void {
    Atomics.compareExchange(this.#words, SharedWord.STOP, StopWish.NONE, StopWish.LEAVE)
    this.ring()
  }

  stopNow(timeoutMs: number): boolean {
    if (this.#ended) return true
    Atomics.store(this.#words, SharedWord.STOP, StopWish.AT_ONCE)
    signalEventFd(this.#wakerFd)
    Atomics.wait(this.#words, SharedWord.STOPPED, 0, timeoutMs)
    const stopped = Atomics.load(this.#words, SharedWord.STOPPED) !== 0
    if (stopped) this.#recording?.end('left')
    else this.#recording?.end('failed', 'the executive did not stop')
    return stopped
  }

  #take(message: FromExecutive): void {
    switch (message.type) {
      case 'log':
        Atomics.sub(this.#words, SharedWord.LINES_WAITING, 1)
        this.#listener.log(message.record)
        break
      case 'ring':
        this.#listener.ringChanged?.(message.ring, message.members)
        this.#listener.synchronized()
        break
      case 'service':
        Atomics.sub(this.#words, SharedWord.SERVICE_WAITING, 1)
        this.#listener.service?.(message.message)
        break
      case 'flightRecord':
        this.#listener.flightRecordWanted?.()
        break
      case 'readConfiguration':
        this.#readConfiguration()
        break
      case 'reopenLogFiles':
        this.#post({ type: 'logFilesReopened', worked: this.#listener.tasks?.reopenLogFiles() ?? false })
        break
      case 'loggingChanged': {
        const filter = this.#listener.tasks?.loggingChanged(message.entries)
        if (filter !== undefined) this.#post({ type: 'logFilter', filter })
        break
      }
      case 'leaveWanted':
        if (this.#listener.tasks === undefined) this.leave()
        else this.#listener.tasks.leaveWanted(message.reason)
        break
      case 'killed':
        this.#lastWord = { kind: 'killed', reason: message.reason }
        break
      case 'left':
        this.#lastWord = { kind: 'left', reason: message.reason }
        break
      case 'fatal':
        this.#lastWord = { kind: 'fatal', code: message.code, message: message.message }
    }
  }

  #readConfiguration(): void {
    const { tasks } = this.#listener
    if (tasks === undefined) {
      const problem = 'this node was configured by its program, not by a file'
      this.#post({ type: 'configuration', read: { kind: 'unreadable', problem } })
      return
    }
    tasks.readConfiguration().then(
      read => this.#post({ type: 'configuration', read }),
      // Whatever went wrong, the executive waits for an answer.
      (error: Error) => this.#post({ type: 'configuration', read: { kind: 'unreadable', problem: error.message } }),
    )
  }

  #post(message: ToExecutive): void {
    if (this.#ended) return
    this.#worker.postMessage(message)
    this.ring()
  }

  #exited(exitCode: number): void {
    this.#ended = true
    closeFd(this.#wakerFd)
    // Lets go of the promise that waits for a ring.
    Atomics.notify(this.#words, SharedWord.TO_MAIN)
    const end: ExecutiveEnd = this.#lastWord ?? { kind: 'died', error: this.#error, exitCode }
    if (end.kind === 'left') this.#recording?.end('left', end.reason)
    else if (end.kind === 'killed') this.#recording?.end('failed', end.reason)
    else this.#recording?.end('failed', end.kind === 'fatal' ? end.message : end.error?.message)
    this.#listener.ended(end)
  }

  #awaitRing(): void {
    if (this.#ended) return
    const wait = (Atomics as unknown as WaitAsync).waitAsync(this.#words, SharedWord.TO_MAIN, 0)
    // Rung in the meantime: a turn of the event loop all the same, or the rest of the program starves.
    if (wait.async) wait.value.then(() => this.#rung())
    else setImmediate(() => this.#rung())
  }

  #rung(): void {
    Atomics.store(this.#words, SharedWord.TO_MAIN, 0)
    try {
      this.#listener.rung?.()
    } finally {
      this.#awaitRing()
    }
  }
}

/** For the daemon. */
export function startExecutive(
  setup: ExecutiveSetup,
  listener: ExecutiveListener,
  recording?: EngineRecording,
): ExecutiveHandle {
  return new Executive(setup, listener, recording)
}
