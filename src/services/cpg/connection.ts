// One local process's handle on at most one group: the requests it can make in each state (spec: services 2.4, 2.10).
// In: requests. Out: results, cluster messages. Nothing about the group changes here: a join holds when it comes back
// from the ring. Must not know: member records, how requests reach it.

import {
  CPG_MCAST_HEADER_LENGTH,
  CPG_PARTIAL_HEADER_LENGTH,
  CPG_PROC_LENGTH,
  CpgFunction,
  setCpgMcastDataLength,
  writeCpgMcastHeader,
  writeCpgPartialMcastHeader,
  writeCpgProc,
} from '../../wire/cpg.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { RingPort } from '../types.js'
import { type Group, sameName } from './groups.js'
import {
  CPG_DELIVER_INITIAL_TOTEM_CONF,
  CPG_MAX_ATOMIC_LENGTH,
  CPG_MAX_NAME_LENGTH,
  type CpgAddress,
  type CpgConnection,
  type CpgListener,
  CpgPartial,
  type CpgPartialType,
  CpgReason,
} from './types.js'

export type ConnectionState = 'unjoined' | 'joinStarted' | 'joinCompleted' | 'leaveStarted' | 'closed'

/** What a connection needs of the service. */
export interface ConnectionHost {
  readonly port: RingPort
  /**
   * Whether a handle can be used again once its own leave has been delivered, as the manual promises. The C engine
   * never resets it: the handle keeps receiving the group's events and can join nothing any more. Only
   * LocalConnection looks at this.
   */
  readonly reusableHandles: boolean
  readonly connections: readonly LocalConnection[]
  obtainGroup(name: Uint8Array): Group<LocalConnection>
  /** A local member of that group with that pid exists on the ring. */
  isMember(pid: number, group: Uint8Array): boolean
  membersOf(group: Group<LocalConnection>): readonly CpgAddress[]
  /** A connection refers to the group no longer. */
  releaseGroup(group: Group<LocalConnection>): void
  disconnected(connection: LocalConnection): void
}

const NOTHING = new Uint8Array(0)

export class LocalConnection implements CpgConnection {
  readonly listener: CpgListener
  /** Higher for newer ones; also the opaque number by which multicasts name their connection. */
  readonly serial: number
  state: ConnectionState = 'unjoined'
  group: Group<LocalConnection> | null = null
  pid = 0
  /** The current configuration is still to be told, after the next membership event. */
  wantsInitialConfiguration = false
  /** Membership events sent to this connection. */
  transitions = 0
  readonly #host: ConnectionHost
  /** `transitions` when the first piece of a partial message went out. */
  #partialBegan = 0
  /** Written once per join; from message to message only its lengths change. */
  readonly #mcastHead = new Uint8Array(CPG_MCAST_HEADER_LENGTH)
  readonly #partialHead = new Uint8Array(CPG_PARTIAL_HEADER_LENGTH)
  readonly #proc = new Uint8Array(CPG_PROC_LENGTH)

  constructor(host: ConnectionHost, listener: CpgListener, serial: number) {
    this.#host = host
    this.listener = listener
    this.serial = serial
  }

