// A process with the real loop in a worker thread, for tests of how such a process ends. The first argument says how:
// 'exit' calls process.exit on the main thread, 'throw' throws there, 'terminate' ends the worker, 'stop' asks the loop
// to, 'handler' does so in an exit handler that waits for it.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { RingLoop } from '../../src/daemon/loop.js'
import { signalEventFd } from '../../src/sys/eventfd.js'
import { setThreadName } from '../../src/sys/thread.js'
import type { WireGeneration } from '../../src/wire/generation.js'
import { FakeNode, MemoryRingId, unicastTransport } from './fake-node.js'

/** Places in the memory that the threads share. */
const STOP = 0
const STOPPED = 1
const WAKER = 2

if (isMainThread) {
  const [how, port] = process.argv.slice(2)
  const shared = new Int32Array(new SharedArrayBuffer(12))
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: Number(port), shared } })
  worker.on('message', text => {
    console.log(text)
    // Some time into its next wait.
    if (text === 'a timer fired in the worker') setTimeout(end, 100)
  })
  const end = async () => {
    if (how === 'exit') process.exit(7)
    if (how === 'handler') {
      process.on('exit', () => {
        Atomics.store(shared, STOP, 1)
        signalEventFd(Atomics.load(shared, WAKER))
        // Blocks this thread: the worker has to end without it, and sooner than a wait of the loop lasts.
        process.exitCode = Atomics.wait(shared, STOPPED, 0, 220) === 'timed-out' ? 92 : 9
      })
      process.exit()
    }
    if (how === 'throw') throw new Error('main is broken')
    if (how === 'terminate') process.exitCode = (await worker.terminate()) === 1 ? 8 : 91
    if (how === 'stop') Atomics.store(shared, STOP, 1)
  }
} else {
  const { port, shared } = workerData as { port: number; shared: Int32Array }
  setThreadName('ring')
  const loop = new RingLoop({
    transport: unicastTransport(1, ['127.0.0.1'], port),
    wire: undefined as unknown as WireGeneration,
    ringId: new MemoryRingId(),
    log: () => {},
    shutdownRequested: () => {},
  })
  loop.attach(new FakeNode())
  // Timers and promises of Node go on while the loop runs.
  setTimeout(() => parentPort?.postMessage('a timer fired in the worker'), 20)
  Atomics.store(
    shared,
    WAKER,
    loop.addWaker(() => {}),
  )
  await loop.run(() => Atomics.load(shared, STOP) !== 0)
  Atomics.store(shared, STOPPED, 1)
  Atomics.notify(shared, STOPPED)
  parentPort?.postMessage('stopped')
  // Not before: the main thread may be about to write to the waker of a loop that saw the flag by itself.
  setTimeout(() => loop.close(), 500)
}
