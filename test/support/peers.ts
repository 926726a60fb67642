// One cluster node as the tests see it, whichever engine runs it: start, members, load, trace, end. The C peer is the daemon
// with one `cpgload` process per job; ours is one process that holds the embedded engine and does the same jobs when told so.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readTrace } from '../../src/cli/check.js'
import type { Life } from '../../src/recorder/reader.js'
import { type Host, type HostProcess, type Seat, Testbed, type TestbedOptions, until } from './testbed.js'

/** `dgram` is ours on the driver over node:dgram, `ours` the real loop in its thread, `daemon` our daemon. */
export type PeerKind = 'c' | 'ours' | 'dgram' | 'daemon'

export interface LoadReport {
  readonly delivered: number
  readonly errors: number
  readonly sent?: number
  readonly senders?: number
  readonly seconds?: number
  readonly messages_per_s?: number
  readonly MB_per_s?: number
  readonly us_p50?: number
  readonly us_p99?: number
}

export interface FloodOptions {
  readonly group: string
  readonly bytes: number
  /** Either a number of messages or a time. */
  readonly count?: number
  readonly seconds?: number
  /** At most that many messages a second; as fast as accepted otherwise. Ours only. */
  readonly perSecond?: number
  /** Begins when the group has that many members. */
  readonly members?: number
}

export interface ListenOptions {
  readonly group: string
  /** Ends after that many messages, or after that time. */
  readonly count: number
  readonly seconds: number
}

export interface TraceOptions {
  readonly group: string
  readonly maxBytes: number
  readonly perSecond: number
}

/** Longest time from the start of a node's program until its ring can be used. */
const START_MS = 20_000
/** Longest time a load may take beyond what it was told. */
const LOAD_GRACE_MS = 90_000

const LABORATORY = fileURLToPath(new URL('../../../bin/corosync-sim', import.meta.url))
const DAEMON = fileURLToPath(new URL('../../../bin/corosync', import.meta.url))

const KNOWN_ASSERTION = 'range < QUEUE_RTR_ITEMS_SIZE_MAX'

export abstract class Peer {
  readonly host: Seat
  abstract readonly kind: PeerKind
  /** Files of the traces of every life of this node, oldest first. */
  readonly traceFiles: string[] = []

  constructor(host: Seat) {
    this.host = host
  }

  get node(): number {
    return this.host.index
  }

  abstract start(): void
  /** The members of this node's current ring, ascending; empty while it gives no answer. */
  abstract ring(): Promise<readonly number[]>
  abstract flood(options: FloodOptions): Promise<LoadReport>
  abstract listen(options: ListenOptions): Promise<LoadReport>
  abstract ping(group: string, bytes: number, count: number): Promise<LoadReport>
  /** Joins, sends at a steady rate, and records everything until told otherwise. */
  abstract startTrace(options: TraceOptions): Promise<void>
  /** No more sends. */
  abstract quiet(): void
  abstract endTrace(): Promise<void>
  /** All lines that the engine has logged, in its own format. */
  abstract log(): string
  /** Whether a recording runs; it ends with the engine. */
  abstract readonly tracing: boolean
  /** The process that a fault hits. */
  abstract readonly engine: HostProcess

  /** Leaves the ring in order. */
  async stop(): Promise<number | string | null> {
    return this.engine.stop('SIGTERM')
  }

  async kill(): Promise<void> {
    await this.engine.stop('SIGKILL')
  }

  /** What the programs on this node have recorded so far, one life after the other. */
  traces(): readonly Life[] {
    return this.traceFiles.flatMap(file => (existsSync(file) && statSync(file).size > 0 ? readTrace(file) : []))
  }

  /** Called when the engine has ended unasked. */
  revive(): void {
    const { result, stderr } = this.engine
    throw new Error(`node ${this.node} ended unasked (${result}): ${stderr}\n${this.host.log().slice(-2000)}`)
  }

  protected nextTraceFile(): string {
    const file = join(this.host.directory, `trace-${this.traceFiles.length + 1}`)
    this.traceFiles.push(file)
    return file
  }
}

/** A daemon of its own, with one `cpgload` process per job. */
abstract class ServedPeer extends Peer {
  declare readonly host: Host
  readonly #cpgload: string

  constructor(host: Host, cpgload: string) {
    super(host)
    this.#cpgload = cpgload
  }

  get engine(): HostProcess {
    return this.host.daemon!
  }

  log(): string {
    return this.host.log()
  }

  ring(): Promise<readonly number[]> {
    return this.host.joinedNodes()
  }

