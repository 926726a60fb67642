// What the configuration map says of the members: runtime.members.ID.* (spec: services 7.5). In: configuration changes, versions
// that members tell. Out: keys. One that has left keeps its keys.

import type { LogSink } from '../../log/types.js'
import type { ConfigurationChange } from '../../totem/types.js'
import type { LiveMap } from './live-map.js'

/** Numeric texts per link, at the index of the link's number; '' where the node has none, nothing at all if it is unknown. */
export type AddressesOf = (nodeId: number) => readonly string[]

export class MemberKeys {
  readonly #map: LiveMap
  readonly #log: LogSink
  readonly #addressesOf: AddressesOf

  constructor(map: LiveMap, log: LogSink, addressesOf: AddressesOf = () => []) {
    this.#map = map
    this.#log = log
    this.#addressesOf = addressesOf
  }

  configurationChanged(change: ConfigurationChange): void {
    for (const node of change.left) this.#left(node)
    for (const node of change.joined) this.#joined(node)
  }

  /** A member has told its totem.config_version; 0 for none. */
  version(node: number, version: bigint): void {
    this.#map.set(`${prefixOf(node)}config_version`, { type: 'u64', value: version })
  }

  #left(node: number): void {
    this.#log('debug', 'MAIN', `Member left: ${this.#text(node)}`)
    this.#map.set(`${prefixOf(node)}status`, { type: 'str', value: 'left' })
  }

  #joined(node: number): void {
    const map = this.#map
    this.#log('debug', 'MAIN', `Member joined: ${this.#text(node)}`)
    const countKey = `${prefixOf(node)}join_count`
    if (map.has(countKey)) map.adjust(countKey, 1)
    else {
      map.set(`${prefixOf(node)}ip`, { type: 'str', value: this.#text(node) })
      map.set(countKey, { type: 'u32', value: 1 })
    }
    map.set(`${prefixOf(node)}status`, { type: 'str', value: 'joined' })
  }

  /** With a blank at its end: tools search for it. */
  #text(node: number): string {
    const addresses = this.#addressesOf(node)
    return addresses.map((address, link) => (address === '' ? '' : `r(${link}) ip(${address}) `)).join('')
  }
}

function prefixOf(node: number): string {
  return `runtime.members.${node}.`
}
