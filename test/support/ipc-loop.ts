// A loop for an IPC server without a node: descriptors with handlers, and turns by the server's own deadlines.

import { performance } from 'node:perf_hooks'
import type { IpcServer } from '../../src/ipc/server.js'
import type { IpcLoop } from '../../src/ipc/types.js'
import { EventPoll } from '../../src/sys/epoll.js'

export class ServerLoop implements IpcLoop {
  readonly #poll = new EventPoll()
  readonly #handlers = new Map<number, (now: number, events: number) => void>()
  readonly #tags = new Map<number, number>()
  #nextTag = 1

  addFd(fd: number, events: number, handler: (now: number, events: number) => void): void {
    const tag = this.#nextTag++
    this.#poll.add(fd, events, tag)
    this.#tags.set(fd, tag)
    this.#handlers.set(tag, handler)
  }

  modifyFd(fd: number, events: number): void {
    const tag = this.#tags.get(fd)
    if (tag === undefined) throw new RangeError(`descriptor ${fd} was not added`)
    this.#poll.modify(fd, events, tag)
  }

  removeFd(fd: number): void {
    const tag = this.#tags.get(fd)
    if (tag === undefined) return
    this.#poll.remove(fd)
    this.#tags.delete(fd)
    this.#handlers.delete(tag)
  }

  /** Descriptors listened to. */
  get size(): number {
    return this.#handlers.size
  }

  /** Waits for at most `maxWaitMs`, lets handlers run, gives the server one turn. */
  turn(server: IpcServer, maxWaitMs: number): void {
    const wait = Math.ceil(Math.max(0, Math.min(server.nextDeadline() - performance.now(), maxWaitMs)))
    const ready = this.#poll.wait(wait)
    this.#handle(server, ready, performance.now())
  }

  /** As `turn`, at a time of the caller's choice, without waiting. */
  turnAt(server: IpcServer, now: number): void {
    this.#handle(server, this.#poll.wait(0), now)
  }

  close(): void {
    this.#poll.close()
  }

  #handle(server: IpcServer, ready: number, now: number): void {
    for (let i = 0; i < ready; i++) this.#handlers.get(this.#poll.tagAt(i))?.(now, this.#poll.eventsAt(i))
    server.work(now)
  }
}
