// The monitor of the host's resources, service 6: how much memory is used and how long the run queue is, in
// resources.system.* of the configuration map, while these keys name a limit (spec: services 8.2, configuration 18.1). In: the
// map, readings of the host, time. Out: keys. Whether anything follows from a limit that is passed is the watchdog's business.

import type { MapValue } from '../../config/map.js'
import type { LogSink } from '../../log/types.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import { type LiveMap, type MapChange, MapEvent } from '../cmap/live-map.js'
import type { HostReadings } from '../host-readings.js'
import type { RingHandler, Service } from '../types.js'

/** How often readings are taken, ms. */
const POLL_DEFAULT_MS = 3000
const POLL_MIN_MS = 500n
const POLL_MAX_MS = 120_000n

type State = 'stopped' | 'running' | 'failed'

export interface MonServiceOptions {
  readonly map: LiveMap
  readonly log: LogSink
  /** Left out: nothing is ever read. */
  readonly readings?: HostReadings | undefined
}

interface Kind {
  readonly name: string
  /** What the key holds before anything has been read. */
  readonly none: MapValue
  read(readings: HostReadings): MapValue & { readonly value: number }
}

const KINDS: readonly Kind[] = [
  {
    name: 'memory_used',
    none: { type: 'i32', value: 0 },
    read: readings => ({ type: 'u32', value: readings.memoryUsedPercent() }),
  },
  {
    name: 'load_15min',
    none: { type: 'dbl', value: 0 },
    read: readings => ({ type: 'dbl', value: readings.load15() }),
  },
]

export class MonService implements Service {
  readonly id = ServiceId.mon
  readonly name = SERVICE_DISPLAY_NAMES.mon
  readonly priority = 1
  readonly handlers: readonly RingHandler[] = []
  readonly sync = null
  readonly #resources: readonly Resource[]

  constructor(options: MonServiceOptions) {
    this.#resources = KINDS.map(kind => new Resource(kind, options))
  }

  nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (const resource of this.#resources) next = Math.min(next, resource.sampleAt)
    return next
  }

  expire(now: number): void {
    for (const resource of this.#resources) if (now >= resource.sampleAt) resource.sample(now)
  }
}

class Resource {
  /** When the next reading is due; Infinity while none is wanted, -Infinity for at once. */
  sampleAt = Number.POSITIVE_INFINITY
  readonly #kind: Kind
  readonly #options: MonServiceOptions
  readonly #prefix: string
  #state: State = 'stopped'
  #max = Number.POSITIVE_INFINITY
  #pollMs = POLL_DEFAULT_MS

  constructor(kind: Kind, options: MonServiceOptions) {
    this.#kind = kind
    this.#options = options
    this.#prefix = `resources.system.${kind.name}.`
    const { map } = options
    map.set(`${this.#prefix}current`, this.#kind.none)
    map.set(`${this.#prefix}last_updated`, { type: 'u64', value: 0n })
    map.set(`${this.#prefix}state`, { type: 'str', value: this.#state })
    // A period of the file is replaced, as in the C daemon: only one that is set later counts.
    map.set(`${this.#prefix}poll_period`, { type: 'u64', value: BigInt(POLL_DEFAULT_MS) })
    map.track(`${this.#prefix}max`, () => this.#limitChanged())
    map.track(`${this.#prefix}poll_period`, change => this.#periodChanged(change), { mask: MapEvent.MODIFY })
    this.#limitChanged()
  }

  sample(now: number): void {
    const { map, readings } = this.#options
    if (readings === undefined) return
    const reading = this.#kind.read(readings)
    map.set(`${this.#prefix}current`, reading)
    map.set(`${this.#prefix}last_updated`, { type: 'u64', value: readings.monotonicNs() })
    this.sampleAt = now + this.#pollMs
    if (this.#state === 'running' && reading.value > this.#max) this.#enter('failed', 'failure')
  }

  #limitChanged(): void {
    const { map, readings } = this.#options
    const max = numberOf(map.getString(`${this.#prefix}max`))
    if (max === undefined || readings === undefined) {
      this.sampleAt = Number.POSITIVE_INFINITY
      this.#enter('stopped', 'config_changed')
      return
    }
    this.#max = max
    this.#enter('running', 'config_changed')
    this.sampleAt = Number.NEGATIVE_INFINITY
  }

  #periodChanged({ after }: MapChange): void {
    if (after?.type !== 'u64' || after.value < POLL_MIN_MS || after.value > POLL_MAX_MS) return
    this.#pollMs = Number(after.value)
    if (this.#state !== 'stopped') this.sampleAt = Number.NEGATIVE_INFINITY
  }

  #enter(state: State, event: string): void {
    if (state === this.#state) return
    const { map, log } = this.#options
    log('info', 'MON', `Fsm:${this.#kind.name} event "${event}", state "${this.#state}" --> "${state}"`)
    this.#state = state
    map.set(`${this.#prefix}state`, { type: 'str', value: state })
  }
}

function numberOf(text: string | undefined): number | undefined {
  // Without two runs of digits side by side: a long text would be tried at every split of them.
  if (text === undefined || !/^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined
  return Number(text)
}
