// Starts and watches a process that serves echoes (ipc-echo.ts).

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { IpcStatistics } from '../../src/ipc/types.js'
import type { EchoOptions } from './ipc-echo.js'

const PROGRAM = fileURLToPath(new URL('ipc-echo.js', import.meta.url))
const EVENT_MS = 10_000

export interface EchoEvent {
  readonly event: 'listening' | 'admit' | 'connected' | 'disconnected' | 'log' | 'report'
  readonly pid?: number
  readonly uid?: number
  readonly gid?: number
  readonly serial?: number
  readonly name?: string
  readonly level?: string
  readonly message?: string
  /** Of one connection, or in a report of all. */
  readonly statistics?: IpcStatistics | readonly IpcStatistics[]
}

export interface EchoReport extends EchoEvent {
  readonly active: number
  readonly closed: number
  /** In the loop, and in the process. */
  readonly descriptors: number
  readonly openFiles: number
  readonly rss: number
  readonly silent: number
  readonly statistics: readonly IpcStatistics[]
}

export class EchoProcess {
  readonly events: EchoEvent[] = []
  readonly process: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  #over = false
  #waiting: (() => void)[] = []

  private constructor(options: EchoOptions, command: readonly string[]) {
    const [program = process.execPath, ...before] = command
    const args = [...before, ...(before.length > 0 ? [process.execPath] : []), PROGRAM, JSON.stringify(options)]
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.ended = new Promise(resolve => {
      this.process.on('close', (code, signal) => {
        this.#over = true
        resolve({ code, signal })
        this.#wake()
      })
    })
    createInterface({ input: this.process.stdout! }).on('line', line => {
      this.events.push(JSON.parse(line) as EchoEvent)
      this.#wake()
    })
  }

  /** `command`: a program, with arguments, that starts the process in its turn. */
  static async start(options: EchoOptions, command: readonly string[] = []): Promise<EchoProcess> {
    const echo = new EchoProcess(options, command)
    await echo.until(event => event.event === 'listening')
    return echo
  }

  /** The first event like this, past ones included. */
  async until(wanted: (event: EchoEvent) => boolean, from = 0): Promise<EchoEvent> {
    const deadline = performance.now() + EVENT_MS
    for (;;) {
      const found = this.events.slice(from).find(wanted)
      if (found !== undefined) return found
      const left = deadline - performance.now()
      if (left <= 0 || this.#over) throw new Error(`no such event; so far ${JSON.stringify(this.events.slice(-20))}`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  async report(): Promise<EchoReport> {
    const from = this.events.length
    this.say('report')
    return (await this.until(event => event.event === 'report', from)) as EchoReport
  }

  get logs(): string[] {
    return this.events.flatMap(({ event, message }) => (event === 'log' && message !== undefined ? [message] : []))
  }

  /** Ends it in order; throws when it had died of something. */
  async stop(): Promise<void> {
    if (!this.#over) this.say('stop')
    const { code, signal } = await this.ended
    if (code !== 0) throw new Error(`the server ended with ${code ?? signal}`)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
