// The watchdog, service 7: looks whether those who promised to write resources.*.NAME.last_updated still do, and says when they
// do not (spec: services 8.3, configuration 18.2). In: the map, the host's clock, time. Out: log lines. There is no watchdog
// device here, and nothing is rebooted: what a resource asks for is named in the log.

import type { LogSink } from '../../log/types.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import { type LiveMap, type MapChange, MapEvent } from '../cmap/live-map.js'
import type { HostReadings } from '../host-readings.js'
import type { RingHandler, Service } from '../types.js'

const DEVICE_KEY = 'resources.watchdog_device'
const TIMEOUT_KEY = 'resources.watchdog_timeout'
const TIMEOUT_DEFAULT_S = 6
const TIMEOUT_MIN_S = 2
const TIMEOUT_MAX_S = 120

/** How often a resource is looked at unless it says otherwise, ms. */
const POLL_DEFAULT_MS = 6000
const POLL_MIN_MS = 500n
const POLL_MAX_MS = 120_000n
/** Before a resource is looked at for the first time it has two periods, and this much at least. */
const FIRST_PERIODS = 2
const FIRST_MIN_MS = 6000
/** Periods after which a resource that did not speak has failed. */
const SILENT_PERIODS = 1.5
const NS_PER_MS = 1e6
/** Resources that are looked at; more than any host has programs that ask for it. */
export const WATCHED_MAX = 1024

const STATE_KEY = /^(resources\.(?:process|system)\.([^.]+)\.)state$/

export interface WdServiceOptions {
  readonly map: LiveMap
  readonly log: LogSink
  /** Left out: how old anything is cannot be known, only what is said to have failed has. */
  readonly readings?: HostReadings | undefined
}

interface Resource {
  readonly name: string
  readonly prefix: string
  readonly recovery: string
  /** -Infinity: the time until the first look begins with the next `expire`. */
  checkAt: number
}

export class WdService implements Service {
  readonly id = ServiceId.wd
  readonly name = SERVICE_DISPLAY_NAMES.wd
  readonly priority = 1
  readonly handlers: readonly RingHandler[] = []
  readonly sync = null
  readonly #options: WdServiceOptions
  readonly #resources = new Map<string, Resource>()
  #timeoutS = TIMEOUT_DEFAULT_S

  constructor(options: WdServiceOptions) {
    this.#options = options
    const { map, log } = options
    const device = map.getString(DEVICE_KEY)
    if (device === undefined) log('warning', 'WD', 'Watchdog not enabled by configuration')
    else if (device === '' || device === 'off') log('warning', 'WD', 'Watchdog disabled by configuration')
    else log('warning', 'WD', `Watchdog ${device} is left alone: watchdog devices are not supported`)
    this.#timeoutChanged()
    map.track(TIMEOUT_KEY, () => this.#timeoutChanged())
    for (const key of map.keys('resources.')) this.#watch(key)
    if (this.#resources.size === 0) log('info', 'WD', 'no resources configured.')
    for (const prefix of ['resources.process.', 'resources.system.']) {
      map.track(prefix, change => this.#changed(change), { prefix: true, mask: MapEvent.ADD | MapEvent.DELETE })
    }
  }

  nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (const resource of this.#resources.values()) next = Math.min(next, resource.checkAt)
    return next
  }

  expire(now: number): void {
    for (const resource of this.#resources.values()) if (now >= resource.checkAt) this.#check(resource, now)
  }

  #timeoutChanged(): void {
    const { map, log } = this.#options
    const wanted = map.getNumber(TIMEOUT_KEY, 'u32')
    if (wanted !== undefined && wanted >= TIMEOUT_MIN_S && wanted <= TIMEOUT_MAX_S) {
      this.#timeoutS = wanted
      return
    }
    if (map.has(TIMEOUT_KEY)) {
      log('warning', 'WD', `Set watchdog_timeout is out of range (${TIMEOUT_MIN_S}..${TIMEOUT_MAX_S}).`)
    }
    map.set(TIMEOUT_KEY, { type: 'u32', value: this.#timeoutS })
  }

  #changed({ key, event }: MapChange): void {
    if (event === MapEvent.ADD) this.#watch(key)
    else this.#resources.delete(key)
  }

  /** Looks at a resource from now on, if this is the key of its state. */
  #watch(key: string): void {
    const { map, log } = this.#options
    const match = STATE_KEY.exec(key)
    if (match === null || this.#resources.size >= WATCHED_MAX) return
    const [, prefix, name] = match as unknown as [string, string, string]
    const recovery = map.getString(`${prefix}recovery`)
    if (recovery === undefined) {
      log('warning', 'WD', `resource ${name} missing a recovery key.`)
      return
    }
    this.#resources.set(key, { name, prefix, recovery, checkAt: Number.NEGATIVE_INFINITY })
  }

  #periodMs(prefix: string): number {
    const period = this.#options.map.getBigInt(`${prefix}poll_period`, 'u64')
    return period === undefined || period < POLL_MIN_MS || period > POLL_MAX_MS ? POLL_DEFAULT_MS : Number(period)
  }

  #check(resource: Resource, now: number): void {
    const { map, log } = this.#options
    const { name, prefix, recovery } = resource
    const period = this.#periodMs(prefix)
    if (resource.checkAt === Number.NEGATIVE_INFINITY) {
      resource.checkAt = now + Math.max(FIRST_PERIODS * period, FIRST_MIN_MS)
      return
    }
    resource.checkAt = now + period
    const state = map.getString(`${prefix}state`)
    if (state === 'stopped' || !this.#isBad(prefix, state, period)) return
    log('crit', 'WD', `${recovery} resource "${name}" failed!`)
    if (recovery === 'watchdog' || recovery === 'quit') log('alert', 'WD', 'NOT tickling the watchdog!')
  }

  #isBad(prefix: string, state: string | undefined, periodMs: number): boolean {
    const { map, readings } = this.#options
    const updated = map.getBigInt(`${prefix}last_updated`, 'u64')
    if (state === undefined || state === 'disabled' || state === 'failed' || updated === undefined) return true
    if (updated === 0n || readings === undefined) return false
    return Number(readings.monotonicNs() - updated) > SILENT_PERIODS * periodMs * NS_PER_MS
  }
}
