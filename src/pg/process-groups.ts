// The process-group layer (spec: totem 6): messages of any length to named groups, over the ring's frames. In from
// above: messages to one of the groups. In from below: packets in total order, and the phases of a configuration
// change. Out: frames to the ring's queue, whole messages to the receiver. Must not know: services, membership rules.

import {
  addressesGroup,
  checkGroupHeader,
  GROUP_SERVICES,
  GROUP_SYNC,
  GROUP_YKD,
  groupHeaderLength,
  writeGroupHeader,
} from '../wire/pg.js'
import { QueueLimits } from './limits.js'
import { Packer } from './packer.js'
import { MESSAGE_SIZE_MAX, Reassembly } from './reassembly.js'
import {
  createProcessGroupStats,
  type FrameQueue,
  Group,
  type GroupBit,
  type MessageReceiver,
  type ProcessGroupStats,
} from './types.js'

export interface ProcessGroupsOptions {
  readonly queue: FrameQueue
  /** Largest frame that a link carries, in bytes (TotemParameters.netMtu). */
  readonly netMtu: number
  readonly receiver: MessageReceiver
}

export class ProcessGroups {
  readonly stats: ProcessGroupStats = createProcessGroupStats()
  readonly limits: QueueLimits
  readonly #queue: FrameQueue
  readonly #receiver: MessageReceiver
  readonly #packer: Packer
  readonly #reassembly: Reassembly
  readonly #servicesHeader: Uint8Array
  readonly #syncHeader: Uint8Array
  readonly #ykdHeader: Uint8Array

  constructor(options: ProcessGroupsOptions) {
    const { queue, netMtu, receiver } = options
    // Two multicast headers: one is left for the wrapper that a frame gets in recovery (spec: totem 6.3).
    const packetSize = netMtu - 2 * queue.headerLength
    if (queue.pool.frameSize < queue.headerLength + packetSize) throw new Error('frames are smaller than packets')
    this.#queue = queue
    this.#receiver = receiver
    this.#servicesHeader = groupHeader(GROUP_SERVICES, queue.littleEndian)
    this.#syncHeader = groupHeader(GROUP_SYNC, queue.littleEndian)
    this.#ykdHeader = groupHeader(GROUP_YKD, queue.littleEndian)
    this.limits = new QueueLimits(queue, packetSize)
    this.#packer = new Packer(queue, packetSize, this.stats)
    this.#reassembly = new Reassembly(
      queue.littleEndian,
      (buf, off, len, origin, little) => {
        this.#deliver(buf, off, len, origin, little)
      },
      this.stats,
    )
  }

  /**
   * Sends head and body as one message of at most MESSAGE_SIZE_MAX bytes. False when the queue has no room at the
   * moment; nothing is sent then. Throws a RangeError on a longer message, which never fits.
   */
  send(
    group: GroupBit,
    head: Uint8Array,
    headOff: number,
    headLen: number,
    body: Uint8Array,
    bodyOff: number,
    bodyLen: number,
  ): boolean {
    const length = headLen + bodyLen
    if (length > MESSAGE_SIZE_MAX) throw new RangeError(`a message of ${length} bytes is longer than may be sent`)
    this.#queue.requestToken()
    if (!this.fits(length)) {
      this.stats.refusedMessages++
      return false
    }
    const header =
      group === Group.services ? this.#servicesHeader : group === Group.sync ? this.#syncHeader : this.#ykdHeader
    this.#packer.append(header, head, headOff, headLen, body, bodyOff, bodyLen)
    return true
  }

  /** Whether the queue has room for a message of this many bytes. */
  fits(length: number): boolean {
    const open = this.#packer.open ? 1 : 0
    return this.#queue.available() >= this.limits.places(length) + open
  }

  /** Whether a message is still being packed. */
  get packing(): boolean {
    return this.#packer.open
  }

  /** Asks for the token, to have work done after it (spec: totem 4.8). */
  requestToken(): void {
    this.#queue.requestToken()
  }

  /** Queues what has been packed: when the token comes, and before the queue in use changes. */
  flush(): void {
    this.#packer.flush()
  }

  /** A packet in total order. */
  receive(buf: Uint8Array, off: number, len: number, origin: number, foreign: boolean): void {
    this.#reassembly.receive(buf, off, len, origin, foreign)
  }

  /** Half messages of these nodes will never be completed. */
  nodesLeft(nodes: readonly number[]): void {
    this.#reassembly.drop(nodes)
  }

  /** The ring has delivered the last packets of the old configuration (spec: totem 4.6 step 8). */
  transitionalPhaseBegins(): void {
    this.#reassembly.useTransitional()
  }

  /** All members stand at the same point of the total order again: what waited goes on where it stopped. */
  transitionalPhaseEnds(): void {
    this.#packer.flush()
    this.#reassembly.useNormal()
    this.#queue.transitionalAck()
  }

  /** Origins of which there is room for a half message. */
  get heldOrigins(): number {
    return this.#reassembly.heldOrigins
  }

  /** Bytes held for half messages. */
  get heldBytes(): number {
    return this.#reassembly.heldBytes
  }

  #deliver(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const header = checkGroupHeader(buf, off, len, little)
    if (header < 0) {
      this.stats.malformedMessages++
      return
    }
    let groups = 0
    if (addressesGroup(buf, off, GROUP_SERVICES, little)) groups |= Group.services
    if (addressesGroup(buf, off, GROUP_SYNC, little)) groups |= Group.sync
    if (groups === 0 && addressesGroup(buf, off, GROUP_YKD, little)) groups = Group.ykd
    if (groups === 0) this.stats.unknownGroups++
    else this.#receiver.receive(groups, buf, off + header, len - header, origin, little)
  }
}

function groupHeader(group: Uint8Array, littleEndian: boolean): Uint8Array {
  const header = new Uint8Array(groupHeaderLength(group))
  writeGroupHeader(group, header, 0, littleEndian)
  return header
}
