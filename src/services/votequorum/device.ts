// The quorum device of this node: a program that registers, and from then on says again and again whether the device gives
// its vote to this part of the cluster (spec: services 4.1, 4.5). In: requests of that program, messages about devices,
// beginnings of synchronisations, a deadline. Out: flags of the own record, messages, an answer that comes late. Must not
// know: bytes, how votes are counted.

import { RateLimitedLog } from '../../log/rate-limit.js'
import type { LogLevel } from '../../log/types.js'
import { NodeFlag, type QdeviceReconfigure, type QdeviceReg } from '../../wire/votequorum.js'
import { CsError, type CsErrorCode } from '../errors.js'
import type { DeviceSettings } from './settings.js'
import { NodeState, type VoteState } from './state.js'

/** What the device needs of its service. */
export interface DeviceHost {
  readonly state: VoteState
  readonly now: number
  sendNodeInfo(): void
  sendDeviceInfo(): void
  sendRegistration(register: boolean, name: string): void
  sendRename(oldName: string, newName: string): void
  setMasterWins(allow: boolean): void
  /** The device has said what a synchronisation waited for. */
  deviceHeard(): void
}

/** A registration that has been sent to the cluster and has not come back. */
export interface PendingRegistration {
  readonly name: string
  answer(result: CsErrorCode): void
}

/** With no device in the configuration a program may still bring one. */
const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_SYNC_TIMEOUT_MS = 30_000

const ALL_FLAGS =
  NodeFlag.QDEVICE_REGISTERED | NodeFlag.QDEVICE_ALIVE | NodeFlag.QDEVICE_CAST_VOTE | NodeFlag.QDEVICE_MASTER_WINS

export class Device {
  /** Undefined where no device is configured. */
  settings: DeviceSettings | undefined
  /** When the next poll is overdue; Infinity while nobody polls. */
  deadline = Number.POSITIVE_INFINITY
  /** A synchronisation waits for the device's word. */
  awaited = false
  /** Of the cluster's device: all nodes use one of the same name. */
  name: string | undefined
  #pending: PendingRegistration | undefined
  readonly #host: DeviceHost
  readonly #log: (level: LogLevel, message: string) => void
  /** Programs may try as often as they like. */
  readonly #disabled: RateLimitedLog
  readonly #otherName: RateLimitedLog

  constructor(host: DeviceHost, log: (level: LogLevel, message: string) => void) {
    this.#host = host
    this.#log = log
    this.#disabled = new RateLimitedLog((level, _subsystem, message) => log(level, message), 'info', 'VOTEQ')
    this.#otherName = new RateLimitedLog((level, _subsystem, message) => log(level, message), 'warning', 'VOTEQ')
  }

  get registered(): boolean {
    return this.#host.state.has(NodeFlag.QDEVICE_REGISTERED)
  }

