// Result codes of the services, with corosync's names and numbers (spec: services 1.3).

export const CsError = {
  OK: 1,
  LIBRARY: 2,
  VERSION: 3,
  INIT: 4,
  TIMEOUT: 5,
  TRY_AGAIN: 6,
  INVALID_PARAM: 7,
  NO_MEMORY: 8,
  BAD_HANDLE: 9,
  BUSY: 10,
  ACCESS: 11,
  NOT_EXIST: 12,
  NAME_TOO_LONG: 13,
  EXIST: 14,
  NO_SPACE: 15,
  INTERRUPT: 16,
  NAME_NOT_FOUND: 17,
  NO_RESOURCES: 18,
  NOT_SUPPORTED: 19,
  BAD_OPERATION: 20,
  FAILED_OPERATION: 21,
  MESSAGE_ERROR: 22,
  QUEUE_FULL: 23,
  QUEUE_NOT_AVAILABLE: 24,
  BAD_FLAGS: 25,
  TOO_BIG: 26,
  NO_SECTIONS: 27,
  CONTEXT_NOT_FOUND: 28,
  TOO_MANY_GROUPS: 30,
  SECURITY: 100,
} as const

export type CsErrorCode = (typeof CsError)[keyof typeof CsError]

/** What the C libraries make of an error number of the system (spec: ipc 11.1). Numbers that are not here: LIBRARY. */
const BY_ERRNO: ReadonlyMap<number, CsErrorCode> = new Map([
  [2, CsError.NOT_EXIST], // ENOENT
  [4, CsError.INTERRUPT], // EINTR
  [7, CsError.TOO_BIG], // E2BIG
  [9, CsError.BAD_HANDLE], // EBADF
  [11, CsError.TRY_AGAIN], // EAGAIN
  [12, CsError.NO_MEMORY], // ENOMEM
  [13, CsError.ACCESS], // EACCES
  [16, CsError.BUSY], // EBUSY
  [17, CsError.EXIST], // EEXIST
  [19, CsError.NOT_EXIST], // ENODEV
  [22, CsError.INVALID_PARAM], // EINVAL
  [28, CsError.NO_SPACE], // ENOSPC
  [38, CsError.NOT_SUPPORTED], // ENOSYS
  [42, CsError.TRY_AGAIN], // ENOMSG
  [52, CsError.FAILED_OPERATION], // EBADE
  [62, CsError.TIMEOUT], // ETIME
  [74, CsError.MESSAGE_ERROR], // EBADMSG
  [75, CsError.NAME_TOO_LONG], // EOVERFLOW
  [90, CsError.TOO_BIG], // EMSGSIZE
  [95, CsError.NOT_SUPPORTED], // ENOTSUP
  [105, CsError.TRY_AGAIN], // ENOBUFS
  [110, CsError.TRY_AGAIN], // ETIMEDOUT
])

/** `errno` as Linux numbers them. */
export function csErrorOfErrno(errno: number): CsErrorCode {
  return BY_ERRNO.get(errno) ?? CsError.LIBRARY
}
