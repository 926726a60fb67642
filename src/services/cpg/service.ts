// Closed process groups, service 2 (spec: services 2): who is in which group, cluster-wide and in one order, and the
// delivery of messages to the members here. In: cluster messages in total order, synchronisations, requests of local
// connections. Out: events to local connections, cluster messages. Must not know: how local processes are connected.
//
// The member records change only in ring handlers and at activation, never in a request: that makes them equal on all
// nodes.

import type { LogSink } from '../../log/types.js'
import type { SyncSteps } from '../../sync/types.js'
import type { RingIdentity } from '../../totem/types.js'
import {
  CPG_DOWN_LIST_LENGTH,
  CPG_MCAST_HEADER_LENGTH,
  CPG_PARTIAL_HEADER_LENGTH,
  CPG_PROC_LENGTH,
  cpgJoinListLength,
  createCpgMulticast,
  readCpgDownList,
  readCpgJoinList,
  readCpgMcast,
  readCpgPartialMcast,
  readCpgProc,
  writeCpgDownList,
  writeCpgJoinList,
} from '../../wire/cpg.js'
import { RESPONSE_HEADER_LENGTH, SERVICE_DISPLAY_NAMES, SERVICE_HEADER_LENGTH, ServiceId } from '../../wire/service.js'
import type { RingHandler, RingPort, Service } from '../types.js'
import { type ConnectionHost, LocalConnection } from './connection.js'
import { compareNames, type Group, GroupTable } from './groups.js'
import { type CpgIterationEntry, type CpgIterationType, iterationOrder } from './iteration.js'
import { CpgLibrary } from './library.js'
import { type MemberRecord, MemberRecords } from './records.js'
import {
  type CpgAddress,
  type CpgConnection,
  type CpgListener,
  type CpgMembershipChange,
  type CpgPartialType,
  CpgReason,
  type CpgReasonCode,
} from './types.js'

type LocalGroup = Group<LocalConnection>
type LocalRecord = MemberRecord<LocalConnection>

/** Entries of one join list, so that it stays within the longest message; a node with more members sends several. */
export const JOIN_LIST_ENTRIES_MAX = 7000
/**
 * Entries kept of all join lists of one synchronisation. More than any cluster has members; bounds what a peer can
 * make us keep.
 */
export const STORED_ENTRIES_MAX = 1 << 20

export interface CpgServiceOptions {
  readonly port: RingPort
  readonly log: LogSink
  /** Whether a handle can join again after it has left (default), or behaves as in the C engine; see ConnectionHost. */
  readonly reusableHandles?: boolean
}

export interface CpgStats {
  /** Malformed messages of known functions. */
  malformed: number
  /** Multicasts of nodes that have no member in the group. */
  unknownNode: number
  delivered: number
}

interface StoredEntry {
  readonly nodeId: number
  readonly pid: number
  readonly group: Uint8Array
}

export class CpgService implements Service, ConnectionHost {
  readonly id = ServiceId.cpg
  readonly name = SERVICE_DISPLAY_NAMES.cpg
  readonly priority = 1
  readonly handlers: readonly RingHandler[]
  readonly sync: SyncSteps
  readonly library: CpgLibrary
  readonly port: RingPort
  readonly reusableHandles: boolean
  readonly stats: CpgStats = { malformed: 0, unknownNode: 0, delivered: 0 }
  readonly #log: LogSink

  readonly #groups = new GroupTable<LocalConnection>()
  readonly #records = new MemberRecords<LocalConnection>()
  /** Newest first. Replaced as a whole, never changed: events may make connections come and go. */
  #connections: readonly LocalConnection[] = []
  #serial = 0
  readonly #multicast = createCpgMulticast()

  /** The ring being or last synchronised. */
  #ring: RingIdentity = { nodeId: 0, seq: 0 }
  /** Membership of the last finished synchronisation, and of the one under way. */
  #members: readonly number[] = []
  #coming: readonly number[] = []
  /** Those of the last membership that did not come along. */
  #downList: readonly number[] = []
  #round = 0
  #toSend: 'downList' | 'joinList' | 'nothing' = 'nothing'
  /** Local records that the join lists of this round have named so far. */
  #joinListSent = 0
  /** From init to activate or abort. */
  #collecting = false
  /** Entries of received join lists, oldest first. */
  #stored: StoredEntry[] = []

