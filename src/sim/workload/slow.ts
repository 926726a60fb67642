// The workload of slow programs: they talk to their node as programs of the library do, through a channel, and take what
// comes late, a little at a time. Between the node, which hands everything over at once, and such a program stands the
// executive's side of the channel (daemon/local-members.ts): a ring, then a queue, then the end of the membership. S6: a
// program gets, in order, everything that its node told it, until it is told that it was cut off; and it is cut off when,
// and only when, more than the bound was waiting. What the node tells goes to the checker of groups, as for any program:
// nobody else may feel anything of it.

import {
  CHANNEL_WORDS,
  ChannelWord,
  channelLayout,
  EventKind,
  encodeAddresses,
  encodeNodeIds,
  MAX_RECORD_BYTES,
  RequestKind,
} from '../../daemon/channel.js'
import { LocalMembers } from '../../daemon/local-members.js'
import { RingReader, RingWriter } from '../../ipc/ring-buffer.js'
import { hashBytes } from '../../recorder/payload-hash.js'
import type { CpgConnection, CpgListener } from '../../services/cpg/types.js'
import { CsError } from '../../services/errors.js'
import type { Session } from '../checker/groups.js'
import type { SimHost } from '../host.js'
import type { SlowPlan } from '../scenario.js'
import { MESSAGE_HEADER_LENGTH, randomPlace, readPlace, writeMessage } from './message.js'
import { sessionListener } from './session-listener.js'
import type { Workload, WorkloadContext } from './types.js'

/** Pids of slow programs; those of ordinary ones are lower, those of replicas higher. */
const FIRST_PID = 500_000
/** Pause before a refused request is tried again by the executive. */
const SERVICE_MS = 15
/** A program's owner wakes up at least so often, if only to see that it is not time yet. */
const LOOK_MS = 200
/** Messages have at most so many bytes, so that a request never takes more than one piece of the ring. */
const LONGEST = 180
/** Requests of a program that wait for their answer. */
const MAX_PENDING = 3
/** Accounted for each event that waits besides its bytes: more than any side of the channel accounts. */
const EVENT_OVERHEAD = 256

/** An event that the node has told and the program has not taken. */
interface Untaken {
  readonly kind: number
  readonly a: number
  readonly b: number
  readonly len: number
  readonly hash: number
  /** So much waited when it was told that nothing but the end can follow. */
  readonly tooMuch: boolean
}

export class SlowProgram {
  readonly host: SimHost
  readonly incarnation: number
  readonly pid: number
  readonly group: string
  session: Session | undefined
  /** Of the channel. */
  readonly memory: ArrayBuffer
  readonly #context: WorkloadContext
  readonly #plan: SlowPlan
  readonly #control: Int32Array
  readonly #requests: RingWriter
  readonly #events: RingReader
  readonly #scratch = new Uint8Array(LONGEST)
  #untaken: Untaken[] = []
  #untakenBytes = 0
  /** The most that waited, with all that may be accounted for it. */
  #mostAccountedBytes = 0
  #longestEvent = 0
  #written = 0
  #counter = 0
  /** The program has seen the end of its membership, or its node has ended. */
  over = false

  constructor(context: WorkloadContext, plan: SlowPlan, host: SimHost, pid: number, group: string) {
    this.#context = context
    this.#plan = plan
    this.host = host
    this.incarnation = host.incarnation
    this.pid = pid
    this.group = group
    const layout = channelLayout(plan.ringBytes)
    this.memory = new ArrayBuffer(layout.totalBytes)
    this.#control = new Int32Array(this.memory, 0, CHANNEL_WORDS)
    this.#requests = new RingWriter(this.memory, layout.requestRing, layout.ringDataBytes)
    this.#events = new RingReader(this.memory, layout.eventRing, layout.ringDataBytes, MAX_RECORD_BYTES)
    const name = new TextEncoder().encode(group)
    this.#request(RequestKind.JOIN, pid, name, name.length)
  }

