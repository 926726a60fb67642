// The way out of the executive: frames wait in a slab and leave as runs, one system call per run and destination, at
// the end of a turn and before every token. Failed sends are counted; the protocol recovers.

import { RateLimitedLog } from '../log/rate-limit.js'
import type { LogSink } from '../log/types.js'
import { type AddressBook, GROUP_PLACE } from '../net/members.js'
import { SegmentationMemory, SendRuns } from '../net/send-runs.js'
import type { TransportStats } from '../net/stats.js'
import { DATAGRAM_SIZE_MAX, DatagramSender } from '../sys/datagrams.js'
import { Errno } from '../sys/errno.js'
import { NativeMemory, sysError } from '../sys/native.js'

/** Room for a token visit's worth of the largest frames; a fuller slab is sent at once. */
const SLAB_BYTES = 2 * 1024 * 1024
const RUNS_MAX = 1024

export class Transmitter {
  /** Memory that the way out touches at every turn. */
  readonly arenas: readonly NativeMemory[]
  readonly #runs: SendRuns
  readonly #sender: DatagramSender
  readonly #segmentation = new SegmentationMemory()
  readonly #offload: boolean
  readonly #stats: TransportStats
  readonly #clock: () => number
  readonly #failures: RateLimitedLog
  readonly #log: LogSink
  #fd = -1
  /** Places of the receivers of a multicast: every other member, or the group. */
  #targets: readonly number[] = []

  constructor(
    book: AddressBook,
    sockaddrs: NativeMemory,
    offload: boolean,
    stats: TransportStats,
    log: LogSink,
    clock: () => number,
  ) {
    const slab = new NativeMemory(SLAB_BYTES + DATAGRAM_SIZE_MAX)
    this.arenas = [slab]
    this.#runs = new SendRuns(slab.bytes.subarray(0, SLAB_BYTES), RUNS_MAX)
    this.#sender = new DatagramSender(slab, sockaddrs, book.lengths)
    this.#offload = offload
    this.#stats = stats
    this.#clock = clock
    this.#log = log
    this.#failures = new RateLimitedLog(log, 'debug', 'TOTEM')
  }

  /** The socket to send from, and to which places; -1 while the link is down. */
  use(fd: number, targets: readonly number[]): void {
    this.#runs.clear()
    this.#segmentation.forget()
    this.#fd = fd
    this.#targets = targets
  }

  multicast(buf: Uint8Array, off: number, len: number): void {
    if (this.#fd < 0) {
      this.#stats.unsentLinkDown++
      return
    }
    if (!this.#runs.fits(len)) this.flush()
    this.#runs.add(buf, off, len)
  }

  /** Everything multicast before leaves first, in the same system call where the receiver is the same. */
  unicast(place: number, buf: Uint8Array, off: number, len: number): void {
    if (this.#fd < 0) {
      this.#stats.unsentLinkDown++
      return
    }
    const runs = this.#runs
    const at = runs.fits(len) ? runs.putBehind(buf, off, len) : this.#putAside(buf, off, len)
    const joined = at < SLAB_BYTES && runs.extendsLast(len) && this.#targets.includes(place)
    for (let t = 0; t < this.#targets.length; t++) {
      // The one that gets the token comes last: by then everything has left.
      if (!joined || this.#targets[t] !== place) this.#sendRuns(this.#targets[t]!, runs.count, 0)
    }
    if (joined) this.#sendRuns(place, runs.count, len)
    else this.#sendOne(place, at, len)
    runs.clear()
  }

  flush(): void {
    const runs = this.#runs
    if (runs.empty) return
    for (let t = 0; t < this.#targets.length; t++) this.#sendRuns(this.#targets[t]!, runs.count, 0)
    runs.clear()
  }

  #putAside(buf: Uint8Array, off: number, len: number): number {
    this.#sender.slab.bytes.set(buf.subarray(off, off + len), SLAB_BYTES)
    return SLAB_BYTES
  }

  /** `more`: length of a frame behind the last run that goes with it. */
  #sendRuns(place: number, count: number, more: number): void {
    const { starts, lengths, segments, frames } = this.#runs
    for (let r = 0; r < count; r++) {
      const extra = r === count - 1 ? more : 0
      this.#sendRun(place, starts[r]!, lengths[r]! + extra, segments[r]!, frames[r]! + (extra === 0 ? 0 : 1))
    }
  }

  #sendRun(place: number, start: number, length: number, segment: number, frames: number): void {
    if (frames > 1 && this.#offload && this.#segmentation.allows(place, segment)) {
      this.#stats.sendCalls++
      const result = this.#sender.send(this.#fd, place, start, length, segment)
      if (result === 0) {
        this.#sent(frames, length)
        return
      }
      if (result !== -Errno.EMSGSIZE && result !== -Errno.EINVAL && result !== -Errno.EIO) {
        this.#failed(place, -result, frames)
        return
      }
      // Frames that do not fit one packet of the interface, or an interface that cannot: singly from now on.
      this.#segmentation.refuse(place, segment)
      this.#stats.segmentationRefused++
      this.#log('debug', 'TOTEM', `Segmented send refused, sending singly errno=${-result} size=${segment}`)
    }
    for (let at = start; at < start + length; at += segment) {
      this.#sendOne(place, at, Math.min(segment, start + length - at))
    }
  }

  #sendOne(place: number, offset: number, length: number): void {
    this.#stats.sendCalls++
    const result = this.#sender.send(this.#fd, place, offset, length, 0)
    if (result === 0) this.#sent(1, length)
    else this.#failed(place, -result, 1)
  }

  #sent(frames: number, bytes: number): void {
    this.#stats.sentDatagrams += frames
    this.#stats.sentBytes += bytes
    this.#stats.continuousSendFailures = 0
  }

  #failed(place: number, errno: number, frames: number): void {
    this.#stats.sendFailures += frames
    this.#stats.continuousSendFailures++
    const now = this.#clock()
    if (!this.#failures.ready(now)) return
    const kind = place === GROUP_PLACE ? 'mcast' : 'ucast'
    this.#failures.write(now, `sendmsg(${kind}) failed (non-critical): ${sysError(errno, 'sendmsg').message}`)
  }
}
