// The real loop: one thread that waits in epoll, reads the ring's sockets, lets the node work and sends what came of it,
// all synchronously. It drives one node and implements the node's output. Whatever else the executive listens to (wake-ups
// from other threads, IPC) is added as a descriptor with a handler. It knows nothing of what the messages mean.

import { type IpAddress, ipFromBytes, parseIp } from '../config/ip.js'
import type { LogLevel } from '../log/types.js'
import { type DriverOptions, TransportError } from '../net/driver.js'
import { LinkState, type LinkStateName } from '../net/link-state.js'
import { ADDRESS_PLACES, AddressBook, GROUP_PLACE } from '../net/members.js'
import { TransportStats } from '../net/stats.js'
import type { TransportMember } from '../net/transport.js'
import type { DrivenNode, NodeOutput } from '../node/types.js'
import { EPOLL_WAIT_MAX_MS, EventPoll } from '../sys/epoll.js'
import type { SysError } from '../sys/errno.js'
import { clearEventFd, closeFd, openEventFd } from '../sys/eventfd.js'
import { Epoll } from '../sys/layout.js'
import { NativeMemory } from '../sys/native.js'
import { type InterfaceAddress, InterfaceMonitor } from '../sys/netlink.js'
import { SOCKADDR_SIZE } from '../sys/sockaddr.js'
import { lockMemory } from '../sys/thread.js'
import type { WireGeneration } from '../wire/generation.js'
import { Receiver } from './receive.js'
import { closeRingSockets, openRingSockets, type RingSockets } from './ring-sockets.js'
import { Transmitter } from './transmit.js'

/** At least this often Node gets a turn: promises, weak references and messages of its own wait for it. */
const YIELD_INTERVAL_MS = 100
/** Expirations per turn: a ring of one works by expirations alone and must not keep the sockets waiting. */
const EXPIRATIONS_PER_TURN = 16
export interface RingLoopOptions extends DriverOptions {
  /** Needed where addresses are learned from join messages. */
  readonly wire: WireGeneration
  /** One counter in shared memory that moves on every turn, for whoever watches this thread. */
  readonly heartbeat?: Int32Array
}

/** Called with the time of the turn and the epoll events of the descriptor. */
export type FdHandler = (now: number, events: number) => void

/** Something that works in the loop beside the node, a bounded amount every turn. */
export interface LoopWorker {
  /** After the descriptors and the node. True when it did something. */
  work(now: number): boolean
  /** When it wants to work again at the latest; in the past when work is pending, Infinity when only a descriptor can bring any. */
  nextDeadline(): number
}

export class RingLoop {
  readonly output: NodeOutput
  readonly stats = new TransportStats()
  readonly #options: RingLoopOptions
  readonly #clock: () => number
  readonly #poll = new EventPoll()
  readonly #monitor = new InterfaceMonitor()
  readonly #book: AddressBook
  readonly #transmitter: Transmitter
  readonly #receiver: Receiver
  readonly #link: LinkState
  readonly #handlers = new Map<number, FdHandler>()
  readonly #tags = new Map<number, number>()
  readonly #wakers = new Set<number>()
  #workers: readonly LoopWorker[] = []
  readonly #heartbeat: Int32Array
  #nextTag = 1
  #node: DrivenNode | undefined
  #sockets: RingSockets | undefined
  #interfacesChanged = true
  #failure: Error | undefined
  #closed = false