  flood(options: FloodOptions): Promise<LoadReport> {
    const amount = options.count !== undefined ? ['-n', options.count] : ['-t', options.seconds ?? 1]
    const timeoutMs = (options.seconds ?? 0) * 1000 + LOAD_GRACE_MS
    return this.#load(
      timeoutMs,
      'flood',
      '-g',
      options.group,
      '-s',
      options.bytes,
      ...amount,
      '-m',
      options.members ?? 1,
    )
  }

  listen(options: ListenOptions): Promise<LoadReport> {
    const timeoutMs = options.seconds * 1000 + LOAD_GRACE_MS
    return this.#load(timeoutMs, 'listen', '-z', '-g', options.group, '-n', options.count, '-t', options.seconds)
  }

  ping(group: string, bytes: number, count: number): Promise<LoadReport> {
    return this.#load(LOAD_GRACE_MS, 'ping', '-g', group, '-s', bytes, '-n', count)
  }

  async #load(timeoutMs: number, ...args: (string | number)[]): Promise<LoadReport> {
    const { stdout, stderr, code } = await this.host.run(this.#cpgload, args.map(String), timeoutMs)
    const line = stdout.trim()
    if (!line.startsWith('{'))
      throw new Error(`cpgload ${args.join(' ')} on node ${this.node}: exit ${code}: ${stderr}`)
    return JSON.parse(line)
  }
}

export class CPeer extends ServedPeer {
  readonly kind = 'c'
  #trace: HostProcess | undefined
  #revived = false

  get tracing(): boolean {
    return this.#trace?.running ?? false
  }

  start(): void {
    this.host.start()
  }

  /**
   * corosync 3.1.7 ends itself now and then, about once in 80 starts, when three nodes start in the same millisecond over udp,
   * without any of ours in the ring. That one defect is met once per test with a restart, and said; any other end is a failure.
   */
  override revive(): void {
    if (this.#revived || this.engine.result !== 'SIGABRT' || !this.engine.stderr.includes(KNOWN_ASSERTION))
      super.revive()
    this.#revived = true
    console.error(`node ${this.node}: the C daemon ended itself (${this.engine.stderr.trim()}); started again`)
    this.start()
  }

  async startTrace(options: TraceOptions): Promise<void> {
    const lives = this.traces().length
    const file = this.nextTraceFile()
    const args = ['record', '--group', options.group, '--out', file]
    const load = ['--load', options.perSecond, '--bytes', options.maxBytes].map(String)
    const trace = this.host.spawn(process.execPath, [LABORATORY, ...args, ...load])
    this.#trace = trace
    await until(
      `a recorded member on node ${this.node}`,
      START_MS,
      () => {
        if (!trace.running)
          throw new Error(`the recorder on node ${this.node} ended (${trace.result}): ${trace.stderr}`)
        const life = this.traces()[lives]
        return life?.events.some(({ event }) => event === 'membership') ? true : undefined
      },
      () => trace.stderr,
    )
  }

  quiet(): void {
    this.#trace?.signal('SIGUSR2')
  }

  async endTrace(): Promise<void> {
    if (this.tracing) await this.#trace?.stop('SIGTERM')
  }

  override async kill(): Promise<void> {
    await super.kill()
    // The client notices by itself that its daemon has gone.
    await this.#trace?.exited
  }
}

export class OurPeer extends Peer {
  readonly kind: 'ours' | 'dgram'
  /** Where the engine of this node is recorded, all lives in one file; nowhere by default. Before `start`. */
  engineFile: string | undefined
  #member: HostProcess | undefined
  #requests = 0
  #tracing = false
  #log = ''
  readonly #answers = new Map<number, (answer: Answer) => void>()
  #rest = ''

  get engine(): HostProcess {
    return this.#member!
  }

  constructor(host: Seat, kind: 'ours' | 'dgram' = 'ours') {
    super(host)
    this.kind = kind
  }

  get tracing(): boolean {
    return this.#tracing
  }

