// The configuration map's part on the ring, service 0: every synchronisation and every change tells each node's
// totem.config_version, and a node that first meets others with a newer one ends (spec: services 7.4). In: the map, versions
// of the members. Out: this node's version, runtime.members.*, at most one request to shut down. What programs can do with the
// map: library.ts.

import type { LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import type { ConfigurationChange } from '../../totem/types.js'
import { CMAP_MCAST_LENGTH_MAX, CmapReason, readCmapMcast, writeCmapMcast } from '../../wire/cmap.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { RingHandler, RingPort, Service } from '../types.js'
import { CmapLibrary } from './library.js'
import type { LiveMap } from './live-map.js'
import { type AddressesOf, MemberKeys } from './member-keys.js'
import { ProgramLiveMap } from './program-map.js'
import { StatsMap } from './stats-map.js'

const MCAST_MIN_LENGTH = 48
const VERSION_KEY = 'totem.config_version'
const NOTHING = new Uint8Array(0)
/** How long changes of counters are collected before those who track them are told. */
const COUNTERS_INTERVAL_MS = 100

export interface CmapServiceOptions {
  readonly port: RingPort
  readonly map: LiveMap
  readonly log: LogSink
  /** This node's configuration is older than that of the ring it joined: it has to leave. */
  readonly shutdown: (reason: string) => void
  /** For runtime.members.ID.ip. Left out: addresses are not known here. */
  readonly addressesOf?: AddressesOf | undefined
}

export class CmapService implements Service {
  readonly id = ServiceId.cmap
  readonly name = SERVICE_DISPLAY_NAMES.cmap
  readonly priority = 1
  readonly handlers: readonly RingHandler[]
  readonly sync: SyncSteps
  readonly library: CmapLibrary
  /** The map of statistics; whoever counts something puts it there. */
  readonly stats = new StatsMap()
  readonly #port: RingPort
  readonly #map: LiveMap
  readonly #members: MemberKeys
  readonly #bytes = new Uint8Array(CMAP_MCAST_LENGTH_MAX)
  /** Own version when the round began, and the highest seen in it. */
  #mine = 0n
  #highest = 0n
  #metOthers = false
  #alone = true
  /** The version has changed, and the ring has not taken the news yet. */
  #news = false
  #countersAt = Number.NEGATIVE_INFINITY

  constructor(options: CmapServiceOptions) {
    const { port, map } = options
    this.#port = port
    this.#map = map
    this.#members = new MemberKeys(map, options.log, options.addressesOf)
    this.library = new CmapLibrary({ live: new ProgramLiveMap(map), stats: this.stats })
    this.handlers = [
      {
        name: 'mcast',
        minLength: MCAST_MIN_LENGTH,
        receive: (buf, off, len, origin, little) => this.#receive(buf, off, len, origin, little),
      },
    ]
    this.sync = {
      init: transitional => {
        this.#alone = transitional.length === 0
        this.#mine = this.#version() ?? 0n
        this.#highest = this.#mine
      },
      process: () => port.sendInSync(this.#bytes, 0, this.#write(CmapReason.sync)),
      activate: () => this.#activate(options),
      abort() {},
    }
  }

  start(): void {
    this.#map.track(VERSION_KEY, () => {
      this.#news = true
      this.retry()
    })
  }

  configurationChanged(change: ConfigurationChange): void {
    this.#members.configurationChanged(change)
  }

  /** The ring may take what it would not take before. */
  retry(): void {
    if (this.#news) this.#news = !this.#sendNews()
  }

  nextDeadline(): number {
    const counters = this.#map.computedTracked ? this.#countersAt : Number.POSITIVE_INFINITY
    return Math.min(this.stats.nextDeadline(), counters)
  }

  expire(now: number): void {
    this.stats.expire(now)
    if (now < this.#countersAt || !this.#map.computedTracked) return
    this.#countersAt = now + COUNTERS_INTERVAL_MS
    this.#map.tellComputed()
  }

  /** Undefined when there is none, or not as a u64. */
  #version(): bigint | undefined {
    return this.#map.getBigInt(VERSION_KEY, 'u64')
  }

  #write(reason: number): number {
    const message = { reason, configVersion: this.#version() }
    return writeCmapMcast(message, this.#bytes, 0, this.#port.littleEndian)
  }

  #sendNews(): boolean {
    const length = this.#write(CmapReason.newConfigVersion)
    return this.#port.send(this.#bytes, 0, length, NOTHING, 0, 0)
  }

  #receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readCmapMcast(buf, off, len, little)
    if (message === undefined) return
    const version = message.configVersion ?? 0n
    if (version > this.#highest && origin !== this.#port.nodeId) this.#highest = version
    this.#members.version(origin, version)
  }

  #activate({ log, shutdown }: CmapServiceOptions): void {
    if (this.#alone) {
      log('debug', 'CMAP', 'Single node sync -> no action')
      return
    }
    // Once per life of the node: who has been in the cluster before may be ahead of those who come.
    if (this.#metOthers) return
    this.#metOthers = true
    if (this.#mine === 0n) {
      log('debug', 'CMAP', 'My config version is 0 -> no action')
      return
    }
    if (this.#highest === this.#mine) return
    log(
      'error',
      'CMAP',
      `Received config version (${this.#highest}) is different than my config version (${this.#mine})! Exiting`,
    )
    shutdown('config version is older than the one of the cluster')
  }
}
