// A cluster of hosts for tests: each host is a network, mount and process namespace of its own, all of them joined by one or
// two bridges. Goes in: how many hosts, a ring configuration, a daemon command. Comes out: hosts to run things on, cables to
// cut, loss to add. Nothing has a name outside: a host lives exactly as long as the process that holds it, and that process
// ends when its standard input closes. So a finished, failed, interrupted or killed test takes its whole cluster with it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How long a host may take to come up, and how long the programs in it may take to end when asked. */
const SETUP_MS = 10_000
const END_MS = 10_000
/** How long a tool may take to answer a question; one that asks while its daemon starts can hang, and is asked again. */
const QUESTION_MS = 2000
/** The tail kept of each program's output, for messages about failures. */
const OUTPUT_TAIL_CHARS = 64_000

export interface TestbedOptions {
  readonly hosts: number
  /** Bridges, and so interfaces eth0, eth1 per host. */
  readonly links?: 1 | 2
  /** Leaves UDP segmentation offload on. Off by default: captures and loss then see each datagram as on a cable. */
  readonly offload?: boolean
  readonly mtu?: number
}

export interface RingConfig {
  readonly transport: 'udpu' | 'udp'
  readonly ip?: 4 | 6
  /** Further lines of the totem section, indented or not. */
  readonly totem?: string
  /** Further lines of the quorum section. */
  readonly quorum?: string
  /** Further sections. */
  readonly more?: string
}

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Waits until `look` gives something other than undefined; says what it waited for, and what it saw last, when it gives up. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | undefined | Promise<T | undefined>,
  seen: () => string = () => '',
  everyMs = 50,
): Promise<T> {
  const began = performance.now()
  for (;;) {
    const value = await look()
    if (value !== undefined) return value
    if (performance.now() - began > timeoutMs) {
      const last = seen()
      throw new Error(`gave up after ${timeoutMs} ms waiting for ${what}${last === '' ? '' : `; last seen: ${last}`}`)
    }
    await pause(everyMs)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/** A program on a host. */
export class HostProcess {
  readonly child: ChildProcess
  readonly exited: Promise<number | string | null>
  /** Exit code or signal name, once it has ended. */
  result: number | string | null | undefined
  stdout = ''
  stderr = ''
  #pid: number | undefined

  /** The child is the program itself, or a wrapper whose only child is the program. */
  constructor(child: ChildProcess, role: 'itself' | 'wrapper' = 'wrapper') {
    this.child = child
    if (role === 'itself') this.#pid = child.pid
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_TAIL_CHARS)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_TAIL_CHARS)
    })
    // A program that has gone cannot read what is written to it; its exit says so better than EPIPE does.
    child.stdin?.on('error', () => {})
    this.exited = new Promise(resolve => {
      child.on('error', error => {
        this.stderr += String(error)
        this.result = null
        resolve(null)
      })
      child.on('close', (code, signal) => {
        this.result = code ?? signal
        resolve(this.result)
      })
    })
  }

  get running(): boolean {
    return this.result === undefined
  }

  /** The process id of the program itself, in the machine's own namespace. */
  pid(): number {
    this.#pid ??= onlyChild(this.child.pid!)
    return this.#pid
  }

  /** To the program itself; its wrapper follows. Sending to a program that has ended is not an error. */
  signal(signal: NodeJS.Signals): void {
    if (!this.running) return
    try {
      process.kill(this.pid(), signal)
      // The wrapper stops itself together with its child, and has to be continued as well.
      if (signal === 'SIGCONT') process.kill(this.child.pid!, 'SIGCONT')
    } catch {}
  }

  /** Signals and waits; a program that does not end in time is killed, and that is an error. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = END_MS): Promise<number | string | null> {
    this.signal('SIGCONT')
    this.signal(signal)
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.signal('SIGKILL')
    }, timeoutMs)
    const result = await this.exited
    clearTimeout(timer)
    if (late) throw new Error(`a program did not end within ${timeoutMs} ms of ${signal}: ${this.stderr.slice(-2000)}`)
    return result
  }
}

/** The namespaces' first process, whose end is the end of everything in them. */
class Holder {
  readonly child: ChildProcess
  pid = 0

