// The IPC server in this process, with time as the test says it is. Programs are raw ones (ipc-raw-client.ts).

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { IpcClient } from '../../../src/ipc/client.js'
import { HANDSHAKE_TIMEOUT_MS } from '../../../src/ipc/handshake.js'
import { IpcServer, type IpcServerOptions } from '../../../src/ipc/server.js'
import type { IpcConnection, IpcOwner, IpcRate } from '../../../src/ipc/types.js'
import { RingHeader } from '../../../src/wire/ipc-transport.js'
import { ServerLoop } from '../../support/ipc-loop.js'
import { abstractName, RawClient, RawStream } from '../../support/ipc-raw-client.js'

const SERVICE_ID = 2
const MAX_MESSAGE = 20_000
let sequence = 0

/** Keeps what it is told; answers nothing by itself. */
class Owner implements IpcOwner {
  readonly told: string[] = []
  readonly connections: IpcConnection[] = []
  answer = 0
  onRequest: (connection: IpcConnection) => boolean = () => true

  admit(service: string, { pid, uid, gid }: { pid: number; uid: number; gid: number }): number {
    assert.equal(service.startsWith('ipc-server-'), true)
    this.told.push(`admit ${pid} ${uid} ${gid}`)
    return this.answer
  }

  connected(connection: IpcConnection): void {
    this.connections.push(connection)
    this.told.push(`connected ${connection.serial} ${connection.serviceId} ${connection.pid}`)
  }

  request(connection: IpcConnection, buf: Uint8Array, off: number, len: number): boolean {
    const taken = this.onRequest(connection)
    this.told.push(`${taken ? 'request' : 'later'} ${connection.serial} ${buf[off]} ${len}`)
    return taken
  }

  disconnected(connection: IpcConnection): void {
    this.told.push(`disconnected ${connection.serial}`)
  }

  count(what: string): number {
    return this.told.filter(line => line.startsWith(what)).length
  }
}

function event(bytes: number): Uint8Array {
  const message = Buffer.alloc(bytes)
  message.writeInt32LE(bytes, 8)
  return message
}

