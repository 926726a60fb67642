// Stands in for the executive: a worker that follows a script instead of running a ring. It blocks its thread as the real
// one does: never for longer than 250 ms.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { ExecutiveHandle, ExecutiveListener } from '../../src/daemon/types.js'

/** What the executive does, or what the main thread does to it. */
export type Script =
  | 'obey'
  | 'ignore the wish to leave'
  | 'throw'
  | 'exit'
  | 'fatal'
  | 'stall'
  | 'main throws'
  | 'main rejects'
  | 'main exits'
  | 'main throws, executive deaf'

const Word = { HEARTBEAT: 0, LEAVE: 1, STOP: 2, STOPPED: 3, STALL: 4 } as const
const WAIT_MS = 50
const STALL_MS = 900

function executive(): void {
  const { script, memory } = workerData as { script: Script; memory: SharedArrayBuffer }
  const words = new Int32Array(memory)
  const deaf = script === 'main throws, executive deaf'
  const tell = (message: object) => parentPort?.postMessage(message)
  tell({ log: { timeMs: 0, level: 'notice', subsystem: 'SERV', message: 'Service engine loaded: test [2]' } })
  tell({ synchronized: true })
  if (script === 'throw') throw new Error('scripted failure')
  if (script === 'exit') process.exit(3)
  if (script === 'fatal') {
    tell({ ended: { kind: 'fatal', code: 21, message: 'Unable to store new ring id' } })
    return
  }
  for (;;) {
    Atomics.add(words, Word.HEARTBEAT, 1)
    Atomics.wait(words, Word.STOP, 0, WAIT_MS)
    if (Atomics.load(words, Word.STOP) !== 0 && !deaf) break
    if (Atomics.exchange(words, Word.STALL, 0) !== 0) Atomics.wait(words, Word.STOP, 0, STALL_MS)
    if (Atomics.load(words, Word.LEAVE) !== 0 && script !== 'ignore the wish to leave') {
      tell({ ended: { kind: 'left' } })
      break
    }
  }
  Atomics.store(words, Word.STOPPED, 1)
  Atomics.notify(words, Word.STOPPED)
}

export function startScripted(script: Script, listener: ExecutiveListener): ExecutiveHandle {
  const memory = new SharedArrayBuffer(64)
  const words = new Int32Array(memory)
  const worker = new Worker(new URL(import.meta.url), { workerData: { script, memory } })
  let ended = false
  let failure: Error | undefined
  worker.on('message', message => {
    if ('log' in message) listener.log(message.log)
    else if ('synchronized' in message) listener.synchronized()
    else {
      ended = true
      listener.ended(message.ended)
    }
  })
  worker.on('error', error => {
    failure = error
  })
  worker.on('exit', exitCode => {
    if (!ended) listener.ended({ kind: 'died', error: failure, exitCode })
  })
  if (script === 'stall') setTimeout(() => Atomics.store(words, Word.STALL, 1), 200)
  return {
    heartbeat: words.subarray(Word.HEARTBEAT, Word.HEARTBEAT + 1),
    leave: () => {
      Atomics.store(words, Word.LEAVE, 1)
    },
    stopNow: timeoutMs => {
      Atomics.store(words, Word.STOP, 1)
      Atomics.notify(words, Word.STOP)
      return Atomics.wait(words, Word.STOPPED, 0, timeoutMs) !== 'timed-out'
    },
  }
}

if (!isMainThread) executive()
