// The barrier between a configuration change and ordinary service (spec: totem 10, services 1.6): all members agree
// on the list of services, then take one after the other through "everybody sends its share, everybody has got all
// shares, activate". In: configuration changes, messages of group `sync`, the moment after each token. Out: messages,
// calls of the services' steps. Must not know: what the services exchange.

import type { LogSink } from '../log/types.js'
import type { RingIdentity } from '../totem/types.js'
import {
  BARRIER_LENGTH,
  checkSyncMessage,
  createBarrier,
  createServiceBuild,
  readBarrier,
  readServiceBuild,
  SERVICE_BUILD_ENTRIES_MAX,
  SERVICE_BUILD_LENGTH,
  SyncMessage,
  writeBarrier,
  writeServiceBuild,
} from '../wire/sync.js'
import type { SyncService, SyncStats, SyncSteps } from './types.js'

/**
 * `idle`: no ring to synchronise. `build`: service lists are coming in. `process`: the current service sends its
 * share, after each token. `barrier`: all has been sent, the others' barriers are awaited.
 */
export type SyncState = 'idle' | 'build' | 'process' | 'barrier'

export interface SyncOutput {
  /** The byte order in which this node writes. */
  readonly littleEndian: boolean
  /** To group `sync`; false when the queue has no room now. */
  send(buf: Uint8Array, off: number, len: number): boolean
  /** There is work to do after the next token. */
  requestToken(): void
  /** All services are active: ordinary service begins. */
  completed(): void
  readonly log: LogSink
}

/** A service that only others have: it is walked through without doing anything. */
const ABSENT: SyncSteps = {
  init() {},
  process: () => true,
  activate() {},
  abort() {},
}

export class Synchronisation {
  readonly stats: SyncStats = { completed: 0, aborted: 0, oldRingMessages: 0, rejectedMessages: 0 }
  readonly #output: SyncOutput
  /** Ascending by id, as every list of services here. */
  readonly #local: SyncService[] = []

  #state: SyncState = 'idle'
  #running = true
  #ring: RingIdentity = { nodeId: 0, seq: 0 }
  #members: readonly number[] = []
  #transitional: readonly number[] = []
  /**
   * Per service that has not been activated since: who came along through every ring from its last activation on. A
   * node that was away during a ring whose synchronisation did not finish has been away.
   */
  readonly #alongSince = new Map<SyncService, readonly number[]>()
  /** Members whose build message or barrier of the current step has come. */
  readonly #marked = new Set<number>()
  #services: SyncService[] = []
  #index = 0
  /** The build message did not fit the queue and is to be sent after the next token. */
  #buildUnsent = false
  /** The current service has sent its share; only the barrier is missing. */
  #shareSent = false

  readonly #barrier = createBarrier()
  readonly #build = createServiceBuild()
  readonly #bytes = new Uint8Array(SERVICE_BUILD_LENGTH)

  constructor(output: SyncOutput) {
    this.#output = output
  }

  /** Adds a local service; before the first ring. */
  register(service: SyncService): void {
    this.#local.push(service)
    this.#local.sort((a, b) => a.id - b.id)
  }

  get state(): SyncState {
    return this.#state
  }

  /** From the first change on, and from each later one, until synchronisation is complete. */
  get running(): boolean {
    return this.#running
  }

  /** The ring being or last synchronised. */
  get ring(): RingIdentity {
    return this.#ring
  }

  transitional(members: readonly number[]): void {
    this.#abort()
    this.#running = true
    this.#transitional = members
  }

  regular(members: readonly number[], ring: RingIdentity): void {
    this.#abort()
    this.#running = true
    this.#ring = ring
    this.#members = members
    this.#marked.clear()
    this.#services = [...this.#local]
    this.#index = 0
    this.#state = 'build'
    this.#sendBuild()
    const cameAlong = this.#transitional.filter(node => members.includes(node))
    this.#output.log('debug', 'SYNC', 'call init for locally known services')
    for (const service of this.#local) {
      const before = this.#alongSince.get(service)
      const along = before === undefined ? cameAlong : cameAlong.filter(node => before.includes(node))
      this.#alongSince.set(service, along)
      service.sync.init(along, members, ring)
    }
  }

