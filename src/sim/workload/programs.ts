// The workload of whole nodes: programs that join closed process groups, send messages of every size singly and in
// bursts, leave, or die. What they ask for and what they are told goes to the checker of groups.

import { CPG_MAX_ATOMIC_LENGTH, type CpgConnection } from '../../services/cpg/types.js'
import { CsError, type CsErrorCode } from '../../services/errors.js'
import type { Session } from '../checker/groups.js'
import type { SimHost } from '../host.js'
import { LONGEST_MESSAGE, MESSAGE_HEADER_LENGTH, randomPlace, writeMessage } from './message.js'
import { sessionListener } from './session-listener.js'
import type { Workload, WorkloadContext } from './types.js'

/** Pause before a request that has to wait is tried again. */
const RETRY_MS = 15
const FIRST_PID = 1000
/** Big messages come early in the run, while there are faults. */
const BIG_MESSAGE_CHANCE = 0.02
const SHORTEST_BIG = 64 * 1024

class Program {
  readonly host: SimHost
  readonly incarnation: number
  readonly group: string
  connection: CpgConnection | undefined
  session: Session | undefined
  /** Cut off, because its node leaves or has ended. */
  ended = false
  /** Its last request was to be tried again. */
  refused = false

  constructor(host: SimHost, group: string) {
    this.host = host
    this.incarnation = host.incarnation
    this.group = group
  }

  /** The node that the program talks to is still the same one. */
  get alive(): boolean {
    return !this.ended && this.host.state !== 'down' && this.host.incarnation === this.incarnation
  }
}

const encoder = new TextEncoder()

export class ProgramWorkload implements Workload {
  accepted = 0
  readonly #context: WorkloadContext
  readonly #scratch = new Uint8Array(LONGEST_MESSAGE)
  #programs: Program[] = []
  #nextPid = FIRST_PID
  #bigMessages: number
  #churn = true
  #stopped = false

  constructor(context: WorkloadContext) {
    this.#context = context
    this.#bigMessages = context.plan.bigMessages
  }

  hostStarted(now: number, host: SimHost): void {
    const { plan, prng } = this.#context
    for (let i = 0; i < plan.programsPerNode; i++) {
      const program = new Program(host, this.#groupName(prng.int(plan.groups)))
      this.#programs.push(program)
      this.#again(now, program, prng.exponential(plan.gapMs))
    }
  }

  hostLeaving(host: SimHost): void {
    this.#endPrograms(host, 'closed')
  }

  hostEnded(host: SimHost): void {
    this.#endPrograms(host, 'node')
  }

  settled(now: number): void {
    this.#churn = false
    for (let i = 0; i < this.#context.plan.groups; i++) this.#beginReplica(now, this.#groupName(i))
  }

  stop(): void {
    this.#stopped = true
  }

  isDrained(): boolean {
    for (const { session, alive, refused } of this.#programs) {
      if (!alive) continue
      if (session === undefined && refused) return false
      if (session === undefined || session.over) continue
      if (session.ending === 'leave' || !session.joined) return false
      if ((session.expected.get(session.pid) ?? 0) !== session.places.length) return false
    }
    return true
  }

  finish(): void {}

  /** Every program ends and lets go of its connection; nothing is heard from any of them afterwards. */
  close(now: number): void {
    for (const program of this.#programs) {
      program.ended = true
      if (program.host.state === 'down') continue
      program.host.now = now
      program.connection?.close()
      program.host.touched()
    }
    this.#programs = []
  }

  #groupName(group: number): string {
    return `${this.#context.groupPrefix ?? 'group-'}${group}`
  }

  #endPrograms(host: SimHost, how: 'closed' | 'node'): void {
    for (const program of this.#programs) {
      if (program.host !== host) continue
      program.ended = true
      if (program.session !== undefined && !program.session.over) this.#context.groups.ending(program.session, how)
    }
    this.#programs = this.#programs.filter(program => program.host !== host)
  }

