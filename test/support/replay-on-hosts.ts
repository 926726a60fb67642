// Replays a recorded transcript of CPG clients (test/data/services) with C clients on real daemons, and gives back what the
// clients logged in the words of the transcript, beside what the transcript has them log.
//
// What may differ from the record, and nothing else:
// - Process ids are client names, as in the record. Numbers of rings are replaced by #: those of two parts of a partition need not
//   be equal, and a ring may take a second attempt. That they are one ring and that they ascend is asserted here.
// - Nodes joined by a merge (reason 4) stand in the order in which the nodes' lists were delivered, which is chance; within a
//   node the order is kept.
// - Before a node that was frozen is back with the others, both sides may have rings of their own once more: that depends on what waits
//   in its socket.
// - Reasons in the answers about members are uninitialised memory of the C daemon.
// - After `leave` our daemons let a handle join again, as the manual says; in the C daemon it keeps hearing its group and can
//   never join. So where the client's daemon is ours, its events of that group are not expected, and that it joins again is
//   left out: tests of the library calls do that instead.

import assert from 'node:assert/strict'
import type { Client } from './clients.js'
import type { ServiceCluster } from './service-cluster.js'
import { pause, until } from './testbed.js'
import type { Transcript } from './transcript.js'

/** How long the lines of a step may take; a death is noticed after a second, and a program of ours takes one to start. */
const STEP_MS = 20_000
/** A synchronisation takes some milliseconds, and as many seconds as a busy machine likes. */
const TRY_AGAIN_MS = 10
const TRIES_MAX = 300
/** How long lines that nobody expects have to appear before the end. */
const QUIET_MS = 300

type Seen = Record<string, string[]>

export interface ReplayedStep {
  readonly do: string
  readonly seen: Seen
  readonly expected: Seen
}

export class HostReplay {
  readonly #cluster: ServiceCluster
  readonly #transcript: Transcript
  readonly #clients = new Map<string, Client>()
  /** "node:pid" to the name of a client. */
  readonly #names = new Map<string, string>()
  /** Clients of our daemons that have left their group. */
  readonly #left = new Map<string, string>()
  readonly #lastRing = new Map<string, number>()

  constructor(cluster: ServiceCluster, transcript: Transcript) {
    this.#cluster = cluster
    this.#transcript = transcript
  }

  async run(): Promise<ReplayedStep[]> {
    const steps: ReplayedStep[] = []
    for (const step of this.#transcript.steps) {
      if (this.#isLeftOut(step.do)) continue
      await this.#perform(step.do)
      const expected = this.#expected(step.seen)
      const wanted = Object.entries(expected)
      const arrived = () =>
        wanted.every(([name, lines]) => (this.#clients.get(name)?.peek().length ?? 0) >= lines.length)
          ? true
          : undefined
      // Lines that never come are the business of the comparison.
      await until('the lines of a step', STEP_MS, arrived, undefined, 5).catch(() => {})
      steps.push({ do: step.do, seen: {}, expected })
      const { seen } = steps.at(-1)!
      this.#collect(seen)
      if (/^node \d+: daemon SIGCONT$/.test(step.do)) withoutParts(seen, this.#cluster.nodes)
    }
    await pause(QUIET_MS)
    const rest: Seen = {}
    this.#collect(rest)
    steps.push({ do: 'nothing more', seen: rest, expected: {} })
    return steps
  }

  #isLeftOut(action: string): boolean {
    const join = /^(\w+): join (\S+)$/.exec(action)
    return join !== null && this.#left.get(join[1]!) === join[2]
  }

  async #perform(action: string): Promise<void> {
    const start = /^start client (\w+) on node (\d+)(?: with model v1 flags=(\d))?$/.exec(action)
    const partition = /^partition network: ([\d,]+) \| ([\d,]+)$/.exec(action)
    const daemon = /^node (\d+): daemon (.+)$/.exec(action)
    const client = /^(\w+): (.+)$/.exec(action)
    if (start !== null) await this.#startClient(start[1]!, Number(start[2]), start[3] ?? '0')
    else if (partition !== null) this.#cluster.partition(numbers(partition[1]!), numbers(partition[2]!))
    else if (action.startsWith('heal network')) this.#cluster.heal()
    else if (daemon !== null) await this.#daemon(Number(daemon[1]), daemon[2]!)
    else if (client !== null) await this.#client(client[1]!, client[2]!)
    else throw new Error(`unknown step: ${action}`)
  }

  async #startClient(name: string, node: number, flags: string): Promise<void> {
    const client = this.#cluster.client(node, 'cpg')
    this.#clients.set(name, client)
    const pid = /pid=(\d+)/.exec(await client.connect(`init ${flags}`))?.[1]
    this.#names.set(`${node}:${pid}`, name)
  }

  async #daemon(node: number, what: string): Promise<void> {
    switch (what) {
      case 'killed with SIGKILL':
        await this.#cluster.stop(node, 'SIGKILL')
        break
      case 'stopped with SIGTERM':
        await this.#cluster.stop(node)
        break
      case 'started':
        this.#cluster.start(node)
        break
      case 'SIGSTOP':
      case 'SIGCONT':
        this.#cluster.daemon(node).signal(what)
        break
      default:
        throw new Error(`unknown action on a daemon: ${what}`)
    }
  }

