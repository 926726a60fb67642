// The helper thread of datagram-watch.ts: waits, says which sockets can be read, waits again.

import { parentPort, workerData } from 'node:worker_threads'
import { EPOLL_WAIT_MAX_MS, EventPoll } from '../sys/epoll.js'
import { WAKE_TAG, type WatchWorkerData } from './datagram-watch.js'

const { epoll, stop } = workerData as WatchWorkerData
const stopped = new Int32Array(stop)
const poll = new EventPoll(epoll)

while (Atomics.load(stopped, 0) === 0) {
  const ready = poll.wait(EPOLL_WAIT_MAX_MS)
  for (let i = 0; i < ready; i++) {
    const tag = poll.tagAt(i)
    if (tag !== WAKE_TAG) parentPort?.postMessage(tag)
  }
}