  constructor(options: CpgServiceOptions) {
    this.port = options.port
    this.#log = options.log
    this.reusableHandles = options.reusableHandles ?? true
    this.library = new CpgLibrary(this)
    // In the order of the function numbers (CpgFunction).
    this.handlers = [
      handler('procjoin', CPG_PROC_LENGTH, (buf, off, len, origin, little) => {
        this.#procJoin(buf, off, len, origin, little)
      }),
      handler('procleave', CPG_PROC_LENGTH, (buf, off, len, origin, little) => {
        this.#procLeave(buf, off, len, origin, little)
      }),
      handler('joinlist', RESPONSE_HEADER_LENGTH, (buf, off, len, origin, little) => {
        this.#joinList(buf, off, len, origin, little)
      }),
      handler('mcast', CPG_MCAST_HEADER_LENGTH, (buf, off, len, origin, little) => {
        this.#mcast(buf, off, len, origin, little)
      }),
      // An old form that nobody needs.
      handler('downlist_old', SERVICE_HEADER_LENGTH, () => {}),
      handler('downlist', CPG_DOWN_LIST_LENGTH, (buf, off, len, _origin, little) => {
        this.#downListReceived(buf, off, len, little)
      }),
      handler('partial_mcast', CPG_PARTIAL_HEADER_LENGTH, (buf, off, len, origin, little) => {
        this.#partialMcast(buf, off, len, origin, little)
      }),
    ]
    this.sync = {
      init: (transitional, members, ring) => this.#syncInit(transitional, members, ring),
      process: () => this.#syncProcess(),
      activate: () => this.#syncActivate(),
      abort: () => this.#forgetRound(),
    }
  }

