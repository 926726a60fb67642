// What a group needs of whatever connects this process to its membership: a channel in shared memory to an executive inside
// the program, or a connection to a daemon. Results are codes of the service; they do not reject.

import type { CsErrorCode } from '../services/errors.js'
import type { GroupEvent } from './events.js'

/** The membership was ended by the other side. Nothing follows. */
export interface ChannelEnd {
  readonly type: 'end'
  /** `slow`: because events were not taken. */
  readonly reason: 'slow' | Error
}

export interface MemberChannel {
  join(name: Uint8Array, pid: number, flags: number): Promise<CsErrorCode>
  leave(name: Uint8Array, pid: number): Promise<CsErrorCode>
  /** Resolves when the ring has accepted the whole message. The bytes must stay as they are until then. */
  mcast(bytes: Uint8Array): Promise<CsErrorCode>
  /** The service has let go of the membership; events may remain. */
  readonly ended: boolean
  /** The next event, or undefined when there is none at present. */
  next(): GroupEvent | ChannelEnd | undefined
  /** The other side has done something: settles what was performed, and sends what waits. */
  service(): void
  /** No request will be performed any more: each gets `failure`, now and later. Events can still be taken. */
  refuse(failure: CsErrorCode): void
  /** Lets go of the membership, which ends if it has not. */
  close(failure: CsErrorCode): void
}