  get #pending(): number {
    return this.#written - Atomics.load(this.#control, ChannelWord.COMPLETED)
  }

  /** Everything asked for is done, everything that came is taken; or it is over, and everybody knows. */
  get idle(): boolean {
    const { session } = this
    if (session === undefined) return false
    if (this.over || session.over) return this.over && session.over && this.#context.groups.isForgotten(session)
    if (!session.joined || this.#pending > 0 || this.waiting > 0) return false
    return (session.expected.get(session.pid) ?? 0) === session.places.length
  }

  /** Events told and not taken. */
  get waiting(): number {
    return this.#untaken.length
  }

  send(): boolean {
    if (this.#pending >= MAX_PENDING || this.session?.joined !== true) return false
    const { prng } = this.#context
    const length = MESSAGE_HEADER_LENGTH + prng.int(LONGEST - MESSAGE_HEADER_LENGTH)
    writeMessage(this.#scratch, this.pid, this.#counter, randomPlace(prng), length)
    if (!this.#request(RequestKind.MCAST, 0, this.#scratch, length)) return false
    this.#counter++
    return true
  }

  /** Takes so many events, if they are there; true when room was made that the executive waits for. */
  take(count: number): boolean {
    for (let i = 0; i < count && !this.over && this.#events.peek(); i++) {
      this.#check()
      this.#events.consume()
    }
    return Atomics.exchange(this.#control, ChannelWord.EVENT_SPACE_WANTED, 0) !== 0
  }

  /** The node has ended, and the program with it. */
  end(): void {
    this.over = true
    if (this.session !== undefined && !this.session.over) this.#context.groups.ending(this.session, 'node')
  }

  #request(kind: number, a: number, bytes: Uint8Array, length: number): boolean {
    if (this.#requests.write(kind, a, 0, 0, bytes, 0, length, 0) !== length) return false
    this.#written++
    return true
  }

  #check(): void {
    const { kind, a, b, buf, off, len } = this.#events
    const next = this.#untaken.shift()
    if (kind === EventKind.DISCONNECTED) {
      if (this.#mostAccountedBytes <= this.#plan.maxQueuedBytes) this.#fail('was cut off although little was waiting')
      this.#context.tell(this.host.now, this.host, () => `slow program ${this.pid} was cut off`)
      this.#untaken = []
      this.over = true
      return
    }
    if (
      next === undefined ||
      next.kind !== kind ||
      next.a !== a ||
      next.b !== b ||
      next.len !== len ||
      next.hash !== hashBytes(buf, off, len)
    ) {
      this.#fail(`took an event that is not the next one it was told (kind ${kind}, ${len} bytes)`)
      return
    }
    this.#untakenBytes -= len
    if (next.tooMuch) this.#fail(`got an event behind more than ${this.#plan.maxQueuedBytes} bytes that were waiting`)
  }

  #told(kind: number, a: number, b: number, buf: Uint8Array, off: number, len: number): void {
    if (this.over) return
    this.#longestEvent = Math.max(this.#longestEvent, len)
    this.#untakenBytes += len
    const { maxQueuedBytes, ringBytes } = this.#plan
    // The ring holds some, and the program the beginning of a long one.
    const tooMuch = this.#untakenBytes > maxQueuedBytes + ringBytes + this.#longestEvent
    this.#untaken.push({ kind, a, b, len, hash: hashBytes(buf, off, len), tooMuch })
    const accounted = this.#untakenBytes + this.#untaken.length * EVENT_OVERHEAD
    this.#mostAccountedBytes = Math.max(this.#mostAccountedBytes, accounted)
  }

  /** The node's service, with somebody listening on both ways. */
  connect(cpg: { connect(listener: CpgListener): CpgConnection }, channel: CpgListener): CpgConnection {
    const { groups } = this.#context
    let checked: CpgListener | undefined
    const connection = cpg.connect({
      deliver: (nodeId, pid, buf, off, len) => {
        checked?.deliver(nodeId, pid, buf, off, len)
        this.#told(EventKind.DELIVER, nodeId, pid, buf, off, len)
        channel.deliver(nodeId, pid, buf, off, len)
      },
      deliverPartial: (...piece) => checked?.deliverPartial(...piece),
      membershipChanged: change => {
        checked?.membershipChanged(change)
        const { members, left, joined } = change
        const bytes = encodeAddresses(members, left, joined)
        this.#told(EventKind.MEMBERSHIP, members.length, left.length, bytes, 0, bytes.length)
        channel.membershipChanged(change)
      },
      ringChanged: (ring, members) => {
        checked?.ringChanged(ring, members)
        const bytes = encodeNodeIds(members)
        this.#told(EventKind.RING, ring.nodeId, ring.seq >>> 0, bytes, 0, bytes.length)
        channel.ringChanged(ring, members)
      },
    })
    return {
      join: (group, pid, flags) => {
        const code = connection.join(group, pid, flags)
        if (code !== CsError.OK) return code
        this.session = groups.begin(pid, this.group, this.#context.processOf(this.host))
        checked = sessionListener(this.#context, this.host, this.session, () => this.#nodeAlive)
        return code
      },
      leave: (group, pid) => connection.leave(group, pid),
      mcast: (buf, off, len) => {
        const code = connection.mcast(buf, off, len)
        if (code === CsError.OK) groups.accepted(this.session!, readPlace(buf, off), len)
        return code
      },
      mcastPartial: (type, total, buf, off, len) => connection.mcastPartial(type, total, buf, off, len),
      membership: () => connection.membership(),
      close: () => {
        if (this.session !== undefined && !this.session.over) groups.ending(this.session, 'closed')
        connection.close()
      },
    }
  }

  get #nodeAlive(): boolean {
    return this.host.state !== 'down' && this.host.incarnation === this.incarnation
  }

  #fail(text: string): void {
    this.#context.fail('S6', this.host, `slow program ${this.pid} ${text}`)
  }
}

/** The executive's side on one node, and the programs that it serves. */
interface Served {
  readonly members: LocalMembers
  /** The last one is the one that runs; those before it were cut off, which not everybody may have noticed. */
  programs: SlowProgram[]
}

export class SlowWorkload implements Workload {
  accepted = 0
  readonly #context: WorkloadContext
  readonly #plan: SlowPlan
  /** Per host that runs. */
  readonly #served: (Served | undefined)[]
  #nextPid = FIRST_PID
  #stopped = false

  constructor(context: WorkloadContext, plan: SlowPlan) {
    this.#context = context
    this.#plan = plan
    this.#served = context.hosts.map(() => undefined)
  }

  hostStarted(now: number, host: SimHost): void {
    const served: Served = {
      members: new LocalMembers({
        cpg: { connect: listener => served.programs.at(-1)!.connect(host.node!.cpg!, listener) },
        nodeId: host.nodeId,
        ringUser: () => {},
        maxQueuedBytes: this.#plan.maxQueuedBytes,
      }),
      programs: [],
    }
    this.#served[host.index] = served
    const { gapMs } = this.#context.plan
    const lookMs = Math.min(this.#plan.takeMs, LOOK_MS)
    this.#again(now, host, served, SERVICE_MS, () => served.members.service())
    this.#again(now, host, served, lookMs, () => this.#take(served, lookMs / this.#plan.takeMs))
    this.#again(now, host, served, gapMs, at => this.#work(at, host, served))
  }

  hostLeaving(host: SimHost): void {
    this.#served[host.index]?.members.closeAll()
    this.hostEnded(host)
  }

  hostEnded(host: SimHost): void {
    for (const program of this.#served[host.index]?.programs ?? []) program.end()
    this.#served[host.index] = undefined
  }

  settled(): void {}

  stop(): void {
    this.#stopped = true
  }

  isDrained(): boolean {
    return this.#served.every(served => served?.programs.every(({ idle }) => idle) ?? true)
  }

  finish(): void {}

  #again(now: number, host: SimHost, served: Served, meanMs: number, action: (now: number) => void): void {
    this.#context.queue.pushAction(now + this.#context.prng.exponential(meanMs), at => {
      if (this.#served[host.index] !== served) return
      if (host.state === 'running') {
        host.now = at
        action(at)
        host.touched()
      }
      this.#again(at, host, served, meanMs, action)
    })
  }

  /** At the end everything is taken at once: the run is not to wait for it. */
  #take({ members, programs }: Served, chance: number): void {
    const program = programs.at(-1)
    if (program === undefined) return
    if (!this.#stopped) {
      if (this.#context.prng.chance(chance) && program.take(this.#plan.takeEvents)) members.service()
    } else while (program.take(Number.POSITIVE_INFINITY)) members.service()
  }

  #work(now: number, host: SimHost, served: Served): void {
    const { prng, plan, tell } = this.#context
    const program = served.programs.at(-1)
    if (this.#stopped) return
    if (program !== undefined && !program.over) {
      if (program.send()) this.accepted++
      return
    }
    const [pid, group] = [this.#nextPid++, `group-${prng.int(plan.groups)}`]
    tell(now, host, () => `slow program ${pid} asks to join ${group}`)
    const next = new SlowProgram(this.#context, this.#plan, host, pid, group)
    served.programs = [...served.programs.filter(({ idle }) => !idle), next]
    served.members.add(next.memory)
  }
}
