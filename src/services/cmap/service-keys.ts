// What the configuration map says of the services of this node: internal_configuration.service.* and runtime.services.*
// (spec: services 7.5). Counters are read when somebody asks.

import type { MapValue } from '../../config/map.js'
import { serviceShortName } from '../../wire/service.js'
import type { ServiceCounters } from '../table.js'
import type { LiveMap } from './live-map.js'

export function publishServices(map: LiveMap, services: readonly ServiceCounters[]): void {
  for (const { service, sent, received } of services) {
    const name = serviceShortName(service.id)
    const internal = `internal_configuration.service.${service.id}.`
    map.set(`${internal}name`, { type: 'str', value: `corosync_${name}` })
    map.set(`${internal}ver`, { type: 'u32', value: 0 })
    map.set(`runtime.services.${name}.service_id`, { type: 'u16', value: service.id })
    for (let fn = 0; fn < sent.length; fn++) {
      map.compute(`runtime.services.${name}.${fn}.tx`, () => counter(sent[fn]!))
      map.compute(`runtime.services.${name}.${fn}.rx`, () => counter(received[fn]!))
    }
  }
}

function counter(value: number): MapValue {
  return { type: 'u64', value: BigInt(value) }
}