  async #client(name: string, action: string): Promise<void> {
    const client = this.#clients.get(name)
    assert.ok(client, `client ${name} was not started`)
    if (action === 'process killed with SIGKILL') {
      await client.kill()
      return
    }
    let [result = ''] = await client.ask(action)
    // Members hear of a change before the other services have agreed: until then a multicast has to be tried again.
    for (let tries = 0; result.endsWith(' rc=6') && tries < TRIES_MAX; tries++) {
      client.withdraw(result)
      await pause(TRY_AGAIN_MS)
      ;[result = ''] = await client.ask(action)
    }
    // The daemon sees the end of the connection later, and nobody may be there who could say when.
    if (action === 'finalize') await pause(QUIET_MS)
    const leave = /^leave (\S+)$/.exec(action)
    if (leave !== null && result.endsWith('rc=1') && this.#kindOf(name) === 'ours') this.#left.set(name, leave[1]!)
  }

  #kindOf(name: string): string {
    return this.#cluster.kinds[this.#transcript.clients[name]!.node - 1]!
  }

  #expected(seen: Seen): Seen {
    const expected: Seen = {}
    for (const [name, lines] of Object.entries(seen)) {
      const group = this.#left.get(name)
      const kept = lines
        // Its own leave it is told of in the step in which it leaves.
        .filter(
          line => !line.includes(` group=${group} `) || lines.some(other => other.startsWith(`LEAVE ${group} rc=1`)),
        )
        .map(line => normalize(line))
      if (kept.length > 0) expected[name] = kept
    }
    return expected
  }

  #collect(seen: Seen): void {
    const rings = new Map<string, number>()
    for (const [name, client] of this.#clients) {
      const lines = client.look()
      if (lines.length === 0) continue
      seen[name] = lines.map(line => {
        const ring = /^TOTEM ring=(\d+)\.(\d+) members=(.*)$/.exec(line)
        if (ring !== null) this.#checkRing(name, ring[1]!, Number(ring[2]), ring[3]!, rings)
        return normalize(this.#named(line, this.#transcript.clients[name]!.node))
      })
    }
  }

  /** Clients that are told of the same members in one step are in the same ring, and rings of a client ascend. */
  #checkRing(name: string, representative: string, seq: number, members: string, rings: Map<string, number>): void {
    const same = `${representative} ${members}`
    assert.equal(rings.get(same) ?? seq, seq, `client ${name} is told of another ring with members ${members}`)
    rings.set(same, seq)
    assert.ok(seq > (this.#lastRing.get(name) ?? 0), `the ring of client ${name} goes back to ${seq}`)
    this.#lastRing.set(name, seq)
  }

  #named(line: string, node: number): string {
    return line
      .replace(/\b(\d+):(\d+)(?=[:,\] ]|$)/g, (whole, id, pid) => {
        const name = this.#names.get(`${id}:${pid}`)
        return name === undefined ? whole : `${id}:${name}`
      })
      .replace(/ pid=(\d+)$/, (whole, pid) => {
        const name = this.#names.get(`${node}:${pid}`)
        return name === undefined ? whole : ` pid=${name}`
      })
  }
}

/** Without rings that are not of all nodes. */
function withoutParts(seen: Seen, nodes: readonly number[]): void {
  for (const [name, lines] of Object.entries(seen))
    seen[name] = lines.filter(line => !line.startsWith('TOTEM') || line.endsWith(`[${nodes}]`))
}

function normalize(line: string): string {
  if (line.startsWith('TOTEM')) return line.replace(/^(TOTEM ring=\d+)\.\S+/, '$1.#')
  if (line.startsWith('MEMBERS')) return line.replace(/(\d+:\w+):\d+/g, '$1')
  if (!line.startsWith('CONFCHG')) return line
  return line.replace(/ joined=\[([^\]]*)\]$/, (whole, list: string) => {
    const entries = list.split(',')
    if (!entries.every(entry => entry.endsWith(':4'))) return whole
    const byNode = entries.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    return ` joined=[${byNode}]`
  })
}

function numbers(list: string): number[] {
  return list.split(',').map(Number)
}
