// Who is where: node ids to socket addresses for sending, source addresses to members for receiving. With open
// membership (no nodelist) addresses are learned from join messages. Pure.

import { type IpAddress, ipFromBytes, isLinkLocal, sameIp } from '../config/ip.js'
import { encodeSockaddr, SOCKADDR_SIZE, sockaddrAddressOffset } from '../sys/sockaddr.js'
import { PROCESSOR_COUNT_MAX } from '../wire/generation.js'

export interface Member {
  readonly nodeId: number
  readonly address: IpAddress
  /** Where its socket address is in `AddressBook.sockaddrs`, counted in places. */
  readonly place: number
}

/** Source addresses outside the book whose text is kept for the log. */
const STRANGERS_MAX = 64
/** Room for members and for the group. */
export const ADDRESS_PLACES = PROCESSOR_COUNT_MAX + 1
/** The place of the group or broadcast address. */
export const GROUP_PLACE = PROCESSOR_COUNT_MAX

export class AddressBook {
  readonly port: number
  /** Socket addresses, SOCKADDR_SIZE bytes a place; a driver may hand in memory of its own. */
  readonly sockaddrs: Uint8Array
  readonly lengths: Uint8Array = new Uint8Array(ADDRESS_PLACES)
  readonly #byNode = new Map<number, Member>()
  readonly #bySource = new Map<number, Member[]>()
  readonly #strangers = new Map<string, string>()
  readonly #freePlaces: number[] = []
  #scope = 0

  constructor(port: number, sockaddrs: Uint8Array = new Uint8Array(ADDRESS_PLACES * SOCKADDR_SIZE)) {
    this.port = port
    this.sockaddrs = sockaddrs
    for (let place = PROCESSOR_COUNT_MAX - 1; place >= 0; place--) this.#freePlaces.push(place)
  }

  /** The interface index that link-local members are reached through. */
  setScope(interfaceIndex: number): void {
    this.#scope = interfaceIndex
    for (const member of this.#byNode.values()) this.#write(member.place, member.address)
  }

  setGroup(group: IpAddress): void {
    this.#write(GROUP_PLACE, group)
  }

  /** Adds a node, or gives it another address. False when the book is full. */
  set(nodeId: number, address: IpAddress): boolean {
    const before = this.#byNode.get(nodeId)
    if (before !== undefined && sameIp(before.address.bytes, address.bytes)) return true
    if (before !== undefined) this.remove(nodeId)
    const place = this.#freePlaces.pop()
    if (place === undefined) return false
    const member: Member = { nodeId, address, place }
    this.#write(place, address)
    this.#byNode.set(nodeId, member)
    const key = keyOf(address.bytes, 0, address.bytes.length)
    const list = this.#bySource.get(key)
    if (list === undefined) this.#bySource.set(key, [member])
    else list.push(member)
    return true
  }

  remove(nodeId: number): void {
    const member = this.#byNode.get(nodeId)
    if (member === undefined) return
    this.#byNode.delete(nodeId)
    this.#freePlaces.push(member.place)
    const key = keyOf(member.address.bytes, 0, member.address.bytes.length)
    const rest = (this.#bySource.get(key) ?? []).filter(other => other !== member)
    if (rest.length === 0) this.#bySource.delete(key)
    else this.#bySource.set(key, rest)
  }

  /**
   * A join message of `nodeId` came from this socket address. A full book forgets the node it learned first: a stream
   * of invented node ids must not keep real ones out for good.
   */
  learn(nodeId: number, sockaddr: Uint8Array, off: number): void {
    const at = sockaddrAddressOffset(sockaddr, off)
    if (at < 0) return
    const known = this.#byNode.get(nodeId)
    const length = sockaddr[off] === 2 ? 4 : 16
    if (known !== undefined && sameAt(known.address.bytes, sockaddr, at, length)) return
    const address = ipFromBytes(sockaddr.subarray(at, at + length))
    if (!this.set(nodeId, address)) {
      const [oldest] = this.#byNode.keys()
      if (oldest !== undefined) this.remove(oldest)
      this.set(nodeId, address)
    }
  }

  get(nodeId: number): Member | undefined {
    return this.#byNode.get(nodeId)
  }

  members(): IterableIterator<Member> {
    return this.#byNode.values()
  }

  /** The member that has the source address of a datagram (its port does not matter), or undefined. */
  bySource(sockaddr: Uint8Array, off: number): Member | undefined {
    const at = sockaddrAddressOffset(sockaddr, off)
    if (at < 0) return undefined
    const length = sockaddr[off] === 2 ? 4 : 16
    const list = this.#bySource.get(keyOf(sockaddr, at, length))
    if (list === undefined) return undefined
    for (let i = 0; i < list.length; i++) {
      const member = list[i]!
      if (sameAt(member.address.bytes, sockaddr, at, length)) return member
    }
    return undefined
  }

  /** Text of a source address that is no member's, for the log. */
  strangerText(sockaddr: Uint8Array, off: number): string {
    const at = sockaddrAddressOffset(sockaddr, off)
    if (at < 0) return 'unknown'
    const bytes = sockaddr.subarray(at, at + (sockaddr[off] === 2 ? 4 : 16))
    const key = bytes.join()
    let text = this.#strangers.get(key)
    if (text === undefined) {
      text = ipFromBytes(bytes).text
      if (this.#strangers.size >= STRANGERS_MAX) this.#strangers.clear()
      this.#strangers.set(key, text)
    }
    return text
  }

  #write(place: number, address: IpAddress): void {
    const scope = isLinkLocal(address.bytes) ? this.#scope : 0
    this.lengths[place] = encodeSockaddr(this.sockaddrs, place * SOCKADDR_SIZE, address.bytes, this.port, scope)
  }
}

function keyOf(bytes: Uint8Array, at: number, length: number): number {
  let key = 0
  for (let i = 0; i < length; i++) key = (Math.imul(key, 31) + bytes[at + i]!) | 0
  return key
}

function sameAt(address: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  if (address.length !== length) return false
  for (let i = 0; i < length; i++) if (address[i] !== bytes[at + i]) return false
  return true
}
