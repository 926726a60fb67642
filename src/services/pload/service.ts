// The load generator, service 4, as far as other nodes see it: its messages are taken and nothing comes of them (spec:
// services 8.1). In the C daemon the order to start makes every node send until it crashes the cluster, as it says itself.

import type { LogSink } from '../../log/types.js'
import { PLOAD_MCAST_LENGTH, PLOAD_START_LENGTH, readPloadStart } from '../../wire/pload.js'
import { SERVICE_DISPLAY_NAMES, ServiceId } from '../../wire/service.js'
import type { RingHandler, Service } from '../types.js'

export class PloadService implements Service {
  readonly id = ServiceId.pload
  readonly name = SERVICE_DISPLAY_NAMES.pload
  readonly priority = 1
  readonly handlers: readonly RingHandler[]
  readonly sync = null
  /** One line says enough. */
  #told = false

  constructor(log: LogSink) {
    this.handlers = [
      {
        name: 'start',
        minLength: PLOAD_START_LENGTH,
        receive: (buf, off, _len, origin, little) => {
          if (this.#told) return
          this.#told = true
          const { count, size } = readPloadStart(buf, off, little)
          log(
            'warning',
            'PLOAD',
            `Taking no part in the load that node ${origin} asks for. count=${count} size=${size}`,
          )
        },
      },
      { name: 'mcast', minLength: PLOAD_MCAST_LENGTH, receive() {} },
    ]
  }
}
