// What changes a running executive: orders of administrators, a file read again, values that programs write into the map
// (spec: services 6 and 7.5, configuration 13). In: calls of the configuration service, changes of the map, answers of the
// main thread. Out: other members, timers and log settings; questions to the main thread. Never waits for an answer.

import { type TuningFacts, tune } from '../config/tuning.js'
import type { LogSink } from '../log/types.js'
import type { TransportMember } from '../net/transport.js'
import { RELOAD_TOTEM_KEY } from '../services/cfg/reload.js'
import type { CfgHost, ConfiguredNode, MapEntry, ValidConfiguration } from '../services/cfg/types.js'
import type { LiveMap } from '../services/cmap/live-map.js'
import type { TotemParameters } from '../totem/parameters.js'
import { type LinkView, PlainLinkStatus, type RingView } from './link-status.js'
import type { LoopWorker } from './loop.js'

const TOTEM_PREFIX = 'totem.'
const LOGGING_PREFIX = 'logging.'
const RECREATE =
  'To reconfigure an interface it must be deleted and recreated. A working interface needs to be available to corosync at all times'

/**
 * How long those that are no longer listed are still heard, in ms, while this node has something to say about it: with them
 * cut off the ring breaks, and what waits for the token would wait for the next ring. A few rotations of a slow ring.
 */
const PARTING_MS = 250

/** What is asked of the main thread. */
export interface MainThread {
  /** The configuration file; the answer goes to `CfgService.configurationRead`. */
  readConfiguration(): void
  /** The log files; the answer goes to `CfgService.logFilesReopened`. */
  reopenLogFiles(): void
  /** All keys below `logging.`, which have changed. */
  loggingChanged(entries: readonly MapEntry[]): void
  /** The node shall leave in order. */
  leaveWanted(reason: string): void
  /** The node shall be gone. */
  killed(reason: string): void
}

/** What this needs of the loop. */
export interface ReconfiguredLoop extends LinkView {
  now(): number
  setMembers(members: readonly TransportMember[]): void
  tune(blockUnlistedIps: boolean, downcheckMs: number): void
}

/** What this needs of the node. */
export interface ReconfiguredNode {
  readonly ring: RingView
  readonly executive: { readonly sent: boolean }
  setTotemParameters(now: number, parameters: TotemParameters): void
}

export interface ReconfigurationOptions {
  readonly nodeId: number
  readonly map: LiveMap
  readonly loop: ReconfiguredLoop
  readonly log: LogSink
  readonly facts: TuningFacts
  /** Every configured node at the start. */
  readonly members: readonly TransportMember[]
  readonly main: MainThread
}

export class Reconfiguration implements CfgHost, LoopWorker {
  readonly links: PlainLinkStatus
  readonly #options: ReconfigurationOptions
  #node: ReconfiguredNode | undefined
  /** Every configured node; the address on the first link. */
  #members: ReadonlyMap<number, string>
  /** Those that are not in it are to be cut off; undefined while nobody is. */
  #parting: { readonly members: readonly TransportMember[]; readonly until: number } | undefined
  #loggingTold: string
  #loggingChanged = false

