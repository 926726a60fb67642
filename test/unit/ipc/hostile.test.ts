// Programs that do wrong things to the IPC server, in a process of its own: it has to live on, and to serve others.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { HANDSHAKES_MAX } from '../../../src/ipc/handshake.js'
import { MAX_MESSAGE_BYTES } from '../../../src/ipc/server.js'
import { DISCONNECT_ID, RingHeader } from '../../../src/wire/ipc-transport.js'
import { EchoProcess } from '../../support/ipc-echo-process.js'
import { abstractName, type ChunkLies, connectionRequest, RawClient, RawStream } from '../../support/ipc-raw-client.js'

const SERVICE = `ipc-hostile-${process.pid}`
const ADDRESS = abstractName(SERVICE)
const WAITING_BYTES = 8 << 20
const EINVAL = 22
const ECHO = 0
const SILENT = 1
const EVENTS = 2

/** The request for so many events of so many bytes. */
function events(count: number, bytes: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(count, bytes).buffer)
}

const RINGS = ['request', 'response', 'event'] as const
const FILES = ['header', 'data'] as const

/** When a program cuts its files. */
const STEPS: readonly { readonly when: string; run(client: RawClient, cut: () => void): void }[] = [
  {
    when: 'before its second request',
    run: (client, cut) => {
      cut()
      client.ring()
    },
  },
  {
    when: 'between a request and its byte',
    run: (client, cut) => {
      client.put(ECHO, new Uint8Array(5000))
      cut()
      client.ring()
    },
  },
  {
    when: 'with many requests waiting',
    run: (client, cut) => {
      for (let i = 0; i < 60; i++) client.put(SILENT)
      client.put(ECHO)
      cut()
      client.ring()
    },
  },
  {
    when: 'before it asks for events',
    run: (client, cut) => {
      client.put(EVENTS, events(100, 5000))
      cut()
      client.ring()
    },
  },
]

const LIES: readonly (readonly [string, ChunkLies, RegExp])[] = [
  ['a chunk with another mark', { magic: 0xa110ced0 }, /a chunk without its mark/],
  ['a message of no bytes', { length: 0 }, /a message of impossible length/],
  ['a message shorter than its header', { length: 15 }, /a message of impossible length/],
  ['a message longer than was agreed', { length: (1 << 20) + 1 }, /a message of impossible length/],
  ['a message of two gigabytes', { length: 0x7fffffff }, /a message of impossible length/],
  ['a message of four gigabytes', { length: 0xffffffff }, /a message of impossible length/],
  ['a header that says more than there is', { size: 17 }, /a header that contradicts the length/],
  ['a header that says less than a header', { size: 15 }, /a header that contradicts the length/],
  ['a header with a size below zero', { size: -1 }, /a header that contradicts the length/],
]