  constructor(options: RingLoopOptions) {
    const { transport, log } = options
    this.#options = options
    this.#clock = options.clock ?? (() => performance.now())
    this.#heartbeat = options.heartbeat ?? new Int32Array(1)
    const bind = parseIp(transport.bindAddress)
    if (bind === undefined) throw new TransportError(`'${transport.bindAddress}' is not a numeric address`)

    const sockaddrs = new NativeMemory(ADDRESS_PLACES * SOCKADDR_SIZE)
    this.#book = new AddressBook(transport.port, sockaddrs.bytes)
    this.#fillBook()
    this.#transmitter = new Transmitter(this.#book, sockaddrs, transport.offload, this.stats, log, this.#clock)
    this.#receiver = new Receiver({
      book: this.#book,
      wire: options.wire,
      nodeId: transport.nodeId,
      blockUnlisted: transport.transport === 'udpu' && transport.blockUnlistedIps,
      learn: transport.transport === 'udp' && transport.members.length === 0,
      stats: this.stats,
      log,
      clock: this.#clock,
    })
    const mayStartDown = transport.transport === 'udp'
    this.#link = new LinkState(
      { bind, bindExact: transport.bindExact, mayStartDown, downcheckMs: transport.downcheckMs },
      {
        open: at => this.#openSockets(at),
        close: () => this.#closeSockets(),
        started: now => this.#node!.start(now, options.ringId.sequence),
        changed: now => this.#node!.interfaceChanged(now),
        fatal: reason => {
          this.#failure = new TransportError(reason)
        },
        log: (level: LogLevel, message: string) => log(level, 'TOTEM', message),
      },
    )
    this.addFd(this.#monitor.fd, Epoll.IN, () => {
      this.#monitor.drain()
      this.#interfacesChanged = true
    })
    this.output = this.#createOutput()
  }

  /** The node to drive. The first turn after this opens the sockets and starts it. */
  attach(node: DrivenNode): void {
    this.#node = node
    this.#receiver.attach(node)
  }

  get linkState(): LinkStateName {
    return this.#link.state
  }

  get linkUp(): boolean {
    return this.#link.state === 'up'
  }

  /** Other nodes from now on: their addresses, this node's own among them or not. Those that are no addresses are left out. */
  setMembers(members: readonly TransportMember[]): void {
    const { transport, log } = this.#options
    const udpu = transport.transport === 'udpu'
    const wanted = new Map<number, IpAddress>()
    for (const { nodeId, address } of members) {
      const parsed = parseIp(address)
      if (nodeId !== transport.nodeId && parsed !== undefined) wanted.set(nodeId, parsed)
    }
    for (const { nodeId, address } of [...this.#book.members()]) {
      if (wanted.has(nodeId)) continue
      this.#book.remove(nodeId)
      if (udpu) log('notice', 'TOTEM', `removing UDPU member {${address.text}}`)
    }
    for (const [nodeId, address] of wanted) {
      const known = this.#book.get(nodeId) !== undefined
      if (!this.#book.set(nodeId, address)) log('error', 'TOTEM', `No room for node ${nodeId}: too many members`)
      else if (!known && udpu) log('notice', 'TOTEM', `adding new UDPU member {${address.text}}`)
    }
    if (this.#sockets === undefined) return
    this.#transmitter.flush()
    this.#transmitter.use(this.#sockets.sender.fd, this.#multicastPlaces())
  }

  /** Values of the transport that may change while it runs. */
  tune(blockUnlistedIps: boolean, downcheckMs: number): void {
    this.#receiver.blockUnlisted(this.#options.transport.transport === 'udpu' && blockUnlistedIps)
    this.#link.setDowncheck(downcheckMs)
  }

  /** The time that the node is told. */
  now(): number {
    return this.#clock()
  }

  /** Addresses of a node, of which udp and udpu have one, as text; none when it is unknown. */
  addressesOf(nodeId: number): string[] {
    const { transport } = this.#options
    const member = this.#book.get(nodeId)
    if (member !== undefined) return [member.address.text]
    if (nodeId !== transport.nodeId) return []
    const { current } = this.#link
    if (current !== undefined) return [ipFromBytes(current.address).text]
    return [transport.members.find(other => other.nodeId === nodeId)?.address ?? transport.bindAddress]
  }

  /** Listens to a further descriptor (level-triggered; `Epoll.IN` and so on). */
  addFd(fd: number, events: number, handler: FdHandler): void {
    const tag = this.#nextTag++
    this.#poll.add(fd, events, tag)
    this.#tags.set(fd, tag)
    this.#handlers.set(tag, handler)
  }

  modifyFd(fd: number, events: number): void {
    const tag = this.#tags.get(fd)
    if (tag === undefined) throw new RangeError(`descriptor ${fd} was not added`)
    this.#poll.modify(fd, events, tag)
  }

  /** To be called before the descriptor is closed. */
  removeFd(fd: number): void {
    const tag = this.#tags.get(fd)
    if (tag === undefined) return
    this.#poll.remove(fd)
    this.#tags.delete(fd)
    this.#handlers.delete(tag)
  }

  /** A descriptor by which other threads wake this loop (`signalEventFd`); `handler` runs in the loop. */
  addWaker(handler: (now: number) => void): number {
    const fd = openEventFd()
    this.#wakers.add(fd)
    this.addFd(fd, Epoll.IN, now => {
      clearEventFd(fd)
      handler(now)
    })
    return fd
  }

  addWorker(worker: LoopWorker): void {
    this.#workers = [...this.#workers, worker]
  }

  /**
   * One turn: waits for at most `maxWaitMs` (never over 250 ms), then does what there is to do, a bounded amount of it.
   * False when it found nothing. Throws when the ring cannot be reached or its state cannot be kept.
   */
  turn(maxWaitMs: number): boolean {
    const node = this.#node
    if (node === undefined) throw new Error('no node attached')
    Atomics.add(this.#heartbeat, 0, 1)
    if (this.#interfacesChanged) this.#checkInterfaces(this.#clock())
    const ready = this.#poll.wait(this.#waitMs(node, maxWaitMs))
    const now = this.#clock()
    for (let i = 0; i < ready; i++) {
      const handler = this.#handlers.get(this.#poll.tagAt(i))
      // An earlier handler of this turn may have taken this descriptor away.
      if (handler !== undefined) handler(now, this.#poll.eventsAt(i))
    }
    if (now >= this.#link.nextCheck()) this.#interfacesChanged = true
    let worked = this.#expire(node) || ready > 0
    for (const worker of this.#workers) if (worker.work(now)) worked = true
    this.#transmitter.flush()
    if (this.#failure !== undefined) throw this.#failure
    return worked
  }

  /** Turns until `shouldStop` says so, letting Node work in between. Rejects with what a turn threw. */
  run(shouldStop: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const slice = () => {
        try {
          const until = this.#clock() + YIELD_INTERVAL_MS
          for (;;) {
            if (shouldStop() || this.#closed) return resolve()
            const worked = this.turn(EPOLL_WAIT_MAX_MS)
            if (!worked || this.#clock() >= until) break
          }
          setImmediate(slice)
        } catch (error) {
          reject(error)
        }
      }
      slice()
    })
  }

  /** Lets the node multicast its leave message, at once. */
  leave(): void {
    this.#node?.leave(this.#clock())
    this.#transmitter.flush()
  }

  /** Keeps the memory through which datagrams pass from being paged out; undefined, or why that is not allowed. */
  lockMemory(): SysError | undefined {
    for (const arena of [...this.#transmitter.arenas, ...this.#receiver.arenas]) {
      const refused = lockMemory(arena)
      if (refused !== undefined) return refused
    }
    return undefined
  }

  /** Gives back every descriptor. Nothing may be called afterwards. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#closeSockets()
    for (const fd of this.#wakers) closeFd(fd)
    this.#monitor.close()
    this.#poll.close()
  }

  #waitMs(node: DrivenNode, maxWaitMs: number): number {
    const now = this.#clock()
    let until = Math.min(node.nextDeadline(), this.#link.nextCheck())
    for (const worker of this.#workers) until = Math.min(until, worker.nextDeadline())
    // Whole milliseconds, rounded up: waking early would only mean to wait again.
    return Math.min(Math.ceil(until - now), maxWaitMs, EPOLL_WAIT_MAX_MS)
  }

  #expire(node: DrivenNode): boolean {
    let i = 0
    for (; i < EXPIRATIONS_PER_TURN; i++) {
      const now = this.#clock()
      if (node.nextDeadline() > now) break
      node.expire(now)
    }
    return i > 0
  }

  #checkInterfaces(now: number): void {
    this.#interfacesChanged = false
    this.#link.update(now, this.#monitor.list())
    if (this.#failure !== undefined) throw this.#failure
  }

  #openSockets(at: InterfaceAddress): string | undefined {
    const { transport, log } = this.#options
    const opened = openRingSockets(transport, at, log)
    if (typeof opened === 'string') return opened
    this.#sockets = opened
    this.#book.setScope(at.index)
    this.addFd(opened.token.fd, Epoll.IN, () => this.#receiver.readToken())
    if (opened.group !== undefined) this.addFd(opened.group.fd, Epoll.IN, () => this.#receiver.readGroup())
    this.#receiver.use(opened, at.address)
    this.#transmitter.use(opened.sender.fd, this.#multicastPlaces())
    return undefined
  }

  #closeSockets(): void {
    const sockets = this.#sockets
    if (sockets === undefined) return
    this.#transmitter.flush()
    this.#transmitter.use(-1, [])
    this.#receiver.use(undefined, undefined)
    this.removeFd(sockets.token.fd)
    if (sockets.group !== undefined) this.removeFd(sockets.group.fd)
    closeRingSockets(sockets)
    this.#sockets = undefined
  }

  #fillBook(): void {
    const { transport } = this.#options
    for (const member of transport.members) {
      if (member.nodeId === transport.nodeId) continue
      const address = parseIp(member.address)
      if (address === undefined) throw new TransportError(`'${member.address}' is not a numeric address`)
      if (!this.#book.set(member.nodeId, address)) throw new TransportError('too many members')
    }
    const group = transport.group === undefined ? undefined : parseIp(transport.group)
    if (group !== undefined) this.#book.setGroup(group)
  }

  #multicastPlaces(): number[] {
    if (this.#options.transport.transport === 'udp') return [GROUP_PLACE]
    return [...this.#book.members()].map(member => member.place)
  }

  #createOutput(): NodeOutput {
    const { ringId, log, shutdownRequested } = this.#options
    return {
      unicast: (nodeId, buf, off, len) => {
        const member = this.#book.get(nodeId)
        if (member !== undefined) this.#transmitter.unicast(member.place, buf, off, len)
        else log('debug', 'TOTEM', `No address known of node ${nodeId}, token not sent`)
      },
      multicast: (buf, off, len) => this.#transmitter.multicast(buf, off, len),
      discardInput: () => this.#receiver.discard(),
      persistRingSequence: seq => ringId.write(seq),
      shutdownRequested,
      log,
    }
  }
}
