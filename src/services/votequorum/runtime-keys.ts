// What the service shows of itself in the configuration map: runtime.votequorum.* (spec: services 7.5). Written only; a key
// that a feature brings along appears with the feature.

import type { LiveMap } from '../cmap/live-map.js'
import type { TieBreakerKind } from './settings.js'

const PREFIX = 'runtime.votequorum.'
const TIE_BREAKER_TYPES: Readonly<Record<TieBreakerKind, number>> = { none: 0, lowest: 1, highest: 2, list: 3 }

export class RuntimeKeys {
  readonly #map: LiveMap

  constructor(map: LiveMap) {
    this.#map = map
  }

  thisNodeId(nodeId: number): void {
    this.#number('this_node_id', nodeId)
  }

  barrier(votes: number): void {
    this.#number('ev_barrier', votes)
  }

  trackingBarrier(votes: number): void {
    this.#number('ev_tracking_barrier', votes)
  }

  extremes(lowest: number, highest: number): void {
    this.#number('lowest_node_id', lowest)
    this.#number('highest_node_id', highest)
  }

  tieBreaker(kind: TieBreakerKind): void {
    this.#number('atb_type', TIE_BREAKER_TYPES[kind])
  }

  twoNode(on: boolean): void {
    this.#flag('two_node', on)
  }

  waitForAllStatus(waiting: boolean): void {
    this.#flag('wait_for_all_status', waiting)
  }

  deviceCanOperate(can: boolean): void {
    this.#flag('qdevice_can_operate', can)
  }

  masterWins(allowed: boolean): void {
    this.#flag('qdevice_master_wins', allowed)
  }

  #number(name: string, value: number): void {
    this.#map.set(PREFIX + name, { type: 'u32', value })
  }

  #flag(name: string, on: boolean): void {
    this.#map.set(PREFIX + name, { type: 'u8', value: on ? 1 : 0 })
  }
}
