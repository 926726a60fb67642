// Repeats recorded tool transcripts on a cluster: runs their commands, does what the remarks between them say, and collects where
// the answers differ.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceCluster } from './service-cluster.js'
import { type CommandResult, type HostProcess, pause, until } from './testbed.js'
import { type Block, commandWords, loadToolTranscript, masked, onUdp } from './tool-transcript.js'

/** For input that does not end. */
export const OPEN = 'open'
/** How long a tool may take. */
const TOOL_MS = 20_000

/** The recorder waited a second before it looked at logs: what a change brings about in its wake is over then. */
const RECORDER_PAUSE_MS = 600
/** How long a line may take to the log file. */
const LOG_MS = 3000
/** Time, process and host are there or not. */
const LOG_PREFIX = /^.*?(?=(?:debug|info|notice|warning|error|crit|alert) +\[)/

/** A block that is not repeated: why; one that must read otherwise here: how; anything else is repeated as it stands. */
export type Verdict = { readonly leftOut: string } | Partial<Pick<Block, 'command' | 'exit' | 'stdout' | 'stderr'>>

export interface Rule {
  /** Of the command line; the whole of it, or its beginning. */
  readonly command: string | RegExp
  readonly verdict: Verdict | ((block: Block, run: ToolRun) => Verdict)
  /** Done instead of running the command, for those that run beside others; gives what they printed. */
  readonly run?: (run: ToolRun, block: Block) => Promise<CommandResult>
}

export interface ToolScenario {
  /** Transcripts, one after the other on one cluster. */
  readonly files: readonly string[]
  readonly transport?: 'udpu' | 'udp'
  /** Only from this remark on. */
  readonly from?: string
  readonly rules?: readonly Rule[]
  /** What is done where a remark begins with these words. A remark that nobody knows is a mistake. */
  readonly remarks?: Readonly<Record<string, (run: ToolRun) => Promise<void> | void>>
  /** Before the first command of a file. */
  readonly before?: Readonly<Record<string, (run: ToolRun) => Promise<void>>>
  /** Both sides without what depends on more than the daemon. */
  readonly mask?: (text: string) => string
  /** Lines of logs that are compared; none by default. */
  readonly logLines?: RegExp
}

export class ToolRun {
  readonly cluster: ServiceCluster
  readonly scenario: ToolScenario
  readonly differences: string[] = []
  /** Reason to number of blocks. */
  readonly leftOut = new Map<string, number>()
  repeated = 0
  /** The last remark. */
  #section = ''
  /** Programs that run beside the others. */
  beside: readonly HostProcess[] = []
  readonly #logged: number[]

  constructor(cluster: ServiceCluster, scenario: ToolScenario) {
    this.cluster = cluster
    this.scenario = scenario
    this.#logged = cluster.nodes.map(() => 0)
  }

  async run(): Promise<void> {
    for (const file of this.scenario.files) {
      await this.scenario.before?.[file]?.(this)
      let skipping = this.scenario.from !== undefined
      let afterLog = true
      for (const item of loadToolTranscript(file)) {
        if (item.kind === 'remark' && item.text.startsWith(this.scenario.from ?? '\n')) skipping = false
        // The recorder read all logs together, one section after the other.
        if (item.kind === 'remark' && afterLog) this.#forgetLogs()
        if (item.kind === 'log' && !afterLog) await pause(RECORDER_PAUSE_MS)
        afterLog = item.kind === 'log'
        if (skipping) {
          if (item.kind === 'block') this.#leave('needs a second link, or links that are probed')
        } else if (item.kind === 'remark') {
          await this.#remark(item.text)
        } else if (item.kind === 'log') {
          await this.#compareLog(item.node, item.text)
        } else {
          await this.#repeat(item)
        }
      }
    }
  }

  /** Starts programs on node 1 whose lines come as they are printed; each has said that once it is ready. */
  async startBeside(programs: readonly (readonly [command: string, ready: string])[]): Promise<void> {
    const host = this.cluster.host(1)
    const started = programs.map(([command]) => host.spawn('stdbuf', ['-oL', ...command.split(' ')]))
    this.beside = started
    await until('programs to be ready', TOOL_MS, () =>
      started.every((program, i) => program.stdout.includes(programs[i]![1])) ? true : undefined,
    )
  }

  /** Runs a command line of the record on a node; its input ends after these bytes, or stays open. */
  command(node: number, words: readonly string[], stdin: string = ''): Promise<CommandResult> {
    const program = this.cluster.host(node).spawn(words[0]!, words.slice(1))
    if (stdin !== OPEN) program.child.stdin!.end(Buffer.from(stdin, 'latin1'))
    const late = setTimeout(() => program.signal('SIGKILL'), TOOL_MS)
    return program.exited.then(result => {
      clearTimeout(late)
      return { code: typeof result === 'number' ? result : null, stdout: program.stdout, stderr: program.stderr }
    })
  }

  /** Changes the configuration file of these nodes. */
  edit(nodes: readonly number[], change: (text: string) => string): void {
    for (const node of nodes) {
      const { configFile } = this.cluster.host(node)
      const was = readFileSync(configFile, 'utf8')
      const now = change(was)
      if (now === was) throw new Error(`the configuration of node ${node} did not change:\n${was}`)
      writeFileSync(configFile, now)
    }
  }

  /** A file on every node under its host's own run directory. */
  file(name: string, content: string | Uint8Array): void {
    for (const node of this.cluster.nodes) writeFileSync(join(this.cluster.host(node).directory, 'run', name), content)
  }

  differ(what: string, want: string, got: string): void {
    if (want !== got)
      this.differences.push(`${what}, after "${this.#section}"\n${difference(want.split('\n'), got.split('\n'))}`)
  }

  async #remark(text: string): Promise<void> {
    this.#section = text
    const known = Object.entries(this.scenario.remarks ?? {}).find(([start]) => text.startsWith(start))
    if (known === undefined) throw new Error(`nobody knows what to do about "${text}"`)
    await known[1](this)
  }

  async #repeat(recorded: Block): Promise<void> {
    const adapted = onUdp(recorded, this.scenario.transport ?? 'udpu')
    const rule = this.scenario.rules?.find(({ command }) =>
      typeof command === 'string' ? command === recorded.command : command.test(recorded.command),
    )
    const verdict = typeof rule?.verdict === 'function' ? rule.verdict(adapted, this) : rule?.verdict
    if (verdict !== undefined && 'leftOut' in verdict) {
      this.#leave(verdict.leftOut)
      return
    }
    const want: Block = { ...adapted, ...verdict }
    const got = await (rule?.run?.(this, want) ?? this.command(want.node, commandWords(want.command), stdinOf(want)))
    this.repeated++
    const show = (exit: string, stdout: string, stderr: string) =>
      `exit ${exit}\n${this.#masked(stdout)}--- on stderr\n${this.#masked(stderr)}`
    this.differ(
      `[node${want.node}] $ ${want.command}`,
      show(want.exit, want.stdout, want.stderr),
      show(String(got.code), got.stdout, got.stderr),
    )
  }

  #forgetLogs(): void {
    for (const node of this.cluster.nodes) this.#logged[node - 1] = this.cluster.host(node).log().length
  }

  async #compareLog(node: number, recorded: string): Promise<void> {
    const { logLines } = this.scenario
    if (logLines === undefined) return
    const chosen = (text: string) =>
      text
        .split('\n')
        .map(line => line.replace(LOG_PREFIX, ''))
        .filter(line => logLines.test(line))
    const want = chosen(recorded)
    const since = () =>
      chosen(
        this.cluster
          .host(node)
          .log()
          .slice(this.#logged[node - 1]),
      )
    // Other nodes write their logs when they come to it.
    await until('lines of a log', LOG_MS, () => (since().length >= want.length ? true : undefined)).catch(() => {})
    const got = since().map(line => this.#masked(line))
    const masked = want.map(line => this.#masked(line))
    // The C daemon loses lines that it logs while it configures its log.
    const there = this.cluster.kinds[node - 1] === 'c' ? masked.filter(line => got.includes(line)) : masked
    this.differ(`log of node ${node}`, there.join('\n'), got.join('\n'))
    this.#logged[node - 1] = this.cluster.host(node).log().length
  }

  #masked(text: string): string {
    return masked(this.scenario.mask?.(text) ?? text)
  }

  #leave(reason: string): void {
    this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + 1)
  }
}

