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
  /** Set to 1, the helper ends. */
  readonly stop: SharedArrayBuffer
}

/** Tag of the descriptor that wakes the helper. */
export const WAKE_TAG = 0

class Helper {
  readonly #poll = new EventPoll()
  readonly #wakeFd = openEventFd()
  readonly #stop = new SharedArrayBuffer(4)
  readonly #worker: Worker
  readonly #watches = new Map<number, () => void>()
  #lastTag = WAKE_TAG

  constructor() {
    this.#poll.add(this.#wakeFd, Epoll.IN, WAKE_TAG)
    const data: WatchWorkerData = { epoll: this.#poll.fd, stop: this.#stop }
    this.#worker = new Worker(new URL('./datagram-watch-worker.js', import.meta.url), { workerData: data })
    this.#worker.on('message', (tag: number) => this.#watches.get(tag)?.())
    this.#worker.on('exit', () => {
      this.#poll.close()
      closeFd(this.#wakeFd)
    })
    // The stream sockets of the connections keep the process alive.
    this.#worker.unref()
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
    Atomics.store(new Int32Array(this.#stop), 0, 1)
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
