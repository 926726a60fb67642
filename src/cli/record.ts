// `corosync-sim record`: a member of a group through the stock library, for nodes that run the C daemon. It writes what it
// sees, and sends when told to. In: options, signals. Out: a recording, and 0 when it ended in order, 3 when the daemon
// cannot be used or has gone.

import { REASON_NAMES } from '../recorder/format.js'
import { createLoadMessage, loadMessageBytes } from '../recorder/load-message.js'
import { MemberRecorder, type RecordedChange } from '../recorder/member-recorder.js'
import { EventPoll } from '../sys/epoll.js'
import { Epoll } from '../sys/layout.js'
import { CpgLibrary, type CpgLibraryAddress, CpgLibraryError, CsCode } from '../sys/libcpg.js'

export interface RecordOptions {
  readonly group: string
  readonly path: string
  /** Messages a second; 0 to send none. */
  readonly perSecond: number
  /** Size of the longest message; they vary from a few bytes up to that. */
  readonly maxBytes: number
}

export const LEAST_LOAD_BYTES = 16
export const MOST_LOAD_BYTES = 1_000_000
export const MOST_LOAD_PER_SECOND = 10_000

/** How long a daemon may take to answer at the start, and to confirm that the member has left. */
const CONNECT_MS = 20_000
const LEAVE_MS = 5000
const RETRY_MS = 50
/** Node gets a turn this often, for signals. */
const TURN_MS = 20
/** After a stall there is no burst to make up for more than this. */
const STALL_MS = 1000

export const RECORD_FAILED = 3

export async function record(options: RecordOptions, complain: (line: string) => void): Promise<number> {
  const wishes = { quiet: false, end: false }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => (wishes.end = true))
  process.on('SIGUSR2', () => (wishes.quiet = true))
  try {
    return await new Member(options, complain).run(wishes)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    complain(error.message)
    return error instanceof CpgLibraryError ? RECORD_FAILED : 2
  }
}

class Member {
  readonly #options: RecordOptions
  readonly #complain: (line: string) => void
  #recorder: MemberRecorder | undefined
  #nodeId = 0
  #joined = false
  #counter = 0
  #due = 0

  constructor(options: RecordOptions, complain: (line: string) => void) {
    this.#options = options
    this.#complain = complain
  }

  async run(wishes: { readonly quiet: boolean; readonly end: boolean }): Promise<number> {
    const library = await this.#connect()
    const { group, path } = this.#options
    this.#nodeId = library.nodeId
    const poll = new EventPoll()
    poll.add(library.fd, Epoll.IN, 1)
    let failed = false
    const onError = (error: Error): void => {
      failed = true
      this.#complain(`recording to ${path} has ended: ${error.message}`)
    }
    const recorder = new MemberRecorder({ path, group, nodeId: library.nodeId, pid: process.pid, onError })
    this.#recorder = recorder
    try {
      await this.#retry('cpg_join', () => library.join(group))
      this.#due = performance.now()
      while (!wishes.end && !failed) await this.#turn(library, poll, this.#joined && !wishes.quiet)
      await this.#retry('cpg_leave', () => library.leave())
      // Its own leave comes behind everything that it has sent.
      const until = performance.now() + LEAVE_MS
      while (this.#joined && performance.now() < until) await this.#turn(library, poll, false)
      if (this.#joined) throw new CpgLibraryError('cpg_leave is not confirmed', CsCode.TRY_AGAIN)
      recorder.end('left')
      return failed ? 2 : 0
    } catch (error) {
      if (!(error instanceof CpgLibraryError)) throw error
      recorder.end('failed', error.message)
      this.#complain(error.message)
      return RECORD_FAILED
    } finally {
      poll.close()
      library.close()
    }
  }

  async #connect(): Promise<CpgLibrary> {
    const until = performance.now() + CONNECT_MS
    for (;;) {
      try {
        return new CpgLibrary({
          message: (nodeId, pid, bytes) => this.#recorder?.message(nodeId, pid, bytes),
          ring: (ring, members) => this.#recorder?.ring(ring, members),
          membership: (members, left, joined) => {
            this.#recorder?.membership(members, left.map(withReason), joined.map(withReason))
            const own = (entry: { nodeId: number; pid: number }) =>
              entry.nodeId === this.#nodeId && entry.pid === process.pid
            this.#joined = members.some(own)
          },
        })
      } catch (error) {
        if (!(error instanceof CpgLibraryError) || performance.now() > until) throw error
        await pause(RETRY_MS)
      }
    }
  }

  async #retry(call: string, attempt: () => number): Promise<void> {
    const until = performance.now() + CONNECT_MS
    for (;;) {
      const code = attempt()
      if (code === CsCode.OK) return
      if (code !== CsCode.TRY_AGAIN || performance.now() > until) throw new CpgLibraryError(call, code)
      await pause(RETRY_MS)
    }
  }

  /** Waits a little, takes what is there, sends what is due; then Node's turn. */
  async #turn(library: CpgLibrary, poll: EventPoll, sending: boolean): Promise<void> {
    const { perSecond } = this.#options
    const isSending = sending && perSecond > 0
    const waitMs = isSending ? Math.min(TURN_MS, this.#due - performance.now()) : TURN_MS
    if (poll.wait(Math.ceil(waitMs)) > 0) library.dispatch()
    if (isSending && performance.now() >= this.#due) this.#send(library)
    await new Promise(setImmediate)
  }

  #send(library: CpgLibrary): void {
    const { perSecond, maxBytes } = this.#options
    const message = createLoadMessage(this.#counter, loadMessageBytes(this.#counter, maxBytes))
    const code = library.send(message)
    // Written before the next dispatch, in which it may come back.
    if (code === CsCode.OK) this.#recorder?.sent(this.#counter++, message)
    else if (code !== CsCode.TRY_AGAIN) throw new CpgLibraryError('cpg_mcast_joined', code)
    const now = performance.now()
    this.#due += 1000 / perSecond
    if (this.#due < now - STALL_MS) this.#due = now
  }
}

function withReason({ nodeId, pid, reason }: CpgLibraryAddress): RecordedChange {
  return { nodeId, pid, reason: REASON_NAMES[reason] ?? 'undefined' }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