  get #canOperate(): boolean {
    return this.settings?.canOperate ?? true
  }

  /** OK or an error at once; undefined when `pending` will be told. */
  register(pending: PendingRegistration): CsErrorCode | undefined {
    const { now } = this.#host
    if (!this.#canOperate) {
      if (this.#disabled.ready(now))
        this.#disabled.write(
          now,
          'Registration of quorum device is disabled by incorrect corosync.conf. See logs for more information',
        )
      return CsError.ACCESS
    }
    if (this.registered) {
      if (pending.name === this.name) return CsError.OK
      if (this.#otherName.ready(now))
        this.#otherName.write(
          now,
          `A new qdevice with different name (new: ${pending.name} old: ${this.name}) is trying to re-register!`,
        )
      return CsError.EXIST
    }
    if (this.#pending !== undefined) return CsError.TRY_AGAIN
    this.#pending = pending
    this.#host.sendRegistration(true, pending.name)
    return undefined
  }

  /** The program that asked has gone. */
  forget(pending: PendingRegistration): void {
    if (this.#pending === pending) this.#pending = undefined
  }

  unregister(name: string): CsErrorCode {
    if (!this.registered) return CsError.NOT_EXIST
    if (name !== this.name) return CsError.INVALID_PARAM
    this.deadline = Number.POSITIVE_INFINITY
    this.#stopWaiting()
    this.#host.state.setFlag(ALL_FLAGS, false)
    this.#host.sendNodeInfo()
    this.#host.sendRegistration(false, name)
    return CsError.OK
  }

  rename(oldName: string, newName: string): CsErrorCode {
    if (!this.registered) return CsError.NOT_EXIST
    if (oldName !== this.name) return CsError.INVALID_PARAM
    this.#host.sendRename(oldName, newName)
    return CsError.OK
  }

  /** `current`: the poll names the ring of the last synchronisation. */
  poll(name: string, castVote: boolean, current: boolean): CsErrorCode {
    if (!this.#canOperate) return CsError.ACCESS
    if (!this.registered) return CsError.NOT_EXIST
    if (!current) return CsError.MESSAGE_ERROR
    if (name !== this.name) return CsError.INVALID_PARAM
    const { state } = this.#host
    const before = state.us.flags
    state.setFlag(NodeFlag.QDEVICE_ALIVE, true)
    state.setFlag(NodeFlag.QDEVICE_CAST_VOTE, castVote)
    if (state.us.flags !== before) this.#host.sendNodeInfo()
    this.deadline = this.#host.now + (this.settings?.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    this.#stopWaiting()
    return CsError.OK
  }

  masterWins(name: string, allow: boolean): CsErrorCode {
    if (!this.#canOperate) return CsError.ACCESS
    if (!this.registered) return CsError.NOT_EXIST
    if (name !== this.name) return CsError.INVALID_PARAM
    const { state } = this.#host
    const before = state.us.flags
    state.setFlag(NodeFlag.QDEVICE_MASTER_WINS, allow)
    if (state.us.flags !== before) this.#host.sendNodeInfo()
    this.#host.setMasterWins(allow)
    return CsError.OK
  }

  syncBegins(): void {
    const { state } = this.#host
    this.awaited = this.registered && state.has(NodeFlag.QDEVICE_ALIVE)
    if (!this.awaited) return
    const timeout = this.settings?.syncTimeoutMs ?? DEFAULT_SYNC_TIMEOUT_MS
    this.deadline = this.#host.now + timeout
    this.#log('info', `waiting for quorum device ${this.name ?? ''} poll (but maximum for ${timeout} ms)`)
  }

  /** The deadline has passed without a poll. */
  pollOverdue(): void {
    this.deadline = Number.POSITIVE_INFINITY
    this.#stopWaiting()
    const { state } = this.#host
    if (!state.has(NodeFlag.QDEVICE_ALIVE)) return
    state.setFlag(NodeFlag.QDEVICE_ALIVE | NodeFlag.QDEVICE_CAST_VOTE, false)
    this.#log('info', `lost contact with quorum device ${this.name ?? ''}`)
    this.#host.sendNodeInfo()
  }

  /** A registration or its end, in total order. */
  registrationReceived(origin: number, { register, name }: QdeviceReg): void {
    const { state } = this.#host
    this.#log('debug', `Received qdevice op ${register ? 1 : 0} req from node ${origin} [${name}]`)
    if (!register) this.#forgetNameIfUnused()
    else if (origin === state.us.nodeId) this.#ownRegistration(name)
    else if (this.name === undefined) {
      this.name = name
      this.#log('debug', 'Remote qdevice name recorded')
    }
  }

  renamed({ oldName, newName }: QdeviceReconfigure): void {
    if (oldName !== this.name) return
    this.name = newName
    this.#log('debug', 'Allowing qdevice rename')
  }

  #stopWaiting(): void {
    if (this.awaited) this.#host.deviceHeard()
    this.awaited = false
  }

  #ownRegistration(name: string): void {
    // What is sent in each synchronisation comes back here, too.
    const pending = this.#pending
    if (this.registered || pending === undefined) return
    this.#pending = undefined
    this.name ??= name
    if (name !== this.name) {
      this.#log('warning', `A new qdevice with different name (new: ${name} old: ${this.name}) is trying to register!`)
      pending.answer(CsError.EXIST)
      return
    }
    this.#host.state.setFlag(NodeFlag.QDEVICE_REGISTERED, true)
    this.#host.sendDeviceInfo()
    this.#host.sendNodeInfo()
    pending.answer(CsError.OK)
  }

  #forgetNameIfUnused(): void {
    const used = this.#host.state.nodes.some(
      ({ state, flags }) => state === NodeState.MEMBER && (flags & NodeFlag.QDEVICE_REGISTERED) !== 0,
    )
    if (!used) this.name = undefined
  }
}