describe('the IPC server', () => {
  let loop: ServerLoop
  let owner: Owner
  let server: IpcServer
  let directory: string
  let service: string
  let now = 0
  const log: string[] = []
  const clients: { close(): void }[] = []

  function create(options: Partial<IpcServerOptions> = {}): IpcServer {
    return new IpcServer({
      loop,
      owner,
      transport: 'shm',
      directory,
      log: (level, message) => log.push(`${level} ${message}`),
      ...options,
    })
  }

  function turn(): void {
    loop.turnAt(server, now)
  }

  /** Lets the server work while something that needs it is under way. */
  async function drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = () => {
      settled = true
    }
    promise.then(mark, mark)
    while (!settled) {
      turn()
      await new Promise(resolve => setImmediate(resolve))
    }
    return await promise
  }

  async function connect(): Promise<RawClient> {
    const client = await drive(RawClient.connect(abstractName(service), MAX_MESSAGE))
    clients.push(client)
    return client
  }

  async function stream(): Promise<RawStream> {
    const raw = await RawStream.connect(abstractName(service))
    clients.push(raw)
    return raw
  }

  /** Turns until the server has seen what was done to its sockets. */
  async function until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 5000
    while (!condition()) {
      assert.ok(performance.now() < deadline, owner.told.slice(-10).join('\n'))
      turn()
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  beforeEach(() => {
    now = 1000
    log.length = 0
    loop = new ServerLoop()
    owner = new Owner()
    directory = mkdtempSync(join(tmpdir(), 'corosync-ts-ipc-'))
    server = create()
    service = `ipc-server-${process.pid}-${++sequence}`
    server.open(service, SERVICE_ID)
  })

  afterEach(() => {
    for (const client of clients.splice(0)) client.close()
    server.closeAll()
    assert.equal(loop.size, 0)
    loop.close()
    assert.deepEqual(readdirSync(directory), [])
    rmSync(directory, { recursive: true })
  })

  describe('when a program arrives', () => {
    it('asks who may come in, answers in one piece, and tells of the connection', async () => {
      const client = await connect()
      const ids = `${process.pid} ${process.getuid?.()} ${process.getgid?.()}`
      assert.deepEqual(owner.told, [`admit ${ids}`, `connected 1 ${SERVICE_ID} ${process.pid}`])
      assert.deepEqual(client.stream.pieces, [12328])
      assert.equal(client.handshake.type, 1)
      assert.equal(client.handshake.maxMessage, MAX_MESSAGE)
      assert.equal(owner.connections[0]?.statistics.processName, 'node')
      assert.equal(server.activeCount, 1)
    })

    it('tells it the reason for which it may not, in one piece, and nothing else', async () => {
      owner.answer = -13
      const raw = await stream()
      const { error, type, request } = await drive(raw.handshake(1 << 20))
      assert.deepEqual([error, type, request], [-13, 0, ''])
      await until(() => raw.closed)
      assert.deepEqual(raw.pieces, [12328])
      assert.equal(owner.count('connected'), 0)
    })

    it('waits for its first words for a while', async () => {
      const raw = await stream()
      turn()
      assert.equal(server.nextDeadline(), now + HANDSHAKE_TIMEOUT_MS)
      now += HANDSHAKE_TIMEOUT_MS - 1
      turn()
      assert.equal(loop.size, 2)
      now += 1
      turn()
      assert.equal(loop.size, 1)
      assert.equal(server.nextDeadline(), Number.POSITIVE_INFINITY)
      await raw.until(() => raw.closed, 'end')
    })
  })

  describe('at each rate', () => {
    const QUOTAS: readonly (readonly [IpcRate, number])[] = [
      ['fast', 50],
      ['normal', 5],
      ['slow', 1],
      ['off', 0],
      ['off2', 0],
    ]
    for (const [rate, quota] of QUOTAS) {
      it(`takes ${quota} requests of a connection per turn (${rate})`, async () => {
        const client = await connect()
        server.setRate(service, rate)
        for (let i = 0; i < 120; i++) client.put(1)
        client.ring()
        // The byte may take a moment.
        if (quota > 0) await until(() => owner.count('request') > 0)
        else await drive(new Promise(resolve => setTimeout(resolve, 20)))
        const taken = owner.count('request')
        assert.ok(quota === 0 ? taken === 0 : taken <= 120)
        const before = owner.count('request')
        if (before + quota <= 120) {
          turn()
          assert.equal(owner.count('request') - before, quota)
        }
        assert.equal(
          server.nextDeadline(),
          quota === 0 || owner.count('request') >= 120 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
        )
        server.setRate(service, 'fast')
        await until(() => owner.count('request') === 120)
      })
    }

    it('shows the level, counts its changes, and shows it to those that come later', async () => {
      const client = await connect()
      const seen: unknown[] = []
      for (const [rate] of QUOTAS) {
        server.setRate(service, rate)
        const { flowControl, flowControlCount } = owner.connections[0]!.statistics
        seen.push([client.request.headerWord(RingHeader.level), flowControl, flowControlCount])
      }
      assert.deepEqual(seen, [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
        [2, 2, 2],
      ])
      const later = await connect()
      assert.equal(later.request.headerWord(RingHeader.level), 2)
      assert.equal(owner.connections[1]?.statistics.flowControl, 2)
    })

    it('stops in the middle when a request leads to a lower one', async () => {
      const client = await connect()
      server.setRate(service, 'fast')
      owner.onRequest = () => {
        server.setRate(service, 'off2')
        return true
      }
      for (let i = 0; i < 10; i++) client.put(1)
      client.ring()
      await until(() => owner.count('request') === 1)
      turn()
      assert.equal(owner.count('request'), 1)
    })
  })

  it('offers a request that was not taken again, before those behind it, and not before it is told', async () => {
    const client = await connect()
    owner.onRequest = () => false
    for (const id of [7, 8]) client.put(id)
    client.ring()
    await until(() => owner.count('later') === 1)
    turn()
    assert.equal(server.nextDeadline(), Number.POSITIVE_INFINITY)
    server.resume()
    assert.equal(server.nextDeadline(), Number.NEGATIVE_INFINITY)
    turn()
    owner.onRequest = () => true
    server.resume()
    turn()
    assert.deepEqual(owner.told.slice(2), ['later 1 7 16', 'later 1 7 16', 'request 1 7 16', 'request 1 8 16'])
    const { requests, receiveRetries } = owner.connections[0]!.statistics
    assert.deepEqual([requests, receiveRetries], [2, 2])
  })

  describe('with requests on a socket of their own', () => {
    let client: IpcClient
    const head = event(16)

    beforeEach(async () => {
      server.closeAll()
      server = create({ transport: 'socket' })
      server.open(service, SERVICE_ID)
      client = await drive(IpcClient.connect(service, {}, { event() {}, lost() {} }))
      clients.push(client)
    })

    /** Whether the loop sleeps: a turn may last that long and does. */
    function sleeps(): boolean {
      // Whoever is told of a request for the first time looks at it.
      loop.turn(server, 0)
      const began = performance.now()
      loop.turn(server, 40)
      return performance.now() - began > 30
    }

    it('sleeps while the rate forbids to take them', async () => {
      server.setRate(service, 'off2')
      await drive(client.post(head, new Uint8Array(0), 0))
      assert.ok(sleeps())
      assert.equal(owner.count('request'), 0)
      server.setRate(service, 'fast')
      await until(() => owner.count('request') === 1)
      await drive(client.post(head, new Uint8Array(0), 0))
      await until(() => owner.count('request') === 2)
    })

    it('sleeps while the owner cannot take them', async () => {
      owner.onRequest = () => false
      await drive(client.post(head, new Uint8Array(0), 0))
      await until(() => owner.count('later') === 1)
      await drive(client.post(head, new Uint8Array(0), 0))
      server.setRate(service, 'off2')
      server.setRate(service, 'fast')
      assert.ok(sleeps())
      owner.onRequest = () => true
      server.resume()
      await until(() => owner.count('request') === 2)
      await drive(client.post(head, new Uint8Array(0), 0))
      await until(() => owner.count('request') === 3)
    })
  })

  describe('sending events', () => {
    it('sends one byte for each, together for a turn', async () => {
      const client = await connect()
      const connection = owner.connections[0]!
      for (let i = 0; i < 30; i++) connection.notify(event(40), 0, 24, event(40), 24, 16)
      assert.equal(server.nextDeadline(), Number.NEGATIVE_INFINITY)
      turn()
      await until(() => client.stream.received === 12328 + 30)
      assert.deepEqual(client.stream.pieces, [12328, 30])
      assert.equal(client.event.headerWord(RingHeader.semaphore), 30)
    })

    it('keeps what finds no room, in order, and looks for room at growing intervals', async () => {
      const client = await connect()
      const connection = owner.connections[0]!
      const total = 40
      for (let i = 0; i < total; i++) {
        const message = event(1000)
        message[24] = i
        connection.notify(message, 0, 24, message, 24, 976)
      }
      const fit = client.event.headerWord(RingHeader.semaphore)
      const { statistics } = connection
      assert.deepEqual([statistics.queueing, statistics.queued, statistics.sent], [1, total - fit, fit])
      const waits: number[] = []
      turn()
      for (let i = 0; i < 8; i++) {
        waits.push(server.nextDeadline() - now)
        now = server.nextDeadline()
        turn()
      }
      assert.deepEqual(waits, [1, 2, 4, 8, 16, 20, 20, 20])
      const seen: (number | undefined)[] = []
      for (let i = 0; i < fit; i++) seen.push((await client.take(client.event))[24])
      now = server.nextDeadline()
      turn()
      await until(() => client.stream.received >= 12328 + 2 * fit)
      while (seen.length < total) {
        now += 20
        seen.push((await drive(client.take(client.event)))[24])
      }
      assert.deepEqual(seen, [...Array(total).keys()])
      turn()
      assert.equal(client.stream.received, 12328 + total)
      assert.deepEqual([statistics.queueing, statistics.queued, statistics.sent], [0, 0, total])
      assert.equal(server.nextDeadline(), Number.POSITIVE_INFINITY)
    })

    it('ends a connection that agreed to shorter ones, and says so', async () => {
      await connect()
      const long = event(MAX_MESSAGE + 1)
      owner.connections[0]!.notify(long, 0, 24, long, 24, MAX_MESSAGE + 1 - 24)
      turn()
      assert.equal(owner.count('disconnected'), 1)
      assert.match(log.join('\n'), new RegExp(`ended: it cannot be sent ${MAX_MESSAGE + 1} bytes$`))
    })

    it('owes bytes to a program that does not read them, and sends them when it does', async () => {
      const client = await connect()
      const { socket } = client.stream
      socket.pause()
      const total = 500
      for (let i = 0; i < total; i++) {
        owner.connections[0]!.notify(event(24), 0, 24, event(24), 0, 0)
        // One byte at a time fills the stream soonest.
        turn()
      }
      socket.resume()
      await until(() => client.stream.received === 12328 + total)
      turn()
      assert.equal(client.stream.received, 12328 + total)
    })
  })

  describe('at the end of a connection', () => {
    it('tells once, whoever ends it, and hears nothing more', async () => {
      await connect()
      const connection = owner.connections[0]!
      connection.drop('is not liked')
      connection.drop('is still not liked')
      connection.respond(event(24), 0, 24)
      connection.notify(event(24), 0, 24, event(24), 0, 0)
      turn()
      turn()
      assert.equal(owner.count('disconnected'), 1)
      assert.deepEqual(log, [
        `warning Connection of process ${process.pid} (node) to ${service} ended: it is not liked`,
      ])
      assert.deepEqual([server.activeCount, server.closedCount], [0, 1])
    })

    it('may be ended by its request', async () => {
      const client = await connect()
      owner.onRequest = connection => {
        connection.drop('asked for it')
        return true
      }
      for (let i = 0; i < 3; i++) client.put(1)
      client.ring()
      await until(() => owner.count('disconnected') === 1)
      assert.equal(owner.count('request'), 1)
      await client.untilClosed()
    })

    it('takes what the program had sent before it went', async () => {
      const client = await connect()
      server.setRate(service, 'fast')
      for (let i = 0; i < 20; i++) client.put(1)
      client.close()
      await until(() => owner.count('disconnected') === 1)
      assert.equal(owner.count('request'), 20)
      assert.equal(owner.told.at(-1), 'disconnected 1')
      assert.deepEqual(log, [])
    })

    it('ends all of a service that closes', async () => {
      const client = await connect()
      const raw = await stream()
      turn()
      server.close(service)
      assert.deepEqual(owner.told.slice(-1), ['disconnected 1'])
      assert.equal(existsSync(dirname(client.handshake.request)), false)
      await client.untilClosed()
      await raw.until(() => raw.closed, 'end')
      await assert.rejects(RawStream.connect(abstractName(service)), { code: 'ECONNREFUSED' })
    })

    it('does not answer a program that does not read its answers', async () => {
      const client = await connect()
      const connection = owner.connections[0]!
      for (let i = 0; i < 100; i++) connection.respond(event(1000), 0, 1000)
      turn()
      await client.untilClosed()
      assert.match(log.join(), /does not read its answers/)
    })
  })

  it('says so when another daemon has the name', () => {
    const other = create()
    assert.throws(() => other.open(service, SERVICE_ID), { code: 'EADDRINUSE' })
  })

  it('counts anew after its counters were cleared', async () => {
    const client = await connect()
    client.put(1)
    client.ring()
    await until(() => owner.count('request') === 1)
    server.clearStatistics()
    assert.deepEqual(
      [...server.connections()].map(({ statistics }) => statistics.requests),
      [0],
    )
  })

  it('listens in the file system, over what a former daemon left there', async () => {
    const sockets = mkdtempSync(join(tmpdir(), 'corosync-ts-sockets-'))
    const first = create({ socketDirectory: sockets, prefix: 'x-' })
    const name = `${service}-fs`
    first.open(name, SERVICE_ID)
    assert.equal(existsSync(join(sockets, `x-${name}`)), true)
    const second = create({ socketDirectory: sockets, prefix: 'x-' })
    second.open(name, SERVICE_ID)
    const raw = await RawStream.connect(join(sockets, `x-${name}`))
    clients.push(raw)
    loop.turnAt(second, now)
    second.closeAll()
    assert.deepEqual(readdirSync(sockets), [])
    first.closeAll()
    rmSync(sockets, { recursive: true })
  })
})
