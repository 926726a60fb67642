// Replays a recorded transcript of CPG clients (test/data/services) on nodes of the fake ring, and gives back what its
// clients see, in the same words.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CpgIteration, type CpgIterationType } from '../../src/services/cpg/iteration.js'
import type { CpgAddress, CpgConnection, CpgListener, CpgMembershipChange } from '../../src/services/cpg/types.js'
import { CsError } from '../../src/services/errors.js'
import type { RingIdentity } from '../../src/totem/types.js'
import { FakeCluster } from './fake-ring.js'
import { type ServiceNode, startNode } from './service-node.js'

type Seen = Record<string, string[]>

export interface Transcript {
  readonly title: string
  readonly nodes: number
  readonly clients: Record<string, { readonly node: number }>
  readonly steps: readonly { readonly do: string; readonly seen: Seen }[]
}

export function loadTranscript(name: string): Transcript {
  const path = fileURLToPath(new URL(`../../../test/data/services/${name}.json`, import.meta.url))
  return JSON.parse(readFileSync(path, 'utf8')) as Transcript
}

/** What a transcript says its clients saw, without what is not the service's doing. */
export function expectedSteps(transcript: Transcript): { do: string; seen: Seen }[] {
  return transcript.steps.map(step => {
    const seen: Seen = {}
    for (const [client, lines] of Object.entries(step.seen)) {
      const kept = lines
        // The library notices that its daemon is gone.
        .filter(line => line !== 'HUP' && !line.startsWith('DISPATCH'))
        // Reasons in answers about members are uninitialised memory.
        .map(line => (line.startsWith('MEMBERS') ? line.replace(/(\d+:\w+):\d+/g, '$1') : line))
      if (kept.length > 0) seen[client] = kept
    }
    return { do: step.do, seen }
  })
}

interface Client {
  readonly name: string
  readonly node: ServiceNode
  readonly pid: number
  readonly flags: number
  readonly connection: CpgConnection
  group: string
}

export class Replay {
  readonly #cluster = new FakeCluster()
  readonly #clients = new Map<string, Client>()
  readonly #lines: [string, string][] = []
  /** Sequence numbers of rings that clients were told of. */
  readonly #told = new Set<number>()
  readonly #transcript: Transcript

  constructor(transcript: Transcript) {
    this.#transcript = transcript
  }

  /** Runs all steps. */
  run(): { do: string; seen: Seen }[] {
    for (let id = 1; id <= this.#transcript.nodes; id++) startNode(this.#cluster, id, { reusableHandles: false })
    this.#form([...this.#cluster.nodes.keys()])
    const steps = this.#transcript.steps.map(step => {
      this.#lines.length = 0
      this.#perform(step.do)
      const seen: Seen = {}
      for (const [client, line] of this.#lines) {
        seen[client] ??= []
        seen[client].push(line)
      }
      return { do: step.do, seen }
    })
    const labels = new Map([...this.#told].sort((a, b) => a - b).map((seq, index) => [seq, `S${index + 1}`]))
    for (const { seen } of steps) {
      for (const [client, lines] of Object.entries(seen)) {
        seen[client] = lines.map(line => line.replace(/^(TOTEM ring=\d+\.)#(\d+)/, (_, a, b) => a + labels.get(+b)))
      }
    }
    return steps
  }

  #perform(action: string): void {
    const start = /^start client (\w+) on node (\d+)( with model v1 flags=1)?$/.exec(action)
    const partition = /^partition network: ([\d,]+) \| ([\d,]+)$/.exec(action)
    const daemon = /^node (\d+): daemon (.+)$/.exec(action)
    const client = /^(\w+): (.+)$/.exec(action)
    if (start !== null) this.#startClient(start[1]!, Number(start[2]), start[3] === undefined ? 0 : 1)
    else if (partition !== null) this.#partition([ids(partition[1]!), ids(partition[2]!)])
    else if (action.startsWith('heal network')) this.#form([...this.#cluster.nodes.keys()])
    else if (daemon !== null) this.#daemon(Number(daemon[1]), daemon[2]!)
    else if (client !== null) this.#client(this.#clients.get(client[1]!)!, client[2]!)
    else throw new Error(`unknown step: ${action}`)
  }

  #startClient(name: string, nodeId: number, flags: number): void {
    const node = this.#cluster.node(nodeId) as ServiceNode
    const pid = 100 + this.#clients.size
    const connection = node.cpg.connect(this.#listener(name))
    this.#clients.set(name, { name, node, pid, flags, connection, group: '' })
    this.#see(name, `INIT rc=1 pid=${name}`)
  }

  #listener(name: string): CpgListener {
    return {
      deliver: (nodeId, pid, buf, off, len) => {
        const data = Buffer.from(buf.subarray(off, off + len)).toString()
        const { group } = this.#clients.get(name)!
        this.#see(name, `DELIVER group=${group} from=${nodeId}:${this.#process(pid)} len=${len} data=${data}`)
      },
      deliverPartial: () => {
        throw new Error('no transcript has partial messages')
      },
      membershipChanged: (change: CpgMembershipChange) => {
        const { members, left, joined } = change
        const lists = `members=[${this.#list(members)}] left=[${this.#list(left)}] joined=[${this.#list(joined)}]`
        this.#see(name, `CONFCHG group=${Buffer.from(change.group)} ${lists}`)
      },
      ringChanged: (ring: RingIdentity, members) => {
        this.#told.add(ring.seq)
        this.#see(name, `TOTEM ring=${ring.nodeId}.#${ring.seq} members=[${members}]`)
      },
    }
  }

  #client(client: Client, action: string): void {
    const [verb, argument = ''] = action.split(' ')
    const { name, connection, pid } = client
    const group = Buffer.from(argument)
    switch (verb) {
      case 'join': {
        const rc = connection.join(group, pid, client.flags)
        if (rc === CsError.OK) client.group = argument
        this.#see(name, `JOIN ${argument} rc=${rc}`)
        break
      }
      case 'leave':
        this.#see(name, `LEAVE ${argument} rc=${connection.leave(group, pid)}`)
        break
      case 'mcast':
        // The library has no answer to a multicast and says 1 whatever becomes of it.
        connection.mcast(group, 0, group.length)
        this.#see(name, `MCAST ${argument} rc=1`)
        break
      case 'members': {
        const members = client.node.cpg.members(group)
        const list = members.map(member => `${member.nodeId}:${this.#process(member.pid)}`)
        this.#see(name, `MEMBERS ${argument} rc=1 n=${members.length} [${list}]`)
        break
      }
      case 'iter':
        this.#iterate(client, action)
        break
      case 'finalize':
        connection.close()
        this.#see(name, 'FINALIZE rc=1')
        break
      case 'process':
        connection.close()
        break
      default:
        throw new Error(`unknown action of a client: ${action}`)
    }
    this.#rest()
  }

