// Tells this thread when a datagram socket can be read, which node cannot: a helper thread waits for all such sockets of the
// process's thread. It is told of a socket once; it watches again when this thread has read it empty. In: descriptors. Out:
// calls. The helper begins with the first socket and ends with the last.

import { Worker } from 'node:worker_threads'
import { EventPoll } from '../sys/epoll.js'
import { closeFd, openEventFd, signalEventFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'

export interface WatchWorkerData {
  /** Descriptor of the set of sockets to wait for. */
  readonly epoll: number
  /** WatchWord. */
  readonly words: SharedArrayBuffer
}

export const WatchWord = {
  /** Set to 1, the helper ends. */
  STOP: 0,
  /** Set by the helper when it has come up. */
  UP: 1,
} as const
const WATCH_BYTES = 8

/** Tag of the descriptor that wakes the helper; as a message: it has come up. */
export const WAKE_TAG = 0
/** How long a process that exits waits for a helper that is coming up: cut off in the middle of that, it would abort. */
const UP_MS = 1000

class Helper {
  readonly #poll = new EventPoll()
  readonly #wakeFd = openEventFd()
  readonly #words = new Int32Array(new SharedArrayBuffer(WATCH_BYTES))
  readonly #worker: Worker
  readonly #watches = new Map<number, () => void>()
  #lastTag = WAKE_TAG

  constructor() {
    this.#poll.add(this.#wakeFd, Epoll.IN, WAKE_TAG)
    const data: WatchWorkerData = { epoll: this.#poll.fd, words: this.#words.buffer as SharedArrayBuffer }
    this.#worker = new Worker(new URL('./datagram-watch-worker.js', import.meta.url), { workerData: data })
    this.#worker.on('message', (tag: number) => {
      // From now on the stream sockets of the connections keep the process alive.
      if (tag === WAKE_TAG) this.#worker.unref()
      else this.#watches.get(tag)?.()
    })
    const atExit = () => {
      this.end()
      Atomics.wait(this.#words, WatchWord.UP, 0, UP_MS)
    }
    process.on('exit', atExit)
    this.#worker.on('exit', () => {
      process.off('exit', atExit)
      this.#poll.close()
      closeFd(this.#wakeFd)
    })
  }

  add(fd: number, readable: () => void): number {
    const tag = ++this.#lastTag
    this.#watches.set(tag, readable)
    this.#poll.add(fd, Epoll.IN | Epoll.ONESHOT, tag)
    return tag
  }

  rearm(fd: number, tag: number): void {
    this.#poll.modify(fd, Epoll.IN | Epoll.ONESHOT, tag)
  }

  remove(fd: number, tag: number): void {
    this.#poll.remove(fd)
    this.#watches.delete(tag)
  }

  get idle(): boolean {
    return this.#watches.size === 0
  }

  end(): void {
    Atomics.store(this.#words, WatchWord.STOP, 1)
    signalEventFd(this.#wakeFd)
  }
}

let helper: Helper | undefined

export class DatagramWatch {
  readonly #fd: number
  readonly #helper: Helper
  readonly #tag: number
  #told = false

  static open(fd: number, readable: () => void): DatagramWatch {
    helper ??= new Helper()
    return new DatagramWatch(helper, fd, readable)
  }

  private constructor(owner: Helper, fd: number, readable: () => void) {
    this.#helper = owner
    this.#fd = fd
    this.#tag = owner.add(fd, () => {
      this.#told = true
      readable()
    })
  }

  /** The socket was found empty: tell when that changes. */
  rearm(): void {
    if (!this.#told) return
    this.#told = false
    this.#helper.rearm(this.#fd, this.#tag)
  }

  /** Before the socket is closed. */
  close(): void {
    this.#helper.remove(this.#fd, this.#tag)
    if (!this.#helper.idle) return
    this.#helper.end()
    if (helper === this.#helper) helper = undefined
  }
}