  join(group: Uint8Array, pid: number, flags: number): CsErrorCode {
    if (this.state === 'closed') return CsError.BAD_HANDLE
    if (this.#host.connections.some(other => other.#holds(group, pid))) return CsError.EXIST
    if (this.#host.isMember(pid, group)) return CsError.TRY_AGAIN
    if (group.length > CPG_MAX_NAME_LENGTH) return CsError.NAME_TOO_LONG
    if ((flags & ~CPG_DELIVER_INITIAL_TOTEM_CONF) !== 0) return CsError.INVALID_PARAM
    if (this.state === 'leaveStarted') return CsError.BUSY
    if (this.state !== 'unjoined') return CsError.EXIST
    const reason = CpgReason.JOIN
    writeCpgProc(CpgFunction.procJoin, { group, pid, reason }, this.#proc, 0, this.#host.port.littleEndian)
    if (!this.#host.port.send(this.#proc, 0, CPG_PROC_LENGTH, NOTHING, 0, 0)) return CsError.TRY_AGAIN
    this.group = this.#host.obtainGroup(group)
    this.group.references++
    this.pid = pid
    const { nodeId, littleEndian } = this.#host.port
    writeCpgMcastHeader(group, pid, 0, nodeId, this.serial, this.#mcastHead, 0, littleEndian)
    this.wantsInitialConfiguration = (flags & CPG_DELIVER_INITIAL_TOTEM_CONF) !== 0
    this.state = 'joinStarted'
    return CsError.OK
  }

  leave(group: Uint8Array, pid: number): CsErrorCode {
    if (this.state === 'closed') return CsError.BAD_HANDLE
    if (this.state === 'unjoined' || this.state === 'leaveStarted') return CsError.NOT_EXIST
    if (this.state === 'joinStarted') return CsError.BUSY
    if (group.length > CPG_MAX_NAME_LENGTH) return CsError.NAME_TOO_LONG
    // The request names who leaves, and that need not be this connection; then its own membership goes on.
    this.#writeLeave(group, pid, CpgReason.LEAVE)
    if (!this.#host.port.send(this.#proc, 0, CPG_PROC_LENGTH, NOTHING, 0, 0)) return CsError.TRY_AGAIN
    if (this.#names(group, pid)) this.state = 'leaveStarted'
    return CsError.OK
  }

  mcast(buf: Uint8Array, off: number, len: number): CsErrorCode {
    if (!this.#joined()) return CsError.NOT_EXIST
    if (len > CPG_MAX_ATOMIC_LENGTH) return CsError.INVALID_PARAM
    const port = this.#host.port
    const head = this.#mcastHead
    setCpgMcastDataLength(head, 0, len, port.littleEndian)
    return port.send(head, 0, CPG_MCAST_HEADER_LENGTH, buf, off, len) ? CsError.OK : CsError.TRY_AGAIN
  }

  mcastPartial(type: CpgPartialType, total: number, buf: Uint8Array, off: number, len: number): CsErrorCode {
    const group = this.group
    if (group === null || !this.#joined()) return CsError.NOT_EXIST
    if (len > CPG_MAX_ATOMIC_LENGTH || len > total) return CsError.INVALID_PARAM
    // The members that saw the first piece must be those that see the last.
    if (type === CpgPartial.FIRST) this.#partialBegan = this.transitions
    else if (this.#partialBegan !== this.transitions) return CsError.INTERRUPT
    const { port } = this.#host
    const head = this.#partialHead
    writeCpgPartialMcastHeader(
      group.name,
      this.pid,
      type,
      total,
      len,
      port.nodeId,
      this.serial,
      head,
      0,
      port.littleEndian,
    )
    return port.send(head, 0, CPG_PARTIAL_HEADER_LENGTH, buf, off, len) ? CsError.OK : CsError.TRY_AGAIN
  }

  membership(): readonly CpgAddress[] {
    return this.group === null ? [] : this.#host.membersOf(this.group)
  }

  close(): void {
    if (this.state === 'closed') return
    const { group } = this
    if (group !== null) {
      if (this.#joined()) {
        this.#writeLeave(group.name, this.pid, CpgReason.PROCDOWN)
        this.#host.port.sendSurely(this.#proc, 0, CPG_PROC_LENGTH)
      }
      this.#dropGroup(group)
    }
    this.state = 'closed'
    this.#host.disconnected(this)
  }

  /** The own join has come back from the ring. */
  joinDelivered(): void {
    this.state = 'joinCompleted'
    const group = this.group
    if (group === null || group.listeners.includes(this)) return
    group.listeners = [...group.listeners, this].sort((a, b) => b.serial - a.serial)
  }

  /** A leave of this process has come back from the ring, and the event that reports it has been sent. */
  leaveDelivered(): void {
    if (!this.#host.reusableHandles || this.state !== 'leaveStarted' || this.group === null) return
    this.#dropGroup(this.group)
    this.state = 'unjoined'
  }

  isFor(group: Group<LocalConnection>, pid: number): boolean {
    return this.group === group && this.pid === pid
  }

  #joined(): boolean {
    return this.state === 'joinStarted' || this.state === 'joinCompleted'
  }

  /** Whether nobody else here can be that process in that group. */
  #holds(group: Uint8Array, pid: number): boolean {
    return this.#names(group, pid) && !(this.#host.reusableHandles && this.state === 'leaveStarted')
  }

  #names(group: Uint8Array, pid: number): boolean {
    return this.group !== null && this.pid === pid && sameName(this.group.name, group)
  }

  #dropGroup(group: Group<LocalConnection>): void {
    group.listeners = group.listeners.filter(other => other !== this)
    group.references--
    this.group = null
    this.#host.releaseGroup(group)
  }

  #writeLeave(group: Uint8Array, pid: number, reason: number): void {
    writeCpgProc(CpgFunction.procLeave, { group, pid, reason }, this.#proc, 0, this.#host.port.littleEndian)
  }
}