  start(): void {
    const program = fileURLToPath(new URL('./member.js', import.meta.url))
    const member = this.host.spawn(process.execPath, [
      '--enable-source-maps',
      program,
      this.host.configFile,
      this.kind === 'dgram' ? 'dgram' : 'native',
      ...(this.engineFile === undefined ? [] : [this.engineFile]),
    ])
    this.#member = member
    this.#rest = ''
    this.#tracing = false
    member.child.stdout!.on('data', (text: string) => this.#read(text))
    // Standard error keeps its tail only.
    member.child.stderr!.on('data', (text: string) => {
      this.#log += text
    })
    member.exited.then(result => {
      const reason = `the member on node ${this.node} ended (${result}): ${member.stderr.slice(-2000)}`
      for (const [id, answer] of this.#answers) answer({ id, failed: reason })
      this.#answers.clear()
    })
  }

  log(): string {
    return this.#log
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const answer: Answer = JSON.parse(line)
      this.#answers.get(answer.id)?.(answer)
      this.#answers.delete(answer.id)
    }
  }

  async #ask<T>(timeoutMs: number, request: object): Promise<T> {
    const id = ++this.#requests
    if (!this.#member?.running) throw new Error(`no member runs on node ${this.node}`)
    const answered = new Promise<Answer>(resolve => this.#answers.set(id, resolve))
    const late = setTimeout(
      () => this.#answers.get(id)?.({ id, failed: `no answer within ${timeoutMs} ms` }),
      timeoutMs,
    )
    this.#member.child.stdin!.write(`${JSON.stringify({ id, ...request })}\n`)
    const answer = await answered
    clearTimeout(late)
    this.#answers.delete(id)
    if (answer.failed !== undefined) throw new Error(`node ${this.node}, ${JSON.stringify(request)}: ${answer.failed}`)
    return answer.result as T
  }

  async ring(): Promise<readonly number[]> {
    if (!this.#member?.running) return []
    return this.#ask(START_MS, { do: 'ring' })
  }

  flood(options: FloodOptions): Promise<LoadReport> {
    return this.#ask((options.seconds ?? 0) * 1000 + LOAD_GRACE_MS, { do: 'flood', ...options })
  }

  listen(options: ListenOptions): Promise<LoadReport> {
    return this.#ask(options.seconds * 1000 + LOAD_GRACE_MS, { do: 'listen', ...options })
  }

  ping(group: string, bytes: number, count: number): Promise<LoadReport> {
    return this.#ask(LOAD_GRACE_MS, { do: 'ping', group, bytes, count })
  }

  async startTrace(options: TraceOptions): Promise<void> {
    await this.#ask(START_MS, { do: 'trace', file: this.nextTraceFile(), ...options })
    this.#tracing = true
  }

  quiet(): void {
    this.#ask(START_MS, { do: 'quiet' }).catch(() => {})
  }

  /** Of the whole program: the load and the library in one thread, the executive in another. */
  memory(): Promise<NodeJS.MemoryUsage> {
    return this.#ask(START_MS, { do: 'memory' })
  }

  async endTrace(): Promise<void> {
    if (this.#member?.running) await this.#ask(START_MS, { do: 'endTrace' })
  }
}

/** Our daemon. Unless told otherwise it records the ring, from its start to its end, life after life in one file. */
export class DaemonPeer extends ServedPeer {
  readonly kind = 'daemon'
  readonly tracing: boolean

  constructor(host: Host, cpgload: string, tracing = true) {
    super(host, cpgload)
    this.tracing = tracing
    if (tracing) this.traceFiles.push(join(host.directory, 'engine'))
  }

  start(): void {
    this.host.start([process.execPath, DAEMON, ...this.traceFiles.flatMap(file => ['--record', file])])
  }

  async startTrace(): Promise<void> {}
  quiet(): void {}
  async endTrace(): Promise<void> {}
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly failed?: string
}

let compiled: Buffer | undefined

/** The C load tool, compiled once per process and put where it goes away with its testbed. */
export function installCpgload(directory: string): string {
  const path = join(directory, 'cpgload')
  if (compiled === undefined) {
    const source = fileURLToPath(new URL('../../../test/support/cpgload.c', import.meta.url))
    const done = spawnSync('cc', ['-O2', '-o', path, source, '-lcpg', '-lpthread'], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`cpgload.c does not compile: ${done.error ?? done.stderr}`)
    compiled = readFileSync(path)
  } else {
    writeFileSync(path, compiled, { mode: 0o755 })
  }
  return path
}

/** Hosts with one peer each, in the order of `kinds`; nothing is started. INTEROP_OURS=c proves the tests themselves with C daemons only. */
export async function createCluster(
  kinds: readonly PeerKind[],
  options: Omit<TestbedOptions, 'hosts'> & { readonly record?: boolean } = {},
): Promise<{ testbed: Testbed; peers: Peer[] }> {
  const testbed = await Testbed.create({ hosts: kinds.length, ...options })
  const tool = installCpgload(testbed.directory)
  const allC = process.env.INTEROP_OURS === 'c'
  const peers = testbed.hosts.map((host, i) => {
    if (kinds[i] === 'c' || allC) return new CPeer(host, tool)
    return kinds[i] === 'daemon' ? new DaemonPeer(host, tool, options.record) : new OurPeer(host)
  })
  return { testbed, peers }
}

/** Waits until each of these peers has exactly these members in its ring. */
export async function converged(
  peers: readonly Peer[],
  members: readonly number[],
  timeoutMs = START_MS,
): Promise<void> {
  const wanted = members.join(' ')
  const seen = new Map<number, string>()
  await until(
    `nodes ${peers.map(peer => peer.node).join(', ')} to have members ${wanted}`,
    timeoutMs,
    async () => {
      for (const peer of peers) {
        if (!peer.engine.running)
          throw new Error(
            `node ${peer.node} ended (${peer.engine.result}): ${peer.engine.stderr}\n${peer.host.log().slice(-2000)}`,
          )
        const got = (await peer.ring()).join(' ')
        seen.set(peer.node, got)
        if (got !== wanted) return undefined
      }
      return true
    },
    () => [...seen].map(([node, got]) => `node ${node}: ${got || 'no answer'}`).join('; '),
  )
}
