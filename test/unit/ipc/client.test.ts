// The program's side of IPC: against a process that serves echoes (test/support/ipc-echo.ts), against our server in this very
// thread, and against sockets that say what a test wants.

import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { IpcClient, type IpcClientOptions } from '../../../src/ipc/client.js'
import { IpcError } from '../../../src/ipc/errors.js'
import { IpcServer } from '../../../src/ipc/server.js'
import type { IpcConnection, IpcTransport } from '../../../src/ipc/types.js'
import { Errno } from '../../../src/sys/errno.js'
import { ConnectionResponse, ConnectionType, encodeConnectionResponse } from '../../../src/wire/ipc-transport.js'
import { EchoProcess } from '../../support/ipc-echo-process.js'
import { ServerLoop } from '../../support/ipc-loop.js'
import { isStopped } from '../../support/stopped.js'

const MAX_MESSAGE = 1 << 20
/** How long anything here may take. */
const WAIT_MS = 10_000
let sequence = 0

function uniqueService(): string {
  return `client-${process.pid}-${++sequence}`
}

/** What the echo server does with a request. */
const Ask = { ECHO: 0, SILENT: 1, EVENTS: 2, COUNT: 3, END: 4 } as const

function message(id: number, ...words: number[]): Uint8Array {
  const bytes = new Uint8Array(16 + words.length * 4)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, id, true)
  view.setInt32(8, bytes.length, true)
  for (const [i, word] of words.entries()) view.setUint32(16 + i * 4, word, true)
  return bytes
}

/** A request to echo so many bytes, in two parts. */
function echo(length: number, seed: number): { readonly head: Uint8Array; readonly body: Uint8Array } {
  const head = message(Ask.ECHO)
  new DataView(head.buffer).setInt32(8, 16 + length, true)
  return { head, body: Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff) }
}

/** Asks for an echo and checks it. */
async function echoes(client: IpcClient, length: number, seed: number): Promise<void> {
  const { head, body } = echo(length, seed)
  const answer = await client.request(head, body)
  assert.equal(answer.length, 24 + length)
  assert.ok(Buffer.from(answer.buffer, answer.byteOffset + 24, length).equals(body), `${length} bytes`)
}

function word(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true)
}

async function fails(promise: Promise<unknown>, errno: number): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof IpcError, String(error))
    assert.equal(error.errno, errno, error.message)
    return true
  })
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!condition()) {
    assert.ok(performance.now() < deadline, `not within ${WAIT_MS} ms: ${what}`)
    await pause(2)
  }
}

/** Listens and keeps what it hears. */
class Listener {
  readonly events: number[] = []
  readonly lostBy: IpcError[] = []
  onEvent: (number: number) => void = () => {}

  event(buf: Uint8Array, off: number, len: number): void {
    assert.equal(word(buf.subarray(off, off + len), 8), len)
    const number = word(buf.subarray(off, off + len), 24)
    this.events.push(number)
    this.onEvent(number)
  }

  lost(error: IpcError): void {
    this.lostBy.push(error)
  }
}

const clients: IpcClient[] = []
const echoing: EchoProcess[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const server of echoing.splice(0)) {
    server.process.kill('SIGKILL')
    await server.ended
  }
})

async function connected(service: string, listener: Listener, options: IpcClientOptions = {}): Promise<IpcClient> {
  const client = await IpcClient.connect(service, options, listener)
  clients.push(client)
  return client
}

async function echoServer(options: Partial<Parameters<typeof EchoProcess.start>[0]> = {}): Promise<EchoProcess> {
  const server = await EchoProcess.start({ service: uniqueService(), quiet: true, ...options })
  echoing.push(server)
  return server
}