  #iterate(client: Client, action: string): void {
    const [, type, group = ''] = action.split(' ')
    const entries = client.node.cpg.iterate(Number(type) as CpgIterationType, Buffer.from(group))
    this.#see(client.name, `ITER_INIT ${type} rc=1`)
    for (const entry of entries) {
      const process = Number(type) === CpgIteration.NAME_ONLY ? entry.pid : this.#process(entry.pid)
      this.#see(client.name, `ITER ${Buffer.from(entry.group)} ${entry.nodeId}:${process}`)
    }
    this.#see(client.name, 'ITER_END rc=27')
    this.#see(client.name, 'ITER_FIN rc=1')
  }

  #daemon(id: number, what: string): void {
    const others = [...this.#cluster.nodes.keys()].filter(other => other !== id)
    switch (what) {
      case 'killed with SIGKILL':
        this.#cluster.nodes.delete(id)
        this.#form(others)
        break
      case 'stopped with SIGTERM': {
        const node = this.#cluster.node(id) as ServiceNode
        node.executive.exit()
        this.#rest()
        if (!node.executive.drained) throw new Error('a node that ends is not drained')
        this.#cluster.nodes.delete(id)
        this.#form(others)
        break
      }
      case 'started':
        startNode(this.#cluster, id, { reusableHandles: false })
        this.#form([...others, id])
        break
      case 'SIGSTOP':
        // It stays on its old ring, and receives nothing.
        this.#cluster.node(id).deaf = true
        this.#form(others)
        break
      case 'SIGCONT':
        this.#form([...others, id])
        break
      default:
        throw new Error(`unknown action on a daemon: ${what}`)
    }
  }

  #form(members: readonly number[]): void {
    this.#cluster.run(this.#cluster.form(members))
  }

  /** The parts come apart at the same moment, so their rings bear the same number. */
  #partition(parts: readonly (readonly number[])[]): void {
    const seq = this.#cluster.rings.at(-1)!.identity.seq + 4
    for (const part of parts) this.#cluster.run(this.#cluster.form(part, seq))
  }

  /** Lets every ring that is in use come to rest. */
  #rest(): void {
    const rings = new Set([...this.#cluster.nodes.values()].filter(node => !node.deaf).map(node => node.ring))
    for (const ring of rings) if (ring !== null) this.#cluster.run(ring)
  }

  #see(client: string, line: string): void {
    this.#lines.push([client, line])
  }

  #process(pid: number): string {
    return [...this.#clients.values()].find(client => client.pid === pid)?.name ?? String(pid)
  }

  #list(list: readonly CpgAddress[]): string {
    return list.map(({ nodeId, pid, reason }) => `${nodeId}:${this.#process(pid)}:${reason}`).join()
  }
}

function ids(list: string): number[] {
  return list.split(',').map(Number)
}
