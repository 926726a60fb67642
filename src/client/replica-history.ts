// What a replica knows of how its state came about: how many commands, and a fingerprint of which, in which order. Equal
// histories mean equal states. Of the recent past it keeps points and commands, so that after a partition it can say
// where two histories parted and which commands the losing side had. Also who submitted what last, so that nothing is
// applied twice. Pure bookkeeping; part of what a snapshot carries.

import type { Member } from './events.js'

/** Points kept: of the last commands, and of the moments when members were lost. */
const RECENT_POINTS = 512
const SPLIT_POINTS = 64
/** Commands kept (up to twice as many), for the report of what was discarded. */
const KEPT_COMMANDS = 1024
const KEPT_COMMAND_BYTES = 1 << 20
/** Submitters remembered, the most recent ones. */
const MAX_SESSIONS = 4096

export interface Point {
  readonly count: number
  readonly hash: readonly [number, number]
}

export interface AppliedCommand extends Member {
  readonly data: Uint8Array
}

function mix(hash: number, value: number, factor: number): number {
  const h = Math.imul(hash ^ value, factor)
  return (h ^ (h >>> 15)) >>> 0
}

function samePoint(a: Point, b: Point): boolean {
  return a.count === b.count && a.hash[0] === b.hash[0] && a.hash[1] === b.hash[1]
}

export class History {
  #count = 0
  #hash0 = 0
  #hash1 = 0
  #recent: Point[] = []
  #splits: Point[] = []
  #commands: AppliedCommand[] = []
  #commandBytes = 0
  /** Last number applied, by submitter; in the order of their last command. */
  #sessions = new Map<string, number>()

  get point(): Point {
    return { count: this.#count, hash: [this.#hash0, this.#hash1] }
  }

  /** A new history. The words make it differ from every other. */
  begin(words: readonly number[]): void {
    this.#count = 0
    this.#hash0 = 1
    this.#hash1 = 2
    for (const word of words) this.#stir(word)
    this.#recent = [this.point]
    this.#splits = []
    this.#commands = []
    this.#commandBytes = 0
    this.#sessions = new Map()
  }

  /** Counts a command. False when it is in the history already. */
  append(from: Member, incarnation: number, seq: number, data: Uint8Array): boolean {
    const session = `${from.nodeId}:${from.pid}:${incarnation}`
    const last = this.#sessions.get(session)
    if (last !== undefined && seq <= last) return false
    this.#sessions.delete(session)
    this.#sessions.set(session, seq)
    if (this.#sessions.size > MAX_SESSIONS) {
      for (const oldest of this.#sessions.keys()) {
        this.#sessions.delete(oldest)
        break
      }
    }
    this.#count++
    this.#stir(from.nodeId)
    this.#stir(from.pid)
    this.#stir(incarnation)
    this.#stir(seq >>> 0)
    this.#recent.push(this.point)
    if (this.#recent.length >= 2 * RECENT_POINTS) this.#recent = this.#recent.slice(-RECENT_POINTS)
    this.#keep({ nodeId: from.nodeId, pid: from.pid, data })
    return true
  }

  /** Members were lost: if they live on elsewhere, the histories part here. */
  markSplit(): void {
    this.#splits.push(this.point)
    if (this.#splits.length > SPLIT_POINTS) this.#splits.shift()
  }

  /** The commands that a history with these points does not have, as far as can be told: at least those that it lacks. */
  missingFrom(points: readonly Point[]): { readonly count: number; readonly commands: readonly AppliedCommand[] } {
    let common = 0
    for (const own of [...this.#recent, ...this.#splits]) {
      if (own.count > common && points.some(point => samePoint(point, own))) common = own.count
    }
    const count = this.#count - common
    return { count, commands: count === 0 ? [] : this.#commands.slice(-count) }
  }

  encode(): Uint8Array {
    const points = [this.point, ...this.#recent.slice(-RECENT_POINTS), ...this.#splits]
    const state = { points, sessions: [...this.#sessions] }
    return new TextEncoder().encode(JSON.stringify(state))
  }

  /** Throws when the bytes are not a history. */
  static decode(bytes: Uint8Array): { readonly points: readonly Point[]; readonly sessions: [string, number][] } {
    const state = JSON.parse(new TextDecoder().decode(bytes)) as { points: Point[]; sessions: [string, number][] }
    if (!Array.isArray(state.points) || state.points.length === 0 || !Array.isArray(state.sessions)) {
      throw new Error('a snapshot without a history')
    }
    return state
  }

  /** Takes over another replica's history. */
  adopt(other: { readonly points: readonly Point[]; readonly sessions: readonly [string, number][] }): void {
    const [latest, ...points] = other.points
    if (latest === undefined) throw new Error('a history without an end')
    this.#count = latest.count
    this.#hash0 = latest.hash[0]
    this.#hash1 = latest.hash[1]
    this.#recent = points
    this.#splits = []
    this.#commands = []
    this.#commandBytes = 0
    this.#sessions = new Map(other.sessions)
  }

  #keep(command: AppliedCommand): void {
    this.#commands.push(command)
    this.#commandBytes += command.data.length
    if (this.#commands.length < 2 * KEPT_COMMANDS && this.#commandBytes < 2 * KEPT_COMMAND_BYTES) return
    let spent = 0
    while (this.#commands.length - spent > KEPT_COMMANDS || this.#commandBytes > KEPT_COMMAND_BYTES) {
      this.#commandBytes -= this.#commands[spent]!.data.length
      spent++
    }
    this.#commands = this.#commands.slice(spent)
  }

  #stir(word: number): void {
    this.#hash0 = mix(this.#hash0, word, 0x9e3779b1)
    this.#hash1 = mix(this.#hash1, word, 0x85ebca77)
  }
}
