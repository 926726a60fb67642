// The same properties one floor up, on closed process groups: messages of programs (B2, B5, B6, D1, D2), membership
// events (S2, S5), who may receive what and when (S1, S4), and that all members see one interleaving (S3). In: what
// programs asked for and what they were told; out: violations in the model that the packet checks use too.
//
// A session is one membership of one program in one group, from its join to its end; its pid is unique in the run.

import { type CpgAddress, type CpgMembershipChange, CpgReason } from '../../services/cpg/types.js'
import type { RingIdentity } from '../../totem/types.js'
import { isMessage, MESSAGE_HEADER_LENGTH, readCounter } from '../workload/message.js'
import type { Process, TraceModel } from './model.js'

/** The next message of this sender may be any: it was not a member all the time. */
const ANY = -1

export class Session {
  readonly pid: number
  readonly group: string
  readonly process: Process
  /** Requested its leave, was closed, or its node ended. */
  ending: 'no' | 'leave' | 'closed' | 'node' = 'no'
  /** Its leave may still be delivered when its node has ended meanwhile. */
  askedToLeave = false
  /** Between the event of its own join and that of its own leave. */
  joined = false
  over = false
  /** False from the installation of a ring until the group service says that it is synchronised. */
  synchronised = true
  /** Members as the events so far tell, pid by pid. */
  readonly members: Map<number, number> = new Map()
  /** Messages accepted so far: place in the pattern and length. */
  readonly places: number[] = []
  readonly lengths: number[] = []
  /** Packet (ring name and index) whose delivery completed the message, at its first receiver. */
  readonly deliveredRing: string[] = []
  readonly deliveredIndex: number[] = []
  /** Per sender pid: counter of the message that has to come next; ANY when unknown. */
  readonly expected: Map<number, number> = new Map()
  /** Per sender pid: highest counter delivered here. */
  readonly highest: Map<number, number> = new Map()
  delivered = 0
  /** The membership events of the present ring and the packets with which they came, as hashes. */
  readonly log: number[] = []
  /** The replicated log: hash of the messages since the beginning that was agreed on; its length, -1 before. */
  replica = 0
  replicaLength = -1
  /** Counter of the first own message that belongs to it. */
  firstOfReplica = Number.POSITIVE_INFINITY

  constructor(pid: number, group: string, process: Process) {
    this.pid = pid
    this.group = group
    this.process = process
  }
}

export class GroupChecker {
  readonly sessions: Map<number, Session> = new Map()
  readonly #model: TraceModel
  /**
   * Per process: the rings it went through since its group service was last synchronised before the present ring, and
   * since it was last synchronised at all. Who has the same behind him is told the same.
   */
  readonly #paths: Map<Process, { entry: string; current: string }> = new Map()
  /** Per group and path: the longest log of a member that went it. */
  readonly #logs: Map<string, { log: number[]; pid: number }> = new Map()
  /** Per group: the message with which the replicated log begins, and the members that have to see it. */
  readonly #beginnings: Map<string, { pid: number; counter: number; members: Session[] }> = new Map()

  constructor(model: TraceModel) {
    this.#model = model
  }

  /** A join request was accepted. */
  begin(pid: number, group: string, process: Process): Session {
    const session = new Session(pid, group, process)
    this.sessions.set(pid, session)
    return session
  }

  accepted(session: Session, place: number, length: number): void {
    session.places.push(place)
    session.lengths.push(length)
    session.deliveredRing.push('')
    session.deliveredIndex.push(-1)
  }

  /** The replicated log of a group begins with this message. */
  beginReplica(session: Session, counter: number): void {
    const members = [...this.sessions.values()].filter(
      other => other.group === session.group && other.joined && !other.over && other.process.alive,
    )
    for (const member of members) member.firstOfReplica = member === session ? counter : member.places.length
    this.#beginnings.set(session.group, { pid: session.pid, counter, members })
  }

  ending(session: Session, how: 'leave' | 'closed' | 'node'): void {
    session.ending = how
    if (how === 'leave') session.askedToLeave = true
    if (how !== 'leave') session.over = true
  }

