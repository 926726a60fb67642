// What the server keeps of one service: its listener, its rate, its connections (spec: ipc 12).

import type { Connection } from './connection.js'
import type { IpcRate } from './types.js'

interface RateEffect {
  /** What programs see before they send. */
  readonly level: number
  /** Requests of one connection per turn. */
  readonly quota: number
}

const RATES: Readonly<Record<IpcRate, RateEffect>> = {
  fast: { level: 0, quota: 50 },
  normal: { level: 0, quota: 5 },
  slow: { level: 0, quota: 1 },
  off: { level: 1, quota: 0 },
  off2: { level: 2, quota: 0 },
}

export class ServiceState {
  readonly name: string
  readonly id: number
  /** Descriptor that programs arrive on. */
  readonly listener: number
  /** To be removed when the service closes; undefined for an abstract name. */
  readonly socketPath: string | undefined
  readonly connections = new Set<Connection>()
  #rate: IpcRate = 'normal'
  /** Of the rate; read for each request. */
  level = RATES.normal.level
  quota = RATES.normal.quota

  constructor(name: string, id: number, listener: number, socketPath: string | undefined) {
    this.name = name
    this.id = id
    this.listener = listener
    this.socketPath = socketPath
  }

  get rate(): IpcRate {
    return this.#rate
  }

  setRate(rate: IpcRate): void {
    if (rate === this.#rate) return
    this.#rate = rate
    this.level = RATES[rate].level
    this.quota = RATES[rate].quota
    for (const connection of this.connections) connection.rateChanged()
  }
}
