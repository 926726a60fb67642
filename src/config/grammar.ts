// The grammar of corosync.conf (spec: config 2): bytes in, a flat list of section starts, items and section ends out,
// each with its position; or everything up to the first line that does not fit, and why. What the names mean is not
// known here.

import { readText } from '../wire/text.js'

/** Bytes of a line without its newline; the reference reads lines into 512 bytes, newline and terminator included. */
export const LINE_BYTES_MAX = 510
/** A path together with the next name and the dot between them stays below this. */
export const PATH_LENGTH_LIMIT = 255

export interface OpenEvent {
  readonly kind: 'open'
  readonly name: string
  readonly line: number
  readonly column: number
}

export interface ItemEvent {
  readonly kind: 'item'
  readonly key: string
  readonly value: string
  readonly line: number
  readonly column: number
  readonly valueColumn: number
}

export interface CloseEvent {
  readonly kind: 'close'
  readonly line: number
  readonly column: number
}

export type ConfigEvent = OpenEvent | ItemEvent | CloseEvent

export interface GrammarError {
  readonly line: number
  readonly column: number
  readonly reason: string
  readonly help: string
}

export interface ParsedText {
  /** In file order; complete when `error` is absent. */
  readonly events: readonly ConfigEvent[]
  readonly error?: GrammarError
  /** False for a file with bytes that are no UTF-8; they stand in the texts as in wire/text.ts. */
  readonly utf8: boolean
}

const NEWLINE = 10
const CARRIAGE_RETURN = 13

/** Never throws, whatever the bytes. */
export function parseText(bytes: Uint8Array): ParsedText {
  const utf8 = isUtf8(bytes)
  const events: ConfigEvent[] = []
  const sections: string[] = []
  // Length of the dotted path of the open sections.
  let pathLength = 0
  let line = 0
  const fail = (column: number, reason: string, help: string): ParsedText => ({
    events,
    error: { line, column, reason, help },
    utf8,
  })

  for (let start = 0; start < bytes.length; ) {
    line++
    const newline = bytes.indexOf(NEWLINE, start)
    const ended = newline >= 0
    const end = ended ? newline : bytes.length
    const nul = bytes.subarray(start, end).indexOf(0)
    if (end - start > LINE_BYTES_MAX) {
      return fail(LINE_BYTES_MAX + 1, 'Line too long', `a line may have at most ${LINE_BYTES_MAX} bytes; shorten it`)
    }
    if (nul > 0 && ended) {
      return fail(nul + 1, 'Line too long', 'the line contains a NUL byte, which ends it; remove it')
    }
    const contentEnd = nul >= 0 ? start + nul : end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end
    const content = trimEnd(readText(bytes, start, contentEnd - start))
    start = ended ? end + 1 : end
    const first = content.search(/[^ \t]/)
    if (first < 0 || content[first] === '#') continue

    const brace = content.indexOf('{')
    const colon = content.indexOf(':')
    if (brace >= 0) {
      if (trim(content.slice(brace + 1)) !== '') {
        return fail(
          brace + 2,
          "Extra characters after opening bracket '{'",
          'put what follows the bracket on a line of its own (a value cannot contain a bracket)',
        )
      }
      const name = trimName(content.slice(0, brace))
      if (name === '') {
        return fail(
          brace + 1,
          "Missing section name before opening bracket '{'",
          'write the name of the section and the bracket on one line, for example "totem {"',
        )
      }
      if (pathLength + name.length + 1 >= PATH_LENGTH_LIMIT) {
        return fail(first + 1, 'Start of section makes total cmap path too long', shorterPath)
      }
      events.push({ kind: 'open', name, line, column: first + 1 })
      sections.push(name)
      pathLength += name.length + (pathLength > 0 ? 1 : 0)
    } else if (colon >= 0) {
      const key = trimName(content.slice(0, colon))
      if (key === '') return fail(colon + 1, "Key name can't be empty", 'write "key: value"')
      if (pathLength + key.length + 1 >= PATH_LENGTH_LIMIT) {
        return fail(first + 1, 'New key makes total cmap path too long', shorterPath)
      }
      const rest = content.slice(colon + 1)
      const value = trim(rest)
      const valueColumn = value === '' ? colon + 2 : colon + 2 + rest.search(/[^ \t]/)
      events.push({ kind: 'item', key, value, line, column: first + 1, valueColumn })
    } else if (content.includes('}')) {
      if (trim(content) !== '}') {
        return fail(
          first + 1,
          "Extra characters before or after closing bracket '}'",
          'a closing bracket stands on a line of its own, without a comment',
        )
      }
      const closed = sections.pop()
      if (closed === undefined) {
        return fail(first + 1, 'Unexpected closing brace', 'no section is open here; remove the bracket')
      }
      pathLength -= closed.length + (sections.length > 0 ? 1 : 0)
      events.push({ kind: 'close', line, column: first + 1 })
    } else {
      return fail(
        first + 1,
        'Line is not opening or closing section or key value',
        'every line is one of: "name {", "key: value", "}", "# comment", or empty (the bracket belongs on the line of the name)',
      )
    }
  }
  if (sections.length > 0) {
    const opened = lastUnclosed(events)
    return fail(
      1,
      'Missing closing brace',
      `section "${sections[sections.length - 1]}", opened in line ${opened}, is never closed; add "}"`,
    )
  }
  return { events, utf8 }
}

const shorterPath = `section names and key, joined by dots, stay below ${PATH_LENGTH_LIMIT} characters`

function lastUnclosed(events: readonly ConfigEvent[]): number {
  const lines: number[] = []
  for (const event of events) {
    if (event.kind === 'open') lines.push(event.line)
    else if (event.kind === 'close') lines.pop()
  }
  return lines[lines.length - 1] ?? 0
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Blanks are spaces and tabs, nothing else. */
function trim(text: string): string {
  return text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')
}

function trimEnd(text: string): string {
  return text.replace(/[ \t]+$/, '')
}

/** A name also loses the colons and brackets at its end: `totem: {` opens `totem`. */
function trimName(text: string): string {
  return text.replace(/^[ \t]+/, '').replace(/[ \t:{]+$/, '')
}
