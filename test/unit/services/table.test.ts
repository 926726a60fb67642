import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceTable } from '../../../src/services/table.js'
import type { Service } from '../../../src/services/types.js'
import { messageId, writeServiceHeader } from '../../../src/wire/service.js'

function setUp() {
  const happened: string[] = []
  const table = new ServiceTable((level, subsystem, message) => happened.push(`${level} ${subsystem} ${message}`))
  const service = (id: number, priority: number): Service => ({
    id,
    name: `number ${id}`,
    priority,
    sync: null,
    handlers: [
      { name: 'short', minLength: 16, receive: (_b, _o, len, origin) => happened.push(`${id}.0 ${len} of ${origin}`) },
      { name: 'long', minLength: 24, receive: (_b, _o, len, origin) => happened.push(`${id}.1 ${len} of ${origin}`) },
    ],
    exit: () => happened.push(`exit ${id}`),
  })
  for (const [id, priority] of [
    [3, 1],
    [5, 2],
    [0, 1],
  ]) {
    table.register(service(id!, priority!))
  }
  const look = () => happened.splice(0)
  look()
  const give = (id: number, length: number, size = length, little = true) => {
    const bytes = new Uint8Array(length + 2)
    if (length >= 16) writeServiceHeader(bytes, 2, id, size, little)
    table.receive(bytes, 2, length, 9, little)
  }
  return { table, look, give }
}

describe('the table of services', () => {
  it('takes a message to the function that it names, and counts', () => {
    const { table, look, give } = setUp()
    give(messageId(3, 1), 40)
    give(messageId(0, 0), 16)
    give(messageId(3, 1), 24, 24, false)
    assert.deepEqual(look(), ['3.1 40 of 9', '0.0 16 of 9', '3.1 24 of 9'])
    const counters = table.counters
    assert.deepEqual(
      counters.map(({ service, received }) => [service.id, ...received]),
      [
        [0, 1, 0],
        [3, 0, 2],
        [5, 0, 0],
      ],
    )
  })

  it('drops silently what is for services that it does not have', () => {
    const { table, look, give } = setUp()
    give(messageId(4, 0), 16)
    assert.deepEqual(look(), [])
    assert.equal(table.stats.unknownService, 1)
  })

  it('warns once of functions that a service does not have', () => {
    const { table, look, give } = setUp()
    for (let i = 0; i < 3; i++) give(messageId(3, 2), 16)
    assert.deepEqual(look(), ['warning SERV discarded unknown message 2 for service 3 (max id 2)'])
    assert.equal(table.stats.unknownFunction, 3)
  })

  it('drops what is too short, claims more than is there, or names no possible service', () => {
    const { table, look, give } = setUp()
    give(messageId(3, 1), 23)
    assert.equal(table.stats.short, 1)
    for (let length = 0; length < 16; length++) give(0, length)
    give(messageId(0, 0), 16, 17)
    give(messageId(64, 0), 16)
    give(-1, 16)
    assert.equal(table.stats.malformed, 19)
    assert.deepEqual(look(), [])
  })

  it('ends the services by priority, then by id', () => {
    const { table, look } = setUp()
    table.exit()
    assert.deepEqual(
      look().filter(line => line.startsWith('exit')),
      ['exit 5', 'exit 0', 'exit 3'],
    )
  })
})
