// Programs that listen on honest nodes while one node of the ring puts forged messages into the total order: all of them
// have to hear the same events in the same order, and their nodes must know the same members, whatever the messages
// say. In: the ring. Out: what differs, as text. Must not know: what is forged.

import { hashBytes } from '../../recorder/payload-hash.js'
import { CpgIteration } from '../../services/cpg/iteration.js'
import type { CpgConnection } from '../../services/cpg/types.js'
import { CsError } from '../../services/errors.js'
import type { Prng } from '../prng.js'
import type { FuzzRing } from './ring.js'

const RETRY_MS = 15
const SEND_GAP_MS = 20
const LONGEST_MESSAGE = 3000

interface Listener {
  readonly index: number
  readonly pid: number
  readonly connection: CpgConnection
  joined: boolean
  /** Has heard the first message of the log, or the last. */
  state: 'before' | 'logging' | 'after'
  /** Hash over all events, and their number. */
  hash: number
  events: number
}

export class Replicas {
  readonly #ring: FuzzRing
  readonly #prng: Prng
  readonly #group: Uint8Array
  readonly #listeners: Listener[] = []
  readonly #bytes = new Uint8Array(LONGEST_MESSAGE)
  readonly #first: Uint8Array
  readonly #last: Uint8Array
  #sending = true

  /** `hosts`: indexes of the honest ones. Names and marks have to be new. */
  constructor(ring: FuzzRing, prng: Prng, group: string, firstPid: number, hosts: readonly number[]) {
    this.#ring = ring
    this.#prng = prng
    const encoder = new TextEncoder()
    this.#group = encoder.encode(group)
    this.#first = encoder.encode(`first of ${group}`)
    this.#last = encoder.encode(`last of ${group}`)
    for (const index of hosts) this.#listen(index, firstPid + index)
  }

  get group(): Uint8Array {
    return this.#group
  }

  get joined(): boolean {
    return this.#listeners.every(listener => listener.joined)
  }

  /** The logs begin; sending goes on until `end`. */
  begin(): void {
    this.#sendSurely(this.#first)
    for (const listener of this.#listeners) this.#again(listener)
  }

  end(): void {
    this.#sending = false
    this.#sendSurely(this.#last)
  }

  get ended(): boolean {
    return this.#listeners.every(listener => listener.state === 'after')
  }

  /** The first difference; undefined when all is equal. */
  difference(): string | undefined {
    const first = this.#listeners[0]!
    for (const listener of this.#listeners) {
      if (listener.events !== first.events || listener.hash !== first.hash) {
        return `the listener on ${this.#name(listener)} heard ${listener.events} events, that on ${this.#name(first)} ${first.events}${listener.events === first.events ? ' others' : ''}`
      }
      const members = this.#members(listener)
      if (members !== this.#members(first)) {
        return `${this.#name(listener)} and ${this.#name(first)} know different members of groups`
      }
    }
    return undefined
  }

  close(): void {
    this.#sending = false
    for (const listener of this.#listeners) this.#as(listener, () => listener.connection.close())
    this.#listeners.length = 0
  }

  #name(listener: Listener): number {
    return this.#ring.hosts[listener.index]!.nodeId
  }

  #members(listener: Listener): string {
    const entries = this.#ring.node(listener.index).cpg.iterate(CpgIteration.ALL)
    // As a set: groups of one process are listed in the order in which they became known.
    const texts = entries.map(({ group, nodeId, pid }) => `${nodeId}:${pid}:${group.join(',')}`)
    return texts.sort().join(' ')
  }

  #listen(index: number, pid: number): void {
    const note = (listener: Listener, ...numbers: number[]) => {
      if (listener.state !== 'logging') return
      for (const number of numbers) {
        listener.hash = Math.imul(listener.hash ^ number, 0x9e3779b1)
        listener.hash ^= listener.hash >>> 15
      }
      listener.events++
    }
    const connection = this.#ring.node(index).cpg.connect({
      deliver: (nodeId, sender, buf, off, len) => {
        if (listener.state === 'before' && is(buf, off, len, this.#first)) listener.state = 'logging'
        else if (listener.state === 'logging' && is(buf, off, len, this.#last)) listener.state = 'after'
        else note(listener, 1, nodeId, sender, hashBytes(buf, off, len))
      },
      deliverPartial: (nodeId, sender, type, total, buf, off, len) => {
        note(listener, 2, nodeId, sender, type, total, hashBytes(buf, off, len))
      },
      membershipChanged: change => {
        if (change.joined.some(joined => joined.pid === pid)) listener.joined = true
        const numbers = [3, change.members.length, change.left.length, change.joined.length]
        for (const list of [change.members, change.left, change.joined]) {
          for (const address of list) numbers.push(address.nodeId, address.pid, address.reason)
        }
        note(listener, ...numbers)
      },
      ringChanged: () => {},
    })
    const listener: Listener = { index, pid, connection, joined: false, state: 'before', hash: 0, events: 0 }
    this.#listeners.push(listener)
    this.#join(listener)
  }

  #join(listener: Listener): void {
    this.#retry(() => listener.connection.join(this.#group, listener.pid, 0), listener)
  }

  #sendSurely(bytes: Uint8Array): void {
    const first = this.#listeners[0]!
    this.#retry(() => first.connection.mcast(bytes, 0, bytes.length), first)
  }

  #retry(request: () => number, listener: Listener): void {
    let code = CsError.OK as number
    this.#as(listener, () => {
      code = request()
    })
    if (code === CsError.TRY_AGAIN) {
      this.#ring.queue.pushAction(this.#ring.now + RETRY_MS, () => this.#retry(request, listener))
    }
  }

  #again(listener: Listener): void {
    this.#ring.queue.pushAction(this.#ring.now + this.#prng.exponential(SEND_GAP_MS), () => {
      if (!this.#sending) return
      this.#as(listener, () => {
        listener.connection.mcast(this.#bytes, 0, this.#prng.int(LONGEST_MESSAGE))
      })
      this.#again(listener)
    })
  }

  #as(listener: Listener, action: () => void): void {
    const host = this.#ring.hosts[listener.index]!
    if (host.state !== 'running') return
    host.now = this.#ring.now
    action()
    host.touched()
  }
}

function is(buf: Uint8Array, off: number, len: number, other: Uint8Array): boolean {
  if (len !== other.length) return false
  for (let i = 0; i < len; i++) if (buf[off + i] !== other[i]) return false
  return true
}
