// What udp and udpu know of links and nodes: one link, nodes of the configuration or of the address book, and nothing
// measured (spec: services 6.1). In: the node's ring, the loop. Out: status and addresses, for programs and for the map.

import { parseIp } from '../config/ip.js'
import type { LinkStatusSource } from '../services/cfg/types.js'
import type { SingleRing } from '../totem/single-ring.js'
import type { NodeStatus, RingStatusText } from '../wire/cfg-ipc.js'

/** What this needs of the loop. */
export interface LinkView {
  /** The interface is bound. */
  readonly linkUp: boolean
  /** Addresses of a node, this one or another, in the order of its links, in numbers. */
  addressesOf(nodeId: number): readonly string[]
}

/** What this needs of the ring. */
export type RingView = Pick<SingleRing, 'members' | 'frameRoom'>

export class PlainLinkStatus implements LinkStatusSource {
  readonly #nodeId: number
  readonly #link: LinkView
  readonly #ring: () => RingView

  /** `ring` is asked for when it is needed: it may not have been made yet. */
  constructor(nodeId: number, link: LinkView, ring: () => RingView) {
    this.#nodeId = nodeId
    this.#link = link
    this.#ring = ring
  }

  ringStatus(): RingStatusText[] {
    return this.#link.addressesOf(this.#nodeId).map((address, link) => ({ name: `${link} ${address}`, status: 'OK' }))
  }

  /** C daemons show the address of the node where that of this one should stand; tools print it as they find it. */
  nodeStatus(nodeId: number): NodeStatus {
    const { members, frameRoom } = this.#ring()
    const reachable = members.includes(nodeId)
    const [source] = this.#link.addressesOf(nodeId)
    const plain = { remote: false, external: false, onwireMin: 0, onwireMax: 0, onwire: 0 }
    if (source === undefined) return { ...plain, reachable, links: [] }
    const link = {
      enabled: this.#link.linkUp,
      connected: reachable,
      dynamicallyConnected: false,
      mtu: frameRoom,
      source,
      destination: '',
    }
    return { ...plain, reachable, links: [link] }
  }

  nodeAddresses(nodeId: number): Uint8Array[] {
    return this.#link.addressesOf(nodeId).flatMap(text => parseIp(text)?.bytes ?? [])
  }
}