  /** Called after each token has left. */
  tokenSent(): void {
    if (this.#state === 'process') this.#process()
    else if (this.#buildUnsent) this.#sendBuild()
  }

  /** A message of group `sync`, in total order. */
  receive(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const type = checkSyncMessage(buf, off, len, little)
    if (type === SyncMessage.barrier && readBarrier(buf, off, len, little, this.#barrier)) {
      if (this.#isCurrent(this.#barrier.ring.rep, this.#barrier.ring.seq, origin, 'barrier')) this.#barrierFrom(origin)
    } else if (type === SyncMessage.serviceBuild && readServiceBuild(buf, off, len, little, this.#build)) {
      if (this.#isCurrent(this.#build.ring.rep, this.#build.ring.seq, origin, 'service build')) this.#buildFrom(origin)
    } else {
      this.stats.rejectedMessages++
    }
  }

  #isCurrent(rep: number, seq: number, origin: number, what: string): boolean {
    if (this.#state === 'idle' || rep !== this.#ring.nodeId || seq !== this.#ring.seq) {
      this.stats.oldRingMessages++
      this.#output.log('debug', 'SYNC', `${what} for old ring - discarding`)
      return false
    }
    if (!this.#members.includes(origin)) {
      this.stats.rejectedMessages++
      return false
    }
    return true
  }

  #buildFrom(origin: number): void {
    if (this.#state !== 'build') {
      this.stats.rejectedMessages++
      return
    }
    for (const id of this.#build.services) {
      if (this.#services.some(service => service.id === id)) continue
      if (this.#services.length >= SERVICE_BUILD_ENTRIES_MAX) break
      this.#services.push({ id, name: `unknown service ${id}`, sync: ABSENT })
    }
    this.#services.sort((a, b) => a.id - b.id)
    this.#marked.add(origin)
    if (this.#marked.size === this.#members.length) this.#enterProcess()
  }

  #barrierFrom(origin: number): void {
    // In total order no barrier can come before the last build message.
    if (this.#state === 'build') {
      this.stats.rejectedMessages++
      return
    }
    this.#marked.add(origin)
    if (this.#state !== 'barrier' || this.#marked.size !== this.#members.length) return
    const service = this.#services[this.#index]
    if (service !== undefined) {
      this.#output.log('debug', 'SYNC', `Committing synchronization for ${service.name}`)
      this.#alongSince.delete(service)
      service.sync.activate()
    }
    this.#index++
    this.#enterProcess()
  }

  #enterProcess(): void {
    if (this.#index >= this.#services.length) {
      this.#complete()
      return
    }
    // Barriers that come from now on count, even those that are here before our own has been sent.
    this.#marked.clear()
    this.#state = 'process'
    this.#shareSent = false
    this.#output.log('debug', 'SYNC', 'enter sync process')
    this.#output.requestToken()
  }

  #process(): void {
    const service = this.#services[this.#index]
    if (!this.#shareSent) this.#shareSent = service === undefined || service.sync.process()
    // A full queue brings the token by itself, and who waits for something else must not keep it going round meanwhile.
    if (this.#shareSent && this.#sendBarrier()) this.#state = 'barrier'
  }

  #complete(): void {
    this.#state = 'idle'
    this.#running = false
    this.stats.completed++
    this.#output.log('notice', 'MAIN', 'Completed service synchronization, ready to provide service.')
    this.#output.completed()
  }

  #abort(): void {
    if (this.#state === 'idle') return
    this.stats.aborted++
    // The service in hand, whether it is still sending or already at its barrier. Those before it are active, those
    // after it untouched.
    if (this.#state !== 'build') this.#services[this.#index]?.sync.abort()
    this.#state = 'idle'
    this.#buildUnsent = false
  }

  #sendBuild(): void {
    this.#build.ring.rep = this.#ring.nodeId
    this.#build.ring.seq = this.#ring.seq
    this.#build.services.length = 0
    for (const service of this.#local) this.#build.services.push(service.id)
    const length = writeServiceBuild(this.#build, this.#bytes, 0, this.#output.littleEndian)
    this.#buildUnsent = !this.#output.send(this.#bytes, 0, length)
    if (this.#buildUnsent) this.#output.requestToken()
  }

  #sendBarrier(): boolean {
    this.#barrier.ring.rep = this.#ring.nodeId
    this.#barrier.ring.seq = this.#ring.seq
    writeBarrier(this.#barrier, this.#bytes, 0, this.#output.littleEndian)
    return this.#output.send(this.#bytes, 0, BARRIER_LENGTH)
  }
}
