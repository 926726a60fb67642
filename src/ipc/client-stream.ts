// The stream socket of a program's connection (spec: ipc 4, 9): first it carries the handshake, then bytes that say that
// there are events, and its end is the end of the server. In: where the server is. Out: what it offers; calls of the owner.

import { Socket, type SocketConstructorOpts } from 'node:net'
import { Errno } from '../sys/errno.js'
import { connectUnix, isRetry, peerPid, sendNotifications } from '../sys/unix-socket.js'
import {
  type Connected,
  ConnectionResponse,
  decodeConnectionResponse,
  encodeConnectionRequest,
} from '../wire/ipc-transport.js'
import { asIpcError, IpcError } from './errors.js'
import { serviceAddress } from './names.js'

/** What corosync's own libraries ask to be able to send and receive. */
const MAX_MESSAGE = 1 << 20
/** What a server may make of it. */
const MAX_MESSAGE_LIMIT = 16 << 20

export interface StreamOwner {
  /** Bytes have come; how many says nothing. */
  bytes(): void
  /** The other side has gone. */
  closed(error: IpcError): void
}

export class ClientStream {
  readonly #socket: Socket
  readonly #fd: number
  /** 0 when it is not to be seen from here. */
  readonly serverPid: number
  readonly #received = Buffer.alloc(ConnectionResponse.bytes)
  #receivedBytes = 0
  #owner: StreamOwner | undefined
  #settle: (response: Connected | IpcError) => void = () => {}
  #failure: Error | undefined

  /** Throws IpcError when nobody is there. `directory`: of sockets in the file system; else the name is abstract. */
  constructor(service: string, prefix: string, directory: string | undefined) {
    const address = serviceAddress(service, prefix, directory)
    try {
      this.#fd = connectUnix(address)
      this.serverPid = peerPid(this.#fd)
    } catch (error) {
      throw asIpcError(error, `no connection to '${address.name}'`)
    }
    const buffer = Buffer.alloc(ConnectionResponse.bytes)
    // The types of node know this option only for sockets that node connects itself.
    const options: SocketConstructorOpts & { onread: unknown } = {
      fd: this.#fd,
      onread: { buffer, callback: (count: number) => this.#read(buffer, count) },
    }
    this.#socket = new Socket(options)
    this.#socket.on('error', error => {
      this.#failure = error
    })
    this.#socket.on('close', () => this.#closed())
    this.#socket.resume()
  }

  /** Asks for a connection. Rejects with IpcError, and is closed then: with what the server says, or ETIMEDOUT. */
  async shakeHands(timeoutMs: number): Promise<Connected> {
    this.#socket.write(encodeConnectionRequest(MAX_MESSAGE))
    const response = await new Promise<Connected | IpcError>(resolve => {
      const timer = setTimeout(() => resolve(new IpcError(Errno.ETIMEDOUT, 'the daemon does not answer')), timeoutMs)
      this.#settle = outcome => {
        clearTimeout(timer)
        resolve(outcome)
      }
    })
    if (!(response instanceof IpcError)) return response
    this.close()
    throw response
  }

  /** From now on the owner is told. */
  handOver(owner: StreamOwner): void {
    this.#owner = owner
    if (this.#socket.destroyed) this.#closed()
  }

  /** Sends one byte, now or when there is room. False when nobody is there to read it. */
  knock(): boolean {
    if (this.#socket.destroyed) return false
    if (this.#socket.writableLength === 0) {
      const sent = sendNotifications(this.#fd, 1)
      if (sent === 1) return true
      if (!isRetry(sent)) return false
    }
    this.#socket.write('.')
    return true
  }

  close(): void {
    this.#owner = undefined
    this.#socket.destroy()
  }

  #read(buffer: Buffer, count: number): boolean {
    if (this.#owner !== undefined) this.#owner.bytes()
    else if (this.#receivedBytes + count > ConnectionResponse.bytes) {
      this.#settle(new IpcError(Errno.EBADMSG, 'the daemon says more than it should'))
    } else {
      this.#receivedBytes += buffer.copy(this.#received, this.#receivedBytes, 0, count)
      if (this.#receivedBytes === ConnectionResponse.bytes) this.#settle(offered(this.#received))
    }
    return true
  }

  /** Whether the end comes in order or by a reset says nothing: unread bytes make the difference (spec: ipc 10.2). */
  #closed(): void {
    const error = new IpcError(Errno.ENOTCONN, 'the daemon has closed the connection', { cause: this.#failure })
    if (this.#owner === undefined) this.#settle(error)
    else this.#owner.closed(error)
  }
}

function offered(bytes: Uint8Array): Connected | IpcError {
  const response = decodeConnectionResponse(bytes)
  if (response === undefined) return new IpcError(Errno.EBADMSG, 'the daemon answers nonsense')
  if ('error' in response) return refusal(-response.error)
  const { maxMessage } = response
  if (maxMessage < MAX_MESSAGE || maxMessage > MAX_MESSAGE_LIMIT) {
    return new IpcError(Errno.EBADMSG, `the daemon offers messages of ${maxMessage} bytes`)
  }
  return response
}

function refusal(errno: number): IpcError {
  switch (errno) {
    case Errno.EAGAIN:
      return new IpcError(errno, 'the daemon is not ready yet')
    case Errno.EACCES:
      return new IpcError(errno, 'the daemon does not accept connections of this user')
    default:
      return new IpcError(errno, `the daemon refuses the connection (error ${errno})`)
  }
}
