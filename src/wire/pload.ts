// Messages of the load generator, service 4 (spec: services 8.1). They are read only: this engine sends none.

import { readU32 } from './cursor.js'
import { SERVICE_HEADER_LENGTH } from './service.js'

// Start:  0 header | 16 count u32 | 20 size u32.  Multicast: header, then anything.
const START_COUNT = SERVICE_HEADER_LENGTH
const START_SIZE = 20
export const PLOAD_START_LENGTH = 24
export const PLOAD_MCAST_LENGTH = SERVICE_HEADER_LENGTH

export interface PloadStart {
  /** Messages that every node is to send. */
  readonly count: number
  /** Bytes of each. */
  readonly size: number
}

/** A message of at least PLOAD_START_LENGTH bytes. */
export function readPloadStart(buf: Uint8Array, off: number, little: boolean): PloadStart {
  return { count: readU32(buf, off + START_COUNT, little), size: readU32(buf, off + START_SIZE, little) }
}
