// Starts a node inside this program. In: a configuration as a file, a text or a description. Out: a cluster handle once the
// node is on a ring. Chooses the engine: a worker thread on the real loop where that can be, node:dgram elsewhere.

import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { type ConfigProblem, type Configuration, loadConfiguration, problemLines } from '../config/index.js'
import { parseIp } from '../config/ip.js'
import type { HostInfo } from '../config/localnode.js'
import { type ExecutiveSetup, executiveSetup } from '../daemon/executive-setup.js'
import { listFiles, readHost, resolveHost } from '../daemon/host.js'
import type { LogRecord } from '../log/record.js'
import { levelRank } from '../log/settings.js'
import type { LogLevel } from '../log/types.js'
import { EngineRecording } from '../recorder/engine-recording.js'
import { CsError } from '../services/errors.js'
import { native } from '../sys/native.js'
import { Cluster } from './cluster.js'
import { createDgramLink } from './dgram-link.js'
import { ClusterError, EngineError } from './errors.js'
import { configurationText, type NodeDescription } from './node-description.js'
import { WorkerLink } from './worker-link.js'

export interface StartOptions {
  /** The path of a corosync.conf, or the cluster in the program's own words. */
  readonly config: string | NodeDescription
  /**
   * `native`: a thread of its own and the real loop (Linux, with the binding to the C library). `dgram`: this thread and
   * node:dgram, transport udpu. `auto` (default) takes the first that works.
   */
  readonly engine?: 'auto' | 'native' | 'dgram'
  /**
   * A directory for the ring id. With a file: the one that the file names by default. With a description: none by
   * default; ring ids then follow the time of day.
   */
  readonly stateDir?: string
  /** Lines of the engine's log. Without it nothing is logged. */
  readonly log?: (record: LogRecord) => void
  /** Least severe level that `log` gets (info). */
  readonly logLevel?: LogLevel
  /**
   * A file to which every packet and configuration of the ring is written, for `corosync-sim check`. Lives of a node
   * follow each other in it. Should it become impossible to write, `log` is told and the ring goes on.
   */
  readonly record?: string
  /** What a group's events may take up, untaken, before the membership is ended (64 MiB). */
  readonly maxQueuedBytes?: number
}

/** The configuration has mistakes, or asks for what cannot be run. */
export class ConfigurationError extends ClusterError {
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(CsError.INVALID_PARAM, problems.flatMap(problemLines).join('\n'))
    this.problems = problems
  }
}

/** What `file:line:column` of a mistake in a description refers to. */
const DESCRIPTION_FILE = '(description)'

/** Starts a node; resolves when it is on a ring and groups can be joined. */
export async function startNode(options: StartOptions): Promise<Cluster> {
  const setup = setupOf(await configurationOf(options), options)
  const inThread = options.engine === 'dgram' || (options.engine !== 'native' && !nativeWorks())
  const log = options.log ?? (() => {})
  const recording = options.record === undefined ? undefined : recordingOf(options.record, setup.nodeId, log)
  const cluster = new Cluster(listener =>
    inThread ? createDgramLink(setup, listener, log, recording) : new WorkerLink(setup, listener, log, recording),
  )
  await new Promise<void>((resolve, reject) => {
    cluster.once('ring', () => resolve())
    cluster.once('end', error => reject(error ?? new EngineError('the node has left the ring')))
  })
  return cluster
}

function recordingOf(path: string, nodeId: number, log: (record: LogRecord) => void): EngineRecording {
  const onError = (error: Error): void =>
    log({
      timeMs: Date.now(),
      level: 'error',
      subsystem: 'MAIN',
      message: `Recording to ${path} has ended. ${error.message}`,
    })
  try {
    return new EngineRecording({ path, nodeId, onError })
  } catch (error) {
    throw new EngineError(`cannot record to ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function setupOf(configuration: Configuration, options: StartOptions): ExecutiveSetup {
  const { config, stateDir, log, logLevel, maxQueuedBytes } = options
  return executiveSetup(
    configuration,
    { otherwise: log === undefined ? -1 : levelRank(logLevel ?? 'info'), ranks: {} },
    {
      stateDir: stateDir ?? (typeof config === 'string' ? configuration.stateDir : undefined),
      ...(maxQueuedBytes === undefined ? {} : { maxQueuedBytes }),
    },
  )
}

async function configurationOf({ config }: StartOptions): Promise<Configuration> {
  const described = typeof config !== 'string'
  const path = described ? DESCRIPTION_FILE : config
  const text = described ? new TextEncoder().encode(configurationText(config)) : undefined
  const result = loadConfiguration({
    path,
    read: file => (file === path && text !== undefined ? text : readFileSync(file)),
    list: directory => (described ? [] : listFiles(directory)),
    host: described ? await hostOf(config) : await resolveHost(path),
    environment: process.env,
  })
  if (!result.ok) throw new ConfigurationError(result.problems)
  if (result.configuration.refusals.length > 0) throw new ConfigurationError(result.configuration.refusals)
  return result.configuration
}

/** The host as the description has it: this is the node with that id, whatever addresses the host has besides. */
async function hostOf({ nodeId, nodes }: NodeDescription): Promise<HostInfo> {
  const own = nodes.find(node => node.nodeId === nodeId)
  if (own === undefined)
    throw new ClusterError(CsError.INVALID_PARAM, `no node of the description has the id ${nodeId}`)
  const addresses = new Map<string, readonly string[]>()
  for (const { address } of nodes) {
    if (parseIp(address) !== undefined) continue
    const found = await lookup(address, { all: true, verbatim: true }).catch(() => [])
    addresses.set(
      address,
      found.map(each => each.address),
    )
  }
  const text = parseIp(own.address) === undefined ? (addresses.get(own.address)?.[0] ?? '') : own.address
  const address = parseIp(text)
  return {
    ...readHost(addresses),
    hostname: '',
    interfaces:
      address === undefined
        ? []
        : [{ name: 'own', family: address.family, address: text, prefix: address.bytes.length * 8 }],
  }
}

function nativeWorks(): boolean {
  if (process.platform !== 'linux') return false
  try {
    native()
    return true
  } catch {
    return false
  }
}
