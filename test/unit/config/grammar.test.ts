import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LINE_BYTES_MAX, PATH_LENGTH_LIMIT, parseText } from '../../../src/config/grammar.js'
import { loadConfiguration } from '../../../src/config/index.js'
import { namesToResolve } from '../../../src/config/localnode.js'
import { textBytes } from '../../../src/wire/text.js'
import { fakeHost } from '../../support/config-host.js'

function parse(text: string | Uint8Array) {
  return parseText(typeof text === 'string' ? Buffer.from(text) : text)
}

/** `line:column reason` of the error, or 'good'. */
function verdict(text: string | Uint8Array): string {
  const { error } = parse(text)
  return error === undefined ? 'good' : `${error.line}:${error.column} ${error.reason}`
}

/** The items of a text as `key=value`. */
function items(text: string | Uint8Array): string[] {
  return parse(text).events.flatMap(event => (event.kind === 'item' ? [`${event.key}=${event.value}`] : []))
}

describe('a line of the file', () => {
  it('has at most 510 bytes, whatever it is', () => {
    const value = (bytes: number) => `key: ${'x'.repeat(bytes - 5)}`
    assert.equal(verdict(`${value(LINE_BYTES_MAX)}\n`), 'good')
    assert.equal(verdict(`${value(LINE_BYTES_MAX + 1)}\n`), '1:511 Line too long')
    assert.equal(verdict(`\n#${'x'.repeat(LINE_BYTES_MAX - 1)}\n`), 'good')
    assert.equal(verdict(`\n#${'x'.repeat(LINE_BYTES_MAX)}\n`), '2:511 Line too long')
  })

  it('has the same bound at the end of the file without a newline', () => {
    assert.equal(verdict(`#${'x'.repeat(LINE_BYTES_MAX - 1)}`), 'good')
    assert.equal(verdict(`#${'x'.repeat(LINE_BYTES_MAX)}`), '1:511 Line too long')
  })

  it('counts bytes, the carriage return among them, not characters', () => {
    assert.equal(verdict(`#${'ü'.repeat(254)}x\n`), 'good')
    assert.equal(verdict(`#${'ü'.repeat(255)}\n`), '1:511 Line too long')
    assert.equal(verdict(`#${'x'.repeat(LINE_BYTES_MAX - 1)}\r\n`), '1:511 Line too long')
  })

  it('may end as DOS lines do, with one carriage return only', () => {
    assert.deepEqual(items('key: value\r\nother: 1\r'), ['key=value', 'other=1'])
    assert.deepEqual(items('key: value\r\r\n'), ['key=value\r'])
  })

  it('is cut at a NUL byte and then lacks its newline', () => {
    assert.equal(verdict('key: a\0b\nother: 1\n'), '1:7 Line too long')
    assert.deepEqual(items('key: a\0b'), ['key=a'])
  })

  it('is a comment only when it begins with #', () => {
    assert.deepEqual(items('# a: b\n \t# {\nkey: a # b\n'), ['key=a # b'])
  })

  it('loses spaces and tabs at both ends, nothing else', () => {
    assert.deepEqual(items(' \tkey \t: \t a b \t\n'), ['key=a b'])
    assert.deepEqual(items('key: \fvalue\v\n'), ['key=\fvalue\v'])
  })

  it('keeps colons, brackets and emptiness of a value', () => {
    assert.deepEqual(items('key: a:b}#\nversion:: 2\nempty:\n'), ['key=a:b}#', 'version=: 2', 'empty='])
  })

  it('is refused with its place when it is nothing of the three', () => {
    assert.equal(verdict('\n  junk\n'), '2:3 Line is not opening or closing section or key value')
    assert.equal(verdict(': x\n'), "1:1 Key name can't be empty")
  })
})

