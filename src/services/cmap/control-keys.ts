// Keys of the configuration map by which an administrator makes the engine do something at once (spec: services 7.5,
// configuration 14.6). In: changes of these keys. Out: calls.

import type { MapValue } from '../../config/map.js'
import type { LogSink } from '../../log/types.js'
import { type LiveMap, type MapChange, MapEvent } from './live-map.js'

const FORCE_GATHER = 'runtime.force_gather'
const DUMP_FLIGHT_DATA = 'runtime.blackbox.dump_flight_data'
const DUMP_STATE = 'runtime.blackbox.dump_state'
const NO: MapValue = { type: 'str', value: 'no' }

export interface ControlKeysOptions {
  readonly map: LiveMap
  readonly log: LogSink
  /** The ring is to be formed anew. Called in the middle of a change: what it starts has to come later. */
  readonly forceGather: () => void
  /** A flight record is to be written. */
  readonly dumpFlightData: () => void
  /** What the engine is doing is to be logged. */
  readonly dumpState: () => void
}

export function watchControlKeys({ map, log, forceGather, dumpFlightData, dumpState }: ControlKeysOptions): void {
  const modified = { mask: MapEvent.MODIFY }
  for (const key of [FORCE_GATHER, DUMP_FLIGHT_DATA, DUMP_STATE]) map.set(key, NO)
  map.track(DUMP_FLIGHT_DATA, dumpFlightData, modified)
  map.track(DUMP_STATE, dumpState, modified)
  map.track(
    FORCE_GATHER,
    (change: MapChange) => {
      if (change.after?.type === 'str' && change.after.value === 'no') return
      map.set(FORCE_GATHER, NO)
      log('error', 'MAIN', 'Forcing into GATHER state')
      forceGather()
    },
    modified,
  )
}
