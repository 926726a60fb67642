// The state machines that simulated replicas hold: a key-value store with compare-and-set, and a queue. In: commands as
// JSON; out: results and digests of the state. Both keep, as part of the state, the last command of every submitter, so
// that a command applied twice shows wherever the state has gone. Must not know: replicas, groups, time.

import type { StateMachine } from '../../client/replica-core.js'
import { hashBytes } from '../../recorder/payload-hash.js'
import type { Prng } from '../prng.js'
import { hashText } from '../trace.js'

export const MACHINE_NAMES = ['keyValue', 'queue'] as const
export type MachineName = (typeof MACHINE_NAMES)[number]

/** A command's place among all of its submitter. */
interface Numbered {
  readonly by: number
  readonly n: number
}

export type KeyValueCommand =
  | { readonly op: 'put'; readonly key: string; readonly value: string }
  | { readonly op: 'compareAndSet'; readonly key: string; readonly expected: string | null; readonly value: string }
  | { readonly op: 'delete'; readonly key: string }

export type QueueCommand = { readonly op: 'push'; readonly item: string } | { readonly op: 'pop' }

/** What a machine does with its own commands. */
interface Rules<Command> {
  apply(command: Command): string
  /** The whole state, as plain data. */
  save(): unknown
  load(state: unknown): void
  /** Any command that makes sense just now; others may come before it. */
  propose(prng: Prng): Command
}

/** Few enough for commands to meet. */
const KEYS = 12
/** Mostly short; long ones make a state that travels in many pieces. */
const LONG_VALUE = 600

export class KeyValueStore implements Rules<KeyValueCommand> {
  #entries: Map<string, string> = new Map()

  apply(command: KeyValueCommand): string {
    const { key } = command
    switch (command.op) {
      case 'put':
        this.#entries.set(key, command.value)
        return 'put'
      case 'compareAndSet': {
        const found = this.#entries.get(key) ?? null
        if (found !== command.expected) return `found ${found}`
        this.#entries.set(key, command.value)
        return 'set'
      }
      case 'delete':
        return this.#entries.delete(key) ? 'deleted' : 'absent'
    }
  }

  save(): [string, string][] {
    return [...this.#entries]
  }

  load(state: unknown): void {
    this.#entries = new Map(state as [string, string][])
  }

  propose(prng: Prng): KeyValueCommand {
    const key = `key ${prng.int(KEYS)}`
    const value = `${prng.u32()}`.repeat(prng.chance(0.1) ? 1 + prng.int(LONG_VALUE / 10) : 1)
    const kind = prng.float()
    if (kind < 0.4) return { op: 'put', key, value }
    if (kind < 0.9) return { op: 'compareAndSet', key, expected: this.#entries.get(key) ?? null, value }
    return { op: 'delete', key }
  }
}

/** Items beyond this are not taken: the state stays small. */
const QUEUE_LENGTH = 100

export class Queue implements Rules<QueueCommand> {
  #items: string[] = []

  apply(command: QueueCommand): string {
    if (command.op === 'pop') return this.#items.shift() ?? 'empty'
    return this.#items.length < QUEUE_LENGTH ? `${this.#items.push(command.item)}` : 'full'
  }

  save(): string[] {
    return this.#items
  }

  load(state: unknown): void {
    this.#items = state as string[]
  }

  propose(prng: Prng): QueueCommand {
    return prng.chance(0.55) ? { op: 'push', item: `${prng.u32()}` } : { op: 'pop' }
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface Applied {
  /** Names the command. */
  readonly command: string
  /** This or a later command of the same submitter was in the state already. */
  readonly repeated: boolean
  readonly result: string
}

/** A machine with the account of who submitted what last. */
export class AuditedMachine implements StateMachine<Applied> {
  readonly #rules: Rules<object>
  /** Per submitter, the number of its last command. */
  #last: Map<number, number> = new Map()
  #digest: number | undefined

  constructor(name: MachineName) {
    this.#rules = name === 'keyValue' ? new KeyValueStore() : new Queue()
  }

  /** The next command of that submitter. */
  propose(prng: Prng, by: number, n: number): { readonly name: string; readonly bytes: Uint8Array } {
    const command = { by, n, ...this.#rules.propose(prng) }
    return { name: nameOf(command), bytes: encoder.encode(JSON.stringify(command)) }
  }

  apply(bytes: Uint8Array): Applied {
    const command = JSON.parse(decoder.decode(bytes)) as Numbered
    const repeated = command.n <= (this.#last.get(command.by) ?? -1)
    this.#last.set(command.by, command.n)
    this.#digest = undefined
    return { command: nameOf(command), repeated, result: this.#rules.apply(command) }
  }

  snapshot(): Uint8Array {
    return encoder.encode(JSON.stringify([[...this.#last], this.#rules.save()]))
  }

  restore(bytes: Uint8Array): void {
    const [last, state] = JSON.parse(decoder.decode(bytes)) as [[number, number][], unknown]
    this.#last = new Map(last)
    this.#rules.load(state)
    this.#digest = undefined
  }

  /** Of the whole state; equal states have equal digests. */
  digest(): number {
    if (this.#digest === undefined) {
      const bytes = this.snapshot()
      this.#digest = hashBytes(bytes, 0, bytes.length)
    }
    return this.#digest
  }

  /** The digest, with what the last command returned. */
  digestWith({ result }: Applied): number {
    return (Math.imul(this.digest(), 31) ^ hashText(result)) >>> 0
  }
}

function nameOf({ by, n }: Numbered): string {
  return `command ${n} of ${by}`
}