describe('the IPC server', () => {
  let server: EchoProcess
  let directory: string
  /** Events before this test. */
  let begun = 0
  const clients: { close(): void }[] = []

  async function connect(): Promise<RawClient> {
    const client = await RawClient.connect(ADDRESS)
    clients.push(client)
    return client
  }

  async function stream(): Promise<RawStream> {
    const raw = await RawStream.connect(ADDRESS)
    clients.push(raw)
    return raw
  }

  /** Something is in the log of this test, possibly after it has shown. */
  async function said(pattern: RegExp): Promise<void> {
    await server.until(({ message }) => message !== undefined && pattern.test(message), begun)
  }

  /** Serves somebody else. */
  async function isWell(): Promise<void> {
    const client = await connect()
    const answer = await client.ask(ECHO, Buffer.from('still there?'))
    assert.equal(answer.toString('latin1', 24), 'still there?')
    client.close()
  }

  beforeEach(() => {
    begun = server.events.length
  })

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'corosync-ts-ipc-'))
    server = await EchoProcess.start({ service: SERVICE, directory, maxWaitingEventBytes: WAITING_BYTES })
  })

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await isWell()
    const deadline = performance.now() + 5000
    for (;;) {
      const { active, descriptors } = await server.report()
      // What is left is the listener.
      if (active === 0 && descriptors === 1) break
      assert.ok(performance.now() < deadline, `${active} connections and ${descriptors} descriptors stay`)
    }
    assert.deepEqual(readdirSync(directory), [])
  })

  after(async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  describe('survives a program that cuts', () => {
    let cutOff = 0
    for (const ring of RINGS) {
      for (const file of FILES) {
        for (const size of [0, 4096]) {
          for (const { when, run } of STEPS) {
            it(`its ${ring} ${file} to ${size} bytes ${when}`, async () => {
              const logged = server.logs.length
              const client = await connect()
              await client.ask(ECHO)
              run(client, () => client[ring].truncate(file, size))
              await isWell()
              cutOff += server.logs.slice(logged).filter(line => line.endsWith('ended: it cut off its files')).length
            })
          }
        }
      }
    }

    it('and says so where it touched what was gone', () => {
      // Each ring's header and data, in the steps in which the server reads or writes there. No event is sent in three
      // of four steps, and the first 4096 bytes of data hold what the others use.
      assert.ok(cutOff >= 20, `${cutOff}`)
    })
  })

  describe('ends the connection of a program that writes', () => {
    for (const [what, lies, reason] of LIES) {
      it(what, async () => {
        const client = await connect()
        client.put(ECHO, new Uint8Array(0), lies)
        client.ring()
        await client.untilClosed()
        await said(reason)
      })
    }

    for (const ring of ['response', 'event'] as const) {
      it(`a position outside of its ${ring} ring`, async () => {
        const client = await connect()
        client[ring].setHeaderWord(RingHeader.readPosition, client[ring].wordSize)
        client.put(EVENTS, events(1, 4))
        client.ring()
        await client.untilClosed()
        await said(/a position outside of its ring/)
      })
    }

    it('a number of messages that are not there', async () => {
      const client = await connect()
      client.put(SILENT)
      client.request.setHeaderWord(RingHeader.semaphore, 1000)
      client.ring()
      await client.untilClosed()
      await said(/a chunk without its mark/)
    })
  })

  it('does not look at what it wrote itself', async () => {
    const client = await connect()
    const { request, response } = client
    for (const ring of [request, response]) ring.setHeaderWord(RingHeader.wordSize, 1)
    request.setHeaderWord(RingHeader.readPosition, 0x7fffffff)
    response.setHeaderWord(RingHeader.writePosition, 0x7fffffff)
    assert.equal((await client.ask(ECHO, Buffer.from('abc'))).toString('latin1', 24), 'abc')
  })

  it('ends a connection when asked to by the number for that', async () => {
    const client = await connect()
    const logged = server.logs.length
    client.put(DISCONNECT_ID)
    client.ring()
    await client.untilClosed()
    assert.equal(server.logs.length, logged)
  })

  it('ends the connection of a program that leaves too many events unread, and keeps none of them', async () => {
    const client = await connect()
    client.put(EVENTS, events(12, 1_000_000))
    client.ring()
    await client.untilClosed()
    await said(/has left 8 events unread/)
  })

  describe('refuses', () => {
    for (const wish of [MAX_MESSAGE_BYTES + 1, 0xffffffff]) {
      it(`messages of ${wish} bytes`, async () => {
        const raw = await stream()
        assert.equal((await raw.handshake(wish)).error, -EINVAL)
        await raw.until(() => raw.closed, 'end')
      })
    }

    it('first words that are too short, or say something else', async () => {
      const other = connectionRequest(1 << 20)
      other.writeInt32LE(0, 0)
      for (const words of [connectionRequest(1 << 20).subarray(0, 23), other]) {
        const raw = await stream()
        raw.socket.write(words)
        await raw.until(() => raw.closed, 'end')
        assert.equal(raw.received, 0)
      }
    })
  })

  it('grants the largest messages', async () => {
    const client = await RawClient.connect(ADDRESS, MAX_MESSAGE_BYTES)
    clients.push(client)
    assert.equal(client.handshake.maxMessage, MAX_MESSAGE_BYTES)
    assert.equal((await client.ask(ECHO, Buffer.from('abc'))).toString('latin1', 24), 'abc')
  })

  it('grants no less than its own first answer needs', async () => {
    const client = await RawClient.connect(ADDRESS, 0)
    clients.push(client)
    assert.equal(client.handshake.maxMessage, 12328)
    assert.equal((await client.ask(ECHO, Buffer.from('abc'))).toString('latin1', 24), 'abc')
  })

  it('lets the oldest of those go that say nothing, when there are too many', async () => {
    const silent: RawStream[] = []
    for (let i = 0; i < HANDSHAKES_MAX; i++) silent.push(await stream())
    assert.ok(silent.every(raw => !raw.closed))
    await isWell()
    await silent[0]!.until(() => silent[0]!.closed, 'end of the oldest')
    assert.ok(silent.slice(1).every(raw => !raw.closed))
  })

  it('removes nothing in a directory that a program put in the place of its own', async () => {
    const client = await connect()
    const own = dirname(client.handshake.request)
    const others = join(directory, 'others')
    mkdirSync(others)
    for (const name of readdirSync(own)) writeFileSync(join(others, name), 'precious')
    const moved = join(directory, 'moved')
    renameSync(own, moved)
    symlinkSync(others, own)
    client.close()
    const deadline = performance.now() + 5000
    while ((await server.report()).active > 0) assert.ok(performance.now() < deadline)
    assert.equal(readdirSync(others).length, 6)
    assert.equal(readdirSync(directory).includes(basename(own)), true)
    for (const path of [own, others, moved]) rmSync(path, { recursive: true, force: true })
  })

  it('does not mind files that are gone', async () => {
    const client = await connect()
    rmSync(dirname(client.handshake.request), { recursive: true })
    assert.equal((await client.ask(ECHO, Buffer.from('abc'))).toString('latin1', 24), 'abc')
  })
})
