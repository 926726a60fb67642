// The helper thread of datagram-watch.ts: waits, says which sockets can be read, waits again.

import { parentPort, workerData } from 'node:worker_threads'
import { EPOLL_WAIT_MAX_MS, EventPoll } from '../sys/epoll.js'
import { WAKE_TAG, WatchWord, type WatchWorkerData } from './datagram-watch.js'

const { epoll, words } = workerData as WatchWorkerData
const shared = new Int32Array(words)
const poll = new EventPoll(epoll)
Atomics.store(shared, WatchWord.UP, 1)
Atomics.notify(shared, WatchWord.UP)
parentPort?.postMessage(WAKE_TAG)

while (Atomics.load(shared, WatchWord.STOP) === 0) {
  const ready = poll.wait(EPOLL_WAIT_MAX_MS)
  for (let i = 0; i < ready; i++) {
    const tag = poll.tagAt(i)
    if (tag !== WAKE_TAG) parentPort?.postMessage(tag)
  }
}
