// The sockets of one link (spec: totem 7.1). udpu sends and receives everything through one; udp has one for tokens
// from others, one that sends everything (from the port below) and one bound to the group.

import { ipFromBytes, parseIp } from '../config/ip.js'
import type { LogSink } from '../log/types.js'
import {
  BROADCAST_ADDRESS,
  RECEIVE_BUFFER_BYTES,
  SEND_BUFFER_BYTES,
  TOKEN_PRIORITY,
  type TransportConfig,
} from '../net/transport.js'
import { SysError } from '../sys/errno.js'
import { SocketOption } from '../sys/layout.js'
import type { InterfaceAddress } from '../sys/netlink.js'
import { UdpSocket } from '../sys/socket.js'

export interface RingSockets {
  /** Bound to own address and port: tokens from others; with udpu everything, in and out. */
  readonly token: UdpSocket
  /** Sends everything; with udpu the same as `token`. */
  readonly sender: UdpSocket
  /** udp: what is sent to the group. */
  readonly group: UdpSocket | undefined
}

/** Makes the sockets, or says why not (naming address and port) and leaves none behind. */
export function openRingSockets(config: TransportConfig, at: InterfaceAddress, log: LogSink): RingSockets | string {
  const made: UdpSocket[] = []
  const make = () => {
    const socket = new UdpSocket(at.family)
    made.push(socket)
    setTypeOfService(socket, config.typeOfService)
    return socket
  }
  try {
    return config.transport === 'udpu' ? openUnicast(config, at, log, make) : openMulticast(config, at, log, make)
  } catch (error) {
    for (const socket of made) socket.close()
    if (error instanceof SysError)
      return `cannot open ${ipFromBytes(at.address).text} port ${config.port} (${config.transport}): ${error.message}`
    throw error
  }
}

export function closeRingSockets(sockets: RingSockets): void {
  sockets.token.close()
  sockets.sender.close()
  sockets.group?.close()
}

function openUnicast(config: TransportConfig, at: InterfaceAddress, log: LogSink, make: () => UdpSocket): RingSockets {
  const token = make()
  token.trySetInt(SocketOption.SOL_SOCKET, SocketOption.SO_PRIORITY, TOKEN_PRIORITY)
  sizeBuffers(token, token, log)
  coalesce(token, config)
  token.bind(at.address, config.port, at.index)
  return { token, sender: token, group: undefined }
}

function openMulticast(
  config: TransportConfig,
  at: InterfaceAddress,
  log: LogSink,
  make: () => UdpSocket,
): RingSockets {
  const groupAddress = parseIp(config.group ?? '')
  if (groupAddress === undefined || groupAddress.family !== at.family) {
    throw new TypeError(`transport udp needs a group address of the interface's family, not '${config.group ?? ''}'`)
  }
  const broadcast = config.group === BROADCAST_ADDRESS

  const token = make()
  token.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_REUSEADDR, 1)
  token.trySetInt(SocketOption.SOL_SOCKET, SocketOption.SO_PRIORITY, TOKEN_PRIORITY)
  token.bind(at.address, config.port, at.index)

  const sender = make()
  sender.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_REUSEADDR, 1)
  if (broadcast) sender.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_BROADCAST, 1)
  else sender.sendMulticastThrough(at.address, at.index, config.ttl)
  sender.bind(at.address, config.port - 1, at.index)

  const group = make()
  group.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_REUSEADDR, 1)
  if (broadcast) group.setInt(SocketOption.SOL_SOCKET, SocketOption.SO_BROADCAST, 1)
  else group.joinGroup(groupAddress.bytes, at.address, at.index)
  sizeBuffers(group, sender, log)
  coalesce(group, config)
  group.bind(groupAddress.bytes, config.port, at.index)
  return { token, sender, group }
}

function setTypeOfService(socket: UdpSocket, value: number): void {
  if (value === 0) return
  if (socket.family === 4) socket.trySetInt(SocketOption.SOL_IP, SocketOption.IP_TOS, value)
  else socket.trySetInt(SocketOption.SOL_IPV6, SocketOption.IPV6_TCLASS, value)
}

/** Old kernels cannot coalesce; then every datagram comes singly. */
function coalesce(socket: UdpSocket, config: TransportConfig): void {
  if (config.offload) socket.trySetInt(SocketOption.SOL_UDP, SocketOption.UDP_GRO, 1)
}

function sizeBuffers(receiver: UdpSocket, sender: UdpSocket, log: LogSink): void {
  const granted = receiver.growReceiveBuffer(RECEIVE_BUFFER_BYTES)
  sender.growSendBuffer(SEND_BUFFER_BYTES)
  if (granted >= RECEIVE_BUFFER_BYTES) {
    log('debug', 'TOTEM', `Receive buffer of the ring socket granted=${granted}`)
  } else {
    const remedy = 'an ordinary user gets no more than the sysctl net.core.rmem_max'
    log(
      'info',
      'TOTEM',
      `Receive buffer of the ring socket granted=${granted} wanted=${RECEIVE_BUFFER_BYTES}: ${remedy}`,
    )
  }
}