  constructor(options: ReconfigurationOptions) {
    const { nodeId, loop, map } = options
    this.#options = options
    this.#members = new Map(options.members.map(member => [member.nodeId, member.address]))
    this.links = new PlainLinkStatus(nodeId, loop, () => this.#attached.ring)
    this.#loggingTold = JSON.stringify(this.#logging())
    map.track(TOTEM_PREFIX, () => this.#retune(), { prefix: true })
    map.track(LOGGING_PREFIX, () => this.#logChanges(), { prefix: true })
    map.track(RELOAD_TOTEM_KEY, () => {
      this.#retune()
      this.#logChanges()
    })
  }

  /** The node, once it is made. */
  attach(node: ReconfiguredNode): void {
    this.#node = node
  }

  killed(reason: string): void {
    this.#options.main.killed(reason)
  }

  shutdown(reason: string): void {
    this.#options.main.leaveWanted(reason)
  }

  readConfiguration(): void {
    this.#options.main.readConfiguration()
  }

  reopenLogFiles(): void {
    this.#options.main.reopenLogFiles()
  }

  /** A node keeps its address as long as it is in the list. */
  refuses(configuration: ValidConfiguration): string | undefined {
    const { log } = this.#options
    let refused: string | undefined
    for (const node of configuration.nodes) {
      const [before, after] = [this.#members.get(node.nodeId), addressOf(node)]
      if (before === undefined || before === after) continue
      const change = `addr changed from ${before} to ${after}`
      log('error', 'TOTEM', `new config has different address for link 0 (${change}). Internal value was NOT changed.`)
      refused = RECREATE
    }
    return refused
  }

  /** Timers follow when the flag falls. */
  apply(configuration: ValidConfiguration): void {
    const { loop, log } = this.#options
    const members = configuration.nodes.map(node => ({ nodeId: node.nodeId, address: addressOf(node) }))
    // Without a list membership is open: nodes are learned as they join.
    if (members.length === 0) return
    log('info', 'TOTEM', 'Configuring link 0')
    const before = this.#members
    this.#members = new Map(members.map(member => [member.nodeId, member.address]))
    const leaving = [...before].filter(([nodeId]) => !this.#members.has(nodeId))
    loop.setMembers([...members, ...leaving.map(([nodeId, address]) => ({ nodeId, address }))])
    if (leaving.length > 0) this.#parting = { members, until: loop.now() + PARTING_MS }
    else this.#parting = undefined
  }

  /** udp and udpu have no keys of packets. */
  activateCrypto(): void {}
  cleanUpCrypto(): void {}

  work(now: number): boolean {
    const parted = this.#part(now)
    return this.#tellLogging() || parted
  }

  nextDeadline(): number {
    if (this.#loggingChanged) return Number.NEGATIVE_INFINITY
    return this.#parting?.until ?? Number.POSITIVE_INFINITY
  }

  #part(now: number): boolean {
    const parting = this.#parting
    if (parting === undefined || (now < parting.until && !this.#attached.executive.sent)) return false
    this.#parting = undefined
    this.#options.loop.setMembers(parting.members)
    return true
  }

  /** Once per turn, however many keys a program writes. */
  #tellLogging(): boolean {
    if (!this.#loggingChanged) return false
    this.#loggingChanged = false
    const entries = this.#logging()
    const told = JSON.stringify(entries)
    if (told === this.#loggingTold) return false
    this.#loggingTold = told
    this.#options.main.loggingChanged(entries)
    return true
  }

  /** The map is being changed as a whole: nothing is taken from it before that is done. */
  get #reloading(): boolean {
    return this.#options.map.getNumber(RELOAD_TOTEM_KEY, 'u8') === 1
  }

  #retune(): void {
    if (this.#reloading) return
    const { map, log, facts, loop } = this.#options
    const tuning = tune(map, facts)
    if (!tuning.ok) {
      log('error', 'TOTEM', tuning.problem)
      return
    }
    for (const [key, value] of tuning.published) map.set(key, value)
    loop.tune(tuning.blockUnlistedIps, tuning.totem.downcheckMs)
    this.#attached.setTotemParameters(loop.now(), tuning.totem)
  }

  #logChanges(): void {
    if (!this.#reloading) this.#loggingChanged = true
  }

  #logging(): MapEntry[] {
    const { map } = this.#options
    return map.keys(LOGGING_PREFIX).flatMap(key => {
      const value = map.get(key)
      // Other types than texts count as missing.
      return value?.type === 'str' ? [{ key, value }] : []
    })
  }

  get #attached(): ReconfiguredNode {
    if (this.#node === undefined) throw new Error('no node attached')
    return this.#node
  }
}

function addressOf(node: ConfiguredNode): string {
  return node.addresses[0] ?? ''
}
