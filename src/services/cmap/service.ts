// The configuration map's part on the ring, service 0: every synchronisation tells each node's totem.config_version,
// and a node that first meets others with a newer one ends (spec: services 7.4). In: versions of the members. Out:
// its own, and at most one request to shut down. Must not know: the map itself.

import type { LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import { CMAP_MCAST_LENGTH_MAX, CmapReason, readCmapMcast, writeCmapMcast } from '../../wire/cmap.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { RingHandler, RingPort, Service } from '../types.js'

const MCAST_MIN_LENGTH = 48

export interface CmapServiceOptions {
  readonly port: RingPort
  /** totem.config_version; 0 when unset. */
  readonly configVersion: number
  readonly log: LogSink
  /** This node's configuration is older than that of the ring it joined: it has to leave. */
  readonly shutdown: (reason: string) => void
  /** A member told its version: runtime.members.ID.config_version. */
  readonly versionReceived?: (nodeId: number, version: number) => void
}

export class CmapService implements Service {
  readonly id = ServiceId.cmap
  readonly name = SERVICE_DISPLAY_NAMES.cmap
  readonly priority = 1
  readonly handlers: readonly RingHandler[]
  readonly sync: SyncSteps
  readonly #options: CmapServiceOptions
  readonly #bytes = new Uint8Array(CMAP_MCAST_LENGTH_MAX)
  /** Highest version seen in this round. */
  #highest = 0
  #metOthers = false
  #alone = true

  constructor(options: CmapServiceOptions) {
    this.#options = options
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
        this.#highest = options.configVersion
      },
      process: () => this.#send(),
      activate: () => this.#activate(),
      abort() {},
    }
  }

  #send(): boolean {
    const { configVersion, port } = this.#options
    const message = { reason: CmapReason.sync, configVersion: configVersion === 0 ? undefined : configVersion }
    const length = writeCmapMcast(message, this.#bytes, 0, port.littleEndian)
    return port.sendInSync(this.#bytes, 0, length)
  }

  #receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readCmapMcast(buf, off, len, little)
    if (message === undefined) return
    const version = message.configVersion ?? 0
    if (version > this.#highest) this.#highest = version
    this.#options.versionReceived?.(origin, version)
  }

  #activate(): void {
    if (this.#alone) {
      this.#options.log('debug', 'CMAP', 'Single node sync -> no action')
      return
    }
    // Once per life of the node: who has been in the cluster before may be ahead of those who come.
    if (this.#metOthers) return
    this.#metOthers = true
    const mine = this.#options.configVersion
    if (mine === 0 || this.#highest === mine) return
    this.#options.log(
      'error',
      'CMAP',
      `Received config version (${this.#highest}) is different than my config version (${mine})! Exiting`,
    )
    this.#options.shutdown('config version is older than the one of the cluster')
  }
}
