// A process with the real loop in a worker thread, for tests of how such a process ends. The first argument says how:
// 'exit' calls process.exit on the main thread, 'throw' throws there, 'terminate' ends the worker, 'stop' asks the loop to.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { RingLoop } from '../../src/daemon/loop.js'
import { setThreadName } from '../../src/sys/thread.js'
import type { WireGeneration } from '../../src/wire/generation.js'
import { FakeNode, MemoryRingId, unicastTransport } from './fake-node.js'

if (isMainThread) {
  const [how, port] = process.argv.slice(2)
  const stop = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: Number(port), stop } })
  worker.on('message', text => {
    console.log(text)
    // Some time into its next wait.
    if (text === 'a timer fired in the worker') setTimeout(end, 100)
  })
  const end = async () => {
    if (how === 'exit') process.exit(7)
    if (how === 'throw') throw new Error('main is broken')
    if (how === 'terminate') process.exitCode = (await worker.terminate()) === 1 ? 8 : 91
    if (how === 'stop') Atomics.store(stop, 0, 1)
  }
} else {
  const { port, stop } = workerData as { port: number; stop: Int32Array }
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
  await loop.run(() => Atomics.load(stop, 0) !== 0)
  loop.close()
  parentPort?.postMessage('stopped')
}
