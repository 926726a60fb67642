// The clusters on which recorded tool transcripts are repeated: configured as the recorded ones, on our network.

import { writeFileSync } from 'node:fs'
import { type DaemonKind, ServiceCluster } from './service-cluster.js'
import { type Rule, ToolRun, type ToolScenario } from './tool-run.js'

/** A cluster as one of the recorded ones, and what is repeated on it. */
export interface ToolSetup {
  readonly nodes: number
  /** Hosts beyond the nodes, without a daemon. */
  readonly moreHosts?: number
  readonly config?: Partial<ToolsConfig>
  /** Daemons that are started in the beginning; all by default. */
  readonly start?: readonly number[]
  /** Also on rings of both kinds of daemons. */
  readonly mixed?: boolean
  readonly scenario: ToolScenario
}

/** As the recorded clusters were configured, on our network. */
export interface ToolsConfig {
  readonly nodes: readonly number[]
  readonly transport: string
  readonly cluster: string
  readonly token: string
  /** Further lines of totem, quorum, logging. */
  readonly totem: string
  readonly quorum: string
  readonly logging: string
}

export const DEFAULTS: ToolsConfig = {
  nodes: [],
  transport: 'udpu',
  cluster: 'tools',
  token: '1000',
  totem: '',
  quorum: '  provider: corosync_votequorum\n',
  logging: '',
}

/** The log file goes where the test bed looks for it. */
function configText(config: ToolsConfig, logFile: string): string {
  const nodes = config.nodes.map(
    node => `  node {\n    nodeid: ${node}\n    name: node${node}\n    ring0_addr: 10.77.0.${node}\n  }\n`,
  )
  return (
    `totem {\n  version: 2\n  cluster_name: ${config.cluster}\n  transport: ${config.transport}\n` +
    `  token: ${config.token}\n${config.totem}}\nnodelist {\n${nodes.join('')}}\nquorum {\n${config.quorum}}\n` +
    'system {\n  allow_knet_handle_fallback: yes\n  sched_rr: no\n}\n' +
    `logging {\n  to_syslog: no\n  to_stderr: no\n  to_logfile: yes\n  logfile: ${logFile}\n  timestamp: hires\n${config.logging}}\n`
  )
}

export function configure(cluster: ServiceCluster, on: readonly number[], config: Partial<ToolsConfig>): void {
  for (const node of on) {
    const { configFile, logFile } = cluster.host(node)
    writeFileSync(configFile, configText({ ...DEFAULTS, ...config }, logFile))
  }
}

/** The recorded configuration left the transport to the default, which is knet. */
export const withTransport: Rule['verdict'] = block => ({
  stdout: block.stdout.replace(/^(totem\.version .*)$/m, 'totem.transport (str) = udpu\n$1'),
})

/** Repeats the transcripts of a set-up on a cluster of its own. */
export async function repeat(kinds: readonly DaemonKind[], setup: ToolSetup): Promise<ToolRun> {
  const hosts = kinds.slice(0, setup.nodes)
  const cluster = await ServiceCluster.create(hosts, {}, setup.moreHosts)
  try {
    const nodes = hosts.map((_, i) => i + 1)
    const transport = setup.scenario.transport ?? 'udpu'
    configure(cluster, nodes, { nodes, transport, ...setup.config })
    const first = setup.start ?? nodes
    for (const node of first) cluster.start(node)
    await cluster.settled(first)
    const run = new ToolRun(cluster, setup.scenario)
    await run.run()
    return run
  } finally {
    await cluster.down()
  }
}