  constructor(script: string) {
    const flags = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private']
    this.child = spawn(
      'unshare',
      [...flags, 'sh', '-c', `set -e; mount -t proc proc /proc; ${script}; echo ready; cat`],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    this.child.stdin!.on('error', () => {})
  }

  async ready(): Promise<void> {
    let text = ''
    this.child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await until('a namespace', SETUP_MS, () => (text.includes('ready') ? true : undefined), undefined, 5)
    this.pid = onlyChild(this.child.pid!)
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = new Promise(resolve => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await gone
  }
}

/** A place where one node runs: a host of a testbed, or a loopback address of this machine. */
export interface Seat {
  /** Also the node id. */
  readonly index: number
  readonly directory: string
  readonly configFile: string
  spawn(command: string, args: readonly string[]): HostProcess
  log(): string
}

export class Host implements Seat {
  readonly index: number
  readonly directory: string
  readonly configFile: string
  readonly logFile: string
  /** The running daemon, if one was started. */
  daemon: HostProcess | undefined
  readonly #testbed: Testbed
  readonly #holder: Holder

  constructor(testbed: Testbed, index: number, directory: string, holder: Holder) {
    this.index = index
    this.directory = directory
    this.configFile = join(directory, 'corosync.conf')
    this.logFile = join(directory, 'log')
    this.#testbed = testbed
    this.#holder = holder
  }

  address(link = 0, ip: 4 | 6 = 4): string {
    return ip === 4 ? `10.77.${link}.${this.index}` : `fd77:${link}::${this.index}`
  }

  /** The command line that puts a program on this host. */
  wrap(command: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', inside(this.#holder, command, args)]
  }

  /** Starts a program that runs until it ends or is stopped. */
  spawn(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): HostProcess {
    const [wrapper, wrapped] = this.wrap(command, args)
    return new HostProcess(spawn(wrapper, wrapped, { stdio: ['pipe', 'pipe', 'pipe'], env }))
  }

  /** Runs a program to its end. */
  async run(command: string, args: readonly string[], timeoutMs = 10_000): Promise<CommandResult> {
    const program = this.spawn(command, args)
    program.child.stdin!.end()
    const late = setTimeout(() => program.signal('SIGKILL'), timeoutMs)
    const result = await program.exited
    clearTimeout(late)
    return { code: typeof result === 'number' ? result : null, stdout: program.stdout, stderr: program.stderr }
  }

  /** Starts a corosync daemon, the C one unless told otherwise. */
  start(command: readonly string[] = ['corosync']): HostProcess {
    const [program, ...first] = command
    this.daemon = this.spawn(program!, [...first, '-f', '-c', this.configFile])
    return this.daemon
  }

  log(): string {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : ''
  }

  /** What a C daemon here holds under a prefix of its configuration map; empty when it does not answer. */
  async cmap(prefix: string): Promise<Map<string, string>> {
    const { stdout } = await this.run('corosync-cmapctl', [prefix], QUESTION_MS)
    return new Map(
      stdout.split('\n').flatMap(line => {
        const match = /^(\S+) \(\w+\) = (.*)$/.exec(line)
        return match ? [[match[1]!, match[2]!] as const] : []
      }),
    )
  }

  /** The nodes that a C daemon here counts as joined, ascending; empty when it does not answer. */
  async joinedNodes(): Promise<number[]> {
    const keys = await this.cmap('runtime.members.')
    return [...keys]
      .flatMap(([key, value]) => {
        const match = /^runtime\.members\.(\d+)\.status$/.exec(key)
        return match && value === 'joined' ? [Number(match[1])] : []
      })
      .sort((a, b) => a - b)
  }

  /** Takes the cable out. */
  cut(link = 0): void {
    this.#testbed.switchCommand('ip', ['link', 'set', `v${link}-${this.index}`, 'down'])
  }

  heal(link = 0): void {
    this.#testbed.switchCommand('ip', ['link', 'set', `v${link}-${this.index}`, 'up'])
  }

  /** Drops that share, in percent, of what this host sends and of what it receives; 0 ends it. */
  loss(percent: number, link = 0): void {
    const rules = (device: string) =>
      `table netdev loss-${device} {}\ndelete table netdev loss-${device}\n` +
      (percent > 0
        ? `table netdev loss-${device} { chain in { type filter hook ingress device ${device} priority 0; ` +
          `numgen random mod 1000 < ${Math.round(percent * 10)} drop; }; }\n`
        : '')
    this.#testbed.switchCommand('nft', ['-f', '-'], rules(`v${link}-${this.index}`))
    enter(this.#holder, 'nft', ['-f', '-'], rules(`eth${link}`))
  }

  /** Runs a short command in this host's network only, synchronously. */
  network(command: string, args: readonly string[], input = ''): void {
    enter(this.#holder, command, args, input)
  }
}

export class Testbed {
  readonly directory: string
  readonly hosts: readonly Host[]
  readonly links: number
  readonly #switch: Holder
  readonly #holders: readonly Holder[]
  #down: Promise<void> | undefined

  private constructor(directory: string, links: number, bridge: Holder, holders: readonly Holder[]) {
    this.directory = directory
    this.links = links
    this.#switch = bridge
    this.#holders = holders
    this.hosts = holders.map((holder, i) => new Host(this, i + 1, hostDirectory(directory, i + 1), holder))
  }

  static async create(options: TestbedOptions): Promise<Testbed> {
    const links = options.links ?? 1
    const directory = mkdtempSync(join(tmpdir(), 'corosync-testbed-'))
    // The switch goes last and takes the files with it, whether or not anyone is left to call down().
    const bridge = new Holder(`trap 'rm -rf ${directory}' EXIT`)
    const holders: Holder[] = []
    for (let i = 1; i <= options.hosts; i++) {
      const own = hostDirectory(directory, i)
      for (const name of ['var', 'run/lock']) mkdirSync(join(own, name), { recursive: true })
      holders.push(
        new Holder(
          `mkdir -p /var/lib/corosync; mount --bind ${own}/var /var/lib/corosync; mount --bind ${own}/run /run; ` +
            'mount -t tmpfs shm /dev/shm; ip link set lo up',
        ),
      )
    }
    const testbed = new Testbed(directory, links, bridge, holders)
    try {
      await Promise.all([bridge, ...holders].map(holder => holder.ready()))
      testbed.#plug(options)
    } catch (error) {
      await testbed.down()
      throw error
    }
    return testbed
  }

  host(index: number): Host {
    const host = this.hosts[index - 1]
    if (!host) throw new RangeError(`no host ${index}`)
    return host
  }

  /** Bridges, cables and addresses, in one batch per namespace. */
  #plug(options: TestbedOptions): void {
    const mtu = options.mtu ? ` mtu ${options.mtu}` : ''
    const atSwitch: string[] = []
    for (let l = 0; l < this.links; l++) {
      atSwitch.push(`link add br${l} type bridge mcast_snooping 0`, `link set br${l} up`)
      for (const [i, holder] of this.#holders.entries()) {
        const port = `v${l}-${i + 1}`
        atSwitch.push(`link add ${port}${mtu} type veth peer name eth${l}${mtu} netns ${holder.pid}`)
        atSwitch.push(`link set ${port} master br${l} up`)
      }
    }
    enter(this.#switch, 'ip', ['-batch', '-'], `${atSwitch.join('\n')}\n`)
    for (const [i, holder] of this.#holders.entries()) {
      const host = this.hosts[i]!
      const lines: string[] = []
      for (let l = 0; l < this.links; l++) {
        lines.push(
          `addr add ${host.address(l)}/24 dev eth${l}`,
          `-6 addr add ${host.address(l, 6)}/64 dev eth${l} nodad`,
        )
        lines.push(`link set eth${l} up`)
      }
      lines.push('route add 239.192.0.0/16 dev eth0')
      enter(holder, 'ip', ['-batch', '-'], `${lines.join('\n').replaceAll('-6 ', '')}\n`)
      for (let l = 0; l < this.links && !options.offload; l++)
        enter(holder, 'ethtool', ['-K', `eth${l}`, 'tx-udp-segmentation', 'off'])
    }
  }

  /** Writes every host's configuration file; hosts beyond the nodes are none of the cluster. */
  configure(config: RingConfig, nodeCount = this.hosts.length): void {
    const ip = config.ip ?? 4
    const nodes = this.hosts.slice(0, nodeCount).map(host => {
      const rings = Array.from({ length: this.links }, (_, l) => `    ring${l}_addr: ${host.address(l, ip)}\n`).join('')
      return `  node {\n    nodeid: ${host.index}\n    name: n${host.index}\n${rings}  }\n`
    })
    for (const host of this.hosts) {
      const text =
        `totem {\n  version: 2\n  cluster_name: testbed\n  transport: ${config.transport}\n` +
        `${ip === 6 ? '  ip_version: ipv6\n' : ''}${config.totem ?? ''}\n}\n` +
        `nodelist {\n${nodes.join('')}}\n` +
        `quorum {\n  provider: corosync_votequorum\n${config.quorum ?? ''}\n}\n` +
        'system {\n  allow_knet_handle_fallback: yes\n  sched_rr: no\n}\n' +
        `logging {\n  to_stderr: no\n  to_logfile: yes\n  logfile: ${host.logFile}\n  to_syslog: no\n  timestamp: hires\n}\n` +
        `${config.more ?? ''}\n`
      writeFileSync(host.configFile, text)
    }
  }

  /**
   * Datagrams of host `from` no longer reach host `to`. Address resolution goes on: without it the way back would close as
   * well, after the half minute or so that a neighbour's address is remembered.
   */
  oneWayCut(from: number, to: number, link = 0): void {
    this.switchCommand(
      'nft',
      ['-f', '-'],
      'table bridge oneway { chain f { type filter hook forward priority 0; }; }\n' +
        `add rule bridge oneway f iifname v${link}-${from} oifname v${link}-${to} meta l4proto udp drop\n`,
    )
  }

  /** Ends every one-way cut. */
  clearOneWayCuts(): void {
    this.switchCommand('nft', ['-f', '-'], 'table bridge oneway {}\ndelete table bridge oneway\n')
  }

  /** Puts the network back as it was: cables in, no loss, no one-way cuts. */
  healAll(): void {
    this.clearOneWayCuts()
    for (const host of this.hosts)
      for (let l = 0; l < this.links; l++) {
        host.heal(l)
        host.loss(0, l)
      }
  }

  switchCommand(command: string, args: readonly string[], input = ''): void {
    enter(this.#switch, command, args, input)
  }

  /** Starts a program where it sees all cables, such as a capture. */
  spawnAtSwitch(command: string, args: readonly string[]): HostProcess {
    return new HostProcess(spawn('nsenter', inside(this.#switch, command, args), { stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  /** Ends everything in this cluster's own namespaces, and with that the namespaces. */
  down(): Promise<void> {
    this.#down ??= (async () => {
      await Promise.all(this.#holders.map(holder => holder.end()))
      await this.#switch.end()
      rmSync(this.directory, { recursive: true, force: true })
    })()
    return this.#down
  }
}

/** Arguments of nsenter that put a program into all namespaces of a holder. */
function inside(holder: Holder, command: string, args: readonly string[]): string[] {
  return ['-t', String(holder.pid), '-n', '-m', '-p', '--', command, ...args]
}

function hostDirectory(directory: string, index: number): string {
  return join(directory, String(index))
}

function onlyChild(pid: number): number {
  for (let i = 0; i < 200; i++) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    if (child) return Number(child)
    // The wrapper forks within microseconds of its start; a millisecond here is not worth a promise.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
  throw new Error(`process ${pid} started no program`)
}

/** A short command in the network of a namespace, synchronously; throws with its output when it fails. */
function enter(holder: Holder, command: string, args: readonly string[], input = ''): void {
  const done = spawnSync('nsenter', ['-t', String(holder.pid), '-n', '--', command, ...args], {
    input,
    encoding: 'utf8',
    timeout: SETUP_MS,
  })
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed: ${done.error ?? ''}${done.stderr}\n${input}`)
}

const TOOLS = [
  ...['unshare', 'nsenter', 'setpriv', 'stdbuf', 'ip', 'nft', 'ethtool', 'cc', 'nm'],
  ...['corosync', 'corosync-cmapctl', 'corosync-cpgtool', 'corosync-notifyd', 'corosync-qdevice', 'corosync-qnetd'],
  ...['pacemakerd', 'crm_mon'],
]
const HEADERS = ['corosync/cpg', 'corosync/cmap', 'corosync/cfg', 'corosync/quorum', 'corosync/votequorum', 'qb/qbipcc']

/** Why interoperation tests cannot run here; undefined when they can. */
export function interopObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`.split(':')
  const missing = TOOLS.filter(tool => !path.some(folder => existsSync(join(folder, tool))))
  missing.push(...HEADERS.map(name => `/usr/include/${name}.h`).filter(path => !existsSync(path)))
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (scripts/install-interop.sh installs them)`
  const trial = spawnSync(
    'unshare',
    ['--net', '--mount', '--pid', '--fork', 'nft', 'add', 'table', 'netdev', 'trial'],
    {
      encoding: 'utf8',
    },
  )
  return trial.status === 0 ? undefined : `namespaces or nftables are not allowed here: ${trial.stderr.trim()}`
}

/**
 * For a test's `skip` option: the reason, or false when it can run. Where CI is set a test that cannot run is a failure, because
 * there nobody would notice what was left out.
 */
export function interopSkip(): string | false {
  const reason = interopObstacle()
  if (reason === undefined) return false
  if (process.env.CI === 'true')
    throw new Error(`interoperation tests cannot run, and CI=true forbids to skip them: ${reason}`)
  return reason
}
