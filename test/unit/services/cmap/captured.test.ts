// A conversation with the C daemon, recorded, held against the library interface byte for byte (test/data/services/README.md).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { CmapLibrary } from '../../../../src/services/cmap/library.js'
import { LiveMap } from '../../../../src/services/cmap/live-map.js'
import { ProgramLiveMap } from '../../../../src/services/cmap/program-map.js'
import { LibraryClient } from '../../../support/library-client.js'

const FILE = new URL('../../../../../test/data/services/cmap-ipc.txt', import.meta.url)
const EVENT = 9

interface Message {
  readonly sent: boolean
  readonly id: number
  readonly bytes: Uint8Array
}

function conversation(): Message[] {
  const messages: Message[] = []
  let at = 0
  for (const line of readFileSync(FILE, 'utf8').split('\n')) {
    const head = /^(->|<-) id=(\d+) size=(\d+)/.exec(line)
    const row = /^ {4}([0-9a-f]{4}) {2}((?: ?[0-9a-f]{2})+)/.exec(line)
    if (head !== null) {
      messages.push({ sent: head[1] === '->', id: Number(head[2]), bytes: new Uint8Array(Number(head[3])) })
    } else if (row !== null) {
      const values = row[2]!.split(' ').map(word => Number.parseInt(word, 16))
      at = Number.parseInt(row[1]!, 16)
      messages.at(-1)!.bytes.set(values, at)
      at += values.length
    } else if (/^ {4}\.\.\./.test(line)) messages.at(-1)!.bytes.fill(messages.at(-1)!.bytes[at - 1]!, at)
  }
  return messages
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('a recorded conversation with the C daemon', () => {
  it('goes the same way here, but for the handles', () => {
    const map = new ProgramLiveMap(new LiveMap())
    const client = new LibraryClient(new CmapLibrary({ live: map, stats: map }))
    /** The daemon's handles to ours, and back. */
    const ours = new Map<string, Uint8Array>()
    const theirs = new Map<string, string>()
    const messages = conversation()
    const answers = messages.filter(message => !message.sent && message.id !== EVENT)
    const requests = messages.filter(message => message.sent)
    assert.equal(requests.length, answers.length)
    assert.ok(requests.length > 30)
    for (const [i, { id, bytes }] of requests.entries()) {
      if (id === 5 || id === 6 || id === 8) bytes.set(ours.get(hex(bytes.subarray(16, 24)))!, 16)
      client.send(bytes)
      const answer = client.answers[i]!
      const expected = answers[i]!.bytes
      if (id === 4 || id === 7) {
        ours.set(hex(expected.subarray(24, 32)), answer.slice(24, 32))
        theirs.set(hex(answer.subarray(24, 32)), hex(expected.subarray(24, 32)))
        expected.set(answer.subarray(24, 32), 24)
      }
      assert.equal(hex(answer), hex(expected), `answer ${i}`)
    }
    assert.equal(ours.size, theirs.size, 'handles are all different')
    const events = messages.filter(message => !message.sent && message.id === EVENT)
    assert.deepEqual(
      client.events.map(hex),
      events.map(({ bytes }) => hex(bytes)),
    )
  })
})
