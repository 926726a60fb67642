// Drives a node over node:dgram and ordinary timers: library use where there is no Linux or no FFI. udpu only, IPv4 and
// IPv6, the same node and the same rules as the real loop, one system call per datagram. An interface that goes down
// shows as sends that fail; the protocol copes.

import dgram from 'node:dgram'
import os from 'node:os'
import { ipFromBytes, isLinkLocal, parseIp } from '../config/ip.js'
import { RateLimitedLog } from '../log/rate-limit.js'
import { type DriverOptions, TransportError } from '../net/driver.js'
import { OPEN_ATTEMPTS_MAX, OPEN_PAUSE_MS, selectAddress } from '../net/link-state.js'
import { AddressBook, type Member } from '../net/members.js'
import { TransportStats } from '../net/stats.js'
import { RECEIVE_BUFFER_BYTES } from '../net/transport.js'
import type { DrivenNode, NodeOutput } from '../node/types.js'
import type { InterfaceAddress } from '../sys/netlink.js'
import { encodeSockaddr, SOCKADDR_SIZE } from '../sys/sockaddr.js'

/** Datagrams read but not handed in yet; more are dropped, as the kernel would. */
const QUEUE_MAX = 8192
/** Source addresses whose text is kept. */
const SOURCES_MAX = 512
/** Expirations before sockets get their share. */
const EXPIRATIONS_PER_TURN = 16
/** setTimeout takes no more. */
const TIMER_MAX_MS = 0x7fffffff

interface Waiting {
  readonly bytes: Uint8Array
  readonly from: string
}

export class DgramDriver {
  readonly output: NodeOutput
  readonly stats = new TransportStats()
  readonly #options: DriverOptions
  readonly #clock: () => number
  readonly #book: AddressBook
  /** What to call a source, or null for one to be rejected. */
  readonly #sources = new Map<string, string | null>()
  readonly #failures: RateLimitedLog
  readonly #rejections: RateLimitedLog
  #queue: Waiting[] = []
  /** Place in the queue of the datagram that the node has in hand; -1 when none. */
  #handing = -1
  #node: DrivenNode | undefined
  #socket: dgram.Socket | undefined
  #own = ''
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #turnPending = false
  #dropping = false
  #droppedLately = false
  #closed = false