  /** No living member counts this session, which is over, among the members any more. */
  isForgotten(session: Session): boolean {
    for (const other of this.sessions.values()) {
      if (other.group !== session.group || other.over || !other.process.alive) continue
      if (other.members.has(session.pid)) return false
    }
    return true
  }

  delivered(receiver: Session, nodeId: number, pid: number, buf: Uint8Array, off: number, len: number): void {
    const sender = this.sessions.get(pid)
    const what = `message of ${nodeId}:${pid} in ${receiver.group}`
    if (sender === undefined || sender.process.nodeId !== nodeId || sender.group !== receiver.group) {
      this.#fail('B1', receiver, `${what} from nobody`)
      return
    }
    if (!receiver.joined || receiver.over) this.#fail('S4', receiver, `${what} while not a member`)
    if (!receiver.members.has(pid)) this.#fail('S4', receiver, `${what}, which is not a member`)
    if (!receiver.synchronised) this.#fail('S1', receiver, `${what} before the end of the synchronisation`)
    const counter = this.#identify(receiver, sender, buf, off, len)
    receiver.delivered++
    this.#replicate(receiver, sender, counter, len)
    if (counter === ANY) return
    receiver.expected.set(pid, counter + 1)
    receiver.highest.set(pid, counter)
    this.#checkPlace(receiver, sender, counter)
  }

