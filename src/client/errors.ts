// What can go wrong for a program that uses the library: one small class per failure that a caller can handle.
// `code` is the stable name and `number` the number of corosync's cs_error_t.

import { CsError, type CsErrorCode, csErrorOfErrno } from '../services/errors.js'

export type ClusterErrorCode = `CS_ERR_${keyof typeof CsError}`

const NAMES: ReadonlyMap<number, ClusterErrorCode> = new Map(
  Object.entries(CsError).map(([name, number]) => [number, `CS_ERR_${name as keyof typeof CsError}`]),
)

export class ClusterError extends Error {
  readonly code: ClusterErrorCode
  readonly number: CsErrorCode

  constructor(number: CsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.number = number
    this.code = NAMES.get(number) ?? 'CS_ERR_LIBRARY'
  }
}

/** The cluster, group or replica was closed by this program. */
export class ClosedError extends ClusterError {
  constructor(what: string) {
    super(CsError.BAD_HANDLE, `${what} is closed`)
  }
}

/** The group was left. */
export class NotJoinedError extends ClusterError {
  constructor(group: string) {
    super(CsError.NOT_EXIST, `the group '${group}' was left`)
  }
}

/** This process is a member of the group already. */
export class AlreadyJoinedError extends ClusterError {
  constructor(group: string) {
    super(CsError.EXIST, `this process has joined the group '${group}' already`)
  }
}

/** The program took its events too slowly: the node has ended its membership rather than hold up others or grow for ever. */
export class SlowConsumerError extends ClusterError {
  constructor(group: string) {
    super(CsError.NO_RESOURCES, `too many events of the group '${group}' were not taken, so the membership was ended`)
  }
}

/** Too much waits to be sent already: await `send` before calling it again. */
export class QueueFullError extends ClusterError {
  constructor(limit: string) {
    super(CsError.QUEUE_FULL, `more than ${limit} wait to be sent; await the earlier calls`)
  }
}

/** The node could not start, or stopped by itself. */
export class EngineError extends ClusterError {
  constructor(message: string, options?: ErrorOptions) {
    super(CsError.LIBRARY, message, options)
  }
}

/** No daemon is there, it is not ready, or it does not want this user. `number` says which, as the C libraries would. */
export class ConnectionError extends ClusterError {
  constructor(errno: number, message: string, options?: ErrorOptions) {
    super(csErrorOfErrno(errno), message, options)
  }
}

/** The daemon has ended, or has cut the connection. What was waiting may have been done or not. */
export class ConnectionLostError extends ClusterError {
  constructor(message: string, options?: ErrorOptions) {
    super(CsError.LIBRARY, message, options)
  }
}

/** Too few nodes hold the replicated state: this side of the partition is read-only. The command was not applied. */
export class NoQuorumError extends ClusterError {
  constructor(present: number, quorum: number) {
    super(CsError.TRY_AGAIN, `no quorum: ${present} of ${quorum} nodes are present; the command was not applied`)
  }
}

/** A change of membership came between: the command was or may have been applied (at most once), its result is not known. */
export class ResultUnknownError extends ClusterError {
  constructor() {
    super(CsError.INTERRUPT, 'the result of the command was lost in a change of membership; it may have been applied')
  }
}

/** The error for a code that a service of the daemon answered with. */
export function callError(number: number, what: string): ClusterError {
  const known = NAMES.has(number) ? (number as CsErrorCode) : CsError.LIBRARY
  return new ClusterError(known, `${what}: ${NAMES.get(number) ?? `error ${number}`}`)
}

/** The error for a code that the service returned. */
export function serviceError(number: CsErrorCode, what: string, group: string): ClusterError {
  if (number === CsError.EXIST) return new AlreadyJoinedError(group)
  if (number === CsError.NO_RESOURCES) return new SlowConsumerError(group)
  if (number === CsError.NOT_EXIST) return new NotJoinedError(group)
  return new ClusterError(number, `${what} '${group}' failed: ${NAMES.get(number) ?? number}`)
}
