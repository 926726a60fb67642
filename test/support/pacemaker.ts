// Debian's Pacemaker on the hosts of a cluster, with one resource: a Dummy, whose agent keeps a file where it runs. Goes in: a
// cluster whose daemons serve programs. Comes out: where the resource runs, as Pacemaker sees it and as the file says.

import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ServiceCluster } from './service-cluster.js'
import { type HostProcess, until } from './testbed.js'

/** How long Pacemaker may take to become online on all nodes, and to act on a change. */
const ONLINE_MS = 60_000
const ACT_MS = 40_000
const TOOL_MS = 10_000
const WATCH_MS = 20

const RESOURCE = 'd1'
/** In the host's own /run. */
const STATE_FILE = 'd1.state'

/**
 * The configuration that every node starts with: no fencing, no waiting for nodes that do not come (20 seconds by default), and
 * no slower pace where a machine is busy. The agent is asked every second.
 */
const CIB = `<cib crm_feature_set="3.0.0" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="options">
        <nvpair id="options-stonith" name="stonith-enabled" value="false"/>
        <nvpair id="options-deadtime" name="dc-deadtime" value="2s"/>
        <nvpair id="options-load" name="load-threshold" value="1000%"/>
        <nvpair id="options-quorum" name="no-quorum-policy" value="stop"/>
      </cluster_property_set>
    </crm_config>
    <nodes/>
    <resources>
      <primitive id="${RESOURCE}" class="ocf" provider="pacemaker" type="Dummy">
        <instance_attributes id="${RESOURCE}-attributes">
          <nvpair id="${RESOURCE}-state" name="state" value="/run/${STATE_FILE}"/>
        </instance_attributes>
        <operations><op id="${RESOURCE}-monitor" name="monitor" interval="1s"/></operations>
      </primitive>
    </resources>
    <constraints/>
  </configuration>
  <status/>
</cib>
`

export class Pacemaker {
  readonly #cluster: ServiceCluster
  readonly #daemons = new Map<number, HostProcess>()

  constructor(cluster: ServiceCluster) {
    this.#cluster = cluster
  }

  /** Starts it on a host, once for each life of the host's daemon: the two end together. */
  async start(node: number): Promise<void> {
    const host = this.#cluster.host(node)
    if (!this.#daemons.has(node)) {
      const own = join(host.directory, 'pacemaker')
      const folders = ['lib/cib', 'lib/pengine', 'lib/cores', 'lib/blackbox', 'log'].map(name => join(own, name))
      const [uid, gid] = pacemakerUser()
      for (const folder of folders) mkdirSync(folder, { recursive: true })
      const cib = join(own, 'lib/cib/cib.xml')
      writeFileSync(cib, CIB, { mode: 0o600 })
      for (const path of [join(own, 'lib'), ...folders, cib]) chownSync(path, uid, gid)
      await this.#do(node, 'sh', [
        '-c',
        `mount --bind ${own}/lib /var/lib/pacemaker && mount --bind ${own}/log /var/log/pacemaker && ` +
          'mkdir -p /run/crm /run/resource-agents && chown hacluster:haclient /run/crm',
      ])
    }
    this.#daemons.set(node, host.spawn('pacemakerd', ['-f']))
  }

  /** Ends in order: resources are moved away first. */
  async stop(node: number): Promise<void> {
    await this.#daemon(node).stop('SIGTERM', ACT_MS)
  }

  async online(nodes: readonly number[]): Promise<void> {
    await this.#seen(
      `nodes ${nodes} online`,
      nodes[0]!,
      text => nodes.every(node => hasNode(text, 'Online', `n${node}`)),
      ONLINE_MS,
    )
  }

  /** Waits until the resource runs on one of these hosts and on no other, and Pacemaker there says so; which one. */
  async runsOn(nodes: readonly number[], asked = nodes[0]!): Promise<number> {
    let where = 0
    await this.#seen(
      `the resource on one of nodes ${nodes}`,
      asked,
      text => {
        const told = Number(new RegExp(`${RESOURCE}\\s.*Started n(\\d)`).exec(text)?.[1])
        const running = this.running()
        if (running.length !== 1 || running[0] !== told || !nodes.includes(told)) return false
        where = told
        return true
      },
      ACT_MS,
    )
    return where
  }

  /** Waits until the resource runs nowhere and this node says so. */
  async runsNowhere(asked: number): Promise<void> {
    const stopped = (text: string) => new RegExp(`${RESOURCE}\\s.*Stopped`).test(text)
    await this.#seen('the resource to stop', asked, text => this.running().length === 0 && stopped(text), ACT_MS)
  }

  /** Waits until the agent on this host has stopped the resource. */
  async runsNowhereOn(node: number): Promise<void> {
    await until(`node ${node} to stop the resource`, ACT_MS, () => (this.running().includes(node) ? undefined : true))
  }

  /** The hosts whose agent has the resource running, by its own file. */
  running(): number[] {
    return this.#cluster.living.filter(node => existsSync(join(this.#cluster.host(node).directory, 'run', STATE_FILE)))
  }

  /** Looks at the hosts all the time until told to stop: whether two had the resource at once, and the longest time of none. */
  watch(): { readonly twice: () => boolean; readonly longestGapMs: () => number; stop(): void } {
    let twice = false
    let longest = 0
    let since = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      const count = this.running().length
      if (count > 1) twice = true
      if (count > 0) since = now
      else longest = Math.max(longest, now - since)
    }, WATCH_MS)
    return { twice: () => twice, longestGapMs: () => longest, stop: () => clearInterval(timer) }
  }

  async standby(node: number, on: boolean): Promise<void> {
    await this.#do(node, 'crm_standby', ['-N', `n${node}`, '-v', on ? 'on' : 'off'])
  }

  /** The last of its own log, for messages about failures. */
  #notable(node: number): string {
    const file = join(this.#cluster.host(node).directory, 'pacemaker/log/pacemaker.log')
    if (!existsSync(file)) return ''
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines
      .filter(line => /notice:|warning:|error:|crit:/.test(line))
      .slice(-20)
      .join('\n')
  }

  #daemon(node: number): HostProcess {
    const daemon = this.#daemons.get(node)
    if (daemon === undefined) throw new Error(`Pacemaker was not started on node ${node}`)
    return daemon
  }

  async #do(node: number, command: string, args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#cluster.host(node).run(command, args, TOOL_MS)
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} on node ${node}: exit ${code}: ${stdout}${stderr}`)
    return stdout
  }

  async #seen(what: string, node: number, found: (text: string) => boolean, timeoutMs: number): Promise<void> {
    let last = ''
    try {
      await until(
        what,
        timeoutMs,
        async () => {
          const { stdout, stderr } = await this.#cluster.host(node).run('crm_mon', ['-1', '-r'], TOOL_MS)
          last = stdout + stderr
          return found(stdout) ? true : undefined
        },
        () => `${last}; running on ${this.running()}`,
        200,
      )
    } catch (error) {
      const story = this.#cluster.nodes.map(
        other => `node ${other}:\n${this.#notable(other)}\n${this.#cluster.host(other).log().slice(-1500)}`,
      )
      throw new Error(`${(error as Error).message}\n${story.join('\n')}`)
    }
  }
}

function hasNode(text: string, state: string, name: string): boolean {
  return new RegExp(`${state}: \\[(?: n\\d)* ${name}\\b`).test(text)
}

function pacemakerUser(): [uid: number, gid: number] {
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(line => line.startsWith('hacluster:'))
  const [, , uid, gid] = entry?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new Error('there is no user hacluster: Pacemaker is not installed')
  return [Number(uid), Number(gid)]
}