  #again(now: number, program: Program, afterMs: number): void {
    this.#context.queue.pushAction(now + afterMs, at => {
      if (!program.alive) return
      let nextMs = this.#context.prng.exponential(this.#context.plan.gapMs)
      if (program.host.state === 'running') {
        program.host.now = at
        program.refused = !this.#step(at, program)
        if (program.refused) nextMs = RETRY_MS
        program.host.touched()
      }
      this.#again(at, program, nextMs)
    })
  }

  /** One thing that the program does; false when it has to be tried again soon. */
  #step(now: number, program: Program): boolean {
    const { plan, prng } = this.#context
    const session = program.session
    // A program that was refused until now has to get in, even though nothing more is to be sent.
    if (session === undefined) return (this.#stopped && !program.refused) || this.#join(now, program)
    if (session.over) {
      program.connection?.close()
      program.connection = undefined
      program.session = undefined
      return true
    }
    if (this.#stopped || !session.joined || session.ending !== 'no') return true
    if (this.#churn && prng.chance(plan.churn)) return prng.chance(0.5) ? this.#leave(program) : this.#close(program)
    const count = prng.chance(plan.burst) ? 1 + prng.int(plan.burstLength) : 1
    for (let i = 0; i < count; i++) if (!this.#send(program, session)) break
    return true
  }

  #join(now: number, program: Program): boolean {
    const { groups, hash } = this.#context
    const pid = this.#nextPid++
    const session = groups.begin(pid, program.group, this.#context.processOf(program.host))
    const connection = program.host.node!.cpg!.connect(
      sessionListener(this.#context, program.host, session, () => program.alive),
    )
    const code = connection.join(encoder.encode(program.group), pid, 0)
    hash.add(pid ^ (code << 24))
    if (code !== CsError.OK) {
      groups.sessions.delete(pid)
      connection.close()
      return this.#mayTryAgain(program, 'join', code)
    }
    this.#context.tell(now, program.host, () => `program ${pid} asks to join ${program.group}`)
    program.connection = connection
    program.session = session
    return true
  }

  #leave(program: Program): boolean {
    const session = program.session!
    const code = program.connection!.leave(encoder.encode(program.group), session.pid)
    if (code !== CsError.OK) return this.#mayTryAgain(program, 'leave', code)
    this.#context.groups.ending(session, 'leave')
    return true
  }

  #close(program: Program): boolean {
    this.#context.groups.ending(program.session!, 'closed')
    program.connection!.close()
    program.connection = undefined
    program.session = undefined
    return true
  }

  #send(program: Program, session: Session, atLeast = 0): boolean {
    const { groups, prng } = this.#context
    const length = Math.max(atLeast, this.#chooseLength())
    const place = randomPlace(prng)
    writeMessage(this.#scratch, session.pid, session.places.length, place, length)
    const code = program.connection!.mcast(this.#scratch, 0, length)
    if (code !== CsError.OK) return this.#mayTryAgain(program, 'mcast', code)
    groups.accepted(session, place, length)
    this.accepted++
    return true
  }

  #chooseLength(): number {
    const { plan, prng } = this.#context
    if (plan.length !== undefined) return plan.length
    if (this.#bigMessages > 0 && prng.chance(BIG_MESSAGE_CHANCE)) {
      this.#bigMessages--
      return prng.chance(0.3) ? CPG_MAX_ATOMIC_LENGTH : SHORTEST_BIG + prng.int(CPG_MAX_ATOMIC_LENGTH - SHORTEST_BIG)
    }
    const kind = prng.float()
    if (kind < 0.05) return 0
    if (kind < 0.15) return prng.int(16)
    if (kind < 0.65) return prng.int(300)
    if (kind < 0.85) return prng.int(1500)
    if (kind < 0.97) return prng.int(8000)
    return prng.int(SHORTEST_BIG)
  }

  /** The first message of a group's replicated log, from any member. */
  #beginReplica(now: number, group: string): void {
    const { groups, queue } = this.#context
    for (const program of this.#programs) {
      const session = program.session
      if (program.group !== group || session === undefined || !program.alive || program.host.state !== 'running')
        continue
      if (!session.joined || session.ending !== 'no') continue
      const counter = session.places.length
      program.host.now = now
      const sent = this.#send(program, session, MESSAGE_HEADER_LENGTH)
      program.host.touched()
      if (sent) groups.beginReplica(session, counter)
      else queue.pushAction(now + RETRY_MS, at => this.#beginReplica(at, group))
      return
    }
  }

  #mayTryAgain(program: Program, what: string, code: CsErrorCode): boolean {
    if (code !== CsError.TRY_AGAIN) this.#context.fail('API', program.host, `${what} was refused with code ${code}`)
    return false
  }
}
