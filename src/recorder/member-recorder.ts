// A recording of what one member of a group sends and sees. In: the member's sends and events, however it is connected.
// Out: lines of a file, each written at once, so that what was seen survives the end of the process.

import type { RingIdentity } from '../totem/types.js'
import {
  type EndKind,
  encodeEvent,
  encodeHeader,
  type MemberEvent,
  type MemberReason,
  type ReasonName,
} from './format.js'
import { readLoadCounter } from './load-message.js'
import { hashBytes } from './payload-hash.js'
import { TraceFile } from './trace-file.js'

export interface RecordedMember {
  readonly nodeId: number
  readonly pid: number
}
export interface RecordedChange extends RecordedMember {
  readonly reason: ReasonName
}

export interface MemberRecorderOptions {
  readonly path: string
  readonly group: string
  readonly nodeId: number
  readonly pid: number
  /** The file cannot be written any more; the recording is over. Called once at most. */
  readonly onError: (error: Error) => void
}

export class MemberRecorder {
  readonly #file: TraceFile
  readonly #started = now()

  /** Throws when the file cannot be opened. */
  constructor({ path, group, nodeId, pid, onError }: MemberRecorderOptions) {
    this.#file = new TraceFile(path, onError)
    this.#file.line(encodeHeader({ recorder: 'member', node: nodeId, pid, started: this.#started, group }))
    this.#file.flush()
  }

  /** The member's own message was accepted. To be called before it can come back. */
  sent(counter: number, bytes: Uint8Array): void {
    this.#write({ t: this.#t(), event: 'sent', counter, ...payloadOf(bytes) })
  }

  message(nodeId: number, pid: number, bytes: Uint8Array): void {
    const sender = `${nodeId}:${pid}`
    this.#write({ t: this.#t(), event: 'message', sender, counter: readLoadCounter(bytes), ...payloadOf(bytes) })
  }

  membership(
    members: readonly RecordedMember[],
    left: readonly RecordedChange[],
    joined: readonly RecordedChange[],
  ): void {
    this.#write({
      t: this.#t(),
      event: 'membership',
      members: members.map(nameOf),
      left: left.map(withReason),
      joined: joined.map(withReason),
    })
  }

  ring(ring: RingIdentity, members: readonly number[]): void {
    this.#write({ t: this.#t(), event: 'ring', ring, members })
  }

  /** Only the first call counts. */
  end(how: EndKind, reason?: string): void {
    this.#write({ t: this.#t(), event: 'end', how, ...(reason === undefined ? {} : { reason }) })
    this.#file.close()
  }

  #t(): number {
    return now() - this.#started
  }

  #write(event: MemberEvent): void {
    this.#file.line(encodeEvent(event))
    this.#file.flush()
  }
}

function now(): number {
  return performance.timeOrigin + performance.now()
}

function payloadOf(bytes: Uint8Array): { readonly hash: number; readonly bytes: number } {
  return { hash: hashBytes(bytes, 0, bytes.length), bytes: bytes.length }
}

function nameOf({ nodeId, pid }: RecordedMember): string {
  return `${nodeId}:${pid}`
}

function withReason(change: RecordedChange): MemberReason {
  return { member: nameOf(change), reason: change.reason }
}
