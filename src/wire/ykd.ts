// The messages of dynamic linear voting (quorum.provider corosync_ykd), sent to a group of their own (spec: services 5). They
// have no service header. In: messages behind the group header and the originator's byte order. Out: records and bytes.
// Must not know: who is primary.

import { readS32, writeU32 } from './cursor.js'

/** Nodes that a session can name, and sessions that a state can hold. */
export const YKD_PROCESSORS_MAX = 32
const INT = 4

// Session:  0 member ids u32[32] | 128 count i32 | 132 session id i32 | 136
const SESSION_COUNT = YKD_PROCESSORS_MAX * INT
const SESSION_ID = SESSION_COUNT + INT
const SESSION_LENGTH = SESSION_ID + INT

// State:    0 last primary | 136 last formed[32] | 4488 their count i32, always 0 | 4492 ambiguous[32] | 8844 their count i32 |
//           8848 session id i32 | 8852
const STATE_AMBIGUOUS = SESSION_LENGTH + YKD_PROCESSORS_MAX * SESSION_LENGTH + INT
const STATE_AMBIGUOUS_COUNT = STATE_AMBIGUOUS + YKD_PROCESSORS_MAX * SESSION_LENGTH
const STATE_SESSION_ID = STATE_AMBIGUOUS_COUNT + INT
const STATE_LENGTH = STATE_SESSION_ID + INT

// Message:  0 id i32 | 4 state, where there is one
const MESSAGE_STATE = INT
const YKD_STATE = 0
const YKD_ATTEMPT = 1
export const YKD_STATE_LENGTH = MESSAGE_STATE + STATE_LENGTH
export const YKD_ATTEMPT_LENGTH = INT

/** A membership that was, or nearly was, primary. */
export interface YkdSession {
  readonly members: readonly number[]
  readonly id: number
}

export interface YkdState {
  readonly lastPrimary: YkdSession
  /** Attempts of which this node does not know whether they succeeded. */
  readonly ambiguous: readonly YkdSession[]
  readonly sessionId: number
}

/** `attempt`: the sender has seen everybody's state, and found that this membership may be primary. */
export type YkdMessage = { readonly kind: 'state'; readonly state: YkdState } | { readonly kind: 'attempt' }

/** Undefined when malformed. */
export function readYkdMessage(buf: Uint8Array, off: number, len: number, little: boolean): YkdMessage | undefined {
  if (len < YKD_ATTEMPT_LENGTH) return undefined
  const id = readS32(buf, off, little)
  if (id === YKD_ATTEMPT) return { kind: 'attempt' }
  if (id !== YKD_STATE || len < YKD_STATE_LENGTH) return undefined
  const state = off + MESSAGE_STATE
  const lastPrimary = readSession(buf, state, little)
  const count = readS32(buf, state + STATE_AMBIGUOUS_COUNT, little)
  if (lastPrimary === undefined || count < 0 || count > YKD_PROCESSORS_MAX) return undefined
  const ambiguous: YkdSession[] = []
  for (let i = 0; i < count; i++) {
    const session = readSession(buf, state + STATE_AMBIGUOUS + i * SESSION_LENGTH, little)
    if (session === undefined) return undefined
    ambiguous.push(session)
  }
  return { kind: 'state', state: { lastPrimary, ambiguous, sessionId: readS32(buf, state + STATE_SESSION_ID, little) } }
}

/** At most YKD_PROCESSORS_MAX ambiguous sessions. */
export function writeYkdState(state: YkdState, buf: Uint8Array, off: number, little: boolean): number {
  buf.fill(0, off, off + YKD_STATE_LENGTH)
  const at = off + MESSAGE_STATE
  writeU32(buf, off, YKD_STATE, little)
  writeSession(state.lastPrimary, buf, at, little)
  state.ambiguous.forEach((session, i) => {
    writeSession(session, buf, at + STATE_AMBIGUOUS + i * SESSION_LENGTH, little)
  })
  writeU32(buf, at + STATE_AMBIGUOUS_COUNT, state.ambiguous.length, little)
  writeU32(buf, at + STATE_SESSION_ID, state.sessionId, little)
  return YKD_STATE_LENGTH
}

export function writeYkdAttempt(buf: Uint8Array, off: number, little: boolean): number {
  writeU32(buf, off, YKD_ATTEMPT, little)
  return YKD_ATTEMPT_LENGTH
}

function readSession(buf: Uint8Array, off: number, little: boolean): YkdSession | undefined {
  const count = readS32(buf, off + SESSION_COUNT, little)
  if (count < 0 || count > YKD_PROCESSORS_MAX) return undefined
  const members: number[] = []
  for (let i = 0; i < count; i++) members.push(readS32(buf, off + i * INT, little) >>> 0)
  return { members, id: readS32(buf, off + SESSION_ID, little) }
}

function writeSession(session: YkdSession, buf: Uint8Array, off: number, little: boolean): void {
  session.members.forEach((node, i) => {
    writeU32(buf, off + i * INT, node, little)
  })
  writeU32(buf, off + SESSION_COUNT, session.members.length, little)
  writeU32(buf, off + SESSION_ID, session.id, little)
}