for (const transport of ['shm', 'socket'] as const satisfies readonly IpcTransport[]) {
  describe(`a program's connection over ${transport}`, () => {
    async function pair(): Promise<{ server: EchoProcess; client: IpcClient; listener: Listener }> {
      const service = uniqueService()
      const server = await echoServer({ service, transport })
      const listener = new Listener()
      return { server, client: await connected(service, listener), listener }
    }

    it('carries requests and answers of every size, around the end of the ring as well', async () => {
      const { client } = await pair()
      // As an ordinary user datagrams are shorter than what was agreed.
      const longest = client.maxMessage - 24
      for (const length of [0, 1, 2, 3, 4, 5, 63, 64, 65, 4096, 65_536, 300_001]) await echoes(client, length, length)
      for (let n = 0; n < 8; n++) await echoes(client, Math.min(200_000 + n, longest), n)
      await echoes(client, longest, 7)
      for (let length = 0; length < 200; length++) await echoes(client, length, length)
    })

    it('answers calls that are made together in their order', async () => {
      const { client } = await pair()
      const lengths = Array.from({ length: 300 }, (_, i) => (i * 37) % 1000)
      await Promise.all(lengths.map((length, i) => echoes(client, length, i)))
    })

    it('refuses what is too long', async () => {
      const { client } = await pair()
      const { head, body } = echo(client.maxMessage - 15, 0)
      await fails(client.request(head, body), Errno.EMSGSIZE)
      await echoes(client, 10, 1)
    })

    it('tells events in order, more than fit at once', async () => {
      const { client, listener } = await pair()
      await client.request(message(Ask.EVENTS, 5000, 1000))
      await until('all events', () => listener.events.length >= 5000)
      assert.deepEqual(
        listener.events,
        Array.from({ length: 5000 }, (_, i) => i),
      )
    })

    it('tells events that came before an answer before it', async () => {
      const { client, listener } = await pair()
      for (let n = 1; n <= 50; n++) {
        await client.request(message(Ask.EVENTS, 3, 10))
        assert.equal(listener.events.length, 3 * n)
      }
    })

    it('lets a listener ask in the middle of an event', async () => {
      const { client, listener } = await pair()
      const asked: Promise<void>[] = []
      listener.onEvent = number => asked.push(echoes(client, number % 100, number))
      await client.request(message(Ask.EVENTS, 1000, 200))
      await until('all events', () => listener.events.length >= 1000)
      await Promise.all(asked)
      assert.deepEqual(
        listener.events,
        Array.from({ length: 1000 }, (_, i) => i),
      )
    })

    it('posts what has no answer, and lets the rest of the program run meanwhile', async () => {
      const { client } = await pair()
      let turns = 0
      const timer = setInterval(() => turns++, 1)
      for (let n = 0; n < 20_000; n++) await client.post(message(Ask.SILENT), new Uint8Array(0), 2)
      clearInterval(timer)
      const answer = await client.request(message(Ask.COUNT))
      assert.equal(word(answer, 24), 20_000)
      assert.ok(turns > 3, `${turns} turns`)
    })

    it('waits while flow control is on, as far as it concerns the request', async () => {
      const { server, client } = await pair()
      await client.request(message(Ask.COUNT))
      server.say('rate off2')
      // The level is seen when it is there: until then posts go out.
      let posted = 0
      let held = false
      const flood = (async () => {
        while (!held) {
          const post = client.post(message(Ask.SILENT), new Uint8Array(0), 2)
          const late = pause(100).then(() => 'late')
          held = (await Promise.race([post.then(() => 'sent'), late])) === 'late'
          await post
          posted++
        }
      })()
      await until('a post that waits', () => held)
      server.say('rate fast')
      await flood
      assert.equal(word(await client.request(message(Ask.COUNT)), 24), posted)
    })

    it('waits while there is no room, and keeps the order', async () => {
      const { server, client, listener } = await pair()
      await client.request(message(Ask.COUNT))
      server.say('busy')
      await server.report()
      const body = new Uint8Array(100_000)
      const head = message(Ask.SILENT)
      new DataView(head.buffer).setInt32(8, head.length + body.length, true)
      let sent = 0
      const posts = Array.from({ length: 50 }, () => client.post(head, body, 2).then(() => sent++))
      await pause(100)
      assert.ok(sent < 50, `${sent} of 50 were taken`)
      server.say('resume')
      await Promise.all(posts)
      assert.equal(word(await client.request(message(Ask.COUNT)), 24), 50)
      assert.deepEqual(listener.lostBy, [])
    })

    it('says that the server has ended the connection, once, to everybody who waits', async () => {
      const { client, listener } = await pair()
      const end = client.request(message(Ask.END))
      const behind = client.request(message(Ask.COUNT))
      await fails(end, Errno.ENOTCONN)
      await fails(behind, Errno.ENOTCONN)
      await fails(client.request(message(Ask.COUNT)), Errno.ENOTCONN)
      assert.equal(listener.lostBy.length, 1)
      assert.equal(listener.lostBy[0]?.errno, Errno.ENOTCONN)
    })

    it('says at once that the server has died, and removes its files', async () => {
      const service = uniqueService()
      const directory = mkdtempSync(join(tmpdir(), 'ipc-client-'))
      try {
        const server = await echoServer({ service, transport, directory })
        const listener = new Listener()
        const client = await connected(service, listener)
        assert.equal(readdirSync(directory).length, 1)
        server.process.kill('SIGSTOP')
        await until('the server to stop', () => isStopped(server.process.pid!))
        const waiting = client.request(message(Ask.COUNT))
        await pause(20)
        const killed = performance.now()
        server.process.kill('SIGKILL')
        await fails(waiting, Errno.ENOTCONN)
        const took = performance.now() - killed
        assert.ok(took < 1000, `${took} ms`)
        await until('the files to go', () => readdirSync(directory).length === 0)
        assert.equal(listener.lostBy.length, 1)
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    })

    it('rejects what waits when the program closes it, and is not lost then', async () => {
      const { server, client, listener } = await pair()
      server.process.kill('SIGSTOP')
      await until('the server to stop', () => isStopped(server.process.pid!))
      const waiting = client.request(message(Ask.COUNT))
      client.close()
      await fails(waiting, Errno.EBADF)
      await fails(client.request(message(Ask.COUNT)), Errno.EBADF)
      server.process.kill('SIGCONT')
      const again = await connected(client.service, new Listener())
      await echoes(again, 100, 1)
      assert.deepEqual(listener.lostBy, [])
    })

    it('serves many connections of one program, one after the other and at once', async () => {
      const { client } = await pair()
      const open: IpcClient[] = [client]
      for (let n = 0; n < 30; n++) {
        const other = await connected(client.service, new Listener())
        await echoes(other, n * 100, n)
        if (n % 3 === 0) open.push(other)
        else other.close()
      }
      await Promise.all(open.map((each, i) => echoes(each, 50, i)))
    })
  })
}

describe('finding a server', () => {
  it('takes a prefix, and a directory of the file system', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ipc-client-'))
    try {
      const { service } = { service: uniqueService() }
      await echoServer({ service, prefix: 'one-' })
      await echoServer({ service, socketDirectory: directory })
      await echoes(await connected(service, new Listener(), { prefix: 'one-' }), 10, 1)
      await echoes(await connected(service, new Listener(), { directory }), 10, 2)
      await fails(connected(service, new Listener()), Errno.ECONNREFUSED)
      await fails(connected('nothing', new Listener(), { directory }), Errno.ENOENT)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  for (const [errno, name] of [
    [Errno.EAGAIN, 'is not ready'],
    [Errno.EACCES, 'does not want this user'],
    [Errno.ENOSYS, 'has no such service'],
  ] as const) {
    it(`is told when it ${name}`, async () => {
      const service = uniqueService()
      await echoServer({ service, admit: -errno })
      await fails(connected(service, new Listener()), errno)
    })
  }
})

describe('a server that does not keep to the protocol', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipc-client-'))
  let server: Server
  let answer: (socket: Socket) => void = () => {}
  const sockets: Socket[] = []

  before(async () => {
    server = createServer(socket => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.once('data', () => answer(socket))
    })
    await new Promise<void>(resolve => server.listen(join(directory, 'odd'), resolve))
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
    rmSync(directory, { recursive: true, force: true })
  })

  function response(change: (response: { type: number; maxMessage: number; request: string }) => void): Uint8Array {
    const fields = {
      type: ConnectionType.SHM as number,
      maxMessage: MAX_MESSAGE,
      handle: 1,
      request: '/nowhere/request',
      response: '/nowhere/response',
      event: '/nowhere/event',
    }
    change(fields)
    const bytes = new Uint8Array(ConnectionResponse.bytes)
    encodeConnectionResponse(bytes, fields)
    return bytes
  }

  const refused = (errno: number) =>
    fails(IpcClient.connect('odd', { directory, handshakeTimeoutMs: 100 }, new Listener()), errno)

  it('and never answers', async () => {
    answer = () => {}
    await refused(Errno.ETIMEDOUT)
  })

  it('and closes without an answer, or in the middle of it', async () => {
    answer = socket => socket.destroy()
    await refused(Errno.ENOTCONN)
    answer = socket => socket.end(response(() => {}).subarray(0, 5000))
    await refused(Errno.ENOTCONN)
  })

  it('and answers nonsense, or too much', async () => {
    answer = socket => socket.write(new Uint8Array(ConnectionResponse.bytes))
    await refused(Errno.EBADMSG)
    answer = socket => socket.write(new Uint8Array(ConnectionResponse.bytes + 1))
    await refused(Errno.EBADMSG)
  })

  it('and offers what does not exist', async () => {
    answer = socket =>
      socket.write(
        response(fields => {
          fields.type = 2
        }),
      )
    await refused(Errno.EOPNOTSUPP)
    answer = socket =>
      socket.write(
        response(fields => {
          fields.maxMessage = 1 << 30
        }),
      )
    await refused(Errno.EBADMSG)
    answer = socket => socket.write(response(() => {}))
    await refused(Errno.ENOENT)
    answer = socket =>
      socket.write(
        response(fields => {
          fields.request = 'relative'
        }),
      )
    await refused(Errno.EBADMSG)
    answer = socket =>
      socket.write(
        response(fields => {
          fields.type = ConnectionType.SOCKET
        }),
      )
    await refused(Errno.ENOENT)
  })

  it('and says the right thing in two halves is understood', async () => {
    answer = socket => {
      const whole = response(() => {})
      socket.write(whole.subarray(0, 4000))
      setTimeout(() => socket.write(whole.subarray(4000)), 10)
    }
    // As far as the files that are not there.
    await refused(Errno.ENOENT)
  })
})

describe('a ring that is broken', () => {
  it('ends the connection', async () => {
    const loop = new ServerLoop()
    const service = uniqueService()
    const directory = mkdtempSync(join(tmpdir(), 'ipc-client-'))
    let connection: IpcConnection | undefined
    const server = new IpcServer({
      loop,
      owner: {
        admit: () => 0,
        connected: each => {
          connection = each
        },
        request: () => {
          connection?.respond(message(0, 0, 0), 0, 24)
          return true
        },
        disconnected: () => {},
      },
      transport: 'shm',
      prefix: '',
      directory,
      socketDirectory: undefined,
      log: () => {},
    })
    let serving = true
    const turn = () => {
      loop.turn(server, 0)
      if (serving) setImmediate(turn)
    }
    server.open(service, 1)
    turn()
    try {
      const listener = new Listener()
      const client = await connected(service, listener)
      await client.request(message(0))
      serving = false
      const asked = client.request(message(0))
      loop.turn(server, 0)
      // The answer is there; its mark is not, by the time that the program looks.
      const [name] = readdirSync(directory)
      const data = openSync(join(directory, name!, `qb-response-${service}-data`), 'r+')
      writeSync(data, new Uint8Array(4096))
      closeSync(data)
      await fails(asked, Errno.EBADMSG)
      await fails(client.request(message(0)), Errno.EBADMSG)
      assert.equal(listener.lostBy.length, 1)
    } finally {
      serving = false
      server.closeAll()
      loop.close()
      assert.ok(existsSync(directory))
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
