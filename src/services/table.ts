// The table of services: takes cluster messages to the function they name, and knows in which order services start
// and end (spec: totem 11.2, services 1.1, 1.5). In: messages of group `a` in total order. Out: calls of handlers,
// counters. Must not know: what any message means.

import type { LogSink } from '../log/types.js'
import type { ConfigurationChange } from '../totem/types.js'
import { checkServiceMessage, functionOf, SERVICE_COUNT_MAX, serviceOf } from '../wire/service.js'
import type { Service } from './types.js'

/** Messages of one service, by function. */
export interface ServiceCounters {
  readonly service: Service
  readonly sent: Float64Array
  readonly received: Float64Array
}

export interface TableStats {
  /** No header, or a size that is not there. */
  malformed: number
  /** For services that this node does not have; silently dropped. */
  unknownService: number
  unknownFunction: number
  /** Shorter than the function's message. */
  short: number
}

export class ServiceTable {
  readonly stats: TableStats = { malformed: 0, unknownService: 0, unknownFunction: 0, short: 0 }
  /** Services with timers. */
  readonly #timed: Service[] = []
  readonly #byId: (ServiceCounters | null)[] = new Array<ServiceCounters | null>(SERVICE_COUNT_MAX).fill(null)
  readonly #log: LogSink

  constructor(log: LogSink) {
    this.#log = log
  }

  register(service: Service): void {
    if (service.expire !== undefined) this.#timed.push(service)
    const functions = service.handlers.length
    this.#byId[service.id] = {
      service,
      sent: new Float64Array(functions),
      received: new Float64Array(functions),
    }
    this.#log('notice', 'SERV', `Service engine loaded: ${service.name} [${service.id}]`)
  }

  /** Ascending by id. */
  get counters(): readonly ServiceCounters[] {
    return this.#byId.filter(entry => entry !== null)
  }

  /** A message of group `a`. */
  receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const id = checkServiceMessage(buf, off, len, little)
    if (id < 0) {
      this.stats.malformed++
      return
    }
    const entry = this.#byId[serviceOf(id)]
    if (entry === null || entry === undefined) {
      this.stats.unknownService++
      return
    }
    const fn = functionOf(id)
    const handler = entry.service.handlers[fn]
    if (handler === undefined) {
      // One line for the first of them: what a peer sends must not fill the disk.
      if (this.stats.unknownFunction++ === 0) {
        const max = entry.service.handlers.length
        this.#log('warning', 'SERV', `discarded unknown message ${fn} for service ${serviceOf(id)} (max id ${max})`)
      }
      return
    }
    if (len < handler.minLength) {
      this.stats.short++
      return
    }
    entry.received[fn]!++
    handler.receive(buf, off, len, origin, little)
  }

  countSent(id: number): void {
    const entry = this.#byId[serviceOf(id)]
    if (entry) entry.sent[functionOf(id)]!++
  }

  configurationChanged(change: ConfigurationChange): void {
    for (const entry of this.#byId) entry?.service.configurationChanged?.(change)
  }

  start(): void {
    for (const entry of this.#byId) entry?.service.start?.()
  }

  nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY
    for (const service of this.#timed) next = Math.min(next, service.nextDeadline?.() ?? next)
    return next
  }

  expire(now: number): void {
    for (const service of this.#timed) service.expire?.(now)
  }

  /** Ends the services: highest priority first, then ascending by id. */
  exit(): void {
    const services = this.counters.map(entry => entry.service)
    services.sort((a, b) => b.priority - a.priority || a.id - b.id)
    for (const service of services) {
      service.exit?.()
      this.#log('notice', 'SERV', `Service engine unloaded: ${service.name}`)
    }
  }

  exited(): boolean {
    return this.#byId.every(entry => entry?.service.exited?.() ?? true)
  }
}
