// Reads recordings line by line. In: the lines of one file. Out: the lives recorded there, each with its header and its
// events. A file may hold several lives, one behind the other, and each may be cut off where its process was killed: half
// a line at the end of a life is said, not an error. Any other line that is not as it should be is one.

import {
  type EngineEvent,
  FormatError,
  type Header,
  type MemberEvent,
  NotJsonError,
  parseEngineEvent,
  parseHeader,
  parseMemberEvent,
} from './format.js'

interface CommonLife {
  /** Where it begins, "FILE:LINE". */
  readonly place: string
  /** It ends in the middle of a line. */
  halfLine: boolean
}
export interface EngineLife extends CommonLife {
  readonly header: Header & { readonly recorder: 'engine' }
  readonly events: EngineEvent[]
}
export interface MemberLife extends CommonLife {
  readonly header: Header & { readonly recorder: 'member' }
  readonly events: MemberEvent[]
}
export type Life = EngineLife | MemberLife

/** No event of the life says that it ended: its process was killed, or still runs. */
export function isCutOff(life: Life): boolean {
  return life.events.at(-1)?.event !== 'end'
}

export class TraceReader {
  readonly #file: string
  readonly #lives: Life[] = []
  #line = 0
  /** What is wrong with the line before, unless it was the last one of its life. */
  #half: FormatError | undefined

  /** `file` names the lines in what is said of them. */
  constructor(file: string) {
    this.#file = file
  }

  /** A whole line, without its end. Throws FormatError, with file and line. */
  take(text: string): void {
    this.#line++
    if (this.#half !== undefined) {
      // A life that follows another one begins on a line of its own.
      const life = this.#lives.at(-1)
      if (life === undefined || !isHeader(text)) throw this.#half
      life.halfLine = true
      this.#half = undefined
    }
    try {
      this.#parse(text)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const placed = new FormatError(`${this.#file}:${this.#line}: ${error.message}`)
      if (!(error instanceof NotJsonError)) throw placed
      this.#half = placed
    }
  }

  /** `rest`: what stands behind the end of the last line. Throws FormatError, with file and line. */
  finish(rest: string): readonly Life[] {
    if (this.#half !== undefined) throw this.#half
    if (rest !== '') this.take(rest)
    const life = this.#lives.at(-1)
    if (life === undefined) throw this.#half ?? new FormatError(`${this.#file}: empty`)
    if (this.#half !== undefined) life.halfLine = true
    return this.#lives
  }

  #parse(text: string): void {
    const life = this.#lives.at(-1)
    if (life === undefined || text.startsWith('{"format"')) {
      const header = parseHeader(text)
      if (header === undefined) throw new FormatError('a recording begins with a header')
      const place = `${this.#file}:${this.#line}`
      this.#lives.push({ place, halfLine: false, header, events: [] } as Life)
      return
    }
    if (life.events.at(-1)?.event === 'end') throw new FormatError('an event after the end')
    if (life.header.recorder === 'engine') (life as EngineLife).events.push(parseEngineEvent(text))
    else (life as MemberLife).events.push(parseMemberEvent(text))
  }
}

function isHeader(text: string): boolean {
  try {
    return parseHeader(text) !== undefined
  } catch {
    return false
  }
}
