// What a driver needs to know to put a node on a network with the udp and udpu transports, and the numbers of these
// transports (spec: totem 7). Addresses are numeric text: names are resolved before.

export interface TransportMember {
  readonly nodeId: number
  readonly address: string
}

export interface TransportConfig {
  readonly transport: 'udp' | 'udpu'
  readonly nodeId: number
  /**
   * Own address (nodelist), or the address or network of the interface to use (bindnetaddr). A network is matched under
   * the netmask of each interface.
   */
  readonly bindAddress: string
  /** Only the very address will do. True with a nodelist: the peers send to what it says. */
  readonly bindExact: boolean
  /** Every configured node, this one included or not; empty when membership is open (udp without a nodelist). */
  readonly members: readonly TransportMember[]
  /** totem.interface.mcastport, 5405 by default. */
  readonly port: number
  /** udp: the multicast group; '255.255.255.255' is broadcast. */
  readonly group?: string
  /** udp: how far multicasts go. */
  readonly ttl: number
  /** udpu: datagrams from addresses that no member has are dropped. */
  readonly blockUnlistedIps: boolean
  /** totem.ip_dscp times four. */
  readonly typeOfService: number
  /** Segmented sends and coalesced receives (system.udp_offload). */
  readonly offload: boolean
  /** How often an interface that is down is looked at again. */
  readonly downcheckMs: number
}

export const BROADCAST_ADDRESS = '255.255.255.255'
/** What a receiver of the C engine takes in one datagram; ours takes what UDP can carry. */
export const RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
/** As the C engine: room for sixteen datagrams of its largest size. */
export const SEND_BUFFER_BYTES = 16 * 136192
/** SO_PRIORITY of the socket that carries tokens. */
export const TOKEN_PRIORITY = 6

const IPV6_AND_UDP_HEADERS = 48

/**
 * The netmtu to pack for. The C engine leaves the IP and UDP headers out of its sum: with IPv6 a full frame no longer
 * fits the packet and the kernel cuts it. Our own frames stay below (they may still be wrapped once in recovery).
 */
export function packingMtu(netMtu: number, family: 4 | 6): number {
  return family === 6 ? netMtu - IPV6_AND_UDP_HEADERS : netMtu
}