  membershipChanged(receiver: Session, change: CpgMembershipChange): void {
    const before = receiver.members
    const known = new Map(before)
    for (const left of change.left) {
      if (!known.delete(left.pid) && !this.#isRepeat(left)) {
        this.#fail('S2', receiver, `${left.nodeId}:${left.pid} left ${receiver.group} and was not a member`)
      }
      this.#checkLeft(receiver, left)
      receiver.expected.delete(left.pid)
    }
    for (const joined of change.joined) {
      if (known.has(joined.pid) && before.size > 0) {
        this.#fail('S2', receiver, `${joined.nodeId}:${joined.pid} joined ${receiver.group} and was a member`)
      }
      known.set(joined.pid, joined.nodeId)
      this.#checkJoined(receiver, joined)
    }
    const own = change.joined.some(joined => joined.pid === receiver.pid)
    if (own) {
      receiver.joined = true
      // The first event names the members so far; from now on they follow from the events.
      for (const member of change.members) known.set(member.pid, member.nodeId)
    }
    if (!receiver.joined || receiver.over) {
      this.#fail('S4', receiver, `membership of ${receiver.group} told to a stranger`)
    }
    if (
      known.size !== change.members.length ||
      change.members.some(member => known.get(member.pid) !== member.nodeId)
    ) {
      this.#fail(
        'S2',
        receiver,
        `${receiver.group} is {${list(change.members)}}, it should be {${[...known.keys()].join(' ')}}`,
      )
    }
    before.clear()
    for (const member of change.members) before.set(member.pid, member.nodeId)
    let hash = receiver.process.view!.last
    for (const part of [change.members, change.left, change.joined]) {
      hash = Math.imul(hash, 31) + part.length
      for (const address of part) hash = Math.imul(hash ^ address.pid, 0x01000193) + address.reason
    }
    receiver.log.push(hash | 0)
    if (change.left.some(left => left.pid === receiver.pid)) {
      receiver.joined = false
      receiver.over = true
    }
  }

  /** The group service is synchronised on this ring. */
  ringChanged(receiver: Session, ring: RingIdentity): void {
    const view = receiver.process.view
    if (view === null || view.ring.nodeId !== ring.nodeId || view.ring.seq !== ring.seq) return
    receiver.synchronised = true
    this.#pathOf(receiver.process).current = view.ring.name
  }

  /** `process` has installed a regular configuration: what its members saw on the ring before is complete (S3). */
  installed(process: Process): void {
    const { ring } = process.view!
    const path = this.#pathOf(process)
    for (const session of this.sessions.values()) {
      if (session.process !== process || session.over) continue
      session.synchronised = false
      if (session.joined) this.#compare(session, `${session.group}: ${path.entry} > ${ring.name}`)
      session.log.length = 0
    }
    path.entry = `${path.current} > ${ring.name}`
    path.current = path.entry
  }

  /** Nothing is under way any more: every survivor has its own messages, members agree on members and on the log. */
  finish(): void {
    const living = new Map<string, Session[]>()
    for (const session of this.sessions.values()) {
      if (session.over || !session.process.alive) continue
      if (!session.joined) {
        this.#fail('S2', session, `joined ${session.group} and was never told so`)
        continue
      }
      const group = living.get(session.group)
      if (group === undefined) living.set(session.group, [session])
      else group.push(session)
      this.#compare(session, `${session.group}: ${this.#pathOf(session.process).entry} to the end`)
      const next = session.expected.get(session.pid) ?? 0
      if (next !== session.places.length && session.places.length > 0) {
        this.#fail('D1', session, `sent ${session.places.length} messages to ${session.group}, got ${next} back`)
      }
    }
    for (const members of living.values()) this.#compareMembers(members)
  }

  #pathOf(process: Process): { entry: string; current: string } {
    let path = this.#paths.get(process)
    if (path === undefined) {
      // Nobody else has this process's beginning behind him.
      path = { entry: `process ${process.index}`, current: `process ${process.index}` }
      this.#paths.set(process, path)
    }
    return path
  }

  #compareMembers(members: readonly Session[]): void {
    const pids = members.map(member => member.pid)
    const first = members[0]!
    for (const member of members) {
      const seen = [...member.members.keys()]
      if (seen.length !== pids.length || pids.some(pid => !member.members.has(pid))) {
        this.#fail('S2', member, `sees {${seen.join(' ')}} in ${member.group}, there are {${pids.join(' ')}}`)
      }
    }
    const beginning = this.#beginnings.get(first.group)
    if (beginning === undefined) return
    const sender = this.sessions.get(beginning.pid)!
    for (const member of beginning.members) {
      // It had asked to leave when the log began.
      if (member.over) continue
      if (member.replicaLength !== sender.replicaLength || member.replica !== sender.replica) {
        this.#fail(
          'D2',
          member,
          `replicated log of ${member.group} has ${member.replicaLength} entries, that of ${sender.pid} ` +
            `${sender.replicaLength}${member.replicaLength === sender.replicaLength ? ' others' : ''}`,
        )
      }
    }
  }

  /** Which message of the sender is this? Checks B2, B5, B6 and D2 on the way. */
  #identify(receiver: Session, sender: Session, buf: Uint8Array, off: number, len: number): number {
    const expected = receiver.expected.get(sender.pid) ?? ANY
    const highest = receiver.highest.get(sender.pid) ?? -1
    let counter = expected
    if (len >= MESSAGE_HEADER_LENGTH) counter = readCounter(buf, off)
    if (counter === ANY) return ANY
    const what = `message ${counter} of ${sender.process.nodeId}:${sender.pid} in ${receiver.group}`
    const place = sender.places[counter]
    if (place === undefined || !isMessage(buf, off, len, sender.pid, counter, place, sender.lengths[counter]!)) {
      this.#fail('B5', receiver, `${what} is not as it was sent (${len} bytes)`)
      return expected
    }
    if (counter === highest) this.#fail('B2', receiver, `${what} delivered twice`)
    else if (counter < highest) this.#fail('B6', receiver, `${what} after message ${highest}`)
    else if (expected !== ANY && counter !== expected) this.#fail('D2', receiver, `${what} where ${expected} is due`)
    return counter
  }

  /** S3: a message is completed by one packet, the same at every receiver. */
  #checkPlace(receiver: Session, sender: Session, counter: number): void {
    const view = receiver.process.view!
    const name = view.ring.name
    const known = sender.deliveredRing[counter]!
    if (known === '') {
      sender.deliveredRing[counter] = name
      sender.deliveredIndex[counter] = view.last
    } else if (known !== name) {
      // Two rings may complete the same message only where the sender is in both; it is in one.
      this.#fail('S3', receiver, `message ${counter} of ${sender.pid} on ring ${name}, elsewhere on ${known}`)
    } else if (sender.deliveredIndex[counter] !== view.last) {
      this.#fail('S3', receiver, `message ${counter} of ${sender.pid} with another packet than elsewhere`)
    }
  }

  /**
   * Counts are messages sent since the beginning: an earlier one may straddle the last change. Short messages do not
   * count, not every receiver can tell which they are.
   */
  #replicate(receiver: Session, sender: Session, counter: number, len: number): void {
    if (len < MESSAGE_HEADER_LENGTH || counter < sender.firstOfReplica) return
    const beginning = this.#beginnings.get(receiver.group)
    if (beginning !== undefined && beginning.pid === sender.pid && beginning.counter === counter) {
      receiver.replica = 0
      receiver.replicaLength = 0
    }
    if (receiver.replicaLength < 0) return
    receiver.replica = Math.imul(receiver.replica ^ sender.pid, 0x9e3779b1) + counter
    receiver.replica = (receiver.replica ^ (receiver.replica >>> 15)) | 0
    receiver.replicaLength++
  }

  /**
   * S3 for membership events: logs of members that made the same moves end alike (a later joiner has only the end).
   * Messages are not compared here: one whose fragments straddle a change may be for some of them only.
   */
  #compare(session: Session, key: string): void {
    const known = this.#logs.get(key)
    if (known === undefined) {
      this.#logs.set(key, { log: session.log.slice(), pid: session.pid })
      return
    }
    const shorter = known.log.length < session.log.length ? known.log : session.log
    const longer = shorter === known.log ? session.log : known.log
    for (let i = 1; i <= shorter.length; i++) {
      if (shorter[shorter.length - i] !== longer[longer.length - i]) {
        this.#fail('S3', session, `saw other events than ${known.pid} (${key}), from the end: ${i}`)
        return
      }
    }
    if (session.log.length > known.log.length) known.log = session.log.slice()
  }

  #checkJoined(receiver: Session, joined: CpgAddress): void {
    const session = this.sessions.get(joined.pid)
    if (session === undefined || session.process.nodeId !== joined.nodeId || session.group !== receiver.group) {
      this.#fail('S5', receiver, `${joined.nodeId}:${joined.pid} joined ${receiver.group} without asking for it`)
      return
    }
    if (joined.reason === CpgReason.JOIN) {
      receiver.expected.set(joined.pid, 0)
    } else if (joined.reason === CpgReason.NODEUP) {
      receiver.expected.set(joined.pid, ANY)
    } else {
      this.#fail('S5', receiver, `${joined.nodeId}:${joined.pid} joined ${receiver.group} for reason ${joined.reason}`)
    }
  }

  #checkLeft(receiver: Session, left: CpgAddress): void {
    const ending = this.sessions.get(left.pid)?.ending
    const what = `${left.nodeId}:${left.pid} left ${receiver.group} for reason ${left.reason}`
    if (left.reason === CpgReason.LEAVE) {
      if (!this.sessions.get(left.pid)?.askedToLeave) this.#fail('S5', receiver, `${what} without asking for it`)
    } else if (left.reason === CpgReason.PROCDOWN) {
      if (ending === 'no' || ending === undefined) this.#fail('S5', receiver, `${what}, but it runs`)
    } else if (left.reason === CpgReason.NODEDOWN) {
      if (left.nodeId === receiver.process.nodeId) this.#fail('S5', receiver, `${what}, which is the node here`)
    } else {
      this.#fail('S5', receiver, what)
    }
  }

  /** A leave may be reported a second time, when the program ended as well. */
  #isRepeat(left: CpgAddress): boolean {
    return this.sessions.get(left.pid)?.ending !== 'no'
  }

  #fail(property: string, session: Session, text: string): void {
    this.#model.fail(property, session.process, `program ${session.pid}: ${text}`)
  }
}

function list(addresses: readonly CpgAddress[]): string {
  return addresses.map(address => `${address.nodeId}:${address.pid}`).join(' ')
}
