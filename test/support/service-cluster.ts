// Daemons that serve programs, on hosts of a testbed: C daemons, ours, or some of both, each with the same configuration. For
// tests that look at a daemon only through programs and its log.

import { fileURLToPath } from 'node:url'
import { Client, type Library } from './clients.js'
import { type Host, type HostProcess, type RingConfig, Testbed, until } from './testbed.js'

export type DaemonKind = 'c' | 'ours'

const DAEMON = fileURLToPath(new URL('../../../bin/corosync', import.meta.url))

/** Longest time until daemons agree about their ring, with short timers or not. */
const SETTLE_MS = 30_000

const SYNCHRONISED = 'Completed service synchronization, ready to provide service.'

/** Short timers, and long enough that a busy machine loses no token: what clients are told of then is the test's own doing. */
export const SERVICE_TIMERS = '  token: 1000\n  token_coefficient: 0\n  consensus: 1200\n'

/**
 * The rings that a test goes through. INTEROP_OURS=c proves the tests themselves with C daemons only; INTEROP_OURS=ours leaves
 * the C daemons out where nothing is mixed.
 */
export function daemonRings(...rings: readonly (readonly DaemonKind[])[]): readonly (readonly DaemonKind[])[] {
  const allC = (kinds: readonly DaemonKind[]) => kinds.every(kind => kind === 'c')
  if (process.env.INTEROP_OURS === 'c') return rings.filter(allC)
  if (process.env.INTEROP_OURS === 'ours') return rings.filter(kinds => !allC(kinds))
  return rings
}

/** The title of a ring. */
export function ringTitle(kinds: readonly DaemonKind[]): string {
  if (kinds.every(kind => kind === 'c')) return 'C daemons'
  if (kinds.every(kind => kind === 'ours')) return 'our daemons'
  return `daemons ${kinds.join(', ')}`
}

/** The command line of a daemon, without its options. */
export function daemonCommand(kind: DaemonKind): readonly string[] {
  return kind === 'c' ? ['corosync'] : [process.execPath, DAEMON]
}

export class ServiceCluster {
  readonly testbed: Testbed
  readonly kinds: DaemonKind[]
  readonly #daemons: (HostProcess | undefined)[]
  readonly #dead = new Set<number>()
  /** Length of each host's log when its daemon was started. */
  readonly #logged: number[]

  private constructor(testbed: Testbed, kinds: readonly DaemonKind[]) {
    this.testbed = testbed
    this.kinds = [...kinds]
    this.#daemons = kinds.map(() => undefined)
    this.#logged = kinds.map(() => 0)
  }

  /** Hosts with configuration files; nothing is started. There may be more hosts than nodes. */
  static async create(
    kinds: readonly DaemonKind[],
    config: Partial<RingConfig> = {},
    moreHosts = 0,
  ): Promise<ServiceCluster> {
    const testbed = await Testbed.create({ hosts: kinds.length + moreHosts })
    testbed.configure({ transport: 'udpu', totem: SERVICE_TIMERS, ...config }, kinds.length)
    return new ServiceCluster(testbed, kinds)
  }

  /** As `create`, with all daemons started and in one ring. */
  static async form(kinds: readonly DaemonKind[], config: Partial<RingConfig> = {}): Promise<ServiceCluster> {
    const cluster = await ServiceCluster.create(kinds, config)
    try {
      for (const node of cluster.nodes) cluster.start(node)
      await cluster.settled()
    } catch (error) {
      await cluster.down()
      throw error
    }
    return cluster
  }

  get nodes(): number[] {
    return this.kinds.map((_, i) => i + 1)
  }

  host(node: number): Host {
    return this.testbed.host(node)
  }

  daemon(node: number): HostProcess {
    const daemon = this.#daemons[node - 1]
    if (daemon === undefined) throw new Error(`no daemon was started on host ${node}`)
    return daemon
  }

  start(node: number): void {
    this.#logged[node - 1] = this.host(node).log().length
    this.#daemons[node - 1] = this.host(node).start(daemonCommand(this.kinds[node - 1]!))
  }

  /** Ends a daemon, and waits for that. */
  async stop(node: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    return this.daemon(node).stop(signal)
  }

  /** Every process of a host dies at once, and the host with them. */
  async killHost(node: number): Promise<void> {
    // The first process of a namespace is not meant by this; it ends when its child is gone.
    await this.host(node).run('kill', ['-KILL', '-1'])
    await this.daemon(node).exited
    this.#dead.add(node)
  }

  /** The hosts that have not been killed. */
  get living(): number[] {
    return this.nodes.filter(node => !this.#dead.has(node))
  }

  client(node: number, library: Library): Client {
    return new Client(this.host(node), library)
  }

  /** Waits until each of these nodes has finished the synchronisation of a ring of exactly these, as its log says. */
  async settled(members: readonly number[] = this.nodes): Promise<void> {
    const wanted = `Sync members[${members.length}]: ${members.join(' ')}\n`
    await until(
      `nodes ${members.join(', ')} to be synchronised with one another`,
      SETTLE_MS,
      () => {
        for (const node of members) {
          const daemon = this.daemon(node)
          if (!daemon.running)
            throw new Error(
              `daemon ${node} ended (${daemon.result}): ${daemon.stderr}\n${this.host(node).log().slice(-2000)}`,
            )
          const log = this.log(node)
          const last = log.slice(log.lastIndexOf('Sync members['))
          if (!last.startsWith(wanted) || !last.includes(SYNCHRONISED)) return undefined
        }
        return true
      },
      () => members.map(node => `node ${node}: ${this.log(node).slice(-500)}`).join('; '),
      10,
    )
  }

  /** What the daemon of this node has logged since its start. */
  log(node: number): string {
    return this.host(node)
      .log()
      .slice(this.#logged[node - 1])
  }

  /**
   * Datagrams between the parts are lost, from one moment to the next. Cables stay in: with them out neighbours' addresses are
   * forgotten, and a ring that heals hears some directions a second before others.
   */
  partition(...parts: readonly (readonly number[])[]): void {
    for (const part of parts)
      for (const from of part) for (const to of parts.flat()) if (!part.includes(to)) this.testbed.oneWayCut(from, to)
  }

  heal(): void {
    this.testbed.healAll()
  }

  down(): Promise<void> {
    return this.testbed.down()
  }
}
