// Runs a mutant of the engine in a process of its own, within a time.

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { MutantFinding, MutantTask } from './mutant-worker.js'

const WORKER = fileURLToPath(new URL('./mutant-worker.js', import.meta.url))

/** What the runs of the task violated, in their order. Rejects when the mutation cannot be made or nothing comes in time. */
export function runMutant(task: MutantTask, timeoutMs: number): Promise<MutantFinding[]> {
  return new Promise((resolve, reject) => {
    const child = fork(WORKER, { execArgv: [] })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`nothing within ${timeoutMs} ms`))
    }, timeoutMs)
    child.on('message', ({ findings, error }: { findings?: MutantFinding[]; error?: string }) => {
      if (findings === undefined) reject(new Error(error))
      else resolve(findings)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`the mutant's process ended with ${signal ?? code}`))
    })
    child.send(task)
  })
}
