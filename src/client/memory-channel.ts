// A member's channel to an executive of this process: requests and events through rings in shared memory. In: the link that
// has the memory. Out: events as programs see them. Pieces of long messages are put together here.

import { decodeAddresses, decodeNodeIds, EventKind, type SharedMemory } from '../daemon/channel.js'
import type { RingReader } from '../ipc/ring-buffer.js'
import type { CsErrorCode } from '../services/errors.js'
import { Assembly } from './assembly.js'
import { ChannelClient } from './channel-client.js'
import { type GroupEvent, toMember, toMemberChange } from './events.js'
import type { ChannelEnd, MemberChannel } from './member-channel.js'

/** Where channels come from and go to. */
export interface ChannelMemory {
  /** Memory of a channel, of the sort that the executive can reach. */
  allocate(bytes: number): SharedMemory
  /** This side is done with a channel's memory; it may serve another member once the executive has let go of it, too. */
  release(memory: SharedMemory): void
  /** Hands a channel over: a new member that is about to join. */
  addMember(memory: SharedMemory): void
  /** Wakes the executive if it does not know already. */
  ring(): void
}

export class MemoryMemberChannel implements MemberChannel {
  readonly #memory: ChannelMemory
  readonly #channel: ChannelClient
  readonly #assembly = new Assembly()

  constructor(memory: ChannelMemory) {
    this.#memory = memory
    this.#channel = new ChannelClient(
      bytes => memory.allocate(bytes),
      () => memory.ring(),
    )
    memory.addMember(this.#channel.memory)
  }

  join(name: Uint8Array, pid: number, flags: number): Promise<CsErrorCode> {
    return this.#channel.join(name, pid, flags)
  }

  leave(name: Uint8Array, pid: number): Promise<CsErrorCode> {
    return this.#channel.leave(name, pid)
  }

  mcast(bytes: Uint8Array): Promise<CsErrorCode> {
    return this.#channel.mcast(bytes)
  }

  get ended(): boolean {
    return this.#channel.ended
  }

  service(): void {
    this.#channel.service()
  }

  refuse(failure: CsErrorCode): void {
    this.#channel.refuse(failure)
  }

  close(failure: CsErrorCode): void {
    this.#channel.close(failure)
    this.#memory.release(this.#channel.memory)
  }

  next(): GroupEvent | ChannelEnd | undefined {
    for (let record = this.#channel.peekEvent(); record !== undefined; record = this.#channel.peekEvent()) {
      const event = this.#convert(record)
      this.#channel.consumeEvent()
      if (event !== undefined) return event
    }
    return undefined
  }

  #convert(record: RingReader): GroupEvent | ChannelEnd | undefined {
    const { kind, a, b, c, buf, off, len } = record
    switch (kind) {
      case EventKind.DELIVER:
        return { type: 'message', nodeId: a, pid: b, data: buf.slice(off, off + len) }
      case EventKind.PARTIAL_FIRST:
        this.#assembly.first(a, b, c, buf.slice(off, off + len))
        return undefined
      case EventKind.PARTIAL_CONTINUED:
      case EventKind.PARTIAL_LAST: {
        const data = this.#assembly.next(a, b, buf.slice(off, off + len), kind === EventKind.PARTIAL_LAST)
        return data === undefined ? undefined : { type: 'message', nodeId: a, pid: b, data }
      }
      case EventKind.MEMBERSHIP: {
        const left = decodeAddresses(buf, off, a, b).map(toMemberChange)
        for (const member of left) this.#assembly.drop(member.nodeId, member.pid)
        return {
          type: 'membership',
          members: decodeAddresses(buf, off, 0, a).map(toMember),
          left,
          joined: decodeAddresses(buf, off, a + b, c).map(toMemberChange),
        }
      }
      case EventKind.RING:
        return { type: 'ring', ring: { nodeId: a, seq: c * 0x1_0000_0000 + b }, members: decodeNodeIds(buf, off, len) }
      case EventKind.DISCONNECTED:
        return { type: 'end', reason: 'slow' }
      default:
        throw new Error(`unknown event ${kind}`)
    }
  }
}