  constructor(options: DriverOptions) {
    const { transport, log } = options
    if (transport.transport !== 'udpu') throw new TransportError('node:dgram carries the transport udpu only')
    this.#options = options
    this.#clock = options.clock ?? (() => performance.now())
    this.#failures = new RateLimitedLog(log, 'debug', 'TOTEM')
    this.#rejections = new RateLimitedLog(log, 'debug', 'TOTEM')
    this.#book = new AddressBook(transport.port)
    for (const { nodeId, address } of transport.members) {
      if (nodeId === transport.nodeId) continue
      const parsed = parseIp(address)
      if (parsed === undefined) throw new TransportError(`'${address}' is not a numeric address`)
      if (!this.#book.set(nodeId, parsed)) throw new TransportError('too many members')
    }
    this.output = this.#createOutput()
  }

  /** Binds the socket, again and again for a while if need be, and starts the node. Rejects with TransportError. */
  async open(node: DrivenNode): Promise<void> {
    this.#node = node
    for (let attempt = 1; ; attempt++) {
      const problem = await this.#bind()
      if (problem === undefined) break
      if (attempt >= OPEN_ATTEMPTS_MAX || this.#closed) throw new TransportError(problem)
      await new Promise(resolve => setTimeout(resolve, attempt * OPEN_PAUSE_MS))
    }
    node.start(this.#clock(), this.#options.ringId.sequence)
    this.#arm()
  }

  /** Lets the node multicast its leave message. */
  leave(): void {
    this.#node?.leave(this.#clock())
  }

  /** Call this after having called the node from outside, so that its new deadline is kept. */
  wake(): void {
    this.#arm()
  }

  /** Gives the socket back once what was sent has left. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#queue = []
    const socket = this.#socket
    if (socket !== undefined) await new Promise<void>(resolve => socket.close(resolve))
  }

  async #bind(): Promise<string | undefined> {
    const { transport, log } = this.#options
    const bind = parseIp(transport.bindAddress)
    if (bind === undefined) throw new TransportError(`'${transport.bindAddress}' is not a numeric address`)
    const at = selectAddress(hostAddresses(), bind, transport.bindExact, undefined)
    if (at === undefined) return `no network interface that is up has the address ${bind.text}`
    const text = bindText(at)
    const socket = dgram.createSocket({
      type: at.family === 4 ? 'udp4' : 'udp6',
      // Addresses are numbers already: no look-up, so that a send happens within the call.
      lookup: (host, _options, callback) => callback(null, host, at.family),
    })
    const problem = await new Promise<string | undefined>(resolve => {
      socket.once('error', error => resolve(error.message))
      socket.bind({ address: text, port: transport.port, exclusive: true }, () => resolve(undefined))
    })
    if (problem !== undefined) {
      socket.close()
      return `cannot open ${text} port ${transport.port} (udpu): ${problem}`
    }
    socket.on('error', () => {})
    socket.on('message', (bytes, { address }) => this.#received(bytes, address))
    this.#own = text
    this.#socket = socket
    this.#sizeBuffer(socket, log)
    return undefined
  }

  #sizeBuffer(socket: dgram.Socket, log: DriverOptions['log']): void {
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
    } catch {
      // Some systems refuse what others cut down.
    }
    log('debug', 'TOTEM', `Receive buffer of the ring socket granted=${socket.getRecvBufferSize()}`)
  }

  #received(bytes: Uint8Array, address: string): void {
    const from = this.#sourceText(address)
    if (from === undefined) return
    if (bytes.length === 0) {
      this.stats.empty++
      return
    }
    if (this.#dropping || this.#queue.length >= QUEUE_MAX) {
      this.#droppedLately = true
      this.stats.discarded++
      return
    }
    this.stats.receivedDatagrams++
    this.stats.receivedBytes += bytes.length
    this.#queue.push({ bytes, from })
    this.#turnSoon()
  }

  #sourceText(address: string): string | undefined {
    let text = this.#sources.get(address)
    if (text === undefined) {
      text = this.#classify(address)
      if (this.#sources.size >= SOURCES_MAX) this.#sources.clear()
      this.#sources.set(address, text)
    }
    if (text !== null) return text
    if (address === this.#own) this.stats.rejectedOwn++
    else this.stats.rejectedSource++
    const now = this.#clock()
    if (this.#rejections.ready(now)) this.#rejections.write(now, `Packet rejected from ${address}`)
    return undefined
  }

  #classify(address: string): string | null {
    if (address === this.#own) return null
    const parsed = parseIp(address.split('%')[0]!)
    if (parsed === undefined) return null
    const sockaddr = new Uint8Array(SOCKADDR_SIZE)
    encodeSockaddr(sockaddr, 0, parsed.bytes, 0)
    const listed = this.#book.bySource(sockaddr, 0) !== undefined
    return listed || !this.#options.transport.blockUnlistedIps ? parsed.text : null
  }

  #turnSoon(): void {
    if (this.#turnPending || this.#closed) return
    this.#turnPending = true
    setImmediate(() => {
      this.#turnPending = false
      this.#turn()
    })
  }

  #turn(): void {
    const node = this.#node!
    const queue = this.#queue
    const now = this.#clock()
    for (let i = 0; i < queue.length && !this.#closed; i++) {
      const { bytes, from } = queue[i]!
      this.#handing = i
      node.receive(now, bytes, 0, bytes.length, from)
      // Discarded from inside the node.
      if (this.#queue !== queue) break
    }
    this.#handing = -1
    if (this.#queue === queue) this.#queue = []
    for (let i = 0; i < EXPIRATIONS_PER_TURN && !this.#closed; i++) {
      const time = this.#clock()
      if (node.nextDeadline() > time) break
      node.expire(time)
    }
    this.#arm()
  }

  #arm(): void {
    if (this.#closed || this.#node === undefined || this.#turnPending) return
    const at = this.#node.nextDeadline()
    const wait = at - this.#clock()
    if (wait <= 0) {
      this.#turnSoon()
      return
    }
    // A timer that fires early only looks again; a new one is needed only for an earlier deadline.
    if (at >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY
        this.#turn()
      },
      Math.min(Math.ceil(wait), TIMER_MAX_MS),
    )
  }

  /** Drops what was read, and what comes until the socket was once found empty. */
  #discard(): number {
    const count = this.#queue.length - (this.#handing + 1)
    this.#queue = []
    this.stats.discarded += count
    if (!this.#dropping) {
      this.#dropping = true
      this.#droppedLately = true
      const look = () => {
        if (this.#droppedLately) {
          this.#droppedLately = false
          setImmediate(look)
        } else this.#dropping = false
      }
      setImmediate(look)
    }
    return count
  }

  #send(member: Member, bytes: Uint8Array): void {
    this.stats.sendCalls++
    this.#socket?.send(bytes, this.#options.transport.port, member.address.text, error => {
      if (error === null) {
        this.stats.sentDatagrams++
        this.stats.sentBytes += bytes.length
        this.stats.continuousSendFailures = 0
        return
      }
      this.stats.sendFailures++
      this.stats.continuousSendFailures++
      const now = this.#clock()
      if (this.#failures.ready(now)) this.#failures.write(now, `sendmsg(ucast) failed (non-critical): ${error.message}`)
    })
  }

  #createOutput(): NodeOutput {
    const { ringId, log, shutdownRequested } = this.#options
    return {
      unicast: (nodeId, buf, off, len) => {
        const member = this.#book.get(nodeId)
        if (member !== undefined) this.#send(member, buf.slice(off, off + len))
      },
      multicast: (buf, off, len) => {
        const bytes = buf.slice(off, off + len)
        for (const member of this.#book.members()) this.#send(member, bytes)
      },
      discardInput: () => this.#discard(),
      persistRingSequence: seq => ringId.write(seq),
      shutdownRequested,
      log,
    }
  }
}

/** This host's addresses as far as Node shows them: those of interfaces that are up. */
function hostAddresses(): InterfaceAddress[] {
  const list: InterfaceAddress[] = []
  for (const [name, entries] of Object.entries(os.networkInterfaces())) {
    for (const entry of entries ?? []) {
      const address = parseIp(entry.address)
      if (address === undefined || entry.cidr === null) continue
      const prefixLength = Number(entry.cidr.split('/')[1])
      const index = entry.family === 'IPv6' ? entry.scopeid : 0
      list.push({ name, index, up: true, family: address.family, address: address.bytes, prefixLength })
    }
  }
  return list
}

/** Link-local addresses need the interface's name. */
function bindText(at: InterfaceAddress): string {
  const { text } = ipFromBytes(at.address)
  return isLinkLocal(at.address) ? `${text}%${at.name}` : text
}
