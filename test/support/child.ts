// A program under test as a child process: its output as it comes, a bounded wait for lines and for the end.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** From the start of the process. */
  readonly afterMs: number
}

export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  readonly #begun = performance.now()
  #waiting: (() => void)[] = []

  /** `input` is what its standard input holds; nothing by default. */
  constructor(
    command: string,
    args: readonly string[],
    options: Pick<SpawnOptions, 'env' | 'cwd' | 'uid' | 'gid'> & { readonly input?: string } = {},
  ) {
    const { input, ...others } = options
    this.process = spawn(command, args, { ...others, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
    this.process.stdin?.end(input)
    this.process.stdout?.on('data', data => {
      this.stdout += data
      this.#look()
    })
    this.process.stderr?.on('data', data => {
      this.stderr += data
      this.#look()
    })
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject)
      this.process.on('close', (code, signal) => {
        resolve({ code, signal, afterMs: performance.now() - this.#begun })
        this.#look()
      })
    })
  }

  /** Until something like this has been written to either stream. */
  async until(pattern: RegExp, timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
      const left = deadline - performance.now()
      if (left <= 0 || this.process.exitCode !== null) {
        throw new Error(`no ${pattern} within ${timeoutMs} ms; so far:\n${this.stdout}${this.stderr}`)
      }
      await this.#change(left)
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }

  /** For the end of a test, whatever happened. */
  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL')
    await this.ended
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #look(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
