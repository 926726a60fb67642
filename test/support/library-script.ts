// Plays a script of library calls (test/data/libraries) with the line-driven C clients on real daemons and gives it back with
// what the clients said, so that it can be compared, or recorded from C daemons. A script is lines of:
//
//   A = cpg on 1             starts a client of that library on that host
//   A> join g                a command; {n*128} stands for 128 times n
//     JOIN g rc=1            its results
//   A< CONFCHG group=g ...   a callback; those of one client are in order, those of several are grouped by client
//   ! partition 1 | 2        something done to the cluster: see `#change`
//   c| ... and ours| ...     in front of a result or callback that depends on the daemon: that of the host where the command was given, or
//                          where nothing was asked that of the client
//   # ...                    a remark
//
// Process ids are written as names of clients, sequence numbers of rings as R1, R2, ... in the order in which they are met,
// addresses in names of statistics as PTR.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Client, LIBRARIES, type Library } from './clients.js'
import type { DaemonKind, ServiceCluster } from './service-cluster.js'
import { pause, until } from './testbed.js'

/** How long callbacks may take that the script has; a ring that forms anew takes two seconds and more. */
const CALLBACK_MS = 8000
/** How long a recorder waits for callbacks that it does not know of. */
const QUIET_MS = 150
/** A script that has gone astray is not followed to its end. */
const MAX_MISMATCHES = 4

interface Step {
  readonly remarks: readonly string[]
  readonly action: string
  /** Results and callbacks with their variants. */
  readonly lines: readonly string[]
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(`../../../test/data/libraries/${name}.txt`, import.meta.url))
}

function parse(text: string): Step[] {
  const steps: { remarks: string[]; action: string; lines: string[] }[] = []
  let remarks: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') remarks.push(line)
    else if (/^(\w+ = |\w+> |! )/.test(line)) {
      steps.push({ remarks, action: line, lines: [] })
      remarks = []
    } else {
      const step = steps.at(-1)
      if (step === undefined) throw new Error(`a result before any action: ${line}`)
      step.lines.push(line)
    }
  }
  return steps
}

export class LibraryScript {
  readonly #cluster: ServiceCluster
  readonly #name: string
  readonly #clients = new Map<string, Client>()
  readonly #pids = new Map<string, string>()
  readonly #rings = new Map<string, string>()

  constructor(cluster: ServiceCluster, name: string) {
    this.#cluster = cluster
    this.#name = name
  }