/** The block of a program that runs beside the others, and has ended by now. */
export function ofBeside(command: string, index: number, verdict: Rule['verdict'] = {}): Rule {
  return {
    command,
    verdict,
    run: async run => {
      const program = run.beside[index]!
      const code = await program.exited
      return { code: typeof code === 'number' ? code : null, stdout: program.stdout, stderr: program.stderr }
    },
  }
}

/** The lines between those that both begin and end with. */
function difference(want: readonly string[], got: readonly string[]): string {
  let start = 0
  while (start < want.length && start < got.length && want[start] === got[start]) start++
  let end = 0
  while (end < want.length - start && end < got.length - start && want.at(-1 - end) === got.at(-1 - end)) end++
  const part = (mark: string, lines: readonly string[]) =>
    lines.slice(start, lines.length - end).map(line => `${mark} ${line}`)
  return [`  ${start} equal lines`, ...part('-', want), ...part('+', got), `  ${end} equal lines`].join('\n')
}

/** As the recorder wrote it: b'...' with the escapes of a byte string. */
function stdinOf(block: Block): string | undefined {
  const text = /^b'(.*)'$/.exec(block.stdin ?? '')?.[1]
  return text
    ?.replace(/\\x([0-9a-f]{2})/g, (_, byte) => String.fromCharCode(Number.parseInt(byte, 16)))
    .replaceAll('\\n', '\n')
}