  /** A handle for a local process; `listener` is told everything in order. */
  connect(listener: CpgListener): CpgConnection {
    const connection = new LocalConnection(this, listener, ++this.#serial)
    this.#connections = [connection, ...this.#connections]
    return connection
  }

  /** Members of the group of that name, in record order; none when it is unknown. */
  members(name: Uint8Array): readonly CpgAddress[] {
    const group = this.#groups.find(name, 0, name.length)
    return group === null ? [] : this.membersOf(group)
  }

  /** Groups or members as tools list them. */
  iterate(type: CpgIterationType, group?: Uint8Array): CpgIterationEntry[] {
    const entries = this.#records.all.map(record => ({
      group: record.group.name,
      nodeId: record.nodeId,
      pid: record.pid,
    }))
    return iterationOrder(entries, type, group)
  }

  /** Every joined process is reported down, newest connection first, and its connection closed. */
  exit(): void {
    for (const connection of this.#connections) connection.close()
  }

  exited(): boolean {
    return this.#records.all.every(record => record.nodeId !== this.port.nodeId)
  }

  // What connections need.

  get connections(): readonly LocalConnection[] {
    return this.#connections
  }

  obtainGroup(name: Uint8Array): LocalGroup {
    return this.#groups.obtain(name)
  }

  isMember(pid: number, name: Uint8Array): boolean {
    const group = this.#groups.find(name, 0, name.length)
    return group !== null && this.#records.find(this.port.nodeId, pid, group) !== undefined
  }

  membersOf(group: LocalGroup): readonly CpgAddress[] {
    return this.#records.of(group).map(record => address(record, CpgReason.UNDEFINED))
  }

  releaseGroup(group: LocalGroup): void {
    this.#groups.release(group)
  }

  disconnected(connection: LocalConnection): void {
    this.#connections = this.#connections.filter(other => other !== connection)
  }

  // Cluster messages.

  #procJoin(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readCpgProc(buf, off, len, little)
    if (message === undefined) {
      this.stats.malformed++
      return
    }
    const group = this.#groups.obtain(message.group)
    if (this.#records.find(origin, message.pid, group) !== undefined) return
    const record = this.#records.insert(origin, message.pid, group)
    this.#sendChange(group, [], [address(record, CpgReason.JOIN)])
  }

  #procLeave(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = readCpgProc(buf, off, len, little)
    if (message === undefined) {
      this.stats.malformed++
      return
    }
    const group = this.#groups.find(message.group, 0, message.group.length)
    if (group !== null) this.#processLeft(group, origin, message.pid, reasonOf(message.reason))
  }

  /** The event is sent even when there is no such member; its record, if there is one, goes after the event. */
  #processLeft(group: LocalGroup, nodeId: number, pid: number, reason: CpgReasonCode): void {
    this.#sendChange(group, [{ nodeId, pid, reason }], [])
    this.#records.remove(record => record.group === group && record.nodeId === nodeId && record.pid === pid)
    if (nodeId === this.port.nodeId) {
      for (const connection of this.#connections) if (connection.isFor(group, pid)) connection.leaveDelivered()
    }
    this.#groups.release(group)
  }

  #mcast(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = this.#multicast
    if (!readCpgMcast(buf, off, len, little, message)) {
      this.stats.malformed++
      return
    }
    const listeners = this.#listenersFor(buf, message.groupOff, message.groupLength, origin)
    if (listeners === null) return
    const { pid, dataOff, dataLength } = message
    for (let i = 0; i < listeners.length; i++) {
      const connection = listeners[i]!
      if (connection.state === 'closed') continue
      this.stats.delivered++
      connection.listener.deliver(origin, pid, buf, dataOff, dataLength)
    }
  }

  #partialMcast(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const message = this.#multicast
    if (!readCpgPartialMcast(buf, off, len, little, message)) {
      this.stats.malformed++
      return
    }
    const listeners = this.#listenersFor(buf, message.groupOff, message.groupLength, origin)
    if (listeners === null) return
    const { pid, totalLength, dataOff, dataLength } = message
    const type = message.part as CpgPartialType
    for (const connection of listeners) {
      if (connection.state === 'closed') continue
      this.stats.delivered++
      connection.listener.deliverPartial(origin, pid, type, totalLength, buf, dataOff, dataLength)
    }
  }

  /** Whom a multicast of that node goes to here; null: nobody. */
  #listenersFor(buf: Uint8Array, nameOff: number, nameLen: number, origin: number): readonly LocalConnection[] | null {
    const group = this.#groups.find(buf, nameOff, nameLen)
    if (group === null || group.listeners.length === 0) return null
    if (group.membersByNode.has(origin)) return group.listeners
    if (this.stats.unknownNode++ === 0)
      this.#log('warning', 'CPG', `Unknown node ${origin}: its message is not delivered`)
    return null
  }

  #downListReceived(buf: Uint8Array, off: number, len: number, little: boolean): void {
    // Every node goes by its own list; those of others are of interest to readers of the log only.
    const list = readCpgDownList(buf, off, len, little)
    if (list === undefined) this.stats.malformed++
    else this.#log('debug', 'CPG', `downlist left_list: ${list.left.length} received`)
  }

  #joinList(buf: Uint8Array, off: number, len: number, origin: number, little: boolean): void {
    const list = readCpgJoinList(buf, off, len, little)
    if (list === undefined) {
      this.stats.malformed++
      return
    }
    if (!this.#collecting || this.#stored.length + list.length > STORED_ENTRIES_MAX) return
    for (const { group, pid } of list) this.#stored.push({ nodeId: origin, pid, group: new Uint8Array(group) })
  }

  // Synchronisation (spec: services 2.7).

  #syncInit(transitional: readonly number[], members: readonly number[], ring: RingIdentity): void {
    this.#forgetRound()
    this.#coming = members
    this.#ring = ring
    this.#downList = this.#members.filter(node => !transitional.includes(node))
    this.#toSend = 'downList'
    this.#collecting = true
    this.#round++
  }

  #syncProcess(): boolean {
    if (this.#toSend === 'downList') {
      const bytes = new Uint8Array(CPG_DOWN_LIST_LENGTH)
      writeCpgDownList({ oldMembers: this.#members.length, left: this.#downList }, bytes, 0, this.port.littleEndian)
      if (!this.port.sendInSync(bytes, 0, bytes.length)) return false
      this.#toSend = 'joinList'
    }
    if (this.#toSend === 'joinList') {
      const own = this.#records.all.filter(record => record.nodeId === this.port.nodeId)
      while (this.#joinListSent < own.length) {
        const part = own.slice(this.#joinListSent, this.#joinListSent + JOIN_LIST_ENTRIES_MAX)
        const list = part.map(record => ({ group: record.group.name, pid: record.pid }))
        const bytes = new Uint8Array(cpgJoinListLength(list.length))
        writeCpgJoinList(list, bytes, 0, this.port.littleEndian)
        if (!this.port.sendInSync(bytes, 0, bytes.length)) return false
        this.#joinListSent += part.length
      }
      this.#toSend = 'nothing'
    }
    return true
  }

  #syncActivate(): void {
    this.#log('debug', 'CPG', `my downlist: members(old:${this.#members.length} left:${this.#downList.length})`)
    this.#members = this.#coming
    this.#removeDownNodes()
    this.#insertStored()
    this.#removeUnconfirmed()
    this.#forgetRound()
    for (const connection of this.#connections) this.#tellConfiguration(connection)
  }

  #removeDownNodes(): void {
    const down = new Set(this.#downList)
    const removed = this.#records.remove(record => down.has(record.nodeId))
    const left = collect(removed, CpgReason.NODEDOWN)
    for (const group of inNameOrder(left)) {
      this.#sendChange(group, left.get(group) ?? [], [])
      this.#groups.release(group)
    }
  }

  #insertStored(): void {
    // The latest received comes first, and of one message its last entry: that order is seen in the events.
    const added: LocalRecord[] = []
    for (const entry of this.#stored.toReversed()) {
      if (entry.nodeId === this.port.nodeId) continue
      const group = this.#groups.obtain(entry.group)
      let record = this.#records.find(entry.nodeId, entry.pid, group)
      if (record === undefined) {
        record = this.#records.insert(entry.nodeId, entry.pid, group)
        added.push(record)
      }
      record.confirmedIn = this.#round
    }
    const joined = collect(added, CpgReason.NODEUP)
    for (const group of inNameOrder(joined)) this.#sendChange(group, [], joined.get(group) ?? [])
  }

  /** Members of other nodes that those nodes do not know of (any more). */
  #removeUnconfirmed(): void {
    const stale = this.#records.all.filter(
      record => record.nodeId !== this.port.nodeId && record.confirmedIn !== this.#round,
    )
    for (const { group, nodeId, pid } of stale) this.#processLeft(group, nodeId, pid, CpgReason.PROCDOWN)
  }

  #forgetRound(): void {
    this.#stored = []
    this.#collecting = false
    this.#toSend = 'nothing'
    this.#joinListSent = 0
  }

  // Events.

  #sendChange(group: LocalGroup, left: readonly CpgAddress[], joined: readonly CpgAddress[]): void {
    for (const { nodeId, pid } of joined) {
      if (nodeId !== this.port.nodeId) continue
      for (const connection of this.#connections) if (connection.isFor(group, pid)) connection.joinDelivered()
    }
    if (group.listeners.length > 0) {
      const change: CpgMembershipChange = {
        group: group.name,
        members: this.membersOf(group).filter(member => !left.some(gone => sameProcess(gone, member))),
        left,
        joined,
      }
      for (const connection of group.listeners) {
        if (connection.state === 'closed') continue
        connection.transitions++
        connection.listener.membershipChanged(change)
      }
    }
    for (const connection of this.#connections) {
      if (!connection.wantsInitialConfiguration) continue
      connection.wantsInitialConfiguration = false
      this.#tellConfiguration(connection)
    }
  }

  #tellConfiguration(connection: LocalConnection): void {
    if (connection.state !== 'closed') connection.listener.ringChanged(this.#ring, this.#members)
  }
}

function handler(name: string, minLength: number, receive: RingHandler['receive']): RingHandler {
  return { name, minLength, receive }
}

function address(record: LocalRecord, reason: CpgReasonCode): CpgAddress {
  return { nodeId: record.nodeId, pid: record.pid, reason }
}

function sameProcess(a: CpgAddress, b: CpgAddress): boolean {
  return a.nodeId === b.nodeId && a.pid === b.pid
}

function reasonOf(reason: number): CpgReasonCode {
  return reason <= CpgReason.PROCDOWN ? (reason as CpgReasonCode) : CpgReason.UNDEFINED
}

function collect(records: readonly LocalRecord[], reason: CpgReasonCode): Map<LocalGroup, CpgAddress[]> {
  const byGroup = new Map<LocalGroup, CpgAddress[]>()
  for (const record of records) {
    const list = byGroup.get(record.group)
    if (list === undefined) byGroup.set(record.group, [address(record, reason)])
    else list.push(address(record, reason))
  }
  return byGroup
}

function inNameOrder(byGroup: ReadonlyMap<LocalGroup, unknown>): LocalGroup[] {
  return [...byGroup.keys()].sort((a, b) => compareNames(a.name, b.name))
}