describe('a section', () => {
  it('opens with its name and a bracket on one line', () => {
    const text = 'totem {\n}\n\tnodelist\t{\t\n}\nlogging: {\n}\na: b {\n}\ntotem{\n}\n'
    const names = parse(text).events.flatMap(event => (event.kind === 'open' ? [event.name] : []))
    assert.deepEqual(names, ['totem', 'nodelist', 'logging', 'a: b', 'totem'])
  })

  it('is refused for what stands around its brackets', () => {
    assert.equal(verdict('{\n'), "1:1 Missing section name before opening bracket '{'")
    assert.equal(verdict('totem { x\n'), "1:8 Extra characters after opening bracket '{'")
    assert.equal(verdict('totem {{\n'), "1:8 Extra characters after opening bracket '{'")
    assert.equal(verdict('totem {\n} # end\n'), "2:1 Extra characters before or after closing bracket '}'")
    assert.equal(verdict('totem {\n}}\n'), "2:1 Extra characters before or after closing bracket '}'")
    assert.equal(verdict('}\n'), '1:1 Unexpected closing brace')
  })

  it('is missed at the end of the file, on the last line read', () => {
    assert.equal(verdict('totem {\n\n\n'), '3:1 Missing closing brace')
    assert.equal(verdict('totem {'), '1:1 Missing closing brace')
    assert.match(parse('a {\nb {\n}\n').error?.help ?? '', /"a", opened in line 1/)
  })

  it('keeps the path below 255 characters', () => {
    const name = (length: number) => 'k'.repeat(length)
    const room = PATH_LENGTH_LIMIT - 'totem'.length - 2
    assert.equal(verdict(`totem {\n${name(room)}: 1\n}\n`), 'good')
    assert.equal(verdict(`totem {\n ${name(room + 1)}: 1\n}\n`), '2:2 New key makes total cmap path too long')
    assert.equal(verdict(`totem {\n${name(room)} {\n}\n}\n`), 'good')
    assert.equal(verdict(`totem {\n${name(room + 1)} {\n`), '2:1 Start of section makes total cmap path too long')
  })

  it('gives its part of the path back when it closes', () => {
    const section = `${'a'.repeat(200)} {\n}\n`
    assert.equal(verdict(`totem {\n${section.repeat(5)}}\n${section}`), 'good')
  })
})

describe('positions', () => {
  it('are those of the key and of the value', () => {
    const [, item] = parse('totem {\n  token:  3000\n}\n').events
    assert.deepEqual(item, { kind: 'item', key: 'token', value: '3000', line: 2, column: 3, valueColumn: 11 })
  })
})

describe('a file that is not UTF-8', () => {
  it('keeps its bytes, and is read as UTF-8 where it is that', () => {
    const line = Buffer.concat([Buffer.from('key: ü'), Buffer.from('a\xfcb\n', 'latin1')])
    const parsed = parse(line)
    assert.equal(parsed.utf8, false)
    const value = parsed.events[0]?.kind === 'item' ? parsed.events[0].value : ''
    assert.equal(value, 'üa\udcfcb')
    assert.deepEqual(textBytes(value), new Uint8Array(line.subarray(5, -1)))
  })
})

/** Bytes that look enough like a file to get past the first line. */
const fileLike = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'totem {',
        'nodelist {',
        'node {',
        'interface {',
        'member {',
        'logging {',
        'logger_subsys {',
        '}',
      ),
      fc.constantFrom('version: 2', 'token: 9', 'ring0_addr: 127.0.0.1', 'nodeid: 1', 'transport: udpu', 'subsys: X'),
      fc.constantFrom('bindnetaddr: ::1', 'ringnumber: 1', 'linknumber: 9', 'ring9_addr: x', 'memberaddr: 127.0.0.1'),
      fc.string({ unit: 'binary', maxLength: 40 }),
    ),
    { maxLength: 25 },
  )
  .map(lines => Buffer.from(lines.join('\n')))

describe('any bytes', () => {
  const noThrow = (bytes: Uint8Array) => {
    const parsed = parseText(bytes)
    const opened = parsed.events.filter(event => event.kind === 'open').length
    const closed = parsed.events.filter(event => event.kind === 'close').length
    assert.ok(parsed.error !== undefined || opened === closed)
    namesToResolve(bytes, fakeHost())
    const result = loadConfiguration({
      path: 'corosync.conf',
      read: () => bytes,
      list: () => [],
      host: fakeHost(),
      environment: {},
    })
    assert.ok(result.ok || result.problems.length > 0)
    assert.ok(result.ok || result.problems.every(problem => problem.message !== '' && problem.help !== ''))
  }

  it('are parsed, resolved and judged without an exception', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), noThrow), { numRuns: 500 })
  })

  it('so are bytes that look like a file', () => {
    fc.assert(fc.property(fileLike, noThrow), { numRuns: 1000 })
  })

  it('so is every prefix of a good file', () => {
    const file = 'totem {\n version: 2\n transport: udpu\n}\nnodelist {\n node {\n ring0_addr: 127.0.0.1\n }\n}\n'
    for (let length = 0; length <= file.length; length++) noThrow(Buffer.from(file.slice(0, length)))
  })
})
