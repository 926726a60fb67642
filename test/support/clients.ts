// C programs on the stock libraries, one per library (clients/*.c): they take commands and answer in lines. Here they are
// compiled, started on a host and spoken with. Every command gives the lines of its results; lines of callbacks are collected
// beside them, in the order in which the program met both.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Host, type HostProcess, pause, until } from './testbed.js'

export const LIBRARIES = ['cpg', 'cmap', 'cfg', 'quorum', 'votequorum'] as const
export type Library = (typeof LIBRARIES)[number]

/** Longest time of one command; a library waits for its daemon without end. */
const ANSWER_MS = 30_000
/** Longest time until a daemon that starts accepts programs. */
const ACCEPT_MS = 20_000
const TRY_AGAIN = 6
/** What the libraries say while nobody listens, as when a daemon starts. */
const NOBODY_THERE = 2

const SOURCES = fileURLToPath(new URL('../../../test/support/clients/', import.meta.url))
let folder: string | undefined

/** Compiles a program of test/support/clients, once per process; its path. A program named as a library is linked with it. */
export function compileClient(name: string, libraries: readonly string[] = [name]): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'corosync-clients-'))
    folder = made
    process.on('exit', () => rmSync(made, { recursive: true, force: true }))
    // Programs of ordinary users run from here as well.
    spawnSync('chmod', ['755', made])
  }
  const path = join(folder, name)
  const flags = libraries.map(library => `-l${library}`)
  const done = spawnSync(
    'cc',
    ['-O1', '-Wall', '-Wextra', '-Werror', '-o', path, join(SOURCES, `${name}.c`), ...flags],
    {
      encoding: 'utf8',
    },
  )
  if (done.status !== 0) throw new Error(`${name}.c does not compile: ${done.error ?? done.stderr}`)
  return path
}

const compiled = new Map<string, string>()

function clientPath(library: Library): string {
  const known = compiled.get(library)
  if (known !== undefined) return known
  const path = compileClient(library)
  compiled.set(library, path)
  return path
}

export class Client {
  readonly host: Host
  readonly process: HostProcess
  /** Results and callbacks, in order, since the last `look`, and which of them are callbacks. */
  readonly #lines: string[] = []
  readonly #callbacks: string[] = []
  readonly #waiting: ((results: string[]) => void)[] = []
  #results: string[] | undefined
  #rest = ''

  /** `wrapper` is a command line in front of the program. */
  constructor(host: Host, library: Library, wrapper: readonly string[] = []) {
    this.host = host
    const [command, ...args] = [...wrapper, clientPath(library)]
    this.process = host.spawn(command!, args)
    this.process.child.stdout!.on('data', (text: string) => this.#read(text))
  }

  /** What the program said of results and callbacks since the last look. */
  look(): string[] {
    this.#callbacks.length = 0
    return this.#lines.splice(0)
  }

  /** As `look`, and leaves them. */
  peek(): readonly string[] {
    return this.#lines
  }

  /** As `peek`, without results. */
  callbacks(): readonly string[] {
    return this.#callbacks
  }

  /** Takes a line back, as if nobody had asked. */
  withdraw(line: string): void {
    const at = this.#lines.lastIndexOf(line)
    if (at >= 0) this.#lines.splice(at, 1)
  }

  /** Sends a command; the lines of its results. */
  async ask(command: string, timeoutMs = ANSWER_MS): Promise<string[]> {
    if (!this.process.running) throw new Error(`the client has ended (${this.process.result}): ${this.process.stderr}`)
    const answered = new Promise<string[] | undefined>(resolve => {
      this.#waiting.push(resolve)
      const late = setTimeout(() => resolve(undefined), timeoutMs)
      late.unref()
    })
    this.process.child.stdin!.write(`${command}\n`)
    const results = await Promise.race([answered, this.process.exited.then(() => undefined)])
    if (results === undefined)
      throw new Error(
        `no answer to "${command}" on host ${this.host.index} (client: ${this.process.result ?? 'running'}); lines: ${this.#lines.slice(-20).join(' / ')}`,
      )
    return results
  }

  /** Of a command with one line of result. */
  async line(command: string): Promise<string> {
    const results = await this.ask(command)
    if (results.length !== 1) throw new Error(`"${command}" gave ${results.length} lines: ${results.join(' / ')}`)
    return results[0]!
  }

  /** Connects, again and again while the daemon starts; the line of the last attempt. */
  async connect(command = 'init'): Promise<string> {
    const began = performance.now()
    for (;;) {
      const line = await this.line(command)
      const rc = Number(/rc=(\d+)/.exec(line)?.[1])
      if ((rc !== TRY_AGAIN && rc !== NOBODY_THERE) || performance.now() - began > ACCEPT_MS) return line
      this.#lines.pop()
      await pause(50)
    }
  }

  /** Waits for lines that a function finds in what is there. */
  async waitFor(what: string, found: (lines: readonly string[]) => boolean, timeoutMs = ANSWER_MS): Promise<void> {
    await until(
      what,
      timeoutMs,
      () => {
        if (found(this.#lines)) return true
        if (!this.process.running) throw new Error(`the client ended (${this.process.result}) before ${what}`)
        return undefined
      },
      () => this.#lines.slice(-20).join(' / '),
      10,
    )
  }

  kill(): Promise<number | string | null> {
    return this.process.stop('SIGKILL')
  }

  /** Ends with its input, without a word to the daemon. */
  async end(): Promise<void> {
    this.process.child.stdin!.end()
    await this.process.exited
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '!') {
        this.#results = []
      } else if (line === '.') {
        this.#waiting.shift()?.(this.#results ?? [])
        this.#results = undefined
      } else {
        this.#lines.push(line)
        if (this.#results === undefined) this.#callbacks.push(line)
        else this.#results.push(line)
      }
    }
  }
}
