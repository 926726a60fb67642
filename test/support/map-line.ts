// A key of the configuration map as corosync-cmapctl prints it.

import type { MapValue } from '../../src/config/index.js'

export function mapLine(key: string, value: MapValue): string {
  return `${key} (${value.type}) = ${value.value}`
}