  /** The steps that went otherwise than the script has them, as text; empty when all went well. */
  async play(): Promise<string[]> {
    const mismatches: string[] = []
    for (const step of parse(readFileSync(scriptPath(this.#name), 'utf8'))) {
      const results = await this.#act(step.action)
      const expected = this.#chosen(step)
      const wanted = new Map<string, number>()
      for (const line of expected) {
        const name = /^(\w+)< /.exec(line)?.[1]
        if (name !== undefined) wanted.set(name, (wanted.get(name) ?? 0) + 1)
      }
      const arrived = () =>
        [...wanted].every(([name, count]) => this.#client(name).callbacks().length >= count) ? true : undefined
      await until('callbacks', CALLBACK_MS, arrived, undefined, 5).catch(() => {})
      const got = this.#said(step.action, results)
      const want = this.#inOrder(expected)
      if (got.join('\n') === want.join('\n')) continue
      mismatches.push(`${step.action}\nexpected:\n${want.join('\n')}\ngot:\n${got.join('\n')}`)
      if (mismatches.length === MAX_MISMATCHES) break
    }
    return mismatches
  }

  /** Writes the script anew with what was said, on C daemons. Lines of our daemons stay, and make those of C into variants. */
  async record(): Promise<void> {
    const out: string[] = []
    for (const step of parse(readFileSync(scriptPath(this.#name), 'utf8'))) {
      const results = await this.#act(step.action)
      await pause(QUIET_MS)
      const ours = step.lines.filter(line => line.startsWith('ours|'))
      const said = this.#said(step.action, results)
      const common = step.lines.filter(line => !/^(c|ours)\|/.test(line))
      // What both daemons say was never marked.
      const marked = said.map(line => (ours.length > 0 && !common.includes(line) ? `c|${line}` : line))
      out.push(...step.remarks, step.action, ...marked, ...ours)
    }
    writeFileSync(scriptPath(this.#name), `${out.join('\n')}\n`)
  }

  async #act(action: string): Promise<string[]> {
    const started = /^(\w+) = (\w+) on (\d+)$/.exec(action)
    const asked = /^(\w+)> (.*)$/.exec(action)
    if (started !== null) {
      const [, name, library, node] = started
      if (!LIBRARIES.includes(library as Library)) throw new Error(`no library ${library}`)
      this.#clients.set(name!, this.#cluster.client(Number(node), library as Library))
      return []
    }
    if (asked !== null) {
      const client = this.#client(asked[1]!)
      const results = await client.ask(expand(asked[2]!))
      const pid = /pid=(\d+)/.exec(results.join())?.[1]
      if (pid !== undefined) this.#pids.set(`${client.host.index}:${pid}`, asked[1]!)
      return results
    }
    await this.#change(action.slice(2))
    return []
  }

  /** What is done to the cluster; over when the daemons that run are synchronised in the rings that follow from it. */
  async #change(what: string): Promise<void> {
    const [verb, ...words] = what.split(' ')
    const node = Number(words[0])
    let parts: number[][] | undefined
    switch (verb) {
      case 'partition':
        parts = what.slice('partition'.length).split('|').map(numbers)
        this.#cluster.partition(...parts)
        break
      case 'heal':
        this.#cluster.heal()
        break
      case 'start':
        this.#cluster.start(node)
        break
      case 'stop':
        await this.#cluster.stop(node)
        break
      case 'kill':
        await this.#cluster.stop(node, 'SIGKILL')
        break
      case 'gone':
        // By something that was asked of it.
        await until(`daemon ${node} to end`, CALLBACK_MS, () => (this.#cluster.daemon(node).running ? undefined : true))
        break
      case 'end':
        await this.#client(words[0]!).kill()
        return
      case 'wait':
        await pause(node)
        return
      default:
        throw new Error(`unknown action: ${what}`)
    }
    parts ??= [this.#cluster.nodes.filter(other => this.#cluster.daemon(other).running)]
    for (const part of parts) if (part.length > 0) await this.#cluster.settled(part)
  }

  #client(name: string): Client {
    const client = this.#clients.get(name)
    if (client === undefined) throw new Error(`no client ${name}`)
    return client
  }

  #said(action: string, results: readonly string[]): string[] {
    const actor = /^(\w+)> /.exec(action)?.[1]
    const lines = actor === undefined ? [] : results.map(line => `  ${this.#masked(line, actor)}`)
    for (const [name, client] of this.#clients) {
      lines.push(...client.callbacks().map(line => `${name}< ${this.#masked(line, name)}`))
      client.look()
    }
    return lines
  }

  /** The lines for the daemons of this cluster. */
  #chosen(step: Step): string[] {
    const actor = /^(\w+)> /.exec(step.action)?.[1]
    return step.lines.flatMap(line => {
      const variant = /^(c|ours)\|(.*)$/.exec(line)
      if (variant === null) return [line]
      // A callback follows from a command, where there is one.
      const name = actor ?? /^(\w+)< /.exec(variant[2]!)?.[1]
      return name !== undefined && this.#kindOf(name) === variant[1] ? [variant[2]!] : []
    })
  }

  #kindOf(name: string): DaemonKind {
    return this.#cluster.kinds[this.#client(name).host.index - 1]!
  }

  /** Results first, then callbacks by client in the order in which clients were started. */
  #inOrder(lines: readonly string[]): string[] {
    const order = [...this.#clients.keys()]
    const rank = (line: string) => {
      const name = /^(\w+)< /.exec(line)?.[1]
      return name === undefined ? -1 : order.indexOf(name)
    }
    return lines.toSorted((a, b) => rank(a) - rank(b))
  }

  #masked(line: string, name: string): string {
    const node = this.#client(name).host.index
    return compress(line)
      .replace(/\b(\d+):(\d+)(?=[:,\] ]|$)/g, (whole, id, pid) => {
        const client = this.#pids.get(`${id}:${pid}`)
        return client === undefined ? whole : `${id}:${client}`
      })
      .replace(/^(MEMBERS.*)$/, text => text.replace(/(\d+:\w+):\d+/g, '$1'))
      .replace(/ pid=\d+$/, ` pid=${name}`)
      .replace(/\b(ring=\d+\.)(\d+)/g, (_, before, seq) => before + this.#ring(seq))
      .replace(/\b(seq=)(\d+)/g, (_, before, seq) => before + this.#ring(seq))
      .replace(/(stats\.ipcs\.service\d+\.)(\d+)\.0x[0-9a-f]+/g, (_, before, pid) => {
        return `${before}${this.#pids.get(`${node}:${pid}`) ?? pid}.PTR`
      })
  }

  #ring(seq: string): string {
    const known = this.#rings.get(seq)
    if (known !== undefined) return known
    const label = `R${this.#rings.size + 1}`
    this.#rings.set(seq, label)
    return label
  }
}

function expand(command: string): string {
  return command.replace(/\{(.)\*(\d+)\}/g, (_, character: string, count) => character.repeat(Number(count)))
}

function compress(line: string): string {
  return line.replace(/([a-z])\1{39,}/g, (run, character) => `{${character}*${run.length}}`)
}

function numbers(list: string): number[] {
  return list.trim().split(/[ ,]+/).map(Number)
}
